/* The sum over ranks by way of a node's shared memory: each rank of a team adds up its share of all its team's blocks,
 * and between nodes the shares go through MPI_Allreduce. Private to src/dist. */
#ifndef TN_DIST_STAGE_H
#define TN_DIST_STAGE_H

#include "dist/handle.h"
#include "dist/team.h"
#include "dist/thinned.h"
#include "math/share.h"

/* A team's blocks: that of team rank r is `values` elements and a tail of `tail` behind them, and begins r x `stride`
 * bytes after `first`. */
typedef struct tn_stage {
  const tn_team *team;
  const tn_shared *window;
  int64_t values, tail, stride;
  tn_share share;
} tn_stage;

/* total[0..share.count) = the sums of the share over all ranks, total[share.count..+ tail) = those of the tails; within
 * a node in rank order. Waits for the team's ranks; when it returns they may still be reading this rank's block, until
 * the team's next fence. Collective. */
void tn_stage_sum_floats(const tn_stage *stage, const float *first, float *total);
void tn_stage_sum_integers(const tn_stage *stage, const int64_t *first, int64_t *total);

/* tn_stage_sum_floats where a rank's block may have the layout of the network that it has thinned: the bits are those
 * of the sum of full blocks. */
void tn_stage_sum_floats_thinned(const tn_stage *stage, const tn_thinned *thinned, const float *first, float *total);

/* tn_stage_sum_integers of blocks of floats, each of which counts as an integer at a fixed binary point: see
 * tn_fixed_from_floats. Their tails are integers, and stand elsewhere. thinned: as above; NULL: all blocks are full.
 * values[0..share.count) = the sums as floats; what `total` holds in front of the tail's is scratch: on one node sums
 * leave the first-level cache as floats alone. */
void tn_stage_sum_fixed(const tn_stage *stage, const tn_thinned *thinned, const float *first, const int64_t *first_tail,
                        int bits, float limit, int64_t *total, float *values);

#endif
