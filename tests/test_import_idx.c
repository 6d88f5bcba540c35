/* IDX files: headers and big-endian values are written here byte by byte. */
#include "import_test.h"
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the three above */

/* A file under construction. */
static unsigned char image[1 << 16];
static size_t image_size;

static void put(uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; i--)
    image[image_size++] = (unsigned char)(value >> 8 * i);
}

static void put_header(int type, int rank, const int *shape) {
  image_size = 0;
  put(0, 2);
  put((uint64_t)type, 1);
  put((uint64_t)rank, 1);
  for (int i = 0; i < rank; i++)
    put((uint64_t)shape[i], 4);
}

static void put_float(double value, int bytes) {
  const float narrow = (float)value;
  uint32_t word = 0;
  uint64_t wide = 0;
  memcpy(&word, &narrow, sizeof word);
  memcpy(&wide, &value, sizeof wide);
  put(bytes == 4 ? word : wide, bytes);
}

static const char *save(const char *name) {
  return scratch_write(name, image, image_size);
}

static tn_status import_pair(const char *x, const char *y, const char *out, tn_import_counts *counts) {
  const tn_import_split split = {.name = "train", .x_files = &x, .x_file_count = 1, .y_file = y};
  return tn_import_idx(out, &split, 1, NULL, counts);
}

static tn_status import_alone(const char *file, const char *out) {
  return import_pair(file, NULL, out, NULL);
}

static const char *save_bytes_3x2x2(const char *name) {
  put_header(0x08, 3, (int[]){3, 2, 2});
  for (uint64_t i = 0; i < 12; i++)
    put(i * 20, 1);
  return save(name);
}

static const char *save_labels(const char *name, int count) {
  put_header(0x08, 1, &count);
  for (int i = 0; i < count; i++)
    put((uint64_t)i % 10, 1);
  return save(name);
}

static void test_images_and_labels(void **state) {
  (void)state;
  const char *x = save_bytes_3x2x2("x"), *y = save_labels("y", 3), *out = scratch_path("out.h5");
  tn_import_counts counts;
  assert_int_equal(import_pair(x, y, out, &counts), TN_OK);
  check_dataset(out, "/train/x", "uint8", 3, 4, (double[]){0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220});
  check_dataset(out, "/train/y", "uint8", 3, 0, (double[]){0, 1, 2});
  assert_int_equal(counts.rows, 3);
  assert_int_equal(counts.features, 4);
  assert_int_equal(counts.targets, 1);
  assert_string_equal(counts.x_type, "uint8");
  assert_string_equal(counts.y_type, "uint8");
}

static void test_every_type(void **state) {
  (void)state;
  static const struct {
    int code, bytes;
    bool is_float;
    const char *name;
    double values[6];
  } types[] = {
      {0x08, 1, false, "uint8", {0, 1, 2, 127, 128, 255}},
      {0x09, 1, false, "int8", {0, -1, 2, 127, -128, -127}},
      {0x0b, 2, false, "int16", {0, -1, 258, 32767, -32768, -2}},
      {0x0c, 4, false, "int32", {0, -1, 16909060, 2147483647, -2147483648.0, -2}},
      {0x0d, 4, true, "float32", {0, -1.5, 0x1.8p100, 0x1p-149, -0x1.fffffep127, 3}},
      {0x0e, 8, true, "float64", {0, -1.5, 0.1, 0x1p-1074, -0x1.fffffep127, 3}},
  };
  for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
    put_header(types[t].code, 2, (int[]){2, 3});
    for (int i = 0; i < 6; i++)
      if (types[t].is_float)
        put_float(types[t].values[i], types[t].bytes);
      else
        put((uint64_t)(int64_t)types[t].values[i], types[t].bytes);
    const char *x = save("x"), *out = scratch_path("out.h5");
    assert_int_equal(import_alone(x, out), TN_OK);
    check_dataset(out, "/train/x", types[t].name, 2, 3, types[t].values);
    unlink(x);
    unlink(out);
  }
}

static const char *pack(const char *path, const char *name) {
  size_t count = 0;
  void *bytes = scratch_read(path, &count);
  const char *packed = scratch_path(name);
  gzFile stream = gzopen(packed, "wb");
  assert_int_equal(gzwrite(stream, bytes, (unsigned)count), count);
  assert_int_equal(gzclose(stream), Z_OK);
  free(bytes);
  return packed;
}

static void test_gzip(void **state) {
  (void)state;
  const char *plain = save_bytes_3x2x2("plain"), *x = pack(plain, "x.gz"), *out = scratch_path("out.h5");
  assert_int_equal(import_alone(x, out), TN_OK);
  check_dataset(out, "/train/x", "uint8", 3, 4, (double[]){0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220});
  unlink(out);
  /* a packed file whose end is missing, or one byte of which is wrong */
  size_t count = 0;
  unsigned char *bytes = scratch_read(x, &count);
  scratch_write("x.gz", bytes, count - 9);
  check_refused(import_alone(x, out), TN_ERR_DATA, "x.gz: the gzip data end too early", 2);
  bytes[count - 6] ^= 1;
  scratch_write("x.gz", bytes, count);
  check_refused(import_alone(x, out), TN_ERR_DATA, "x.gz: damaged gzip data (incorrect data check)", 2);
  free(bytes);
  /* and one that holds less than its header says */
  put_header(0x08, 2, (int[]){3, 4});
  put(0, 8);
  scratch_write("plain", image, image_size);
  pack(plain, "x.gz");
  check_refused(import_alone(x, out), TN_ERR_DATA,
                "says 3 x 4 uint8, 24 bytes with the header; it has 20 once unpacked, 4 too few", 2);
}

/* More rows than a block holds, in one split of three. */
static void test_blocks_and_splits(void **state) {
  (void)state;
  enum { ROWS = 3000, COLS = 1000 };
  const size_t count = 12 + (size_t)ROWS * COLS;
  unsigned char *bytes = calloc(count, 1);
  put_header(0x08, 2, (int[]){ROWS, COLS});
  memcpy(bytes, image, image_size);
  double *values = calloc((size_t)ROWS * COLS, sizeof *values);
  for (size_t i = 0; i < (size_t)ROWS * COLS; i++)
    values[i] = bytes[image_size + i] = (unsigned char)(i * 2654435761u >> 24);
  const char *large = scratch_write("large", bytes, image_size + (size_t)ROWS * COLS);
  put_header(0x08, 2, (int[]){1, COLS});
  image_size += COLS;
  const char *small = save("small"), *out = scratch_path("out.h5");
  const tn_import_split splits[] = {{.name = "train", .x_files = &small, .x_file_count = 1},
                                    {.name = "valid", .x_files = &large, .x_file_count = 1},
                                    {.name = "test", .x_files = &small, .x_file_count = 1}};
  tn_import_counts counts[3];
  assert_int_equal(tn_import_idx(out, splits, 3, NULL, counts), TN_OK);
  check_dataset(out, "/valid/x", "uint8", ROWS, COLS, values);
  assert_int_equal(counts[1].rows, ROWS);
  assert_int_equal(counts[1].targets, 0);
  assert_null(counts[1].y_type);
  assert_int_equal(counts[2].rows, 1);
  free(values);
  free(bytes);
}

static void refuse_image(const char *text) {
  const char *x = save("x");
  check_refused(import_alone(x, scratch_path("out.h5")), TN_ERR_DATA, text, 1);
}

static void test_bad_headers(void **state) {
  (void)state;
  image_size = 0;
  refuse_image("x: 0 bytes are too few for the header");
  put(0x0803, 4);
  image_size = 3;
  refuse_image("x: 3 bytes are too few for the header");
  put_header(0x08, 2, (int[]){3, 4});
  image_size = 11;
  refuse_image("x: 11 bytes are too few for the header");
  put_header(0x08, 2, (int[]){3, 4});
  image[0] = 0x1f;
  refuse_image("x: starts with the bytes 1f 00, an IDX file with 00 00");
  put_header(0x0a, 2, (int[]){3, 4});
  refuse_image("x: byte 3 is 0a, an IDX file has the element type there");
  put_header(0x08, 0, NULL);
  refuse_image("x: byte 4 says 0 dimensions");
  put_header(0x08, 2, (int[]){3, 4});
  image[3] = 200;
  refuse_image("x: byte 4 says 200 dimensions");
}

static void test_bad_extents(void **state) {
  (void)state;
  put_header(0x08, 2, (int[]){3, 4});
  image_size += 11;
  refuse_image("x: its header says 3 x 4 uint8, 24 bytes with the header; it has 23, 1 too few");
  put_header(0x08, 2, (int[]){3, 4});
  image_size += 14;
  refuse_image("it has 26, 2 too many");
  put_header(0x08, 2, (int[]){0, 4});
  refuse_image("x: its header says 0 x 4 uint8: there is nothing to import");
  put_header(0x08, 2, (int[]){4, 0});
  refuse_image("there is nothing to import");
  put_header(0x0e, 4, (int[]){-1, -1, -1, -1});
  refuse_image("rows of more than 67108864 values are not supported");
  put_header(0x0e, 2, (int[]){-1, 1 << 26});
  refuse_image("2305843008676823052 bytes with the header; it has 12"); /* 2^61 - 2^29 + 12 */
  put_header(0x08, 1, (int[]){5});
  image_size += 5;
  refuse_image("x: holds 5 uint8, features have two dimensions or more (rows first): are these the labels?");
}

static void test_bad_labels(void **state) {
  (void)state;
  const char *x = save_bytes_3x2x2("x"), *y = save_labels("y", 4), *out = scratch_path("out.h5");
  check_refused(import_pair(x, y, out, NULL), TN_ERR_DATA, "y: holds 4 targets, ", 2);
  check_refused(import_pair(x, x, out, NULL), TN_ERR_DATA, "x: holds 3 x 2 x 2 uint8, targets of an IDX file", 2);
  put_header(0x0d, 1, (int[]){3});
  image_size += 12;
  save("y");
  check_refused(import_pair(x, y, out, NULL), TN_ERR_DATA, "y: holds 3 float32, labels are integers", 2);
}

static void test_values_that_are_not_finite(void **state) {
  (void)state;
  put_header(0x0d, 2, (int[]){2, 3});
  for (int i = 0; i < 6; i++)
    put(i == 4 ? 0x7fc00000 : 0, 4);
  refuse_image("x: row 1, column 1 (counted from 0): a value that is not finite");
  put_header(0x0e, 2, (int[]){2, 3});
  for (int i = 0; i < 6; i++)
    put_float(i == 2 ? 1e39 : 0, 8);
  refuse_image("x: row 0, column 2 (counted from 0): a value that is not finite, or outside float32");
}

static void test_splits_must_agree(void **state) {
  (void)state;
  const char *x = save_bytes_3x2x2("x"), *out = scratch_path("out.h5");
  put_header(0x08, 2, (int[]){1, 5});
  put(0, 5);
  const char *other = save("other");
  tn_import_split splits[] = {{.name = "train", .x_files = &x, .x_file_count = 1},
                              {.name = "test", .x_files = &other, .x_file_count = 1}};
  check_refused(tn_import_idx(out, splits, 2, NULL, NULL), TN_ERR_DATA, "other: rows of 5 features, expected 4 as in ",
                2);
  splits[1] = splits[0];
  check_refused(tn_import_idx(out, splits, 2, NULL, NULL), TN_ERR_USAGE, "split train: named twice", 2);
  splits[0].name = "a/b";
  check_refused(tn_import_idx(out, splits, 1, NULL, NULL), TN_ERR_USAGE, "no slash", 2);
  splits[0] = (tn_import_split){.name = "train"};
  check_refused(tn_import_idx(out, splits, 1, NULL, NULL), TN_ERR_USAGE, "split train: 0 files of features", 2);
  check_refused(tn_import_idx(out, splits, 0, NULL, NULL), TN_ERR_USAGE, "nothing to import", 2);
}

static void test_files_that_cannot_be_read(void **state) {
  (void)state;
  const char *out = scratch_path("out.h5");
  check_refused(import_alone(scratch_path("none"), out), TN_ERR_IO, "none: cannot be opened: No such file", 0);
  check_refused(import_alone("/dev/zero", out), TN_ERR_IO, "/dev/zero: is not a regular file", 0);
}

static void test_existing_output(void **state) {
  (void)state;
  const char *x = save_bytes_3x2x2("x"), *out = scratch_write("out.h5", "old", 3);
  check_refused(import_alone(x, out), TN_ERR_USAGE, "out.h5: exists already", 2);
  const tn_import_split split = {.name = "train", .x_files = &x, .x_file_count = 1};
  const tn_import_options options = {.overwrite = true};
  assert_int_equal(tn_import_idx(out, &split, 1, &options, NULL), TN_OK);
  check_dataset(out, "/train/x", "uint8", 3, 4, (double[]){0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220});
}

/* Both as features and as labels. */
static tn_status import_mutant(const char *file, const char *out) {
  const tn_status status = import_alone(file, out);
  if (status == TN_OK)
    return status;
  return import_pair(scratch_path("x"), file, out, NULL);
}

static void test_mutations(void **state) {
  (void)state;
  save_bytes_3x2x2("x"); /* to go with the labels, and the bytes to start from */
  check_mutations(image, image_size, import_mutant);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_images_and_labels, scratch_clear),
      cmocka_unit_test_teardown(test_every_type, scratch_clear),
      cmocka_unit_test_teardown(test_gzip, scratch_clear),
      cmocka_unit_test_teardown(test_blocks_and_splits, scratch_clear),
      cmocka_unit_test_teardown(test_bad_headers, scratch_clear),
      cmocka_unit_test_teardown(test_bad_extents, scratch_clear),
      cmocka_unit_test_teardown(test_bad_labels, scratch_clear),
      cmocka_unit_test_teardown(test_values_that_are_not_finite, scratch_clear),
      cmocka_unit_test_teardown(test_splits_must_agree, scratch_clear),
      cmocka_unit_test_teardown(test_files_that_cannot_be_read, scratch_clear),
      cmocka_unit_test_teardown(test_existing_output, scratch_clear),
      cmocka_unit_test_teardown(test_mutations, scratch_clear),
  };
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
