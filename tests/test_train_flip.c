/* One bit of one rank's copy flips in mid-run: the check between ranks finds it before anything is written, and names
 * the rank. The linker puts the flip behind the optimiser's update (--wrap); thinnet itself has no code for it. */
#include "dist/handle.h"
#include "io/checkpoint.h"
#include "mpi_test.h"
#include "nn/optimizer.h"
#include "train_case.h"

#include <thinnet/mpi.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STEPS_PER_EPOCH 6 /* 203 rows, 4 replicas, 10 rows a batch */

typedef enum target { FIRST_WEIGHT, LAST_BIAS, FIRST_STATE, LAST_STATE } target;

/* The bit to flip on this rank; step 0: none. */
static struct flip {
  int64_t step;
  target where;
  int bit;
} planned;

static void flip_bit(float *value, int bit) {
  uint32_t bits = 0;
  memcpy(&bits, value, sizeof bits);
  bits ^= (uint32_t)1 << bit;
  memcpy(value, &bits, sizeof bits);
}

static float *find_value(const tn_optimizer *optimizer, const tn_network *network, float *parameters) {
  const tn_tensor *last = &network->tensors[network->tensor_count - 1];
  switch (planned.where) {
  case LAST_BIAS:
    return parameters + last->offset;
  case FIRST_STATE:
    return optimizer->states[0];
  case LAST_STATE:
    return optimizer->states[optimizer->state_count - 1] + last->offset;
  case FIRST_WEIGHT:
    break;
  }
  return parameters;
}

/* The names are the linker's. NOLINTBEGIN(bugprone-reserved-identifier) */
void __real_tn_optimizer_apply(const tn_optimizer *optimizer, const tn_network *network, tn_share share,
                               float *parameters, const float *gradient, double scale, double norm,
                               double learning_rate, int64_t step);
void __wrap_tn_optimizer_apply(const tn_optimizer *optimizer, const tn_network *network, tn_share share,
                               float *parameters, const float *gradient, double scale, double norm,
                               double learning_rate, int64_t step);

void __wrap_tn_optimizer_apply(const tn_optimizer *optimizer, const tn_network *network, tn_share share,
                               float *parameters, const float *gradient, double scale, double norm,
                               double learning_rate, int64_t step) {
  __real_tn_optimizer_apply(optimizer, network, share, parameters, gradient, scale, norm, learning_rate, step);
  if (step == planned.step)
    flip_bit(find_value(optimizer, network, parameters), planned.bit);
}
/* NOLINTEND(bugprone-reserved-identifier) */

static tn_comm *all_ranks(void) {
  return (tn_comm *)(uintptr_t)test_comm();
}

static int size(void) {
  return tn_comm_size(test_comm());
}

/* Every rank has a copy of its own. */
static void create(train_case *c) {
  case_create(c);
  case_set(c, "parallel.node_stage=off");
}

static void plan(int rank, int64_t step, target where, int bit) {
  planned = (struct flip){.step = tn_comm_rank(test_comm()) == rank ? step : 0, .where = where, .bit = bit};
}

static void assert_named(int rank) {
  char expected[96];
  if (size() == 2) {
    assert_all_message("rank 1 of 2 does not have what rank 0 has");
    assert_all_message(" on rank 0, ");
    assert_all_message(" on rank 1: either may be wrong");
    return;
  }
  snprintf(expected, sizeof expected, "the hash of weights and optimiser state differs: rank %d of %d does not have",
           rank, size());
  assert_all_message(expected);
}

/* The step of the newest checkpoint that the run has left, 0 where there is none; on all ranks. */
static int64_t last_step(const train_case *c) {
  int64_t step = 0;
  tn_checkpoint *checkpoint = NULL;
  if (tn_comm_rank(test_comm()) == 0 && tn_checkpoint_read(&checkpoint, case_path(c, "run/last.h5")) == TN_OK)
    step = checkpoint->progress.step;
  tn_checkpoint_destroy(&checkpoint);
  tn_comm_broadcast(test_comm(), &step, (int64_t)sizeof step, 0);
  return step;
}

static void check_found(train_case *c, int rank, int64_t step, target where, int bit) {
  const tn_train_options overwrite = {.overwrite = true};
  plan(rank, step, where, bit);
  assert_all_status(case_train(c, all_ranks(), "run", &overwrite, NULL), TN_ERR_MISMATCH);
  assert_named(rank);
  assert_all_message("--resume");
}

static void test_a_flip_is_found_before_anything_is_written(void **state) {
  (void)state;
  if (size() == 1)
    return;
  train_case c;
  create(&c);
  check_found(&c, size() - 1, 2, FIRST_WEIGHT, 0);
  assert_all_message("step 6: ");
  assert_all_int_equal(last_step(&c), 0);
  assert_all_true(access(case_path(&c, "run/metrics.h5"), F_OK) != 0);
  case_destroy(&c);
}

static void test_the_checkpoint_before_it_is_kept_and_resumed_from(void **state) {
  (void)state;
  if (size() == 1)
    return;
  train_case c;
  tn_train_result whole;
  tn_train_result resumed;
  const tn_train_options resume = {.resume = true};
  create(&c);
  check_found(&c, 0, STEPS_PER_EPOCH + 2, LAST_STATE, 3);
  assert_all_int_equal(last_step(&c), STEPS_PER_EPOCH);
  plan(0, 0, FIRST_WEIGHT, 0);
  assert_all_ok(case_train(&c, all_ranks(), "run", &resume, &resumed));
  assert_all_ok(case_train(&c, all_ranks(), "whole", NULL, &whole));
  assert_all_memory_equal(resumed.digest, whole.digest, sizeof whole.digest);
  case_destroy(&c);
}

/* Every rank, every kind of value, the lowest bit and the sign; and before a checkpoint within an epoch. */
static void test_any_bit_on_any_rank_is_found(void **state) {
  (void)state;
  if (size() == 1)
    return;
  train_case c;
  create(&c);
  case_set(&c, "output.checkpoint_every_steps=2");
  for (int rank = 0; rank < size(); rank++)
    for (int where = FIRST_WEIGHT; where <= LAST_STATE; where++)
      check_found(&c, rank, 3, (target)where, where % 2 == 0 ? 0 : 31);
  assert_all_message("step 4: ");
  assert_all_int_equal(last_step(&c), 2);
  case_destroy(&c);
}

static void test_float_reduction_is_checked_too(void **state) {
  (void)state;
  if (size() == 1)
    return;
  train_case c;
  create(&c);
  case_set(&c, "parallel.reduction=float");
  check_found(&c, size() - 1, 3, FIRST_WEIGHT, 12);
  case_destroy(&c);
}

/* The ranks of a node have one copy, which is compared with that of another node. */
static void test_a_node_is_compared_with_the_others(void **state) {
  (void)state;
  if (size() < 4)
    return;
  train_case c;
  tn_comm *comm = NULL;
  create(&c);
  case_set(&c, "parallel.node_stage=on");
  assert_all_ok(tn_comm_create(MPI_COMM_WORLD, &comm));
  tn_comm_pretend_nodes(comm, 2);
  plan(2, 3, FIRST_WEIGHT, 0);
  const tn_status status = case_train(&c, comm, "run", NULL, NULL);
  tn_comm_destroy(&comm);
  assert_all_status(status, TN_ERR_MISMATCH);
  assert_all_message("differs: ranks 2, 3 of 4 do not have what rank 0 has");
  assert_all_int_equal(last_step(&c), 0);
  case_destroy(&c);
}

/* What the others rest on: without a flip the run ends well, and the flip does change what it ends with. */
static void test_one_rank_has_nobody_to_compare_with(void **state) {
  (void)state;
  if (size() > 1)
    return;
  train_case c;
  tn_train_result whole;
  tn_train_result flipped;
  create(&c);
  plan(0, 0, FIRST_WEIGHT, 0);
  assert_all_ok(case_train(&c, all_ranks(), NULL, NULL, &whole));
  plan(0, 2, FIRST_WEIGHT, 0);
  assert_all_ok(case_train(&c, all_ranks(), NULL, NULL, &flipped));
  assert_all_false(memcmp(whole.digest, flipped.digest, sizeof whole.digest) == 0);
  case_destroy(&c);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_flip_is_found_before_anything_is_written),
      cmocka_unit_test(test_the_checkpoint_before_it_is_kept_and_resumed_from),
      cmocka_unit_test(test_any_bit_on_any_rank_is_found),
      cmocka_unit_test(test_float_reduction_is_checked_too),
      cmocka_unit_test(test_a_node_is_compared_with_the_others),
      cmocka_unit_test(test_one_rank_has_nobody_to_compare_with),
  };
  return mpi_test_run(argc, argv, "train_flip", tests, sizeof tests / sizeof *tests);
}
