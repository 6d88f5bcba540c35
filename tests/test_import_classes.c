/* CSV files whose labels are names: which class each name becomes, how the names are stored, and what is refused. */
#include "import_test.h"
#include "scratch.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the three above */

#define CLASSES_MAX 65536

static const tn_import_csv last_is_label = {.header = -1, .label_column = "-1"};
static const tn_import_csv no_header = {.header = 0, .label_column = "-1"};

static const char *save(const char *name, const char *text) {
  return scratch_write(name, text, strlen(text));
}

static tn_status import_file(const char *file, const char *out, const tn_import_csv *csv, tn_import_counts *counts) {
  const tn_import_split split = {.name = "train", .x_files = &file, .x_file_count = 1};
  return tn_import_csv_files(out, &split, 1, csv, NULL, counts);
}

/* Imports a text and returns the path of the output. */
static const char *import_text(const char *text, const tn_import_csv *csv) {
  const char *out = scratch_path("out.h5");
  unlink(out);
  if (import_file(save("a.csv", text), out, csv, NULL) != TN_OK)
    fail_msg("%s", tn_error_message());
  return out;
}

static void refuse(const char *text, const tn_import_csv *csv, const char *message) {
  check_refused(import_file(save("a.csv", text), scratch_path("out.h5"), csv, NULL), TN_ERR_DATA, message, 1);
}

/* Two splits of one text each. */
static tn_status import_two(const char *name, const char *text, const char *second_name, const char *second_text,
                            const char *out) {
  const char *files[] = {save("a.csv", text), save("b.csv", second_text)};
  const tn_import_split splits[] = {{.name = name, .x_files = &files[0], .x_file_count = 1},
                                    {.name = second_name, .x_files = &files[1], .x_file_count = 1}};
  return tn_import_csv_files(out, splits, 2, &last_is_label, NULL, NULL);
}

/* Asserts that /class_names holds these, as strings that HDF5 knows for UTF-8. */
static void check_names(const char *file, int count, const char *const *names) {
  const hid_t handle = H5Fopen(file, H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t dataset = H5Dopen2(handle, "/class_names", H5P_DEFAULT);
  assert_true(dataset >= 0);
  const hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  assert_int_equal(H5Tget_class(type), H5T_STRING);
  assert_int_equal(H5Tget_cset(type), H5T_CSET_UTF8);
  assert_int_equal(H5Tis_variable_str(type), 0);
  assert_int_equal(H5Sget_simple_extent_ndims(space), 1);
  assert_int_equal(H5Sget_simple_extent_npoints(space), count);
  const size_t bytes = H5Tget_size(type);
  char *found = calloc((size_t)count, bytes);
  assert_true(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, found) >= 0);
  for (int i = 0; i < count; i++)
    assert_string_equal(found + (size_t)i * bytes, names[i]);
  free(found);
  H5Sclose(space);
  H5Tclose(type);
  H5Dclose(dataset);
  H5Fclose(handle);
}

static void test_sorted_names_are_classes(void **state) {
  (void)state;
  tn_import_counts counts;
  const char *file = save("iris.csv", "length,species\n6.3,virginica\n5.1,setosa\n7.0,versicolor\n4.9,setosa\n");
  const char *out = scratch_path("out.h5");
  const tn_import_csv by_name = {.header = -1, .label_column = "species"};
  assert_int_equal(import_file(file, out, &by_name, &counts), TN_OK);
  check_dataset(out, "/train/x", "float32", 4, 1, (double[]){6.3f, 5.1f, 7.0f, 4.9f});
  check_dataset(out, "/train/y", "int64", 4, 0, (double[]){2, 0, 1, 0});
  check_names(out, 3, (const char *[]){"setosa", "versicolor", "virginica"});
  assert_int_equal(counts.classes, 3);
  assert_string_equal(counts.y_type, "int64");
}

static void test_order_is_that_of_bytes(void **state) {
  (void)state;
  /* capitals before small letters, a prefix before what is longer, digits within names, beyond ASCII last */
  static const char *const names[] = {"B", "Z9", "a", "a b", "ab", "b1", "\xc3\xa9", "\xf0\x9f\x8c\xb7"};
  const char *out =
      import_text("x,y\n0,\xf0\x9f\x8c\xb7\n1,ab\n2,a\n3,Z9\n4,\xc3\xa9\n5,B\n6,b1\n7,a b\n", &last_is_label);
  check_names(out, 8, names);
  check_dataset(out, "/train/y", "int64", 8, 0, (double[]){7, 4, 2, 1, 6, 0, 5, 3});
}

static void test_same_bytes_are_the_same_name(void **state) {
  (void)state;
  /* space around a field does not count, within quotes it does; quotes are no part of a name */
  const char *out =
      import_text("x,y\n0,a\n1, a \n2,\"a\"\n3,\" a\"\n4,A\n5,\"a,\n\"\"b\"\"\"\n6,\ta\n", &last_is_label);
  check_names(out, 4, (const char *[]){" a", "A", "a", "a,\n\"b\""});
  check_dataset(out, "/train/y", "int64", 7, 0, (double[]){2, 2, 2, 0, 1, 3, 2});
}

static void test_all_splits_count(void **state) {
  (void)state;
  const char *out = scratch_path("out.h5");
  /* whichever comes first */
  assert_int_equal(import_two("train", "x,y\n1,c\n2,b\n3,a\n", "test", "x,y\n4,b\n5,c\n", out), TN_OK);
  check_dataset(out, "/train/y", "int64", 3, 0, (double[]){2, 1, 0});
  check_dataset(out, "/test/y", "int64", 2, 0, (double[]){1, 2});
  unlink(out);
  assert_int_equal(import_two("valid", "x,y\n4,b\n5,c\n", "train", "x,y\n1,c\n2,b\n3,a\n", out), TN_OK);
  check_dataset(out, "/train/y", "int64", 3, 0, (double[]){2, 1, 0});
  check_dataset(out, "/valid/y", "int64", 2, 0, (double[]){1, 2});
  unlink(out);
  /* without training rows there is nothing to compare with */
  assert_int_equal(import_two("valid", "x,y\n4,b\n", "test", "x,y\n5,c\n", out), TN_OK);
  check_names(out, 2, (const char *[]){"b", "c"});
}

static void test_a_class_without_training_rows(void **state) {
  (void)state;
  const char *out = scratch_path("out.h5");
  static const char message[] = "b.csv: line 3, column 2 (y): class 'd' stands in no training row, so that no network";
  check_refused(import_two("train", "x,y\n1,c\n2,b\n", "test", "x,y\n4,b\n5,d\n6,d\n", out), TN_ERR_DATA, message, 2);
  check_refused(import_two("test", "x,y\n4,b\n", "train", "x,y\n1,c\n", out), TN_ERR_DATA,
                "a.csv: line 2, column 2 (y): class 'b' stands in no training row", 2);
}

static void test_header_or_row(void **state) {
  (void)state;
  static const char text[] = "5.1,setosa\n7.0,versicolor\n";
  static const double both[] = {0, 1};
  /* the label alone makes a header of the first line: that may be wrong where labels are names */
  refuse(text, &last_is_label, "a.csv: line 1: a header or a row? Only its label ('setosa') is no number");
  /* told, it is known */
  const tn_import_csv yes = {.header = 1, .label_column = "-1"};
  check_dataset(import_text(text, &no_header), "/train/y", "int64", 2, 0, both);
  check_dataset(import_text(text, &yes), "/train/y", "int64", 1, 0, both);
  /* and where its name is asked for, or labels are numbers, it is a header */
  const tn_import_csv by_name = {.header = -1, .label_column = "y"};
  check_dataset(import_text("0,y\n5,a\n6,b\n", &by_name), "/train/y", "int64", 2, 0, both);
  check_dataset(import_text("0,y\n5,0\n6,1\n", &last_is_label), "/train/y", "int64", 2, 0, both);
}

static void test_refused_labels(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"a,b\n1,x\n2,3\n", "a.csv: line 3, column 2 (b): '3', expected a name as in line 2 of "},
      {"a,b\n1,3\n2,x\n", "a.csv: line 3, column 2 (b): 'x', expected a number as in line 2 of "},
      {"a,b\n1,x\n2,nan\n", "a.csv: line 3, column 2 (b): 'nan', expected a name as in line 2 of "},
      {"a,b\n1,0x10\n", "a.csv: line 2, column 2 (b): '0x10', expected a finite decimal number"},
      {"a,b\n1,x\n2,\n", "a.csv: line 3, column 2 (b): empty, expected a label: fill in what is missing"},
      {"a,b\n1,\"\"\n2,x\n", "a.csv: line 2, column 2 (b): empty, expected a label"},
      {"a,b\n1,x\n2,\" \t\"\n", "a.csv: line 3, column 2 (b): empty, expected a label"},
      {"a,b\n1,caf\xe9\n", "a.csv: line 2, column 2 (b): 'caf\xe9' is not UTF-8: save the file as such"},
      {"a,b\nx,x\n", "a.csv: line 2, column 1 (a): 'x', expected a number such as 12 or -0.5e3: code categories"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    refuse(cases[i][0], &last_is_label, cases[i][1]);
  const tn_import_csv values = {.header = -1, .label_column = "-1", .regression = true};
  refuse("a,b\n1,x\n", &values, "a.csv: line 2, column 2 (b): 'x', expected a number such as 12 or -0.5e3: names of");
}

/* Each of these bytes after a sound start, as RFC 3629 forbids it. */
static void test_what_is_no_utf8(void **state) {
  (void)state;
  static const char *const bad[] = {"\x80",
                                    "\xc1\x81",
                                    "\xc3",
                                    "\xc3(",
                                    "\xe0\x9f\xbf",
                                    "\xe2\x82",
                                    "\xed\xa0\x80",
                                    "\xf0\x8f\xbf\xbf",
                                    "\xf0\x9f\x8c",
                                    "\xf4\x90\x80\x80",
                                    "\xf5\x80\x80\x80",
                                    "\xff"};
  static const char *const good[] = {"\x7f",         "\xc2\x80",         "\xdf\xbf",
                                     "\xe0\xa0\x80", "\xed\x9f\xbf",     "\xee\x80\x80",
                                     "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
  char text[64];
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    snprintf(text, sizeof text, "a,b\n1,x%s\n", bad[i]);
    refuse(text, &last_is_label, "is not UTF-8");
  }
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    snprintf(text, sizeof text, "a,b\n1,%s\n", good[i]);
    check_names(import_text(text, &last_is_label), 1, &good[i]);
  }
}

static void test_zero_bytes_and_lengths(void **state) {
  (void)state;
  static const char zero[] = "a,b\n1,x\n2,x\0y\n";
  const char *file = scratch_write("a.csv", zero, sizeof zero - 1);
  check_refused(import_file(file, scratch_path("out.h5"), &last_is_label, NULL), TN_ERR_DATA,
                "a.csv: line 3, column 2 (b): 'x?y' is not UTF-8", 1);
  char name[257], text[300];
  const char *names[] = {name};
  memset(name, 'n', sizeof name);
  name[256] = '\0';
  snprintf(text, sizeof text, "a,b\n1,%s\n", name);
  refuse(text, &last_is_label, "a.csv: line 2, column 2 (b): a class of 256 bytes ('nnn");
  name[255] = '\0';
  snprintf(text, sizeof text, "a,b\n1,%s\n", name);
  check_names(import_text(text, &last_is_label), 1, names);
}

/* Row i has the name of class (i * 40503) mod CLASSES_MAX: the factor is odd, so that each class is there once. */
static int class_of_row(int row) {
  return (int)((unsigned)row * 40503U % CLASSES_MAX);
}

static void test_as_many_classes_as_there_may_be(void **state) {
  (void)state;
  enum { LINE = 16 };
  char *text = calloc(CLASSES_MAX + 2, LINE), *next = text;
  double *y = calloc(CLASSES_MAX, sizeof *y);
  tn_import_counts counts;
  const char *out = scratch_path("out.h5");
  for (int row = 0; row < CLASSES_MAX; row++) {
    y[row] = class_of_row(row);
    next += snprintf(next, LINE, "1,name%05d\n", class_of_row(row));
  }
  assert_int_equal(import_file(save("a.csv", text), out, &no_header, &counts), TN_OK);
  assert_int_equal(counts.classes, CLASSES_MAX);
  check_dataset(out, "/train/y", "int64", CLASSES_MAX, 0, y);
  unlink(out);
  snprintf(next, LINE, "1,one more\n");
  refuse(text, &no_header, "a.csv: line 65537, column 2: more than 65536 classes: is this the label column?");
  free(text);
  free(y);
}

/* Between the passes, as progress tells of the last rows of the first: another name comes up. */
static void change_file(void *context, const char *file, int pass, int passes, double fraction) {
  (void)context, (void)file, (void)passes, (void)fraction;
  if (pass == 1)
    save("a.csv", "5,b\n");
}

static void test_a_name_that_was_not_there_before(void **state) {
  (void)state;
  char text[4 * 4096 + 1] = ""; /* as many rows as lie between two calls of progress */
  for (int row = 0; row < 4096; row++)
    memcpy(text + 4 * row, "5,a\n", 5);
  const char *file = save("a.csv", text);
  const tn_import_split split = {.name = "train", .x_files = &file, .x_file_count = 1};
  const tn_import_options options = {.progress = change_file};
  check_refused(tn_import_csv_files(scratch_path("out.h5"), &split, 1, &no_header, &options, NULL), TN_ERR_IO,
                "a.csv: changed while it was imported", 1);
}

static tn_status import_mutant(const char *file, const char *out) {
  return import_file(file, out, &last_is_label, NULL);
}

static void test_mutations(void **state) {
  (void)state;
  static const char text[] = "a,\"b\"\r\n1,x\r\n-4,\"y z\"\r\n7,\xc3\xa9\r\n8,x\r\n";
  check_mutations(text, sizeof text - 1, import_mutant);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_sorted_names_are_classes, scratch_clear),
      cmocka_unit_test_teardown(test_order_is_that_of_bytes, scratch_clear),
      cmocka_unit_test_teardown(test_same_bytes_are_the_same_name, scratch_clear),
      cmocka_unit_test_teardown(test_all_splits_count, scratch_clear),
      cmocka_unit_test_teardown(test_a_class_without_training_rows, scratch_clear),
      cmocka_unit_test_teardown(test_header_or_row, scratch_clear),
      cmocka_unit_test_teardown(test_refused_labels, scratch_clear),
      cmocka_unit_test_teardown(test_what_is_no_utf8, scratch_clear),
      cmocka_unit_test_teardown(test_zero_bytes_and_lengths, scratch_clear),
      cmocka_unit_test_teardown(test_as_many_classes_as_there_may_be, scratch_clear),
      cmocka_unit_test_teardown(test_a_name_that_was_not_there_before, scratch_clear),
      cmocka_unit_test_teardown(test_mutations, scratch_clear),
  };
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
