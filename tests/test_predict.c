/* Evaluation and prediction: the same bits at any number of ranks, and the same numbers as the model in memory. */
#include "dist/comm.h"
#include "io/outfile.h"
#include "io/table.h"
#include "mpi_test.h"
#include "train_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 5000 /* 19 blocks of 256 and a short one, 3 chunks */

static tn_comm *all_ranks(void) {
  return (tn_comm *)(uintptr_t)test_comm();
}

static bool is_root(void) {
  return tn_comm_rank(test_comm()) == 0;
}

/* A trained network, and a file with more rows than a rank computes at a time. */
typedef struct predict_case {
  train_case train;
  char checkpoint[512], data[512], out[512];
  float *x;
  int32_t *y;
} predict_case;

static tn_status write_data(const predict_case *p) {
  const tn_out_dataset datasets[] = {
      {.path = "/test/x", .type = TN_OUT_F32, .rank = 2, .rows = ROWS, .cols = CASE_INPUTS},
      {.path = "/test/y", .type = TN_OUT_I32, .rank = 1, .rows = ROWS, .cols = 1}};
  tn_outfile *file = NULL;
  tn_status status = tn_outfile_create(&file, p->data, datasets, 2, false);
  if (status == TN_OK)
    status = tn_outfile_write(file, 0, 0, ROWS, p->x);
  if (status == TN_OK)
    status = tn_outfile_write(file, 1, 0, ROWS, p->y);
  return status == TN_OK ? tn_outfile_commit(&file) : status;
}

static void create(predict_case *p) {
  case_create(&p->train);
  snprintf(p->checkpoint, sizeof p->checkpoint, "%s", case_path(&p->train, "run/last.h5"));
  snprintf(p->data, sizeof p->data, "%s", case_path(&p->train, "rows.h5"));
  snprintf(p->out, sizeof p->out, "%s", case_path(&p->train, "out.h5"));
  p->x = calloc(ROWS * CASE_INPUTS, sizeof *p->x);
  p->y = calloc(ROWS, sizeof *p->y);
  assert_all_true(p->x && p->y);
  for (int64_t i = 0; i < ROWS; i++)
    p->y[i] = (int32_t)(i % CASE_CLASSES);
  for (int64_t i = 0; i < ROWS * CASE_INPUTS; i++)
    p->x[i] = p->train.train.x[i % (CASE_ROWS * CASE_INPUTS)];
  case_set(&p->train, "data.standardize=yes");
  assert_all_ok(case_train(&p->train, all_ranks(), "run", NULL, NULL));
  assert_all_ok(is_root() ? write_data(p) : TN_OK);
}

static void destroy(predict_case *p) {
  free(p->x);
  free(p->y);
  case_destroy(&p->train);
}

static float *read_values(const char *file, const char *path, int64_t cols) {
  tn_table *table = NULL;
  float *values = calloc((size_t)(ROWS * cols), sizeof *values);
  tn_status status = tn_table_open(&table, file, path);
  if (status == TN_OK && (table->rows != ROWS || table->cols != cols))
    status = TN_ERR_DATA;
  if (status == TN_OK)
    status = tn_table_read_values(table, 0, ROWS, -INFINITY, INFINITY, values);
  tn_table_close(&table);
  assert_all_ok(status);
  return values;
}

static void test_eval_is_the_same_at_any_rank_count(void **state) {
  (void)state;
  predict_case p;
  tn_comm *serial = NULL;
  tn_eval_result together;
  tn_eval_result alone;
  create(&p);
  assert_all_ok(tn_comm_create_serial(&serial));
  const tn_eval_options options = {.data_file = p.data};
  assert_all_ok(tn_eval(all_ranks(), p.checkpoint, &options, &together));
  assert_all_ok(tn_eval(serial, p.checkpoint, &options, &alone));
  assert_all_int_equal(together.rows, ROWS);
  assert_all_memory_equal(&together.loss, &alone.loss, sizeof alone.loss);
  assert_all_memory_equal(&together.accuracy, &alone.accuracy, sizeof alone.accuracy);
  tn_comm_destroy(&serial);
  destroy(&p);
}

static double naive_accuracy(const predict_case *p, const float *output) {
  int64_t right = 0;
  for (int64_t i = 0; i < ROWS; i++) {
    int best = 0;
    for (int k = 1; k < CASE_CLASSES; k++)
      if (output[i * CASE_CLASSES + k] > output[i * CASE_CLASSES + best])
        best = k;
    right += best == p->y[i];
  }
  return (double)right / ROWS;
}

static double naive_loss(const predict_case *p, const float *output) {
  double sum = 0.0;
  for (int64_t i = 0; i < ROWS; i++)
    sum -= log((double)output[i * CASE_CLASSES + p->y[i]]);
  return sum / ROWS;
}

static void test_predict_model_and_eval_agree(void **state) {
  (void)state;
  predict_case p;
  tn_model *model = NULL;
  tn_eval_result result;
  int64_t rows = 0;
  create(&p);
  const tn_eval_options options = {.data_file = p.data};
  assert_all_ok(tn_eval(all_ranks(), p.checkpoint, &options, &result));
  assert_all_ok(tn_predict(all_ranks(), p.checkpoint, p.data, p.out, NULL, &rows));
  assert_all_int_equal(rows, ROWS);
  float *written = read_values(p.out, "/output", CASE_CLASSES);
  float *in_memory = calloc(ROWS * CASE_CLASSES, sizeof *in_memory);
  assert_all_ok(tn_model_load(&model, p.checkpoint));
  assert_all_ok(tn_model_predict(model, ROWS, p.x, in_memory));
  assert_all_memory_equal(written, in_memory, ROWS * CASE_CLASSES * sizeof *written); /* the same blocks of 256 rows */
  assert_all_near(naive_accuracy(&p, written), result.accuracy, 1e-12);
  /* log of a float32 probability: 6e-8 / p relative; the mean loss is near 1, so 1e-5 leaves room for small p. */
  assert_all_near(naive_loss(&p, written), result.loss, 1e-5);
  tn_model_destroy(&model);
  free(written);
  free(in_memory);
  destroy(&p);
}

static void test_monte_carlo(void **state) {
  (void)state;
  static const struct {
    const char *path;
    int64_t cols;
  } datasets[] = {
      {"/output", CASE_CLASSES}, {"/output_std", CASE_CLASSES}, {"/predictive_entropy", 1}, {"/mutual_information", 1}};
  predict_case p;
  char alone[600];
  tn_comm *serial = NULL;
  create(&p);
  assert_all_ok(tn_comm_create_serial(&serial));
  const tn_predict_options options = {.mc_samples = 5};
  snprintf(alone, sizeof alone, "%s.%d", p.out, tn_comm_rank(test_comm()));
  assert_all_ok(tn_predict(all_ranks(), p.checkpoint, p.data, p.out, &options, NULL));
  assert_all_ok(tn_predict(serial, p.checkpoint, p.data, alone, &options, NULL));
  for (size_t i = 0; i < sizeof datasets / sizeof *datasets; i++) {
    float *a = read_values(p.out, datasets[i].path, datasets[i].cols);
    float *b = read_values(alone, datasets[i].path, datasets[i].cols);
    double sum = 0.0;
    for (int64_t j = 0; j < ROWS * datasets[i].cols; j++)
      sum += (double)a[j];
    assert_all_memory_equal(a, b, (size_t)(ROWS * datasets[i].cols) * sizeof *a);
    assert_all_true(sum > 0.0);
    free(a);
    free(b);
  }
  tn_comm_destroy(&serial);
  destroy(&p);
}

static void test_refusals(void **state) {
  (void)state;
  predict_case p;
  tn_eval_result result;
  create(&p);
  assert_all_status(tn_eval(all_ranks(), p.checkpoint, NULL, &result), TN_ERR_USAGE);
  assert_all_message("data.test_x");
  const tn_eval_options wrong_x = {.data_file = p.data, .x_path = "/nothing"};
  assert_all_status(tn_eval(all_ranks(), p.checkpoint, &wrong_x, &result), TN_ERR_DATA);
  assert_all_message("/nothing");
  const tn_eval_options swapped = {.data_file = p.data, .x_path = "/test/y", .y_path = "/test/y"};
  assert_all_status(tn_eval(all_ranks(), p.checkpoint, &swapped, &result), TN_ERR_DATA);
  assert_all_message("the network takes 7");
  assert_all_status(tn_eval(all_ranks(), p.data, NULL, &result), TN_ERR_DAMAGED);
  assert_all_ok(tn_predict(all_ranks(), p.checkpoint, p.data, p.out, NULL, NULL));
  assert_all_status(tn_predict(all_ranks(), p.checkpoint, p.data, p.out, NULL, NULL), TN_ERR_USAGE);
  destroy(&p);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_eval_is_the_same_at_any_rank_count),
      cmocka_unit_test(test_predict_model_and_eval_agree),
      cmocka_unit_test(test_monte_carlo),
      cmocka_unit_test(test_refusals),
  };
  return mpi_test_run(argc, argv, "predict", tests, sizeof tests / sizeof *tests);
}
