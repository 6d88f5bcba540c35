#include "nn/learned.h"

#include "base/memory.h"
#include "math/kernels.h"

#include <math.h>

struct tn_learned {
  const tn_network *network;
  int64_t max_rows;
  float **slopes; /* (places): da'/dl (max_rows, units), or NULL */
  float *input_delta;
};

/* The index of a place's logit among the tensors, or TN_NO_TENSOR. */
static int logit_of(const tn_network *network, int place) {
  return place == 0 ? network->input_logit : network->layers[place - 1].logit;
}

static double rate_of(const tn_network *network, int place) {
  return place == 0 ? network->input_rate : network->layers[place - 1].rate;
}

static void take_place(tn_network *network, int place, const float *parameters) {
  const double logit = (double)parameters[network->tensors[logit_of(network, place)].offset];
  const double rate = 1 / (1 + exp(-logit)), length_scale = network->learned.length_scale;
  tn_layer *above = &network->layers[place];
  *(place == 0 ? &network->input_rate : &network->layers[place - 1].rate) = rate;
  if (network->learned.rows == 0 || length_scale == 0)
    return;
  above->l2 = length_scale * length_scale / (2 * (double)network->learned.rows * (1 - rate));
  above->square =
      tn_kernel_square_sum(above->inputs * above->outputs, parameters + network->tensors[above->weight].offset);
}

void tn_learned_take(tn_network *network, const float *parameters) {
  for (int place = 0; place < network->layer_count; place++)
    if (logit_of(network, place) != TN_NO_TENSOR)
      take_place(network, place, parameters);
}

/* With d(1 / (1 - p))/dl = p / (1 - p), and d(p log p + (1 - p) log(1 - p))/dl = l p (1 - p). */
static double penalty_slope(const tn_network *network, int place, double logit) {
  const tn_layer *above = &network->layers[place];
  const double rate = rate_of(network, place);
  const int64_t decisions = (tn_network_units(network, place) + network->group - 1) / network->group;
  const double entropy = network->learned.entropy_weight * (double)decisions * logit * rate * (1 - rate);
  return above->l2 * above->square * rate + entropy / (double)network->learned.rows;
}

void tn_learned_penalise(const tn_network *network, const float *parameters, double weight, float *gradient) {
  for (int place = 0; place < network->layer_count && network->learned.rows > 0; place++) {
    if (logit_of(network, place) == TN_NO_TENSOR)
      continue;
    const int64_t at = network->tensors[logit_of(network, place)].offset;
    gradient[at] += (float)(weight * penalty_slope(network, place, (double)parameters[at]));
  }
}

/* Floats of a place's slopes; 0 where it learns nothing. */
static int64_t slopes_size(const tn_network *network, int place, int64_t max_rows) {
  return logit_of(network, place) == TN_NO_TENSOR ? 0 : max_rows * tn_network_units(network, place);
}

int64_t tn_learned_bytes(const tn_network *network, int64_t max_rows) {
  int64_t floats = slopes_size(network, 0, max_rows); /* the input's delta */
  for (int place = 0; place < network->layer_count; place++)
    floats += slopes_size(network, place, max_rows);
  return floats * (int64_t)sizeof(float);
}

static tn_status allocate(tn_learned *learned) {
  const tn_network *network = learned->network;
  TN_TRY(tn_alloc(&learned->slopes, network->layer_count, sizeof(float *), "slopes of the rates"));
  for (int place = 0; place < network->layer_count; place++)
    if (logit_of(network, place) != TN_NO_TENSOR)
      TN_TRY(tn_alloc(&learned->slopes[place], slopes_size(network, place, learned->max_rows), sizeof(float),
                      "slopes of a rate"));
  if (network->input_logit == TN_NO_TENSOR)
    return TN_OK;
  return tn_alloc(&learned->input_delta, slopes_size(network, 0, learned->max_rows), sizeof(float),
                  "the derivative after the input");
}

tn_status tn_learned_create(tn_learned **learned, const tn_network *network, int64_t max_rows) {
  TN_TRY(tn_alloc(learned, 1, sizeof **learned, "learned rates"));
  **learned = (tn_learned){.network = network, .max_rows = max_rows};
  const tn_status status = allocate(*learned);
  if (status != TN_OK)
    tn_learned_destroy(learned);
  return status;
}

void tn_learned_destroy(tn_learned **learned) {
  if (*learned == NULL)
    return;
  for (int place = 0; (*learned)->slopes != NULL && place < (*learned)->network->layer_count; place++)
    tn_free(&(*learned)->slopes[place]);
  tn_free(&(*learned)->slopes);
  tn_free(&(*learned)->input_delta);
  tn_free(learned);
}

void tn_learned_note(tn_learned *learned, int place, int64_t row, const float *factor, const float *values) {
  if (learned == NULL || factor == NULL || learned->slopes[place] == NULL)
    return;
  const int64_t units = tn_network_units(learned->network, place);
  tn_kernel_rate_slopes(units, rate_of(learned->network, place), learned->network->learned.temperature, factor, values,
                        learned->slopes[place] + row * units);
}

float *tn_learned_input_delta(const tn_learned *learned) {
  return learned == NULL ? NULL : learned->input_delta;
}

void tn_learned_backward(const tn_learned *learned, int place, int64_t rows, const float *e, float *gradient,
                         bool accumulate) {
  if (learned == NULL || learned->slopes[place] == NULL)
    return;
  const tn_network *network = learned->network;
  float *slope = &gradient[network->tensors[logit_of(network, place)].offset];
  const double sum = tn_kernel_dot(rows * tn_network_units(network, place), e, learned->slopes[place]);
  *slope = (float)(accumulate ? (double)*slope + sum : sum);
}
