/* The sums over rows that measures are made of. */
#include "nn/measures.h"

#include <math.h>

/* Bin b has (b / bins, (b + 1) / bins]; 0, and what is no number, goes into the first. */
static int64_t bin_of(double confidence) {
  const int64_t bin = confidence > 0 ? (int64_t)ceil(confidence * TN_RELIABILITY_BINS) - 1 : 0;
  return bin < TN_RELIABILITY_BINS ? bin : TN_RELIABILITY_BINS - 1; /* a probability may round to above 1 */
}

static void add_confidence(double confidence, double accuracy, double *reals, int64_t *counts) {
  const int64_t bin = bin_of(confidence);
  reals[TN_REAL_CONFIDENCE + bin] += confidence;
  reals[TN_REAL_ACCURACY + bin] += accuracy;
  counts[TN_COUNT_BIN + bin]++;
}

/* Place of the label when the classes are sorted by falling probability, equal ones by number. What is no number stands
 * before everything. */
static int64_t place_of(int64_t classes, const double *p, int64_t label) {
  int64_t place = 0;
  for (int64_t k = 0; k < classes; k++)
    place += k < label ? !(p[k] < p[label]) : (k > label && !(p[k] <= p[label]));
  return place;
}

static double brier_of(int64_t classes, const double *p, int64_t label) {
  double sum = 0;
  for (int64_t k = 0; k < classes; k++) {
    const double difference = p[k] - (k == label ? 1 : 0);
    sum += difference * difference;
  }
  return sum;
}

static void add_found(const tn_measure_plan *plan, int64_t label, int64_t found, int64_t *counts) {
  int64_t *by_class = counts + TN_COUNT_FIRST;
  by_class[found * TN_COUNT_CLASS_SUMS + TN_COUNT_CLASS_PREDICTED]++;
  by_class[label * TN_COUNT_CLASS_SUMS + TN_COUNT_CLASS_CORRECT] += found == label;
  if (tn_measure_has_confusion(plan))
    counts[tn_measure_confusion_at(plan) + label * plan->outputs + found]++;
}

static void add_class_row(const tn_measure_plan *plan, const tn_mixture *mixture, int64_t row, int64_t label,
                          double *reals, int64_t *counts) {
  const int64_t classes = plan->outputs, found = tn_mixture_class(mixture, row);
  const double *p = mixture->mean + row * classes;
  const bool is_finite = found >= 0;
  reals[TN_REAL_BRIER] += brier_of(classes, p, label);
  reals[TN_REAL_ENTROPY] += mixture->entropy[row];
  reals[TN_REAL_INFORMATION] += mixture->information[row];
  add_confidence(is_finite ? p[found] : NAN, found == label ? 1 : 0, reals, counts);
  counts[TN_COUNT_TOP] += is_finite && plan->top > 0 && place_of(classes, p, label) < plan->top;
  counts[TN_COUNT_FIRST + label * TN_COUNT_CLASS_SUMS + TN_COUNT_CLASS_ROWS]++;
  if (is_finite)
    add_found(plan, label, found, counts);
}

static void add_probability_row(const tn_mixture *mixture, int64_t row, const float *targets, double *reals,
                                int64_t *counts) {
  const int64_t outputs = mixture->outputs;
  const double *p = mixture->mean + row * outputs;
  const bool is_finite = tn_mixture_is_finite(mixture, row);
  double brier = 0;
  for (int64_t k = 0; k < outputs; k++) {
    const double target = targets[k], difference = p[k] - target;
    brier += difference * difference;
    add_confidence(p[k], target, reals, counts);
    counts[TN_COUNT_FIRST + k] += is_finite && (p[k] > 0.5) == (target > 0.5);
  }
  reals[TN_REAL_BRIER] += brier / (double)outputs;
  reals[TN_REAL_ENTROPY] += mixture->entropy[row];
  reals[TN_REAL_INFORMATION] += mixture->information[row];
}

static void add_value_row(int64_t outputs, const double *y, const float *targets, const float *origin, double *reals) {
  for (int64_t k = 0; k < outputs; k++) {
    double *sums = reals + TN_REAL_FIRST + k * TN_REAL_VALUE_SUMS;
    const double error = y[k] - (double)targets[k], shifted = (double)targets[k] - (double)origin[k];
    sums[TN_REAL_SQUARE] += error * error;
    sums[TN_REAL_ABSOLUTE] += fabs(error);
    sums[TN_REAL_SHIFTED] += shifted;
    sums[TN_REAL_SHIFTED_SQUARE] += shifted * shifted;
  }
}

void tn_measures_add(const tn_measure_plan *plan, const tn_mixture *mixture, const tn_targets *targets, double *reals,
                     int64_t *counts) {
  const int64_t outputs = plan->outputs;
  tn_loss_sums sums = {0};
  tn_loss_add(plan->loss, mixture->rows, outputs, mixture->z, targets, false, &sums);
  reals[TN_REAL_LOSS] += sums.loss;
  counts[TN_COUNT_ROWS] += mixture->rows;
  for (int64_t i = 0; i < mixture->rows; i++) {
    if (plan->loss == TN_SOFTMAX_CROSS_ENTROPY)
      add_class_row(plan, mixture, i, targets->labels[i], reals, counts);
    else if (plan->loss == TN_SIGMOID_CROSS_ENTROPY)
      add_probability_row(mixture, i, targets->values + i * outputs, reals, counts);
    else
      add_value_row(outputs, mixture->mean + i * outputs, targets->values + i * outputs, plan->origin, reals);
  }
}
