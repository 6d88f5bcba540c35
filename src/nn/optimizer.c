#include "nn/optimizer.h"

#include "base/memory.h"
#include "math/kernels.h"
#include "nn/update.h"

#include <math.h>

/* What Keras starts adagrad's accumulator with; PyTorch starts at 0. */
#define ADAGRAD_START 0.1f

/* How an optimiser updates a tensor, and the states it keeps. */
typedef struct update_method {
  void (*update)(const tn_update *update);
  int state_count;
  const char *state_names[TN_OPTIMIZER_STATES_MAX];
  float state_start;
} update_method;

static const update_method sgd = {tn_update_sgd, 0, {NULL}, 0};
static const update_method sgd_momentum = {tn_update_momentum, 1, {"momentum"}, 0};
static const update_method sgd_nesterov = {tn_update_nesterov, 1, {"momentum"}, 0};
static const update_method rmsprop = {tn_update_rmsprop, 1, {"mean_square"}, 0};
static const update_method rmsprop_momentum = {tn_update_rmsprop_momentum, 2, {"mean_square", "momentum"}, 0};
static const update_method adam = {tn_update_adam, 2, {"m", "v"}, 0};
static const update_method adagrad = {tn_update_adagrad, 1, {"accumulator"}, ADAGRAD_START};

/* adamw is adam with another usual weight decay: the decay is decoupled in all of them. */
static const update_method *choose_method(const tn_train_config *train) {
  switch (train->optimizer) {
  case TN_SGD:
    return train->momentum <= 0 ? &sgd : (train->nesterov ? &sgd_nesterov : &sgd_momentum);
  case TN_RMSPROP:
    return train->momentum > 0 ? &rmsprop_momentum : &rmsprop;
  case TN_ADAGRAD:
    return &adagrad;
  case TN_ADAM:
  case TN_ADAMW:
    break;
  }
  return &adam;
}

/* The gaps between tensors stay zero. */
static void fill_tensors(const tn_network *network, float value, float *block) {
  for (int t = 0; t < network->tensor_count; t++) {
    const tn_tensor *tensor = &network->tensors[t];
    for (int64_t i = 0; i < tensor->rows * tensor->cols; i++)
      block[tensor->offset + i] = value;
  }
}

static int64_t widest_tensor(const tn_network *network) {
  int64_t cols = 0;
  for (int t = 0; t < network->tensor_count; t++)
    cols = network->tensors[t].cols > cols ? network->tensors[t].cols : cols;
  return cols;
}

static tn_status allocate(tn_optimizer *optimizer, const tn_network *network, const update_method *method) {
  optimizer->state_count = method->state_count;
  for (int s = 0; s < method->state_count; s++) {
    optimizer->state_names[s] = method->state_names[s];
    TN_TRY(tn_alloc(&optimizer->states[s], network->block_size, sizeof(float), "the optimiser's state"));
    if (method->state_start != 0)
      fill_tensors(network, method->state_start, optimizer->states[s]);
  }
  if (optimizer->regularization.max_norm > 0)
    TN_TRY(tn_alloc(&optimizer->column_norms, widest_tensor(network), sizeof(double), "the norms of max_norm"));
  return TN_OK;
}

tn_status tn_optimizer_create(tn_optimizer **optimizer, const tn_network *network, const tn_train_config *train,
                              const tn_regularization_config *regularization) {
  TN_TRY(tn_alloc(optimizer, 1, sizeof **optimizer, "the optimiser"));
  (*optimizer)->kind = train->optimizer;
  (*optimizer)->train = *train;
  (*optimizer)->regularization = *regularization;
  const tn_status status = allocate(*optimizer, network, choose_method(train));
  if (status != TN_OK)
    tn_optimizer_destroy(optimizer);
  return status;
}

void tn_optimizer_destroy(tn_optimizer **optimizer) {
  if (*optimizer == NULL)
    return;
  for (int s = 0; s < TN_OPTIMIZER_STATES_MAX; s++)
    tn_free(&(*optimizer)->states[s]);
  tn_free(&(*optimizer)->column_norms);
  tn_free(optimizer);
}

static void penalise(const tn_optimizer *optimizer, const tn_network *network, const float *parameters,
                     float *gradient) {
  const float l1 = (float)optimizer->regularization.l1, l2 = (float)optimizer->regularization.l2;
  if (l1 == 0 && l2 == 0)
    return;
  for (int t = 0; t < network->tensor_count; t++) {
    const tn_tensor *tensor = &network->tensors[t];
    if (tensor->role == TN_WEIGHT)
      tn_update_penalise(tensor->rows * tensor->cols, l1, l2, parameters + tensor->offset, gradient + tensor->offset);
  }
}

/* What all tensors of a step have in common. */
static tn_update step_update(const tn_train_config *train, double norm, double learning_rate, int64_t step) {
  const bool clips = train->clip_norm > 0 && norm > train->clip_norm;
  const bool is_adam = train->optimizer == TN_ADAM || train->optimizer == TN_ADAMW;
  const double t = (double)step;
  const double correction = is_adam ? sqrt(1 - pow(train->beta2, t)) / (1 - pow(train->beta1, t)) : 1;
  return (tn_update){.scale = clips ? (float)(train->clip_norm / norm) : 1,
                     .rate = (float)(learning_rate * correction),
                     .momentum = (float)train->momentum,
                     .fade = {(float)(1 - train->beta1), (float)(1 - (is_adam ? train->beta2 : train->rho))},
                     .epsilon = (float)train->epsilon};
}

static void update_tensor(const tn_optimizer *optimizer, const tn_tensor *tensor, tn_update update, float *parameters,
                          const float *gradient, double learning_rate) {
  update.count = tensor->rows * tensor->cols;
  update.w = parameters + tensor->offset;
  update.g = gradient + tensor->offset;
  for (int s = 0; s < optimizer->state_count; s++)
    update.states[s] = optimizer->states[s] + tensor->offset;
  if (tensor->role == TN_WEIGHT)
    update.decay = (float)(learning_rate * optimizer->train.weight_decay);
  choose_method(&optimizer->train)->update(&update);
}

static void limit_norms(const tn_optimizer *optimizer, const tn_network *network, float *parameters) {
  if (optimizer->regularization.max_norm <= 0)
    return;
  for (int t = 0; t < network->tensor_count; t++) {
    const tn_tensor *tensor = &network->tensors[t];
    if (tensor->role == TN_WEIGHT)
      tn_kernel_max_norm(tensor->rows, tensor->cols, optimizer->regularization.max_norm, parameters + tensor->offset,
                         optimizer->column_norms);
  }
}

double tn_optimizer_update(tn_optimizer *optimizer, const tn_network *network, float *parameters, float *gradient,
                           double learning_rate, int64_t step) {
  penalise(optimizer, network, parameters, gradient);
  const double norm = sqrt(tn_kernel_square_sum(network->block_size, gradient));
  if (!isfinite(norm))
    return norm;
  const tn_update update = step_update(&optimizer->train, norm, learning_rate, step);
  for (int t = 0; t < network->tensor_count; t++)
    update_tensor(optimizer, &network->tensors[t], update, parameters, gradient, learning_rate);
  limit_norms(optimizer, network, parameters);
  return norm;
}
