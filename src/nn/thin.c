#include "nn/thin.h"

#include "base/memory.h"
#include "math/kernels.h"
#include "math/share.h"
#include "nn/dropout.h"

/* Picking and spreading cost a handful of memory operations a weight, and each row that the products are spared saves
 * about six floating-point operations a dropped weight. Below this many rows x share of the weights dropped, the plain
 * passes were as fast (bench_parts, 784-1024-1024-1024-10). */
#define SPARED_ROWS_MIN 8.0

struct tn_thin {
  bool is_drawn;
  tn_kept *kept;
  float *factor; /* scratch of the widest place */
  float *parameters, *gradient;
};

bool tn_thin_is_possible(const tn_network *network) {
  bool drops = network->input_rate > 0;
  for (int l = 0; l < network->layer_count; l++)
    drops = drops || network->layers[l].rate > 0;
  return drops && network->norm == TN_NORM_NONE && network->mask == TN_MASK_BATCH && network->kind == TN_BERNOULLI &&
         !network->learns_rates;
}

int64_t tn_thin_bytes(const tn_network *network) {
  return (2 * network->block_size + tn_network_widest(network)) * (int64_t)sizeof(float) + tn_kept_bytes(network) +
         tn_kept_choice_bytes(network);
}

static tn_status allocate(tn_thin *thin, const tn_network *full) {
  TN_TRY(tn_kept_create(&thin->kept, full, NULL));
  TN_TRY(tn_alloc(&thin->factor, tn_network_widest(full), sizeof *thin->factor, "a mask"));
  TN_TRY(tn_alloc(&thin->parameters, full->block_size, sizeof(float), "the thinned network's parameters"));
  return tn_alloc(&thin->gradient, full->block_size, sizeof(float), "the thinned network's gradient");
}

tn_status tn_thin_create(tn_thin **thin, const tn_network *network) {
  TN_TRY(tn_alloc(thin, 1, sizeof **thin, "a thinned network"));
  const tn_status status = allocate(*thin, network);
  if (status != TN_OK)
    tn_thin_destroy(thin);
  return status;
}

void tn_thin_destroy(tn_thin **thin) {
  if (*thin == NULL)
    return;
  tn_kept_destroy(&(*thin)->kept);
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

/* False where a layer keeps nothing: BLAS knows no matrix without columns. */
static bool draw_masks(tn_thin *thin, const tn_mask_source *masks) {
  const tn_network *full = thin->kept->full;
  for (int place = 0; place <= full->layer_count; place++) {
    const tn_dropout dropout = tn_dropout_begin(full, masks, place, thin->factor);
    if (tn_kept_choose(thin->kept, place, tn_dropout_row(&dropout, 0)) == 0)
      return false;
  }
  tn_kept_settle(thin->kept);
  return true;
}

/* The scale of a layer's inputs goes into its weights, so that no pass over activations needs it. */
static void pick_parameters(tn_thin *thin, const float *parameters) {
  const tn_kept *kept = thin->kept;
  for (int t = 0; t < kept->full->tensor_count; t++) {
    const tn_tensor *from = &kept->full->tensors[t], *to = &kept->network.tensors[t];
    const tn_kept_units *above = &kept->places[from->layer + 1], *below = &kept->places[from->layer];
    const bool is_weight = from->role == TN_WEIGHT;
    for (int64_t i = 0; i < to->rows; i++) {
      const int64_t row = is_weight ? below->units[i] : 0;
      tn_kernel_pick(to->cols, above->units, is_weight ? below->scale : 1, parameters + from->offset + row * from->cols,
                     thin->parameters + to->offset + i * to->cols);
    }
  }
}

/* In place: row by row and unit by unit nothing moves to a place behind the one it comes from. */
static void pick_input(const tn_kept_units *kept, float *input, int64_t rows) {
  for (int64_t i = 0; i < rows && kept->count < kept->all; i++)
    for (int64_t k = 0; k < kept->count; k++)
      input[i * kept->count + k] = input[i * kept->all + kept->units[k]];
}

const tn_network *tn_thin_draw(tn_thin *thin, const float *parameters, float *input, int64_t rows,
                               const tn_mask_source *masks) {
  thin->is_drawn = masks != NULL && masks->stream == TN_STREAM_MASK &&
                   (double)rows * (1 - expected_share(thin->kept->full, (int64_t)masks->step)) >= SPARED_ROWS_MIN &&
                   draw_masks(thin, masks);
  if (!thin->is_drawn)
    return NULL;
  pick_parameters(thin, parameters);
  pick_input(&thin->kept->places[0], input, rows);
  return &thin->kept->network;
}

const tn_network *tn_thin_drawn(const tn_thin *thin) {
  return thin->is_drawn ? &thin->kept->network : NULL;
}

const float *tn_thin_parameters(const tn_thin *thin) {
  return thin->parameters;
}

float *tn_thin_gradient(tn_thin *thin) {
  return thin->gradient;
}

const tn_kept *tn_thin_kept(const tn_thin *thin) {
  return thin->is_drawn ? thin->kept : NULL;
}

void tn_thin_spread(const tn_thin *thin, float *gradient, bool accumulate) {
  const int64_t size = thin->kept->full->block_size;
  for (int64_t done = 0; done < size; done += TN_SHARE_STEP) /* cleared and filled in the first-level cache */
    tn_kept_spread(thin->kept, thin->gradient, done, tn_share_block(done, size), gradient + done, accumulate);
}
