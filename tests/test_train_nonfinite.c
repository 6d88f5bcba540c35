/* Numbers gone bad: one row overflows the network in one step of every epoch. The run stops there, or leaves the step
 * out: on all ranks, at any number of them, and through any restart. */
#include "dist/comm.h"
#include "io/checkpoint.h"
#include "io/metrics.h"
#include "mpi_test.h"
#include "train_case.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* 203 rows on 4 replicas, unshuffled: replica 2 has 102 to 152, and reads row 125 in the third of the 6 steps. */
#define BAD_ROW         125
#define BAD_REPLICA     "replica 2"
#define BAD_STEP        3
#define STEPS_PER_EPOCH 6
#define EPOCHS          3

static tn_comm *all_ranks(void) {
  return (tn_comm *)(uintptr_t)test_comm();
}

static bool is_root(void) {
  return tn_comm_rank(test_comm()) == 0;
}

/* A whole row near the end of float32's range: finite, as it has to be, but not when it is multiplied by weights. */
static void create(train_case *c) {
  case_create(c);
  for (int64_t j = 0; j < CASE_INPUTS; j++)
    c->storage[BAD_ROW * CASE_INPUTS + j] = 3e38F;
  case_set(c, "data.shuffle=none");
  case_set(c, "dropout.input=0");
  case_set(c, "output.checkpoint_every_steps=1");
  case_set(c, "output.keep=100");
}

static void create_skipping(train_case *c) {
  create(c);
  case_set(c, "train.on_nonfinite=skip");
}

static void train_until(train_case *c, const char *dir, int64_t step, tn_train_result *result) {
  char assignment[64];
  const tn_train_options resume = {.resume = true};
  snprintf(assignment, sizeof assignment, "train.max_steps=%lld", (long long)step);
  case_set(c, assignment);
  assert_all_ok(case_train(c, all_ranks(), dir, &resume, result));
  case_set(c, "train.max_steps=0");
}

/* What rank 0 reads of a run's last checkpoint, on all ranks. */
static tn_progress read_progress(const train_case *c, const char *dir) {
  char name[300];
  tn_checkpoint *checkpoint = NULL;
  tn_progress progress = {0};
  snprintf(name, sizeof name, "%s/last.h5", dir);
  const bool read = !is_root() || tn_checkpoint_read(&checkpoint, case_path(c, name)) == TN_OK;
  if (checkpoint)
    progress = checkpoint->progress;
  tn_checkpoint_destroy(&checkpoint);
  assert_all_true(read);
  tn_comm_broadcast(test_comm(), &progress, (int64_t)sizeof progress, 0);
  return progress;
}

/* Rank 0's; NULL elsewhere. */
static tn_metrics *read_metrics(const train_case *c, const char *dir) {
  char name[300];
  tn_metrics *metrics = NULL;
  snprintf(name, sizeof name, "%s/metrics.h5", dir);
  const bool read = !is_root() || tn_metrics_read(&metrics, case_path(c, name), INT64_MAX, INT64_MAX) == TN_OK;
  assert_all_true(read);
  return metrics;
}

static void test_stop_names_the_place_and_keeps_the_checkpoint(void **state) {
  (void)state;
  static const char *const reductions[] = {"parallel.reduction=exact", "parallel.reduction=float"};
  for (int i = 0; i < 2; i++) {
    train_case c;
    create(&c);
    case_set(&c, reductions[i]);
    assert_all_status(case_train(&c, all_ranks(), "run", NULL, NULL), TN_ERR_NUMERIC);
    assert_all_message("step 3, " BAD_REPLICA ", ");
    assert_all_message("not finite");
    assert_all_message("train.on_nonfinite = skip");
    assert_all_int_equal(read_progress(&c, "run").step, BAD_STEP - 1);
    case_destroy(&c);
  }
}

/* Gradients are finite, what the update makes of them is not: a learning rate beyond float32. */
static void test_weights_that_are_not_finite_reach_no_file(void **state) {
  (void)state;
  static const char *const policies[] = {"train.on_nonfinite=stop", "train.on_nonfinite=skip"};
  for (int i = 0; i < 2; i++) {
    train_case c;
    case_create(&c);
    case_set(&c, "output.checkpoint_every_steps=1");
    case_set(&c, policies[i]);
    case_set(&c, "train.optimizer=sgd");
    case_set(&c, "train.learning_rate=1e39");
    assert_all_status(case_train(&c, all_ranks(), "other", NULL, NULL), TN_ERR_NUMERIC);
    assert_all_message("step 1: the weight of layer1/weight is not finite after the update: nothing was written");
    assert_all_true(!is_root() || access(case_path(&c, "other/last.h5"), F_OK) != 0);
    case_destroy(&c);
  }
}

/* Three rows of 3e38 in one column, one of each class: the finite output of the linear model is sure of one class for
 * all of them, which is wrong for two, and the sum of their gradients is not finite. */
static void test_a_gradient_that_is_not_finite_names_its_layer(void **state) {
  (void)state;
  train_case c;
  case_create(&c);
  case_set(&c, "model.hidden=");
  case_set(&c, "dropout.hidden=0");
  case_set(&c, "dropout.input=0");
  case_set(&c, "data.shuffle=none");
  case_set(&c, "parallel.reduction=float"); /* such losses are beyond the exact range */
  for (int64_t i = BAD_ROW - 1; i <= BAD_ROW + 1; i++)
    c.storage[i * CASE_INPUTS] = 3e38F;
  assert_all_status(case_train(&c, all_ranks(), NULL, NULL, NULL), TN_ERR_NUMERIC);
  assert_all_message("step 3, " BAD_REPLICA ", layer1/weight: not finite (inf)");
  case_destroy(&c);
}

static void test_a_skipped_step_changes_no_parameter(void **state) {
  (void)state;
  train_case c;
  tn_train_result before;
  tn_train_result skipped;
  tn_train_result after;
  create_skipping(&c);
  case_set(&c, "train.optimizer=adamw"); /* its decay would show, too */
  train_until(&c, "run", BAD_STEP - 1, &before);
  train_until(&c, "run", BAD_STEP, &skipped);
  train_until(&c, "run", BAD_STEP + 1, &after);
  assert_all_int_equal(skipped.steps, BAD_STEP);
  assert_all_memory_equal(skipped.digest, before.digest, sizeof before.digest);
  assert_all_false(strcmp(after.digest, skipped.digest) == 0);
  assert_all_int_equal(read_progress(&c, "run").skipped_steps, 1);
  case_destroy(&c);
}

/* One row a step, the skipped ones with NaN; the epoch's mean is that of the other steps' rows. */
static bool means_leave_out_the_skipped(const tn_metrics *metrics) {
  const tn_step_row *steps = tn_metrics_steps(metrics);
  bool right = tn_metrics_step_count(metrics) == (int64_t)EPOCHS * STEPS_PER_EPOCH;
  for (int epoch = 0; right && epoch < EPOCHS; epoch++) {
    double sum = 0.0;
    double rows = 0.0;
    for (int s = 0; s < STEPS_PER_EPOCH; s++) {
      const tn_step_row *step = &steps[epoch * STEPS_PER_EPOCH + s];
      const double rows_of_step = s < STEPS_PER_EPOCH - 1 ? 40 : CASE_ROWS - 5 * 40;
      const bool is_skipped = s == BAD_STEP - 1;
      right = right && isnan(step->loss) == is_skipped && isnan(step->gradient_norm) == is_skipped;
      sum += is_skipped ? 0.0 : step->loss * rows_of_step;
      rows += is_skipped ? 0.0 : rows_of_step;
    }
    /* Sums of doubles that differ in their order alone. */
    right = right && fabs(tn_metrics_epochs(metrics)[epoch].train_loss - sum / rows) < 1e-12;
  }
  return right;
}

static void test_skipped_steps_stay_out_of_the_means(void **state) {
  (void)state;
  train_case c;
  create_skipping(&c);
  assert_all_ok(case_train(&c, all_ranks(), "run", NULL, NULL));
  tn_metrics *metrics = read_metrics(&c, "run");
  assert_all_true(!metrics || means_leave_out_the_skipped(metrics));
  tn_metrics_destroy(&metrics);
  assert_all_int_equal(read_progress(&c, "run").skipped_steps, EPOCHS);
  case_destroy(&c);
}

/* Where only every 50th step has a row, a skipped one has a row yet. */
static void test_a_skipped_step_has_a_row_always(void **state) {
  (void)state;
  train_case c;
  create_skipping(&c);
  case_set(&c, "output.step_metrics_every=50");
  assert_all_ok(case_train(&c, all_ranks(), "run", NULL, NULL));
  tn_metrics *metrics = read_metrics(&c, "run");
  assert_all_true(!metrics || tn_metrics_step_count(metrics) == EPOCHS);
  assert_all_true(!metrics || tn_metrics_steps(metrics)[1].step == STEPS_PER_EPOCH + BAD_STEP);
  tn_metrics_destroy(&metrics);
  case_destroy(&c);
}

static void check_same_runs(const train_case *c, const char *a_dir, const char *b_dir) {
  tn_metrics *a = read_metrics(c, a_dir);
  tn_metrics *b = read_metrics(c, b_dir);
  const size_t bytes = EPOCHS * STEPS_PER_EPOCH * sizeof(tn_step_row);
  assert_all_true(!a || tn_metrics_step_count(a) == tn_metrics_step_count(b));
  assert_all_true(!a || memcmp(tn_metrics_steps(a), tn_metrics_steps(b), bytes) == 0);
  for (int i = 0; i < EPOCHS; i++)
    assert_all_true(!a || tn_metrics_epochs(a)[i].train_loss == tn_metrics_epochs(b)[i].train_loss);
  tn_metrics_destroy(&a);
  tn_metrics_destroy(&b);
  assert_all_int_equal(read_progress(c, a_dir).skipped_steps, read_progress(c, b_dir).skipped_steps);
}

static void test_ranks_and_restarts_make_no_difference(void **state) {
  (void)state;
  train_case c;
  tn_train_result alone = {0};
  tn_train_result whole;
  tn_train_result parts;
  tn_comm *serial = NULL;
  create_skipping(&c);
  assert_all_ok(tn_comm_create_serial(&serial));
  const tn_status status = is_root() ? case_train(&c, serial, "alone", NULL, &alone) : TN_OK;
  assert_all_ok(status);
  tn_comm_broadcast(test_comm(), alone.digest, (int64_t)sizeof alone.digest, 0);
  assert_all_ok(case_train(&c, all_ranks(), "whole", NULL, &whole));
  assert_all_memory_equal(whole.digest, alone.digest, sizeof alone.digest);
  check_same_runs(&c, "alone", "whole");
  for (int64_t step = 1; step < (int64_t)EPOCHS * STEPS_PER_EPOCH; step += 2)
    train_until(&c, "parts", step, &parts);
  const tn_train_options resume = {.resume = true};
  assert_all_ok(case_train(&c, all_ranks(), "parts", &resume, &parts));
  assert_all_memory_equal(parts.digest, alone.digest, sizeof alone.digest);
  check_same_runs(&c, "alone", "parts");
  tn_comm_destroy(&serial);
  case_destroy(&c);
}

static void test_a_run_that_stopped_goes_on_skipping(void **state) {
  (void)state;
  train_case c;
  tn_train_result whole;
  tn_train_result resumed;
  const tn_train_options resume = {.resume = true};
  create(&c);
  assert_all_status(case_train(&c, all_ranks(), "run", NULL, NULL), TN_ERR_NUMERIC);
  case_set(&c, "train.on_nonfinite=skip");
  assert_all_ok(case_train(&c, all_ranks(), "run", &resume, &resumed));
  assert_all_ok(case_train(&c, all_ranks(), "whole", NULL, &whole));
  assert_all_memory_equal(resumed.digest, whole.digest, sizeof whole.digest);
  case_destroy(&c);
}

/* One bad step an epoch: the limit counts those of the whole run, over its restarts. */
static void test_the_limit_ends_the_run(void **state) {
  (void)state;
  train_case c;
  tn_train_result result;
  const tn_train_options resume = {.resume = true};
  create_skipping(&c);
  case_set(&c, "train.nonfinite_limit=2");
  train_until(&c, "run", STEPS_PER_EPOCH, &result);
  assert_all_status(case_train(&c, all_ranks(), "run", &resume, NULL), TN_ERR_NUMERIC);
  assert_all_message("train.nonfinite_limit = 2");
  assert_all_message("step 15, " BAD_REPLICA);
  assert_all_int_equal(read_progress(&c, "run").step, 2 * STEPS_PER_EPOCH + BAD_STEP - 1);
  case_set(&c, "train.nonfinite_limit=3");
  assert_all_ok(case_train(&c, all_ranks(), "run", &resume, &result));
  case_destroy(&c);
}

static void test_float_skips_too(void **state) {
  (void)state;
  train_case c;
  create_skipping(&c);
  case_set(&c, "parallel.reduction=float");
  case_set(&c, "dropout.mask=batch");
  assert_all_ok(case_train(&c, all_ranks(), "run", NULL, NULL));
  assert_all_int_equal(read_progress(&c, "run").skipped_steps, EPOCHS);
  case_destroy(&c);
}

/* A finite gradient beyond the exact range is a matter of the configuration, which skipping would hide. */
static void test_the_exact_range_is_an_error_still(void **state) {
  (void)state;
  train_case c;
  case_create(&c);
  case_set(&c, "train.on_nonfinite=skip");
  case_set(&c, "parallel.exact_fraction_bits=58");
  for (int64_t i = 0; i < CASE_ROWS * CASE_INPUTS; i++)
    c.storage[i] *= 100.0F;
  assert_all_status(case_train(&c, all_ranks(), NULL, NULL, NULL), TN_ERR_NUMERIC);
  assert_all_message("parallel.exact_fraction_bits = 58");
  case_destroy(&c);
}

/* An epoch without any row that counts has no mean. */
static void test_an_epoch_of_skipped_steps_has_no_loss(void **state) {
  (void)state;
  train_case c;
  tn_train_result result;
  create_skipping(&c);
  case_set(&c, "train.batch_size=51"); /* one step an epoch */
  assert_all_ok(case_train(&c, all_ranks(), "run", NULL, &result));
  assert_all_int_equal(result.steps, EPOCHS);
  assert_all_true(isnan(result.train_loss) && isnan(result.train_accuracy));
  assert_all_true(isfinite(result.valid_loss));
  case_destroy(&c);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_stop_names_the_place_and_keeps_the_checkpoint),
      cmocka_unit_test(test_weights_that_are_not_finite_reach_no_file),
      cmocka_unit_test(test_a_gradient_that_is_not_finite_names_its_layer),
      cmocka_unit_test(test_a_skipped_step_changes_no_parameter),
      cmocka_unit_test(test_skipped_steps_stay_out_of_the_means),
      cmocka_unit_test(test_a_skipped_step_has_a_row_always),
      cmocka_unit_test(test_ranks_and_restarts_make_no_difference),
      cmocka_unit_test(test_a_run_that_stopped_goes_on_skipping),
      cmocka_unit_test(test_the_limit_ends_the_run),
      cmocka_unit_test(test_float_skips_too),
      cmocka_unit_test(test_the_exact_range_is_an_error_still),
      cmocka_unit_test(test_an_epoch_of_skipped_steps_has_no_loss),
  };
  return mpi_test_run(argc, argv, "train_nonfinite", tests, sizeof tests / sizeof *tests);
}
