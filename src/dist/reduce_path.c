/* How gradients go through the reduction: the table at the end says who adds what, and when it is looked at. */
#include "dist/fixed.h"
#include "dist/reducer.h"

#include <float.h>
#include <math.h>
#include <string.h>

static int64_t first_beyond(const tn_reducer *reducer, float *value) {
  const int64_t place = tn_fixed_first_beyond(reducer->floats, reducer->values, reducer->limit);
  if (place >= 0)
    *value = reducer->floats[place];
  return place;
}

/* The gradient is that of a thinned network, the place that in the full block. None is found among values that are so
 * small that no scale could bring them near the limit: only otherwise they are taken to their places. */
static int64_t first_beyond_kept(const tn_reducer *reducer, float *value) {
  const tn_kept *kept = tn_reducer_kept(reducer);
  const int64_t size = kept->is_whole ? reducer->values : kept->network.block_size;
  const float certain = fminf(reducer->limit, FLT_MAX) / (2 * tn_kept_greatest_scale(kept));
  float full[TN_SHARE_STEP];
  if (tn_fixed_first_beyond(reducer->floats, size, certain) < 0)
    return -1;
  for (int64_t done = 0; done < reducer->values; done += TN_SHARE_STEP) {
    const int64_t count = tn_share_block(done, reducer->values);
    tn_kept_spread(kept, reducer->floats, done, count, full, false);
    const int64_t place = tn_fixed_first_beyond(full, count, reducer->limit);
    if (place >= 0) {
      *value = full[place];
      return done + place;
    }
  }
  return -1;
}

static int64_t add_integers(const tn_reducer *reducer, float *value) {
  const int64_t place = tn_fixed_from_floats(reducer->integers, reducer->floats, reducer->values,
                                             reducer->fraction_bits, reducer->limit, reducer->added > 0);
  if (place >= 0)
    *value = reducer->floats[place];
  return place;
}

static int64_t take_unread(const tn_reducer *reducer, float *value) {
  (void)reducer;
  (void)value;
  return -1;
}

/* Zeros in any layout. */
static void clear_floats(const tn_reducer *reducer) {
  memset(reducer->floats, 0, (size_t)reducer->values * sizeof *reducer->floats);
}

static void clear_integers(const tn_reducer *reducer) {
  memset(reducer->integers, 0, (size_t)reducer->values * sizeof *reducer->integers);
}

/* A rank without a team; the only rank, with the only replica; a rank in a team; a rank in one that has one replica,
 * whose gradient others read as it is; and the same where that is the gradient of a thinned network. */
enum { ALONE, SOLE, IN_TEAM, ONE_REPLICA, THINNED, CASES };

/* The replicas of a rank are added up as they come: floats by the backward pass (tn_reducer_accumulates), integers by
 * `take`. A rank's one replica is added up by whoever takes a share of it. In float mode it need not even be read
 * before, since what is not finite shows in the sum; what has to become an integer is looked at first. */
/* clang-format off */
static const tn_reduce_path of_floats[CASES] = {
    /*               .take              .look              .clear          .add            */
    [ALONE]       = {first_beyond,      NULL,              clear_floats,   NULL},
    [SOLE]        = {take_unread,       first_beyond,      clear_floats,   NULL},
    [IN_TEAM]     = {first_beyond,      NULL,              clear_floats,   tn_reduce_add_floats},
    [ONE_REPLICA] = {take_unread,       first_beyond,      clear_floats,   tn_reduce_add_floats},
    [THINNED]     = {take_unread,       first_beyond_kept, clear_floats,   tn_reduce_add_thinned},
};
static const tn_reduce_path of_integers[CASES] = {
    [ALONE]       = {add_integers,      NULL,              clear_integers, NULL},
    [SOLE]        = {add_integers,      NULL,              clear_integers, NULL},
    [IN_TEAM]     = {add_integers,      NULL,              clear_integers, tn_reduce_add_integers},
    [ONE_REPLICA] = {first_beyond,      NULL,              clear_floats,   tn_reduce_add_fixed},
    [THINNED]     = {first_beyond_kept, NULL,              clear_floats,   tn_reduce_add_fixed_thinned},
};
/* clang-format on */

const tn_reduce_path *tn_reduce_path_of(const tn_reducer *reducer) {
  int which = tn_team_size(reducer->stage.team) > 1 ? IN_TEAM : ALONE;
  if (reducer->sole)
    which = SOLE;
  if (reducer->one_replica)
    which = reducer->thinned ? THINNED : ONE_REPLICA;
  return reducer->exact ? &of_integers[which] : &of_floats[which];
}
