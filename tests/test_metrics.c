/* Metrics: rows go in one by one, come out as columns, and come back. */
#include "base/memory.h"
#include "io/metrics.h"
#include "resealed.h"
#include "scratch.h"

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the three above */

static tn_epoch_row epoch_row(int64_t epoch) {
  const double base = (double)epoch * 10;
  return (tn_epoch_row){epoch,    epoch * 100, base + 1, base + 2, base + 3, epoch == 2 ? NAN : base + 4,
                        base + 5, base + 6,    base + 7};
}

static tn_step_row step_row(int64_t step) {
  const double base = (double)step * 10;
  return (tn_step_row){step, base + 1, base + 2, base + 3};
}

static tn_rank_times rank_times(int64_t epoch, int rank) {
  const double base = (double)(epoch * 1000 + rank * 10);
  return (tn_rank_times){base + 1, base + 2, base + 3, base + 4};
}

static void add_epoch(tn_metrics *metrics, int64_t epoch, int ranks) {
  tn_rank_times times[8];
  const tn_epoch_row row = epoch_row(epoch);
  for (int i = 0; i < ranks; i++)
    times[i] = rank_times(epoch, i);
  assert_int_equal(tn_metrics_add_epoch(metrics, &row, times, ranks), TN_OK);
}

static void add_steps(tn_metrics *metrics, int64_t first, int64_t last) {
  for (int64_t step = first; step <= last; step++) {
    const tn_step_row row = step_row(step);
    assert_int_equal(tn_metrics_add_step(metrics, &row), TN_OK);
  }
}

static tn_metrics *create(void) {
  tn_metrics *metrics = NULL;
  assert_int_equal(tn_metrics_create(&metrics), TN_OK);
  return metrics;
}

static void describe(tn_metrics *metrics, int64_t ranks) {
  const char names[3][16] = {"n1", "node-2", "n3"};
  const tn_metrics_about about = {.config_text = "[data]\nfile = x.h5\n",
                                  .mpi_version = "Open MPI 4.1.4",
                                  .blas_version = "OpenBLAS 0.3.21",
                                  .start_time = "2026-01-02T03:04:05Z",
                                  .ranks = ranks,
                                  .replicas = 12,
                                  .threads = 2,
                                  .host_names = names[0],
                                  .host_name_size = 16};
  assert_int_equal(tn_metrics_describe(metrics, &about), TN_OK);
}

/* Writes m.h5 into the scratch folder. */
static const char *write_metrics(tn_metrics *metrics) {
  tn_folder *folder = NULL;
  assert_int_equal(tn_folder_open(&folder, scratch_path("")), TN_OK);
  if (tn_metrics_write(metrics, folder, "m.h5") != TN_OK)
    fail_msg("%s", tn_error_message());
  tn_folder_close(&folder);
  return scratch_path("m.h5");
}

static tn_metrics *read_metrics(const char *path, int64_t epoch, int64_t step) {
  tn_metrics *metrics = NULL;
  if (tn_metrics_read(&metrics, path, epoch, step) != TN_OK)
    fail_msg("%s", tn_error_message());
  return metrics;
}

static void check_rows(const tn_metrics *metrics, int64_t epochs, int64_t steps) {
  assert_int_equal(tn_metrics_epoch_count(metrics), epochs);
  assert_int_equal(tn_metrics_step_count(metrics), steps);
  for (int64_t i = 0; i < epochs; i++) {
    const tn_epoch_row row = epoch_row(i + 1);
    assert_memory_equal(&tn_metrics_epochs(metrics)[i], &row, sizeof row);
  }
  for (int64_t i = 0; i < steps; i++) {
    const tn_step_row row = step_row(i + 1);
    assert_memory_equal(&tn_metrics_steps(metrics)[i], &row, sizeof row);
  }
}

/* Reads a dataset as doubles; checks its shape. */
static void read_column(const char *path, const char *name, hsize_t rows, hsize_t cols, double *values) {
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), dataset = H5Dopen2(file, name, H5P_DEFAULT);
  const hid_t space = H5Dget_space(dataset);
  hsize_t shape[2] = {0, 0};
  assert_int_equal(H5Sget_simple_extent_dims(space, shape, NULL), cols > 0 ? 2 : 1);
  assert_int_equal(shape[0], rows);
  assert_int_equal(shape[1], cols);
  assert_true(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Sclose(space);
  H5Dclose(dataset);
  H5Fclose(file);
}

static void test_round_trip(void **state) {
  (void)state;
  tn_metrics *metrics = create();
  describe(metrics, 3);
  for (int64_t epoch = 1; epoch <= 50; epoch++)
    add_epoch(metrics, epoch, 3);
  add_steps(metrics, 1, 1000);
  check_rows(metrics, 50, 1000);
  const char *path = write_metrics(metrics);
  tn_metrics_destroy(&metrics);
  assert_null(metrics);
  tn_metrics_destroy(&metrics); /* NULL is allowed */
  metrics = read_metrics(path, INT64_MAX, INT64_MAX);
  check_rows(metrics, 50, 1000);
  tn_metrics_destroy(&metrics);
}

static void test_columns(void **state) {
  (void)state;
  tn_metrics *metrics = create();
  for (int64_t epoch = 1; epoch <= 3; epoch++)
    add_epoch(metrics, epoch, 2);
  add_steps(metrics, 1, 4);
  const char *path = write_metrics(metrics);
  tn_metrics_destroy(&metrics);
  static const char *const epoch_names[] = {"seconds",        "train_loss",    "train_accuracy",    "valid_loss",
                                            "valid_accuracy", "learning_rate", "samples_per_second"};
  static const char *const step_names[] = {"loss", "gradient_norm", "learning_rate"};
  static const char *const rank_names[] = {"data_s", "compute_s", "reduce_s", "update_s"};
  char name[64];
  double values[6];
  read_column(path, "/epoch/epoch", 3, 0, values);
  assert_true(values[0] == 1 && values[2] == 3);
  read_column(path, "/epoch/step", 3, 0, values);
  assert_true(values[0] == 100 && values[2] == 300);
  for (int i = 0; i < 7; i++) {
    snprintf(name, sizeof name, "/epoch/%s", epoch_names[i]);
    read_column(path, name, 3, 0, values);
    assert_true(values[0] == 11 + i && values[2] == 31 + i);
    assert_true(i == 3 ? isnan(values[1]) : values[1] == 21 + i);
  }
  read_column(path, "/step/step", 4, 0, values);
  assert_true(values[3] == 4);
  for (int i = 0; i < 3; i++) {
    snprintf(name, sizeof name, "/step/%s", step_names[i]);
    read_column(path, name, 4, 0, values);
    assert_true(values[0] == 11 + i && values[3] == 41 + i);
  }
  for (int i = 0; i < 4; i++) {
    snprintf(name, sizeof name, "/rank/%s", rank_names[i]);
    read_column(path, name, 3, 2, values);
    for (int k = 0; k < 6; k++)
      assert_true(values[k] == (k / 2 + 1) * 1000 + k % 2 * 10 + 1 + i);
  }
}

static void test_ranks_come_and_go(void **state) {
  (void)state;
  /* given epochs on 2 ranks, then a resume on 4, and one on 1 */
  tn_metrics *metrics = create();
  add_epoch(metrics, 1, 2);
  add_epoch(metrics, 2, 2);
  const char *path = write_metrics(metrics);
  tn_metrics_destroy(&metrics);
  metrics = read_metrics(path, 2, 200);
  add_epoch(metrics, 3, 4);
  path = write_metrics(metrics);
  tn_metrics_destroy(&metrics);
  metrics = read_metrics(path, 3, 300);
  add_epoch(metrics, 4, 1);
  path = write_metrics(metrics);
  check_rows(metrics, 4, 0);
  tn_metrics_destroy(&metrics);
  /* then a row has a time for each rank that was there */
  const int present[4] = {2, 2, 4, 1};
  double values[16];
  read_column(path, "/rank/reduce_s", 4, 4, values);
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++)
      assert_true(j < present[i] ? values[4 * i + j] == rank_times(i + 1, j).reduce_s : isnan(values[4 * i + j]));
}

static void test_a_resume_drops_what_comes_later(void **state) {
  (void)state;
  tn_metrics *metrics = create();
  for (int64_t epoch = 1; epoch <= 5; epoch++)
    add_epoch(metrics, epoch, (int)epoch);
  add_steps(metrics, 1, 500);
  const char *path = write_metrics(metrics);
  tn_metrics_destroy(&metrics);
  /* a checkpoint within epoch 4 */
  metrics = read_metrics(path, 3, 350);
  check_rows(metrics, 3, 350);
  /* one at the last step of epoch 4, before its end */
  tn_metrics *last = read_metrics(path, 3, 400);
  check_rows(last, 3, 400);
  tn_metrics_destroy(&last);
  /* and one before the first epoch's end */
  tn_metrics *fresh = read_metrics(path, 0, 7);
  check_rows(fresh, 0, 7);
  tn_metrics_destroy(&fresh);
  /* going on gives one row an epoch and step, not two */
  add_epoch(metrics, 4, 5);
  add_epoch(metrics, 5, 5);
  add_steps(metrics, 351, 500);
  path = write_metrics(metrics);
  check_rows(metrics, 5, 500);
  tn_metrics_destroy(&metrics);
  double values[25];
  read_column(path, "/rank/data_s", 5, 5, values);
  for (int i = 0; i < 5; i++)
    for (int j = 0; j < 5; j++)
      assert_true(i > 2 || j <= i ? values[5 * i + j] == rank_times(i + 1, j).data_s : isnan(values[5 * i + j]));
}

/* Rates of three places, that a run writes from its third epoch on, and a resume cuts. */
static void test_rates(void **state) {
  (void)state;
  int places = -1;
  double values[12];
  tn_metrics *metrics = create();
  assert_null(tn_metrics_rates(metrics, &places));
  assert_int_equal(places, 0);
  add_epoch(metrics, 1, 2);
  add_epoch(metrics, 2, 2);
  assert_int_equal(tn_metrics_track_rates(metrics, 3), TN_OK);
  for (int64_t epoch = 3; epoch <= 5; epoch++) {
    add_epoch(metrics, epoch, 2);
    tn_metrics_set_rates(metrics, (double[]){(double)epoch, 0.5, 0.25});
  }
  const char *path = write_metrics(metrics);
  tn_metrics_destroy(&metrics);
  metrics = read_metrics(path, 3, 300);
  assert_int_equal(tn_metrics_track_rates(metrics, 3), TN_OK);
  add_epoch(metrics, 4, 2);
  path = write_metrics(metrics);
  tn_metrics_rates(metrics, &places);
  assert_int_equal(places, 3);
  check_rows(metrics, 4, 0);
  tn_metrics_destroy(&metrics);
  read_column(path, "/epoch/dropout_rate", 4, 3, values);
  for (int i = 0; i < 3; i++) {
    assert_true(isnan(values[i]) && isnan(values[3 + i]) && isnan(values[9 + i]));
    assert_true(values[6 + i] == (i == 0 ? 3 : i == 1 ? 0.5 : 0.25));
  }
}

static void test_without_rows(void **state) {
  (void)state;
  tn_metrics *metrics = create();
  const char *path = write_metrics(metrics);
  tn_metrics_destroy(&metrics);
  metrics = read_metrics(path, INT64_MAX, INT64_MAX);
  check_rows(metrics, 0, 0);
  add_epoch(metrics, 1, 2);
  path = write_metrics(metrics);
  tn_metrics_destroy(&metrics);
  metrics = read_metrics(path, INT64_MAX, INT64_MAX);
  check_rows(metrics, 1, 0);
  tn_metrics_destroy(&metrics);
}

static void check_text(hid_t file, const char *name, const char *expected) {
  char *text = attribute_text(file, "/", name);
  assert_string_equal(text, expected);
  free(text);
}

static void check_int(hid_t file, const char *name, int64_t expected) {
  int64_t value = -1;
  const hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
  assert_true(H5Aread(attribute, H5T_NATIVE_INT64, &value) >= 0);
  H5Aclose(attribute);
  assert_int_equal(value, expected);
}

static void test_description(void **state) {
  (void)state;
  tn_metrics *metrics = create();
  describe(metrics, 2);
  describe(metrics, 3); /* of a resume */
  const char *path = write_metrics(metrics);
  tn_metrics_destroy(&metrics);
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  check_text(file, "format", "thinnet-metrics");
  check_text(file, "thinnet_version", "0.1.0");
  check_text(file, "config", "[data]\nfile = x.h5\n");
  check_text(file, "mpi_version", "Open MPI 4.1.4");
  check_text(file, "blas_version", "OpenBLAS 0.3.21");
  check_text(file, "start_time", "2026-01-02T03:04:05Z");
  check_int(file, "format_version", 1);
  check_int(file, "ranks", 3);
  check_int(file, "replicas", 12);
  check_int(file, "threads", 2);
  char names[3][16];
  const hid_t dataset = H5Dopen2(file, "/host_names", H5P_DEFAULT), type = H5Dget_type(dataset);
  assert_true(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, names) >= 0);
  assert_string_equal(names[0], "n1");
  assert_string_equal(names[1], "node-2");
  assert_string_equal(names[2], "n3");
  H5Tclose(type);
  H5Dclose(dataset);
  H5Fclose(file);
}

/* More hosts than an attribute could hold. */
static void test_many_hosts(void **state) {
  (void)state;
  enum { HOSTS = 4096, SIZE = 64 };
  char *names = calloc(HOSTS, SIZE);
  for (int i = 0; i < HOSTS; i++)
    snprintf(names + (size_t)i * SIZE, SIZE, "node-%d", i);
  tn_metrics *metrics = create();
  const tn_metrics_about about = {.ranks = HOSTS, .host_names = names, .host_name_size = SIZE};
  assert_int_equal(tn_metrics_describe(metrics, &about), TN_OK);
  write_metrics(metrics);
  tn_metrics_destroy(&metrics);
  free(names);
}

static void add_start(tn_metrics *metrics, int64_t step, const char *job) {
  const tn_metrics_start start = {"2026-01-02T03:04:05Z", 4, step, {job, "n[1-2]", 1}};
  assert_int_equal(tn_metrics_add_start(metrics, &start), TN_OK);
}

/* All starts stay, those too whose steps a resume drops: the jobs that ran them did run. */
static void test_starts(void **state) {
  (void)state;
  tn_metrics *metrics = create();
  assert_int_equal(tn_metrics_start_count(metrics), 0);
  add_start(metrics, 0, "71");
  add_start(metrics, 40, NULL);
  const char *path = write_metrics(metrics);
  tn_metrics_destroy(&metrics);
  metrics = read_metrics(path, 0, 10);
  add_start(metrics, 10, "72_3");
  assert_int_equal(tn_metrics_start_count(metrics), 3);
  const tn_metrics_start *starts = tn_metrics_starts(metrics);
  assert_string_equal(starts[0].time, "2026-01-02T03:04:05Z");
  assert_int_equal(starts[0].ranks, 4);
  assert_string_equal(starts[0].job.id, "71");
  assert_string_equal(starts[0].job.nodes, "n[1-2]");
  assert_int_equal(starts[0].job.restarts, 1);
  assert_int_equal(starts[1].step, 40);
  assert_true(starts[1].job.id == NULL || starts[1].job.id[0] == '\0');
  assert_int_equal(starts[2].step, 10);
  assert_string_equal(starts[2].job.id, "72_3");
  tn_metrics_destroy(&metrics);
}

static void test_the_newest_starts_stay(void **state) {
  (void)state;
  tn_metrics *metrics = create();
  for (int64_t step = 0; step < TN_METRICS_STARTS_MAX + 2; step++)
    add_start(metrics, step, "71");
  const char *path = write_metrics(metrics);
  tn_metrics_destroy(&metrics);
  metrics = read_metrics(path, INT64_MAX, INT64_MAX);
  assert_int_equal(tn_metrics_start_count(metrics), TN_METRICS_STARTS_MAX);
  assert_int_equal(tn_metrics_starts(metrics)[0].step, 2);
  assert_int_equal(tn_metrics_starts(metrics)[TN_METRICS_STARTS_MAX - 1].step, TN_METRICS_STARTS_MAX + 1);
  tn_metrics_destroy(&metrics);
}

static void edit_format(hid_t file) {
  attribute_set_text(file, "/", "format", "another");
}
static void edit_rows(hid_t file) {
  H5Ldelete(file, "/epoch/seconds", H5P_DEFAULT);
  const hid_t space = H5Screate_simple(1, (hsize_t[]){3}, NULL);
  H5Dclose(H5Dcreate2(file, "/epoch/seconds", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Sclose(space);
}
static void edit_ranks(hid_t file) {
  H5Ldelete(file, "/rank/data_s", H5P_DEFAULT);
  const hid_t space = H5Screate_simple(2, (hsize_t[]){1, 1 << 30}, NULL);
  H5Dclose(H5Dcreate2(file, "/rank/data_s", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Sclose(space);
}
static void edit_epochs(hid_t file) {
  H5Ldelete(file, "/rank/data_s", H5P_DEFAULT);
  const hid_t space = H5Screate_simple(2, (hsize_t[]){0, 1000}, NULL);
  H5Dclose(H5Dcreate2(file, "/rank/data_s", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Sclose(space);
}
static void edit_rates(hid_t file) {
  const hid_t space = H5Screate_simple(2, (hsize_t[]){2, 66}, NULL);
  H5Dclose(H5Dcreate2(file, "/epoch/dropout_rate", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Sclose(space);
}
static void edit_starts(hid_t file) {
  H5Gclose(H5Gcreate2(file, "/start", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Gclose(H5Gcreate2(file, "/start/0001", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}
static void edit_no_steps(hid_t file) {
  H5Ldelete(file, "/step", H5P_DEFAULT);
}

static void test_what_is_not_metrics(void **state) {
  (void)state;
  const struct {
    void (*edit)(hid_t);
    tn_status status;
    const char *message;
  } cases[] = {{edit_format, TN_ERR_DATA, "its format is another, expected is thinnet-metrics"},
               {edit_rows, TN_ERR_DAMAGED, "/epoch/seconds has the shape (3), expected is (2)"},
               {edit_ranks, TN_ERR_DAMAGED, "/rank/data_s has more values than the file has room for"},
               {edit_epochs, TN_ERR_DAMAGED, "/rank/data_s has 0 epochs, /epoch/epoch has 2"},
               {edit_rates, TN_ERR_DAMAGED, "/epoch/dropout_rate has the shape (2, 66), expected is (2, 1 to 65)"},
               {edit_starts, TN_ERR_DAMAGED, "/start/0001 has no attribute time"},
               {edit_no_steps, TN_ERR_DAMAGED, "/step/step is missing"}};
  tn_metrics *metrics = create();
  add_epoch(metrics, 1, 1);
  add_epoch(metrics, 2, 1);
  write_metrics(metrics);
  tn_metrics_destroy(&metrics);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *path = resealed_edit(scratch_path("m.h5"), "edited.h5", cases[i].edit);
    assert_int_equal(tn_metrics_read(&metrics, path, 9, 900), cases[i].status);
    assert_null(metrics);
    if (!strstr(tn_error_message(), cases[i].message))
      fail_msg("\"%s\" is not in \"%s\"", cases[i].message, tn_error_message());
  }
  assert_int_equal(tn_metrics_read(&metrics, scratch_path("none.h5"), 9, 900), TN_ERR_IO);
  assert_int_equal(tn_metrics_read(&metrics, scratch_write("text.h5", "x", 1), 9, 900), TN_ERR_DAMAGED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_columns),
      cmocka_unit_test(test_ranks_come_and_go),
      cmocka_unit_test(test_a_resume_drops_what_comes_later),
      cmocka_unit_test(test_rates),
      cmocka_unit_test(test_without_rows),
      cmocka_unit_test(test_description),
      cmocka_unit_test(test_many_hosts),
      cmocka_unit_test(test_starts),
      cmocka_unit_test(test_the_newest_starts_stay),
      cmocka_unit_test(test_what_is_not_metrics),
  };
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
