/* Evaluation and prediction: the same bits at any number of ranks, and the same numbers as the model in memory. */
#include "dist/comm.h"
#include "mpi_test.h"
#include "predict_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_eval_is_the_same_at_any_rank_count(void **state) {
  (void)state;
  predict_case p;
  tn_comm *serial = NULL;
  tn_measures together;
  tn_measures alone;
  predict_case_create(&p, "softmax_cross_entropy", 1);
  assert_all_ok(tn_comm_create_serial(&serial));
  const tn_eval_options options = {.data_file = p.data};
  assert_all_ok(tn_eval(predict_comm(), p.networks, 1, &options, &together));
  assert_all_ok(tn_eval(serial, p.networks, 1, &options, &alone));
  assert_all_int_equal(together.rows, PREDICT_ROWS);
  assert_all_memory_equal(&together.loss, &alone.loss, sizeof alone.loss);
  assert_all_memory_equal(&together.accuracy, &alone.accuracy, sizeof alone.accuracy);
  tn_measures_clear(&together);
  tn_measures_clear(&alone);
  tn_comm_destroy(&serial);
  predict_case_destroy(&p);
}

static double naive_accuracy(const predict_case *p, const float *output) {
  int64_t right = 0;
  for (int64_t i = 0; i < PREDICT_ROWS; i++) {
    int best = 0;
    for (int k = 1; k < CASE_CLASSES; k++)
      if (output[i * CASE_CLASSES + k] > output[i * CASE_CLASSES + best])
        best = k;
    right += best == p->y[i];
  }
  return (double)right / PREDICT_ROWS;
}

static double naive_loss(const predict_case *p, const float *output) {
  double sum = 0.0;
  for (int64_t i = 0; i < PREDICT_ROWS; i++)
    sum -= log((double)output[i * CASE_CLASSES + p->y[i]]);
  return sum / PREDICT_ROWS;
}

static void test_predict_model_and_eval_agree(void **state) {
  (void)state;
  predict_case p;
  tn_model *model = NULL;
  tn_measures result;
  int64_t rows = 0;
  predict_case_create(&p, "softmax_cross_entropy", 1);
  const tn_eval_options options = {.data_file = p.data};
  assert_all_ok(tn_eval(predict_comm(), p.networks, 1, &options, &result));
  assert_all_ok(tn_predict(predict_comm(), p.networks, 1, p.data, p.out, NULL, &rows));
  assert_all_int_equal(rows, PREDICT_ROWS);
  float *written = predict_case_read(p.out, "/output", CASE_CLASSES);
  float *in_memory = calloc(PREDICT_ROWS * CASE_CLASSES, sizeof *in_memory);
  assert_all_ok(tn_model_load(&model, p.networks[0]));
  assert_all_ok(tn_model_predict(model, PREDICT_ROWS, p.x, in_memory));
  assert_all_memory_equal(written, in_memory,
                          PREDICT_ROWS * CASE_CLASSES * sizeof *written); /* the same blocks of 256 rows */
  assert_all_near(naive_accuracy(&p, written), result.accuracy, 1e-12);
  /* log of a float32 probability: 6e-8 / p relative; the mean loss is near 1, so 1e-5 leaves room for small p. */
  assert_all_near(naive_loss(&p, written), result.loss, 1e-5);
  tn_measures_clear(&result);
  tn_model_destroy(&model);
  free(written);
  free(in_memory);
  predict_case_destroy(&p);
}

/* Rows of several blocks, and so of several ranks: they are not right whatever their class is, the others as before. */
static void test_rows_that_are_not_finite(void **state) {
  (void)state;
  enum { HUGE_ROWS = 4 };
  static const int64_t rows[HUGE_ROWS] = {0, 777, 3333, PREDICT_ROWS - 1};
  predict_case p;
  tn_measures found;
  int64_t confused = 0;
  predict_case_create(&p, "softmax_cross_entropy", 1);
  assert_all_ok(tn_predict(predict_comm(), p.networks, 1, p.data, p.out, NULL, NULL));
  float *before = predict_case_read(p.out, "/output", CASE_CLASSES);
  for (int i = 0; i < HUGE_ROWS; i++) {
    for (int k = 0; k < CASE_INPUTS; k++)
      p.x[rows[i] * CASE_INPUTS + k] = 3e38F;
    for (int k = 0; k < CASE_CLASSES; k++) /* wrong, for naive_accuracy */
      before[rows[i] * CASE_CLASSES + k] = k == p.y[rows[i]] ? 0 : 1;
  }
  predict_case_write(&p);
  const tn_eval_options options = {.data_file = p.data};
  assert_all_ok(tn_eval(predict_comm(), p.networks, 1, &options, &found));
  for (int cell = 0; cell < CASE_CLASSES * CASE_CLASSES; cell++)
    confused += found.confusion[cell];
  assert_all_int_equal(found.nonfinite_rows, HUGE_ROWS);
  assert_all_int_equal(confused, PREDICT_ROWS - HUGE_ROWS);
  assert_all_near(found.accuracy, naive_accuracy(&p, before), 1e-12);
  assert_all_true(isnan(found.loss) && isnan(found.entropy));
  free(before);
  tn_measures_clear(&found);
  predict_case_destroy(&p);
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
  predict_case_create(&p, "softmax_cross_entropy", 1);
  assert_all_ok(tn_comm_create_serial(&serial));
  const tn_predict_options options = {.mc_samples = 5};
  snprintf(alone, sizeof alone, "%s.%d", p.out, tn_comm_rank(test_comm()));
  assert_all_ok(tn_predict(predict_comm(), p.networks, 1, p.data, p.out, &options, NULL));
  assert_all_ok(tn_predict(serial, p.networks, 1, p.data, alone, &options, NULL));
  for (size_t i = 0; i < sizeof datasets / sizeof *datasets; i++) {
    float *a = predict_case_read(p.out, datasets[i].path, datasets[i].cols);
    float *b = predict_case_read(alone, datasets[i].path, datasets[i].cols);
    double sum = 0.0;
    for (int64_t j = 0; j < PREDICT_ROWS * datasets[i].cols; j++)
      sum += (double)a[j];
    assert_all_memory_equal(a, b, (size_t)(PREDICT_ROWS * datasets[i].cols) * sizeof *a);
    assert_all_true(sum > 0.0);
    free(a);
    free(b);
  }
  tn_comm_destroy(&serial);
  predict_case_destroy(&p);
}

static void test_refusals(void **state) {
  (void)state;
  predict_case p;
  tn_measures result;
  predict_case_create(&p, "softmax_cross_entropy", 1);
  const char *data = p.data;
  assert_all_status(tn_eval(predict_comm(), p.networks, 1, NULL, &result), TN_ERR_USAGE);
  assert_all_message("data.test_x");
  const tn_eval_options wrong_x = {.data_file = p.data, .x_path = "/nothing"};
  assert_all_status(tn_eval(predict_comm(), p.networks, 1, &wrong_x, &result), TN_ERR_DATA);
  assert_all_message("/nothing");
  const tn_eval_options swapped = {.data_file = p.data, .x_path = "/test/y", .y_path = "/test/y"};
  assert_all_status(tn_eval(predict_comm(), p.networks, 1, &swapped, &result), TN_ERR_DATA);
  assert_all_message("the network takes 7");
  assert_all_status(tn_eval(predict_comm(), &data, 1, NULL, &result), TN_ERR_DAMAGED);
  assert_all_ok(tn_predict(predict_comm(), p.networks, 1, p.data, p.out, NULL, NULL));
  assert_all_status(tn_predict(predict_comm(), p.networks, 1, p.data, p.out, NULL, NULL), TN_ERR_USAGE);
  predict_case_destroy(&p);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_eval_is_the_same_at_any_rank_count),
      cmocka_unit_test(test_predict_model_and_eval_agree),
      cmocka_unit_test(test_rows_that_are_not_finite),
      cmocka_unit_test(test_monte_carlo),
      cmocka_unit_test(test_refusals),
  };
  return mpi_test_run(argc, argv, "predict", tests, sizeof tests / sizeof *tests);
}
