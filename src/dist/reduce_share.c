/* The sum over ranks by way of a node's shared memory: each rank of a team adds up its share of all its team's blocks,
 * in rank order, and between nodes the shares go through MPI_Allreduce. On one node nothing waits for the sum of the
 * whole share: it is made block by block when somebody wants it, who then finds it in the first-level cache. */
#include "dist/fixed.h"
#include "dist/reducer.h"
#include "math/kernels.h"

void tn_reduce_add_floats(const tn_reducer *reducer, int64_t done, int64_t count, void *sums) {
  const tn_stage *stage = &reducer->stage;
  tn_kernel_sum_floats(count, tn_team_size(stage->team), reducer->first_floats + stage->share.first + done,
                       stage->stride / (int64_t)sizeof(float), sums);
}

void tn_reduce_add_integers(const tn_reducer *reducer, int64_t done, int64_t count, void *sums) {
  const tn_stage *stage = &reducer->stage;
  tn_kernel_sum_integers(count, tn_team_size(stage->team), reducer->first_integers + stage->share.first + done,
                         stage->stride / (int64_t)sizeof(int64_t), sums);
}

static const float *floats_of(const tn_reducer *reducer, int rank) {
  return reducer->first_floats + rank * (reducer->stage.stride / (int64_t)sizeof(float));
}

void tn_reduce_add_thinned(const tn_reducer *reducer, int64_t done, int64_t count, void *sums) {
  for (int rank = 0; rank < reducer->thinned->count; rank++)
    tn_kept_spread(reducer->thinned->of_ranks[rank], floats_of(reducer, rank), reducer->stage.share.first + done, count,
                   sums, rank > 0);
}

void tn_reduce_add_fixed(const tn_reducer *reducer, int64_t done, int64_t count, void *sums) {
  const int64_t place = reducer->stage.share.first + done;
  for (int rank = 0; rank < tn_team_size(reducer->stage.team); rank++)
    tn_fixed_from_floats(sums, floats_of(reducer, rank) + place, count, reducer->fraction_bits, reducer->limit,
                         rank > 0);
}

void tn_reduce_add_fixed_thinned(const tn_reducer *reducer, int64_t done, int64_t count, void *sums) {
  float full[TN_SHARE_STEP];
  for (int rank = 0; rank < reducer->thinned->count; rank++) {
    tn_kept_spread(reducer->thinned->of_ranks[rank], floats_of(reducer, rank), reducer->stage.share.first + done, count,
                   full, false);
    tn_fixed_from_floats(sums, full, count, reducer->fraction_bits, reducer->limit, rank > 0);
  }
}

static int64_t element_size(const tn_reducer *reducer) {
  return reducer->exact ? (int64_t)sizeof(int64_t) : (int64_t)sizeof(float);
}

/* The share's sum, from its value number `done` on, in the type that is added up. */
static void *sum_at(const tn_reducer *reducer, int64_t done) {
  char *const total = reducer->exact ? (char *)reducer->integer_total : (char *)reducer->total;
  return total + done * element_size(reducer);
}

/* The tails stand behind the values of a block, which has no integers where gradients stay floats. */
static void add_tails(const tn_reducer *reducer) {
  const tn_stage *stage = &reducer->stage;
  const int ranks = tn_team_size(stage->team);
  const int64_t stride = stage->stride / element_size(reducer);
  void *const sums = sum_at(reducer, stage->share.count);
  if (reducer->exact)
    tn_kernel_sum_integers(stage->tail, ranks, reducer->first_integers + (reducer->tail - reducer->integers), stride,
                           sums);
  else
    tn_kernel_sum_floats(stage->tail, ranks, reducer->first_floats + stage->values, stride, sums);
}

/* Whether the team's blocks have all that there is to add up. */
static bool ends_here(const tn_reducer *reducer) {
  return reducer->path->add != NULL && tn_team_is_all(reducer->stage.team);
}

static void add_over_nodes(const tn_reducer *reducer) {
  const tn_stage *stage = &reducer->stage;
  const int64_t count = stage->share.count + stage->tail;
  MPI_Datatype type = reducer->exact ? MPI_INT64_T : MPI_FLOAT;
  if (reducer->path->add == NULL) {
    tn_comm_reduce(reducer->comm, sum_at(reducer, 0), count, type, MPI_SUM);
    return;
  }
  tn_pulse_enter(reducer->comm);
  tn_reduce_over(stage->team->peers, sum_at(reducer, 0), count, type, MPI_SUM);
  tn_pulse_leave(reducer->comm);
}

static void add_team(const tn_reducer *reducer) {
  const int64_t count = reducer->stage.share.count;
  tn_shared_fence(reducer->stage.window);
  if (reducer->thinned)
    tn_thinned_follow(reducer->thinned);
  for (int64_t done = 0; done < count && !ends_here(reducer); done += TN_SHARE_STEP)
    reducer->path->add(reducer, done, tn_share_block(done, count), sum_at(reducer, done));
  add_tails(reducer);
}

void tn_reduce_share(const tn_reducer *reducer) {
  if (reducer->path->add)
    add_team(reducer);
  if (!ends_here(reducer))
    add_over_nodes(reducer);
}

void tn_reducer_settle(tn_reducer *reducer, int64_t done, int64_t count) {
  int64_t integers[TN_SHARE_STEP];
  const bool open = ends_here(reducer);
  if (open)
    reducer->path->add(reducer, done, count, reducer->exact ? (void *)integers : reducer->total + done);
  if (reducer->exact)
    tn_fixed_to_floats(reducer->total + done, open ? integers : reducer->integer_total + done, count,
                       reducer->fraction_bits);
}

void tn_reducer_settle_all(tn_reducer *reducer) {
  const int64_t count = reducer->stage.share.count;
  for (int64_t done = 0; done < count; done += TN_SHARE_STEP)
    tn_reducer_settle(reducer, done, tn_share_block(done, count));
}
