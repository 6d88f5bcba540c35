#include "train/sampler.h"

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

tn_range tn_range_split(int64_t total, int64_t parts, int64_t index) {
  const int64_t quotient = total / parts;
  const int64_t rest = total % parts;
  return (tn_range){.first = index * quotient + smaller(index, rest), .count = quotient + (index < rest)};
}

tn_range tn_sampler_replicas_of_rank(const tn_sampler *sampler, int rank, int size) {
  return tn_range_split(sampler->replicas, size, rank);
}

tn_range tn_sampler_shard(const tn_sampler *sampler, int64_t replica) {
  return tn_range_split(sampler->rows, sampler->replicas, replica);
}

tn_range tn_sampler_positions_of_rank(const tn_sampler *sampler, int rank, int size) {
  const tn_range replicas = tn_sampler_replicas_of_rank(sampler, rank, size);
  const int64_t first = tn_sampler_shard(sampler, replicas.first).first;
  const tn_range last = tn_sampler_shard(sampler, replicas.first + replicas.count - 1);
  return (tn_range){.first = first, .count = last.first + last.count - first};
}

int64_t tn_sampler_steps(const tn_sampler *sampler) {
  const int64_t longest = tn_sampler_shard(sampler, 0).count;
  const int64_t rows_per_step = sampler->batch_size * sampler->accumulate;
  return (longest + rows_per_step - 1) / rows_per_step;
}

tn_range tn_sampler_batch(const tn_sampler *sampler, int64_t replica, int64_t step, int64_t micro) {
  const int64_t shard_rows = tn_sampler_shard(sampler, replica).count;
  const int64_t first = smaller((step * sampler->accumulate + micro) * sampler->batch_size, shard_rows);
  return (tn_range){.first = first, .count = smaller(sampler->batch_size, shard_rows - first)};
}

tn_order tn_sampler_order(const tn_sampler *sampler, int64_t epoch, int64_t replica) {
  const tn_range shard = tn_sampler_shard(sampler, replica);
  tn_order order = {.shuffle = sampler->shuffle, .shard_first = shard.first};
  if (sampler->shuffle == TN_SHUFFLE_GLOBAL)
    order.permutation =
        tn_permutation_make(sampler->seed, TN_STREAM_SHUFFLE, 0, (uint64_t)epoch, (uint64_t)sampler->rows);
  else if (sampler->shuffle == TN_SHUFFLE_SHARD && shard.count > 0)
    order.permutation = tn_permutation_make(sampler->seed, TN_STREAM_SHUFFLE, (uint32_t)replica, (uint64_t)epoch,
                                            (uint64_t)shard.count);
  return order;
}

int64_t tn_order_row(const tn_order *order, int64_t offset) {
  switch (order->shuffle) {
  case TN_SHUFFLE_GLOBAL:
    return (int64_t)tn_permutation_at(&order->permutation, (uint64_t)(order->shard_first + offset));
  case TN_SHUFFLE_SHARD:
    return order->shard_first + (int64_t)tn_permutation_at(&order->permutation, (uint64_t)offset);
  case TN_SHUFFLE_NONE:
    break;
  }
  return order->shard_first + offset;
}

int64_t tn_order_position(const tn_order *order, int64_t row) {
  return (int64_t)tn_permutation_find(&order->permutation, (uint64_t)row);
}
