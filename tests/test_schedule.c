/* Learning rates by their formulas, and the watch over a monitored value. */
#include "nn/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

enum { STEPS_PER_EPOCH = 10, TOTAL_STEPS = 50 };

static double rate_at(const tn_schedule_config *schedule, int64_t step, int64_t reductions) {
  return tn_schedule_learning_rate(schedule, 0.2, 4, step, step / STEPS_PER_EPOCH, STEPS_PER_EPOCH, TOTAL_STEPS,
                                   reductions);
}

static void assert_rate(const tn_schedule_config *schedule, int64_t step, double expected) {
  const double found = rate_at(schedule, step, 0);
  if (!(fabs(found - expected) <= 1e-15))
    fail_msg("step %lld: %.17g for %.17g", (long long)step, found, expected);
}

static void test_constant(void **state) {
  (void)state;
  const tn_schedule_config schedule = {.kind = TN_SCHEDULE_CONSTANT, .factor = 0.5, .step_epochs = 1};
  assert_rate(&schedule, 0, 0.2);
  assert_rate(&schedule, 49, 0.2);
}

static void test_scaling_with_replicas(void **state) {
  (void)state;
  tn_schedule_config schedule = {.kind = TN_SCHEDULE_CONSTANT, .scale_with_replicas = TN_SCALE_LINEAR};
  assert_rate(&schedule, 7, 0.8);
  schedule.scale_with_replicas = TN_SCALE_SQRT;
  assert_rate(&schedule, 7, 0.4);
}

static void test_warmup_rises_to_the_scaled_rate(void **state) {
  (void)state;
  const tn_schedule_config schedule = {.kind = TN_SCHEDULE_CONSTANT,
                                       .warmup_steps = 4,
                                       .scale_with_replicas = TN_SCALE_LINEAR,
                                       .min_learning_rate = 0.3};
  assert_rate(&schedule, 0, 0.2); /* below the minimum, which holds after warm-up */
  assert_rate(&schedule, 1, 0.4);
  assert_rate(&schedule, 3, 0.8);
  assert_rate(&schedule, 4, 0.8);
}

static void test_steps_fall_at_epochs(void **state) {
  (void)state;
  const tn_schedule_config schedule = {.kind = TN_SCHEDULE_STEP, .step_epochs = 2, .factor = 0.1};
  assert_rate(&schedule, 19, 0.2);
  assert_rate(&schedule, 20, 0.02);
  assert_rate(&schedule, 40, 0.002);
}

static void test_exponential_falls_in_every_step(void **state) {
  (void)state;
  const tn_schedule_config schedule = {.kind = TN_SCHEDULE_EXPONENTIAL, .warmup_steps = 5, .factor = 0.25};
  assert_rate(&schedule, 5, 0.2);
  assert_rate(&schedule, 10, 0.1); /* half an epoch behind warm-up */
  assert_rate(&schedule, 15, 0.05);
}

static void test_cosine_ends_behind_the_last_step(void **state) {
  (void)state;
  const tn_schedule_config schedule = {.kind = TN_SCHEDULE_COSINE, .warmup_steps = 10, .min_learning_rate = 0.04};
  assert_rate(&schedule, 10, 0.2);
  assert_rate(&schedule, 20, 0.04 + 0.16 * (1 + sqrt(0.5)) / 2);
  assert_rate(&schedule, 30, 0.12);
  assert_true(rate_at(&schedule, 49, 0) > 0.04);
  assert_rate(&schedule, 50, 0.04);
  assert_rate(&schedule, 80, 0.04);
}

static void test_cosine_of_a_run_that_is_all_warmup(void **state) {
  (void)state;
  const tn_schedule_config schedule = {.kind = TN_SCHEDULE_COSINE, .warmup_steps = 60};
  assert_rate(&schedule, 59, 0.2);
  assert_rate(&schedule, 60, 0);
}

static void test_plateau_counts_reductions(void **state) {
  (void)state;
  const tn_schedule_config schedule = {.kind = TN_SCHEDULE_PLATEAU, .factor = 0.5};
  assert_rate(&schedule, 30, 0.2);
  assert_true(fabs(rate_at(&schedule, 30, 3) - 0.025) < 1e-15);
}

static void test_no_kind_falls_below_the_minimum(void **state) {
  (void)state;
  for (int kind = TN_SCHEDULE_STEP; kind <= TN_SCHEDULE_PLATEAU; kind++) {
    const tn_schedule_config schedule = {
        .kind = (tn_schedule_kind)kind, .step_epochs = 1, .factor = 0.01, .min_learning_rate = 0.05};
    assert_true(rate_at(&schedule, 49, 9) >= 0.05);
  }
}

static void test_watch_for_the_smallest(void **state) {
  (void)state;
  tn_watch watch;
  tn_watch_start(&watch);
  assert_true(isnan(watch.best) && watch.best_epoch == 0 && watch.epochs_since == 0);
  assert_true(tn_watch_update(&watch, 1.0, 1, 0.1, false));
  assert_false(tn_watch_update(&watch, 0.95, 2, 0.1, false)); /* not by more than min_delta */
  assert_false(tn_watch_update(&watch, 1.5, 3, 0.1, false));
  assert_true(watch.best == 1.0 && watch.best_epoch == 1 && watch.epochs_since == 2);
  assert_true(tn_watch_update(&watch, 0.8, 4, 0.1, false));
  assert_true(watch.best == 0.8 && watch.best_epoch == 4 && watch.epochs_since == 0);
}

static void test_watch_for_the_largest(void **state) {
  (void)state;
  tn_watch watch;
  tn_watch_start(&watch);
  assert_true(tn_watch_update(&watch, 0.5, 1, 0, true));
  assert_false(tn_watch_update(&watch, 0.5, 2, 0, true));
  assert_true(tn_watch_update(&watch, 0.51, 3, 0, true));
  assert_false(tn_watch_update(&watch, 0.4, 4, 0, true));
  assert_true(watch.best == 0.51 && watch.best_epoch == 3 && watch.epochs_since == 1);
}

static void test_watch_takes_no_nan_for_the_best(void **state) {
  (void)state;
  tn_watch watch;
  tn_watch_start(&watch);
  assert_false(tn_watch_update(&watch, NAN, 1, 0, false));
  assert_int_equal(watch.epochs_since, 1);
  assert_true(tn_watch_update(&watch, 3, 2, 0, false));
  assert_false(tn_watch_update(&watch, NAN, 3, 0, false));
  assert_true(watch.best == 3 && watch.epochs_since == 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_constant),
      cmocka_unit_test(test_scaling_with_replicas),
      cmocka_unit_test(test_warmup_rises_to_the_scaled_rate),
      cmocka_unit_test(test_steps_fall_at_epochs),
      cmocka_unit_test(test_exponential_falls_in_every_step),
      cmocka_unit_test(test_cosine_ends_behind_the_last_step),
      cmocka_unit_test(test_cosine_of_a_run_that_is_all_warmup),
      cmocka_unit_test(test_plateau_counts_reductions),
      cmocka_unit_test(test_no_kind_falls_below_the_minimum),
      cmocka_unit_test(test_watch_for_the_smallest),
      cmocka_unit_test(test_watch_for_the_largest),
      cmocka_unit_test(test_watch_takes_no_nan_for_the_best),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
