#include "dist/reduce.h"

#include "base/memory.h"
#include "dist/fixed.h"
#include "dist/stage.h"
#include "dist/sums.h"

#include <float.h>
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
  bool late;        /* one replica a rank, in a team: what can wait until a share is added up waits */
  int replica_bits; /* 2^replica_bits >= replicas */
  int fraction_bits;
  float limit;         /* INFINITY in float mode */
  tn_stage stage;      /* the team's blocks; of use where there are several */
  tn_thinned *thinned; /* NULL: gradients are given whole */
  tn_shared *window;   /* the memory of floats and integers of all the team's ranks */
  char *memory;        /* where it begins */
  int64_t values;
  float *floats;             /* the gradient; in float mode sums and flags behind it */
  int64_t *integers;         /* exact mode: gradient, sums, flags */
  int64_t *tail;             /* exact mode: sums, flags */
  float *total;              /* the share of the sum; in float mode sums and flags behind it */
  int64_t *integer_total;    /* exact mode: the share, sums, flags */
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

static int64_t whole_lines(int64_t bytes) {
  return (bytes + TN_ALIGNMENT - 1) / TN_ALIGNMENT * TN_ALIGNMENT;
}

static int64_t float_bytes(bool exact, int64_t values) {
  return whole_lines((values + (exact ? 0 : FLOAT_TAIL)) * (int64_t)sizeof(float));
}

/* values: 0 where gradients stay floats. */
static int64_t integer_bytes(bool exact, int64_t values) {
  return exact ? whole_lines((values + INTEGER_TAIL) * (int64_t)sizeof(int64_t)) : 0;
}

static int64_t block_bytes(const tn_reducer *reducer) {
  return float_bytes(reducer->exact, reducer->values) +
         integer_bytes(reducer->exact, reducer->late ? 0 : reducer->values);
}

/* The blocks of a team stand one behind the other in its window, floats and integers of a rank together. */
static void lay_out(tn_reducer *reducer, const tn_team *team) {
  const int64_t floats = float_bytes(reducer->exact, reducer->values);
  const int64_t bytes = block_bytes(reducer);
  char *const mine = reducer->memory + tn_team_rank(team) * bytes;
  reducer->floats = (float *)(void *)mine;
  reducer->integers = (int64_t *)(void *)(mine + floats);
  reducer->tail = reducer->integers + (reducer->late ? 0 : reducer->values);
  reducer->stage = (tn_stage){.team = team,
                              .window = reducer->window,
                              .values = reducer->values,
                              .tail = reducer->exact ? INTEGER_TAIL : FLOAT_TAIL,
                              .stride = bytes,
                              .share = tn_share_of(reducer->values, tn_team_rank(team), tn_team_size(team))};
}

/* A rank alone finds the sum where its gradient was. */
static tn_status allocate_totals(tn_reducer *reducer) {
  if (tn_team_size(reducer->stage.team) == 1) {
    reducer->total = reducer->floats;
    reducer->integer_total = reducer->integers;
    return TN_OK;
  }
  const int64_t count = reducer->stage.share.count;
  TN_TRY(tn_alloc(&reducer->total, count + FLOAT_TAIL, sizeof *reducer->total, "a share of the gradient"));
  if (!reducer->exact)
    return TN_OK;
  return tn_alloc(&reducer->integer_total, count + INTEGER_TAIL, sizeof *reducer->integer_total,
                  "a share of the gradient as integers (parallel.reduction = exact)");
}

static tn_status allocate(tn_reducer *reducer, const tn_team *team) {
  void *memory = NULL;
  TN_TRY(tn_team_memory(team, tn_team_size(team) * block_bytes(reducer), &reducer->window, &memory));
  reducer->memory = memory;
  lay_out(reducer, team);
  return tn_comm_agree(team->comm, allocate_totals(reducer));
}

tn_status tn_reducer_create(tn_reducer **reducer, const tn_team *team, tn_reduction reduction, int fraction_bits,
                            int64_t replicas, int64_t values) {
  tn_status status = tn_alloc(reducer, 1, sizeof **reducer, "the reducer");
  if (status == TN_OK) {
    (*reducer)->comm = team->comm;
    (*reducer)->values = values;
    (*reducer)->limit = INFINITY;
    if (reduction == TN_REDUCTION_EXACT)
      status = set_range(*reducer, fraction_bits, replicas);
    (*reducer)->late = tn_team_size(team) > 1 && replicas == team->comm->size;
  }
  status = tn_comm_agree(team->comm, status);
  if (status == TN_OK)
    status = allocate(*reducer, team);
  if (status == TN_OK)
    tn_reducer_begin(*reducer);
  else
    tn_reducer_destroy(reducer);
  return status;
}

tn_status tn_reducer_take_thinned(tn_reducer *reducer, const tn_network *network) {
  return reducer->late ? tn_thinned_create(&reducer->thinned, reducer->stage.team, network) : TN_OK;
}

tn_kept *tn_reducer_kept(const tn_reducer *reducer) {
  return reducer->thinned ? reducer->thinned->of_ranks[tn_team_rank(reducer->stage.team)] : NULL;
}

void tn_reducer_destroy(tn_reducer **reducer) {
  if (!*reducer)
    return;
  tn_thinned_destroy(&(*reducer)->thinned);
  if ((*reducer)->total != (*reducer)->floats) {
    tn_free(&(*reducer)->total);
    tn_free(&(*reducer)->integer_total);
  }
  tn_shared_destroy(&(*reducer)->window);
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

int64_t tn_reducer_bytes(tn_reduction reduction, int64_t values) {
  const bool exact = reduction == TN_REDUCTION_EXACT;
  return float_bytes(exact, values) + integer_bytes(exact, values);
}

void tn_reducer_begin(tn_reducer *reducer) {
  reducer->added = 0;
  memset(reducer->sums, 0, sizeof reducer->sums);
  memset(reducer->raised, 0, sizeof reducer->raised);
  if (reducer->exact)
    memset(reducer->tail, 0, INTEGER_TAIL * sizeof *reducer->tail);
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

/* first_beyond where the gradient is that of a thinned network. None is found among values that are so small that no
 * scale could bring them near the limit: only otherwise they are taken to their places. */
static int64_t first_beyond_kept(const tn_reducer *reducer, const tn_kept *kept, float *value) {
  const int64_t size = kept->is_whole ? reducer->values : kept->network.block_size;
  const float certain = fminf(reducer->limit, FLT_MAX) / (2 * tn_kept_greatest_scale(kept));
  float full[TN_SHARE_STEP];
  if (tn_fixed_first_beyond(reducer->floats, size, certain) < 0)
    return -1;
  for (int64_t done = 0; done < reducer->values; done += TN_SHARE_STEP) {
    const int64_t count = reducer->values - done < TN_SHARE_STEP ? reducer->values - done : TN_SHARE_STEP;
    tn_kept_spread(kept, reducer->floats, done, count, full, false);
    const int64_t place = tn_fixed_first_beyond(full, count, reducer->limit);
    if (place >= 0) {
      *value = full[place];
      return done + place;
    }
  }
  return -1;
}

/* The first value of this rank's gradient, as a full block, that cannot be added, or -1; *value: what stands there. */
static int64_t first_beyond(const tn_reducer *reducer, float *value) {
  const tn_kept *kept = tn_reducer_kept(reducer);
  if (kept)
    return first_beyond_kept(reducer, kept, value);
  const int64_t place = tn_fixed_first_beyond(reducer->floats, reducer->values, reducer->limit);
  if (place >= 0)
    *value = reducer->floats[place];
  return place;
}

/* Zeros in any layout, for a replica without rows, or one whose gradient cannot be added. */
static void clear_floats(tn_reducer *reducer) {
  memset(reducer->floats, 0, (size_t)reducer->values * sizeof *reducer->floats);
}

/* Adds a replica's gradient to the integers; the place of what cannot be added, and what stands there, or -1. */
static int64_t add_integers(tn_reducer *reducer, float *value) {
  const int64_t place = tn_fixed_from_floats(reducer->integers, reducer->floats, reducer->values,
                                             reducer->fraction_bits, reducer->limit, reducer->added > 0);
  if (place >= 0)
    *value = reducer->floats[place];
  return place;
}

/* Adds a replica's gradient, or checks it where it is added already or will be later; as add_integers. */
static int64_t take_gradient(tn_reducer *reducer, float *value) {
  if (tn_reducer_looks_late(reducer))
    return -1;
  const bool adds = reducer->exact && !reducer->late;
  const int64_t place = adds ? add_integers(reducer, value) : first_beyond(reducer, value);
  if (place < 0)
    return place;
  /* The step fails, but its reduction is still to come and needs numbers. */
  if (adds)
    memset(reducer->integers, 0, (size_t)reducer->values * sizeof *reducer->integers);
  else if (reducer->late)
    clear_floats(reducer);
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
      tn_sum_add_fixed(sums[s], reducer->tail + (ptrdiff_t)s * TN_SUM_WORDS);
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
  float number = 0.0F;
  const int64_t place = take_gradient(reducer, &number);
  const int bad_sum = take_sums(reducer, sums);
  reducer->added++;
  if (place >= 0) {
    *index = place;
    *value = number;
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

bool tn_reducer_looks_late(const tn_reducer *reducer) {
  return reducer->late && !reducer->exact;
}

tn_status tn_reducer_look(const tn_reducer *reducer, int64_t *index, float *value) {
  float number = 0.0F;
  const int64_t place = first_beyond(reducer, &number);
  if (place < 0 || reducer->added == 0)
    return TN_OK;
  *index = place;
  *value = number;
  return fail_not_finite("a gradient", (double)*value);
}

static void sum_floats(tn_reducer *reducer, double *sums, int64_t *flags) {
  const float *const first = (const float *)(const void *)reducer->memory;
  float *const tail = reducer->floats + reducer->values;
  if (reducer->added == 0)
    clear_floats(reducer);
  for (int s = 0; s < TN_SUM_COUNT; s++)
    tn_sum_split(reducer->sums[s], tail + (ptrdiff_t)s * TN_SUM_PARTS);
  for (int f = 0; f < TN_FLAG_COUNT; f++)
    tail[TN_SUM_COUNT * TN_SUM_PARTS + f] = reducer->raised[f] ? 1.0F : 0.0F;
  if (reducer->thinned)
    tn_stage_sum_floats_thinned(&reducer->stage, reducer->thinned, first, reducer->total);
  else if (tn_team_size(reducer->stage.team) > 1)
    tn_stage_sum_floats(&reducer->stage, first, reducer->total);
  else
    tn_comm_reduce(reducer->comm, reducer->floats, reducer->values + FLOAT_TAIL, MPI_FLOAT, MPI_SUM);
  const float *const parts = reducer->total + reducer->stage.share.count;
  for (int s = 0; s < TN_SUM_COUNT; s++)
    sums[s] = tn_sum_join(parts + (ptrdiff_t)s * TN_SUM_PARTS);
  for (int f = 0; f < TN_FLAG_COUNT; f++)
    flags[f] = (int64_t)parts[TN_SUM_COUNT * TN_SUM_PARTS + f];
}

/* The share of the sum into `total`, sums and flags behind the share's integers. */
static void sum_words(tn_reducer *reducer) {
  const int64_t *const first = (const int64_t *)(const void *)(reducer->memory + float_bytes(true, reducer->values));
  if (reducer->late) {
    tn_stage_sum_fixed(&reducer->stage, reducer->thinned, (const float *)(const void *)reducer->memory, first,
                       reducer->fraction_bits, reducer->limit, reducer->integer_total, reducer->total);
    return;
  }
  if (tn_team_size(reducer->stage.team) == 1)
    tn_comm_reduce(reducer->comm, reducer->integers, reducer->values + INTEGER_TAIL, MPI_INT64_T, MPI_SUM);
  else
    tn_stage_sum_integers(&reducer->stage, first, reducer->integer_total);
  tn_fixed_to_floats(reducer->total, reducer->integer_total, reducer->stage.share.count, reducer->fraction_bits);
}

static void sum_integers(tn_reducer *reducer, double *sums, int64_t *flags) {
  const int64_t count = reducer->stage.share.count;
  if (reducer->added == 0 && reducer->late)
    clear_floats(reducer);
  else if (reducer->added == 0)
    memset(reducer->integers, 0, (size_t)reducer->values * sizeof *reducer->integers);
  for (int f = 0; f < TN_FLAG_COUNT; f++)
    reducer->tail[TN_SUM_COUNT * TN_SUM_WORDS + f] = reducer->raised[f];
  sum_words(reducer);
  const int64_t *const words = reducer->integer_total + count;
  for (int s = 0; s < TN_SUM_COUNT; s++)
    sums[s] = tn_sum_from_fixed(words + (ptrdiff_t)s * TN_SUM_WORDS);
  for (int f = 0; f < TN_FLAG_COUNT; f++)
    flags[f] = words[TN_SUM_COUNT * TN_SUM_WORDS + f];
}

void tn_reducer_sum(tn_reducer *reducer, double *sums, int64_t *flags) {
  if (reducer->exact)
    sum_integers(reducer, sums, flags);
  else
    sum_floats(reducer, sums, flags);
}
