/* The rows that this process can reach in memory, and their placement: one copy a node, or each rank its share. */
#ifndef TN_TRAIN_ROWS_H
#define TN_TRAIN_ROWS_H

#include "dist/comm.h"
#include "nn/loss.h"
#include "train/sampler.h"
#include "train/subset.h"

/* How a raw row becomes the network's input: x scale + shift, feature by feature. */
typedef struct tn_transform {
  float *scale, *shift; /* (inputs) each; owned */
} tn_transform;

tn_status tn_transform_create(tn_transform *transform, int64_t inputs, double scale, double shift);
void tn_transform_destroy(tn_transform *transform);

/* Rows first..first+count-1 of a subset, in memory. */
typedef struct tn_rows {
  const tn_row_source *source; /* shapes and types; borrowed, stays open */
  int64_t first, count;
  tn_range read; /* those of them that this rank has read itself */
  tn_row_arrays arrays;
  tn_shared *shared; /* the node's storage, or */
  void *block;       /* this rank's own */
} tn_rows;

/* Loads `mine` for this rank (placement = rank), or all rows once a node (placement = node: its ranks read a part
 * each). weights: room for a weight a row, 1 where the source has none. Collective; the status is agreed on. */
tn_status tn_rows_load(tn_rows *rows, const tn_comm *comm, const tn_subset *subset, tn_placement placement,
                       tn_range mine, bool weights);

/* Room for `mine` without contents, for the rows that an exchange brings. Local. */
tn_status tn_rows_allocate(tn_rows *rows, const tn_row_source *source, tn_range mine, bool weights);

void tn_rows_destroy(tn_rows *rows); /* collective over the node where the storage is shared */

/* Converts stored row `index` (counted from rows->first = 0) into `input`. */
void tn_rows_input(const tn_rows *rows, int64_t index, const tn_transform *transform, float *input);

/* Asks for stored row `index` to be fetched into the cache: shuffled rows come from all over the memory, and nothing
 * but the order knows which one is next. */
void tn_rows_fetch_ahead(const tn_rows *rows, int64_t index);

/* One batch of targets gathered beside its inputs; what the source has not is NULL. */
typedef struct tn_batch {
  int32_t *labels;
  float *values;
  float *weights;
  void *block;
} tn_batch;

tn_status tn_batch_create(tn_batch *batch, const tn_row_source *source, int64_t max_rows, bool weights);
void tn_batch_destroy(tn_batch *batch);
tn_targets tn_batch_targets(const tn_batch *batch);

/* Copies stored row `index` into row `to` of a batch: input, and targets. */
void tn_rows_gather(const tn_rows *rows, int64_t index, const tn_transform *transform, int64_t to, float *inputs,
                    tn_batch *batch);

#endif
