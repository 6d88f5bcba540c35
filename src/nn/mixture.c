#include "nn/mixture.h"

#include "base/memory.h"

#include <float.h>
#include <math.h>
#include <string.h>

tn_status tn_mixture_create(tn_mixture *mixture, tn_loss loss, int64_t outputs, int64_t max_rows) {
  *mixture = (tn_mixture){.loss = loss, .outputs = outputs, .max_rows = max_rows};
  const int64_t count = max_rows * outputs;
  mixture->sum_count = 3 * count + max_rows;
  TN_TRY(tn_alloc(&mixture->sums, mixture->sum_count, sizeof(double), "sums of outputs"));
  mixture->mean = mixture->sums;
  mixture->deviation = mixture->mean + count;
  mixture->rest = mixture->deviation + count;
  mixture->information = mixture->rest + count;
  TN_TRY(tn_alloc(&mixture->entropy, max_rows, sizeof(double), "entropies"));
  TN_TRY(tn_alloc(&mixture->z, count, sizeof(float), "logits of the mean"));
  return tn_alloc(&mixture->row, 2 * outputs, sizeof(double), "a row of outputs");
}

void tn_mixture_destroy(tn_mixture *mixture) {
  tn_free(&mixture->sums);
  tn_free(&mixture->entropy);
  tn_free(&mixture->z);
  tn_free(&mixture->row);
}

void tn_mixture_begin(tn_mixture *mixture, int64_t rows) {
  mixture->rows = rows;
  mixture->members = 0;
  memset(mixture->sums, 0, (size_t)mixture->sum_count * sizeof(double));
}

/* -sum p log p; 0 log 0 = 0. */
static double entropy_of(int64_t classes, const double *p) {
  double sum = 0;
  for (int64_t k = 0; k < classes; k++)
    sum -= p[k] == 0 ? 0 : p[k] * log(p[k]);
  return sum;
}

/* H of a row's probabilities; `rest` is 1 - p without cancellation. */
static double row_entropy(const tn_mixture *mixture, const double *p, const double *rest) {
  const int64_t outputs = mixture->outputs;
  if (mixture->loss == TN_SOFTMAX_CROSS_ENTROPY)
    return entropy_of(outputs, p);
  return (entropy_of(outputs, p) + entropy_of(outputs, rest)) / (double)outputs;
}

/* Only where it stays the only member is this what finish wants. */
static void keep_z(tn_mixture *mixture, const float *z) {
  if (mixture->members == 0)
    memcpy(mixture->z, z, (size_t)(mixture->rows * mixture->outputs) * sizeof *z);
}

void tn_mixture_add(tn_mixture *mixture, const float *z) {
  const int64_t outputs = mixture->outputs;
  double *y = mixture->row, *rest = mixture->row + outputs;
  for (int64_t i = 0; i < mixture->rows; i++) {
    tn_loss_row_output(mixture->loss, outputs, z + i * outputs, y, rest);
    for (int64_t k = 0; k < outputs; k++) {
      mixture->mean[i * outputs + k] += y[k];
      mixture->deviation[i * outputs + k] += y[k] * y[k];
      if (mixture->loss == TN_SIGMOID_CROSS_ENTROPY)
        mixture->rest[i * outputs + k] += rest[k];
    }
    if (tn_loss_has_accuracy(mixture->loss))
      mixture->information[i] += row_entropy(mixture, y, rest);
  }
  keep_z(mixture, z);
  mixture->members++;
}

void tn_mixture_add_sums(tn_mixture *mixture, const double *sums, int64_t members, const float *z) {
  for (int64_t i = 0; i < mixture->sum_count; i++)
    mixture->sums[i] += sums[i];
  if (members == 1)
    keep_z(mixture, z);
  mixture->members += members;
}

/* The logarithm of a probability, of the smallest normal number where it has underflowed: that is -708. */
static double log_of(double p) {
  return log(p < DBL_MIN ? DBL_MIN : p);
}

static double z_of(const tn_mixture *mixture, int64_t at) {
  switch (mixture->loss) {
  case TN_SOFTMAX_CROSS_ENTROPY:
    return log_of(mixture->mean[at]);
  case TN_SIGMOID_CROSS_ENTROPY:
    return log_of(mixture->mean[at]) - log_of(mixture->rest[at]);
  default:
    return mixture->mean[at];
  }
}

/* A difference that rounding may have left a little below 0. */
static double not_below_zero(double x) {
  return x < 0 ? 0 : x;
}

void tn_mixture_finish(tn_mixture *mixture) {
  const double members = (double)mixture->members;
  for (int64_t at = 0; at < mixture->rows * mixture->outputs; at++) {
    mixture->mean[at] /= members;
    mixture->rest[at] /= members;
    mixture->deviation[at] =
        sqrt(not_below_zero(mixture->deviation[at] / members - mixture->mean[at] * mixture->mean[at]));
    if (mixture->members > 1)
      mixture->z[at] = (float)z_of(mixture, at);
  }
  for (int64_t i = 0; i < mixture->rows && tn_loss_has_accuracy(mixture->loss); i++) {
    const int64_t at = i * mixture->outputs;
    mixture->entropy[i] = row_entropy(mixture, mixture->mean + at, mixture->rest + at);
    mixture->information[i] = not_below_zero(mixture->entropy[i] - mixture->information[i] / members);
  }
}

bool tn_mixture_is_finite(const tn_mixture *mixture, int64_t row) {
  for (int64_t at = row * mixture->outputs; at < (row + 1) * mixture->outputs; at++)
    if (!isfinite(mixture->mean[at]) || !isfinite(mixture->z[at]))
      return false;
  return true;
}

int64_t tn_mixture_class(const tn_mixture *mixture, int64_t row) {
  const double *p = mixture->mean + row * mixture->outputs;
  if (!tn_mixture_is_finite(mixture, row))
    return -1;
  int64_t best = 0;
  for (int64_t k = 1; k < mixture->outputs; k++)
    best = p[k] > p[best] ? k : best;
  return best;
}
