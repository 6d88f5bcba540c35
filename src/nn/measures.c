/* Measures of predictions: which sums they need, and what is made of the sums. */
#include "nn/measures.h"

#include "base/memory.h"

#include <math.h>

#define TOP_DEFAULT 5

bool tn_measure_has_confusion(const tn_measure_plan *plan) {
  return plan->loss == TN_SOFTMAX_CROSS_ENTROPY && plan->outputs <= TN_CONFUSION_CLASSES_MAX;
}

int64_t tn_measure_confusion_at(const tn_measure_plan *plan) {
  return TN_COUNT_FIRST + plan->outputs * TN_COUNT_CLASS_SUMS;
}

static int64_t count_sums(const tn_measure_plan *plan) {
  if (plan->loss == TN_SIGMOID_CROSS_ENTROPY)
    return TN_COUNT_FIRST + plan->outputs;
  if (plan->loss != TN_SOFTMAX_CROSS_ENTROPY)
    return TN_COUNT_FIRST;
  return tn_measure_confusion_at(plan) + (tn_measure_has_confusion(plan) ? plan->outputs * plan->outputs : 0);
}

static tn_status check_top(tn_loss loss, int64_t outputs, int64_t top) {
  if (top != 0 && loss != TN_SOFTMAX_CROSS_ENTROPY)
    return tn_fail(TN_ERR_USAGE, "--top %lld: this network has no classes to rank: its loss is %s", (long long)top,
                   tn_config_word("model.loss", (int)loss));
  if (top < 0 || top > outputs)
    return tn_fail(TN_ERR_USAGE, "--top %lld: the network has %lld classes: give a number from 1 to that",
                   (long long)top, (long long)outputs);
  return TN_OK;
}

tn_status tn_measure_plan_make(tn_measure_plan *plan, tn_loss loss, int64_t outputs, int64_t top) {
  *plan = (tn_measure_plan){.loss = loss, .outputs = outputs, .top = top};
  TN_TRY(check_top(loss, outputs, top));
  if (top == 0 && loss == TN_SOFTMAX_CROSS_ENTROPY && outputs > TOP_DEFAULT)
    plan->top = TOP_DEFAULT;
  plan->count_sums = count_sums(plan);
  plan->real_sums =
      tn_loss_has_accuracy(loss) ? TN_REAL_PROBABILITY_SUMS : TN_REAL_FIRST + outputs * TN_REAL_VALUE_SUMS;
  return TN_OK;
}

/* NaN where nothing was counted. */
static double share(double sum, int64_t count) {
  return count > 0 ? sum / (double)count : (double)NAN;
}

static void finish_reliability(const double *reals, const int64_t *counts, tn_measures *measures) {
  int64_t all = 0;
  double gaps = 0;
  for (int b = 0; b < TN_RELIABILITY_BINS; b++) {
    const int64_t count = counts[TN_COUNT_BIN + b];
    const double confidence = reals[TN_REAL_CONFIDENCE + b], accuracy = reals[TN_REAL_ACCURACY + b];
    measures->reliability[b] = (tn_reliability_bin){count, share(confidence, count), share(accuracy, count)};
    gaps += fabs(accuracy - confidence); /* count |mean - mean| */
    all += count;
  }
  measures->ece = share(gaps, all);
}

static tn_status finish_confusion(const tn_measure_plan *plan, const int64_t *counts, tn_measures *measures) {
  const int64_t cells = plan->outputs * plan->outputs;
  if (!tn_measure_has_confusion(plan))
    return TN_OK;
  TN_TRY(tn_alloc(&measures->confusion, cells, sizeof *measures->confusion, "the confusion matrix"));
  for (int64_t i = 0; i < cells; i++)
    measures->confusion[i] = counts[tn_measure_confusion_at(plan) + i];
  return TN_OK;
}

static tn_status finish_classes(const tn_measure_plan *plan, const int64_t *counts, tn_measures *measures) {
  int64_t right = 0;
  TN_TRY(tn_alloc(&measures->classes, plan->outputs, sizeof *measures->classes, "measures of the classes"));
  for (int64_t k = 0; k < plan->outputs; k++) {
    const int64_t *sums = counts + TN_COUNT_FIRST + k * TN_COUNT_CLASS_SUMS;
    const int64_t correct = sums[TN_COUNT_CLASS_CORRECT];
    measures->classes[k] = (tn_class_measures){.rows = sums[TN_COUNT_CLASS_ROWS],
                                               .predicted = sums[TN_COUNT_CLASS_PREDICTED],
                                               .correct = correct,
                                               .precision = share((double)correct, sums[TN_COUNT_CLASS_PREDICTED]),
                                               .recall = share((double)correct, sums[TN_COUNT_CLASS_ROWS])};
    right += correct;
  }
  measures->accuracy = share((double)right, measures->rows);
  if (plan->top > 0)
    measures->top_accuracy = share((double)counts[TN_COUNT_TOP], measures->rows);
  return finish_confusion(plan, counts, measures);
}

static void finish_probabilities(const tn_measure_plan *plan, const int64_t *counts, tn_measures *measures) {
  int64_t right = 0;
  for (int64_t k = 0; k < plan->outputs; k++) {
    const int64_t correct = counts[TN_COUNT_FIRST + k];
    measures->by_output[k] =
        (tn_output_measures){.accuracy = share((double)correct, measures->rows), .r2 = NAN, .mae = NAN, .rmse = NAN};
    right += correct;
  }
  measures->accuracy = share((double)right, measures->rows * plan->outputs);
}

/* sum (t - mean t)^2 = sum s^2 - (sum s)^2 / rows, s = t - origin. */
static double spread(const double *sums, int64_t rows) {
  return sums[TN_REAL_SHIFTED_SQUARE] - sums[TN_REAL_SHIFTED] * share(sums[TN_REAL_SHIFTED], rows);
}

static void finish_values(const tn_measure_plan *plan, const double *reals, tn_measures *measures) {
  const int64_t rows = measures->rows;
  double squares = 0, absolutes = 0, r2_sum = 0;
  for (int64_t k = 0; k < plan->outputs; k++) {
    const double *sums = reals + TN_REAL_FIRST + k * TN_REAL_VALUE_SUMS;
    const double all = spread(sums, rows);
    const tn_output_measures output = {.accuracy = NAN,
                                       .r2 = all > 0 ? 1 - sums[TN_REAL_SQUARE] / all : (double)NAN,
                                       .mae = share(sums[TN_REAL_ABSOLUTE], rows),
                                       .rmse = sqrt(share(sums[TN_REAL_SQUARE], rows))};
    measures->by_output[k] = output;
    squares += sums[TN_REAL_SQUARE];
    absolutes += sums[TN_REAL_ABSOLUTE];
    r2_sum += output.r2;
  }
  measures->r2 = share(r2_sum, plan->outputs);
  measures->mae = share(absolutes, rows * plan->outputs);
  measures->rmse = sqrt(share(squares, rows * plan->outputs));
}

tn_status tn_measures_finish(const tn_measure_plan *plan, const double *reals, const int64_t *counts,
                             tn_measures *measures) {
  *measures = (tn_measures){.kind = plan->loss,
                            .rows = counts[TN_COUNT_ROWS],
                            .outputs = plan->outputs,
                            .loss = share(reals[TN_REAL_LOSS], counts[TN_COUNT_ROWS]),
                            .accuracy = NAN,
                            .top = plan->top,
                            .top_accuracy = NAN,
                            .brier = NAN,
                            .ece = NAN,
                            .r2 = NAN,
                            .mae = NAN,
                            .rmse = NAN,
                            .entropy = NAN,
                            .information = NAN};
  if (tn_loss_has_accuracy(plan->loss)) {
    measures->brier = share(reals[TN_REAL_BRIER], measures->rows);
    measures->entropy = share(reals[TN_REAL_ENTROPY], measures->rows);
    measures->information = share(reals[TN_REAL_INFORMATION], measures->rows);
    finish_reliability(reals, counts, measures);
  }
  if (plan->loss == TN_SOFTMAX_CROSS_ENTROPY)
    return finish_classes(plan, counts, measures);
  TN_TRY(tn_alloc(&measures->by_output, plan->outputs, sizeof *measures->by_output, "measures of the outputs"));
  if (plan->loss == TN_SIGMOID_CROSS_ENTROPY)
    finish_probabilities(plan, counts, measures);
  else
    finish_values(plan, reals, measures);
  return TN_OK;
}

void tn_measures_clear(tn_measures *measures) {
  tn_free(&measures->classes);
  tn_free(&measures->confusion);
  tn_free(&measures->by_output);
  *measures = (tn_measures){0};
}
