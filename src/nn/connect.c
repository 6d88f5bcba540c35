#include "nn/connect.h"

#include "base/memory.h"
#include "math/gemm.h"
#include "math/kernels.h"
#include "nn/dropout.h"

#include <math.h>
#include <string.h>

struct tn_connect {
  const tn_network *network;
  tn_mask_source masks; /* of the pass under way */
  double *rate;         /* (layers) of the pass under way; 0: nothing is dropped */
  float *strip;         /* (widest layer): the factors of the weights from one input */
  float *bias;          /* (widest layer): what tn_connect_forward returns */
  float *weight;        /* (largest weight): masked weights, products, squares */
  float *factor;        /* mask = batch in training: a block, like that of the parameters */
  float *squares;       /* (max_rows, widest input) of a Monte-Carlo pass */
  float *variance;      /* (max_rows, widest layer) of a Monte-Carlo pass */
};

/* One layer, with what belongs to it. */
typedef struct place_of_weights {
  int64_t inputs, outputs;
  int64_t weight, bias; /* offsets in a block */
  int layer;
} place_of_weights;

static place_of_weights weights_of(const tn_connect *connect, int layer) {
  const tn_layer *shape = &connect->network->layers[layer];
  const tn_tensor *tensors = connect->network->tensors;
  return (place_of_weights){.inputs = shape->inputs,
                            .outputs = shape->outputs,
                            .weight = tensors[shape->weight].offset,
                            .bias = tensors[shape->bias].offset,
                            .layer = layer};
}

bool tn_connect_is_used(const tn_network *network) {
  return network->kind == TN_DROPCONNECT;
}

/* Sizes of the buffers, in floats. */
typedef struct sizes {
  int64_t inputs, outputs, weight, factor;
} sizes;

static sizes sizes_of(const tn_network *network, bool training) {
  sizes found = {.factor = training && network->mask == TN_MASK_BATCH ? network->block_size : 0};
  for (int l = 0; l < network->layer_count; l++) {
    const tn_layer *layer = &network->layers[l];
    const int64_t weight = layer->inputs * layer->outputs;
    found.inputs = layer->inputs > found.inputs ? layer->inputs : found.inputs;
    found.outputs = layer->outputs > found.outputs ? layer->outputs : found.outputs;
    found.weight = weight > found.weight ? weight : found.weight;
  }
  return found;
}

int64_t tn_connect_bytes(const tn_network *network, int64_t max_rows, bool training) {
  const sizes size = sizes_of(network, training);
  return (2 * size.outputs + size.weight + size.factor + max_rows * (size.inputs + size.outputs)) *
         (int64_t)sizeof(float);
}

/* The decisions over the weights from one input start at a multiple of TN_FACTORS_STEP, the bias's behind the last. */
static int64_t first_decision(int64_t outputs, int64_t input) {
  return input * ((outputs + TN_FACTORS_STEP - 1) / TN_FACTORS_STEP * TN_FACTORS_STEP);
}

static tn_status check_decisions(const tn_network *network) {
  for (int l = 0; l < network->layer_count; l++) {
    const tn_layer *layer = &network->layers[l];
    if (first_decision(layer->outputs, layer->inputs + 1) > TN_DECISIONS_MAX)
      return tn_fail(TN_ERR_CONFIG,
                     "dropout.kind = dropconnect: layer %d has %lld x %lld weights, more than can be drawn for a row: "
                     "use fewer units, or another kind",
                     l + 1, (long long)layer->inputs, (long long)layer->outputs);
  }
  return TN_OK;
}

static tn_status allocate(tn_connect *connect, int64_t max_rows, bool training) {
  const sizes size = sizes_of(connect->network, training);
  TN_TRY(tn_alloc(&connect->rate, connect->network->layer_count, sizeof(double), "the rates of layers"));
  TN_TRY(tn_alloc(&connect->strip, size.outputs, sizeof(float), "a mask"));
  TN_TRY(tn_alloc(&connect->bias, size.outputs, sizeof(float), "a masked bias"));
  TN_TRY(tn_alloc(&connect->weight, size.weight, sizeof(float), "masked weights"));
  TN_TRY(tn_alloc(&connect->factor, size.factor, sizeof(float), "a mask of the weights"));
  TN_TRY(tn_alloc(&connect->squares, max_rows * size.inputs, sizeof(float), "the squares of a batch"));
  return tn_alloc(&connect->variance, max_rows * size.outputs, sizeof(float), "the variances of a batch");
}

tn_status tn_connect_create(tn_connect **connect, const tn_network *network, int64_t max_rows, bool training) {
  TN_TRY(check_decisions(network));
  TN_TRY(tn_alloc(connect, 1, sizeof **connect, "the masks of weights"));
  (*connect)->network = network;
  const tn_status status = allocate(*connect, max_rows, training);
  if (status != TN_OK)
    tn_connect_destroy(connect);
  return status;
}

void tn_connect_destroy(tn_connect **connect) {
  if (*connect == NULL)
    return;
  tn_free(&(*connect)->rate);
  tn_free(&(*connect)->strip);
  tn_free(&(*connect)->bias);
  tn_free(&(*connect)->weight);
  tn_free(&(*connect)->factor);
  tn_free(&(*connect)->squares);
  tn_free(&(*connect)->variance);
  tn_free(connect);
}

/* The factors of the weights that lead away from an input in a row of the pass; input = inputs: of the bias. */
static void draw_strip(const tn_connect *connect, const place_of_weights *w, int64_t row, int64_t input,
                       float *factor) {
  tn_random_bernoulli_factors_at(tn_dropout_place(&connect->masks, (uint32_t)w->layer, row),
                                 first_decision(w->outputs, input), w->outputs, connect->rate[w->layer], factor);
}

/* mask = batch: the factors of the layer for all rows. */
static void draw_layer(const tn_connect *connect, const place_of_weights *w) {
  for (int64_t i = 0; i < w->inputs; i++)
    draw_strip(connect, w, 0, i, connect->factor + w->weight + i * w->outputs);
  draw_strip(connect, w, 0, w->inputs, connect->factor + w->bias);
}

static void mask_weights(const tn_connect *connect, const place_of_weights *w, const float *parameters) {
  const int64_t size = w->inputs * w->outputs;
  memcpy(connect->weight, parameters + w->weight, (size_t)size * sizeof(float));
  tn_kernel_multiply(size, connect->weight, connect->factor + w->weight);
}

static void forward_batch(const tn_connect *connect, const place_of_weights *w, const float *parameters, int64_t rows,
                          const float *a, float *z) {
  draw_layer(connect, w);
  mask_weights(connect, w, parameters);
  tn_gemm_forward(rows, w->inputs, w->outputs, a, connect->weight, z);
  memcpy(connect->bias, parameters + w->bias, (size_t)w->outputs * sizeof(float));
  tn_kernel_multiply(w->outputs, connect->bias, connect->factor + w->bias);
}

static void backward_batch(const tn_connect *connect, const place_of_weights *w, const float *parameters, int64_t rows,
                           const float *a, const float *d, float *gradient, float *e) {
  if (e != NULL) {
    mask_weights(connect, w, parameters);
    tn_gemm_input_gradient(rows, w->inputs, w->outputs, d, connect->weight, e);
  }
  tn_gemm_weight_gradient(rows, w->inputs, w->outputs, a, d, connect->weight, false);
  tn_kernel_add_product(w->inputs * w->outputs, 1, connect->weight, connect->factor + w->weight, gradient + w->weight);
  tn_kernel_column_sums(rows, w->outputs, d, connect->bias, false);
  tn_kernel_add_product(w->outputs, 1, connect->bias, connect->factor + w->bias, gradient + w->bias);
}

/* A mask for each row: strip by strip, which stay in the cache. An input of 0, of which relu leaves many, needs none.
 */
static void forward_row(const tn_connect *connect, const place_of_weights *w, const float *parameters, int64_t row,
                        const float *a, float *z) {
  draw_strip(connect, w, row, w->inputs, z);
  tn_kernel_multiply(w->outputs, z, parameters + w->bias);
  for (int64_t i = 0; i < w->inputs; i++) {
    if (a[i] == 0)
      continue;
    draw_strip(connect, w, row, i, connect->strip);
    tn_kernel_add_product(w->outputs, a[i], parameters + w->weight + i * w->outputs, connect->strip, z);
  }
}

/* e and slope: of this row, or NULL. */
static void backward_row(const tn_connect *connect, const place_of_weights *w, const float *parameters, int64_t row,
                         const float *a, const float *slope, const float *d, float *gradient, float *e) {
  draw_strip(connect, w, row, w->inputs, connect->strip);
  tn_kernel_add_product(w->outputs, 1, d, connect->strip, gradient + w->bias);
  for (int64_t i = 0; i < w->inputs; i++) {
    const int64_t at = w->weight + i * w->outputs;
    const bool has_delta = e != NULL && slope[i] != 0;
    if (e != NULL)
      e[i] = 0;
    if (a[i] == 0 && !has_delta)
      continue;
    draw_strip(connect, w, row, i, connect->strip);
    tn_kernel_add_product(w->outputs, a[i], d, connect->strip, gradient + at);
    if (has_delta)
      e[i] = tn_kernel_product_sum(w->outputs, parameters + at, connect->strip, d);
  }
}

/* z = a W + n sqrt(variance), n normal; the bias is the caller's to add, but for its part of the variance. */
static void sample(const tn_connect *connect, const place_of_weights *w, const float *parameters, int64_t rows,
                   const float *a, float *z) {
  const double dropped = tn_drop_threshold(connect->rate[w->layer]) / 65536.0;
  const float odds = (float)(dropped / (1 - dropped));
  const float *weight = parameters + w->weight, *bias = parameters + w->bias;
  for (int64_t i = 0; i < rows * w->inputs; i++)
    connect->squares[i] = a[i] * a[i];
  for (int64_t i = 0; i < w->inputs * w->outputs; i++)
    connect->weight[i] = weight[i] * weight[i];
  tn_gemm_forward(rows, w->inputs, w->outputs, connect->squares, connect->weight, connect->variance);
  tn_gemm_forward(rows, w->inputs, w->outputs, a, weight, z);
  for (int64_t row = 0; row < rows; row++) {
    const float *variance = connect->variance + row * w->outputs;
    tn_random_normal(tn_dropout_place(&connect->masks, (uint32_t)w->layer, row), 0, w->outputs, connect->strip);
    for (int64_t j = 0; j < w->outputs; j++)
      z[row * w->outputs + j] += sqrtf(odds * (variance[j] + bias[j] * bias[j])) * connect->strip[j];
  }
}

static bool shares_mask(const tn_connect *connect) {
  return connect->network->mask == TN_MASK_BATCH;
}

const float *tn_connect_forward(tn_connect *connect, int layer, const float *parameters, int64_t rows, const float *a,
                                const tn_mask_source *masks, float *z) {
  const place_of_weights w = weights_of(connect, layer);
  connect->rate[layer] = masks == NULL ? 0 : tn_dropout_rate(connect->network, layer, (int64_t)masks->step);
  if (masks == NULL || connect->rate[layer] <= 0) {
    tn_gemm_forward(rows, w.inputs, w.outputs, a, parameters + w.weight, z);
    return parameters + w.bias;
  }
  connect->masks = *masks;
  if (masks->stream == TN_STREAM_MC) {
    sample(connect, &w, parameters, rows, a, z);
    return parameters + w.bias;
  }
  if (shares_mask(connect)) {
    forward_batch(connect, &w, parameters, rows, a, z);
    return connect->bias;
  }
  for (int64_t row = 0; row < rows; row++)
    forward_row(connect, &w, parameters, row, a + row * w.inputs, z + row * w.outputs);
  memset(connect->bias, 0, (size_t)w.outputs * sizeof(float));
  return connect->bias;
}

static void backward_plain(const place_of_weights *w, const float *parameters, int64_t rows, const float *a,
                           const float *d, float *gradient, float *e) {
  tn_gemm_weight_gradient(rows, w->inputs, w->outputs, a, d, gradient + w->weight, true);
  tn_kernel_column_sums(rows, w->outputs, d, gradient + w->bias, true);
  if (e != NULL)
    tn_gemm_input_gradient(rows, w->inputs, w->outputs, d, parameters + w->weight, e);
}

void tn_connect_backward(tn_connect *connect, int layer, const float *parameters, int64_t rows, const float *a,
                         const float *slope, const float *d, float *gradient, bool accumulate, float *e) {
  const place_of_weights w = weights_of(connect, layer);
  if (!accumulate) {
    memset(gradient + w.weight, 0, (size_t)(w.inputs * w.outputs) * sizeof(float));
    memset(gradient + w.bias, 0, (size_t)w.outputs * sizeof(float));
  }
  if (connect->rate[layer] <= 0) {
    backward_plain(&w, parameters, rows, a, d, gradient, e);
    return;
  }
  if (shares_mask(connect)) {
    backward_batch(connect, &w, parameters, rows, a, d, gradient, e);
    return;
  }
  for (int64_t row = 0; row < rows; row++)
    backward_row(connect, &w, parameters, row, a + row * w.inputs, e == NULL ? NULL : slope + row * w.inputs,
                 d + row * w.outputs, gradient, e == NULL ? NULL : e + row * w.inputs);
}
