#include "nn/thin.h"

#include "base/memory.h"
#include "math/kernels.h"
#include "nn/dropout.h"

#include <string.h>

/* Picking and spreading cost a handful of memory operations a weight, and each row that the products are spared saves
 * about six floating-point operations a dropped weight. Below this many rows x share of the weights dropped, the plain
 * passes were as fast (bench_parts, 784-1024-1024-1024-10). */
#define SPARED_ROWS_MIN 8.0

/* The units of one place between layers (0: the input; l: behind layer l) that a batch keeps. */
typedef struct kept_units {
  int32_t *units; /* ascending */
  int64_t count, all;
  float scale; /* 1 / (1 - rate), what the dense pass multiplies them by */
} kept_units;

struct tn_thin {
  const tn_network *full;
  bool is_drawn;
  tn_network network;
  kept_units *kept; /* (layers + 1) */
  int32_t *units;   /* what kept[].units point into */
  float *factor;    /* scratch of the widest place */
  float *parameters, *gradient;
};

bool tn_thin_is_possible(const tn_network *network) {
  bool drops = network->input_rate > 0;
  for (int l = 0; l < network->layer_count; l++)
    drops = drops || network->layers[l].rate > 0;
  return drops && network->mask == TN_MASK_BATCH && network->kind == TN_BERNOULLI;
}

static int64_t units_at(const tn_network *network, int place) {
  return place == 0 ? network->inputs : network->layers[place - 1].outputs;
}

static int64_t unit_sum(const tn_network *network) {
  int64_t sum = 0;
  for (int place = 0; place <= network->layer_count; place++)
    sum += units_at(network, place);
  return sum;
}

int64_t tn_thin_bytes(const tn_network *network) {
  return 2 * network->block_size * (int64_t)sizeof(float) +
         unit_sum(network) * (int64_t)(sizeof(int32_t) + sizeof(float));
}

static tn_status allocate(tn_thin *thin) {
  const tn_network *full = thin->full;
  const int layers = full->layer_count;
  TN_TRY(tn_alloc(&thin->network.layers, layers, sizeof(tn_layer), "the thinned network's layers"));
  TN_TRY(tn_alloc(&thin->network.tensors, full->tensor_count, sizeof(tn_tensor), "the thinned network's tensors"));
  TN_TRY(tn_alloc(&thin->kept, layers + 1, sizeof *thin->kept, "the kept units"));
  TN_TRY(tn_alloc(&thin->units, unit_sum(full), sizeof *thin->units, "the kept units"));
  TN_TRY(tn_alloc(&thin->factor, unit_sum(full), sizeof *thin->factor, "a mask"));
  TN_TRY(tn_alloc(&thin->parameters, full->block_size, sizeof(float), "the thinned network's parameters"));
  return tn_alloc(&thin->gradient, full->block_size, sizeof(float), "the thinned network's gradient");
}

tn_status tn_thin_create(tn_thin **thin, const tn_network *network) {
  TN_TRY(tn_alloc(thin, 1, sizeof **thin, "a thinned network"));
  (*thin)->full = network;
  const tn_status status = allocate(*thin);
  if (status != TN_OK) {
    tn_thin_destroy(thin);
    return status;
  }
  int32_t *units = (*thin)->units;
  for (int place = 0; place <= network->layer_count; place++) {
    (*thin)->kept[place] = (kept_units){.units = units, .all = units_at(network, place)};
    units += units_at(network, place);
  }
  return TN_OK;
}

void tn_thin_destroy(tn_thin **thin) {
  if (*thin == NULL)
    return;
  tn_free(&(*thin)->network.layers);
  tn_free(&(*thin)->network.tensors);
  tn_free(&(*thin)->kept);
  tn_free(&(*thin)->units);
  tn_free(&(*thin)->factor);
  tn_free(&(*thin)->parameters);
  tn_free(&(*thin)->gradient);
  tn_free(thin);
}

/* The weights that the rates of a step leave on average, as a share of all. */
static double expected_share(const tn_network *network, int64_t step) {
  double all = 0, left = 0;
  for (int l = 0; l < network->layer_count; l++) {
    const tn_layer *layer = &network->layers[l];
    const double weights = (double)layer->inputs * (double)layer->outputs;
    all += weights;
    left += weights * (1 - tn_dropout_rate(network, l, step)) * (1 - tn_dropout_rate(network, l + 1, step));
  }
  return left / all;
}

static void keep(kept_units *kept, const float *factor) {
  kept->count = 0;
  kept->scale = 1;
  for (int64_t unit = 0; unit < kept->all; unit++) {
    if (factor != NULL && factor[unit] == 0)
      continue;
    kept->units[kept->count++] = (int32_t)unit;
    kept->scale = factor == NULL ? 1 : factor[unit];
  }
}

/* False where a layer keeps nothing: BLAS knows no matrix without columns. */
static bool draw_masks(tn_thin *thin, const tn_mask_source *masks) {
  for (int place = 0; place <= thin->full->layer_count; place++) {
    const tn_dropout dropout = tn_dropout_begin(thin->full, masks, place, thin->factor);
    keep(&thin->kept[place], tn_dropout_row(&dropout, 0));
    if (thin->kept[place].count == 0)
      return false;
  }
  return true;
}

/* Tensors of the thinned shapes, each on cache lines again. */
static void lay_out(tn_thin *thin) {
  const tn_network *full = thin->full;
  tn_layer *const layers = thin->network.layers;
  tn_tensor *const tensors = thin->network.tensors;
  thin->network = *full;
  thin->network.layers = layers;
  thin->network.tensors = tensors;
  thin->network.inputs = thin->kept[0].count;
  thin->network.input_rate = 0;
  int64_t offset = 0;
  for (int l = 0; l < full->layer_count; l++) {
    layers[l] = full->layers[l];
    layers[l].inputs = thin->kept[l].count;
    layers[l].outputs = thin->kept[l + 1].count;
    layers[l].rate = 0;
  }
  for (int t = 0; t < full->tensor_count; t++) {
    const tn_layer *layer = &layers[full->tensors[t].layer];
    tensors[t] = full->tensors[t];
    tensors[t].rows = tensors[t].role == TN_WEIGHT ? layer->inputs : 1;
    tensors[t].cols = layer->outputs;
    tensors[t].offset = offset;
    offset += (tensors[t].rows * tensors[t].cols + TN_OFFSET_STEP - 1) / TN_OFFSET_STEP * TN_OFFSET_STEP;
  }
  thin->network.block_size = offset;
}

/* The scale of a layer's inputs goes into its weights, so that no pass over activations needs it. */
static void pick_parameters(tn_thin *thin, const float *parameters) {
  for (int t = 0; t < thin->full->tensor_count; t++) {
    const tn_tensor *from = &thin->full->tensors[t], *to = &thin->network.tensors[t];
    const kept_units *above = &thin->kept[from->layer + 1], *below = &thin->kept[from->layer];
    const bool is_weight = from->role == TN_WEIGHT;
    for (int64_t i = 0; i < to->rows; i++) {
      const int64_t row = is_weight ? below->units[i] : 0;
      tn_kernel_pick(to->cols, above->units, is_weight ? below->scale : 1, parameters + from->offset + row * from->cols,
                     thin->parameters + to->offset + i * to->cols);
    }
  }
}

/* In place: row by row and unit by unit nothing moves to a place behind the one it comes from. */
static void pick_input(const kept_units *kept, float *input, int64_t rows) {
  for (int64_t i = 0; i < rows && kept->count < kept->all; i++)
    for (int64_t k = 0; k < kept->count; k++)
      input[i * kept->count + k] = input[i * kept->all + kept->units[k]];
}

const tn_network *tn_thin_draw(tn_thin *thin, const float *parameters, float *input, int64_t rows,
                               const tn_mask_source *masks) {
  thin->is_drawn = masks != NULL && masks->stream == TN_STREAM_MASK &&
                   (double)rows * (1 - expected_share(thin->full, (int64_t)masks->step)) >= SPARED_ROWS_MIN &&
                   draw_masks(thin, masks);
  if (!thin->is_drawn)
    return NULL;
  lay_out(thin);
  pick_parameters(thin, parameters);
  pick_input(&thin->kept[0], input, rows);
  return &thin->network;
}

const tn_network *tn_thin_drawn(const tn_thin *thin) {
  return thin->is_drawn ? &thin->network : NULL;
}

const float *tn_thin_parameters(const tn_thin *thin) {
  return thin->parameters;
}

float *tn_thin_gradient(tn_thin *thin) {
  return thin->gradient;
}

/* One row of a tensor; values NULL: a row that was dropped. */
static void spread_row(const kept_units *kept, float scale, const float *values, float *row, bool accumulate) {
  if (!accumulate)
    memset(row, 0, (size_t)kept->all * sizeof *row);
  if (values != NULL)
    tn_kernel_spread_add(kept->count, kept->units, scale, values, row);
}

/* A weight's gradient has its input's scale, as the activation of the dense pass has. */
static void spread_weight(const tn_thin *thin, const tn_tensor *full, const tn_tensor *small, float *gradient,
                          bool accumulate) {
  const kept_units *above = &thin->kept[full->layer + 1], *below = &thin->kept[full->layer];
  int64_t k = 0;
  for (int64_t i = 0; i < full->rows; i++) {
    const bool is_kept = k < below->count && below->units[k] == i;
    const float *values = is_kept ? thin->gradient + small->offset + k * small->cols : NULL;
    spread_row(above, below->scale, values, gradient + full->offset + i * full->cols, accumulate);
    k += is_kept;
  }
}

void tn_thin_spread(const tn_thin *thin, float *gradient, bool accumulate) {
  for (int t = 0; t < thin->full->tensor_count; t++) {
    const tn_tensor *full = &thin->full->tensors[t], *small = &thin->network.tensors[t];
    if (full->role == TN_WEIGHT)
      spread_weight(thin, full, small, gradient, accumulate);
    else
      spread_row(&thin->kept[full->layer + 1], 1, thin->gradient + small->offset, gradient + full->offset, accumulate);
  }
}
