#include "train/rows.h"

#include "base/memory.h"

#include <string.h>

tn_status tn_transform_create(tn_transform *transform, int64_t inputs, double scale, double shift) {
  TN_TRY(tn_alloc(&transform->scale, 2 * inputs, sizeof(float), "input scale and shift"));
  transform->shift = transform->scale + inputs;
  for (int64_t j = 0; j < inputs; j++) {
    transform->scale[j] = (float)scale;
    transform->shift[j] = (float)shift;
  }
  return TN_OK;
}

void tn_transform_destroy(tn_transform *transform) {
  tn_free(&transform->scale);
  transform->shift = NULL;
}

/* Every row weighs 1 until somebody says otherwise. */
static void fill_weights(const tn_rows *rows, tn_range part) {
  if (rows->arrays.weights && !rows->source->has_weights)
    for (int64_t i = 0; i < part.count; i++)
      rows->arrays.weights[part.first - rows->first + i] = 1.0F;
}

static tn_status read_part(const tn_rows *rows, const tn_subset *subset, tn_range part) {
  tn_row_arrays out = tn_row_arrays_at(&rows->arrays, rows->source, part.first - rows->first);
  fill_weights(rows, part);
  if (!rows->source->has_weights)
    out.weights = NULL;
  return tn_subset_read(subset, part.first, part.count, &out);
}

static tn_status load_shared(tn_rows *rows, const tn_comm *comm, const tn_subset *subset, bool weights) {
  void *memory = NULL;
  const int64_t bytes = tn_row_arrays_bytes(rows->source, rows->count, weights);
  TN_TRY(tn_comm_agree(comm, tn_shared_create(comm, bytes, "set data.placement = rank", &rows->shared, &memory)));
  rows->arrays = tn_row_arrays_place(memory, rows->source, rows->count, weights);
  rows->read = tn_range_split(rows->count, tn_comm_node_size(comm), tn_comm_node_rank(comm));
  const tn_status status = tn_comm_agree(comm, read_part(rows, subset, rows->read));
  tn_shared_fence(rows->shared);
  return status;
}

static tn_status load_own(tn_rows *rows, const tn_comm *comm, const tn_subset *subset, bool weights) {
  rows->read = (tn_range){rows->first, rows->count};
  tn_status status = tn_rows_allocate(rows, rows->source, rows->read, weights);
  if (status == TN_OK)
    status = read_part(rows, subset, rows->read);
  return tn_comm_agree(comm, status);
}

tn_status tn_rows_load(tn_rows *rows, const tn_comm *comm, const tn_subset *subset, tn_placement placement,
                       tn_range mine, bool weights) {
  const bool shared = placement == TN_PLACEMENT_NODE;
  *rows = (tn_rows){
      .source = subset->source, .first = shared ? 0 : mine.first, .count = shared ? subset->rows : mine.count};
  const tn_status status = shared ? load_shared(rows, comm, subset, weights) : load_own(rows, comm, subset, weights);
  if (status != TN_OK)
    tn_rows_destroy(rows);
  return status;
}

tn_status tn_rows_allocate(tn_rows *rows, const tn_row_source *source, tn_range mine, bool weights) {
  *rows = (tn_rows){.source = source, .first = mine.first, .count = mine.count, .read = mine};
  return tn_row_arrays_allocate(&rows->arrays, &rows->block, source, mine.count, weights);
}

void tn_rows_destroy(tn_rows *rows) {
  tn_shared_destroy(&rows->shared);
  tn_free(&rows->block);
  *rows = (tn_rows){0};
}

void tn_rows_input(const tn_rows *rows, int64_t index, const tn_transform *transform, float *input) {
  const tn_row_source *source = rows->source;
  tn_kernel_convert(source->element, source->inputs,
                    rows->arrays.features + index * source->inputs * tn_element_size(source->element), transform->scale,
                    transform->shift, input);
}

void tn_rows_fetch_ahead(const tn_rows *rows, int64_t index) {
  const int64_t bytes = rows->source->inputs * tn_element_size(rows->source->element);
  const char *row = (const char *)rows->arrays.features + index * bytes;
  for (int64_t at = 0; at < bytes; at += TN_ALIGNMENT)
    __builtin_prefetch(row + at);
}

tn_status tn_batch_create(tn_batch *batch, const tn_row_source *source, int64_t max_rows, bool weights) {
  const int64_t width = source->value_cols + 2;
  TN_TRY(tn_alloc(&batch->block, max_rows * width, sizeof(float), "targets of a batch"));
  float *next = batch->block;
  batch->weights = weights ? next : NULL;
  next += max_rows;
  batch->labels = source->has_targets && source->value_cols == 0 ? (int32_t *)(void *)next : NULL;
  next += max_rows;
  batch->values = source->value_cols > 0 ? next : NULL;
  return TN_OK;
}

void tn_batch_destroy(tn_batch *batch) {
  tn_free(&batch->block);
  *batch = (tn_batch){0};
}

tn_targets tn_batch_targets(const tn_batch *batch) {
  return (tn_targets){.labels = batch->labels, .values = batch->values, .weights = batch->weights};
}

void tn_rows_gather(const tn_rows *rows, int64_t index, const tn_transform *transform, int64_t to, float *inputs,
                    tn_batch *batch) {
  const tn_row_source *source = rows->source;
  const tn_row_arrays from = tn_row_arrays_at(&rows->arrays, source, index);
  tn_rows_input(rows, index, transform, inputs + to * source->inputs);
  if (batch->labels)
    batch->labels[to] = *from.labels;
  if (batch->values)
    memcpy(batch->values + to * source->value_cols, from.values, (size_t)source->value_cols * sizeof(float));
  if (batch->weights)
    batch->weights[to] = *from.weights;
}
