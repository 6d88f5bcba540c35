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

void tn_network_initialize(const tn_network *network, tn_init init, uint64_t seed, float *parameters) {
  memset(parameters, 0, (size_t)network->block_size * sizeof *parameters);
  for (int l = 0; l < network->layer_count; l++) {
    const tn_layer *layer = &network->layers[l];
    const weight_scheme scheme = choose_scheme(init, layer);
    float *weight = parameters + network->tensors[layer->weight].offset;
    for (int64_t i = 0; i < layer->inputs; i++) {
      const tn_place place = tn_place_make(seed, TN_STREAM_INIT, 0, (uint32_t)l + 1, 0, (uint64_t)i);
      if (scheme.normal)
        fill_normal(place, layer->outputs, (float)sqrt(2 / scheme.fan), weight + i * layer->outputs);
      else
        fill_uniform(place, layer->outputs, (float)sqrt(6 / scheme.fan), weight + i * layer->outputs);
    }
  }
}
