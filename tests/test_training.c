/* Whole small trainings without dropout against PyTorch's, step by step. */
#include "nn/loss.h"
#include "nn/optimizer.h"

#include "frozen/training.h"
#include "network_fixture.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

/* PyTorch worked in double. Here a gradient carries some 60 roundings of 2^-24 (see test_gradients.c), and a step that
 * divides by the gradient's own size, as adam's, hands that relative error on to the weight, times a rate of .01 or so:
 * 4e-8 a step, 8e-7 in 20, and some times that where a gradient nearly cancels. 3e-7 were seen. */
#define TOLERANCE 4e-6

static tn_network *frozen_network(const frozen_training *frozen) {
  const tn_norm_kind norm = frozen->batch_norm ? TN_NORM_BATCH : frozen->layer_norm ? TN_NORM_LAYER : TN_NORM_NONE;
  tn_network *network = network_make(&(network_spec){.inputs = FROZEN_INPUTS,
                                                     .outputs = FROZEN_OUTPUTS,
                                                     .hidden_count = 2,
                                                     .hidden = FROZEN_HIDDEN,
                                                     .activation = frozen->activation,
                                                     .loss = frozen->loss,
                                                     .norm = norm});
  network->norm_epsilon = FROZEN_EPSILON;
  network->statistic_momentum = FROZEN_MOMENTUM;
  return network;
}

static float *frozen_parameters(const tn_network *network) {
  float *parameters = block_make(network);
  const float *next = frozen_start;
  tn_network_initialize(network, TN_INIT_AUTO, 1, parameters);
  for (int t = 0; t < network->tensor_count; t++) {
    const tn_tensor *tensor = &network->tensors[t];
    if (tensor->role != TN_WEIGHT && tensor->role != TN_BIAS)
      continue;
    memcpy(parameters + tensor->offset, next, (size_t)(tensor->rows * tensor->cols) * sizeof *next);
    next += tensor->rows * tensor->cols;
  }
  assert_ptr_equal(next, frozen_start + FROZEN_PARAMETERS);
  return parameters;
}

/* Loss and gradient, both as means over the rows. */
static double compute_gradient(const tn_network *network, const float *parameters, tn_workspace *workspace,
                               float *gradient) {
  const tn_targets targets = {.labels = frozen_labels,
                              .values = network->loss == TN_SIGMOID_CROSS_ENTROPY ? frozen_shares : frozen_values};
  tn_loss_sums sums = {0};
  memcpy(workspace->input, frozen_x, sizeof frozen_x);
  float *z = tn_network_forward(network, parameters, workspace, FROZEN_ROWS, NULL);
  tn_loss_add(network->loss, FROZEN_ROWS, FROZEN_OUTPUTS, z, &targets, true, &sums);
  tn_network_backward(network, parameters, workspace, FROZEN_ROWS, gradient, false);
  for (int64_t i = 0; i < network->trained_size; i++)
    gradient[i] *= (float)(1 / sums.weight);
  return sums.loss / sums.weight;
}

static void assert_near(const frozen_training *frozen, const char *what, int at, double found, double expected) {
  if (!(fabs(found - expected) < TOLERANCE))
    fail_msg("%s with activation %d, loss %d: %s %d is %.9g for %.9g", frozen->name, (int)frozen->activation,
             (int)frozen->loss, what, at, found, expected);
}

static void assert_end(const frozen_training *frozen, const tn_network *network, const float *parameters) {
  int next = 0;
  for (int t = 0; t < network->tensor_count; t++) {
    const tn_tensor *tensor = &network->tensors[t];
    for (int64_t i = 0; i < tensor->rows * tensor->cols; i++, next++)
      assert_near(frozen, "parameter", next, parameters[tensor->offset + i], frozen->end[next]);
  }
  assert_int_equal(next, frozen->values);
}

static void train_frozen(const frozen_training *frozen) {
  tn_network *network = frozen_network(frozen);
  tn_workspace *workspace = workspace_make(network, FROZEN_ROWS, true);
  float *parameters = frozen_parameters(network), *gradient = block_make(network);
  tn_train_config train = frozen->train;
  train.clip_norm = frozen->clip_norm;
  tn_optimizer *optimizer = NULL;
  assert_int_equal(
      tn_optimizer_create(&optimizer, network, &train, &(tn_regularization_config){.l1 = frozen->l1, .l2 = frozen->l2}),
      TN_OK);
  for (int step = 0; step < FROZEN_STEPS; step++) {
    const double loss = compute_gradient(network, parameters, workspace, gradient);
    assert_near(frozen, "loss of step", step, loss, frozen->losses[step]);
    tn_optimizer_update(optimizer, network, parameters, gradient, train.learning_rate, step + 1);
  }
  assert_end(frozen, network, parameters);
  tn_optimizer_destroy(&optimizer);
  tn_workspace_destroy(&workspace);
  tn_network_destroy(&network);
  tn_free(&parameters);
  tn_free(&gradient);
}

static void test_trainings_follow_pytorch(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof frozen_trainings / sizeof *frozen_trainings; i++)
    train_frozen(&frozen_trainings[i]);
}

/* The trainings above would agree too if nothing moved. */
static void test_the_frozen_trainings_learn(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof frozen_trainings / sizeof *frozen_trainings; i++)
    assert_true(frozen_trainings[i].losses[FROZEN_STEPS - 1] < 0.97 * frozen_trainings[i].losses[0]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_trainings_follow_pytorch),
      cmocka_unit_test(test_the_frozen_trainings_learn),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
