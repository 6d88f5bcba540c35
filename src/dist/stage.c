#include "dist/stage.h"

#include "dist/fixed.h"
#include "math/multiversion.h"

/* Block by block, so that `total` stays in the first-level cache however many ranks there are. Written once for both
 * types: inlined, each copy knows its own. */
#define ADD_BLOCKS(count, ranks, first, stride, total)                                                                 \
  for (int64_t done = 0; done < (count); done += TN_SHARE_STEP) {                                                      \
    const int64_t end = (count)-done < TN_SHARE_STEP ? (count) : done + TN_SHARE_STEP;                                 \
    for (int64_t i = done; i < end; i++)                                                                               \
      (total)[i] = (first)[i] + (first)[(stride) + i];                                                                 \
    for (int rank = 2; rank < (ranks); rank++)                                                                         \
      for (int64_t i = done; i < end; i++)                                                                             \
        (total)[i] += (first)[rank * (stride) + i];                                                                    \
  }

TN_MULTIVERSION static void add_floats(int64_t count, int ranks, const float *restrict first, int64_t stride,
                                       float *restrict total){ADD_BLOCKS(count, ranks, first, stride, total)}

TN_MULTIVERSION static void add_integers(int64_t count, int ranks, const int64_t *restrict first, int64_t stride,
                                         int64_t *restrict total) {
  ADD_BLOCKS(count, ranks, first, stride, total)
}

static void sum_over_nodes(const tn_stage *stage, void *total, MPI_Datatype type) {
  tn_pulse_enter(stage->team->comm);
  tn_reduce_over(stage->team->peers, total, stage->share.count + stage->tail, type, MPI_SUM);
  tn_pulse_leave(stage->team->comm);
}

static int64_t block_from(int64_t done, int64_t count) {
  return count - done < TN_SHARE_STEP ? count - done : TN_SHARE_STEP;
}

void tn_stage_sum_floats(const tn_stage *stage, const float *first, float *total) {
  const int ranks = tn_team_size(stage->team);
  const tn_share share = stage->share;
  const int64_t stride = stage->stride / (int64_t)sizeof *first;
  tn_shared_fence(stage->window);
  add_floats(share.count, ranks, first + share.first, stride, total);
  add_floats(stage->tail, ranks, first + stage->values, stride, total + share.count);
  sum_over_nodes(stage, total, MPI_FLOAT);
}

void tn_stage_sum_integers(const tn_stage *stage, const int64_t *first, int64_t *total) {
  const int ranks = tn_team_size(stage->team);
  const tn_share share = stage->share;
  const int64_t stride = stage->stride / (int64_t)sizeof *first;
  tn_shared_fence(stage->window);
  add_integers(share.count, ranks, first + share.first, stride, total);
  add_integers(stage->tail, ranks, first + stage->values, stride, total + share.count);
  sum_over_nodes(stage, total, MPI_INT64_T);
}

void tn_stage_sum_floats_thinned(const tn_stage *stage, const tn_thinned *thinned, const float *first, float *total) {
  const tn_share share = stage->share;
  const int64_t stride = stage->stride / (int64_t)sizeof *first;
  tn_shared_fence(stage->window);
  tn_thinned_follow(thinned);
  for (int64_t done = 0; done < share.count; done += TN_SHARE_STEP)
    for (int rank = 0; rank < thinned->count; rank++)
      tn_kept_spread(thinned->of_ranks[rank], first + rank * stride, share.first + done, block_from(done, share.count),
                     total + done, rank > 0);
  add_floats(stage->tail, thinned->count, first + stage->values, stride, total + share.count);
  sum_over_nodes(stage, total, MPI_FLOAT);
}

/* The sum over the team's ranks of `count` values of the share, from its value number `done` on, as integers. */
static void add_fixed(const tn_stage *stage, const tn_thinned *thinned, const float *first, int64_t done, int64_t count,
                      int bits, float limit, int64_t *integers) {
  const int64_t stride = stage->stride / (int64_t)sizeof *first, place = stage->share.first + done;
  float full[TN_SHARE_STEP];
  for (int rank = 0; rank < tn_team_size(stage->team); rank++) {
    const float *block = first + rank * stride;
    if (thinned != NULL)
      tn_kept_spread(thinned->of_ranks[rank], block, place, count, full, false);
    tn_fixed_from_floats(integers, thinned != NULL ? full : block + place, count, bits, limit, rank > 0);
  }
}

static bool is_one_node(const tn_stage *stage) {
  int nodes = 0;
  MPI_Comm_size(stage->team->peers, &nodes);
  return nodes == 1;
}

void tn_stage_sum_fixed(const tn_stage *stage, const tn_thinned *thinned, const float *first, const int64_t *first_tail,
                        int bits, float limit, int64_t *total, float *values) {
  const tn_share share = stage->share;
  const bool ends_here = is_one_node(stage);
  int64_t integers[TN_SHARE_STEP];
  tn_shared_fence(stage->window);
  if (thinned != NULL)
    tn_thinned_follow(thinned);
  for (int64_t done = 0; done < share.count; done += TN_SHARE_STEP) {
    const int64_t count = block_from(done, share.count);
    add_fixed(stage, thinned, first, done, count, bits, limit, ends_here ? integers : total + done);
    if (ends_here)
      tn_fixed_to_floats(values + done, integers, count, bits);
  }
  add_integers(stage->tail, tn_team_size(stage->team), first_tail, stage->stride / (int64_t)sizeof *first_tail,
               total + share.count);
  if (ends_here)
    return;
  sum_over_nodes(stage, total, MPI_INT64_T);
  tn_fixed_to_floats(values, total, share.count, bits);
}
