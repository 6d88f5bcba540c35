#include "nn/network.h"

#include <math.h>
#include <string.h>

/* Variance 2 / fan, as a normal or a uniform distribution. */
typedef struct weight_scheme {
  bool normal;
  double fan;
} weight_scheme;

static tn_init usual_init(tn_activation activation) {
  switch (activation) {
  case TN_RELU:
  case TN_LEAKY_RELU:
  case TN_GELU:
    return TN_HE_NORMAL;
  case TN_SELU:
    return TN_LECUN_NORMAL;
  case TN_SIGMOID:
  case TN_TANH:
  case TN_LINEAR:
    break;
  }
  return TN_GLOROT_UNIFORM;
}

static weight_scheme choose_scheme(tn_init init, const tn_layer *layer) {
  if (init == TN_INIT_AUTO)
    init = usual_init(layer->activation);
  const double inputs = (double)layer->inputs, outputs = (double)layer->outputs;
  switch (init) {
  case TN_HE_NORMAL:
  case TN_HE_UNIFORM:
    return (weight_scheme){.normal = init == TN_HE_NORMAL, .fan = inputs};
  case TN_LECUN_NORMAL:
    return (weight_scheme){.normal = true, .fan = 2 * inputs};
  case TN_GLOROT_NORMAL:
  case TN_GLOROT_UNIFORM:
  case TN_INIT_AUTO:
    break;
  }
  return (weight_scheme){.normal = init == TN_GLOROT_NORMAL, .fan = inputs + outputs};
}

static void fill_normal(tn_place place, int64_t count, float deviation, float *weights) {
  tn_random_normal(place, 0, count, weights);
  for (int64_t i = 0; i < count; i++)
    weights[i] *= deviation;
}

static void fill_uniform(tn_place place, int64_t count, float limit, float *weights) {
  tn_random_uniform(place, 0, count, weights);
  for (int64_t i = 0; i < count; i++)
    weights[i] = limit * (2 * weights[i] - 1);
}

static void fill_constant(const tn_tensor *tensor, float *parameters) {
  for (int64_t i = 0; i < tn_tensor_size(tensor); i++)
    parameters[tensor->offset + i] = tensor->start;
}

static void draw_weights(const tn_network *network, const tn_tensor *tensor, tn_init init, uint64_t seed,
                         float *parameters) {
  const weight_scheme scheme = choose_scheme(init, &network->layers[tensor->layer]);
  for (int64_t i = 0; i < tensor->rows; i++) {
    const tn_place place = tn_place_make(seed, TN_STREAM_INIT, 0, (uint32_t)tensor->layer + 1, 0, (uint64_t)i);
    float *row = parameters + tensor->offset + i * tensor->cols;
    if (scheme.normal)
      fill_normal(place, tensor->cols, (float)sqrt(2 / scheme.fan), row);
    else
      fill_uniform(place, tensor->cols, (float)sqrt(6 / scheme.fan), row);
  }
}

void tn_network_initialize(const tn_network *network, tn_init init, uint64_t seed, float *parameters) {
  memset(parameters, 0, (size_t)network->block_size * sizeof *parameters);
  for (int t = 0; t < network->tensor_count; t++) {
    const tn_tensor *tensor = &network->tensors[t];
    if (tensor->role == TN_WEIGHT)
      draw_weights(network, tensor, init, seed, parameters);
    else
      fill_constant(tensor, parameters);
  }
}
