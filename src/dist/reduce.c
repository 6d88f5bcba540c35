#include "dist/reduce.h"

#include "base/memory.h"
#include "dist/reducer.h"
#include "dist/sums.h"

#include <math.h>

/* Bits of a 64-bit integer that a sum may use: a sign, and one to spare. */
enum { SUM_BITS = 62 };
/* What "auto" leaves for whole numbers, and the fraction bits beyond which nothing is gained on a float32. */
enum { AUTO_WHOLE_BITS = 20, AUTO_FRACTION_BITS_MAX = 40 };

static int ceil_log2(int64_t n) {
  int bits = 0;
  while (bits < SUM_BITS && ((int64_t)1 << bits) < n)
    bits++;
  return bits;
}

static int auto_fraction_bits(int replica_bits) {
  const int bits = SUM_BITS - AUTO_WHOLE_BITS - replica_bits;
  return bits < AUTO_FRACTION_BITS_MAX ? bits : AUTO_FRACTION_BITS_MAX;
}

static tn_status set_range(tn_reducer *reducer, int fraction_bits, int64_t replicas) {
  const int replica_bits = ceil_log2(replicas);
  if (replica_bits > TN_SUM_SHARERS_LOG2)
    return tn_fail(TN_ERR_CONFIG, "parallel.replicas = %lld: reduction = exact adds up to %d of them without overflow",
                   (long long)replicas, 1 << TN_SUM_SHARERS_LOG2);
  const int most = SUM_BITS - 1 - replica_bits;
  const int usual = auto_fraction_bits(replica_bits);
  if (fraction_bits > most)
    return tn_fail(TN_ERR_CONFIG,
                   "parallel.exact_fraction_bits = %d: with %lld replicas it can be 0 to %d; auto would take %d",
                   fraction_bits, (long long)replicas, most, usual);
  reducer->exact = true;
  reducer->replica_bits = replica_bits;
  reducer->fraction_bits = fraction_bits < 0 ? usual : fraction_bits;
  reducer->limit = ldexpf(1.0F, SUM_BITS - replica_bits - reducer->fraction_bits);
  reducer->sum_limit = ldexp(1.0, SUM_BITS - replica_bits);
  return TN_OK;
}

tn_status tn_reducer_create(tn_reducer **reducer, const tn_team *team, tn_reduction reduction, int fraction_bits,
                            int64_t replicas, int64_t values) {
  tn_status status = tn_alloc(reducer, 1, sizeof **reducer, "the reducer");
  if (status == TN_OK) {
    (*reducer)->comm = team->comm;
    (*reducer)->values = values;
    (*reducer)->limit = INFINITY;
    (*reducer)->sum_limit = INFINITY;
    if (reduction == TN_REDUCTION_EXACT)
      status = set_range(*reducer, fraction_bits, replicas);
    (*reducer)->one_replica = tn_team_size(team) > 1 && replicas == team->comm->size;
    (*reducer)->sole = replicas == 1 && team->comm->size == 1;
  }
  status = tn_comm_agree(team->comm, status);
  if (status == TN_OK)
    status = tn_reduce_memory_create(*reducer, team);
  if (status != TN_OK) {
    tn_reducer_destroy(reducer);
    return status;
  }
  (*reducer)->path = tn_reduce_path_of(*reducer);
  tn_reducer_begin(*reducer);
  return TN_OK;
}

tn_status tn_reducer_take_thinned(tn_reducer *reducer, const tn_network *network) {
  if (!reducer->one_replica)
    return TN_OK;
  TN_TRY(tn_thinned_create(&reducer->thinned, reducer->stage.team, network));
  reducer->path = tn_reduce_path_of(reducer);
  return TN_OK;
}

tn_kept *tn_reducer_kept(const tn_reducer *reducer) {
  return reducer->thinned ? reducer->thinned->of_ranks[tn_team_rank(reducer->stage.team)] : NULL;
}

void tn_reducer_destroy(tn_reducer **reducer) {
  if (!*reducer)
    return;
  tn_thinned_destroy(&(*reducer)->thinned);
  tn_reduce_memory_destroy(*reducer);
  tn_free(reducer);
}

tn_share tn_reducer_share(const tn_reducer *reducer) {
  return reducer->stage.share;
}

float *tn_reducer_total(tn_reducer *reducer) {
  return reducer->total;
}

float *tn_reducer_gradient(tn_reducer *reducer) {
  return reducer->floats;
}

int tn_reducer_fraction_bits(const tn_reducer *reducer) {
  return reducer->fraction_bits;
}

double tn_reducer_limit(const tn_reducer *reducer) {
  return (double)reducer->limit;
}

void tn_reducer_begin(tn_reducer *reducer) {
  reducer->added = 0;
  tn_reduce_tail_begin(reducer);
}

bool tn_reducer_accumulates(const tn_reducer *reducer) {
  return !reducer->exact && reducer->added > 0;
}

void tn_reducer_raise(tn_reducer *reducer, int flag) {
  reducer->raised[flag] = true;
}

static tn_status fail_not_finite(const char *what, double value) {
  return tn_fail(TN_ERR_NUMERIC, "%s is not finite (%g): lower train.learning_rate, or set train.clip_norm", what,
                 value);
}

/* No binary point would bring it into the range. */
static tn_status fail_out_of_reach(const char *what, double value) {
  return tn_fail(TN_ERR_NUMERIC, "%s of %g is beyond what reduction = exact can add: set parallel.reduction = float",
                 what, value);
}

static tn_status fail_at_value(const tn_reducer *reducer, double value) {
  int exponent = 0;
  if (!isfinite(value))
    return fail_not_finite("a gradient", value);
  (void)frexp(value, &exponent); /* |value| < 2^exponent */
  const int bits = SUM_BITS - reducer->replica_bits - exponent;
  if (bits < 0)
    return fail_out_of_reach("a value", value);
  return tn_fail(
      TN_ERR_NUMERIC,
      "a value of %g is not below %g, the limit of reduction = exact with parallel.exact_fraction_bits = %d: "
      "set it to %d or less",
      value, (double)reducer->limit, reducer->fraction_bits, bits);
}

static tn_status fail_at_sum(int sum, double value) {
  static const char *const names[TN_SUM_COUNT] = {[TN_SUM_LOSS] = "the loss",
                                                  [TN_SUM_WEIGHT] = "the weight",
                                                  [TN_SUM_CORRECT] = "the number of correct rows",
                                                  [TN_SUM_ROWS] = "the number of rows"};
  return isfinite(value) ? fail_out_of_reach(names[sum], value) : fail_not_finite(names[sum], value);
}

/* A step that fails still has its reduction to come, which needs numbers. */
static int64_t take_gradient(const tn_reducer *reducer, float *value) {
  const int64_t place = reducer->path->take(reducer, value);
  if (place >= 0)
    reducer->path->clear(reducer);
  return place;
}

/* The number of the first sum that cannot be added, or -1; the others are in. */
static int take_sums(tn_reducer *reducer, const double *sums) {
  int bad = -1;
  for (int s = 0; s < TN_SUM_COUNT; s++)
    if (fabs(sums[s]) < reducer->sum_limit)
      tn_reduce_tail_add(reducer, s, sums[s]);
    else if (bad < 0)
      bad = s;
  return bad;
}

tn_status tn_reducer_add(tn_reducer *reducer, const double *sums, int64_t *index, float *value) {
  if (sums[TN_SUM_ROWS] == 0)
    return TN_OK;
  float number = 0.0F;
  const int64_t place = take_gradient(reducer, &number);
  const int bad_sum = take_sums(reducer, sums);
  reducer->added++;
  if (place >= 0) {
    *index = place;
    *value = number;
    return fail_at_value(reducer, (double)number);
  }
  if (bad_sum < 0)
    return TN_OK;
  *index = reducer->values + bad_sum;
  *value = (float)sums[bad_sum];
  return fail_at_sum(bad_sum, sums[bad_sum]);
}

bool tn_reducer_looks_late(const tn_reducer *reducer) {
  return reducer->path->look != NULL;
}

tn_status tn_reducer_look(const tn_reducer *reducer, int64_t *index, float *value) {
  float number = 0.0F;
  if (!tn_reducer_looks_late(reducer) || reducer->added == 0)
    return TN_OK;
  const int64_t place = reducer->path->look(reducer, &number);
  if (place < 0)
    return TN_OK;
  *index = place;
  *value = number;
  return fail_at_value(reducer, (double)number);
}

void tn_reducer_sum(tn_reducer *reducer, double *sums, int64_t *flags) {
  if (reducer->added == 0)
    reducer->path->clear(reducer);
  tn_reduce_tail_write(reducer);
  tn_reduce_share(reducer);
  tn_reduce_tail_read(reducer, sums, flags);
}
