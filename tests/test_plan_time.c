/* What is timed and measured for a plan: its shape on 1 rank and on several of one node or two. How long it took is the
 * machine's. */
#include "dist/handle.h"
#include "dist/sums.h"
#include "mpi_test.h"
#include "train_case.h"

#include <math.h>
#include <string.h>
#include <thinnet/mpi.h>

#define QUICK_S 0.02

/* The network 7-60-70-3. */
#define PARAMETERS ((7 + 1) * 60 + (60 + 1) * 70 + (70 + 1) * 3)
/* Its tensors start at multiples of 16 floats: 420 + 60, 4200 + 70, 210 + 3. */
#define BLOCK      (432 + 64 + 4208 + 80 + 224 + 16)

static tn_comm *all_ranks(void) {
  return (tn_comm *)(uintptr_t)test_comm();
}

static void plan(const train_case *c, int64_t inputs, tn_plan_steps *steps) {
  const tn_plan_options options = {.inputs = inputs, .seconds = QUICK_S};
  assert_all_ok(tn_plan_time(all_ranks(), &c->config, &options, steps));
}

static void assert_times(const tn_plan_steps *steps) {
  for (int i = 0; i < steps->batch_count; i++) {
    assert_all_true(steps->batches[i].batch_s > 0.0 && isfinite(steps->batches[i].batch_s));
    assert_all_true(steps->batches[i].rest_s > 0.0 && isfinite(steps->batches[i].rest_s));
  }
}

static void test_no_data_are_needed(void **state) {
  (void)state;
  train_case c;
  tn_plan_steps steps;
  case_create(&c);
  case_set(&c, "model.outputs=3");
  case_set(&c, "train.batch_size=20");
  case_set(&c, "train.accumulate=2");
  case_set(&c, "data.file=/nowhere.h5");
  plan(&c, CASE_INPUTS, &steps);
  assert_all_int_equal(steps.ranks, tn_comm_size(test_comm()));
  assert_all_int_equal(steps.inputs, CASE_INPUTS);
  assert_all_int_equal(steps.outputs, 3);
  assert_all_int_equal(steps.parameters, PARAMETERS);
  assert_all_int_equal(steps.bytes, 8 * BLOCK); /* the case's reduction is exact */
  assert_all_int_equal(steps.replicas, 4);
  assert_all_int_equal(steps.accumulate, 2);
  assert_all_int_equal(steps.batch_size, 20);
  assert_all_int_equal(steps.batch_count, 3);
  assert_all_int_equal(steps.batches[0].rows, 5);
  assert_all_int_equal(steps.batches[1].rows, 20);
  assert_all_int_equal(steps.batches[2].rows, 80);
  assert_times(&steps);
  case_destroy(&c);
}

/* What a run has beside its steps (validation, early stopping, weights of classes) neither keeps a plan from being made
 * nor enters it. */
static void test_all_that_a_run_has_beside_steps(void **state) {
  (void)state;
  static const char *const settings[] = {"model.outputs=3",
                                         "train.batch_size=3",
                                         "train.max_steps=1",
                                         "train.class_weights=1,2,3",
                                         "train.time_limit=1000",
                                         "data.standardize=yes",
                                         "data.shuffle=shard",
                                         "dropout.mask=batch",
                                         "dropout.schedule=curriculum",
                                         "dropout.schedule_steps=100",
                                         "augment.noise=0.1",
                                         "parallel.reduction=float",
                                         "schedule.kind=plateau",
                                         "early_stopping.monitor=valid_loss",
                                         "early_stopping.patience=2",
                                         "early_stopping.restore_best=yes",
                                         NULL};
  train_case c;
  tn_plan_steps steps;
  case_create(&c);
  case_set_all(&c, settings);
  plan(&c, CASE_INPUTS, &steps);
  assert_all_int_equal(steps.bytes, 4 * BLOCK);
  assert_all_int_equal(steps.batch_count, 2); /* a quarter of 3 rows is none */
  assert_all_int_equal(steps.batches[1].rows, 12);
  assert_times(&steps);
  case_destroy(&c);
}

/* Two sums a hidden layer of two numbers a unit, as TN_SUM_WORDS integers each, and a word that counts what is too
 * large. */
static void test_synchronised_statistics(void **state) {
  (void)state;
  train_case c;
  tn_plan_steps steps;
  case_create(&c);
  case_set(&c, "model.outputs=3");
  case_set(&c, "model.batch_norm=yes");
  plan(&c, CASE_INPUTS, &steps);
  assert_all_int_equal(steps.sync_sums, 0);
  case_set(&c, "model.batch_norm_sync=yes");
  plan(&c, CASE_INPUTS, &steps);
  assert_all_int_equal(steps.sync_sums, 4);
  assert_all_int_equal(steps.sync_bytes, 8 * 2 * ((2 * 60 * TN_SUM_WORDS + 1) + (2 * 70 * TN_SUM_WORDS + 1)));
  assert_times(&steps);
  case_destroy(&c);
}

static void test_values(void **state) {
  (void)state;
  static const char *const losses[] = {"model.loss=mse", "model.loss=sigmoid_cross_entropy"};
  for (int i = 0; i < 2; i++) {
    train_case c;
    tn_plan_steps steps;
    case_create(&c);
    case_set(&c, "model.outputs=2");
    case_set(&c, losses[i]);
    plan(&c, 5, &steps);
    assert_all_int_equal(steps.inputs, 5);
    assert_all_int_equal(steps.outputs, 2);
    assert_times(&steps);
    case_destroy(&c);
  }
}

static void assert_refused(const train_case *c, int64_t inputs, tn_status expected, const char *word) {
  const tn_plan_options options = {.inputs = inputs, .seconds = QUICK_S};
  tn_plan_steps steps;
  assert_all_status(tn_plan_time(all_ranks(), &c->config, &options, &steps), expected);
  assert_all_message(word);
}

static void test_refusals(void **state) {
  (void)state;
  train_case c;
  case_create(&c);
  assert_refused(&c, 0, TN_ERR_CONFIG, "data.file is not set");
  assert_refused(&c, 7, TN_ERR_CONFIG, "model.outputs is not set");
  case_set(&c, "data.file=/nowhere.h5");
  assert_refused(&c, 0, TN_ERR_DATA, "/nowhere.h5");
  case_set(&c, "dropout.hidden=0.1,0.2,0.3");
  assert_refused(&c, 7, TN_ERR_CONFIG, "dropout.hidden");
  case_destroy(&c);
}

/* As if ranks 0 and 1, 2 and 3 had nodes of their own. The model must give back what was measured, and a network of
 * which nothing is known but that it is fast and not infinitely so. */
static void test_network(void **state) {
  (void)state;
  train_case c;
  tn_plan_steps steps;
  tn_comm *comm = NULL;
  tn_plan_network network = {.algorithm = TN_ALLREDUCE_RING};
  case_create(&c);
  case_set(&c, "model.outputs=3");
  plan(&c, CASE_INPUTS, &steps);
  assert_all_status(tn_plan_measure_network(all_ranks(), &c.config, &steps, QUICK_S, &network), TN_ERR_USAGE);
  assert_all_message("on one node");
  assert_all_ok(tn_comm_create(MPI_COMM_WORLD, &comm));
  if (tn_comm_size(comm) == 4) {
    tn_comm_pretend_nodes(comm, 2);
    const tn_plan_options options = {.inputs = CASE_INPUTS, .seconds = QUICK_S};
    assert_all_ok(tn_plan_time(comm, &c.config, &options, &steps));
    assert_all_int_equal(steps.ranks, 2);
    assert_all_ok(tn_plan_measure_network(comm, &c.config, &steps, QUICK_S, &network));
    assert_all_true(network.bandwidth > 1e3 && isfinite(network.bandwidth));
    assert_all_true(network.latency_s > 0.0 && network.latency_s < 10.0);
    assert_all_int_equal(network.algorithm, TN_ALLREDUCE_RING);
  }
  tn_comm_destroy(&comm);
  case_destroy(&c);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_no_data_are_needed),
      cmocka_unit_test(test_all_that_a_run_has_beside_steps),
      cmocka_unit_test(test_synchronised_statistics),
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_network),
  };
  return mpi_test_run(argc, argv, "plan_time", tests, sizeof tests / sizeof *tests);
}
