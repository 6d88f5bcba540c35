/* Learned rates: gradients against the naive network in double with masks drawn anew for each rate, penalties against
 * their formula, and what the rest of the network makes of logits. */
#include "network_fixture.h"
#include "nn/dropout.h"
#include "nn/learned.h"
#include "nn/optimizer.h"
#include "nn/thin.h"
#include "reference_network.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 6, OUTPUTS = 3, ROWS = 8 };

static const tn_mask_source masks = {.seed = 4, .stream = TN_STREAM_MASK, .replica = 1, .step = 7, .first_row = 20};

static network_spec base_spec(void) {
  return (network_spec){.inputs = INPUTS,
                        .outputs = OUTPUTS,
                        .hidden_count = 2,
                        .hidden = {9, 7},
                        .activation = TN_TANH,
                        .loss = TN_SOFTMAX_CROSS_ENTROPY,
                        .input_rate = 0.2,
                        .rate = 0.4,
                        .rates = TN_RATES_LEARNED};
}

static const tn_tensor *logit_tensor(const tn_network *network, int place) {
  const int index = place == 0 ? network->input_logit : network->layers[place - 1].logit;
  return index == TN_NO_TENSOR ? NULL : &network->tensors[index];
}

/* The formula of nn/learned.h, with the logit of a block of doubles. */
static double relaxed_factor(const tn_network *network, const double *parameters, int place, int64_t row,
                             int64_t unit) {
  const tn_tensor *tensor = logit_tensor(network, place);
  if (tensor == NULL)
    return 1;
  const uint64_t place_row = masks.first_row + (network->mask == TN_MASK_BATCH ? 0 : (uint64_t)row);
  float u;
  tn_random_uniform(tn_place_make(masks.seed, masks.stream, masks.replica, (uint32_t)place, masks.step, place_row),
                    unit / network->group, 1, &u);
  const double logit = parameters[tensor->offset], noise = log((double)u) - log(1 - (double)u);
  const double dropped = 1 / (1 + exp(-(logit + noise) / network->learned.temperature));
  return (1 - dropped) * (1 + exp(logit));
}

static reference_masks drawn;

static double reference_at(const tn_network *network, const double *parameters, const float *x,
                           const tn_targets *targets) {
  double z[ROWS * OUTPUTS];
  for (int place = 0; place <= network->layer_count; place++) {
    const int64_t units = place == 0 ? INPUTS : network->layers[place - 1].outputs;
    for (int64_t row = 0; row < ROWS; row++)
      for (int64_t unit = 0; unit < units; unit++)
        drawn.factor[place][row][unit] = relaxed_factor(network, parameters, place, row, unit);
  }
  reference_forward(network, parameters, x, ROWS, &drawn, z);
  return reference_loss(network->loss, ROWS, OUTPUTS, z, targets);
}

/* weights_make fills logits, too: rates from 0.31 to 0.69. */
static void check_gradient(const network_spec *spec) {
  tn_network *network = network_make(spec);
  tn_workspace *workspace = workspace_make(network, ROWS, true);
  float *parameters = weights_make(network), *gradient = block_make(network), x[ROWS * INPUTS];
  double *exact = calloc((size_t)network->block_size, sizeof *exact), largest = 0, worst = 0;
  int32_t labels[ROWS];
  const tn_targets targets = {.labels = labels};
  fill_uniform(1, -1.5, 1.5, ROWS * INPUTS, x);
  for (int i = 0; i < ROWS; i++)
    labels[i] = (int32_t)(i % OUTPUTS);
  for (int64_t i = 0; i < network->block_size; i++)
    exact[i] = (double)parameters[i];

  tn_loss_sums sums = {0};
  reference_draw(network, NULL, ROWS, &drawn);
  drawn.training = true;
  tn_learned_take(network, parameters);
  memcpy(workspace->input, x, sizeof x);
  float *z = tn_network_forward(network, parameters, workspace, ROWS, &masks);
  tn_loss_add(network->loss, ROWS, OUTPUTS, z, &targets, true, &sums);
  tn_network_backward(network, parameters, workspace, ROWS, gradient, false);
  assert_true(fabs(sums.loss - reference_at(network, exact, x, &targets)) < 1e-5 * sums.loss);

  for (int t = 0; t < tn_network_trained_tensors(network); t++)
    for (int64_t i = 0; i < network->tensors[t].rows * network->tensors[t].cols; i++) {
      double *value = exact + network->tensors[t].offset + i;
      const double kept = *value, h = 1e-5;
      *value = kept + h;
      const double above = reference_at(network, exact, x, &targets);
      *value = kept - h;
      const double below = reference_at(network, exact, x, &targets);
      *value = kept;
      const double expected = (above - below) / (2 * h), found = (double)gradient[network->tensors[t].offset + i];
      largest = fmax(largest, fabs(expected));
      worst = fmax(worst, fabs(found - expected));
    }
  /* Roundings as in test_gradients.c; the exponents of factors are ten times their rounding (1 / temperature), and so
   * are factors. Seen: 6e-7. */
  if (!(worst < 1e-5 * largest))
    fail_msg("%g of %g", worst, largest);
  free(exact);
  tn_free(&gradient);
  tn_free(&parameters);
  tn_workspace_destroy(&workspace);
  tn_network_destroy(&network);
}

static void test_gradients(void **state) {
  (void)state;
  network_spec spec = base_spec();
  check_gradient(&spec);
  spec.mask = TN_MASK_BATCH;
  check_gradient(&spec);
  spec.group = 3;
  check_gradient(&spec);
  spec.input_rate = 0;
  check_gradient(&spec);
  spec = base_spec();
  spec.rate = 0;
  check_gradient(&spec);
  spec.hidden_count = 0;
  check_gradient(&spec);
}

static void test_gradients_of_normalised_layers(void **state) {
  (void)state;
  network_spec spec = base_spec();
  spec.norm = TN_NORM_LAYER;
  check_gradient(&spec);
  spec.norm = TN_NORM_BATCH;
  check_gradient(&spec);
  spec.mask = TN_MASK_BATCH;
  spec.group = 3;
  check_gradient(&spec);
}

/* Two batches into one gradient give the sum of their gradients. */
static void test_gradients_accumulate(void **state) {
  (void)state;
  const network_spec spec = base_spec();
  tn_network *network = network_make(&spec);
  tn_workspace *workspace = workspace_make(network, ROWS, true);
  float *parameters = weights_make(network), *once = block_make(network), *twice = block_make(network);
  const int32_t labels[ROWS] = {0};
  tn_learned_take(network, parameters);
  for (int pass = 0; pass < 3; pass++) {
    tn_loss_sums sums = {0};
    fill_uniform(1, -1, 1, ROWS * INPUTS, workspace->input);
    float *z = tn_network_forward(network, parameters, workspace, ROWS, &masks);
    tn_loss_add(network->loss, ROWS, OUTPUTS, z, &(tn_targets){.labels = labels}, true, &sums);
    tn_network_backward(network, parameters, workspace, ROWS, pass == 0 ? once : twice, pass == 2);
  }
  for (int place = 0; place < network->layer_count; place++) {
    const int64_t at = logit_tensor(network, place)->offset;
    assert_true(once[at] != 0 && twice[at] == 2 * once[at]);
  }
  tn_free(&once);
  tn_free(&twice);
  tn_free(&parameters);
  tn_workspace_destroy(&workspace);
  tn_network_destroy(&network);
}

/* The terms of nn/learned.h. */
static double penalty(const tn_network *network, const double *parameters) {
  const tn_rate_prior *prior = &network->learned;
  double sum = 0;
  for (int place = 0; place < network->layer_count; place++) {
    const tn_layer *above = &network->layers[place];
    const double p = 1 / (1 + exp(-parameters[logit_tensor(network, place)->offset]));
    const double decisions = ceil((double)above->inputs / (double)network->group);
    double squares = 0;
    for (int64_t i = 0; i < above->inputs * above->outputs; i++)
      squares += pow(parameters[network->tensors[above->weight].offset + i], 2);
    sum += prior->length_scale * prior->length_scale / (2 * (1 - p)) * squares;
    sum += prior->entropy_weight * decisions * (p * log(p) + (1 - p) * log(1 - p));
  }
  return sum / (double)prior->rows;
}

/* The penalties' gradient in full: that of the logits, and the optimiser's for the weights. */
static void test_penalties(void **state) {
  (void)state;
  network_spec spec = base_spec();
  spec.group = 2;
  tn_network *network = network_make(&spec);
  float *parameters = weights_make(network), *gradient = block_make(network);
  double *exact = calloc((size_t)network->block_size, sizeof *exact);
  tn_train_config train = {.optimizer = TN_SGD};
  tn_optimizer *optimizer = NULL;
  network->learned.rows = 50;
  network->learned.length_scale = 1.5;
  network->learned.entropy_weight = 0.7;
  for (int64_t i = 0; i < network->block_size; i++)
    exact[i] = (double)parameters[i];
  assert_int_equal(tn_optimizer_create(&optimizer, network, &train, &(tn_regularization_config){0}), TN_OK);

  tn_learned_take(network, parameters);
  tn_learned_penalise(network, parameters, 3, gradient);
  tn_optimizer_measure(optimizer, network, tn_share_of(network->block_size, 0, 1), parameters, gradient, 1.0 / 3);
  for (int t = 0; t < network->tensor_count; t++)
    for (int64_t i = 0; i < network->tensors[t].rows * network->tensors[t].cols; i++) {
      double *value = exact + network->tensors[t].offset + i;
      const double kept = *value, h = 1e-5;
      *value = kept + h;
      const double above = penalty(network, exact);
      *value = kept - h;
      const double below = penalty(network, exact);
      *value = kept;
      const double expected = 3 * (above - below) / (2 * h);
      assert_true(fabs((double)gradient[network->tensors[t].offset + i] - expected) < 1e-6 * (0.1 + fabs(expected)));
    }
  free(exact);
  tn_optimizer_destroy(&optimizer);
  tn_free(&gradient);
  tn_free(&parameters);
  tn_network_destroy(&network);
}

static void test_rates_follow_the_parameters(void **state) {
  (void)state;
  const network_spec spec = base_spec();
  tn_network *network = network_make(&spec);
  float *parameters = block_make(network);
  tn_network_initialize(network, TN_INIT_AUTO, 1, parameters);
  tn_learned_take(network, parameters);
  assert_true(fabs(tn_dropout_rate(network, 0, 0) - 0.2) < 1e-7); /* the start, rounded to a float's logit */
  assert_true(fabs(tn_dropout_rate(network, 1, 5) - 0.4) < 1e-7 && fabs(tn_dropout_rate(network, 2, 9) - 0.4) < 1e-7);
  assert_true(tn_dropout_rate(network, 3, 0) == 0 && tn_dropout_rates_change(network));
  parameters[logit_tensor(network, 2)->offset] = 2;
  tn_learned_take(network, parameters);
  assert_true(fabs(tn_dropout_rate(network, 2, 0) - 0.88079707797788) < 1e-12);
  tn_free(&parameters);
  tn_network_destroy(&network);
}

static void test_tensors(void **state) {
  (void)state;
  network_spec spec = base_spec();
  spec.input_rate = 0;
  tn_network *learned = network_make(&spec);
  spec.rates = TN_RATES_FIXED;
  tn_network *fixed = network_make(&spec);
  assert_null(logit_tensor(learned, 0));
  assert_string_equal(logit_tensor(learned, 1)->name, "layer1/rate_logit");
  assert_string_equal(logit_tensor(learned, 2)->name, "layer2/rate_logit");
  assert_int_equal(logit_tensor(learned, 1)->role, TN_RATE_LOGIT);
  assert_int_equal(learned->parameter_count, fixed->parameter_count + 2);
  for (int t = 0; t < fixed->tensor_count; t++)
    assert_int_equal(fixed->tensors[t].offset, learned->tensors[t].offset);
  for (int place = 0; place < 3; place++)
    assert_null(logit_tensor(fixed, place));
  tn_network_destroy(&learned);
  tn_network_destroy(&fixed);
  spec = base_spec();
  spec.mask = TN_MASK_BATCH;
  learned = network_make(&spec);
  assert_string_equal(logit_tensor(learned, 0)->name, "input/rate_logit");
  assert_false(tn_thin_is_possible(learned)); /* relaxed masks drop nothing for good */
  tn_network_destroy(&learned);
}

/* Monte-Carlo masks are those of fixed rates. */
static void test_samples_drop_for_good(void **state) {
  (void)state;
  enum { UNITS = 9, DRAWN = 2000 };
  const network_spec spec = base_spec();
  tn_network *network = network_make(&spec);
  const tn_mask_source samples = {.seed = 4, .stream = TN_STREAM_MC, .replica = 1};
  float factor[UNITS];
  const tn_dropout dropout = tn_dropout_begin(network, &samples, 1, factor);
  int64_t dropped = 0;
  for (int64_t row = 0; row < DRAWN; row++) {
    tn_dropout_row(&dropout, row);
    for (int unit = 0; unit < UNITS; unit++) {
      assert_true(factor[unit] == 0 || fabs((double)factor[unit] - 1 / 0.6) < 1e-4);
      dropped += factor[unit] == 0;
    }
  }
  assert_true(fabs((double)dropped / (UNITS * DRAWN) - 0.4) < 4 * sqrt(0.24 / (UNITS * DRAWN)));
  tn_network_destroy(&network);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_gradients),
      cmocka_unit_test(test_gradients_of_normalised_layers),
      cmocka_unit_test(test_gradients_accumulate),
      cmocka_unit_test(test_penalties),
      cmocka_unit_test(test_rates_follow_the_parameters),
      cmocka_unit_test(test_tensors),
      cmocka_unit_test(test_samples_drop_for_good),
  };
  return cmocka_run_group_tests_name("learned", tests, NULL, NULL);
}
