#include "dist/stage.h"

#include "dist/fixed.h"
#include "math/kernels.h"

/* What a block and its tail consist of. */
typedef enum element { FLOATS, INTEGERS } element;
static const int64_t size_of[] = {[FLOATS] = sizeof(float), [INTEGERS] = sizeof(int64_t)};

static void sum_over_nodes(const tn_stage *stage, element type, void *total) {
  tn_pulse_enter(stage->team->comm);
  tn_reduce_over(stage->team->peers, total, stage->share.count + stage->tail, type == FLOATS ? MPI_FLOAT : MPI_INT64_T,
                 MPI_SUM);
  tn_pulse_leave(stage->team->comm);
}

/* total[0..count) = the sums over the team's ranks of what stands from `first` on in the first one's block. */
static void add_blocks(const tn_stage *stage, element type, int64_t count, const void *first, void *total) {
  const int ranks = tn_team_size(stage->team);
  const int64_t stride = stage->stride / size_of[type];
  if (type == FLOATS)
    tn_kernel_sum_floats(count, ranks, first, stride, total);
  else
    tn_kernel_sum_integers(count, ranks, first, stride, total);
}

/* The sums of the tails, behind those of the share. */
static void add_tails(const tn_stage *stage, element type, const void *first, void *total) {
  add_blocks(stage, type, stage->tail, (const char *)first + stage->values * size_of[type],
             (char *)total + stage->share.count * size_of[type]);
}

static void sum_blocks(const tn_stage *stage, element type, const void *first, void *total) {
  const tn_share share = stage->share;
  tn_shared_fence(stage->window);
  add_blocks(stage, type, share.count, (const char *)first + share.first * size_of[type], total);
  add_tails(stage, type, first, total);
  sum_over_nodes(stage, type, total);
}

void tn_stage_sum_floats(const tn_stage *stage, const float *first, float *total) {
  sum_blocks(stage, FLOATS, first, total);
}

void tn_stage_sum_integers(const tn_stage *stage, const int64_t *first, int64_t *total) {
  sum_blocks(stage, INTEGERS, first, total);
}

void tn_stage_sum_floats_thinned(const tn_stage *stage, const tn_thinned *thinned, const float *first, float *total) {
  const tn_share share = stage->share;
  const int64_t stride = stage->stride / (int64_t)sizeof *first;
  tn_shared_fence(stage->window);
  tn_thinned_follow(thinned);
  for (int64_t done = 0; done < share.count; done += TN_SHARE_STEP)
    for (int rank = 0; rank < thinned->count; rank++)
      tn_kept_spread(thinned->of_ranks[rank], first + rank * stride, share.first + done,
                     tn_share_block(done, share.count), total + done, rank > 0);
  add_tails(stage, FLOATS, first, total);
  sum_over_nodes(stage, FLOATS, total);
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
    const int64_t count = tn_share_block(done, share.count);
    add_fixed(stage, thinned, first, done, count, bits, limit, ends_here ? integers : total + done);
    if (ends_here)
      tn_fixed_to_floats(values + done, integers, count, bits);
  }
  add_blocks(stage, INTEGERS, stage->tail, first_tail, total + share.count);
  if (ends_here)
    return;
  sum_over_nodes(stage, INTEGERS, total);
  tn_fixed_to_floats(values, total, share.count, bits);
}
