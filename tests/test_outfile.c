/* The output file: HDF5 lays it out, plain writes fill it. The oracle is HDF5's own reading. */
#include "io/outfile.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the three above */

#define ROWS 100
#define COLS 3

static hid_t type_of(tn_out_type type) {
  const hid_t types[] = {H5T_NATIVE_UINT8, H5T_NATIVE_INT8,  H5T_NATIVE_UINT16, H5T_NATIVE_INT16,
                         H5T_NATIVE_INT32, H5T_NATIVE_INT64, H5T_NATIVE_FLOAT,  H5T_NATIVE_DOUBLE};
  return types[type];
}

/* The library asks the kernel for space; what it asks for is kept here, and a file system that cannot reserve any is
 * played. */
static bool cannot_reserve;
static int64_t reserved_bytes;

int fallocate(int fd, int mode, off_t offset, off_t length) {
  if (cannot_reserve) {
    errno = EOPNOTSUPP;
    return -1;
  }
  reserved_bytes = length;
  return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}

/* One dataset of ROWS x COLS bytes; row i holds i, i + 1, i + 2 plus `base`. */
static tn_status write_bytes(const char *path, int base, bool overwrite) {
  const tn_out_dataset set = {"/train/x", TN_OUT_U8, 2, ROWS, COLS};
  uint8_t rows[ROWS][COLS];
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < COLS; j++)
      rows[i][j] = (uint8_t)(base + i + j);
  tn_outfile *out = NULL;
  TN_TRY(tn_outfile_create(&out, path, &set, 1, overwrite));
  assert_int_equal(tn_outfile_write(out, 0, 0, ROWS, rows), TN_OK);
  return tn_outfile_commit(&out);
}

static int first_byte(const char *path) {
  uint8_t rows[ROWS][COLS];
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t dataset = H5Dopen2(file, "/train/x", H5P_DEFAULT);
  assert_true(H5Dread(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows) >= 0);
  H5Dclose(dataset);
  H5Fclose(file);
  return rows[0][0];
}

/* Value k of a test dataset, in row-major order. */
static double expected_value(tn_out_type type, int64_t k) {
  return type == TN_OUT_U8 || type == TN_OUT_U16 ? (double)k : (double)k - 20;
}

/* Asserts a dataset's exact type, shape and values. */
static void check_dataset(hid_t file, const tn_out_dataset *set) {
  const hid_t dataset = H5Dopen2(file, set->path, H5P_DEFAULT);
  assert_true(dataset >= 0);
  const hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  assert_true(H5Tequal(type, type_of(set->type)) > 0);
  hsize_t shape[2] = {0, 1};
  assert_int_equal(H5Sget_simple_extent_ndims(space), set->rank);
  H5Sget_simple_extent_dims(space, shape, NULL);
  assert_int_equal(shape[0], set->rows);
  assert_int_equal(shape[1], set->cols);
  double *values = calloc((size_t)(set->rows * set->cols), sizeof *values);
  assert_true(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  for (int64_t k = 0; k < set->rows * set->cols; k++)
    assert_true(values[k] == expected_value(set->type, k));
  free(values);
  H5Sclose(space);
  H5Tclose(type);
  H5Dclose(dataset);
}

static void store(void *rows, tn_out_type type, int64_t k) {
  const double value = expected_value(type, k);
  switch (type) {
  case TN_OUT_U8:
    ((uint8_t *)rows)[k] = (uint8_t)value;
    break;
  case TN_OUT_I8:
    ((int8_t *)rows)[k] = (int8_t)value;
    break;
  case TN_OUT_U16:
    ((uint16_t *)rows)[k] = (uint16_t)value;
    break;
  case TN_OUT_I16:
    ((int16_t *)rows)[k] = (int16_t)value;
    break;
  case TN_OUT_I32:
    ((int32_t *)rows)[k] = (int32_t)value;
    break;
  case TN_OUT_I64:
    ((int64_t *)rows)[k] = (int64_t)value;
    break;
  case TN_OUT_F32:
    ((float *)rows)[k] = (float)value;
    break;
  case TN_OUT_F64:
    ((double *)rows)[k] = value;
    break;
  case TN_OUT_STRING: /* has a test of its own */
    break;
  }
}

static void test_every_type_in_blocks(void **state) {
  (void)state;
  /* given datasets of every type, of one and of two dimensions, in several groups */
  const tn_out_dataset sets[] = {
      {"/train/x", TN_OUT_U8, 2, 20, 5},  {"/train/y", TN_OUT_I64, 1, 20, 1},   {"/a/b/c", TN_OUT_I8, 2, 7, 9},
      {"/u16", TN_OUT_U16, 2, 1000, 33},  {"/test/x", TN_OUT_I16, 2, 1, 1},     {"/test/y", TN_OUT_I32, 1, 5000, 1},
      {"/valid/x", TN_OUT_F32, 2, 11, 4}, {"/valid/y", TN_OUT_F64, 2, 11, 200},
  };
  const int count = (int)(sizeof sets / sizeof sets[0]);
  const char *path = scratch_path("types.h5");
  tn_outfile *out = NULL;
  assert_int_equal(tn_outfile_create(&out, path, sets, count, false), TN_OK);
  /* when the rows are written in blocks of three, datasets last to first */
  for (int i = count - 1; i >= 0; i--) {
    const int64_t row_bytes = sets[i].cols * (int64_t)tn_out_type_size(sets[i].type);
    char *rows = calloc((size_t)sets[i].rows, (size_t)row_bytes);
    for (int64_t k = 0; k < sets[i].rows * sets[i].cols; k++)
      store(rows, sets[i].type, k);
    for (int64_t first = 0; first < sets[i].rows; first += 3) {
      const int64_t block = sets[i].rows - first < 3 ? sets[i].rows - first : 3;
      assert_int_equal(tn_outfile_write(out, i, first, block, rows + first * row_bytes), TN_OK);
    }
    free(rows);
  }
  assert_int_equal(tn_outfile_commit(&out), TN_OK);
  assert_null(out);
  /* then HDF5 reads back the types, the shapes and the values */
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  assert_true(file >= 0);
  for (int i = 0; i < count; i++)
    check_dataset(file, &sets[i]);
  H5Fclose(file);
}

static void test_strings(void **state) {
  (void)state;
  /* given strings of up to 6 bytes, the zero byte included, beside another dataset */
  const char names[3][6] = {"a", "", "\xc3\xa9 bc"};
  const tn_out_dataset sets[] = {{"/names", TN_OUT_STRING, 1, 3, 6}, {"/y", TN_OUT_U8, 1, 2, 1}};
  const char *path = scratch_path("strings.h5");
  tn_outfile *out = NULL;
  assert_int_equal(tn_outfile_create(&out, path, sets, 2, false), TN_OK);
  assert_int_equal(tn_outfile_write(out, 0, 1, 2, names[1]), TN_OK);
  assert_int_equal(tn_outfile_write(out, 0, 0, 1, names[0]), TN_OK);
  assert_int_equal(tn_outfile_write(out, 1, 0, 2, "yy"), TN_OK);
  assert_int_equal(tn_outfile_commit(&out), TN_OK);
  /* then HDF5 reads the same strings */
  char found[3][6];
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t dataset = H5Dopen2(file, "/names", H5P_DEFAULT), type = H5Dget_type(dataset);
  assert_int_equal(H5Tget_class(type), H5T_STRING);
  assert_int_equal(H5Tget_size(type), 6);
  assert_int_equal(H5Tget_cset(type), H5T_CSET_UTF8);
  assert_int_equal(H5Tget_strpad(type), H5T_STR_NULLTERM);
  assert_true(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, found) >= 0);
  assert_memory_equal(found, names, sizeof names);
  H5Tclose(type);
  H5Dclose(dataset);
  H5Fclose(file);
}

static void test_many_datasets_fit_the_reserved_space(void **state) {
  (void)state;
  /* 200 groups need more than one symbol table node; HDF5 must stay within what was reserved for it */
  enum { COUNT = 200 };
  static char names[COUNT][64];
  tn_out_dataset sets[COUNT];
  for (int i = 0; i < COUNT; i++) {
    snprintf(names[i], sizeof names[i], "/group-with-a-long-name-%03d/dataset-with-a-long-name", i);
    sets[i] = (tn_out_dataset){names[i], TN_OUT_I32, 1, 1, 1};
  }
  const char *path = scratch_path("many.h5");
  tn_outfile *out = NULL;
  assert_int_equal(tn_outfile_create(&out, path, sets, COUNT, false), TN_OK);
  for (int32_t i = 0; i < COUNT; i++)
    assert_int_equal(tn_outfile_write(out, i, 0, 1, &i), TN_OK);
  assert_int_equal(tn_outfile_commit(&out), TN_OK);
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  for (int i = 0; i < COUNT; i++) {
    int value = -1;
    const hid_t dataset = H5Dopen2(file, names[i], H5P_DEFAULT);
    assert_true(H5Dread(dataset, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value) >= 0);
    H5Dclose(dataset);
    assert_int_equal(value, i);
  }
  hsize_t size = 0;
  H5Fget_filesize(file, &size);
  H5Fclose(file);
  size_t bytes = 0;
  free(scratch_read(path, &bytes));
  assert_int_equal(bytes, size); /* nothing of the reservation is left behind the end */
  assert_true((int64_t)bytes <= reserved_bytes);
}

static void test_overwrite_only_when_asked(void **state) {
  (void)state;
  const char *path = scratch_path("again.h5");
  assert_int_equal(write_bytes(path, 1, false), TN_OK);
  assert_int_equal(write_bytes(path, 2, false), TN_ERR_USAGE);
  assert_non_null(
      strstr(tn_error_message(), "again.h5: exists already: give another name, or --overwrite to replace it"));
  assert_int_equal(first_byte(path), 1);
  assert_int_equal(write_bytes(path, 3, true), TN_OK);
  assert_int_equal(first_byte(path), 3);
  assert_int_equal(scratch_count(), 1);
}

static void test_an_input_is_no_output(void **state) {
  (void)state;
  /* given a file with three names, and another */
  const char *path = scratch_path("input.h5"), *other = scratch_path("other.h5");
  const char *hard = scratch_path("hard.h5"), *soft = scratch_path("soft.h5");
  assert_int_equal(write_bytes(path, 1, false), TN_OK);
  assert_int_equal(write_bytes(other, 1, false), TN_OK);
  assert_int_equal(link(path, hard), 0);
  assert_int_equal(symlink(path, soft), 0);
  /* then none of the three may be written while it is read */
  const char *names[] = {path, hard, soft};
  for (int i = 0; i < 3; i++) {
    assert_int_equal(tn_outfile_check_input(names[i], path), TN_ERR_USAGE);
    assert_non_null(strstr(tn_error_message(), names[i]));
    assert_non_null(strstr(tn_error_message(), "input.h5), and would replace it: give another name"));
  }
  /* and the other may, and so may what does not exist */
  assert_int_equal(tn_outfile_check_input(other, path), TN_OK);
  assert_int_equal(tn_outfile_check_input(scratch_path("none"), path), TN_OK);
  assert_int_equal(tn_outfile_check_input(path, scratch_path("none")), TN_OK);
}

static void test_old_file_stays_until_commit(void **state) {
  (void)state;
  const char *path = scratch_path("old.h5");
  const tn_out_dataset set = {"/train/x", TN_OUT_U8, 2, ROWS, COLS};
  assert_int_equal(write_bytes(path, 5, false), TN_OK);
  tn_outfile *out = NULL;
  assert_int_equal(tn_outfile_create(&out, path, &set, 1, true), TN_OK);
  assert_int_equal(first_byte(path), 5);
  tn_outfile_abandon(&out);
  assert_null(out);
  tn_outfile_abandon(&out); /* NULL is allowed */
  assert_int_equal(first_byte(path), 5);
  assert_int_equal(scratch_count(), 1);
}

/* A process that begins to write a file, says so, and waits to be killed. */
static pid_t start_writer(const char *path) {
  const tn_out_dataset set = {"/train/x", TN_OUT_U8, 2, ROWS, COLS};
  int ready[2];
  char byte = 0;
  assert_int_equal(pipe(ready), 0);
  const pid_t writer = fork();
  if (writer == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* it does not outlive a failed test */
    tn_outfile *out = NULL;
    byte = tn_outfile_create(&out, path, &set, 1, true) == TN_OK;
    if (write(ready[1], &byte, 1) == 1)
      pause();
    _exit(1);
  }
  close(ready[1]); /* a writer that dies ends the read */
  const ssize_t got = read(ready[0], &byte, 1);
  close(ready[0]);
  assert_true(writer > 0 && got == 1 && byte == 1);
  return writer;
}

static void kill_writer(pid_t writer) {
  assert_int_equal(kill(writer, SIGKILL), 0);
  assert_int_equal(waitpid(writer, NULL, 0), writer);
}

static void test_what_a_killed_writer_left_goes(void **state) {
  (void)state;
  const char *path = scratch_path("killed.h5");
  /* given a writer that was killed, one that lives, and files with names that are alike */
  kill_writer(start_writer(path));
  assert_int_equal(scratch_count(), 1);
  const pid_t alive = start_writer(path);
  assert_int_equal(scratch_count(), 1); /* it has removed the first one's */
  scratch_write("killed.h5.partial-", "", 0);
  scratch_write("killed.h5.partial-notes", "", 0);
  scratch_write("other.h5.partial-1-0", "", 0);
  /* when the next file is written, and when the last writer is gone and another is */
  const tn_status beside = write_bytes(path, 7, false);
  const int left_beside = scratch_count();
  kill_writer(alive);
  const int left_by_kill = scratch_count();
  const tn_status after = write_bytes(path, 8, true);
  /* then the living writer's file stayed as long as it lived, and nothing else went */
  assert_int_equal(beside, TN_OK);
  assert_int_equal(left_beside, 5);
  assert_int_equal(left_by_kill, 5);
  assert_int_equal(after, TN_OK);
  assert_int_equal(scratch_count(), 4);
  assert_int_equal(first_byte(path), 8);
}

/* The same path in the working directory, without a folder in it. */
static void test_a_bare_name(void **state) {
  (void)state;
  char before[4096], folder[600];
  snprintf(folder, sizeof folder, "%s", scratch_path(""));
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(chdir(folder), 0);
  kill_writer(start_writer("bare.h5"));
  const tn_status status = write_bytes("bare.h5", 4, false);
  assert_int_equal(chdir(before), 0);
  assert_int_equal(status, TN_OK);
  assert_int_equal(scratch_count(), 1);
}

static void test_same_rows_give_the_same_file(void **state) {
  (void)state;
  size_t counts[2];
  char *files[2];
  for (int i = 0; i < 2; i++) {
    const char *path = scratch_path("same.h5");
    assert_int_equal(write_bytes(path, 5, true), TN_OK);
    files[i] = scratch_read(path, &counts[i]);
    if (i == 0)
      usleep(1100000); /* object times would count whole seconds */
    else
      unlink(path);
  }
  assert_int_equal(counts[0], counts[1]);
  assert_memory_equal(files[0], files[1], counts[0]);
  free(files[0]);
  free(files[1]);
}

static void test_misuse_is_refused(void **state) {
  (void)state;
  const char *path = scratch_path("misuse.h5");
  tn_outfile *out = NULL;
  const tn_out_dataset empty = {"/train/x", TN_OUT_U8, 2, 0, COLS}, narrow = {"/train/x", TN_OUT_U8, 2, ROWS, 0};
  assert_int_equal(tn_outfile_create(&out, path, &empty, 1, false), TN_ERR_DATA);
  assert_non_null(strstr(tn_error_message(), "/train/x would be empty (0 rows of 3 values)"));
  assert_int_equal(tn_outfile_create(&out, path, &narrow, 1, false), TN_ERR_DATA);
  const tn_out_dataset deep = {"/train/x", TN_OUT_U8, 3, 1, 1}, wide = {"/train/x", TN_OUT_U8, 1, 1, 2};
  const tn_out_dataset table = {"/names", TN_OUT_STRING, 2, 1, 2};
  assert_int_equal(tn_outfile_create(&out, path, &table, 1, false), TN_ERR_INTERNAL);
  assert_int_equal(tn_outfile_create(&out, path, &deep, 1, false), TN_ERR_INTERNAL);
  assert_int_equal(tn_outfile_create(&out, path, &wide, 1, false), TN_ERR_INTERNAL);
  const tn_out_dataset huge = {"/train/x", TN_OUT_F64, 2, INT64_MAX / 4, 2};
  assert_int_equal(tn_outfile_create(&out, path, &huge, 1, false), TN_ERR_DATA);
  assert_non_null(strstr(tn_error_message(), "larger than a file can be"));
  const tn_out_dataset twice[] = {{"/x", TN_OUT_U8, 1, 1, 1}, {"/x", TN_OUT_U8, 1, 1, 1}};
  assert_int_equal(tn_outfile_create(&out, path, twice, 2, false), TN_ERR_IO);
  assert_non_null(strstr(tn_error_message(), "misuse.h5: /x: the dataset cannot be created (HDF5: "));
  assert_null(out);
  assert_int_equal(scratch_count(), 0);
}

static void test_rows_outside_or_missing_are_refused(void **state) {
  (void)state;
  const char *path = scratch_path("rows.h5");
  const tn_out_dataset set = {"/y", TN_OUT_I32, 1, 4, 1};
  const int32_t rows[4] = {1, 2, 3, 4};
  tn_outfile *out = NULL;
  assert_int_equal(tn_outfile_create(&out, path, &set, 1, false), TN_OK);
  assert_int_equal(tn_outfile_write(out, 0, 2, 3, rows), TN_ERR_INTERNAL);
  assert_int_equal(tn_outfile_write(out, 0, -1, 1, rows), TN_ERR_INTERNAL);
  assert_int_equal(tn_outfile_write(out, 1, 0, 1, rows), TN_ERR_INTERNAL);
  assert_int_equal(tn_outfile_write(out, 0, 0, 3, rows), TN_OK);
  assert_int_equal(tn_outfile_commit(&out), TN_ERR_INTERNAL);
  assert_non_null(strstr(tn_error_message(), "only 3 of the 4 rows of /y"));
  assert_null(out);
  assert_int_equal(scratch_count(), 0);
}

static void test_bad_targets_are_refused(void **state) {
  (void)state;
  assert_int_equal(write_bytes(scratch_path("no/such/folder.h5"), 0, false), TN_ERR_IO);
  assert_non_null(strstr(tn_error_message(), "No such file or directory"));
  assert_int_equal(write_bytes("/dev/null", 0, true), TN_ERR_USAGE);
  assert_non_null(strstr(tn_error_message(), "/dev/null: is not a regular file"));
  assert_int_equal(scratch_count(), 0);
}

static void test_without_reservation(void **state) {
  (void)state;
  const char *path = scratch_path("sparse.h5");
  cannot_reserve = true;
  const tn_status status = write_bytes(path, 9, false);
  cannot_reserve = false;
  assert_int_equal(status, TN_OK);
  assert_int_equal(first_byte(path), 9);
}

static void test_file_size_limit(void **state) {
  (void)state;
  /* given a limit below what is needed, set for the duration of the call */
  const tn_out_dataset set = {"/train/x", TN_OUT_U8, 2, 1 << 20, 1};
  struct rlimit before, low;
  getrlimit(RLIMIT_FSIZE, &before);
  low = before;
  low.rlim_cur = 1 << 19;
  signal(SIGXFSZ, SIG_IGN);
  tn_outfile *out = NULL;
  setrlimit(RLIMIT_FSIZE, &low);
  const tn_status status = tn_outfile_create(&out, scratch_path("limit.h5"), &set, 1, false);
  setrlimit(RLIMIT_FSIZE, &before);
  assert_int_equal(status, TN_ERR_IO);
  assert_non_null(strstr(tn_error_message(), "limit.h5: cannot reserve"));
  assert_int_equal(scratch_count(), 0);
}

static void test_full_disk(void **state) {
  (void)state;
  /* given a file system of 1 MB */
  const char *disk = scratch_path("disk");
  mkdir(disk, 0700);
  if (mount("none", disk, "tmpfs", 0, "size=1m") != 0) {
    rmdir(disk);
    skip(); /* root alone may mount */
  }
  char path[600];
  snprintf(path, sizeof path, "%s/data.h5", disk);
  const tn_out_dataset large = {"/train/x", TN_OUT_U8, 2, 2 << 20, 1};
  tn_outfile *out = NULL;
  /* when 2 MB are to be written, with and without a reservation */
  const tn_status reserved = tn_outfile_create(&out, path, &large, 1, false);
  char message[256];
  snprintf(message, sizeof message, "%s", tn_error_message());
  cannot_reserve = true;
  char *rows = calloc(2, 1 << 20);
  tn_status written = tn_outfile_create(&out, path, &large, 1, false);
  if (written == TN_OK)
    written = tn_outfile_write(out, 0, 0, 2 << 20, rows);
  cannot_reserve = false;
  tn_outfile_abandon(&out);
  free(rows);
  /* and what fits is written after that */
  const tn_status small = write_bytes(path, 7, false);
  const int byte = first_byte(path);
  umount(disk);
  rmdir(disk);
  /* then both failed with a reason, and left no file behind that would fill the disk */
  assert_int_equal(reserved, TN_ERR_IO);
  assert_non_null(strstr(message, "data.h5: needs 21"));
  assert_non_null(strstr(message, "are free: make room"));
  assert_int_equal(written, TN_ERR_IO);
  assert_int_equal(small, TN_OK);
  assert_int_equal(byte, 7);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_every_type_in_blocks, scratch_clear),
      cmocka_unit_test_teardown(test_strings, scratch_clear),
      cmocka_unit_test_teardown(test_many_datasets_fit_the_reserved_space, scratch_clear),
      cmocka_unit_test_teardown(test_overwrite_only_when_asked, scratch_clear),
      cmocka_unit_test_teardown(test_an_input_is_no_output, scratch_clear),
      cmocka_unit_test_teardown(test_old_file_stays_until_commit, scratch_clear),
      cmocka_unit_test_teardown(test_what_a_killed_writer_left_goes, scratch_clear),
      cmocka_unit_test_teardown(test_a_bare_name, scratch_clear),
      cmocka_unit_test_teardown(test_same_rows_give_the_same_file, scratch_clear),
      cmocka_unit_test_teardown(test_misuse_is_refused, scratch_clear),
      cmocka_unit_test_teardown(test_rows_outside_or_missing_are_refused, scratch_clear),
      cmocka_unit_test_teardown(test_bad_targets_are_refused, scratch_clear),
      cmocka_unit_test_teardown(test_without_reservation, scratch_clear),
      cmocka_unit_test_teardown(test_file_size_limit, scratch_clear),
      cmocka_unit_test_teardown(test_full_disk, scratch_clear),
  };
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
