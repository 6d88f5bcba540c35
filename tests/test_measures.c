/* Measures against scikit-learn's, and cases made by hand for what it does not have or does otherwise. */
#include "base/memory.h"
#include "frozen/measures.h"
#include "nn/measures.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

/* Sums in double of at most 144 numbers around 1. */
#define EXACT    1e-12
/* The loss of a mean is taken of its logit as a float: 2^-24 of at most 8 a row. */
#define BY_FLOAT 5e-7

typedef struct measure_case {
  tn_measure_plan plan;
  tn_mixture mixture;
  double *reals;
  int64_t *counts;
  tn_measures found;
} measure_case;

static void create(measure_case *c, tn_loss loss, int64_t outputs, int64_t rows, int64_t top, const float *origin) {
  *c = (measure_case){0};
  assert_int_equal(tn_measure_plan_make(&c->plan, loss, outputs, top), TN_OK);
  c->plan.origin = origin;
  assert_int_equal(tn_mixture_create(&c->mixture, loss, outputs, rows), TN_OK);
  assert_int_equal(tn_alloc(&c->reals, c->plan.real_sums, sizeof *c->reals, "sums"), TN_OK);
  assert_int_equal(tn_alloc(&c->counts, c->plan.count_sums, sizeof *c->counts, "counts"), TN_OK);
}

/* z (members, member_stride). */
static void add(measure_case *c, int members, int64_t member_stride, const float *z, int64_t rows,
                const tn_targets *targets) {
  tn_mixture_begin(&c->mixture, rows);
  for (int m = 0; m < members; m++)
    tn_mixture_add(&c->mixture, z + m * member_stride);
  tn_mixture_finish(&c->mixture);
  tn_measures_add(&c->plan, &c->mixture, targets, c->reals, c->counts);
}

static void finish(measure_case *c) {
  assert_int_equal(tn_measures_finish(&c->plan, c->reals, c->counts, &c->found), TN_OK);
}

static void destroy(measure_case *c) {
  tn_measures_clear(&c->found);
  tn_mixture_destroy(&c->mixture);
  tn_free(&c->reals);
  tn_free(&c->counts);
}

static void assert_near(double found, double expected, double tolerance) {
  if (!(fabs(found - expected) <= tolerance))
    fail_msg("%.17g for %.17g", found, expected);
}

static void assert_counts(const tn_measures *found, const int64_t *confusion, const double *precision,
                          const double *recall) {
  assert_memory_equal(found->confusion, confusion, FROZEN_CLASSES * FROZEN_CLASSES * sizeof *confusion);
  for (int k = 0; k < FROZEN_CLASSES; k++) {
    assert_near(found->classes[k].precision, precision[k], EXACT);
    assert_near(found->classes[k].recall, recall[k], EXACT);
  }
}

/* In two parts, as blocks come. */
static void add_frozen_classes(measure_case *c, int members) {
  const int64_t first = 7, rest = FROZEN_ROWS - first, stride = FROZEN_ROWS * FROZEN_CLASSES;
  add(c, members, stride, frozen_z[0], first, &(tn_targets){.labels = frozen_labels});
  add(c, members, stride, frozen_z[0] + first * FROZEN_CLASSES, rest, &(tn_targets){.labels = frozen_labels + first});
  finish(c);
}

static void test_classes_of_one_network(void **state) {
  (void)state;
  measure_case c;
  create(&c, TN_SOFTMAX_CROSS_ENTROPY, FROZEN_CLASSES, FROZEN_ROWS, FROZEN_TOP, NULL);
  add_frozen_classes(&c, 1);
  assert_true(c.found.rows == FROZEN_ROWS && c.found.outputs == FROZEN_CLASSES && c.found.top == FROZEN_TOP);
  assert_near(c.found.loss, frozen_one_loss, EXACT);
  assert_near(c.found.accuracy, frozen_one_accuracy, EXACT);
  assert_near(c.found.top_accuracy, frozen_one_top_accuracy, EXACT);
  assert_near(c.found.brier, frozen_one_brier, EXACT);
  assert_near(c.found.ece, frozen_one_ece, EXACT);
  assert_near(c.found.entropy, frozen_one_entropy, EXACT);
  assert_near(c.found.information, frozen_one_information, EXACT);
  assert_counts(&c.found, frozen_one_confusion, frozen_one_precision, frozen_one_recall);
  assert_true(isnan(c.found.r2) && isnan(c.found.mae) && isnan(c.found.rmse) && c.found.by_output == NULL);
  destroy(&c);
}

static void test_classes_of_a_mean(void **state) {
  (void)state;
  measure_case c;
  create(&c, TN_SOFTMAX_CROSS_ENTROPY, FROZEN_CLASSES, FROZEN_ROWS, FROZEN_TOP, NULL);
  add_frozen_classes(&c, FROZEN_MEMBERS);
  assert_near(c.found.loss, frozen_all_loss, BY_FLOAT);
  assert_near(c.found.accuracy, frozen_all_accuracy, EXACT);
  assert_near(c.found.top_accuracy, frozen_all_top_accuracy, EXACT);
  assert_near(c.found.brier, frozen_all_brier, EXACT);
  assert_near(c.found.ece, frozen_all_ece, EXACT);
  assert_near(c.found.entropy, frozen_all_entropy, EXACT);
  assert_near(c.found.information, frozen_all_information, EXACT);
  assert_counts(&c.found, frozen_all_confusion, frozen_all_precision, frozen_all_recall);
  destroy(&c);
}

static void test_probabilities(void **state) {
  (void)state;
  measure_case c;
  create(&c, TN_SIGMOID_CROSS_ENTROPY, FROZEN_OUTPUTS, FROZEN_OUTPUT_ROWS, 0, NULL);
  add(&c, FROZEN_MEMBERS, FROZEN_OUTPUT_ROWS * FROZEN_OUTPUTS, frozen_z[0], FROZEN_OUTPUT_ROWS,
      &(tn_targets){.values = frozen_shares});
  finish(&c);
  assert_near(c.found.loss, frozen_sigmoid_loss, BY_FLOAT);
  assert_near(c.found.accuracy, frozen_sigmoid_accuracy, EXACT);
  assert_near(c.found.brier, frozen_sigmoid_brier, EXACT);
  assert_near(c.found.ece, frozen_sigmoid_ece, EXACT);
  assert_near(c.found.entropy, frozen_sigmoid_entropy, EXACT);
  assert_near(c.found.information, frozen_sigmoid_information, EXACT);
  for (int k = 0; k < FROZEN_OUTPUTS; k++)
    assert_near(c.found.by_output[k].accuracy, frozen_sigmoid_by_output[k], EXACT);
  assert_true(isnan(c.found.r2) && c.found.classes == NULL && c.found.confusion == NULL);
  destroy(&c);
}

static void test_values(void **state) {
  (void)state;
  measure_case c;
  create(&c, TN_MSE, FROZEN_OUTPUTS, FROZEN_OUTPUT_ROWS, 0, frozen_values);
  add(&c, FROZEN_MEMBERS, FROZEN_OUTPUT_ROWS * FROZEN_OUTPUTS, frozen_z[0], FROZEN_OUTPUT_ROWS,
      &(tn_targets){.values = frozen_values});
  finish(&c);
  assert_near(c.found.loss, frozen_real_loss, BY_FLOAT);
  assert_near(c.found.r2, frozen_real_r2, EXACT);
  assert_near(c.found.mae, frozen_real_mae, EXACT);
  assert_near(c.found.rmse, frozen_real_rmse, EXACT);
  for (int k = 0; k < FROZEN_OUTPUTS; k++) {
    assert_near(c.found.by_output[k].r2, frozen_real_r2_by_output[k], EXACT);
    assert_near(c.found.by_output[k].mae, frozen_real_mae_by_output[k], EXACT);
    assert_near(c.found.by_output[k].rmse, frozen_real_rmse_by_output[k], EXACT);
  }
  assert_true(isnan(c.found.accuracy) && isnan(c.found.brier) && isnan(c.found.ece) && isnan(c.found.entropy));
  destroy(&c);
}

/* Two outputs, so that a confidence is exactly what the logit says: p = 1/2, which lies in bin 7 of 15 (0.467 to
 * 0.533), and p = 3/4, in bin 11 (0.733 to 0.8). Rows: 1/2 right, 1/2 wrong, 3/4 right, 3/4 right. ECE = 2/4 |1/2 -
 * 1/2| + 2/4 |1 - 3/4| = 1/8. */
static void test_reliability_by_hand(void **state) {
  (void)state;
  measure_case c;
  const float three = (float)log(3);
  const float z[] = {0, 0, 0, 0, three, 0, 0, three};
  const int32_t labels[] = {0, 1, 0, 1};
  create(&c, TN_SOFTMAX_CROSS_ENTROPY, 2, 4, 0, NULL);
  add(&c, 1, 0, z, 4, &(tn_targets){.labels = labels});
  finish(&c);
  assert_near(c.found.ece, 0.125, 1e-7); /* log 3 as a float */
  for (int b = 0; b < TN_RELIABILITY_BINS; b++) {
    const tn_reliability_bin *bin = &c.found.reliability[b];
    assert_int_equal(bin->count, b == 7 || b == 11 ? 2 : 0);
    assert_true(bin->count == 0 ? isnan(bin->confidence) && isnan(bin->accuracy) : true);
  }
  assert_near(c.found.reliability[7].confidence, 0.5, 0);
  assert_near(c.found.reliability[7].accuracy, 0.5, 0);
  assert_near(c.found.reliability[11].confidence, 0.75, 1e-7);
  assert_near(c.found.reliability[11].accuracy, 1, 0);
  assert_true(c.found.top == 0 && isnan(c.found.top_accuracy)); /* two classes have no top five */
  destroy(&c);
}

/* Probabilities of exactly 0 and 1 are in the first bin and in the last. */
static void test_the_ends_of_the_bins(void **state) {
  (void)state;
  measure_case c;
  const float z[] = {-1000, 1000, 1000}, targets[] = {0, 1, 0};
  create(&c, TN_SIGMOID_CROSS_ENTROPY, 1, 3, 0, NULL);
  add(&c, 1, 0, z, 3, &(tn_targets){.values = targets});
  finish(&c);
  assert_int_equal(c.found.reliability[0].count, 1);
  assert_int_equal(c.found.reliability[TN_RELIABILITY_BINS - 1].count, 2);
  assert_near(c.found.ece, 1.0 / 3, EXACT);
  destroy(&c);
}

/* A bin has its upper edge: 1/5 = 3/15 belongs to (2/15, 3/15]. */
static void test_edges_belong_to_the_bin_below(void **state) {
  (void)state;
  measure_case c;
  const float z[] = {0, 0, 0, 0, 0};
  const int32_t label = 0;
  create(&c, TN_SOFTMAX_CROSS_ENTROPY, 5, 1, 0, NULL);
  add(&c, 1, 0, z, 1, &(tn_targets){.labels = &label});
  finish(&c);
  assert_int_equal(c.found.reliability[2].count, 1);
  destroy(&c);
}

/* Class 1 is never predicted, class 2 never there. */
static void test_shares_of_nothing_are_none(void **state) {
  (void)state;
  measure_case c;
  const float z[] = {5, 0, 0, 5, 0, 0, 0, 0, 5};
  const int32_t labels[] = {0, 1, 0};
  create(&c, TN_SOFTMAX_CROSS_ENTROPY, 3, 3, 3, NULL);
  add(&c, 1, 0, z, 3, &(tn_targets){.labels = labels});
  finish(&c);
  assert_true(c.found.classes[0].precision == 0.5 && c.found.classes[0].recall == 0.5);
  assert_true(isnan(c.found.classes[1].precision) && c.found.classes[1].recall == 0);
  assert_true(c.found.classes[2].precision == 0 && isnan(c.found.classes[2].recall));
  assert_true(c.found.top_accuracy == 1); /* all classes are among the top three of three */
  destroy(&c);
}

/* Equal probabilities: the lower number stands first, as the prediction takes it. */
static void test_ties_at_the_top(void **state) {
  (void)state;
  const float z[] = {1, 1, 1, 1};
  for (int32_t label = 0; label < 4; label++) {
    measure_case c;
    create(&c, TN_SOFTMAX_CROSS_ENTROPY, 4, 1, 2, NULL);
    add(&c, 1, 0, z, 1, &(tn_targets){.labels = &label});
    finish(&c);
    assert_true(c.found.top_accuracy == (label < 2 ? 1 : 0));
    destroy(&c);
  }
}

static void test_constant_targets_have_no_r2(void **state) {
  (void)state;
  measure_case c;
  const float y[] = {1, 0.1f, 2, 0.1f, 3, 0.2f}, targets[] = {1, 0.1f, 2, 0.1f, 4, 0.1f};
  create(&c, TN_MAE, 2, 3, 0, targets);
  add(&c, 1, 0, y, 3, &(tn_targets){.values = targets});
  finish(&c);
  /* Targets 1, 2, 4: mean 7/3, sum of squares about it 14/3; one error of 1. */
  assert_near(c.found.by_output[0].r2, 1 - 3.0 / 14, EXACT);
  assert_true(isnan(c.found.by_output[1].r2) && isnan(c.found.r2));
  assert_near(c.found.by_output[1].mae, 0.1 / 3, 1e-8); /* 0.1 as a float */
  assert_near(c.found.mae, 1.1 / 6, 1e-8);
  destroy(&c);
}

/* Targets around 10^7, where a float's step is 1, differ by 1: without the origin their squares would cancel. */
static void test_r2_far_from_zero(void **state) {
  (void)state;
  measure_case c;
  static float y[3000], targets[3000];
  for (int i = 0; i < 3000; i++) {
    targets[i] = 1e7f + (float)(i % 3);
    y[i] = 1e7f + 1;
  }
  create(&c, TN_MSE, 1, 3000, 0, targets);
  add(&c, 1, 0, y, 3000, &(tn_targets){.values = targets});
  finish(&c);
  assert_near(c.found.r2, 0, EXACT); /* the prediction is the mean */
  assert_near(c.found.rmse, sqrt(2.0 / 3), EXACT);
  destroy(&c);
}

static void test_many_classes_have_no_matrix(void **state) {
  (void)state;
  measure_case c;
  static float z[TN_CONFUSION_CLASSES_MAX + 1];
  const int32_t label = TN_CONFUSION_CLASSES_MAX;
  z[TN_CONFUSION_CLASSES_MAX] = 1;
  create(&c, TN_SOFTMAX_CROSS_ENTROPY, TN_CONFUSION_CLASSES_MAX + 1, 1, 0, NULL);
  add(&c, 1, 0, z, 1, &(tn_targets){.labels = &label});
  finish(&c);
  assert_true(c.found.confusion == NULL && c.found.classes[label].correct == 1 && c.found.top == 5);
  destroy(&c);
}

static void test_what_is_not_finite_is_seen(void **state) {
  (void)state;
  measure_case c;
  const float z[] = {NAN, NAN, NAN};
  const int32_t label = 2;
  create(&c, TN_SOFTMAX_CROSS_ENTROPY, 3, 1, 1, NULL);
  add(&c, 1, 0, z, 1, &(tn_targets){.labels = &label});
  finish(&c);
  assert_true(isnan(c.found.loss) && isnan(c.found.brier) && isnan(c.found.ece) && c.found.top_accuracy == 0);
  destroy(&c);
}

/* Class 0, and no, are what comparisons with what is no number would come to: they are not right. Row 2 is all that is
 * finite. */
static void test_what_is_not_finite_is_wrong(void **state) {
  (void)state;
  const float z[] = {NAN, 0, 0, INFINITY, 0, 0, 5, 0, 0}, targets[] = {0, 1, 1};
  const int32_t labels[] = {0, 0, 0};
  measure_case c;
  create(&c, TN_SOFTMAX_CROSS_ENTROPY, 3, 3, 3, NULL);
  add(&c, 1, 0, z, 3, &(tn_targets){.labels = labels});
  finish(&c);
  assert_true(c.found.accuracy == 1.0 / 3 && c.found.top_accuracy == 1.0 / 3);
  assert_true(c.found.classes[0].rows == 3 && c.found.classes[0].predicted == 1 && c.found.classes[0].precision == 1);
  assert_true(c.found.confusion[0] == 1 && c.found.classes[0].recall == 1.0 / 3);
  destroy(&c);
  const float logits[] = {NAN, INFINITY, 5};
  create(&c, TN_SIGMOID_CROSS_ENTROPY, 1, 3, 0, NULL);
  add(&c, 1, 0, logits, 3, &(tn_targets){.values = targets});
  finish(&c);
  assert_true(c.found.accuracy == 1.0 / 3 && isnan(c.found.loss));
  destroy(&c);
}

static void test_wrong_tops(void **state) {
  (void)state;
  tn_measure_plan plan;
  assert_int_equal(tn_measure_plan_make(&plan, TN_SOFTMAX_CROSS_ENTROPY, 3, 4), TN_ERR_USAGE);
  assert_non_null(strstr(tn_error_message(), "--top 4: the network has 3 classes"));
  assert_int_equal(tn_measure_plan_make(&plan, TN_SOFTMAX_CROSS_ENTROPY, 3, -1), TN_ERR_USAGE);
  assert_int_equal(tn_measure_plan_make(&plan, TN_HUBER, 3, 2), TN_ERR_USAGE);
  assert_non_null(strstr(tn_error_message(), "its loss is huber"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_classes_of_one_network),
      cmocka_unit_test(test_classes_of_a_mean),
      cmocka_unit_test(test_probabilities),
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_reliability_by_hand),
      cmocka_unit_test(test_the_ends_of_the_bins),
      cmocka_unit_test(test_edges_belong_to_the_bin_below),
      cmocka_unit_test(test_shares_of_nothing_are_none),
      cmocka_unit_test(test_ties_at_the_top),
      cmocka_unit_test(test_constant_targets_have_no_r2),
      cmocka_unit_test(test_r2_far_from_zero),
      cmocka_unit_test(test_many_classes_have_no_matrix),
      cmocka_unit_test(test_what_is_not_finite_is_seen),
      cmocka_unit_test(test_what_is_not_finite_is_wrong),
      cmocka_unit_test(test_wrong_tops),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
