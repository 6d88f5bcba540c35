/* NPY files: headers are written here as numpy.lib.format documents them. */
#include "import_test.h"
#include "scratch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the three above */

/* A file under construction. */
static unsigned char image[1 << 16];
static size_t image_size;

static void put(const void *bytes, size_t count) {
  memcpy(image + image_size, bytes, count);
  image_size += count;
}

/* A header of this version with the dictionary given as text. */
static void put_text(int version, const char *text) {
  const uint32_t length = (uint32_t)strlen(text);
  const unsigned char start[] = {0x93, 'N', 'U', 'M', 'P', 'Y', (unsigned char)version, 0};
  image_size = 0;
  put(start, sizeof start);
  for (int i = 0; i < (version == 1 ? 2 : 4); i++)
    put(&(unsigned char){(unsigned char)(length >> 8 * i)}, 1);
  put(text, length);
}

static void put_header(const char *descr, const char *shape) {
  char text[128];
  snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }      \n", descr, shape);
  put_text(1, text);
}

static const char *save(const char *name) {
  return scratch_write(name, image, image_size);
}

static tn_status import_pair(const char *x, const char *y, const char *out, tn_import_counts *counts) {
  const tn_import_split split = {.name = "train", .x_files = &x, .x_file_count = 1, .y_file = y};
  return tn_import_npy(out, &split, 1, NULL, counts);
}

static tn_status import_alone(const char *file, const char *out) {
  return import_pair(file, NULL, out, NULL);
}

/* A value's bytes, `size` of them, in the order '<' or '>', from the machine's own. */
static void put_value(const void *value, size_t size, char order) {
  unsigned char bytes[8];
  memcpy(bytes, value, size);
  const bool is_little = (*(const unsigned char *)&(const uint16_t){1}) == 1;
  for (size_t i = 0; i < size; i++)
    put(&bytes[(order == '<') == is_little ? i : size - 1 - i], 1);
}

#define VALUES 4
static const uint8_t bools[VALUES] = {0, 1, 1, 0}, u1[VALUES] = {0, 1, 128, 255};
static const int8_t i1[VALUES] = {0, -1, 127, -128};
static const uint16_t u2[VALUES] = {0, 1, 258, 65535};
static const int16_t i2[VALUES] = {0, -1, 258, -32768};
static const uint32_t u4[VALUES] = {0, 1, 16909060, 4294967295u};
static const int32_t i4[VALUES] = {0, -1, 16909060, INT32_MIN};
static const uint64_t u8[VALUES] = {0, 1, UINT64_C(1) << 40, UINT64_C(1) << 62};
static const int64_t i8[VALUES] = {0, -1, INT64_C(1) << 40, INT64_MIN};
static const uint16_t f2[VALUES] = {0x3c00, 0xfbff, 0x0001, 0x8400}; /* 1, -65504, 2^-24, -2^-14 */
static const float f4[VALUES] = {0, -1.5f, 0x1p-149f, 0x1.fffffep127f};
static const double f8[VALUES] = {0, -1.5, 0.1, 0x1.fffffep127};

static const struct {
  const char *code;
  size_t size;
  const void *values;
  const char *stored_type;
  double stored[VALUES];
} types[] = {
    {"b1", 1, bools, "uint8", {0, 1, 1, 0}},
    {"u1", 1, u1, "uint8", {0, 1, 128, 255}},
    {"i1", 1, i1, "int8", {0, -1, 127, -128}},
    {"u2", 2, u2, "uint16", {0, 1, 258, 65535}},
    {"i2", 2, i2, "int16", {0, -1, 258, -32768}},
    {"u4", 4, u4, "int64", {0, 1, 16909060, 4294967295.0}},
    {"i4", 4, i4, "int32", {0, -1, 16909060, -2147483648.0}},
    {"u8", 8, u8, "int64", {0, 1, 0x1p40, 0x1p62}},
    {"i8", 8, i8, "int64", {0, -1, 0x1p40, -0x1p63}},
    {"f2", 2, f2, "float32", {1, -65504, 0x1p-24, -0x1p-14}},
    {"f4", 4, f4, "float32", {0, -1.5, 0x1p-149, 0x1.fffffep127}},
    {"f8", 8, f8, "float64", {0, -1.5, 0.1, 0x1.fffffep127}},
};

static void test_every_type_in_both_orders(void **state) {
  (void)state;
  for (size_t t = 0; t < sizeof types / sizeof types[0]; t++)
    for (const char *order = "<>|="; *order; order++) {
      const bool is_native = *order == '|' || *order == '=';
      const char machine = *(const unsigned char *)&(const uint16_t){1} == 1 ? '<' : '>';
      char descr[8];
      snprintf(descr, sizeof descr, "%c%s", *order, types[t].code);
      put_header(descr, "(2, 2)");
      for (size_t i = 0; i < VALUES; i++)
        put_value((const char *)types[t].values + i * types[t].size, types[t].size, is_native ? machine : *order);
      const char *x = save("x"), *out = scratch_path("out.h5");
      assert_int_equal(import_alone(x, out), TN_OK);
      check_dataset(out, "/train/x", types[t].stored_type, 2, 2, types[t].stored);
      unlink(out);
    }
}

/* Every half against the definition of binary16 in double. */
static void test_all_halves(void **state) {
  (void)state;
  enum { FINITE = 2 * 31 * 1024 };
  const size_t header = 128;
  char text[160];
  snprintf(text, sizeof text, "{'descr': '<f2', 'fortran_order': False, 'shape': (%d, 1)}", FINITE);
  memset(text + strlen(text), ' ', sizeof text - strlen(text));
  text[header - 10] = '\0';
  put_text(1, text);
  unsigned char *bytes = calloc(1, header + 2 * FINITE);
  double *values = calloc(FINITE, sizeof *values);
  memcpy(bytes, image, header);
  size_t count = 0;
  for (unsigned half = 0; half < 1 << 16; half++) {
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    if (exponent == 31)
      continue;
    bytes[header + 2 * count] = (unsigned char)half;
    bytes[header + 2 * count + 1] = (unsigned char)(half >> 8);
    const double size = exponent ? (1 + fraction / 1024.0) * pow(2, exponent - 15) : fraction / 1024.0 * pow(2, -14);
    values[count++] = half >> 15 ? -size : size;
  }
  assert_int_equal(count, FINITE);
  const char *x = scratch_write("x", bytes, header + 2 * FINITE), *out = scratch_path("out.h5");
  assert_int_equal(import_alone(x, out), TN_OK);
  check_dataset(out, "/train/x", "float32", FINITE, 1, values);
  free(values);
  free(bytes);
}

static void test_versions_and_spellings(void **state) {
  (void)state;
  static const char *const texts[] = {
      "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3), }",
      "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<u2\"}",
      "  { 'fortran_order' : False , 'shape' : ( 2L , 3L ) , 'descr' : '<u2' }   \n",
      "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3, 1, 1,)}\n",
  };
  for (int version = 1; version <= 3; version++)
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
      put_text(version, texts[i]);
      for (uint16_t value = 1; value <= 6; value++)
        put_value(&value, 2, '<');
      const char *x = save("x"), *out = scratch_path("out.h5");
      assert_int_equal(import_alone(x, out), TN_OK);
      check_dataset(out, "/train/x", "uint16", 2, 3, (double[]){1, 2, 3, 4, 5, 6});
      unlink(out);
    }
}

static void test_targets(void **state) {
  (void)state;
  put_header("|u1", "(3, 2, 2)");
  put("abcdefghijkl", 12);
  const char *x = save("x");
  static const struct {
    const char *shape;
    int64_t cols, targets;
  } shapes[] = {{"(3,)", 0, 1}, {"(3, 1)", 0, 1}, {"(3, 2)", 2, 2}};
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    put_header("<f4", shapes[i].shape);
    for (int v = 0; v < 3 * (int)shapes[i].targets; v++)
      put_value(&(float){(float)v + 0.5f}, 4, '<');
    const char *y = save("y"), *out = scratch_path("out.h5");
    tn_import_counts counts;
    assert_int_equal(import_pair(x, y, out, &counts), TN_OK);
    check_dataset(out, "/train/y", "float32", 3, shapes[i].cols, (double[]){0.5, 1.5, 2.5, 3.5, 4.5, 5.5});
    check_dataset(out, "/train/x", "uint8", 3, 4, (double[]){97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108});
    assert_int_equal(counts.targets, shapes[i].targets);
    unlink(out);
  }
}

/* Converted in place from 2 to 4 bytes, over more than a block. */
static void test_blocks_that_widen(void **state) {
  (void)state;
  enum { ROWS = 700, COLS = 1024 };
  put_header("<u4", "(700, 1024)");
  const size_t header = image_size, count = (size_t)ROWS * COLS;
  unsigned char *bytes = malloc(header + 4 * count);
  double *values = malloc(count * sizeof *values);
  memcpy(bytes, image, header);
  for (size_t i = 0; i < count; i++) {
    const uint32_t value = (uint32_t)(i * 2654435761u);
    for (int b = 0; b < 4; b++)
      bytes[header + 4 * i + (size_t)b] = (unsigned char)(value >> 8 * b);
    values[i] = value;
  }
  const char *x = scratch_write("x", bytes, header + 4 * count), *out = scratch_path("out.h5");
  assert_int_equal(import_alone(x, out), TN_OK);
  check_dataset(out, "/train/x", "int64", ROWS, COLS, values);
  free(values);
  free(bytes);
}

static void refuse_image(const char *text) {
  check_refused(import_alone(save("x"), scratch_path("out.h5")), TN_ERR_DATA, text, 1);
}

static void test_bad_preambles(void **state) {
  (void)state;
  image_size = 0;
  refuse_image("x: does not start as an NPY file does");
  put("PK\3\4 an archive", 15);
  refuse_image("unzip it");
  put_text(1, "{}");
  image[6] = 4;
  refuse_image("x: NPY version 4.0, expected 1 to 3");
  put_text(1, "{}");
  image_size = 9;
  refuse_image("is damaged or too long");
  put_text(2, "{}");
  image[10] = 1; /* 2 + 65536 */
  refuse_image("x: its NPY header of 65538 bytes is damaged or too long");
  put_header("<f4", "(2, 2)");
  image_size = 30;
  refuse_image("x: ends within its NPY header");
}

static void test_bad_dictionaries(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"", "character 1, expected a dictionary"},
      {"[]", "character 1, expected a dictionary"},
      {"{}", "expected each of descr, fortran_order and shape"},
      {"{'descr': '<f4', 'shape': (1, 1)}", "expected each of descr, fortran_order and shape"},
      {"{'descr': '<f4', 'descr': '<f4', 'shape': (1, 1)}", "expected each of descr, fortran_order and shape once"},
      {"{'color': 1}", "character 10, expected each of descr"},
      {"{descr: '<f4'}", "character 2, expected a quoted word"},
      {"{'descr' '<f4'}", "character 10, expected a colon"},
      {"{'descr': '<f4' 'shape': (1, 1)}", "expected a comma or the end of the dictionary"},
      {"{'descr': <f4}", "character 11, expected a quoted word"},
      {"{'descr': '<f4}", "expected a short quoted word"},
      {"{'fortran_order': 0}", "character 19, expected True or False"},
      {"{'shape': 3}", "expected a shape in parentheses"},
      {"{'shape': (3 4)}", "expected a comma or the end of the shape"},
      {"{'shape': (-3, 4)}", "character 12, expected a number"},
      {"{'shape': (99999999999999999999, 4)}", "expected a number below 2^63"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1)} + 1", "expected nothing behind the dictionary"},
      {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 1)}", "x: holds a structured array"},
      {"{'descr': '<c8', 'fortran_order': False, 'shape': (1, 1)}", "x: holds elements of type '<c8'"},
      {"{'descr': '|S5', 'fortran_order': False, 'shape': (1, 1)}", "x: holds elements of type '|S5'"},
      {"{'descr': '', 'fortran_order': False, 'shape': (1, 1)}", "x: holds elements of type ''"},
      {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2)}", "x: stored in Fortran order"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}", "x: holds a single value"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    put_text(1, cases[i][0]);
    put("\0\0\0\0", 4);
    refuse_image(cases[i][1]);
  }
  char text[512] = "{'shape': (";
  for (int i = 0; i < 65; i++)
    strcat(text, "1,");
  put_text(1, text);
  refuse_image("x: more than 64 dimensions");
}

static void test_bad_extents(void **state) {
  (void)state;
  put_header("<f4", "(2, 2)");
  put("123456789012345", 15);
  refuse_image("x: its header says 2 x 2 float32, ");
  put("67", 2);
  refuse_image("1 too many");
  put_header("<f4", "(0, 2)");
  refuse_image("there is nothing to import");
  put_header("<f4", "(4,)");
  put("1234567890123456", 16);
  refuse_image("x: holds 4 float32, features have two dimensions or more");
  put_header("<f8", "(9223372036854775807, 2)");
  refuse_image("which is larger than a file can be");
  put_header("<f8", "(2, 9223372036854775807, 9223372036854775807)");
  refuse_image("rows of more than 67108864 values are not supported");
}

static void test_bad_values(void **state) {
  (void)state;
  put_header("|b1", "(2, 2)");
  put("\0\1\2\1", 4);
  refuse_image("x: row 1, column 0 (counted from 0): a bool that is neither 0 nor 1");
  put_header("<u8", "(1, 2)");
  put_value(&(uint64_t){INT64_MAX}, 8, '<');
  put_value(&(uint64_t){(uint64_t)INT64_MAX + 1}, 8, '<');
  refuse_image("x: row 0, column 1 (counted from 0): a value beyond int64");
  put_header("<f2", "(1, 2)");
  put("\0\x3c\0\x7c", 4);
  refuse_image("x: row 0, column 1 (counted from 0): a value that is not finite");
  put_header("<f4", "(2, 1)");
  put_value(&(float){NAN}, 4, '<');
  put_value(&(float){0}, 4, '<');
  refuse_image("x: row 0, column 0 (counted from 0): a value that is not finite");
}

static void test_bad_targets(void **state) {
  (void)state;
  put_header("|u1", "(2, 2)");
  put("1234", 4);
  const char *x = save("x"), *out = scratch_path("out.h5");
  put_header("|u1", "(2, 2, 1)");
  put("1234", 4);
  check_refused(import_pair(x, save("y"), out, NULL), TN_ERR_DATA, "y: holds 2 x 2 x 1 uint8, targets of an NPY file",
                2);
  put_header("|u1", "(3,)");
  put("123", 3);
  check_refused(import_pair(x, save("y"), out, NULL), TN_ERR_DATA, "y: holds 3 targets", 2);
  /* classes in one split, values in the other */
  put_header("|u1", "(2,)");
  put("12", 2);
  const char *classes = save("y");
  put_header("<f4", "(2,)");
  put("12345678", 8);
  const char *values = save("z");
  const tn_import_split splits[] = {
      {.name = "train", .x_files = &x, .x_file_count = 1, .y_file = NULL},
      {.name = "valid", .x_files = &x, .x_file_count = 1, .y_file = classes},
      {.name = "test", .x_files = &x, .x_file_count = 1, .y_file = values},
  };
  check_refused(tn_import_npy(out, splits, 3, NULL, NULL), TN_ERR_DATA,
                "z: targets are floats, expected integers as in ", 3);
  put_header("|u1", "(2, 3)");
  put("123456", 6);
  save("z");
  check_refused(tn_import_npy(out, splits, 3, NULL, NULL), TN_ERR_DATA, "z: 3 targets a row, expected 1 as in ", 3);
}

static tn_status import_mutant(const char *file, const char *out) {
  const tn_status status = import_alone(file, out);
  return status == TN_OK ? status : import_pair(scratch_path("x"), file, out, NULL);
}

static void test_mutations(void **state) {
  (void)state;
  put_header("<f2", "(3, 2)");
  put("\0\x3c\0\x3c\0\x3c\0\x3c\0\x3c\0\x3c", 12);
  save("x");
  check_mutations(image, image_size, import_mutant);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_every_type_in_both_orders, scratch_clear),
      cmocka_unit_test_teardown(test_all_halves, scratch_clear),
      cmocka_unit_test_teardown(test_versions_and_spellings, scratch_clear),
      cmocka_unit_test_teardown(test_targets, scratch_clear),
      cmocka_unit_test_teardown(test_blocks_that_widen, scratch_clear),
      cmocka_unit_test_teardown(test_bad_preambles, scratch_clear),
      cmocka_unit_test_teardown(test_bad_dictionaries, scratch_clear),
      cmocka_unit_test_teardown(test_bad_extents, scratch_clear),
      cmocka_unit_test_teardown(test_bad_values, scratch_clear),
      cmocka_unit_test_teardown(test_bad_targets, scratch_clear),
      cmocka_unit_test_teardown(test_mutations, scratch_clear),
  };
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
