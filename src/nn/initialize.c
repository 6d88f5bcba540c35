#include "nn/network.h"

#include <math.h>
#include <string.h>

/* Variance 2 / fan, as a normal or a uniform distribution. */
typedef struct weight_scheme {
  bool normal;
  double fan;
} weight_scheme;

static bool is_relu_family(tn_activation activation) {
  return activation == TN_RELU || activation == TN_LEAKY_RELU || activation == TN_GELU;
}

static weight_scheme choose_scheme(tn_init init, const tn_layer *layer) {
  if (init == TN_INIT_AUTO)
    init = is_relu_family(layer->activation) ? TN_HE_NORMAL : TN_GLOROT_UNIFORM;
  const bool he = init == TN_HE_NORMAL || init == TN_HE_UNIFORM;
  return (weight_scheme){.normal = init == TN_HE_NORMAL || init == TN_GLOROT_NORMAL,
                         .fan = (double)(he ? layer->inputs : layer->inputs + layer->outputs)};
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
  for (int64_t i = 0; i < tensor->rows * tensor->cols; i++)
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
