#include "dist/reduce.h"

#include "base/memory.h"
#include "dist/fixed.h"
#include "dist/handle.h"
#include "dist/sums.h"

#include <math.h>
#include <string.h>

/* Bits of a 64-bit integer that a sum may use: a sign, and one to spare. */
enum { SUM_BITS = 62 };
/* What "auto" leaves for whole numbers, and the fraction bits beyond which nothing is gained on a float32. */
enum { AUTO_WHOLE_BITS = 20, AUTO_FRACTION_BITS_MAX = 40 };

enum {
  FLOAT_TAIL = TN_SUM_COUNT * TN_SUM_PARTS + TN_FLAG_COUNT,
  INTEGER_TAIL = TN_SUM_COUNT * TN_SUM_WORDS + TN_FLAG_COUNT
};

struct tn_reducer {
  const tn_comm *comm;
  bool exact;
  int replica_bits; /* 2^replica_bits >= replicas */
  int fraction_bits;
  float limit; /* INFINITY in float mode */
  int64_t values;
  float *floats;             /* the gradient; in float mode sums and flags behind it */
  int64_t *integers;         /* exact mode: gradient, sums, flags */
  int64_t added;             /* local replicas that are in */
  double sums[TN_SUM_COUNT]; /* float mode: of the local replicas */
  bool raised[TN_FLAG_COUNT];
};

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
  return TN_OK;
}

static tn_status allocate(tn_reducer *reducer) {
  const int64_t float_count = reducer->values + (reducer->exact ? 0 : FLOAT_TAIL);
  TN_TRY(tn_alloc(&reducer->floats, float_count, sizeof *reducer->floats, "the gradient"));
  if (!reducer->exact)
    return TN_OK;
  return tn_alloc(&reducer->integers, reducer->values + INTEGER_TAIL, sizeof *reducer->integers,
                  "the gradient as integers (parallel.reduction = exact)");
}

tn_status tn_reducer_create(tn_reducer **reducer, const tn_comm *comm, tn_reduction reduction, int fraction_bits,
                            int64_t replicas, int64_t values) {
  TN_TRY(tn_alloc(reducer, 1, sizeof **reducer, "the reducer"));
  (*reducer)->comm = comm;
  (*reducer)->values = values;
  (*reducer)->limit = INFINITY;
  tn_status status = TN_OK;
  if (reduction == TN_REDUCTION_EXACT)
    status = set_range(*reducer, fraction_bits, replicas);
  if (status == TN_OK)
    status = allocate(*reducer);
  if (status == TN_OK)
    tn_reducer_begin(*reducer);
  else
    tn_reducer_destroy(reducer);
  return status;
}

void tn_reducer_destroy(tn_reducer **reducer) {
  if (!*reducer)
    return;
  tn_free(&(*reducer)->floats);
  tn_free(&(*reducer)->integers);
  tn_free(reducer);
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

int64_t tn_reducer_bytes(tn_reduction reduction, int64_t values) {
  if (reduction == TN_REDUCTION_EXACT)
    return values * (int64_t)(sizeof(float) + sizeof(int64_t)) + INTEGER_TAIL * (int64_t)sizeof(int64_t);
  return (values + FLOAT_TAIL) * (int64_t)sizeof(float);
}

void tn_reducer_begin(tn_reducer *reducer) {
  reducer->added = 0;
  memset(reducer->sums, 0, sizeof reducer->sums);
  memset(reducer->raised, 0, sizeof reducer->raised);
  if (reducer->exact)
    memset(reducer->integers + reducer->values, 0, INTEGER_TAIL * sizeof *reducer->integers);
}

bool tn_reducer_accumulates(const tn_reducer *reducer) {
  return !reducer->exact && reducer->added > 0;
}

void tn_reducer_raise(tn_reducer *reducer, int flag) {
  reducer->raised[flag] = true;
}

/* What the user can do about a number beyond the exact range. */
static tn_status fail_beyond(const tn_reducer *reducer, const char *what, double value) {
  int exponent = 0;
  (void)frexp(value, &exponent); /* |value| < 2^exponent */
  const int bits = SUM_BITS - reducer->replica_bits - exponent;
  if (bits < 0)
    return tn_fail(TN_ERR_NUMERIC, "%s of %g is beyond what reduction = exact can add: set parallel.reduction = float",
                   what, value);
  return tn_fail(TN_ERR_NUMERIC,
                 "%s of %g is not below %g, the limit of reduction = exact with parallel.exact_fraction_bits = %d: "
                 "set it to %d or less",
                 what, value, (double)reducer->limit, reducer->fraction_bits, bits);
}

static tn_status fail_not_finite(const char *what, double value) {
  return tn_fail(TN_ERR_NUMERIC, "%s is not finite (%g): lower train.learning_rate, or set train.clip_norm", what,
                 value);
}

/* Adds a replica's gradient to the integers, or checks it where it is added already; the place of what cannot be added,
 * or -1. */
static int64_t take_gradient(tn_reducer *reducer) {
  if (!reducer->exact)
    return tn_fixed_first_beyond(reducer->floats, reducer->values, reducer->limit);
  const int64_t place = tn_fixed_from_floats(reducer->integers, reducer->floats, reducer->values,
                                             reducer->fraction_bits, reducer->limit, reducer->added > 0);
  if (place >= 0) /* the step fails, but its reduction is still to come and needs numbers */
    memset(reducer->integers, 0, (size_t)reducer->values * sizeof *reducer->integers);
  return place;
}

/* The number of the first sum that cannot be added, or -1; the others are in. */
static int take_sums(tn_reducer *reducer, const double *sums) {
  const double limit = reducer->exact ? ldexp(1.0, SUM_BITS - reducer->replica_bits) : INFINITY;
  int bad = -1;
  for (int s = 0; s < TN_SUM_COUNT; s++) {
    if (!(fabs(sums[s]) < limit))
      bad = bad < 0 ? s : bad;
    else if (reducer->exact)
      tn_sum_add_fixed(sums[s], reducer->integers + reducer->values + (ptrdiff_t)s * TN_SUM_WORDS);
    else
      reducer->sums[s] += sums[s];
  }
  return bad;
}

tn_status tn_reducer_add(tn_reducer *reducer, const double *sums, int64_t *index, float *value) {
  static const char *const names[TN_SUM_COUNT] = {"the loss", "the weight", "the number of correct rows",
                                                  "the number of rows"};
  if (sums[TN_SUM_ROWS] == 0)
    return TN_OK;
  const int64_t place = take_gradient(reducer);
  const int bad_sum = take_sums(reducer, sums);
  reducer->added++;
  if (place >= 0) {
    *index = place;
    *value = reducer->floats[place];
    return isfinite(*value) ? fail_beyond(reducer, "a gradient", (double)*value)
                            : fail_not_finite("a gradient", (double)*value);
  }
  if (bad_sum < 0)
    return TN_OK;
  *index = reducer->values + bad_sum;
  *value = (float)sums[bad_sum];
  if (!isfinite(sums[bad_sum]))
    return fail_not_finite(names[bad_sum], sums[bad_sum]);
  return tn_fail(TN_ERR_NUMERIC, "%s of %g is beyond what reduction = exact can add: set parallel.reduction = float",
                 names[bad_sum], sums[bad_sum]);
}

static void sum_floats(tn_reducer *reducer, double *sums, int64_t *flags) {
  float *const parts = reducer->floats + reducer->values;
  float *const raised = parts + (ptrdiff_t)TN_SUM_COUNT * TN_SUM_PARTS;
  if (reducer->added == 0)
    memset(reducer->floats, 0, (size_t)reducer->values * sizeof *reducer->floats);
  for (int s = 0; s < TN_SUM_COUNT; s++)
    tn_sum_split(reducer->sums[s], parts + (ptrdiff_t)s * TN_SUM_PARTS);
  for (int f = 0; f < TN_FLAG_COUNT; f++)
    raised[f] = reducer->raised[f] ? 1.0F : 0.0F;
  tn_comm_reduce(reducer->comm, reducer->floats, reducer->values + FLOAT_TAIL, MPI_FLOAT, MPI_SUM);
  for (int s = 0; s < TN_SUM_COUNT; s++)
    sums[s] = tn_sum_join(parts + (ptrdiff_t)s * TN_SUM_PARTS);
  for (int f = 0; f < TN_FLAG_COUNT; f++)
    flags[f] = (int64_t)raised[f];
}

static void sum_integers(tn_reducer *reducer, double *sums, int64_t *flags) {
  int64_t *const words = reducer->integers + reducer->values;
  int64_t *const raised = words + (ptrdiff_t)TN_SUM_COUNT * TN_SUM_WORDS;
  if (reducer->added == 0)
    memset(reducer->integers, 0, (size_t)reducer->values * sizeof *reducer->integers);
  for (int f = 0; f < TN_FLAG_COUNT; f++)
    raised[f] = reducer->raised[f];
  tn_comm_reduce(reducer->comm, reducer->integers, reducer->values + INTEGER_TAIL, MPI_INT64_T, MPI_SUM);
  tn_fixed_to_floats(reducer->floats, reducer->integers, reducer->values, reducer->fraction_bits);
  for (int s = 0; s < TN_SUM_COUNT; s++)
    sums[s] = tn_sum_from_fixed(words + (ptrdiff_t)s * TN_SUM_WORDS);
  for (int f = 0; f < TN_FLAG_COUNT; f++)
    flags[f] = raised[f];
}

void tn_reducer_sum(tn_reducer *reducer, double *sums, int64_t *flags) {
  if (reducer->exact)
    sum_integers(reducer, sums, flags);
  else
    sum_floats(reducer, sums, flags);
}
