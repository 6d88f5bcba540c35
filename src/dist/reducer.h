/* What a tn_reducer is, for the files of the reduction alone: reduce.c, and what stands below it. */
#ifndef TN_DIST_REDUCER_H
#define TN_DIST_REDUCER_H

#include "dist/handle.h"
#include "dist/reduce.h"
#include "dist/thinned.h"

/* How gradients go through the reduction: a row of the table in reduce_path.c. */
typedef struct tn_reduce_path {
  /* A replica is in: the place of the first value that cannot be added, and what stands there, or -1. */
  int64_t (*take)(const tn_reducer *reducer, float *value);
  /* The same behind the sum, for who takes a gradient unread; else NULL. */
  int64_t (*look)(const tn_reducer *reducer, float *value);
  /* Zeros for the sum, where there is no replica or one that cannot be added. */
  void (*clear)(const tn_reducer *reducer);
  /* sums[0..count) = the sums over the team's ranks of the share's values from number `done` on, in the type that is
   * added up; count: TN_SHARE_STEP at most. NULL: this rank is its team, and finds the sum where its gradient was. */
  void (*add)(const tn_reducer *reducer, int64_t done, int64_t count, void *sums);
} tn_reduce_path;

/* A team's blocks: that of team rank r is `values` elements and a tail of `tail` behind them, and begins r x `stride`
 * bytes after that of the first. */
typedef struct tn_stage {
  const tn_team *team;
  const tn_shared *window;
  int64_t values, tail, stride;
  tn_share share;
} tn_stage;

struct tn_reducer {
  const tn_comm *comm;
  const tn_reduce_path *path;
  bool exact;
  bool one_replica; /* a rank, in a team: its gradient stays as it is until a share of it is added */
  bool sole;        /* one replica, one rank: its gradient is the sum */
  int replica_bits; /* 2^replica_bits >= replicas */
  int fraction_bits;
  float limit;      /* of a gradient; INFINITY in float mode */
  double sum_limit; /* of a sum, likewise */
  int64_t values;
  int64_t added; /* local replicas that are in */

  tn_shared *window;             /* the memory of floats and integers of all the team's ranks */
  const float *first_floats;     /* those of the team's first rank */
  const int64_t *first_integers; /* its integers */
  float *floats;                 /* the gradient; in float mode sums and flags behind it */
  int64_t *integers;             /* exact mode: gradient (unless one_replica), sums, flags */
  int64_t *tail;                 /* exact mode: sums, flags */
  float *total;                  /* the share of the sum; in float mode sums and flags behind it */
  int64_t *integer_total;        /* exact mode: the share, sums, flags */
  tn_stage stage;                /* the team's blocks */
  tn_thinned *thinned;           /* NULL: gradients are given whole */

  double sums[TN_SUM_COUNT]; /* float mode: of the local replicas */
  bool raised[TN_FLAG_COUNT];
};

/* reduce_memory.c. Blocks in the team's window, and what the sum goes into. TN_ERR_MEMORY. Collective, agreed. */
tn_status tn_reduce_memory_create(tn_reducer *reducer, const tn_team *team);
void tn_reduce_memory_destroy(tn_reducer *reducer); /* collective over the team */

/* reduce_path.c. The path for what the reducer is, known when its memory and `thinned` are. */
const tn_reduce_path *tn_reduce_path_of(const tn_reducer *reducer);

/* reduce_share.c. What the paths' `add` may be: floats, or integers, of the team's ranks; floats as integers at the
 * binary point; and both where the ranks' networks are thinned, to the bits of the sum of full blocks. */
void tn_reduce_add_floats(const tn_reducer *reducer, int64_t done, int64_t count, void *sums);
void tn_reduce_add_integers(const tn_reducer *reducer, int64_t done, int64_t count, void *sums);
void tn_reduce_add_fixed(const tn_reducer *reducer, int64_t done, int64_t count, void *sums);
void tn_reduce_add_thinned(const tn_reducer *reducer, int64_t done, int64_t count, void *sums);
void tn_reduce_add_fixed_thinned(const tn_reducer *reducer, int64_t done, int64_t count, void *sums);

/* reduce_share.c. The sums over all ranks: those of the tails behind the share's, and the share's own where other nodes
 * have a part in them. Collective. */
void tn_reduce_share(const tn_reducer *reducer);

/* reduce_tail.c. The step's sums and flags: begun, added to, put behind this rank's gradient, and read behind the
 * total. */
void tn_reduce_tail_begin(tn_reducer *reducer);
void tn_reduce_tail_add(tn_reducer *reducer, int sum, double value);
void tn_reduce_tail_write(tn_reducer *reducer);
void tn_reduce_tail_read(const tn_reducer *reducer, double *sums, int64_t *flags);

#endif
