/* Tables: what is in a data file arrives as it was stored, or is refused with a reason. HDF5 itself writes the files.
 */
#include "base/memory.h"
#include "io/table.h"
#include "scratch.h"

#include <hdf5.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the three above */

#define ROWS 60
#define COLS 7

/* Asserts a failure and what its message says. */
#define assert_fails(expected, expression, ...)                                                                        \
  do {                                                                                                                 \
    assert_int_equal(expression, expected);                                                                            \
    const char *const parts_[] = {__VA_ARGS__};                                                                        \
    for (size_t part_ = 0; part_ < sizeof parts_ / sizeof parts_[0]; part_++)                                          \
      if (!strstr(tn_error_message(), parts_[part_]))                                                                  \
        fail_msg("\"%s\" is not in \"%s\"", parts_[part_], tn_error_message());                                        \
  } while (0)

/* How a test dataset is laid out. */
typedef enum storage { CONTIGUOUS, CHUNKED, COMPRESSED } storage;

static hid_t creation_of(storage layout, int rank, const hsize_t *shape) {
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  hsize_t chunk[4];
  for (int i = 0; i < rank; i++)
    chunk[i] = shape[i] < 5 ? shape[i] : 5; /* so that the last chunks are partly filled */
  if (layout != CONTIGUOUS)
    H5Pset_chunk(creation, rank, chunk);
  if (layout == COMPRESSED)
    H5Pset_deflate(creation, 4);
  return creation;
}

/* HDF5 converts from doubles to every type but an enumeration, which takes its own. */
static void write_values(hid_t dataset, hid_t type, const double *values) {
  int8_t codes[ROWS * COLS];
  const bool is_enumeration = H5Tget_class(type) == H5T_ENUM;
  for (int k = 0; is_enumeration && k < ROWS * COLS; k++)
    codes[k] = (int8_t)values[k];
  const hid_t memory = is_enumeration ? type : H5T_NATIVE_DOUBLE;
  const void *from = is_enumeration ? (const void *)codes : (const void *)values;
  assert_true(H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, from) >= 0);
}

/* Writes a dataset of a file type from doubles. */
static void add(hid_t file, const char *path, hid_t type, storage layout, int rank, const hsize_t *shape,
                const double *values) {
  const hid_t space = H5Screate_simple(rank, shape, NULL), creation = creation_of(layout, rank, shape);
  const hid_t link = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(link, 1);
  const hid_t dataset = H5Dcreate2(file, path, type, space, link, creation, H5P_DEFAULT);
  assert_true(dataset >= 0);
  if (values)
    write_values(dataset, type, values);
  H5Dclose(dataset);
  H5Pclose(link);
  H5Pclose(creation);
  H5Sclose(space);
}

static hid_t create(const char *name) {
  const hid_t file = H5Fcreate(scratch_path(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(file >= 0);
  return file;
}

/* A file with one dataset /x. */
static const char *write_one(const char *name, hid_t type, int rank, const hsize_t *shape, const double *values) {
  const hid_t file = create(name);
  add(file, "/x", type, CONTIGUOUS, rank, shape, values);
  H5Fclose(file);
  return scratch_path(name);
}

static const char *write_column(const char *name, hid_t type, hsize_t rows, const double *values) {
  return write_one(name, type, 1, &rows, values);
}

static tn_table *open_table(const char *file, const char *path) {
  tn_table *table = NULL;
  if (tn_table_open(&table, file, path) != TN_OK)
    fail_msg("%s", tn_error_message());
  return table;
}

/* Half precision as numpy and h5py store it. */
static hid_t make_float16(void) {
  const hid_t type = H5Tcopy(H5T_IEEE_F32LE);
  H5Tset_fields(type, 15, 10, 5, 0, 10);
  H5Tset_size(type, 2);
  H5Tset_ebias(type, 15);
  return type;
}

/* bool as h5py stores it. */
static hid_t make_bool(void) {
  const hid_t type = H5Tenum_create(H5T_NATIVE_INT8);
  H5Tenum_insert(type, "FALSE", &(int8_t){0});
  H5Tenum_insert(type, "TRUE", &(int8_t){1});
  return type;
}

/* A value that every type of the tests holds exactly; those of bool are 0 and 1. */
static double value_at(int64_t k, bool is_bool) {
  return is_bool ? (double)(k % 2) : (double)(k * 31 % 101);
}

static double element_at(const tn_table *table, const void *values, int64_t k) {
  switch (table->element) {
  case TN_U8:
    return ((const uint8_t *)values)[k];
  case TN_I8:
    return ((const int8_t *)values)[k];
  case TN_U16:
    return ((const uint16_t *)values)[k];
  case TN_I16:
    return ((const int16_t *)values)[k];
  case TN_F32:
    return (double)((const float *)values)[k];
  }
  return NAN;
}

typedef struct type_case {
  const char *name;
  hid_t type;
  bool is_integer;
  tn_element element;
} type_case;

static void check_blocks(tn_table *table, bool is_bool) {
  for (int64_t first = 0; first < ROWS; first += 11) {
    const int64_t count = ROWS - first < 11 ? ROWS - first : 11;
    float features[11 * COLS], values[11 * COLS];
    assert_int_equal(tn_table_read_features(table, first, count, features), TN_OK);
    assert_int_equal(tn_table_read_values(table, first, count, 0, 101, values), TN_OK);
    for (int64_t k = 0; k < count * COLS; k++) {
      assert_true(element_at(table, features, k) == value_at(first * COLS + k, is_bool));
      assert_true((double)values[k] == value_at(first * COLS + k, is_bool));
    }
  }
}

static void test_every_type_and_layout(void **state) {
  (void)state;
  const hid_t float16 = make_float16(), boolean = make_bool();
  const type_case cases[] = {
      {"u8", H5T_STD_U8LE, true, TN_U8},         {"i8", H5T_STD_I8BE, true, TN_I8},
      {"u16", H5T_STD_U16BE, true, TN_U16},      {"i16", H5T_STD_I16LE, true, TN_I16},
      {"u32", H5T_STD_U32LE, true, TN_F32},      {"i32", H5T_STD_I32BE, true, TN_F32},
      {"u64", H5T_STD_U64LE, true, TN_F32},      {"i64", H5T_STD_I64LE, true, TN_F32},
      {"f16", float16, false, TN_F32},           {"f32", H5T_IEEE_F32LE, false, TN_F32},
      {"f32be", H5T_IEEE_F32BE, false, TN_F32},  {"f64", H5T_IEEE_F64LE, false, TN_F32},
      {"ld", H5T_NATIVE_LDOUBLE, false, TN_F32}, {"bool", boolean, true, TN_I8},
  };
  double values[ROWS * COLS];
  const hsize_t shape[2] = {ROWS, COLS};
  for (storage layout = CONTIGUOUS; layout <= COMPRESSED; layout++) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      const bool is_bool = cases[i].type == boolean;
      for (int64_t k = 0; k < ROWS * COLS; k++)
        values[k] = value_at(k, is_bool);
      const hid_t file = create("types.h5");
      add(file, cases[i].name, cases[i].type, layout, 2, shape, values);
      H5Fclose(file);
      tn_table *table = open_table(scratch_path("types.h5"), cases[i].name);
      assert_int_equal(table->rank, 2);
      assert_int_equal(table->rows, ROWS);
      assert_int_equal(table->cols, COLS);
      assert_int_equal(table->is_integer, cases[i].is_integer);
      assert_int_equal(table->element, cases[i].element);
      check_blocks(table, is_bool);
      tn_table_close(&table);
      assert_null(table);
    }
  }
  tn_table_close(&(tn_table *){NULL}); /* NULL is allowed */
  H5Tclose(boolean);
  H5Tclose(float16);
}

static void test_dimensions_are_flattened(void **state) {
  (void)state;
  double values[4 * 3 * 2 * 5];
  for (int k = 0; k < 4 * 3 * 2 * 5; k++)
    values[k] = k;
  const char *file = write_one("deep.h5", H5T_STD_U8LE, 4, (hsize_t[]){4, 3, 2, 5}, values);
  tn_table *table = open_table(file, "/x");
  assert_int_equal(table->rank, 2);
  assert_int_equal(table->rows, 4);
  assert_int_equal(table->cols, 30);
  uint8_t rows[2 * 30];
  assert_int_equal(tn_table_read_features(table, 1, 2, rows), TN_OK);
  for (int k = 0; k < 60; k++)
    assert_int_equal(rows[k], 30 + k);
  tn_table_close(&table);
  table = open_table(write_column("flat.h5", H5T_STD_U8LE, 9, values), "/x");
  assert_int_equal(table->rank, 1);
  assert_int_equal(table->cols, 1);
  tn_table_close(&table);
}

/* More values than pass through the buffer at once, and chunks beyond HDF5's own cache. */
static void test_many_rows(void **state) {
  (void)state;
  enum { MANY = 40000, WIDE = 9 };
  double *values = malloc(MANY * WIDE * sizeof *values);
  float *out = malloc(MANY * WIDE * sizeof *out);
  for (int k = 0; k < MANY * WIDE; k++)
    values[k] = k;
  const hsize_t shape[2] = {MANY, WIDE};
  const hid_t file = create("many.h5"), creation = H5Pcreate(H5P_DATASET_CREATE);
  const hid_t space = H5Screate_simple(2, shape, NULL);
  H5Pset_chunk(creation, 2, shape);
  H5Pset_deflate(creation, 1);
  const hid_t dataset = H5Dcreate2(file, "/x", H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(dataset);
  H5Sclose(space);
  H5Pclose(creation);
  H5Fclose(file);
  tn_table *table = open_table(scratch_path("many.h5"), "/x");
  assert_int_equal(tn_table_read_features(table, 0, MANY, out), TN_OK);
  for (int k = 0; k < MANY * WIDE; k++)
    assert_true((double)out[k] == k);
  /* one chunk of 2.9 MB is unpacked once for these 400 blocks: 20 times as long if it were for each */
  for (int first = 0; first < MANY; first += 100)
    assert_int_equal(tn_table_read_features(table, first, 100, out + first * WIDE), TN_OK);
  for (int k = 0; k < MANY * WIDE; k++)
    assert_true((double)out[k] == k);
  tn_table_close(&table);
  free(out);
  free(values);
}

static void test_bad_values(void **state) {
  (void)state;
  const hsize_t shape[2] = {2, 3};
  const struct {
    double value;
    const char *why;
  } cases[] = {{NAN, "nan is not a finite number"},
               {INFINITY, "inf is not a finite number"},
               {-INFINITY, "-inf is not a finite number"},
               {1e39, "1e+39 is too large for float32"},
               {-3.5e38, "-3.5e+38 is too large for float32"}};
  float out[6];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const double values[6] = {0, 1, 2, 3, 4, cases[i].value};
    tn_table *table = open_table(write_one("bad.h5", H5T_IEEE_F64LE, 2, shape, values), "/x");
    assert_fails(TN_ERR_DATA, tn_table_read_features(table, 1, 1, out), "bad.h5: dataset /x, row 1, column 2",
                 cases[i].why);
    assert_fails(TN_ERR_DATA, tn_table_read_values(table, 0, 2, -INFINITY, INFINITY, out), "row 1, column 2",
                 cases[i].why);
    assert_int_equal(tn_table_read_features(table, 0, 1, out), TN_OK);
    tn_table_close(&table);
  }
  const double values[6] = {0, 1, 2, 3, NAN, 5};
  tn_table *table = open_table(write_one("bad.h5", H5T_IEEE_F32LE, 2, shape, values), "/x");
  assert_fails(TN_ERR_DATA, tn_table_read_features(table, 1, 1, out), "row 1, column 1", "nan is not a finite number");
  tn_table_close(&table);
}

static void test_values_keep_their_range(void **state) {
  (void)state;
  const double values[4] = {0, 1, 0.5, 1.5};
  tn_table *table = open_table(write_column("range.h5", H5T_IEEE_F64LE, 4, values), "/x");
  float out[4];
  assert_int_equal(tn_table_read_values(table, 0, 3, 0, 1, out), TN_OK);
  assert_true(out[0] == 0.0f && out[1] == 1.0f && out[2] == 0.5f);
  assert_fails(TN_ERR_DATA, tn_table_read_values(table, 0, 4, 0, 1, out), "row 3, column 0",
               "1.5 is out of range: 0 to 1 is allowed");
  assert_fails(TN_ERR_DATA, tn_table_read_values(table, 0, 4, 0.25, INFINITY, out), "row 0", "0.25 to inf");
  tn_table_close(&table);
}

static void test_labels(void **state) {
  (void)state;
  int32_t labels[5];
  const hid_t types[] = {H5T_STD_U8LE, H5T_STD_I16BE, H5T_STD_I32LE, H5T_STD_I64LE, H5T_STD_U64LE};
  const double values[5] = {3, 0, 9, 1, 100};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    const hsize_t shape[2] = {5, 1};
    tn_table *table = open_table(write_one("labels.h5", types[i], i % 2 ? 1 : 2, shape, values), "/x");
    assert_int_equal(tn_table_read_labels(table, 1, 4, 101, labels), TN_OK);
    assert_true(labels[0] == 0 && labels[1] == 9 && labels[2] == 1 && labels[3] == 100);
    assert_int_equal(tn_table_read_labels(table, 0, 5, 0, labels), TN_OK);
    assert_fails(TN_ERR_DATA, tn_table_read_labels(table, 0, 5, 10, labels), "labels.h5: dataset /x, row 4",
                 "label 100 is out of range: 0 to 9 are the classes");
    tn_table_close(&table);
  }
}

static void test_bad_labels(void **state) {
  (void)state;
  int32_t labels[2];
  tn_table *table = open_table(write_column("labels.h5", H5T_STD_I8LE, 2, (double[]){1, -1}), "/x");
  assert_fails(TN_ERR_DATA, tn_table_read_labels(table, 0, 2, 0, labels), "dataset /x, row 1", "label -1 is negative");
  tn_table_close(&table);
  table = open_table(write_column("labels.h5", H5T_STD_I64LE, 2, (double[]){1, 2147483648.0}), "/x");
  assert_fails(TN_ERR_DATA, tn_table_read_labels(table, 0, 2, 0, labels), "label 2147483648 is out of range");
  tn_table_close(&table);
  table = open_table(write_column("labels.h5", H5T_STD_U64LE, 2, (double[]){1, 1e19}), "/x");
  assert_fails(TN_ERR_DATA, tn_table_read_labels(table, 0, 2, 5, labels), "label 9223372036854775807 or more");
  tn_table_close(&table);
  table = open_table(write_column("labels.h5", H5T_IEEE_F32LE, 2, (double[]){1, 2}), "/x");
  assert_fails(TN_ERR_DATA, tn_table_read_labels(table, 0, 2, 5, labels), "holds class labels as floats",
               "astype('int64')");
  tn_table_close(&table);
  table = open_table(write_column("labels.h5", H5T_IEEE_F32LE, 2, (double[]){1, 2.5}), "/x");
  assert_fails(TN_ERR_DATA, tn_table_check_labels(table), "holds values (2.5 in row 1)", "model.loss");
  tn_table_close(&table);
  table = open_table(write_one("labels.h5", H5T_STD_U8LE, 2, (hsize_t[]){1, 2}, (double[]){1, 2}), "/x");
  assert_fails(TN_ERR_DATA, tn_table_check_labels(table), "shape (1, 2)", "(N) or (N, 1)");
  tn_table_close(&table);
}

/* A file with groups, strings and scalars beside the numbers. */
static void write_mixed(void) {
  const hid_t file = create("mixed.h5");
  const double values[6] = {1, 2, 3, 4, 5, 6};
  add(file, "/train/x", H5T_IEEE_F32LE, CHUNKED, 2, (hsize_t[]){3, 2}, values);
  add(file, "/train/y", H5T_STD_I64LE, CONTIGUOUS, 1, (hsize_t[]){3}, values);
  const hid_t string = H5Tcopy(H5T_C_S1), scalar = H5Screate(H5S_SCALAR);
  H5Tset_size(string, 8);
  add(file, "/names", string, CONTIGUOUS, 1, (hsize_t[]){3}, NULL);
  H5Dclose(H5Dcreate2(file, "/one", H5T_IEEE_F64LE, scalar, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  add(file, "/none", H5T_IEEE_F64LE, CONTIGUOUS, 1, (hsize_t[]){0}, NULL);
  add(file, "/thin", H5T_IEEE_F64LE, CONTIGUOUS, 2, (hsize_t[]){4, 0}, NULL);
  H5Lcreate_soft("/nowhere", file, "/dangling", H5P_DEFAULT, H5P_DEFAULT);
  H5Sclose(scalar);
  H5Tclose(string);
  H5Fclose(file);
}

static void test_what_cannot_be_opened(void **state) {
  (void)state;
  write_mixed();
  const char *file = scratch_path("mixed.h5");
  tn_table *table = NULL;
  assert_fails(TN_ERR_DATA, tn_table_open(&table, scratch_path("no.h5"), "/x"), "no.h5", "No such file or directory");
  assert_fails(TN_ERR_DATA, tn_table_open(&table, scratch_path(""), "/x"), "is a folder");
  assert_fails(TN_ERR_DATA, tn_table_open(&table, scratch_write("text.h5", "hello", 5), "/x"),
               "text.h5: is not an HDF5 file", "thinnet import");
  assert_fails(TN_ERR_DATA, tn_table_open(&table, file, "/test/x"), "mixed.h5: /test/x does not exist",
               "the file has: /names, /none, /one, /thin, /train/x, /train/y");
  assert_fails(TN_ERR_DATA, tn_table_open(&table, file, "/train"), "/train is a group, not a dataset", "/train/x");
  assert_fails(TN_ERR_DATA, tn_table_open(&table, file, "/dangling"), "/dangling does not exist");
  assert_fails(TN_ERR_DATA, tn_table_open(&table, file, "/names"), "/names is of type string", "integers or floats");
  assert_fails(TN_ERR_DATA, tn_table_open(&table, file, "/one"), "/one has no rows", "(N, D)");
  assert_fails(TN_ERR_DATA, tn_table_open(&table, file, "/none"), "/none is empty: it has 0 rows of 1 values");
  assert_fails(TN_ERR_DATA, tn_table_open(&table, file, "/thin"), "/thin is empty: it has 4 rows of 0 values");
  assert_null(table);
  const hid_t empty = create("empty.h5");
  H5Fclose(empty);
  assert_fails(TN_ERR_DATA, tn_table_open(&table, scratch_path("empty.h5"), "/x"), "no datasets at all");
}

static void test_damaged_files(void **state) {
  (void)state;
  size_t count = 0;
  write_mixed();
  char *bytes = scratch_read(scratch_path("mixed.h5"), &count);
  tn_table *table = NULL;
  assert_fails(TN_ERR_DATA, tn_table_open(&table, scratch_write("cut.h5", bytes, count / 2), "/train/x"),
               "cut.h5: is an HDF5 file, but a damaged or incomplete one", "truncated");
  free(bytes);
  /* data that are gone behind sound metadata: a chunk that does not unpack */
  const hid_t file = create("chunk.h5");
  double values[100];
  for (int k = 0; k < 100; k++)
    values[k] = k * 0.37;
  add(file, "/x", H5T_IEEE_F64LE, COMPRESSED, 2, (hsize_t[]){20, 5}, values);
  const hid_t dataset = H5Dopen2(file, "/x", H5P_DEFAULT);
  const hid_t space = H5Dget_space(dataset);
  haddr_t address = 0;
  hsize_t offset[2], size = 0;
  H5Dget_chunk_info(dataset, space, 1, offset, NULL, &address, &size);
  H5Sclose(space);
  H5Dclose(dataset);
  H5Fclose(file);
  bytes = scratch_read(scratch_path("chunk.h5"), &count);
  memset(bytes + address, 0xff, size);
  table = open_table(scratch_write("chunk.h5", bytes, count), "/x");
  float out[100];
  assert_int_equal(tn_table_read_features(table, 0, 5, out), TN_OK);
  assert_fails(TN_ERR_DATA, tn_table_read_features(table, 0, 20, out),
               "chunk.h5: dataset /x: rows 0 to 19 cannot be "
               "read");
  tn_table_close(&table);
  free(bytes);
}

static void test_rows_outside(void **state) {
  (void)state;
  tn_table *table = open_table(write_column("rows.h5", H5T_STD_U8LE, 3, (double[]){1, 2, 3}), "/x");
  uint8_t out[4];
  assert_fails(TN_ERR_INTERNAL, tn_table_read_features(table, 2, 2, out), "has 3 rows, rows 2 to 3 do not exist");
  assert_int_equal(tn_table_read_features(table, -1, 1, out), TN_ERR_INTERNAL);
  assert_int_equal(tn_table_read_features(table, 3, 0, out), TN_OK);
  tn_table_close(&table);
}

/* Opens a file for writing, says so, and holds it until it is killed. */
static void hold(const char *path, int ready) {
  const hid_t writer = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  if (writer >= 0 && write(ready, "x", 1) == 1)
    pause();
  _exit(1);
}

/* HDF5's locks would refuse to read a file that another process holds open for writing. */
static void test_readers_beside_a_writer(void **state) {
  (void)state;
  const char *path = write_column("busy.h5", H5T_STD_U8LE, 3, (double[]){1, 2, 3});
  int ready[2];
  assert_int_equal(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0)
    hold(path, ready[1]);
  char byte = 0;
  close(ready[1]);
  const ssize_t said = read(ready[0], &byte, 1);
  hid_t locked = 0;
  H5E_BEGIN_TRY {
    locked = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  }
  H5E_END_TRY
  tn_table *tables[2] = {NULL, NULL};
  uint8_t out[3] = {0};
  tn_status status = tn_table_open(&tables[0], path, "/x");
  if (status == TN_OK)
    status = tn_table_open(&tables[1], path, "/x");
  if (status == TN_OK)
    status = tn_table_read_features(tables[1], 0, 3, out);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  close(ready[0]);
  tn_table_close(&tables[0]);
  tn_table_close(&tables[1]);
  assert_int_equal(said, 1);
  assert_true(locked < 0); /* the writer is there */
  assert_int_equal(status, TN_OK);
  assert_int_equal(out[2], 3);
}

static void collect(void *context, const char *path, const char *type, int rank, const int64_t *shape) {
  char *text = context;
  sprintf(text + strlen(text), "%s %s", path, type);
  for (int i = 0; i < rank; i++)
    sprintf(text + strlen(text), " %lld", (long long)shape[i]);
  strcat(text, "\n");
}

static void test_list(void **state) {
  (void)state;
  write_mixed();
  char text[1024] = "";
  assert_int_equal(tn_table_list(scratch_path("mixed.h5"), collect, text), TN_OK);
  assert_string_equal(text, "/names string 3\n/none float64 0\n/one float64\n/thin float64 4 0\n"
                            "/train/x float32 3 2\n/train/y int64 3\n");
  assert_fails(TN_ERR_DATA, tn_table_list(scratch_path("no.h5"), collect, text), "No such file");
}

static void test_long_lists_are_cut(void **state) {
  (void)state;
  const hid_t file = create("long.h5");
  char path[64];
  for (int i = 0; i < 100; i++) {
    snprintf(path, sizeof path, "/a-rather-long-name-of-a-dataset-%03d", i);
    add(file, path, H5T_STD_U8LE, CONTIGUOUS, 1, (hsize_t[]){1}, NULL);
  }
  H5Fclose(file);
  tn_table *table = NULL;
  assert_fails(TN_ERR_DATA, tn_table_open(&table, scratch_path("long.h5"), "/x"), "-000, ", " more");
}

/* The application's way of reporting HDF5's errors is what it was before. */
static herr_t reporter(hid_t stack, void *context) {
  (void)stack;
  ++*(int *)context;
  return 0;
}

static void test_error_reporting_is_given_back(void **state) {
  (void)state;
  H5E_auto2_t before = NULL;
  void *before_context = NULL;
  H5Eget_auto2(H5E_DEFAULT, &before, &before_context);
  int calls = 0;
  H5Eset_auto2(H5E_DEFAULT, reporter, &calls);
  tn_table *table = NULL;
  assert_int_equal(tn_table_open(&table, scratch_write("text.h5", "hello", 5), "/x"), TN_ERR_DATA);
  assert_int_equal(calls, 0);
  H5Fopen("/nowhere.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
  assert_int_equal(calls, 1);
  H5Eset_auto2(H5E_DEFAULT, before, before_context);
}

static void test_no_id_stays_open(void **state) {
  (void)state;
  assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
  const char *version = tn_hdf5_version();
  assert_memory_equal(version, "HDF5 1.", 7);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_type_and_layout),
      cmocka_unit_test(test_dimensions_are_flattened),
      cmocka_unit_test(test_many_rows),
      cmocka_unit_test(test_bad_values),
      cmocka_unit_test(test_values_keep_their_range),
      cmocka_unit_test(test_labels),
      cmocka_unit_test(test_bad_labels),
      cmocka_unit_test(test_what_cannot_be_opened),
      cmocka_unit_test(test_damaged_files),
      cmocka_unit_test(test_rows_outside),
      cmocka_unit_test(test_readers_beside_a_writer),
      cmocka_unit_test(test_list),
      cmocka_unit_test(test_long_lists_are_cut),
      cmocka_unit_test(test_error_reporting_is_given_back),
      cmocka_unit_test(test_no_id_stays_open),
  };
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
