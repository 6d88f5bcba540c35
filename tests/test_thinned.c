/* Gradients of thinned networks, given as they are, against the same ones given whole: sums to the bit. */
#include "mpi_test.h"
#include "network_fixture.h"

#include "base/memory.h"
#include "dist/handle.h"
#include "dist/reduce.h"
#include "nn/loss.h"
#include "nn/thin.h"

#include <thinnet/mpi.h>

#include <math.h>
#include <string.h>

/* Rates of the hidden layers. What is kept of MOST is scaled by 5, which is more than the factor 2 that the search for
 * values out of range adds to be on the safe side. */
#define HALF 0.5
#define MOST 0.8

enum { ROWS = 24, TOO_FEW_ROWS = 3, STEPS = 6 };

/* Blocks and shares are cut within rows of these. */
static const network_spec spec = {.inputs = 60,
                                  .outputs = 5,
                                  .hidden_count = 3,
                                  .hidden = {90, 70, 41},
                                  .activation = TN_RELU,
                                  .loss = TN_MSE,
                                  .input_rate = 0.2,
                                  .mask = TN_MASK_BATCH};

/* The ranks of one node, and nodes of two ranks. */
typedef enum teams { OF_ALL, OF_TWO } teams;

/* A replica on each rank, and the two ways to its gradient's sum. */
typedef struct both {
  tn_comm *comm;
  tn_team *team;
  tn_network *network;
  tn_workspace *workspace;
  float *parameters;
  tn_reducer *whole, *thinned;
} both;

static both both_make(teams of, tn_reduction reduction, double rate) {
  network_spec wanted = spec;
  wanted.rate = rate;
  both b = {.network = network_make(&wanted)};
  const int64_t values = b.network->block_size;
  const int size = tn_comm_size(test_comm());
  b.workspace = workspace_make(b.network, ROWS, true);
  b.parameters = weights_make(b.network);
  assert_all_ok(tn_comm_create(MPI_COMM_WORLD, &b.comm));
  if (of == OF_TWO)
    tn_comm_pretend_nodes(b.comm, 2);
  assert_all_ok(tn_team_create(&b.team, b.comm, TN_NODE_STAGE_AUTO, 1));
  assert_all_ok(tn_reducer_create(&b.whole, b.team, reduction, -1, size, values));
  assert_all_ok(tn_reducer_create(&b.thinned, b.team, reduction, -1, size, values));
  assert_all_ok(tn_reducer_take_thinned(b.thinned, b.network));
  assert_all_true((tn_reducer_kept(b.thinned) != NULL) == (tn_team_size(b.team) > 1));
  assert_all_true(tn_reducer_kept(b.whole) == NULL);
  return b;
}

static void both_destroy(both *b) {
  tn_reducer_destroy(&b->whole);
  tn_reducer_destroy(&b->thinned);
  tn_team_destroy(&b->team);
  tn_comm_destroy(&b->comm);
  tn_workspace_destroy(&b->workspace);
  tn_free(&b->parameters);
  tn_network_destroy(&b->network);
}

static void backward(const both *b, tn_reducer *reducer, int64_t rows) {
  tn_kept *kept = tn_reducer_kept(reducer);
  float *gradient = tn_reducer_gradient(reducer);
  if (kept != NULL)
    tn_network_backward_kept(b->network, b->parameters, b->workspace, rows, gradient, kept);
  else
    tn_network_backward(b->network, b->parameters, b->workspace, rows, gradient, false);
}

/* One pass, and its gradient for both reducers; targets of `far` make it as large. True where it was thinned. */
static bool compute(const both *b, int step, int64_t rows, double far) {
  const int rank = tn_comm_rank(test_comm());
  const tn_mask_source masks = {.seed = 9, .stream = TN_STREAM_MASK, .replica = (uint32_t)rank, .step = (uint64_t)step};
  float targets[ROWS * 5];
  tn_loss_sums sums = {0};
  fill_uniform(31 + (uint64_t)(rank + 7 * step), -1, 1, rows * spec.inputs, b->workspace->input);
  fill_uniform(32, -far, far, rows * spec.outputs, targets);
  float *z = tn_network_forward(b->network, b->parameters, b->workspace, rows, &masks);
  tn_loss_add(TN_MSE, rows, spec.outputs, z, &(tn_targets){.values = targets}, true, &sums);
  backward(b, b->whole, rows);
  backward(b, b->thinned, rows);
  return tn_thin_drawn(b->workspace->thin) != NULL;
}

static tn_status add(tn_reducer *reducer, int64_t rows, int64_t *index, float *value) {
  const double sums[TN_SUM_COUNT] = {[TN_SUM_ROWS] = (double)rows, [TN_SUM_LOSS] = 0.25};
  return tn_reducer_add(reducer, sums, index, value);
}

static void assert_equal_sums(const both *b) {
  double whole[TN_SUM_COUNT], thinned[TN_SUM_COUNT];
  int64_t flags[TN_FLAG_COUNT];
  const tn_share share = tn_reducer_share(b->whole);
  tn_reducer_sum(b->whole, whole, flags);
  tn_reducer_sum(b->thinned, thinned, flags);
  tn_reducer_settle_all(b->whole);
  tn_reducer_settle_all(b->thinned);
  assert_all_memory_equal(thinned, whole, sizeof whole);
  assert_all_memory_equal(tn_reducer_total(b->thinned), tn_reducer_total(b->whole),
                          (size_t)share.count * sizeof(float));
}

/* Of rank r in step s: rows enough to thin, too few of them, or none. */
static int64_t rows_of(int rank, int step) {
  static const int64_t rows[] = {ROWS, TOO_FEW_ROWS, ROWS, 0};
  return step == 0 ? ROWS : rows[(rank + step) % 4];
}

static void check_steps(teams of, tn_reduction reduction) {
  both b = both_make(of, reduction, HALF);
  const int rank = tn_comm_rank(test_comm());
  for (int step = 0; step < STEPS; step++) {
    const int64_t rows = rows_of(rank, step);
    int64_t index = 0;
    float value = 0;
    tn_reducer_begin(b.whole);
    tn_reducer_begin(b.thinned);
    const bool thins = rows > 0 && compute(&b, step, rows, 1);
    assert_all_true(thins == (rows == ROWS));
    assert_all_ok(add(b.whole, rows, &index, &value));
    assert_all_ok(add(b.thinned, rows, &index, &value));
    assert_equal_sums(&b);
  }
  both_destroy(&b);
}

static void test_thinned_gradients_have_the_sum_of_whole_ones(void **state) {
  (void)state;
  for (int reduction = TN_REDUCTION_FLOAT; reduction <= TN_REDUCTION_EXACT; reduction++) {
    check_steps(OF_ALL, (tn_reduction)reduction);
    check_steps(OF_TWO, (tn_reduction)reduction);
  }
}

/* What cannot be added is found at its place in the full block, and nothing of it is left in the sum. */
static void test_a_value_beyond_the_range_has_its_place_in_the_full_block(void **state) {
  (void)state;
  both b = both_make(OF_ALL, TN_REDUCTION_EXACT, HALF);
  const bool culprit = tn_comm_rank(test_comm()) == 0;
  int64_t index[2] = {-1, -1};
  float value[2] = {0, 0};
  compute(&b, 0, ROWS, culprit ? 1e7 : 1);
  const tn_status whole = add(b.whole, ROWS, &index[0], &value[0]);
  const tn_status thinned = add(b.thinned, ROWS, &index[1], &value[1]);
  assert_all_status(whole, culprit ? TN_ERR_NUMERIC : TN_OK);
  assert_all_status(thinned, whole);
  assert_all_int_equal(index[1], index[0]);
  assert_all_near((double)value[1], (double)value[0], 0);
  assert_equal_sums(&b);
  both_destroy(&b);
}

/* A sum of a batch's gradient, in which all ranks have put `bad` at `at`, and what is then found. */
static void assert_found(const both *b, int64_t rows, int64_t at, float bad, int64_t expected) {
  double sums[TN_SUM_COUNT];
  int64_t flags[TN_FLAG_COUNT];
  int64_t index = -1;
  float value = 0;
  if (tn_reducer_kept(b->thinned))
    tn_reducer_gradient(b->thinned)[at] = bad;
  assert_all_ok(add(b->thinned, rows, &index, &value));
  tn_reducer_sum(b->thinned, sums, flags);
  if (!tn_reducer_kept(b->thinned))
    return;
  assert_all_status(tn_reducer_look(b->thinned, &index, &value), TN_ERR_NUMERIC);
  assert_all_int_equal(index, expected);
  assert_all_true(value == -INFINITY);
}

/* Beyond float32 by the scale alone, which the smaller network's gradient does not have yet: 1.25 or 5. The layers'
 * weights stand in the first pieces that are searched, and behind them. */
static void test_what_is_not_finite_has_its_place_in_the_full_block(void **state) {
  (void)state;
  static const float bad[] = {-3e38F, -1e38F};
  both b = both_make(OF_ALL, TN_REDUCTION_FLOAT, MOST);
  for (int layer = 0; layer < 2; layer++) {
    const int weight = b.network->layers[layer].weight;
    const tn_tensor *full = &b.network->tensors[weight];
    tn_reducer_begin(b.thinned);
    compute(&b, layer, ROWS, 1);
    const tn_kept *kept = tn_reducer_kept(b.thinned);
    const int64_t at = kept != NULL ? kept->network.tensors[weight].offset + 1 : 0;
    const int64_t place =
        kept != NULL ? kept->places[layer].units[0] * full->cols + kept->places[layer + 1].units[1] : 0;
    assert_all_true((full->offset > TN_SHARE_STEP) == (layer == 1));
    assert_found(&b, ROWS, at, bad[layer], full->offset + place);
  }
  both_destroy(&b);
}

/* A batch too small to be thinned, behind one that was: all of its block is looked at. */
static void test_what_is_not_finite_is_found_in_a_whole_block(void **state) {
  (void)state;
  both b = both_make(OF_ALL, TN_REDUCTION_FLOAT, MOST);
  const tn_tensor *bias = &b.network->tensors[b.network->layers[3].bias];
  int64_t index = -1;
  float value = 0;
  assert_all_true(compute(&b, 0, ROWS, 1));
  assert_all_ok(add(b.thinned, ROWS, &index, &value));
  assert_all_ok(add(b.whole, ROWS, &index, &value));
  assert_equal_sums(&b);
  tn_reducer_begin(b.thinned);
  assert_all_true(!compute(&b, 1, TOO_FEW_ROWS, 1));
  assert_found(&b, TOO_FEW_ROWS, bias->offset, -INFINITY, bias->offset);
  both_destroy(&b);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_thinned_gradients_have_the_sum_of_whole_ones),
      cmocka_unit_test(test_a_value_beyond_the_range_has_its_place_in_the_full_block),
      cmocka_unit_test(test_what_is_not_finite_has_its_place_in_the_full_block),
      cmocka_unit_test(test_what_is_not_finite_is_found_in_a_whole_block),
  };
  return mpi_test_run(argc, argv, "thinned", tests, sizeof tests / sizeof *tests);
}
