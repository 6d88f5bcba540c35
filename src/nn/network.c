#include "nn/network.h"

#include "base/config_table.h"
#include "base/memory.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

/* BLAS counts rows and columns in ints. */
#define UNITS_MAX INT_MAX

/* The most that a layer has: weight, bias, gain, running mean and variance, and the logit of the rate before it. */
#define TENSORS_OF_LAYER 6

static tn_status check_units(const char *what, int64_t units) {
  if (units < 1 || units > UNITS_MAX)
    return tn_fail(TN_ERR_CONFIG, "%s is %lld; a network needs 1 to %d: correct it", what, (long long)units, UNITS_MAX);
  return TN_OK;
}

static tn_status check_rate(const char *key, double rate) {
  if (!(rate >= 0 && rate < 1))
    return tn_fail(TN_ERR_CONFIG, "%s has the rate %g; write a probability of dropping from 0 to below 1", key, rate);
  return TN_OK;
}

static tn_status check_model(const tn_model_config *model, int64_t inputs) {
  TN_TRY(check_units("the number of input features", inputs));
  TN_TRY(check_units("model.outputs", model->outputs));
  if (model->hidden.count < 0 || model->hidden.count > TN_LAYERS_MAX)
    return tn_fail(TN_ERR_CONFIG, "model.hidden lists %d layers; at most %d can be: shorten the list",
                   model->hidden.count, TN_LAYERS_MAX);
  for (int i = 0; i < model->hidden.count; i++)
    TN_TRY(check_units("a layer of model.hidden", model->hidden.values[i]));
  return TN_OK;
}

static tn_status check_dropout(const tn_dropout_config *dropout, int hidden_layers) {
  TN_TRY(check_rate("dropout.input", dropout->input));
  const int rates = dropout->hidden.count;
  if (rates > 1 && rates != hidden_layers)
    return tn_fail(TN_ERR_CONFIG, "dropout.hidden lists %d rates for the %d layers of model.hidden: write one, or %d",
                   rates, hidden_layers, hidden_layers);
  for (int i = 0; i < rates; i++)
    TN_TRY(check_rate("dropout.hidden", dropout->hidden.values[i]));
  if (dropout->group < 1)
    return tn_fail(TN_ERR_CONFIG, "dropout.group is %lld; write 1 or more neighbouring units",
                   (long long)dropout->group);
  if (dropout->schedule != TN_RATE_CONSTANT && dropout->schedule_steps < 1)
    return tn_fail(TN_ERR_CONFIG, "dropout.schedule_steps is %lld; write the steps of the schedule's time constant",
                   (long long)dropout->schedule_steps);
  return TN_OK;
}

/* What needs the number of features: the rest is the configuration's check. */
static tn_status check_image(const tn_dropout_config *dropout, int64_t inputs) {
  const tn_image_shape *shape = &dropout->shape;
  if (dropout->block == 1)
    return TN_OK;
  if (shape->rows > inputs || shape->cols > inputs || shape->rows * shape->cols > inputs || shape->channels > inputs ||
      shape->rows * shape->cols * shape->channels != inputs)
    return tn_fail(TN_ERR_CONFIG,
                   "dropout.shape is %lldx%lldx%lld, but a row has %lld features: write ROWSxCOLSxCHANNELS whose "
                   "product is that",
                   (long long)shape->rows, (long long)shape->cols, (long long)shape->channels, (long long)inputs);
  if (dropout->block == 0 || dropout->block > shape->rows || dropout->block > shape->cols)
    return tn_fail(TN_ERR_CONFIG, "dropout.block is %lld, which is no side of patches in images of %lld x %lld",
                   (long long)dropout->block, (long long)shape->rows, (long long)shape->cols);
  return TN_OK;
}

/* The same: those of hidden layers are the configuration's, which knows their units. */
static tn_status check_group(const tn_dropout_config *dropout, int64_t inputs) {
  if (dropout->group == 1 || dropout->group < inputs || dropout->input <= 0 || dropout->block != 1)
    return TN_OK;
  return tn_fail(TN_ERR_CONFIG,
                 "dropout.group is %lld, but a row has %lld features, which would be dropped as a whole: write a "
                 "smaller one",
                 (long long)dropout->group, (long long)inputs);
}

static tn_status allocate(tn_network **network, int layer_count) {
  TN_TRY(tn_alloc(network, 1, sizeof **network, "the network"));
  TN_TRY(tn_alloc(&(*network)->layers, layer_count, sizeof(tn_layer), "the network's layers"));
  TN_TRY(tn_alloc(&(*network)->tensors, TENSORS_OF_LAYER * (int64_t)layer_count, sizeof(tn_tensor),
                  "the network's tensors"));
  (*network)->layer_count = layer_count;
  return TN_OK;
}

/* Appends a tensor to the block; *index is its place in the list. */
static tn_status append(tn_network *network, tn_tensor wanted, int *index) {
  int64_t size = 0, end = 0;
  if (__builtin_mul_overflow(wanted.rows, wanted.cols, &size) ||
      __builtin_add_overflow(network->block_size, size, &end) || end > INT64_MAX / 16)
    return tn_fail(TN_ERR_CONFIG,
                   "layer %d would have %lld x %lld weights, more than can be addressed: use fewer units",
                   wanted.layer + 1, (long long)wanted.rows, (long long)wanted.cols);
  tn_tensor *tensor = &network->tensors[network->tensor_count];
  *tensor = wanted;
  tensor->offset = network->block_size;
  *index = network->tensor_count++;
  *(tn_tensor_is_trained(tensor) ? &network->parameter_count : &network->statistic_count) += size;
  network->block_size = (end + TN_OFFSET_STEP - 1) / TN_OFFSET_STEP * TN_OFFSET_STEP;
  return TN_OK;
}

/* The name is that of a layer's tensor in a checkpoint. */
static tn_status add_tensor(tn_network *network, int layer, const char *name, tn_tensor_role role, float start,
                            int *index) {
  const tn_layer *shape = &network->layers[layer];
  tn_tensor tensor = {.role = role,
                      .layer = layer,
                      .rows = role == TN_WEIGHT ? shape->inputs : 1,
                      .cols = shape->outputs,
                      .start = start};
  snprintf(tensor.name, sizeof tensor.name, "layer%d/%s", layer + 1, name);
  return append(network, tensor, index);
}

/* The logit of the rate behind a layer (0: the input), where it is learned. */
static tn_status add_logit(tn_network *network, int place, double rate, int *index) {
  tn_tensor tensor = {.name = "input/rate_logit",
                      .role = TN_RATE_LOGIT,
                      .layer = place == 0 ? 0 : place - 1,
                      .rows = 1,
                      .cols = 1,
                      .start = (float)(log(rate) - log1p(-rate))};
  *index = TN_NO_TENSOR;
  if (!network->learns_rates || rate <= 0)
    return TN_OK;
  if (place > 0)
    snprintf(tensor.name, sizeof tensor.name, "layer%d/rate_logit", place);
  return append(network, tensor, index);
}

static tn_status add_logits(tn_network *network) {
  TN_TRY(add_logit(network, 0, network->input_rate, &network->input_logit));
  for (int i = 0; i < network->layer_count; i++)
    TN_TRY(add_logit(network, i + 1, network->layers[i].rate, &network->layers[i].logit));
  return TN_OK;
}

static tn_status add_tensors(tn_network *network, int layer) {
  tn_layer *shape = &network->layers[layer];
  TN_TRY(add_tensor(network, layer, "weight", TN_WEIGHT, 0, &shape->weight));
  TN_TRY(add_tensor(network, layer, "bias", TN_BIAS, 0, &shape->bias));
  shape->gain = shape->running_mean = shape->running_variance = TN_NO_TENSOR;
  if (network->norm == TN_NORM_NONE || layer == network->layer_count - 1)
    return TN_OK;
  return add_tensor(network, layer, "gain", TN_GAIN, 1, &shape->gain);
}

/* What the optimiser leaves alone stands behind all the rest. */
static tn_status add_statistics(tn_network *network) {
  network->trained_size = network->block_size;
  for (int i = 0; i < network->layer_count - 1 && network->norm == TN_NORM_BATCH; i++) {
    tn_layer *shape = &network->layers[i];
    TN_TRY(add_tensor(network, i, "running_mean", TN_STATISTIC, 0, &shape->running_mean));
    TN_TRY(add_tensor(network, i, "running_variance", TN_STATISTIC, 1, &shape->running_variance));
  }
  return TN_OK;
}

static tn_status fill(tn_network *network, const tn_model_config *model, const tn_dropout_config *dropout,
                      int64_t inputs) {
  network->inputs = inputs;
  network->outputs = model->outputs;
  network->input_rate = dropout->input;
  network->kind = dropout->kind;
  network->mask = dropout->mask;
  network->group = dropout->group;
  network->image = dropout->shape;
  network->block = dropout->block;
  network->standout_alpha = dropout->standout_alpha;
  network->standout_beta = dropout->standout_beta;
  network->rate_schedule = dropout->schedule;
  network->schedule_steps = dropout->schedule_steps;
  network->learns_rates = dropout->rate == TN_RATES_LEARNED;
  network->learned = (tn_rate_prior){.temperature = dropout->temperature,
                                     .length_scale = dropout->length_scale,
                                     .entropy_weight = dropout->entropy_weight};
  network->loss = model->loss;
  network->norm = model->batch_norm ? TN_NORM_BATCH : model->layer_norm ? TN_NORM_LAYER : TN_NORM_NONE;
  network->norm_epsilon = model->norm_epsilon;
  network->statistic_momentum = model->norm_momentum;
  for (int i = 0; i < network->layer_count; i++) {
    const bool last = i == network->layer_count - 1;
    network->layers[i] = (tn_layer){.inputs = i == 0 ? inputs : network->layers[i - 1].outputs,
                                    .outputs = last ? model->outputs : model->hidden.values[i],
                                    .activation = last ? TN_LINEAR : model->activation,
                                    .rate = last ? 0 : tn_config_hidden_rate(dropout, i)};
    TN_TRY(add_tensors(network, i));
  }
  TN_TRY(add_logits(network));
  return add_statistics(network);
}

tn_status tn_network_create(tn_network **network, const tn_model_config *model, const tn_dropout_config *dropout,
                            int64_t inputs) {
  *network = NULL;
  TN_TRY(check_model(model, inputs));
  TN_TRY(check_dropout(dropout, model->hidden.count));
  TN_TRY(check_image(dropout, inputs));
  TN_TRY(check_group(dropout, inputs));
  tn_status status = allocate(network, model->hidden.count + 1);
  if (status == TN_OK)
    status = fill(*network, model, dropout, inputs);
  if (status != TN_OK)
    tn_network_destroy(network);
  return status;
}

int64_t tn_network_units(const tn_network *network, int place) {
  return place == 0 ? network->inputs : network->layers[place - 1].outputs;
}

int64_t tn_network_widest(const tn_network *network) {
  int64_t widest = 0;
  for (int place = 0; place <= network->layer_count; place++) {
    const int64_t units = tn_network_units(network, place);
    widest = units > widest ? units : widest;
  }
  return widest;
}

const tn_tensor *tn_network_tensor_at(const tn_network *network, int64_t index) {
  int found = 0;
  for (int t = 0; t < network->tensor_count; t++)
    if (network->tensors[t].offset <= index)
      found = t;
  return &network->tensors[found];
}

void tn_network_destroy(tn_network **network) {
  if (*network == NULL)
    return;
  tn_free(&(*network)->layers);
  tn_free(&(*network)->tensors);
  tn_free(network);
}

int tn_network_trained_tensors(const tn_network *network) {
  int count = 0;
  while (count < network->tensor_count && tn_tensor_is_trained(&network->tensors[count]))
    count++;
  return count;
}
