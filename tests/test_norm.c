/* Normalised layers: what a batch, a row and the past have to do with it. (Gradients: test_gradients.c; whole trainings
 * against PyTorch's: test_training.c.) */
#include "network_fixture.h"
#include "reference_network.h"

#include "base/memory.h"
#include "math/norm.h"
#include "nn/thin.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 5, UNITS = 6, OUTPUTS = 3, ROWS = 7 };

static const network_spec by_batch = {.inputs = INPUTS,
                                      .outputs = OUTPUTS,
                                      .hidden_count = 1,
                                      .hidden = {UNITS},
                                      .activation = TN_LINEAR,
                                      .norm = TN_NORM_BATCH};

/* A network with what its passes need. */
typedef struct passes {
  tn_network *network;
  tn_workspace *workspace;
  float *parameters, *gradient;
} passes;

static passes passes_make(const network_spec *spec, bool training) {
  passes made = {.network = network_make(spec)};
  made.workspace = workspace_make(made.network, ROWS, training);
  made.parameters = weights_make(made.network);
  made.gradient = block_make(made.network);
  return made;
}

static void passes_destroy(passes *made) {
  tn_workspace_destroy(&made->workspace);
  tn_network_destroy(&made->network);
  tn_free(&made->parameters);
  tn_free(&made->gradient);
}

static void fill_input(const passes *p, int64_t first, int64_t rows) {
  float all[ROWS * INPUTS];
  fill_uniform(3, -1, 2, ROWS * INPUTS, all);
  memcpy(p->workspace->input, all + first * INPUTS, (size_t)(rows * INPUTS) * sizeof *all);
}

static void run_both(const passes *p, int64_t first, int64_t rows, bool accumulate) {
  fill_input(p, first, rows);
  tn_network_forward(p->network, p->parameters, p->workspace, rows, NULL);
  tn_network_backward(p->network, p->parameters, p->workspace, rows, p->gradient, accumulate);
}

static const float *tensor_values(const tn_network *network, int tensor, const float *block) {
  return block + network->tensors[tensor].offset;
}

static void test_tensors_of_a_normalised_network(void **state) {
  (void)state;
  network_spec spec = by_batch;
  tn_network *network = network_make(&spec);
  const char *names[] = {"layer1/weight",          "layer1/bias", "layer1/gain",
                         "layer2/weight",          "layer2/bias", "layer1/running_mean",
                         "layer1/running_variance"};
  const int64_t offsets[] = {0, 32, 48, 64, 96, 112, 128}; /* sizes 30, 6, 6, 18, 3, 6, 6 in steps of 16 */
  assert_int_equal(network->tensor_count, 7);
  for (int t = 0; t < 7; t++) {
    assert_string_equal(network->tensors[t].name, names[t]);
    assert_int_equal(network->tensors[t].offset, offsets[t]);
  }
  assert_int_equal(tn_network_trained_tensors(network), 5);
  assert_int_equal(network->parameter_count, 63);
  assert_int_equal(network->statistic_count, 12);
  assert_int_equal(network->trained_size, 112);
  assert_int_equal(network->block_size, 144);
  assert_int_equal(network->layers[1].gain, TN_NO_TENSOR);
  tn_network_destroy(&network);
  spec.norm = TN_NORM_LAYER;
  network = network_make(&spec);
  assert_int_equal(network->tensor_count, 5);
  assert_int_equal(network->trained_size, network->block_size);
  tn_network_destroy(&network);
}

static void test_initial_values(void **state) {
  (void)state;
  tn_network *network = network_make(&by_batch);
  float *block = weights_make(network);
  const tn_layer *layer = &network->layers[0];
  tn_network_initialize(network, TN_INIT_AUTO, 1, block);
  for (int j = 0; j < UNITS; j++) {
    assert_true(tensor_values(network, layer->gain, block)[j] == 1);
    assert_true(tensor_values(network, layer->running_mean, block)[j] == 0);
    assert_true(tensor_values(network, layer->running_variance, block)[j] == 1);
  }
  assert_true(gaps_are_zero(network, block));
  tn_free(&block);
  tn_network_destroy(&network);
}

/* Mean and variance (over rows - 1) of unit j of z = x W, in double. */
static void naive_moments(const passes *p, int64_t first, int64_t rows, int j, double *mean, double *variance) {
  const float *weight = tensor_values(p->network, p->network->layers[0].weight, p->parameters);
  double z[ROWS] = {0};
  fill_input(p, first, rows);
  *mean = *variance = 0;
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t k = 0; k < INPUTS; k++)
      z[i] += (double)p->workspace->input[i * INPUTS + k] * weight[k * UNITS + j];
    *mean += z[i] / (double)rows;
  }
  for (int64_t i = 0; i < rows; i++)
    *variance += (z[i] - *mean) * (z[i] - *mean) / (double)(rows - 1);
}

/* Two batches of 4 and 3 of 7 rows at most. z has 5 terms below 2: a handful of roundings of 10 x 2^-24. */
static void test_statistics_are_means_over_rows(void **state) {
  (void)state;
  passes p = passes_make(&by_batch, true);
  const tn_layer *layer = &p.network->layers[0];
  run_both(&p, 0, 4, false);
  run_both(&p, 4, 3, true);
  for (int j = 0; j < UNITS; j++) {
    double mean[2], variance[2];
    naive_moments(&p, 0, 4, j, &mean[0], &variance[0]);
    naive_moments(&p, 4, 3, j, &mean[1], &variance[1]);
    const float *found_mean = tensor_values(p.network, layer->running_mean, p.gradient);
    const float *found_variance = tensor_values(p.network, layer->running_variance, p.gradient);
    assert_true(fabs(found_mean[j] - (4 * mean[0] + 3 * mean[1]) / 7) < 5e-6);
    assert_true(fabs(found_variance[j] - (4 * variance[0] + 3 * variance[1]) / 7) < 5e-6);
  }
  passes_destroy(&p);
}

/* Without gain and bias: of mean 0, and of mean square v / (v + epsilon) over the batch, or over the row. */
static void test_values_are_normal(void **state) {
  (void)state;
  network_spec spec = by_batch;
  for (spec.norm = TN_NORM_BATCH; spec.norm <= TN_NORM_LAYER; spec.norm++) {
    passes p = passes_make(&spec, true);
    p.network->norm_epsilon = 1e-12;
    tn_network_initialize(p.network, TN_INIT_AUTO, 1, p.parameters);
    fill_input(&p, 0, ROWS);
    tn_network_forward(p.network, p.parameters, p.workspace, ROWS, NULL);
    const bool rows = spec.norm == TN_NORM_LAYER;
    const int groups = rows ? ROWS : UNITS, size = rows ? UNITS : ROWS;
    for (int g = 0; g < groups; g++) {
      double mean = 0, square = 0;
      for (int i = 0; i < size; i++) {
        const double u = p.workspace->activation[0][rows ? g * UNITS + i : i * UNITS + g];
        mean += u / size;
        square += u * u / size;
      }
      assert_true(fabs(mean) < 1e-6 && fabs(square - 1) < 1e-6);
    }
    passes_destroy(&p);
  }
}

/* A workspace for evaluation, with and without Monte-Carlo masks, against the naive network. */
static void assert_evaluates(const network_spec *spec, const tn_mask_source *masks) {
  static reference_masks drawn;
  passes p = passes_make(spec, false);
  double *exact = calloc((size_t)p.network->block_size, sizeof *exact), expected[ROWS * OUTPUTS];
  float x[ROWS * INPUTS];
  assert_non_null(exact);
  for (int64_t i = 0; i < p.network->block_size; i++)
    exact[i] = p.parameters[i];
  fill_input(&p, 0, ROWS);
  memcpy(x, p.workspace->input, sizeof x);
  reference_draw(p.network, masks, ROWS, &drawn);
  reference_forward(p.network, exact, x, ROWS, &drawn, expected);
  const float *z = tn_network_forward(p.network, p.parameters, p.workspace, ROWS, masks);
  for (int i = 0; i < ROWS * OUTPUTS; i++) /* some 30 roundings of values below 30 */
    assert_true(fabs(z[i] - expected[i]) < 5e-5);
  free(exact);
  passes_destroy(&p);
}

static void test_evaluation_is_by_the_past(void **state) {
  (void)state;
  network_spec spec = by_batch;
  spec.rate = 0.4;
  const tn_mask_source masks = {.seed = 3, .stream = TN_STREAM_MC, .replica = 4, .first_row = 10};
  for (spec.norm = TN_NORM_BATCH; spec.norm <= TN_NORM_LAYER; spec.norm++) {
    assert_evaluates(&spec, NULL);
    assert_evaluates(&spec, &masks);
  }
}

/* It is normalised as in evaluation, and its share of the statistics is what they are already. */
static void test_a_batch_of_one_row_is_by_the_past(void **state) {
  (void)state;
  passes p = passes_make(&by_batch, true), evaluated = passes_make(&by_batch, false);
  fill_input(&evaluated, 0, 1);
  const float *expected = tn_network_forward(p.network, p.parameters, evaluated.workspace, 1, NULL);
  run_both(&p, 0, 1, false);
  assert_memory_equal(p.workspace->activation[1], expected, OUTPUTS * sizeof *expected);
  const tn_layer *layer = &p.network->layers[0];
  const int statistics[] = {layer->running_mean, layer->running_variance};
  for (int s = 0; s < 2; s++)
    for (int j = 0; j < UNITS; j++) {
      const float found = tensor_values(p.network, statistics[s], p.gradient)[j];
      const double running = tensor_values(p.network, statistics[s], p.parameters)[j];
      assert_true(fabs(found - running / ROWS) < 3 * 0x1p-24);
    }
  passes_destroy(&p);
  passes_destroy(&evaluated);
}

/* One replica's rows in two workspaces give what they give in one. */
static void test_sums_over_workspaces(void **state) {
  (void)state;
  enum { LONG = 40, COLS = 17 };
  static float z[LONG * COLS], y[LONG * COLS];
  double whole[2 * COLS] = {0}, parts[2 * COLS] = {0};
  fill_uniform(1, -3, 5, LONG * COLS, z);
  fill_uniform(2, -3, 5, LONG * COLS, y);
  tn_norm_column_moments(LONG, COLS, z, whole);
  tn_norm_column_moments(23, COLS, z, parts);
  tn_norm_column_moments(LONG - 23, COLS, z + 23 * COLS, parts);
  assert_memory_equal(whole, parts, sizeof whole);
  memset(whole, 0, sizeof whole);
  tn_norm_column_products(LONG, COLS, z, y, whole);
  for (int j = 0; j < COLS; j++) {
    double sum = 0, product = 0;
    for (int i = 0; i < LONG; i++) {
      sum += (double)z[i * COLS + j];
      product += (double)z[i * COLS + j] * (double)y[i * COLS + j];
    }
    assert_true(whole[j] == sum && whole[COLS + j] == product);
  }
}

/* A row's result has nothing to do with the rows beside it, whatever the number of units. */
static void test_rows_are_normalised_alone(void **state) {
  (void)state;
  enum { MOST = 130 };
  static float z[ROWS * MOST], alone[MOST], gain[MOST];
  fill_uniform(2, 0.5, 1.5, MOST, gain);
  for (int cols = 1; cols <= MOST; cols += 43) {
    fill_uniform(1, 90, 110, ROWS * cols, z);
    memcpy(alone, z + 3 * cols, (size_t)cols * sizeof *z);
    double mean = 0, variance = 0;
    for (int j = 0; j < cols; j++)
      mean += (double)alone[j] / cols;
    for (int j = 0; j < cols; j++)
      variance += pow((double)alone[j] - mean, 2) / cols;
    float before[MOST];
    memcpy(before, alone, sizeof before);
    tn_norm_rows(ROWS, cols, 0.001, gain, z, NULL, NULL);
    tn_norm_rows(1, cols, 0.001, gain, alone, NULL, NULL);
    assert_memory_equal(z + 3 * cols, alone, (size_t)cols * sizeof *z);
    for (int j = 0; j < cols; j++) /* the mean is rounded to 110 x 2^-24, of a deviation of 6 */
      assert_true(fabs(alone[j] - (double)gain[j] * ((double)before[j] - mean) / sqrt(variance + 0.001)) <
                  4e-6 * (cols == 1 ? 1000 : 1));
  }
}

static void test_normalised_networks_are_not_thinned(void **state) {
  (void)state;
  network_spec spec = by_batch;
  spec.rate = 0.5;
  spec.mask = TN_MASK_BATCH;
  for (spec.norm = TN_NORM_NONE; spec.norm <= TN_NORM_LAYER; spec.norm++) {
    tn_network *network = network_make(&spec);
    assert_true(tn_thin_is_possible(network) == (spec.norm == TN_NORM_NONE));
    tn_network_destroy(&network);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tensors_of_a_normalised_network),
      cmocka_unit_test(test_initial_values),
      cmocka_unit_test(test_statistics_are_means_over_rows),
      cmocka_unit_test(test_values_are_normal),
      cmocka_unit_test(test_evaluation_is_by_the_past),
      cmocka_unit_test(test_a_batch_of_one_row_is_by_the_past),
      cmocka_unit_test(test_sums_over_workspaces),
      cmocka_unit_test(test_rows_are_normalised_alone),
      cmocka_unit_test(test_normalised_networks_are_not_thinned),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
