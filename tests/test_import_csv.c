/* CSV files: what is accepted and how it is stored, and every way to be malformed with its file, line and column. */
#include "import_test.h"
#include "scratch.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the three above */

static const tn_import_csv last_is_label = {.header = -1, .label_column = "-1"};
static const tn_import_csv no_label = {.header = -1};

static tn_status import_file(const char *file, const char *out, const tn_import_csv *csv, tn_import_counts *counts) {
  const tn_import_split split = {.name = "train", .x_files = &file, .x_file_count = 1};
  return tn_import_csv_files(out, &split, 1, csv, NULL, counts);
}

static const char *save(const char *name, const char *text) {
  return scratch_write(name, text, strlen(text));
}

/* Imports a text and returns the path of the output. */
static const char *import_text(const char *text, const tn_import_csv *csv) {
  const char *out = scratch_path("out.h5");
  unlink(out);
  const tn_status status = import_file(save("a.csv", text), out, csv, NULL);
  if (status != TN_OK)
    fail_msg("%s", tn_error_message());
  return out;
}

static void refuse(const char *text, const tn_import_csv *csv, tn_status status, const char *message) {
  check_refused(import_file(save("a.csv", text), scratch_path("out.h5"), csv, NULL), status, message, 1);
}

static void test_header_and_label(void **state) {
  (void)state;
  tn_import_counts counts;
  const char *file = save("iris.csv", "length,width,species\n5.1,3.5,0\n7.0,3.2,1\n6.3,3.3,2\n");
  const char *out = scratch_path("out.h5");
  assert_int_equal(import_file(file, out, &last_is_label, &counts), TN_OK);
  check_dataset(out, "/train/x", "float32", 3, 2, (double[]){5.1f, 3.5f, 7.0f, 3.2f, 6.3f, 3.3f});
  check_dataset(out, "/train/y", "int64", 3, 0, (double[]){0, 1, 2});
  assert_int_equal(counts.rows, 3);
  assert_int_equal(counts.features, 2);
  assert_int_equal(counts.targets, 1);
  assert_string_equal(counts.x_type, "float32");
  assert_string_equal(counts.y_type, "int64");
}

static void test_label_column(void **state) {
  (void)state;
  static const char text[] = "a,b,3\n1,2,9\n4,5,8\n";
  static const struct {
    const char *label;
    double y[2], x[4];
  } cases[] = {{"a", {1, 4}, {2, 9, 5, 8}}, {"1", {1, 4}, {2, 9, 5, 8}},  {"-3", {1, 4}, {2, 9, 5, 8}},
               {"b", {2, 5}, {1, 9, 4, 8}}, {"-2", {2, 5}, {1, 9, 4, 8}}, {"3", {9, 8}, {1, 2, 4, 5}}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const tn_import_csv csv = {.header = -1, .label_column = cases[i].label};
    const char *out = import_text(text, &csv);
    check_dataset(out, "/train/y", "int64", 2, 0, cases[i].y);
    check_dataset(out, "/train/x", "uint8", 2, 2, cases[i].x);
  }
}

static void test_no_label_no_header(void **state) {
  (void)state;
  const char *out = import_text("1,2\n3,4\n", &no_label);
  check_dataset(out, "/train/x", "uint8", 2, 2, (double[]){1, 2, 3, 4});
}

static void test_header_on_demand(void **state) {
  (void)state;
  /* names that are numbers, and a first line of numbers that is none */
  const tn_import_csv yes = {.header = 1, .label_column = "7"}, no = {.header = 0, .label_column = "1"};
  check_dataset(import_text("6,7\n1,2\n3,4\n", &yes), "/train/y", "int64", 2, 0, (double[]){2, 4});
  check_dataset(import_text("6,7\n1,2\n3,4\n", &no), "/train/y", "int64", 3, 0, (double[]){6, 1, 3});
  /* numpy's and pandas' unnamed index column makes an empty name */
  check_dataset(import_text(",a\n0,5\n1,6\n", &no_label), "/train/x", "uint8", 2, 2, (double[]){0, 5, 1, 6});
}

static void test_smallest_type_over_all_splits(void **state) {
  (void)state;
  static const struct {
    const char *text, *type;
    double values[2];
  } cases[] = {
      {"0\n255\n", "uint8", {0, 255}},
      {"-1\n127\n", "int8", {-1, 127}},
      {"-128\n0\n", "int8", {-128, 0}},
      {"0\n256\n", "uint16", {0, 256}},
      {"1\n65535\n", "uint16", {1, 65535}},
      {"-1\n128\n", "int16", {-1, 128}},
      {"-32768\n0\n", "int16", {-32768, 0}},
      {"-1\n32768\n", "float32", {-1, 32768}},
      {"0\n65536\n", "float32", {0, 65536}},
      {"0\n0.5\n", "float32", {0, 0.5}},
      {"1.0\n2e1\n", "uint8", {1, 20}},
      {"-0\n+3\n", "uint8", {0, 3}},
      {"0.1\n16777217\n", "float32", {0.1f, 16777216}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    check_dataset(import_text(cases[i].text, &no_label), "/train/x", cases[i].type, 2, 1, cases[i].values);
  /* a value of the test rows decides for the training rows too */
  const char *files[] = {save("train.csv", "1,2\n"), save("test.csv", "1,300\n")}, *out = scratch_path("both.h5");
  const tn_import_split splits[] = {{.name = "train", .x_files = &files[0], .x_file_count = 1},
                                    {.name = "test", .x_files = &files[1], .x_file_count = 1}};
  assert_int_equal(tn_import_csv_files(out, splits, 2, &no_label, NULL, NULL), TN_OK);
  check_dataset(out, "/train/x", "uint16", 1, 2, (double[]){1, 2});
  check_dataset(out, "/test/x", "uint16", 1, 2, (double[]){1, 300});
}

static void test_kinds_of_targets(void **state) {
  (void)state;
  const tn_import_csv values = {.header = -1, .label_column = "2", .regression = true};
  const tn_import_csv classes = {.header = -1, .label_column = "2"};
  check_dataset(import_text("0,1\n0,2\n", &classes), "/train/y", "int64", 2, 0, (double[]){1, 2});
  check_dataset(import_text("0,1\n0,2\n", &values), "/train/y", "float32", 2, 0, (double[]){1, 2});
  check_dataset(import_text("0,1.0\n0,2.5\n", &classes), "/train/y", "float32", 2, 0, (double[]){1, 2.5});
  check_dataset(import_text("0,-3\n0,9007199254740992\n", &classes), "/train/y", "int64", 2, 0,
                (double[]){-3, 9007199254740992.0});
  check_dataset(import_text("0,1\n0,9007199254740994\n", &classes), "/train/y", "float32", 2, 0,
                (double[]){1, 9007199254740992.0});
}

static void test_floats_are_exact(void **state) {
  (void)state;
  /* a little above FLT_MAX that rounds to it, a double rounding, the smallest number, and less than that */
  check_dataset(import_text("3.4028235e38\n1.000000059604644775390626\n1e-45\n1e-60\n-0.1\n", &no_label), "/train/x",
                "float32", 5, 1, (double[]){(double)FLT_MAX, 1 + 0x1p-23, 0x1p-149, 0, -0.1f});
}

static void test_quotes_spaces_and_line_ends(void **state) {
  (void)state;
  static const double values[] = {1, 2, 3, 4};
  static const char *const texts[] = {
      "1,2\r\n3,4\r\n",         /* CRLF */
      "1,2\n3,4",               /* no end of the last line */
      "1,2\r\n3,4\r",           /* half an end */
      "\"1\",\"2\"\n3,\"4\"\n", /* quotes */
      " 1 ,\t2\n3,4  \n",       /* space around fields */
      "1,2\n3,4\n\n",           /* empty last lines */
      "1,2\n3,4\n  \r\n\r\n",   /* with space */
      "\xef\xbb\xbf"
      "1,2\n3,4\n",                                    /* byte order mark */
      "\xef\xbb\xbf\"1\",2\n3,4\n",                    /* and a quote at once */
      "a,b\n1,2\n3,4\n",                               /* header */
      "\"a, b\",\"c\nd \"\"e\"\"\"\n1,2\n3,4\n",       /* whose names need quotes, and a line more */
      "\xef\xbb\xbf\"a\r\n\r\n\",b\r\n1,2\r\n3,4\r\n", /* empty line within quotes */
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    check_dataset(import_text(texts[i], &no_label), "/train/x", "uint8", 2, 2, values);
}

static void test_delimiters(void **state) {
  static const char delimiters[] = ";\t |:";
  for (const char *delimiter = delimiters; *delimiter; delimiter++) {
    char text[64];
    snprintf(text, sizeof text, "a%cb\n1%c2\n3%c4\n", *delimiter, *delimiter, *delimiter);
    const tn_import_csv csv = {.header = -1, .delimiter = *delimiter};
    check_dataset(import_text(text, &csv), "/train/x", "uint8", 2, 2, (double[]){1, 2, 3, 4});
  }
  scratch_clear(state);
  const tn_import_csv quote = {.delimiter = '"'}, newline = {.delimiter = '\n'};
  refuse("1\n", &quote, TN_ERR_USAGE, "the delimiter must be one ASCII character");
  refuse("1\n", &newline, TN_ERR_USAGE, "the delimiter must be one ASCII character");
}

static void test_several_files(void **state) {
  (void)state;
  const char *train[] = {save("a.csv", "x,y\n1,0\n2,1\n"), save("b.csv", "\"x\",\"y\"\r\n3,2\r\n")};
  const char *test[] = {save("c.csv", "x,y\n4,3")}, *out = scratch_path("out.h5");
  const tn_import_split splits[] = {{.name = "train", .x_files = train, .x_file_count = 2},
                                    {.name = "test", .x_files = test, .x_file_count = 1}};
  tn_import_counts counts[2];
  assert_int_equal(tn_import_csv_files(out, splits, 2, &last_is_label, NULL, counts), TN_OK);
  check_dataset(out, "/train/x", "uint8", 3, 1, (double[]){1, 2, 3});
  check_dataset(out, "/train/y", "int64", 3, 0, (double[]){0, 1, 2});
  check_dataset(out, "/test/x", "uint8", 1, 1, (double[]){4});
  check_dataset(out, "/test/y", "int64", 1, 0, (double[]){3});
  assert_int_equal(counts[0].rows, 3);
  assert_int_equal(counts[1].rows, 1);
}

/* Larger than the blocks it is read and written in, plain and packed; `calls` counts what progress tells. */
static void count_calls(void *context, const char *file, int pass, int passes, double fraction) {
  int *calls = context;
  assert_non_null(strstr(file, "large"));
  assert_true(pass >= 1 && pass <= passes && fraction >= 0 && fraction <= 1);
  calls[pass - 1]++;
}

static void check_large(const char *file, int64_t rows, int64_t cols, const double *x, const double *y) {
  const char *out = scratch_path("large.h5");
  int calls[2] = {0, 0};
  const tn_import_split split = {.name = "train", .x_files = &file, .x_file_count = 1};
  const tn_import_options options = {.overwrite = true, .progress = count_calls, .progress_context = calls};
  assert_int_equal(tn_import_csv_files(out, &split, 1, &last_is_label, &options, NULL), TN_OK);
  check_dataset(out, "/train/x", "float32", rows, cols, x);
  check_dataset(out, "/train/y", "int64", rows, 0, y);
  assert_true(calls[0] >= 2 && calls[1] >= 2);
}

static void test_larger_than_a_block(void **state) {
  (void)state;
  enum { ROWS = 20000, COLS = 30 };
  double *x = malloc(sizeof *x * ROWS * COLS), *y = malloc(sizeof *y * ROWS);
  const char *plain = scratch_path("large.csv"), *packed = scratch_path("large.csv.gz");
  FILE *stream = fopen(plain, "w");
  gzFile zipped = gzopen(packed, "wb");
  srandom(1);
  for (int i = 0; i < ROWS; i++) {
    char line[COLS * 16 + 32];
    int used = 0;
    for (int j = 0; j < COLS; j++) {
      x[i * COLS + j] = (double)(random() % 2000000 - 1000000) / 64; /* 1/64 is short in decimals, and exact */
      used += snprintf(line + used, sizeof line - (size_t)used, "%.6f,", x[i * COLS + j]);
      x[i * COLS + j] = (float)x[i * COLS + j];
    }
    y[i] = (double)(random() % 10);
    used += snprintf(line + used, sizeof line - (size_t)used, "%.0f\n", y[i]);
    fputs(line, stream);
    gzwrite(zipped, line, (unsigned)used);
  }
  fclose(stream);
  gzclose(zipped);
  check_large(plain, ROWS, COLS, x, y);
  check_large(packed, ROWS, COLS, x, y);
  free(x);
  free(y);
}

/* Wherever the end of a block falls: within a quoted field, before a doubled quote, between CR and LF. */
static void test_ends_of_blocks(void **state) {
  (void)state;
  enum { BLOCK = 1 << 18 };
  static const char good[] = "\"a\"\"\",\"b\r\n\r\nc\"\r\n1,\"2\"\r\n3,4\r\n", bad[] = "5,x\r\n";
  char *text = malloc(BLOCK + sizeof good + sizeof bad);
  for (size_t back = 0; back <= sizeof good; back++) {
    memset(text, ' ', BLOCK - back); /* space before a field does not count */
    memcpy(text, "\xef\xbb\xbf", 3); /* a mark is passed over in the first block only */
    strcpy(text + BLOCK - back, good);
    check_dataset(import_text(text, &no_label), "/train/x", "uint8", 2, 2, (double[]){1, 2, 3, 4});
    scratch_clear(state);
    strcat(text, bad);
    refuse(text, &no_label, TN_ERR_DATA, "a.csv: line 6, column 2 (b?");
  }
  free(text);
}

static void test_bad_fields(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"a,b\n1,2\n3,x\n", "a.csv: line 3, column 2 (b): 'x', expected a number as in line 2 of "},
      {"a,b\n1,2\nx,3\n", "a.csv: line 3, column 1 (a): 'x', expected a number such as 12 or -0.5e3: code categories"},
      {"1,2\n3,\n", "a.csv: line 2, column 2: empty, expected a label"},
      {"1,2\n,4\n", "a.csv: line 2, column 1: empty, expected a number"},
      {"1,2\n\" \",3\n", "a.csv: line 2, column 1: ' ', expected a number"},
      {"1,2\nnan,3\n", "a.csv: line 2, column 1: 'nan', expected a finite decimal number"},
      {"inf,2\n", "a.csv: line 1, column 1: 'inf', expected a finite decimal number"},
      {"1,2\n-Infinity,2\n", "a.csv: line 2, column 1: '-Infinity', expected a finite decimal number"},
      {"0x10,2\n", "a.csv: line 1, column 1: '0x10', expected a finite decimal number"},
      {"1,2\n\"1,5\",2\n", "a.csv: line 2, column 1: '1,5', expected a number"},
      {"1,2\n3,1e39\n", "a.csv: line 2, column 2: 1e39 is outside float32"},
      {"1,2\n-4e38,1\n", "a.csv: line 2, column 1: -4e38 is outside float32"},
      {"1,2\n1e999,1\n", "a.csv: line 2, column 1: 1e999 is outside float32"},
      {"1,2\n\x01\x7f"
       "bell,1\n",
       "a.csv: line 2, column 1: '??bell'"},
      {"1,2\nthe quick brown fox jumps over the lazy dog of the house,1\n",
       "'the quick brown fox jumps over the lazy dog ...', expected"},
      {"1,2\n\"3\n4\",5\n", "a.csv: line 2, column 1: '3?4', expected a number"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    refuse(cases[i][0], &last_is_label, TN_ERR_DATA, cases[i][1]);
}

static void test_bad_lines(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"1,2\n3\n", "a.csv: line 2: 1 fields, expected 2 as in the first line of "},
      {"1,2\n3,4,\n", "a.csv: line 2: 3 fields, expected 2"},
      {"\"a\nb\",c\n1,2\n3,4,5\n", "a.csv: line 4: 3 fields, expected 2"},
      {"1,2\n\n3,4\n", "a.csv: line 2: an empty line, expected a record"},
      {"1,2\r\n \r\n\r\n3,4\r\n", "a.csv: line 2: an empty line, expected a record"},
      {"\n1,2\n", "a.csv: line 1: an empty line, expected a record"},
      {"1,2\n3,4\"5\n", "a.csv: line 2, column 2: a quote in the wrong place"},
      {"1,2\n\"3\"4,5\n", "a.csv: line 2, column 1: a quote in the wrong place"},
      {"1,2\n3,4\n5,\"6\n7,8\n", "a.csv: line 3, column 2: a quote that is not closed"},
      {"1,2\r3,4\r", "a.csv: line 1: a carriage return without a line feed"},
      {"1,2\r3,4\r\n5,6\r\n", "a.csv: line 1: a carriage return without a line feed"},
      {"", "a.csv: holds no rows"},
      {"\n\n", "a.csv: holds no rows"},
      {"a,b\n", "a.csv: holds no rows, only a header"},
      {"\xff\xfe"
       "1",
       "a.csv: is UTF-16 text"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    refuse(cases[i][0], &no_label, TN_ERR_DATA, cases[i][1]);
}

static void test_fields_and_records_have_limits(void **state) {
  (void)state;
  /* a quote that is never closed ends after a megabyte */
  const size_t count = 3 << 20;
  char *text = malloc(count + 1);
  memset(text, '7', count);
  memcpy(text, "1,2\n3,\"", 7);
  text[count] = '\0';
  refuse(text, &no_label, TN_ERR_DATA,
         "a.csv: line 2, column 2: a field longer than 1048576 bytes: is a quote not closed?");
  free(text);
}

static void test_bad_labels(void **state) {
  (void)state;
  static const struct {
    const char *text, *label, *message;
  } cases[] = {
      {"a,b\n1,2\n", "c", "a.csv: no column is called 'c': give a name that stands in line 1, or a number from 1 to 2"},
      {"1,2\n", "c", "a.csv: there is no header, so the label column cannot be 'c'"},
      {"1,2\n", "0", "a.csv: there is no column 0: give 1 to 2, or -1 to -2 from the end"},
      {"1,2\n", "3", "a.csv: there is no column 3"},
      {"1,2\n", "-3", "a.csv: there is no column -3"},
      {"1,2\n", "99999999999999999999", "a.csv: there is no column 99999999999999999999"},
      {"1,2\n", "", "there is no header"},
      {"a,b,a\n1,2,3\n", "a", "a.csv: columns 1 and 3 are both called 'a'"},
      {"1\n2\n", "1", "a.csv: its only column is the label: no feature is left"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const tn_import_csv csv = {.header = -1, .label_column = cases[i].label};
    refuse(cases[i].text, &csv, TN_ERR_USAGE, cases[i].message);
  }
}

static void refuse_second(const char *second, const char *message) {
  const char *files[] = {save("a.csv", "x,y\n1,0\n"), save("b.csv", second)};
  const tn_import_split split = {.name = "train", .x_files = files, .x_file_count = 2};
  check_refused(tn_import_csv_files(scratch_path("out.h5"), &split, 1, &no_label, NULL, NULL), TN_ERR_DATA, message, 2);
}

static void test_files_that_differ(void **state) {
  (void)state;
  refuse_second("x,z\n1,0\n", "b.csv: line 1, column 2 (y): the header says 'z' there, and differs from that of ");
  refuse_second("1,0\n", "b.csv: line 1, column 1 (x): the header says '1' there");
  refuse_second("x,y,z\n1,0,1\n", "b.csv: line 1: 3 fields, expected 2 as in the first line of ");
  refuse_second("x,y\n1,b\n", "b.csv: line 2, column 2 (y): 'b', expected a number");
  refuse_second("x,y\n", "b.csv: holds no rows");
}

/* Between the passes, as progress tells of the last rows of the first: the file gets another content. */
static void change_file(void *context, const char *file, int pass, int passes, double fraction) {
  (void)file, (void)passes, (void)fraction;
  if (pass == 1)
    scratch_write("a.csv", context, strlen(context));
}

static void check_changed(const char *content, const char *message) {
  char text[2 * 4096 + 1] = ""; /* as many rows as lie between two calls of progress */
  for (int row = 0; row < 4096; row++)
    memcpy(text + 2 * row, "5\n", 3);
  const char *file = save("a.csv", text);
  char *later = strdup(content);
  const tn_import_split split = {.name = "train", .x_files = &file, .x_file_count = 1};
  const tn_import_options options = {.progress = change_file, .progress_context = later};
  const tn_status status = tn_import_csv_files(scratch_path("out.h5"), &split, 1, &no_label, &options, NULL);
  free(later);
  check_refused(status, TN_ERR_IO, message, 1);
}

static void test_file_that_changes(void **state) {
  (void)state;
  char more[2 * 4097 + 1] = "";
  for (int row = 0; row < 4097; row++)
    memcpy(more + 2 * row, "5\n", 3);
  check_changed("5\n5\n", "a.csv: split train has 2 rows now, 4096 before: a file changed while it was imported");
  check_changed(more, "a.csv: changed while it was imported: import it again");
  check_changed("6\n", "a.csv: changed while it was imported: import it again");
}

/* Read in another way each time. */
static tn_status import_mutant(const char *file, const char *out) {
  static unsigned turn;
  static const char *const labels[] = {NULL, "-1", "b", "1"};
  const tn_import_csv csv = {
      .header = (int)(turn % 3) - 1, .label_column = labels[turn % 4], .regression = turn % 5 == 0};
  turn++;
  return import_file(file, out, &csv, NULL);
}

static void test_mutations(void **state) {
  (void)state;
  static const char text[] = "a,b,\"c \"\"d\"\"\"\r\n1,2,3.5\r\n-4,\"5\",6e2\r\n7,8,0.25\r\n";
  check_mutations(text, sizeof text - 1, import_mutant);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_header_and_label, scratch_clear),
      cmocka_unit_test_teardown(test_label_column, scratch_clear),
      cmocka_unit_test_teardown(test_no_label_no_header, scratch_clear),
      cmocka_unit_test_teardown(test_header_on_demand, scratch_clear),
      cmocka_unit_test_teardown(test_smallest_type_over_all_splits, scratch_clear),
      cmocka_unit_test_teardown(test_kinds_of_targets, scratch_clear),
      cmocka_unit_test_teardown(test_floats_are_exact, scratch_clear),
      cmocka_unit_test_teardown(test_quotes_spaces_and_line_ends, scratch_clear),
      cmocka_unit_test_teardown(test_delimiters, scratch_clear),
      cmocka_unit_test_teardown(test_several_files, scratch_clear),
      cmocka_unit_test_teardown(test_larger_than_a_block, scratch_clear),
      cmocka_unit_test_teardown(test_ends_of_blocks, scratch_clear),
      cmocka_unit_test_teardown(test_bad_fields, scratch_clear),
      cmocka_unit_test_teardown(test_bad_lines, scratch_clear),
      cmocka_unit_test_teardown(test_fields_and_records_have_limits, scratch_clear),
      cmocka_unit_test_teardown(test_bad_labels, scratch_clear),
      cmocka_unit_test_teardown(test_files_that_differ, scratch_clear),
      cmocka_unit_test_teardown(test_file_that_changes, scratch_clear),
      cmocka_unit_test_teardown(test_mutations, scratch_clear),
  };
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
