/* The one reduction of a step: gradients of all replicas, and the step's scalars at their end. */
#ifndef TN_DIST_REDUCE_H
#define TN_DIST_REDUCE_H

#include "dist/team.h"
#include "math/share.h"
#include "nn/kept.h"

#include <thinnet/config.h>

/* Sums of a step over all replicas (doubles; exact mode keeps them exact) and flags raised by any rank. */
enum { TN_SUM_LOSS, TN_SUM_WEIGHT, TN_SUM_CORRECT, TN_SUM_ROWS, TN_SUM_COUNT };
enum {
  TN_FLAG_STOP,
  TN_FLAG_CHECKPOINT,
  TN_FLAG_TIME_LIMIT,
  TN_FLAG_ERROR,
  TN_FLAG_NONFINITE, /* the step is to be skipped */
  TN_FLAG_COUNT
};

typedef struct tn_reducer tn_reducer;

/* reduction = float: float32 sums by MPI_Allreduce. reduction = exact: each replica's gradient g becomes the integer
 * round(g 2^f), and 64-bit integers are summed, which is associative: every order and algorithm gives the same bits.
 * f = fraction_bits; below 0 ("auto"): 62 - 20 - ceil(log2 replicas), at most 40, so that |g| < 2^20 for every replica
 * cannot overflow the sum. In general |g| must stay below 2^(62 - ceil(log2 replicas) - f).
 *
 * Resolution: 2^-f, in auto with up to 4 replicas 9.1e-13. A g of 2^(23 - f) or more is a whole multiple of it, since
 * a float32 has 24 digits; a smaller one is rounded by at most 2^-(f + 1), below which it counts as 0. The sum of the
 * integers has no error, and is rounded to float32. So for R replicas
 *     |result - sum of g| <= R 2^-(f + 1) + 2^-24 |sum of g|,
 * where float32 sums err by up to (R - 1) 2^-24 (sum of |g|), which is much where the g nearly cancel.
 *
 * TN_ERR_CONFIG where f is above 61 - ceil(log2 replicas), and where exact mode gets more than 2^22 replicas.
 * TN_ERR_MEMORY. The team outlives the reducer, and where there are as many replicas as ranks each rank adds one of
 * them at most. values: floats in a gradient block. Collective, agreed. */
tn_status tn_reducer_create(tn_reducer **reducer, const tn_team *team, tn_reduction reduction, int fraction_bits,
                            int64_t replicas, int64_t values);
void tn_reducer_destroy(tn_reducer **reducer); /* collective over the team */

/* Lets each rank give the gradient of a network that it has thinned as it is (tn_network_backward_kept), in place of
 * tn_network_backward, where it adds one replica of one batch a step and is in a team; elsewhere nothing happens. The
 * sums have the same bits. The network, whose block has `values` floats, outlives the reducer. TN_ERR_MEMORY.
 * Collective, agreed. */
tn_status tn_reducer_take_thinned(tn_reducer *reducer, const tn_network *network);

/* Where the kept units of this rank's gradient are put down; NULL: gradients are given whole. */
tn_kept *tn_reducer_kept(const tn_reducer *reducer);

/* Where a replica's gradient is computed (64-byte aligned, `values` floats). */
float *tn_reducer_gradient(tn_reducer *reducer);

/* What of the sum this rank gets: its share of the block in its team, or all of it where it is alone. */
tn_share tn_reducer_share(const tn_reducer *reducer);

/* Where the share's values stand when they are settled: at the share's first value. */
float *tn_reducer_total(tn_reducer *reducer);

/* Starts a step: no replica is in, no flag is raised. The team's ranks may read this rank's gradient until they have
 * passed a fence (tn_shared_fence) behind tn_reducer_sum: only then may it be written again. */
void tn_reducer_begin(tn_reducer *reducer);

/* Before the first batch of each local replica: true where its gradient must be ADDED to what the gradient block holds
 * (float mode, from the second local replica on), false where it replaces it. */
bool tn_reducer_accumulates(const tn_reducer *reducer);

/* Takes the replica's gradient and sums (TN_SUM_COUNT). A replica without rows in this step is not added. In float mode
 * a gradient is not looked at where tn_reducer_looks_late: one that is not finite then shows in the sum. TN_ERR_NUMERIC
 * where a value is not finite or out of the exact range: *index is its place in the block and *value what stood there,
 * and the caller raises TN_FLAG_ERROR; the step's reduction still takes place, and its gradient means nothing. An
 * *index of `values` or more is the sum number *index - values. The message gives the value and the remedy; the caller
 * puts the layer before it. Local. */
tn_status tn_reducer_add(tn_reducer *reducer, const double *sums, int64_t *index, float *value);

/* True in float mode where each rank adds one replica at most, in a team or as the only rank: the sum leaves the rank's
 * gradient as it is, so that it need not be read in every step to find out what it may be asked for once. */
bool tn_reducer_looks_late(const tn_reducer *reducer);

/* Where tn_reducer_looks_late, behind tn_reducer_sum: what of this rank's gradient is not finite, as tn_reducer_add
 * says it elsewhere. Local. */
tn_status tn_reducer_look(const tn_reducer *reducer, int64_t *index, float *value);

void tn_reducer_raise(tn_reducer *reducer, int flag);

/* Collective: sums over all ranks, sums[TN_SUM_COUNT] and flags[TN_FLAG_COUNT] (number of ranks that raised each), and
 * the share of the gradient, of which each value is to be settled before it is read. In float mode counts stay exact up
 * to 2^40 over 65536 ranks, other sums keep a float's precision; in exact mode sums are multiples of 2^-40, the same
 * for every split over ranks. */
void tn_reducer_sum(tn_reducer *reducer, double *sums, int64_t *flags);

/* Behind tn_reducer_sum, and before the team's next fence: completes tn_reducer_total[done..done + count), where `done`
 * is a multiple of TN_SHARE_STEP and count at most that many, or all of the share. Each value is settled once. Local.
 */
void tn_reducer_settle(tn_reducer *reducer, int64_t done, int64_t count);
void tn_reducer_settle_all(tn_reducer *reducer);

/* Fraction bits in use; 0 in float mode. */
int tn_reducer_fraction_bits(const tn_reducer *reducer);

/* The limit of |g| in exact mode. */
double tn_reducer_limit(const tn_reducer *reducer);

/* Bytes it holds on a rank, at most, which take part in a node's window where there is a team. */
int64_t tn_reducer_bytes(tn_reduction reduction, int64_t values);

#endif
