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

/* The gaps between tensors stay zero, and statistics have no state. */
static void fill_trained(const tn_network *network, float value, float *block) {
  for (int t = 0; t < network->tensor_count; t++) {
    const tn_tensor *tensor = &network->tensors[t];
    for (int64_t i = 0; i < tn_tensor_size(tensor) && tn_tensor_is_trained(tensor); i++)
      block[tensor->offset + i] = value;
  }
}

static int64_t widest_tensor(const tn_network *network) {
  int64_t cols = 0;
  for (int t = 0; t < network->tensor_count; t++)
    cols = network->tensors[t].cols > cols ? network->tensors[t].cols : cols;
  return cols;
}

int64_t tn_optimizer_bytes(const tn_network *network, const tn_train_config *train) {
  return choose_method(train)->state_count * network->block_size * (int64_t)sizeof(float) +
         tn_share_blocks(network->block_size) * (int64_t)sizeof(double);
}

/* States and square sums, one behind the other; blocks are whole cache lines. */
static void lay_out(tn_optimizer *optimizer, const tn_network *network, const update_method *method, float *memory) {
  optimizer->state_count = method->state_count;
  for (int s = 0; s < method->state_count; s++) {
    optimizer->state_names[s] = method->state_names[s];
    optimizer->states[s] = memory + s * network->block_size;
    if (method->state_start != 0)
      fill_trained(network, method->state_start, optimizer->states[s]);
  }
  optimizer->square_sums = (double *)(void *)(memory + method->state_count * network->block_size);
}

tn_status tn_optimizer_create_in(tn_optimizer **optimizer, const tn_network *network, const tn_train_config *train,
                                 const tn_regularization_config *regularization, void *memory) {
  TN_TRY(tn_alloc(optimizer, 1, sizeof **optimizer, "the optimiser"));
  (*optimizer)->train = *train;
  (*optimizer)->regularization = *regularization;
  lay_out(*optimizer, network, choose_method(train), memory);
  if (regularization->max_norm <= 0)
    return TN_OK;
  const tn_status status =
      tn_alloc(&(*optimizer)->column_norms, widest_tensor(network), sizeof(double), "the norms of max_norm");
  if (status != TN_OK)
    tn_optimizer_destroy(optimizer);
  return status;
}

tn_status tn_optimizer_create(tn_optimizer **optimizer, const tn_network *network, const tn_train_config *train,
                              const tn_regularization_config *regularization) {
  void *memory = NULL;
  *optimizer = NULL;
  TN_TRY(tn_alloc(&memory, tn_optimizer_bytes(network, train), 1, "the optimiser's state"));
  const tn_status status = tn_optimizer_create_in(optimizer, network, train, regularization, memory);
  if (status == TN_OK)
    (*optimizer)->memory = memory;
  else
    tn_free(&memory);
  return status;
}

void tn_optimizer_destroy(tn_optimizer **optimizer) {
  if (*optimizer == NULL)
    return;
  tn_free(&(*optimizer)->memory);
  tn_free(&(*optimizer)->column_norms);
  tn_free(optimizer);
}

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* The part of a tensor that lies in first..first + count - 1 of the block; count 0: none does. */
static tn_share part_of_tensor(const tn_tensor *tensor, int64_t first, int64_t count) {
  const int64_t begin = larger(first, tensor->offset);
  const int64_t end = smaller(first + count, tensor->offset + tn_tensor_size(tensor));
  return (tn_share){.first = begin, .count = larger(end - begin, 0)};
}

/* The terms are those of the mean, and are added to the sum. */
static void penalise(const tn_optimizer *optimizer, const tn_network *network, tn_share share, const float *parameters,
                     float *gradient, double scale) {
  const double l1 = optimizer->regularization.l1;
  for (int t = 0; t < network->tensor_count; t++) {
    const tn_tensor *tensor = &network->tensors[t];
    const double l2 = optimizer->regularization.l2 + network->layers[tensor->layer].l2;
    const tn_share part = part_of_tensor(tensor, share.first, share.count);
    if (tensor->role == TN_WEIGHT && part.count > 0 && (l1 > 0 || l2 > 0))
      tn_update_penalise(part.count, (float)(l1 / scale), (float)(l2 / scale), parameters + part.first,
                         gradient + (part.first - share.first));
  }
}

void tn_optimizer_measure(const tn_optimizer *optimizer, const tn_network *network, tn_share share,
                          const float *parameters, float *gradient, double scale) {
  const int64_t trained = smaller(share.count, larger(network->trained_size - share.first, 0));
  penalise(optimizer, network, share, parameters, gradient, scale);
  for (int64_t done = 0; done < share.count; done += TN_SHARE_STEP)
    optimizer->square_sums[(share.first + done) / TN_SHARE_STEP] =
        tn_kernel_square_sum(larger(smaller(TN_SHARE_STEP, trained - done), 0), gradient + done);
  if (tn_kernel_find_nonfinite(share.count - trained, gradient + trained) >= 0)
    optimizer->square_sums[(share.first + trained) / TN_SHARE_STEP] = NAN;
}

double tn_optimizer_norm(const tn_optimizer *optimizer, const tn_network *network, double scale) {
  double sum = 0;
  for (int64_t b = 0; b < tn_share_blocks(network->block_size); b++)
    sum += optimizer->square_sums[b];
  return scale * sqrt(sum);
}

/* What all tensors of a step have in common. */
static tn_update step_update(const tn_train_config *train, double scale, double norm, double learning_rate,
                             int64_t step) {
  const bool clips = train->clip_norm > 0 && norm > train->clip_norm;
  const bool is_adam = train->optimizer == TN_ADAM || train->optimizer == TN_ADAMW;
  const double t = (double)step;
  const double correction = is_adam ? sqrt(1 - pow(train->beta2, t)) / (1 - pow(train->beta1, t)) : 1;
  return (tn_update){.scale = (float)(clips ? scale * (train->clip_norm / norm) : scale),
                     .rate = (float)(learning_rate * correction),
                     .momentum = (float)train->momentum,
                     .fade = {(float)(1 - train->beta1), (float)(1 - (is_adam ? train->beta2 : train->rho))},
                     .epsilon = (float)train->epsilon};
}

void tn_optimizer_apply(const tn_optimizer *optimizer, const tn_network *network, tn_share share, float *parameters,
                        const float *gradient, double scale, double norm, double learning_rate, int64_t step) {
  tn_update update = step_update(&optimizer->train, scale, norm, learning_rate, step);
  const float decay = (float)(learning_rate * optimizer->train.weight_decay);
  for (int t = 0; t < network->tensor_count; t++) {
    const tn_share part = part_of_tensor(&network->tensors[t], share.first, share.count);
    update.count = part.count;
    update.w = parameters + part.first;
    update.g = gradient + (part.first - share.first);
    for (int s = 0; s < optimizer->state_count; s++)
      update.states[s] = optimizer->states[s] + part.first;
    update.decay = network->tensors[t].role == TN_WEIGHT ? decay : 0;
    if (part.count > 0 && tn_tensor_is_trained(&network->tensors[t]))
      choose_method(&optimizer->train)->update(&update);
  }
}

void tn_optimizer_track(const tn_network *network, tn_share share, float *parameters, const float *gradient,
                        double scale) {
  const float fade = (float)(1 - network->statistic_momentum);
  for (int t = 0; t < network->tensor_count; t++) {
    const tn_share part = part_of_tensor(&network->tensors[t], share.first, share.count);
    if (network->tensors[t].role == TN_STATISTIC && part.count > 0)
      tn_update_track(part.count, fade, (float)scale, gradient + (part.first - share.first), parameters + part.first);
  }
}

bool tn_optimizer_limits(const tn_optimizer *optimizer) {
  return optimizer->regularization.max_norm > 0;
}

void tn_optimizer_limit(const tn_optimizer *optimizer, const tn_network *network, tn_share share, float *parameters) {
  for (int t = 0; t < network->tensor_count && tn_optimizer_limits(optimizer); t++) {
    const tn_tensor *tensor = &network->tensors[t];
    int64_t first = 0;
    const int64_t cols = tn_share_columns(share, tensor->cols, &first);
    if (tensor->role == TN_WEIGHT && cols > 0)
      tn_kernel_max_norm(tensor->rows, cols, tensor->cols, optimizer->regularization.max_norm,
                         parameters + tensor->offset + first, optimizer->column_norms);
  }
}

double tn_optimizer_update(const tn_optimizer *optimizer, const tn_network *network, float *parameters, float *gradient,
                           double learning_rate, int64_t step) {
  const tn_share all = tn_share_of(network->block_size, 0, 1);
  tn_optimizer_measure(optimizer, network, all, parameters, gradient, 1);
  const double norm = tn_optimizer_norm(optimizer, network, 1);
  if (!isfinite(norm))
    return norm;
  tn_optimizer_apply(optimizer, network, all, parameters, gradient, 1, norm, learning_rate, step);
  tn_optimizer_track(network, all, parameters, gradient, 1);
  tn_optimizer_limit(optimizer, network, all, parameters);
  return norm;
}
