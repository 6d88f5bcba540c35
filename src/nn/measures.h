/* Measures of predictions: sums over rows, and what is made of them. Real sums have to be added in a fixed order to
 * keep their bits; counts are integers and need none. */
#ifndef TN_NN_MEASURES_H
#define TN_NN_MEASURES_H

#include "nn/mixture.h"

#include <thinnet/measures.h>

/* Which sums there are. real_sums doubles for each piece that is summed by itself, count_sums integers in all. */
typedef struct tn_measure_plan {
  tn_loss loss;
  int64_t outputs;
  int64_t top;         /* 0: none */
  const float *origin; /* (outputs), regression: targets are summed as t - origin, which keeps digits where their mean
                        * is large, and is exactly 0 where they are constant: the targets of any one row. Borrowed */
  int64_t real_sums, count_sums;
} tn_measure_plan;

/* top 0: 5 where there are more than 5 classes, else none. TN_ERR_USAGE where `top` is no number of classes of the
 * network, or there are none. */
tn_status tn_measure_plan_make(tn_measure_plan *plan, tn_loss loss, int64_t outputs, int64_t top);

/* Adds the rows of a finished mixture to `reals` (real_sums) and `counts` (count_sums), in row order. */
void tn_measures_add(const tn_measure_plan *plan, const tn_mixture *mixture, const tn_targets *targets, double *reals,
                     int64_t *counts);

/* The measures of such sums; TN_ERR_MEMORY. The caller clears *measures, also after an error. networks, samples and
 * nonfinite_rows are left 0, and entropy and information are those of the mixtures. */
tn_status tn_measures_finish(const tn_measure_plan *plan, const double *reals, const int64_t *counts,
                             tn_measures *measures);

/* Where the sums stand; private to measures.c and measures_add.c. */
enum { TN_REAL_LOSS, TN_REAL_FIRST };

/* Probabilities: behind REAL_FIRST. */
enum {
  TN_REAL_BRIER = TN_REAL_FIRST,
  TN_REAL_ENTROPY,
  TN_REAL_INFORMATION,
  TN_REAL_CONFIDENCE, /* by bin, as is the next */
  TN_REAL_ACCURACY = TN_REAL_CONFIDENCE + TN_RELIABILITY_BINS,
  TN_REAL_PROBABILITY_SUMS = TN_REAL_ACCURACY + TN_RELIABILITY_BINS
};

/* Values: four sums an output. */
enum { TN_REAL_SQUARE, TN_REAL_ABSOLUTE, TN_REAL_SHIFTED, TN_REAL_SHIFTED_SQUARE, TN_REAL_VALUE_SUMS };

/* Counts, and behind them: softmax (classes, TN_COUNT_CLASS_SUMS) and the confusion matrix; sigmoid (outputs) that are
 * right. */
enum { TN_COUNT_ROWS, TN_COUNT_TOP, TN_COUNT_BIN, TN_COUNT_FIRST = TN_COUNT_BIN + TN_RELIABILITY_BINS };
enum { TN_COUNT_CLASS_ROWS, TN_COUNT_CLASS_PREDICTED, TN_COUNT_CLASS_CORRECT, TN_COUNT_CLASS_SUMS };

/* Whether the plan keeps a confusion matrix, and where. */
bool tn_measure_has_confusion(const tn_measure_plan *plan);
int64_t tn_measure_confusion_at(const tn_measure_plan *plan);

#endif
