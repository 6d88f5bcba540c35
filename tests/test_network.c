/* Shape, initial weights, workspace and evaluation of a network. */
#include "network_fixture.h"
#include "reference_network.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void test_tensors_fill_one_block(void **state) {
  (void)state;
  const network_spec spec = {.inputs = 5, .outputs = 4, .hidden_count = 2, .hidden = {7, 6}, .rate = 0.5};
  tn_network *network = network_make(&spec);
  const char *names[] = {"layer1/weight", "layer1/bias",   "layer2/weight",
                         "layer2/bias",   "layer3/weight", "layer3/bias"};
  const int64_t offsets[] = {0, 48, 64, 112, 128, 160}; /* sizes 35, 7, 42, 6, 24, 4 in steps of 16 */

  assert_int_equal(network->layer_count, 3);
  assert_int_equal(network->tensor_count, 6);
  for (int t = 0; t < 6; t++) {
    assert_string_equal(network->tensors[t].name, names[t]);
    assert_int_equal(network->tensors[t].offset, offsets[t]);
    assert_int_equal(network->tensors[t].layer, t / 2);
    assert_int_equal(network->tensors[t].role, t % 2 == 0 ? TN_WEIGHT : TN_BIAS);
  }
  assert_int_equal(network->tensors[2].rows, 7);
  assert_int_equal(network->tensors[2].cols, 6);
  assert_int_equal(network->tensors[3].rows, 1);
  assert_int_equal(network->tensors[3].cols, 6);
  assert_int_equal(network->layers[2].weight, 4);
  assert_int_equal(network->layers[2].bias, 5);
  assert_int_equal(network->parameter_count, 118);
  assert_int_equal(network->block_size, 176);
  tn_network_destroy(&network);
  assert_null(network);
  tn_network_destroy(&network);
}

static void test_the_last_layer_is_linear_and_keeps_all(void **state) {
  (void)state;
  network_spec spec = {
      .inputs = 5, .outputs = 4, .hidden_count = 2, .hidden = {7, 6}, .activation = TN_TANH, .rate = 0.5};
  tn_network *network = network_make(&spec);
  assert_int_equal(network->layers[0].activation, TN_TANH);
  assert_int_equal(network->layers[2].activation, TN_LINEAR);
  assert_true(network->layers[1].rate == 0.5);
  assert_true(network->layers[2].rate == 0);
  tn_network_destroy(&network);
}

static tn_model_config model;
static tn_dropout_config dropout;

static int set_good_sections(void **state) {
  (void)state;
  const network_spec spec = {.inputs = 5, .outputs = 4, .hidden_count = 2, .hidden = {7, 6}};
  spec_configure(&spec, &model, &dropout);
  return 0;
}

static void test_a_rate_for_each_layer(void **state) {
  (void)state;
  tn_network *network = NULL;
  dropout.hidden = (tn_real_list){.count = 2, .values = {0.1, 0.2}};
  assert_int_equal(tn_network_create(&network, &model, &dropout, 5), TN_OK);
  assert_true(network->layers[0].rate == 0.1 && network->layers[1].rate == 0.2 && network->layers[2].rate == 0);
  tn_network_destroy(&network);
  dropout.hidden.count = 0;
  assert_int_equal(tn_network_create(&network, &model, &dropout, 5), TN_OK);
  assert_true(network->layers[0].rate == 0 && network->layers[1].rate == 0);
  tn_network_destroy(&network);
}

static void assert_refused(int64_t inputs, const char *part, const char *other_part) {
  tn_network *network = NULL;
  assert_int_equal(tn_network_create(&network, &model, &dropout, inputs), TN_ERR_CONFIG);
  assert_null(network);
  if (strstr(tn_error_message(), part) == NULL || strstr(tn_error_message(), other_part) == NULL)
    fail_msg("\"%s\" lacks \"%s\" or \"%s\"", tn_error_message(), part, other_part);
  set_good_sections(NULL);
}

static void test_impossible_shapes_are_refused(void **state) {
  (void)state;
  assert_refused(0, "input features is 0", "1 to 2147483647");
  model.outputs = 0;
  assert_refused(5, "model.outputs is 0", "correct it");
  model.hidden.values[1] = -3;
  assert_refused(5, "model.hidden is -3", "correct it");
  model.hidden.values[1] = INT64_C(1) << 31;
  assert_refused(5, "model.hidden is 2147483648", "correct it");
  model.hidden.count = TN_LAYERS_MAX + 1;
  assert_refused(5, "model.hidden lists 65 layers", "at most 64");
  model.hidden = (tn_int_list){.count = 3, .values = {INT32_MAX, INT32_MAX, INT32_MAX}};
  assert_refused(5, "layer 2 would have 2147483647 x 2147483647 weights", "fewer units");
}

static void test_impossible_rates_are_refused(void **state) {
  (void)state;
  dropout.block = 2;
  dropout.shape = (tn_image_shape){2, 2, 2};
  assert_refused(5, "dropout.shape is 2x2x2, but a row has 5 features", "ROWSxCOLSxCHANNELS");
  dropout.block = 2;
  dropout.shape = (tn_image_shape){5, 1, 1};
  assert_refused(5, "dropout.block is 2", "images of 5 x 1");
  dropout.group = 5;
  dropout.input = 0.2;
  assert_refused(5, "dropout.group is 5, but a row has 5 features", "write a smaller one");
  dropout.input = 1;
  assert_refused(5, "dropout.input has the rate 1", "below 1");
  dropout.hidden.values[0] = NAN;
  assert_refused(5, "dropout.hidden has the rate nan", "below 1");
  dropout.hidden.count = 3;
  assert_refused(5, "dropout.hidden lists 3 rates for the 2 layers", "write one, or 2");
  dropout.group = 0;
  assert_refused(5, "dropout.group is 0", "1 or more");
}

/* Moments of a layer's weights. */
typedef struct moments {
  double mean, variance, kurtosis, largest;
} moments;

static moments moments_of(const tn_network *network, int layer, const float *parameters) {
  const tn_tensor *tensor = &network->tensors[network->layers[layer].weight];
  const int64_t count = tensor->rows * tensor->cols;
  moments found = {0};
  double fourth = 0;
  for (int64_t i = 0; i < count; i++) {
    const double w = parameters[tensor->offset + i];
    found.mean += w / (double)count;
    found.variance += w * w / (double)count;
    fourth += w * w * w * w / (double)count;
    found.largest = fmax(found.largest, fabs(w));
  }
  found.kurtosis = fourth / (found.variance * found.variance);
  return found;
}

/* 5 standard errors of each moment of n values: variance of a squared normal 2 sigma^4, of a squared uniform 4/5
 * sigma^4; kurtosis 3 with variance 24 / n, and 9/5, where half a unit tells them apart at any n here. */
static void assert_drawn(const tn_network *network, tn_init init, int layer, bool normal, double variance) {
  float *parameters = block_make(network);
  tn_network_initialize(network, init, 12, parameters);
  const moments found = moments_of(network, layer, parameters);
  const tn_layer *shape = &network->layers[layer];
  const double count = (double)(shape->inputs * shape->outputs);
  assert_true(fabs(found.mean) < 5 * sqrt(variance / count));
  assert_true(fabs(found.variance / variance - 1) < 5 * sqrt((normal ? 2 : 0.8) / count));
  assert_true(fabs(found.kurtosis - (normal ? 3 : 1.8)) < 0.5);
  if (!normal)
    assert_true(found.largest <= sqrt(3 * variance) && found.largest > 0.99 * sqrt(3 * variance));
  for (int l = 0; l < network->layer_count; l++)
    for (int64_t j = 0; j < network->layers[l].outputs; j++)
      assert_true(parameters[network->tensors[network->layers[l].bias].offset + j] == 0);
  assert_true(gaps_are_zero(network, parameters));
  tn_free(&parameters);
}

/* A group is as wide as a layer only where nothing is dropped by it. */
static void test_groups_that_fit(void **state) {
  (void)state;
  static const tn_dropout_config fitting[] = {{.group = 4, .input = 0.2, .block = 1},
                                              {.group = 6, .input = 0, .block = 1},
                                              {.group = 6, .input = 0.2, .block = -1, .shape = {1, 1, 5}}};
  for (size_t i = 0; i < sizeof fitting / sizeof *fitting; i++) {
    tn_network *network = NULL;
    assert_int_equal(tn_network_create(&network, &model, &fitting[i], 5), TN_OK);
    tn_network_destroy(&network);
  }
}

static void test_initial_weights_follow_their_scheme(void **state) {
  (void)state;
  const network_spec spec = {.inputs = 150, .outputs = 40, .hidden_count = 1, .hidden = {101}};
  tn_network *network = network_make(&spec);
  assert_drawn(network, TN_HE_NORMAL, 0, true, 2.0 / 150);
  assert_drawn(network, TN_HE_UNIFORM, 0, false, 2.0 / 150);
  assert_drawn(network, TN_GLOROT_NORMAL, 0, true, 2.0 / 251);
  assert_drawn(network, TN_GLOROT_UNIFORM, 0, false, 2.0 / 251);
  assert_drawn(network, TN_LECUN_NORMAL, 0, true, 1.0 / 150);
  assert_drawn(network, TN_HE_NORMAL, 1, true, 2.0 / 101);
  assert_drawn(network, TN_GLOROT_NORMAL, 1, true, 2.0 / 141);
  tn_network_destroy(&network);
}

static void test_auto_suits_the_activation(void **state) {
  (void)state;
  network_spec spec = {.inputs = 150, .outputs = 40, .hidden_count = 1, .hidden = {101}};
  for (int activation = TN_RELU; activation <= TN_LINEAR; activation++) {
    spec.activation = (tn_activation)activation;
    tn_network *network = network_make(&spec);
    const bool he = activation == TN_RELU || activation == TN_LEAKY_RELU || activation == TN_GELU;
    const double variance = he ? 2.0 / 150 : activation == TN_SELU ? 1.0 / 150 : 2.0 / 251;
    assert_drawn(network, TN_INIT_AUTO, 0, he || activation == TN_SELU, variance);
    assert_drawn(network, TN_INIT_AUTO, 1, false, 2.0 / 141);
    tn_network_destroy(&network);
  }
}

/* Equal shapes, so that a shared stream would show. */
static void test_initial_weights_depend_on_seed_and_layer_alone(void **state) {
  (void)state;
  const network_spec spec = {.inputs = 20, .outputs = 20, .hidden_count = 1, .hidden = {20}};
  tn_network *network = network_make(&spec);
  float *first = block_make(network), *again = weights_make(network), *other = block_make(network);
  const size_t bytes = (size_t)network->block_size * sizeof(float), layer_bytes = 400 * sizeof(float);
  tn_network_initialize(network, TN_HE_NORMAL, 1, first);
  tn_network_initialize(network, TN_HE_NORMAL, 1, again);
  tn_network_initialize(network, TN_HE_NORMAL, 2, other);
  assert_memory_equal(first, again, bytes);
  assert_memory_not_equal(first, other, layer_bytes);
  assert_memory_not_equal(first, first + network->tensors[2].offset, layer_bytes);
  assert_memory_not_equal(first, first + 20, 20 * sizeof(float));
  tn_free(&first);
  tn_free(&again);
  tn_free(&other);
  tn_network_destroy(&network);
}

static void assert_evaluates(const network_spec *spec, bool training) {
  enum { ROWS = 6 };
  tn_network *network = network_make(spec);
  float *parameters = weights_make(network);
  tn_workspace *workspace = workspace_make(network, ROWS, training);
  double *exact = calloc((size_t)network->block_size, sizeof *exact), expected[ROWS * 8];
  assert_non_null(exact);
  for (int64_t i = 0; i < network->block_size; i++)
    exact[i] = parameters[i];
  fill_uniform(4, -2, 2, ROWS * spec->inputs, workspace->input);
  static reference_masks none;
  reference_draw(network, NULL, ROWS, &none);
  reference_forward(network, exact, workspace->input, ROWS, &none, expected);

  const float *z = tn_network_forward(network, parameters, workspace, ROWS, NULL);

  /* Three sums of at most 12 terms below 10 in size: 36 roundings of 10 x 2^-24. */
  for (int64_t i = 0; i < ROWS * spec->outputs; i++)
    assert_true(fabs(z[i] - expected[i]) < 2e-5);
  free(exact);
  tn_free(&parameters);
  tn_workspace_destroy(&workspace);
  tn_network_destroy(&network);
}

static void test_evaluation_of_standout_takes_its_means(void **state) {
  (void)state;
  network_spec spec = {.inputs = 9, .outputs = 8, .hidden_count = 2, .hidden = {12, 5}, .input_rate = 0.5};
  spec.kind = TN_STANDOUT;
  spec.standout_alpha = 0.7;
  spec.standout_beta = -0.4;
  assert_evaluates(&spec, false);
  assert_evaluates(&spec, true);
}

static void test_evaluation_ignores_dropout(void **state) {
  (void)state;
  network_spec spec = {.inputs = 9, .outputs = 8, .hidden_count = 2, .hidden = {12, 5}, .input_rate = 0.5, .rate = 0.5};
  for (int activation = TN_RELU; activation <= TN_LINEAR; activation++) {
    spec.activation = (tn_activation)activation;
    assert_evaluates(&spec, false);
    assert_evaluates(&spec, true);
  }
  spec.hidden_count = 0;
  assert_evaluates(&spec, false);
}

static void test_workspace_counts_its_bytes(void **state) {
  (void)state;
  const network_spec spec = {.inputs = 10, .outputs = 3, .hidden_count = 2, .hidden = {16, 32}};
  tn_network *network = network_make(&spec);
  /* Activations, slopes of the hidden layers, two deltas, and pointers and factors in whole cache lines. */
  const int64_t evaluation = 4 * (160 + 256 + 512 + 48) + 2 * 64 + 128;
  assert_int_equal(tn_workspace_bytes(network, 16, false), evaluation);
  assert_int_equal(tn_workspace_bytes(network, 16, true), evaluation + 4 * (256 + 512 + 2 * 512));
  assert_true(tn_workspace_bytes(network, INT64_MAX / 8, true) == INT64_MAX);
  tn_network_destroy(&network);
}

static void test_a_workspace_too_large_is_refused(void **state) {
  (void)state;
  const network_spec spec = {.inputs = 10, .outputs = 3};
  tn_network *network = network_make(&spec);
  tn_workspace *workspace = NULL;
  assert_int_equal(tn_workspace_create(&workspace, network, INT64_C(1) << 55, true), TN_ERR_MEMORY);
  assert_null(workspace);
  assert_non_null(strstr(tn_error_message(), "36028797018963968 rows at a time (a smaller train.batch_size"));
  tn_network_destroy(&network);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tensors_fill_one_block),
      cmocka_unit_test(test_the_last_layer_is_linear_and_keeps_all),
      cmocka_unit_test_setup(test_a_rate_for_each_layer, set_good_sections),
      cmocka_unit_test_setup(test_impossible_shapes_are_refused, set_good_sections),
      cmocka_unit_test_setup(test_impossible_rates_are_refused, set_good_sections),
      cmocka_unit_test_setup(test_groups_that_fit, set_good_sections),
      cmocka_unit_test(test_initial_weights_follow_their_scheme),
      cmocka_unit_test(test_auto_suits_the_activation),
      cmocka_unit_test(test_initial_weights_depend_on_seed_and_layer_alone),
      cmocka_unit_test(test_evaluation_ignores_dropout),
      cmocka_unit_test(test_evaluation_of_standout_takes_its_means),
      cmocka_unit_test(test_workspace_counts_its_bytes),
      cmocka_unit_test(test_a_workspace_too_large_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
