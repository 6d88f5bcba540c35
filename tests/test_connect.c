/* DropConnect: which weights are dropped, for whom, and what Monte-Carlo samples are drawn from. (Gradients:
 * test_gradients.c.) */
#include "nn/connect.h"

#include "base/memory.h"
#include "network_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

/* 200 outputs: a strip of decisions is longer than one batch of words. */
enum { INPUTS = 40, OUTPUTS = 200, ROWS = INPUTS + 1, FACTORS = ROWS * OUTPUTS };

#define RATE 0.3

static const network_spec linear = {
    .inputs = INPUTS, .outputs = OUTPUTS, .activation = TN_LINEAR, .input_rate = RATE, .kind = TN_DROPCONNECT};

static const tn_mask_source usual = {.seed = 3, .stream = TN_STREAM_MASK, .replica = 1, .step = 5, .first_row = 2};

typedef struct net {
  tn_network *network;
  tn_workspace *workspace;
  float *parameters;
} net;

static net net_make(const network_spec *spec) {
  net made = {.network = network_make(spec)};
  made.workspace = workspace_make(made.network, ROWS, true);
  made.parameters = weights_make(made.network);
  return made;
}

static void net_destroy(net *made) {
  tn_network_destroy(&made->network);
  tn_workspace_destroy(&made->workspace);
  tn_free(&made->parameters);
}

/* All factors of one row's mask, the bias's last: weights of 1, and a batch of one row whose only input is 1, one after
 * the other; at the end one whose inputs are all 0, which shows the bias. */
static void read_mask(tn_mask mask, const tn_mask_source *source, float *factors) {
  network_spec spec = linear;
  spec.mask = mask;
  net n = net_make(&spec);
  const int64_t bias = n.network->tensors[1].offset;
  for (int64_t i = 0; i < n.network->block_size; i++)
    n.parameters[i] = 1;
  for (int64_t i = 0; i <= INPUTS; i++) {
    memset(n.workspace->input, 0, INPUTS * sizeof(float));
    for (int64_t j = 0; i < INPUTS && j < OUTPUTS; j++)
      n.parameters[bias + j] = 0;
    for (int64_t j = 0; i == INPUTS && j < OUTPUTS; j++)
      n.parameters[bias + j] = 1;
    if (i < INPUTS)
      n.workspace->input[i] = 1;
    const float *z = tn_network_forward(n.network, n.parameters, n.workspace, 1, source);
    memcpy(factors + i * OUTPUTS, z, OUTPUTS * sizeof *z);
  }
  net_destroy(&n);
}

static void test_weights_and_biases_are_dropped_at_the_rate(void **state) {
  (void)state;
  enum { MASKS = 20 };
  static float factors[FACTORS];
  const float kept = 65536.0f / (65536 - 19661); /* round(0.3 x 65536) */
  int dropped = 0, of_bias = 0;
  tn_mask_source source = usual;
  for (source.step = 0; source.step < MASKS; source.step++) {
    read_mask(TN_MASK_SAMPLE, &source, factors);
    for (int i = 0; i < FACTORS; i++) {
      assert_true(factors[i] == 0 || factors[i] == kept);
      dropped += factors[i] == 0;
      of_bias += i >= INPUTS * OUTPUTS && factors[i] == 0;
    }
  }
  assert_true(fabs(dropped - MASKS * FACTORS * RATE) < 5 * sqrt(MASKS * FACTORS * RATE * (1 - RATE)));
  assert_true(fabs(of_bias - MASKS * OUTPUTS * RATE) < 5 * sqrt(MASKS * OUTPUTS * RATE * (1 - RATE)));
}

/* Two masks that know nothing of each other agree in 0.3^2 + 0.7^2 of the weights. */
static void assert_independent(const float *a, const float *b, int count) {
  const double share = RATE * RATE + (1 - RATE) * (1 - RATE);
  int agree = 0;
  for (int i = 0; i < count; i++)
    agree += (a[i] == 0) == (b[i] == 0);
  assert_true(fabs(agree - count * share) < 5 * sqrt(count * share * (1 - share)));
}

static void test_other_places_have_other_masks(void **state) {
  (void)state;
  static float first[FACTORS], other[FACTORS];
  read_mask(TN_MASK_SAMPLE, &usual, first);
  for (int i = 0; i < 4; i++) {
    tn_mask_source source = usual;
    source.seed += i == 0;
    source.replica += i == 1;
    source.step += i == 2;
    source.first_row += i == 3;
    read_mask(TN_MASK_SAMPLE, &source, other);
    assert_independent(first, other, FACTORS);
  }
  for (int i = 0; i < INPUTS; i++) /* strip beside strip */
    assert_independent(first + i * OUTPUTS, first + (i + 1) * OUTPUTS, OUTPUTS);
}

static void test_a_batch_has_the_mask_of_its_first_row(void **state) {
  (void)state;
  static float by_sample[FACTORS], by_batch[FACTORS];
  read_mask(TN_MASK_SAMPLE, &usual, by_sample);
  read_mask(TN_MASK_BATCH, &usual, by_batch);
  assert_memory_equal(by_sample, by_batch, sizeof by_sample);
}

static const network_spec deep = {.inputs = INPUTS,
                                  .outputs = 5,
                                  .hidden_count = 2,
                                  .hidden = {33, 20},
                                  .activation = TN_RELU,
                                  .input_rate = 0.2,
                                  .rate = 0.5,
                                  .kind = TN_DROPCONNECT};

/* Outputs of the rows from `first` on. */
static const float *outputs(const net *n, const tn_mask_source *source, int64_t first, int64_t rows) {
  static float x[ROWS * INPUTS];
  tn_mask_source later = source == NULL ? usual : *source;
  later.first_row += (uint64_t)first;
  fill_uniform(1, -1, 1, ROWS * INPUTS, x);
  memcpy(n->workspace->input, x + first * INPUTS, (size_t)(rows * INPUTS) * sizeof *x);
  return tn_network_forward(n->network, n->parameters, n->workspace, rows, source == NULL ? NULL : &later);
}

/* Each row has a mask of its own, whatever rows stand beside it. */
static void test_a_row_does_not_depend_on_the_others(void **state) {
  (void)state;
  net n = net_make(&deep);
  float together[ROWS * 5];
  memcpy(together, outputs(&n, &usual, 0, ROWS), sizeof together);
  for (int64_t row = 0; row < ROWS; row++)
    assert_memory_equal(outputs(&n, &usual, row, 1), together + row * 5, 5 * sizeof(float));
  net_destroy(&n);
}

static void test_evaluation_takes_the_mean_weights(void **state) {
  (void)state;
  network_spec spec = deep;
  net dropping = net_make(&spec);
  spec.kind = TN_BERNOULLI;
  net plain = net_make(&spec);
  float expected[ROWS * 5];
  memcpy(expected, outputs(&plain, NULL, 0, ROWS), sizeof expected);
  assert_memory_equal(outputs(&dropping, NULL, 0, ROWS), expected, sizeof expected);
  net_destroy(&dropping);
  net_destroy(&plain);
}

/* Mean and variance of the outputs over many draws. */
typedef struct moments {
  double mean[OUTPUTS], variance[OUTPUTS];
} moments;

enum { DRAWS = 4000 };

static void draw_moments(const net *n, tn_stream stream, moments *found) {
  tn_mask_source source = usual;
  source.stream = stream;
  *found = (moments){0};
  for (int draw = 0; draw < DRAWS; draw++) {
    source.replica = (uint32_t)draw; /* or sample */
    const float *z = outputs(n, &source, 1, 1);
    for (int j = 0; j < OUTPUTS; j++) {
      found->mean[j] += z[j] / (double)DRAWS;
      found->variance[j] += (double)z[j] * z[j] / DRAWS;
    }
  }
  for (int j = 0; j < OUTPUTS; j++)
    found->variance[j] -= found->mean[j] * found->mean[j];
}

/* The formula of nn/connect.h, which masks have and normal samples are given. The variance of a variance is near
 * 2 variance^2 / draws for sums of 40 terms; 6 deviations, as 200 of them are looked at, four times. */
static void assert_moments(const net *n, const moments *found) {
  float x[2 * INPUTS];
  const tn_tensor *bias = &n->network->tensors[1];
  fill_uniform(1, -1, 1, 2 * INPUTS, x);
  for (int j = 0; j < OUTPUTS; j++) {
    double mean = n->parameters[bias->offset + j], squares = mean * mean;
    for (int i = 0; i < INPUTS; i++) {
      const double part = (double)x[INPUTS + i] * n->parameters[i * OUTPUTS + j];
      mean += part;
      squares += part * part;
    }
    const double variance = RATE / (1 - RATE) * squares;
    assert_true(fabs(found->mean[j] - mean) < 6 * sqrt(variance / DRAWS));
    assert_true(fabs(found->variance[j] / variance - 1) < 6 * sqrt(2.0 / DRAWS));
  }
}

static void test_samples_have_the_moments_of_masks(void **state) {
  (void)state;
  static moments found;
  network_spec spec = linear;
  for (int mask = TN_MASK_SAMPLE; mask <= TN_MASK_BATCH; mask++) {
    spec.mask = (tn_mask)mask;
    net n = net_make(&spec);
    draw_moments(&n, TN_STREAM_MASK, &found);
    assert_moments(&n, &found);
    draw_moments(&n, TN_STREAM_MC, &found);
    assert_moments(&n, &found);
    net_destroy(&n);
  }
}

/* A row's noise is a function of its number: in exact arithmetic the row is the same in any batch, and BLAS rounds
 * differently with the rows beside it (sums of 40 terms: 1e-5 is some 40 roundings). */
static void test_samples_belong_to_rows(void **state) {
  (void)state;
  net n = net_make(&deep);
  tn_workspace_destroy(&n.workspace);
  n.workspace = workspace_make(n.network, ROWS, false); /* needs no buffers of training */
  tn_mask_source source = usual;
  source.stream = TN_STREAM_MC;
  float together[ROWS * 5];
  memcpy(together, outputs(&n, &source, 0, ROWS), sizeof together);
  for (int64_t row = 0; row < ROWS; row++)
    for (int j = 0; j < 5; j++)
      assert_true(fabs(outputs(&n, &source, row, 1)[j] - together[row * 5 + j]) < 1e-5);
  net_destroy(&n);
}

static void test_a_layer_too_large_to_draw_is_refused(void **state) {
  (void)state;
  tn_layer layer = {.inputs = INT64_C(1) << 24, .outputs = 2049};
  const tn_network network = {.layer_count = 1, .layers = &layer, .kind = TN_DROPCONNECT};
  tn_connect *connect = NULL;
  assert_int_equal(tn_connect_create(&connect, &network, 1, true), TN_ERR_CONFIG);
  assert_null(connect);
  assert_non_null(strstr(tn_error_message(), "layer 1 has 16777216 x 2049 weights, more than can be drawn for a row"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_weights_and_biases_are_dropped_at_the_rate),
      cmocka_unit_test(test_other_places_have_other_masks),
      cmocka_unit_test(test_a_batch_has_the_mask_of_its_first_row),
      cmocka_unit_test(test_a_row_does_not_depend_on_the_others),
      cmocka_unit_test(test_evaluation_takes_the_mean_weights),
      cmocka_unit_test(test_samples_have_the_moments_of_masks),
      cmocka_unit_test(test_samples_belong_to_rows),
      cmocka_unit_test(test_a_layer_too_large_to_draw_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
