#include "nn/kept.h"

#include "base/memory.h"
#include "math/kernels.h"

#include <string.h>

/* A choice in memory: this, the places' heads, and their units, each place with room for all of its units. */
struct tn_kept_choice {
  int64_t is_thinned;
};

typedef struct place_head {
  int32_t count;
  float scale;
} place_head;

static place_head *heads_of(const tn_kept *kept) {
  return (place_head *)(void *)(kept->choice + 1);
}

int64_t tn_kept_choice_bytes(const tn_network *full) {
  int64_t bytes = (int64_t)sizeof(struct tn_kept_choice);
  for (int place = 0; place <= full->layer_count; place++)
    bytes += (int64_t)sizeof(place_head) + tn_network_units(full, place) * (int64_t)sizeof(int32_t);
  return (bytes + TN_ALIGNMENT - 1) / TN_ALIGNMENT * TN_ALIGNMENT;
}

int64_t tn_kept_bytes(const tn_network *full) {
  return (int64_t)sizeof(tn_kept) + full->layer_count * (int64_t)sizeof(tn_layer) +
         full->tensor_count * (int64_t)sizeof(tn_tensor) + (full->layer_count + 1) * (int64_t)sizeof(tn_kept_units);
}

static tn_status allocate(tn_kept *kept, void *memory) {
  const tn_network *full = kept->full;
  TN_TRY(tn_alloc(&kept->network.layers, full->layer_count, sizeof(tn_layer), "the thinned network's layers"));
  TN_TRY(tn_alloc(&kept->network.tensors, full->tensor_count, sizeof(tn_tensor), "the thinned network's tensors"));
  TN_TRY(tn_alloc(&kept->places, full->layer_count + 1, sizeof *kept->places, "the kept units"));
  if (memory == NULL)
    TN_TRY(tn_alloc(&kept->own, tn_kept_choice_bytes(full), 1, "the kept units"));
  kept->choice = memory == NULL ? kept->own : memory;
  return TN_OK;
}

tn_status tn_kept_create(tn_kept **kept, const tn_network *full, void *memory) {
  TN_TRY(tn_alloc(kept, 1, sizeof **kept, "the kept units"));
  (*kept)->full = full;
  (*kept)->is_whole = true;
  const tn_status status = allocate(*kept, memory);
  if (status != TN_OK) {
    tn_kept_destroy(kept);
    return status;
  }
  int32_t *units = (int32_t *)(void *)(heads_of(*kept) + full->layer_count + 1);
  for (int place = 0; place <= full->layer_count; place++) {
    (*kept)->places[place] = (tn_kept_units){.units = units, .all = tn_network_units(full, place)};
    units += tn_network_units(full, place);
  }
  return TN_OK;
}

void tn_kept_destroy(tn_kept **kept) {
  if (*kept == NULL)
    return;
  tn_free(&(*kept)->network.layers);
  tn_free(&(*kept)->network.tensors);
  tn_free(&(*kept)->places);
  tn_free(&(*kept)->own);
  tn_free(kept);
}

int64_t tn_kept_choose(tn_kept *kept, int place, const float *factor) {
  const tn_kept_units *units = &kept->places[place];
  place_head head = {.scale = 1};
  for (int64_t unit = 0; unit < units->all; unit++) {
    if (factor != NULL && factor[unit] == 0)
      continue;
    units->units[head.count++] = (int32_t)unit;
    head.scale = factor == NULL ? 1 : factor[unit];
  }
  heads_of(kept)[place] = head;
  return head.count;
}

/* The thinned shapes, and tensors of them on cache lines. */
static void lay_out(tn_kept *kept) {
  const tn_network *full = kept->full;
  tn_layer *const layers = kept->network.layers;
  tn_tensor *const tensors = kept->network.tensors;
  kept->network = *full;
  kept->network.layers = layers;
  kept->network.tensors = tensors;
  kept->network.inputs = kept->places[0].count;
  kept->network.input_rate = 0;
  int64_t offset = 0;
  for (int l = 0; l < full->layer_count; l++) {
    layers[l] = full->layers[l];
    layers[l].inputs = kept->places[l].count;
    layers[l].outputs = kept->places[l + 1].count;
    layers[l].rate = 0;
  }
  for (int t = 0; t < full->tensor_count; t++) {
    const tn_layer *layer = &layers[full->tensors[t].layer];
    tensors[t] = full->tensors[t];
    tensors[t].rows = tensors[t].role == TN_WEIGHT ? layer->inputs : 1;
    tensors[t].cols = layer->outputs;
    tensors[t].offset = offset;
    offset += (tn_tensor_size(&tensors[t]) + TN_OFFSET_STEP - 1) / TN_OFFSET_STEP * TN_OFFSET_STEP;
  }
  kept->network.block_size = offset;
}

void tn_kept_follow(tn_kept *kept) {
  kept->is_whole = !kept->choice->is_thinned;
  if (kept->is_whole)
    return;
  for (int place = 0; place <= kept->full->layer_count; place++) {
    kept->places[place].count = heads_of(kept)[place].count;
    kept->places[place].scale = heads_of(kept)[place].scale;
  }
  lay_out(kept);
}

void tn_kept_settle(tn_kept *kept) {
  kept->choice->is_thinned = true;
  tn_kept_follow(kept);
}

void tn_kept_copy(tn_kept *kept, const tn_kept *from) {
  if (from != NULL)
    memcpy(kept->choice, from->choice, (size_t)tn_kept_choice_bytes(kept->full));
  else
    kept->choice->is_thinned = false;
  tn_kept_follow(kept);
}

float tn_kept_greatest_scale(const tn_kept *kept) {
  float greatest = 1;
  for (int place = 0; place <= kept->full->layer_count && !kept->is_whole; place++)
    greatest = kept->places[place].scale > greatest ? kept->places[place].scale : greatest;
  return greatest;
}

/* The number of kept units below `unit`. */
static int64_t kept_below(const tn_kept_units *kept, int64_t unit) {
  int64_t low = 0;
  for (int64_t high = kept->count; low < high;) {
    const int64_t middle = low + (high - low) / 2;
    if (kept->units[middle] < unit)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Adds columns begin..end - 1 of one row to out, which stands at column begin; values: the kept ones of all columns. */
static void add_row(const tn_kept_units *above, float scale, const float *values, int64_t begin, int64_t end,
                    float *out) {
  const int64_t from = begin == 0 ? 0 : kept_below(above, begin);
  const int64_t to = end == above->all ? above->count : kept_below(above, end);
  tn_kernel_spread_add(to - from, above->units + from, (int32_t)begin, scale, values + from, out);
}

/* Adds what of a tensor lies in first..first + count - 1 of the full block. */
static void add_tensor(const tn_kept *kept, int index, const float *values, int64_t first, int64_t count, float *out) {
  const tn_tensor *full = &kept->full->tensors[index], *small = &kept->network.tensors[index];
  const tn_kept_units *above = &kept->places[full->layer + 1], *below = &kept->places[full->layer];
  const bool is_weight = full->role == TN_WEIGHT;
  const int64_t begin = first > full->offset ? first - full->offset : 0;
  const int64_t size = tn_tensor_size(full), last = first + count - full->offset;
  const int64_t end = last < size ? last : size;
  for (int64_t k = is_weight ? kept_below(below, begin / full->cols) : 0; k < small->rows; k++) {
    const int64_t row = (is_weight ? below->units[k] : 0) * full->cols;
    if (row >= end)
      break;
    const int64_t from = begin > row ? begin - row : 0;
    const int64_t to = end - row < full->cols ? end - row : full->cols;
    add_row(above, is_weight ? below->scale : 1, values + small->offset + k * small->cols, from, to,
            out + (full->offset + row + from - first));
  }
}

static void add(const tn_kept *kept, const float *values, int64_t first, int64_t count, float *out) {
  for (int t = 0; t < kept->full->tensor_count; t++) {
    const tn_tensor *full = &kept->full->tensors[t];
    if (full->offset < first + count && full->offset + tn_tensor_size(full) > first)
      add_tensor(kept, t, values, first, count, out);
  }
}

void tn_kept_spread(const tn_kept *kept, const float *values, int64_t first, int64_t count, float *out,
                    bool accumulate) {
  if (kept->is_whole && !accumulate)
    memcpy(out, values + first, (size_t)count * sizeof *out);
  else if (kept->is_whole)
    tn_kernel_add_scaled(count, 1, values + first, out);
  if (kept->is_whole)
    return;
  if (!accumulate)
    memset(out, 0, (size_t)count * sizeof *out);
  add(kept, values, first, count, out);
}
