/* A step's sums and flags on their way behind the gradient, as numbers of its type. */
#include "dist/reducer.h"
#include "dist/sums.h"

#include <string.h>

void tn_reduce_tail_begin(tn_reducer *reducer) {
  memset(reducer->sums, 0, sizeof reducer->sums);
  memset(reducer->raised, 0, sizeof reducer->raised);
  if (reducer->exact)
    memset(reducer->tail, 0, (size_t)reducer->stage.tail * sizeof *reducer->tail);
}

void tn_reduce_tail_add(tn_reducer *reducer, int sum, double value) {
  if (reducer->exact)
    tn_sum_add_fixed(value, reducer->tail + (ptrdiff_t)sum * TN_SUM_WORDS);
  else
    reducer->sums[sum] += value;
}

static void write_floats(tn_reducer *reducer) {
  float *const tail = reducer->floats + reducer->values;
  for (int s = 0; s < TN_SUM_COUNT; s++)
    tn_sum_split(reducer->sums[s], tail + (ptrdiff_t)s * TN_SUM_PARTS);
  for (int f = 0; f < TN_FLAG_COUNT; f++)
    tail[TN_SUM_COUNT * TN_SUM_PARTS + f] = reducer->raised[f] ? 1.0F : 0.0F;
}

static void read_floats(const float *tail, double *sums, int64_t *flags) {
  for (int s = 0; s < TN_SUM_COUNT; s++)
    sums[s] = tn_sum_join(tail + (ptrdiff_t)s * TN_SUM_PARTS);
  for (int f = 0; f < TN_FLAG_COUNT; f++)
    flags[f] = (int64_t)tail[TN_SUM_COUNT * TN_SUM_PARTS + f];
}

/* The sums are there already. */
static void write_integers(tn_reducer *reducer) {
  for (int f = 0; f < TN_FLAG_COUNT; f++)
    reducer->tail[TN_SUM_COUNT * TN_SUM_WORDS + f] = reducer->raised[f];
}

static void read_integers(const int64_t *tail, double *sums, int64_t *flags) {
  for (int s = 0; s < TN_SUM_COUNT; s++)
    sums[s] = tn_sum_from_fixed(tail + (ptrdiff_t)s * TN_SUM_WORDS);
  for (int f = 0; f < TN_FLAG_COUNT; f++)
    flags[f] = tail[TN_SUM_COUNT * TN_SUM_WORDS + f];
}

void tn_reduce_tail_write(tn_reducer *reducer) {
  (reducer->exact ? write_integers : write_floats)(reducer);
}

void tn_reduce_tail_read(const tn_reducer *reducer, double *sums, int64_t *flags) {
  const int64_t behind = reducer->stage.share.count;
  if (reducer->exact)
    read_integers(reducer->integer_total + behind, sums, flags);
  else
    read_floats(reducer->total + behind, sums, flags);
}
