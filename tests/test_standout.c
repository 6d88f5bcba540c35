/* Standout: how often units are kept, what evaluation puts in their place, and who shares nothing. (Gradients:
 * test_gradients.c.) */
#include "nn/standout.h"

#include "base/memory.h"
#include "network_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

enum { UNITS = 150, ROWS = 4, DRAWS = 2000 };

static const network_spec usual = {.inputs = 3,
                                   .outputs = 2,
                                   .hidden_count = 1,
                                   .hidden = {UNITS},
                                   .activation = TN_SIGMOID,
                                   .kind = TN_STANDOUT,
                                   .standout_alpha = 1.5,
                                   .standout_beta = -0.25};

static const tn_mask_source source = {.seed = 3, .stream = TN_STREAM_MASK, .replica = 1, .step = 5, .first_row = 2};

typedef struct net {
  tn_network *network;
  tn_workspace *workspace;
  float *parameters;
} net;

/* Hidden units whose inputs are -3 ... 3, whatever the row: weights of 0 and biases. */
static net net_make(bool training) {
  net made = {.network = network_make(&usual)};
  made.workspace = workspace_make(made.network, ROWS, training);
  made.parameters = weights_make(made.network);
  memset(made.parameters, 0, (size_t)made.network->tensors[1].offset * sizeof(float));
  for (int j = 0; j < UNITS; j++)
    made.parameters[made.network->tensors[1].offset + j] = (float)(6.0 * j / (UNITS - 1) - 3);
  return made;
}

static void net_destroy(net *made) {
  tn_network_destroy(&made->network);
  tn_workspace_destroy(&made->workspace);
  tn_free(&made->parameters);
}

static double input_of(int unit) {
  return 6.0 * unit / (UNITS - 1) - 3;
}

static double sigmoid(double z) {
  return 1 / (1 + exp(-z));
}

static double probability_of(int unit) {
  return sigmoid(1.5 * input_of(unit) - 0.25);
}

/* The hidden activations (rows, UNITS). */
static const float *hidden(const net *n, const tn_mask_source *masks, int64_t rows) {
  for (int64_t i = 0; i < rows * 3; i++)
    n->workspace->input[i] = 1;
  tn_network_forward(n->network, n->parameters, n->workspace, rows, masks);
  return n->workspace->activation[0];
}

/* Each unit by its own probability, within 5 deviations (of counts that may be near 0: half a count more); what is kept
 * is h as it is. */
static void check_counts(tn_stream stream) {
  net n = net_make(stream == TN_STREAM_MASK);
  int kept[UNITS] = {0};
  tn_mask_source masks = source;
  masks.stream = stream;
  for (int draw = 0; draw < DRAWS; draw++) {
    masks.replica = (uint32_t)draw;
    const float *a = hidden(&n, &masks, 1);
    for (int j = 0; j < UNITS; j++) {
      assert_true(a[j] == 0 || fabs(a[j] - sigmoid(input_of(j))) < 1e-6);
      kept[j] += a[j] != 0;
    }
  }
  for (int j = 0; j < UNITS; j++) {
    const double p = probability_of(j);
    assert_true(fabs(kept[j] - DRAWS * p) < 5 * sqrt(DRAWS * p * (1 - p)) + 0.5);
  }
  net_destroy(&n);
}

static void test_units_are_kept_by_their_input(void **state) {
  (void)state;
  check_counts(TN_STREAM_MASK);
  check_counts(TN_STREAM_MC);
}

static void test_evaluation_takes_the_mean(void **state) {
  (void)state;
  for (int training = 0; training < 2; training++) {
    net n = net_make(training);
    const float *a = hidden(&n, NULL, ROWS);
    for (int i = 0; i < ROWS * UNITS; i++)
      assert_true(fabs(a[i] - sigmoid(input_of(i % UNITS)) * probability_of(i % UNITS)) < 1e-6);
    net_destroy(&n);
  }
}

/* A unit that is dropped has no slope, another one that of its activation. */
static void test_the_slope_is_that_of_what_is_kept(void **state) {
  (void)state;
  net n = net_make(true);
  const float *a = hidden(&n, &source, ROWS), *slope = n.workspace->slope[0];
  int dropped = 0;
  for (int i = 0; i < ROWS * UNITS; i++) {
    const double s = sigmoid(input_of(i % UNITS));
    assert_true(fabs(slope[i] - (a[i] == 0 ? 0 : s * (1 - s))) < 1e-6);
    dropped += a[i] == 0;
  }
  assert_true(dropped > ROWS * UNITS / 4 && dropped < ROWS * UNITS * 3 / 4);
  net_destroy(&n);
}

static bool same_units(const float *a, const float *b) {
  int same = 0;
  for (int j = 0; j < UNITS; j++)
    same += (a[j] == 0) == (b[j] == 0);
  return same == UNITS;
}

/* A mask is a function of its place, of which no two rows, steps or replicas share one. */
static void test_rows_have_masks_of_their_own(void **state) {
  (void)state;
  net n = net_make(true);
  float together[ROWS * UNITS];
  memcpy(together, hidden(&n, &source, ROWS), sizeof together);
  for (int64_t i = 0; i < ROWS; i++) {
    tn_mask_source alone = source;
    alone.first_row += (uint64_t)i;
    assert_memory_equal(hidden(&n, &alone, 1), together + i * UNITS, UNITS * sizeof(float));
    for (int64_t k = 0; k < i; k++)
      assert_false(same_units(together + i * UNITS, together + k * UNITS));
  }
  tn_mask_source other = source;
  other.step++;
  assert_false(same_units(together, hidden(&n, &other, 1)));
  other = source;
  other.replica++;
  assert_false(same_units(together, hidden(&n, &other, 1)));
  net_destroy(&n);
}

/* The output is linear in the masks of one hidden layer. */
static void test_training_is_evaluation_in_the_mean(void **state) {
  (void)state;
  net n = net_make(true);
  hidden(&n, NULL, 1);
  const double expected = n.workspace->activation[1][0];
  double sum = 0, squares = 0;
  tn_mask_source masks = source;
  for (int draw = 0; draw < DRAWS; draw++) {
    masks.replica = (uint32_t)draw;
    hidden(&n, &masks, 1);
    const double z = n.workspace->activation[1][0];
    sum += z;
    squares += z * z;
  }
  const double mean = sum / DRAWS, variance = squares / DRAWS - mean * mean;
  assert_true(variance > 0.01 && fabs(mean - expected) < 5 * sqrt(variance / DRAWS));
  net_destroy(&n);
}

static void test_it_acts_on_hidden_layers_alone(void **state) {
  (void)state;
  tn_network *network = network_make(&usual);
  assert_true(tn_dropout_acts(network, 7));
  assert_false(tn_standout_is_used(network, 0));
  assert_true(tn_standout_is_used(network, 1));
  assert_false(tn_standout_is_used(network, 2));
  tn_network_destroy(&network);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_units_are_kept_by_their_input),      cmocka_unit_test(test_evaluation_takes_the_mean),
      cmocka_unit_test(test_the_slope_is_that_of_what_is_kept),  cmocka_unit_test(test_rows_have_masks_of_their_own),
      cmocka_unit_test(test_training_is_evaluation_in_the_mean), cmocka_unit_test(test_it_acts_on_hidden_layers_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
