/* The same network at any number of ranks: a run over all ranks against the same run on one, which every rank repeats
 * alone. */
#include "dist/comm.h"
#include "mpi_test.h"
#include "train_case.h"

#include <math.h>
#include <string.h>

static tn_comm *all_ranks(void) {
  return (tn_comm *)(uintptr_t)test_comm();
}

static void train_both(train_case *c, tn_train_result *together, tn_train_result *alone) {
  tn_comm *serial = NULL;
  assert_all_ok(tn_comm_create_serial(&serial));
  assert_all_ok(case_train(c, all_ranks(), NULL, NULL, together));
  assert_all_ok(case_train(c, serial, NULL, NULL, alone));
  tn_comm_destroy(&serial);
}

/* Bit for bit: the digest, and every sum. */
static void check_same(train_case *c) {
  tn_train_result together;
  tn_train_result alone;
  train_both(c, &together, &alone);
  assert_all_true(strlen(together.digest) == 32);
  assert_all_memory_equal(together.digest, alone.digest, sizeof alone.digest);
  assert_all_memory_equal(&together.train_loss, &alone.train_loss, sizeof(double));
  assert_all_memory_equal(&together.valid_loss, &alone.valid_loss, sizeof(double));
  assert_all_int_equal(together.steps, alone.steps);
  assert_all_int_equal(together.epochs, alone.epochs);
  assert_all_int_equal(together.best_epoch, alone.best_epoch);
}

/* One case a line: keys to set, up to the NULL. */
static void check_settings(const char *const *settings) {
  train_case c;
  case_create(&c);
  for (; *settings; settings++)
    case_set(&c, *settings);
  check_same(&c);
  case_destroy(&c);
}

#define CHECK(...) check_settings((const char *const[]){__VA_ARGS__, NULL})

static bool train_alike(train_case *c, train_case *other) {
  tn_train_result one, two;
  assert_all_ok(case_train(c, all_ranks(), NULL, NULL, &one));
  assert_all_ok(case_train(other, all_ranks(), NULL, NULL, &two));
  return memcmp(one.digest, two.digest, sizeof one.digest) == 0;
}

/* Twice as many replicas of the same rows: where they have the same masks the mean gradient is the one of half of them,
 * to the bit, since all sums double. */
static void test_same_masks(void **state) {
  (void)state;
  enum { HALF = 96 };
  train_case doubled, single;
  case_create(&doubled);
  case_create(&single);
  memcpy(doubled.storage + (size_t)HALF * CASE_INPUTS, doubled.storage, (size_t)HALF * CASE_INPUTS * sizeof(float));
  memcpy(doubled.labels + HALF, doubled.labels, HALF * sizeof *doubled.labels);
  doubled.train.rows = 2L * HALF;
  single.train.rows = HALF;
  case_set(&doubled, "data.shuffle=none");
  case_set(&single, "data.shuffle=none");
  case_set(&doubled, "parallel.replicas=8");
  case_set(&doubled, "parallel.exact_fraction_bits=39");
  case_set(&single, "parallel.exact_fraction_bits=39");
  case_set(&doubled, "dropout.replica_masks=same");
  case_set(&single, "dropout.replica_masks=same");
  assert_all_true(train_alike(&doubled, &single));
  case_set(&doubled, "dropout.replica_masks=own");
  assert_all_true(!train_alike(&doubled, &single));
  case_destroy(&doubled);
  case_destroy(&single);
}

static void test_first_rows(void **state) {
  (void)state;
  train_case limited, cut;
  case_create(&limited);
  case_create(&cut);
  case_set(&limited, "data.train_rows=120");
  cut.train.rows = 120;
  assert_all_true(train_alike(&limited, &cut));
  case_set(&limited, "data.train_rows=204");
  tn_train_result result;
  assert_all_status(case_train(&limited, all_ranks(), NULL, NULL, &result), TN_ERR_DATA);
  assert_all_message("data.train_rows = 204, but there are 203 training rows");
  case_destroy(&limited);
  case_destroy(&cut);
}

static void test_optimizers(void **state) {
  (void)state;
  CHECK("train.optimizer=adam");
  CHECK("train.optimizer=sgd", "train.momentum=0.9", "train.nesterov=yes");
  CHECK("train.optimizer=rmsprop", "train.rho=0.8");
  CHECK("train.optimizer=adamw", "train.weight_decay=0.1");
  CHECK("train.optimizer=adagrad");
}

static void test_dropout_forms(void **state) {
  (void)state;
  CHECK("dropout.kind=gaussian");
  CHECK("model.activation=selu", "dropout.kind=alpha");
  CHECK("dropout.mask=batch");
  CHECK("dropout.group=3");
  CHECK("dropout.kind=gaussian", "dropout.mask=batch", "dropout.group=2");
  CHECK("dropout.shape=1x1x7", "dropout.block=channel", "dropout.input=0.3");
  CHECK("dropout.kind=dropconnect");
  CHECK("dropout.kind=dropconnect", "dropout.mask=batch", "train.accumulate=2", "train.batch_size=5");
  CHECK("dropout.kind=standout", "dropout.hidden=0", "dropout.standout_beta=0.5");
  CHECK("dropout.schedule=curriculum", "dropout.schedule_steps=5");
  CHECK("dropout.schedule=anneal", "dropout.schedule_steps=5", "dropout.mask=batch");
}

static void test_learned_rates(void **state) {
  (void)state;
  CHECK("dropout.rate=learned");
  CHECK("dropout.rate=learned", "dropout.mask=batch", "dropout.length_scale=0.5", "train.accumulate=3",
        "train.batch_size=4", "train.class_weights=balanced");
  CHECK("dropout.rate=learned", "model.batch_norm=yes", "model.batch_norm_sync=yes");
  CHECK("dropout.rate=learned", "dropout.input=0", "dropout.group=3", "regularization.max_norm=0.5",
        "parallel.node_stage=off");
}

static void test_augmentation(void **state) {
  (void)state;
  CHECK("augment.label_smoothing=0.2");
  CHECK("augment.noise=0.1", "augment.shape=1x7x1", "augment.shift=0.9", "augment.rotate=20");
  CHECK("augment.mixup=0.4", "augment.label_smoothing=0.1", "train.class_weights=balanced");
  CHECK("augment.mixup=0.4", "train.accumulate=3", "train.batch_size=4", "data.placement=rank");
}

static void test_normalisation(void **state) {
  (void)state;
  CHECK("model.batch_norm=yes", "model.norm_momentum=0.8");
  CHECK("model.batch_norm=yes", "train.accumulate=3", "train.batch_size=3", "train.class_weights=1,2,0");
  CHECK("model.batch_norm=yes", "dropout.mask=batch", "data.placement=rank", "train.clip_norm=0.1");
  CHECK("model.layer_norm=yes", "regularization.max_norm=0.5", "train.weight_decay=0.1");
}

static void test_order_and_placement(void **state) {
  (void)state;
  CHECK("data.shuffle=shard");
  CHECK("data.shuffle=none");
  CHECK("data.placement=rank");
  CHECK("data.placement=rank", "data.shuffle=shard");
  CHECK("data.placement=rank", "data.shuffle=none");
}

static void test_steps(void **state) {
  (void)state;
  CHECK("train.accumulate=3", "train.batch_size=4");
  CHECK("train.clip_norm=0.1");
  CHECK("regularization.max_norm=0.5");
  CHECK("regularization.l1=0.001", "regularization.l2=0.001");
  CHECK("train.class_weights=balanced");
  CHECK("train.class_weights=1,2,0.5");
  CHECK("data.standardize=yes");
  CHECK("train.max_steps=4");
}

static void test_node_stages(void **state) {
  (void)state;
  CHECK("parallel.node_stage=on");
  CHECK("parallel.node_stage=off");
  CHECK("parallel.node_stage=off", "regularization.max_norm=0.5", "train.clip_norm=0.1");
}

/* float32 sums over two ranks have one order only: the stage must give MPI's bits, whatever the optimiser does. */
static void test_a_stage_of_two_ranks_adds_as_mpi_does(void **state) {
  (void)state;
  train_case c;
  tn_train_result staged;
  tn_train_result plain;
  case_create(&c);
  case_set(&c, "parallel.reduction=float");
  case_set(&c, "regularization.max_norm=0.5");
  case_set(&c, "train.optimizer=rmsprop");
  assert_all_ok(case_train(&c, all_ranks(), NULL, NULL, &staged));
  case_set(&c, "parallel.node_stage=off");
  assert_all_ok(case_train(&c, all_ranks(), NULL, NULL, &plain));
  case_destroy(&c);
  if (tn_comm_size(all_ranks()) <= 2)
    assert_all_memory_equal(staged.digest, plain.digest, sizeof staged.digest);
  assert_all_near(staged.train_loss, plain.train_loss, 1e-3);
}

static void test_schedules(void **state) {
  (void)state;
  CHECK("schedule.kind=cosine", "schedule.warmup_steps=3");
  CHECK("schedule.kind=plateau", "schedule.patience=1", "train.learning_rate=0.5");
  CHECK("schedule.scale_with_replicas=linear");
  CHECK("early_stopping.monitor=valid_loss", "early_stopping.patience=1", "train.epochs=8", "train.learning_rate=0.3");
}

static void test_awkward_sizes(void **state) {
  (void)state;
  CHECK("parallel.replicas=12", "train.batch_size=17");
  CHECK("parallel.replicas=7", "train.batch_size=500");
  train_case c;
  case_create(&c);
  c.train.rows = 3; /* fewer rows than replicas */
  check_same(&c);
  case_set(&c, "data.placement=rank");
  check_same(&c);
  case_destroy(&c);
}

static void test_other_losses(void **state) {
  (void)state;
  static const char *const losses[] = {"model.loss=mse", "model.loss=mae", "model.loss=huber"};
  train_case c;
  case_create(&c);
  case_use_values(&c);
  for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
    case_set(&c, losses[i]);
    check_same(&c);
  }
  case_set(&c, "augment.mixup=1");
  check_same(&c);
  case_destroy(&c);
}

static void test_node_and_rank_placement_train_the_same_network(void **state) {
  (void)state;
  train_case c;
  tn_train_result node;
  tn_train_result rank;
  case_create(&c);
  assert_all_ok(case_train(&c, all_ranks(), NULL, NULL, &node));
  case_set(&c, "data.placement=rank");
  assert_all_ok(case_train(&c, all_ranks(), NULL, NULL, &rank));
  assert_all_memory_equal(node.digest, rank.digest, sizeof node.digest);
  case_destroy(&c);
}

/* A row of weight 2 is a row that is there twice: without dropout, and with one step over all rows, the losses agree.
 * Weight 0 is a row that is not there. */
static void test_weights_count(void **state) {
  (void)state;
  float weights[CASE_ROWS];
  tn_train_result weighted;
  tn_train_result shorter;
  train_case c;
  case_create(&c);
  case_set(&c, "dropout.hidden=0");
  case_set(&c, "dropout.input=0");
  case_set(&c, "data.shuffle=none");
  case_set(&c, "train.batch_size=1000");
  case_set(&c, "parallel.replicas=4");
  for (int i = 0; i < CASE_ROWS; i++)
    weights[i] = i < 100 ? 1.0F : 0.0F;
  c.train.weights = weights;
  assert_all_ok(case_train(&c, all_ranks(), NULL, NULL, &weighted));
  c.train.weights = NULL;
  c.train.rows = 100;
  assert_all_ok(case_train(&c, all_ranks(), NULL, NULL, &shorter));
  /* Other rows share the BLAS calls: float32 rounding (6e-8 relative), grown over three steps. */
  assert_all_near(weighted.train_loss, shorter.train_loss, 1e-5);
  assert_all_near(weighted.valid_loss, shorter.valid_loss, 1e-5);
  case_destroy(&c);
}

/* reduction = float sums the same gradients in another order: every sum of 4 replicas is off by at most 3 roundings
 * (2^-24 each), and 63 steps of Adam move the loss by far less than 1e-3. Seen: below 1e-5. */
static void test_float_reduction_is_near(void **state) {
  (void)state;
  tn_train_result together;
  tn_train_result alone;
  train_case c;
  case_create(&c);
  case_set(&c, "parallel.reduction=float");
  train_both(&c, &together, &alone);
  assert_all_near(together.train_loss, alone.train_loss, 1e-3);
  assert_all_near(together.valid_loss, alone.valid_loss, 1e-3);
  case_destroy(&c);
}

/* The sum of integers is near the sum of floats: the exact mode computes the same thing. */
static void test_exact_is_near_float(void **state) {
  (void)state;
  tn_train_result exact;
  tn_train_result rounded;
  train_case c;
  case_create(&c);
  assert_all_ok(case_train(&c, all_ranks(), NULL, NULL, &exact));
  case_set(&c, "parallel.reduction=float");
  assert_all_ok(case_train(&c, all_ranks(), NULL, NULL, &rounded));
  assert_all_near(exact.train_loss, rounded.train_loss, 1e-3);
  case_destroy(&c);
}

/* The three classes are far enough apart for this network: chance is 1/3. Keeps the whole from learning nothing in
 * perfect agreement. */
static void test_it_learns(void **state) {
  (void)state;
  tn_train_result result;
  train_case c;
  case_create(&c);
  case_set(&c, "train.epochs=30");
  assert_all_ok(case_train(&c, all_ranks(), NULL, NULL, &result));
  assert_all_true(result.valid_accuracy > 0.8);
  assert_all_true(result.valid_loss < 0.6);
  case_destroy(&c);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_same_masks),
      cmocka_unit_test(test_first_rows),
      cmocka_unit_test(test_optimizers),
      cmocka_unit_test(test_dropout_forms),
      cmocka_unit_test(test_learned_rates),
      cmocka_unit_test(test_augmentation),
      cmocka_unit_test(test_normalisation),
      cmocka_unit_test(test_order_and_placement),
      cmocka_unit_test(test_steps),
      cmocka_unit_test(test_schedules),
      cmocka_unit_test(test_node_stages),
      cmocka_unit_test(test_a_stage_of_two_ranks_adds_as_mpi_does),
      cmocka_unit_test(test_awkward_sizes),
      cmocka_unit_test(test_other_losses),
      cmocka_unit_test(test_node_and_rank_placement_train_the_same_network),
      cmocka_unit_test(test_weights_count),
      cmocka_unit_test(test_float_reduction_is_near),
      cmocka_unit_test(test_exact_is_near_float),
      cmocka_unit_test(test_it_learns),
  };
  return mpi_test_run(argc, argv, "train_ranks", tests, sizeof tests / sizeof *tests);
}
