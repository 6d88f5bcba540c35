/* Losses against their definitions in double, at ordinary values and at the ends of the range. */
#include "network_fixture.h"
#include "reference_network.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

enum { ROWS = 5, OUTPUTS = 4, COUNT = ROWS * OUTPUTS };

typedef struct loss_case {
  float z[COUNT], values[COUNT], weights[ROWS], shares[ROWS];
  int32_t labels[ROWS], partner_labels[ROWS];
  double exact[COUNT];
} loss_case;

static void fill_case(tn_loss loss, loss_case *data) {
  const bool shares = loss == TN_SIGMOID_CROSS_ENTROPY;
  fill_uniform(21, -3, 3, COUNT, data->z);
  fill_uniform(12, shares ? 0 : -3, shares ? 1 : 3, COUNT, data->values);
  fill_uniform(13, 0.1, 4, ROWS, data->weights);
  fill_uniform(14, 0, 1, ROWS, data->shares);
  for (int i = 0; i < ROWS; i++) {
    data->labels[i] = i * 3 % OUTPUTS;
    data->partner_labels[i] = (int32_t)i % OUTPUTS; /* row 0 is mixed with its own class */
  }
  for (int i = 0; i < COUNT; i++)
    data->exact[i] = data->z[i];
}

static void assert_near(double found, double expected, double tolerance) {
  if (!(fabs(found - expected) <= tolerance))
    fail_msg("%.12g for %.12g", found, expected);
}

/* By central differences of the reference, which are good to 1e-9. */
static void assert_slopes(tn_loss loss, loss_case *data, const tn_targets *targets) {
  const double h = 1e-5;
  for (int i = 0; i < COUNT; i++) {
    const double kept = data->exact[i];
    data->exact[i] = kept + h;
    const double above = reference_loss(loss, ROWS, OUTPUTS, data->exact, targets);
    data->exact[i] = kept - h;
    const double below = reference_loss(loss, ROWS, OUTPUTS, data->exact, targets);
    data->exact[i] = kept;
    /* One rounding to float of values up to 12. */
    assert_near(data->z[i], (above - below) / (2 * h), 12 * 0x1p-24 + 1e-9);
  }
}

static void assert_value_and_slopes(tn_loss loss, loss_case *data, const tn_targets *targets) {
  const double expected = reference_loss(loss, ROWS, OUTPUTS, data->exact, targets);
  tn_loss_sums sums = {.loss = 1, .weight = 2, .correct = 3, .rows = 4};

  tn_loss_add(loss, ROWS, OUTPUTS, data->z, targets, false, &sums);
  for (int i = 0; i < COUNT; i++)
    assert_true(data->z[i] == (float)data->exact[i]);
  assert_true(fabs(sums.loss - 1 - expected) < 1e-12 * expected);
  assert_int_equal(sums.rows, 4 + ROWS);

  tn_loss_add(loss, ROWS, OUTPUTS, data->z, targets, true, &sums);
  assert_true(fabs(sums.loss - 1 - 2 * expected) < 1e-12 * expected);
  assert_slopes(loss, data, targets);
}

static void test_values_and_slopes(void **state) {
  (void)state;
  for (int loss = TN_SOFTMAX_CROSS_ENTROPY; loss <= TN_HUBER; loss++)
    for (int weighted = 0; weighted < 2; weighted++) {
      static loss_case data;
      fill_case((tn_loss)loss, &data);
      const tn_targets targets = {
          .labels = data.labels, .values = data.values, .weights = weighted ? data.weights : NULL};
      assert_value_and_slopes((tn_loss)loss, &data, &targets);
    }
}

/* Mixed, smoothed, and both. */
static void test_soft_classes(void **state) {
  (void)state;
  for (int mixed = 0; mixed < 2; mixed++)
    for (int smoothed = 0; smoothed < 2; smoothed++) {
      static loss_case data;
      fill_case(TN_SOFTMAX_CROSS_ENTROPY, &data);
      const tn_targets targets = {.labels = data.labels,
                                  .weights = data.weights,
                                  .partner_labels = mixed ? data.partner_labels : NULL,
                                  .shares = mixed ? data.shares : NULL,
                                  .smoothing = smoothed ? 0.3 : 0};
      assert_value_and_slopes(TN_SOFTMAX_CROSS_ENTROPY, &data, &targets);
    }
}

static void test_smoothed_shares(void **state) {
  (void)state;
  static loss_case data;
  fill_case(TN_SIGMOID_CROSS_ENTROPY, &data);
  const tn_targets targets = {.values = data.values, .smoothing = 0.3};
  assert_value_and_slopes(TN_SIGMOID_CROSS_ENTROPY, &data, &targets);
}

static void test_a_mixed_row_is_right_by_its_greater_share(void **state) {
  (void)state;
  float z[] = {1, 0, 0, 1, 0, 0, 1, 0, 0};
  const int32_t labels[] = {0, 0, 0}, partner_labels[] = {1, 1, 1};
  const float shares[] = {0.75f, 0.25f, 0.5f}; /* right, wrong, right: the row's own of equals */
  const tn_targets targets = {.labels = labels, .partner_labels = partner_labels, .shares = shares, .smoothing = 0.5};
  tn_loss_sums sums = {0};
  tn_loss_add(TN_SOFTMAX_CROSS_ENTROPY, 3, 3, z, &targets, false, &sums);
  assert_true(sums.correct == 2);
}

static void test_smoothing_moves_no_target_over_one_half(void **state) {
  (void)state;
  float z[] = {1, 1, -1};
  const float values[] = {0.51f, 0.5f, 0.49f}; /* right, wrong, right */
  tn_loss_sums sums = {0};
  tn_loss_add(TN_SIGMOID_CROSS_ENTROPY, 1, 3, z, &(tn_targets){.values = values, .smoothing = 0.999}, false, &sums);
  assert_true(fabs(3 * sums.correct - 2) < 1e-12);
}

static void test_right_rows_count_with_their_weight(void **state) {
  (void)state;
  float z[] = {1, 2, 3, 9, 8, 7, 5, 5, 0};
  const int32_t labels[] = {2, 1, 0}; /* right, wrong, right: the first of equals */
  const float weights[] = {0.5f, 2, 4};
  tn_loss_sums sums = {0};
  tn_loss_add(TN_SOFTMAX_CROSS_ENTROPY, 3, 3, z, &(tn_targets){.labels = labels, .weights = weights}, false, &sums);
  assert_true(sums.correct == 4.5 && sums.weight == 6.5 && sums.rows == 3);
}

static void test_right_outputs_count_with_their_share(void **state) {
  (void)state;
  float z[] = {1, -1, 2, -2};
  const float values[] = {1, 1, 0.75f, 0}; /* right, wrong, right, right */
  const float weight = 2;
  tn_loss_sums sums = {0};
  tn_loss_add(TN_SIGMOID_CROSS_ENTROPY, 1, 4, z, &(tn_targets){.values = values, .weights = &weight}, false, &sums);
  assert_true(sums.correct == 1.5);
  sums = (tn_loss_sums){0};
  tn_loss_add(TN_MSE, 1, 4, z, &(tn_targets){.values = values}, false, &sums);
  assert_true(sums.correct == 0);
}

static void test_extreme_logits_stay_finite(void **state) {
  (void)state;
  float z[] = {1e30f, -1e30f, 0};
  const int32_t label = 1;
  tn_loss_sums sums = {0};
  tn_loss_add(TN_SOFTMAX_CROSS_ENTROPY, 1, 3, z, &(tn_targets){.labels = &label}, true, &sums);
  assert_true(fabs(sums.loss / 2e30 - 1) < 1e-6);
  assert_true(z[0] == 1 && z[1] == -1 && z[2] == 0);

  float logits[] = {1000, -1000, 1000, -1000};
  const float values[] = {0, 1, 1, 0}; /* wrong, wrong, right, right */
  sums = (tn_loss_sums){0};
  tn_loss_add(TN_SIGMOID_CROSS_ENTROPY, 1, 4, logits, &(tn_targets){.values = values}, true, &sums);
  assert_true(sums.loss == 500);
  assert_true(logits[0] == 0.25f && logits[1] == -0.25f && logits[2] == 0 && logits[3] == 0);
}

/* Differences of logits far from 0 count in full: the maximum is taken out before the exponential. */
static void test_a_common_shift_changes_nothing(void **state) {
  (void)state;
  float near[] = {0, 1, 3}, far[] = {4096, 4097, 4099};
  tn_loss_output(TN_SOFTMAX_CROSS_ENTROPY, 1, 3, near);
  tn_loss_output(TN_SOFTMAX_CROSS_ENTROPY, 1, 3, far);
  assert_memory_equal(near, far, sizeof near);
}

static void test_what_is_not_finite_is_seen(void **state) {
  (void)state;
  const int32_t label = 0;
  const float values[] = {0, 0};
  for (int loss = TN_SOFTMAX_CROSS_ENTROPY; loss <= TN_HUBER; loss++)
    for (int place = 0; place < 2; place++) {
      float z[] = {0, 0};
      z[place] = NAN;
      tn_loss_sums sums = {0};
      tn_loss_add((tn_loss)loss, 1, 2, z, &(tn_targets){.labels = &label, .values = values}, true, &sums);
      assert_true(isnan(sums.loss) && isnan(z[place]) && sums.correct == 0 && sums.weight == 1);
    }
}

static void test_a_row_on_its_target_pulls_nowhere(void **state) {
  (void)state;
  const float values[] = {2, -1};
  for (int loss = TN_MSE; loss <= TN_HUBER; loss++) {
    float z[] = {2, -1};
    tn_loss_sums sums = {0};
    tn_loss_add((tn_loss)loss, 1, 2, z, &(tn_targets){.values = values}, true, &sums);
    assert_true(sums.loss == 0 && z[0] == 0 && z[1] == 0);
  }
}

static void test_no_rows_add_nothing(void **state) {
  (void)state;
  tn_loss_sums sums = {0};
  tn_loss_add(TN_SOFTMAX_CROSS_ENTROPY, 0, 3, NULL, &(tn_targets){0}, true, &sums);
  assert_true(sums.loss == 0 && sums.weight == 0 && sums.rows == 0);
}

static void test_outputs_are_probabilities(void **state) {
  (void)state;
  static loss_case data;
  fill_case(TN_SOFTMAX_CROSS_ENTROPY, &data);
  tn_loss_output(TN_SOFTMAX_CROSS_ENTROPY, ROWS, OUTPUTS, data.z);
  for (int i = 0; i < COUNT; i++) {
    double sum = 0;
    for (int j = 0; j < OUTPUTS; j++)
      sum += exp(data.exact[i / OUTPUTS * OUTPUTS + j]);
    assert_near(data.z[i], exp(data.exact[i]) / sum, 0x1p-24);
  }
  fill_case(TN_SIGMOID_CROSS_ENTROPY, &data);
  tn_loss_output(TN_SIGMOID_CROSS_ENTROPY, ROWS, OUTPUTS, data.z);
  for (int i = 0; i < COUNT; i++)
    assert_near(data.z[i], 1 / (1 + exp(-data.exact[i])), 0x1p-24);
  fill_case(TN_HUBER, &data);
  tn_loss_output(TN_HUBER, ROWS, OUTPUTS, data.z);
  for (int i = 0; i < COUNT; i++)
    assert_true(data.z[i] == (float)data.exact[i]);
}

static void test_accuracy_belongs_to_classes(void **state) {
  (void)state;
  assert_true(tn_loss_has_accuracy(TN_SOFTMAX_CROSS_ENTROPY) && tn_loss_has_accuracy(TN_SIGMOID_CROSS_ENTROPY));
  assert_false(tn_loss_has_accuracy(TN_MSE) || tn_loss_has_accuracy(TN_MAE) || tn_loss_has_accuracy(TN_HUBER));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_values_and_slopes),
      cmocka_unit_test(test_soft_classes),
      cmocka_unit_test(test_smoothed_shares),
      cmocka_unit_test(test_a_mixed_row_is_right_by_its_greater_share),
      cmocka_unit_test(test_smoothing_moves_no_target_over_one_half),
      cmocka_unit_test(test_right_rows_count_with_their_weight),
      cmocka_unit_test(test_right_outputs_count_with_their_share),
      cmocka_unit_test(test_extreme_logits_stay_finite),
      cmocka_unit_test(test_a_common_shift_changes_nothing),
      cmocka_unit_test(test_what_is_not_finite_is_seen),
      cmocka_unit_test(test_a_row_on_its_target_pulls_nowhere),
      cmocka_unit_test(test_no_rows_add_nothing),
      cmocka_unit_test(test_outputs_are_probabilities),
      cmocka_unit_test(test_accuracy_belongs_to_classes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
