/* Which rows a replica reads at a step: every row of an epoch exactly once, by exactly one replica. */
#ifndef TN_TRAIN_SAMPLER_H
#define TN_TRAIN_SAMPLER_H

#include "math/random.h"

#include <thinnet/config.h>

/* Contiguous positions of an epoch's order. */
typedef struct tn_range {
  int64_t first, count;
} tn_range;

typedef struct tn_sampler {
  uint64_t seed;
  tn_shuffle shuffle;
  int64_t rows, replicas, batch_size, accumulate;
} tn_sampler;

/* Item `index` of `parts` near-equal contiguous parts of 0..total-1, the first ones one longer. */
tn_range tn_range_split(int64_t total, int64_t parts, int64_t index);

/* Replicas hosted by a rank: contiguous blocks. */
tn_range tn_sampler_replicas_of_rank(const tn_sampler *sampler, int rank, int size);

/* Positions that belong to a replica. They depend on replicas and rows alone. */
tn_range tn_sampler_shard(const tn_sampler *sampler, int64_t replica);

/* Positions that belong to a rank: those of its replicas. */
tn_range tn_sampler_positions_of_rank(const tn_sampler *sampler, int rank, int size);

/* Steps of an epoch: as many as the longest shard needs. */
int64_t tn_sampler_steps(const tn_sampler *sampler);

/* Offsets inside a replica's shard that it reads in batch `micro` (0..accumulate-1) of step `step` of an epoch;
 * the last one may be short, and count 0 where the shard has ended. */
tn_range tn_sampler_batch(const tn_sampler *sampler, int64_t replica, int64_t step, int64_t micro);

/* The order of an epoch as one replica sees it. */
typedef struct tn_order {
  tn_shuffle shuffle;
  tn_permutation permutation; /* of all positions (global) or of the shard's offsets (shard) */
  int64_t shard_first;
} tn_order;

tn_order tn_sampler_order(const tn_sampler *sampler, int64_t epoch, int64_t replica);

/* The training row at an offset of the replica's shard. */
int64_t tn_order_row(const tn_order *order, int64_t offset);

/* shuffle = global: the position at which a row is read. */
int64_t tn_order_position(const tn_order *order, int64_t row);

#endif
