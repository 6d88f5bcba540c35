/* Nobody hangs alone: a fault that one rank meets ends all ranks with one message; and every refusal of a run, once. */
#include "dist/comm.h"
#include "mpi_test.h"
#include "train_case.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static tn_comm *all_ranks(void) {
  return (tn_comm *)(uintptr_t)test_comm();
}

static bool is_last_rank(void) {
  return tn_comm_rank(test_comm()) == tn_comm_size(test_comm()) - 1;
}

/* "rank R: " of the last rank, where there is more than one. */
static const char *last_rank_prefix(void) {
  static char text[32];
  snprintf(text, sizeof text, "rank %d: ", tn_comm_size(test_comm()) - 1);
  return tn_comm_size(test_comm()) > 1 ? text : "";
}

static void expect(train_case *c, const char *dir, tn_status status, const char *message) {
  assert_all_status(case_train(c, all_ranks(), dir, NULL, NULL), status);
  assert_all_message(message);
}

static void test_bad_row_on_one_rank(void **state) {
  (void)state;
  train_case c;
  case_create(&c);
  case_set(&c, "data.placement=rank"); /* the last rows are the last rank's */
  if (is_last_rank())
    c.storage[(CASE_ROWS - 1) * CASE_INPUTS + 2] = NAN;
  expect(&c, NULL, TN_ERR_DATA, "row 202, column 2");
  assert_all_message(last_rank_prefix());
  case_destroy(&c);
}

static void test_bad_label_on_one_rank(void **state) {
  (void)state;
  train_case c;
  case_create(&c);
  case_set(&c, "data.placement=rank");
  if (is_last_rank())
    c.labels[CASE_ROWS - 1] = -4;
  expect(&c, NULL, TN_ERR_DATA, "found -4");
  case_destroy(&c);
}

/* Weights of 1e30 on the last rank's rows leave float32's range within a step or two, there alone at first. */
static void test_gradient_out_of_range_on_one_rank(void **state) {
  (void)state;
  train_case c;
  case_create(&c);
  case_set(&c, "data.placement=rank");
  case_set(&c, "data.shuffle=none");
  for (int64_t i = 0; i < CASE_INPUTS; i++)
    c.storage[(CASE_ROWS - 1) * CASE_INPUTS + i] = 3e38F;
  expect(&c, NULL, TN_ERR_NUMERIC, "replica 3");
  assert_all_message(last_rank_prefix());
  case_set(&c, "parallel.reduction=float");
  expect(&c, NULL, TN_ERR_NUMERIC, "replica 3");
  case_destroy(&c);
}

/* All training rows have label 0. Large inputs: the first layer's weights are the first to leave the range. Inputs near
 * 0: so are all weights' gradients, and the last bias's, the sum of p - t over 7 rows, is 7 (1/3 - 1) = -4.7 for label
 * 0, beyond the limit of 4; the hidden biases' greatest is 2.9 with this seed. */
static void test_exact_range_names_layer_and_key(void **state) {
  (void)state;
  static const struct {
    float scale;
    const char *place;
  } cases[] = {{100.0F, "step 1, replica 0, layer1/weight: "}, {1e-6F, "step 1, replica 0, layer3/bias: "}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    train_case c;
    case_create(&c);
    case_set(&c, "parallel.exact_fraction_bits=58");
    case_set(&c, "model.outputs=3");
    case_set(&c, "train.batch_size=7");
    for (int64_t k = 0; k < CASE_ROWS * CASE_INPUTS; k++)
      c.storage[k] *= cases[i].scale;
    memset(c.labels, 0, CASE_ROWS * sizeof *c.labels);
    expect(&c, NULL, TN_ERR_NUMERIC, "parallel.exact_fraction_bits = 58: set it to ");
    assert_all_message(cases[i].place);
    case_destroy(&c);
  }
}

static void test_ranks_that_differ(void **state) {
  (void)state;
  if (tn_comm_size(test_comm()) == 1)
    return;
  train_case c;
  case_create(&c);
  if (is_last_rank())
    case_set(&c, "train.seed=2");
  else
    case_set(&c, "train.seed=1");
  expect(&c, NULL, TN_ERR_USAGE, "the configuration differs from that of rank 0 in train.seed: ");
  case_set(&c, "train.seed=1");
  if (is_last_rank())
    c.train.rows--;
  expect(&c, NULL, TN_ERR_MISMATCH, "the arrays: found ");
  c.train.rows = CASE_ROWS;
  /* One value alone, whichever rank loads its row: of every seventh row. */
  for (int64_t row = 0; row < CASE_ROWS; row += 7) {
    float *value = c.storage + row * c.train.inputs;
    if (is_last_rank())
      *value += 1.0F;
    expect(&c, NULL, TN_ERR_MISMATCH, "the arrays: what the training rows hold differs: rank");
    if (is_last_rank())
      *value -= 1.0F;
  }
  case_set(&c, "data.placement=rank");
  if (is_last_rank())
    c.labels[1] = (c.labels[1] + 1) % CASE_CLASSES;
  expect(&c, NULL, TN_ERR_MISMATCH, "the arrays: what the training rows hold differs: rank");
  case_destroy(&c);
}

static void test_more_ranks_than_replicas(void **state) {
  (void)state;
  if (tn_comm_size(test_comm()) == 1)
    return;
  train_case c;
  case_create(&c);
  case_set(&c, "parallel.replicas=1");
  expect(&c, NULL, TN_ERR_CONFIG, "ranks, but parallel.replicas = 1:");
  case_destroy(&c);
}

static void test_labels_beyond_the_outputs(void **state) {
  (void)state;
  train_case c;
  case_create(&c);
  case_set(&c, "model.outputs=2");
  expect(&c, NULL, TN_ERR_DATA, "label 2 found");
  case_set(&c, "model.outputs=0");
  c.labels[CASE_ROWS + 5] = 9; /* a validation label that no training row has */
  expect(&c, NULL, TN_ERR_DATA, "label 9 found");
  case_destroy(&c);
}

static void test_wrong_lists(void **state) {
  (void)state;
  train_case c;
  case_create(&c);
  case_set(&c, "train.class_weights=1,2");
  expect(&c, NULL, TN_ERR_CONFIG, "2 weights, but there are 3 classes");
  case_destroy(&c);
}

static void test_a_run_is_not_overwritten(void **state) {
  (void)state;
  train_case c;
  case_create(&c);
  const tn_train_options overwrite = {.overwrite = true};
  const tn_train_options resume = {.resume = true};
  assert_all_ok(case_train(&c, all_ranks(), "run", NULL, NULL));
  expect(&c, "run", TN_ERR_USAGE, "--overwrite");
  case_set(&c, "train.learning_rate=0.02");
  assert_all_status(case_train(&c, all_ranks(), "run", &resume, NULL), TN_ERR_CONFIG);
  assert_all_message("train.learning_rate");
  assert_all_ok(case_train(&c, all_ranks(), "run", &overwrite, NULL));
  case_destroy(&c);
}

static void test_dry_run_writes_nothing(void **state) {
  (void)state;
  train_case c;
  case_create(&c);
  const tn_train_options dry = {.dry_run = true};
  assert_all_ok(case_train(&c, all_ranks(), "run", &dry, NULL));
  assert_all_true(access(case_path(&c, "run"), F_OK) != 0);
  case_destroy(&c);
}

static void test_a_folder_that_cannot_be_made(void **state) {
  (void)state;
  train_case c;
  case_create(&c);
  FILE *file = tn_comm_rank(test_comm()) == 0 ? fopen(case_path(&c, "file"), "w") : NULL;
  if (file)
    fclose(file);
  tn_comm_barrier(test_comm());
  expect(&c, "file/run", TN_ERR_IO, "file/run");
  case_destroy(&c);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bad_row_on_one_rank),
      cmocka_unit_test(test_bad_label_on_one_rank),
      cmocka_unit_test(test_gradient_out_of_range_on_one_rank),
      cmocka_unit_test(test_exact_range_names_layer_and_key),
      cmocka_unit_test(test_ranks_that_differ),
      cmocka_unit_test(test_more_ranks_than_replicas),
      cmocka_unit_test(test_labels_beyond_the_outputs),
      cmocka_unit_test(test_wrong_lists),
      cmocka_unit_test(test_a_run_is_not_overwritten),
      cmocka_unit_test(test_dry_run_writes_nothing),
      cmocka_unit_test(test_a_folder_that_cannot_be_made),
  };
  return mpi_test_run(argc, argv, "train_faults", tests, sizeof tests / sizeof *tests);
}
