#include "nn/loss.h"

#include <math.h>

/* One output's part of a row's loss, its derivative after z, and whether it is right. */
typedef struct element {
  double loss, slope, correct;
} element;

typedef element (*element_function)(double z, double target);

/* Every exponential is taken of a value not above 0, so none overflows. */
static double sigmoid(double z) {
  const double e = exp(-fabs(z));
  return (z < 0 ? e : 1) / (1 + e);
}

/* -t log s(z) - (1 - t) log(1 - s(z)) = max(z, 0) - z t + log(1 + exp(-|z|)), s(z) = 1 / (1 + exp(-z)). */
static element sigmoid_cross_entropy(double z, double target) {
  return (element){.loss = (z > 0 ? z : 0) - z * target + log1p(exp(-fabs(z))),
                   .slope = sigmoid(z) - target,
                   .correct = (z > 0) == (target > 0.5) ? 1 : 0};
}

static element squared_error(double z, double target) {
  const double r = z - target;
  return (element){.loss = r * r, .slope = 2 * r};
}

/* The derivative of |r|; 0 at 0, and not a number where r is none. */
static double sign(double r) {
  return r < 0 ? -1 : (r > 0 ? 1 : r);
}

static element absolute_error(double z, double target) {
  const double r = z - target;
  return (element){.loss = fabs(r), .slope = sign(r)};
}

/* Huber 1964 with its threshold at 1. */
static element huber(double z, double target) {
  const double r = z - target, size = fabs(r);
  if (size <= 1)
    return (element){.loss = r * r / 2, .slope = r};
  return (element){.loss = size - 0.5, .slope = sign(r)};
}

static element_function element_of(tn_loss loss) {
  switch (loss) {
  case TN_SIGMOID_CROSS_ENTROPY:
    return sigmoid_cross_entropy;
  case TN_MAE:
    return absolute_error;
  case TN_HUBER:
    return huber;
  case TN_MSE:
  case TN_SOFTMAX_CROSS_ENTROPY:
    break;
  }
  return squared_error;
}

/* 0 and 1 move towards 1/2, which itself stays where it is: so does the side of 1/2 that a target lies on. */
static double smooth(double target, double smoothing) {
  return smoothing > 0 ? target + smoothing * (0.5 - target) : target;
}

/* One row of a loss that is a mean over outputs. */
static element mean_row(element_function function, int64_t outputs, float *z, const float *targets, double smoothing,
                        double weight, bool gradient) {
  element row = {0};
  const double share = weight / (double)outputs;
  for (int64_t j = 0; j < outputs; j++) {
    const element one = function(z[j], smooth(targets[j], smoothing));
    row.loss += one.loss;
    row.correct += one.correct;
    if (gradient)
      z[j] = (float)(share * one.slope);
  }
  row.loss /= (double)outputs;
  row.correct /= (double)outputs;
  return row;
}

static int64_t argmax(int64_t count, const float *z) {
  int64_t best = 0;
  for (int64_t j = 1; j < count; j++)
    best = z[j] > z[best] ? j : best;
  return best;
}

static double exp_sum(int64_t outputs, const float *z, double top) {
  double sum = 0;
  for (int64_t j = 0; j < outputs; j++)
    sum += exp(z[j] - top);
  return sum;
}

/* With p = softmax(z): loss -log p[label], derivative p - onehot(label). */
static element softmax_row(int64_t outputs, float *z, int32_t label, double weight, bool gradient) {
  const int64_t best = argmax(outputs, z);
  const double top = z[best], sum = exp_sum(outputs, z, top);
  const element row = {.loss = log(sum) + top - z[label], .correct = best == label ? 1 : 0};
  for (int64_t j = 0; j < outputs && gradient; j++)
    z[j] = (float)(weight * (exp(z[j] - top) / sum - (j == label ? 1 : 0)));
  return row;
}

/* The distribution over classes that stands for the label of a row. */
typedef struct soft_label {
  int32_t first, second;
  double first_share, second_share;
  double base; /* of every class, beside these */
} soft_label;

static soft_label soften(const tn_targets *targets, int64_t row, int64_t outputs) {
  const double share = targets->shares == NULL ? 1 : (double)targets->shares[row], kept = 1 - targets->smoothing;
  return (soft_label){.first = targets->labels[row],
                      .second = targets->shares == NULL ? targets->labels[row] : targets->partner_labels[row],
                      .first_share = kept * share,
                      .second_share = kept * (1 - share),
                      .base = targets->smoothing / (double)outputs};
}

/* With p = softmax(z) and a distribution t: loss -sum t log p, derivative p - t. */
static element soft_row(int64_t outputs, float *z, soft_label label, double weight, bool gradient) {
  const int64_t best = argmax(outputs, z);
  const int32_t heavier = label.first_share >= label.second_share ? label.first : label.second;
  const double top = z[best], sum = exp_sum(outputs, z, top);
  element row = {.loss = log(sum), .correct = best == heavier ? 1 : 0};
  for (int64_t j = 0; j < outputs; j++) {
    const double target =
        label.base + (j == label.first ? label.first_share : 0) + (j == label.second ? label.second_share : 0);
    if (target > 0)
      row.loss -= target * (z[j] - top);
    if (gradient)
      z[j] = (float)(weight * (exp(z[j] - top) / sum - target));
  }
  return row;
}

static element class_row(int64_t outputs, float *z, const tn_targets *targets, int64_t row, double weight,
                         bool gradient) {
  if (targets->shares != NULL || targets->smoothing > 0)
    return soft_row(outputs, z, soften(targets, row, outputs), weight, gradient);
  return softmax_row(outputs, z, targets->labels[row], weight, gradient);
}

void tn_loss_add(tn_loss loss, int64_t rows, int64_t outputs, float *z, const tn_targets *targets, bool gradient,
                 tn_loss_sums *sums) {
  const element_function function = element_of(loss);
  for (int64_t i = 0; i < rows; i++) {
    const double weight = targets->weights == NULL ? 1 : targets->weights[i];
    float *z_row = z + i * outputs;
    const element row =
        loss == TN_SOFTMAX_CROSS_ENTROPY
            ? class_row(outputs, z_row, targets, i, weight, gradient)
            : mean_row(function, outputs, z_row, targets->values + i * outputs, targets->smoothing, weight, gradient);
    sums->loss += weight * row.loss;
    sums->weight += weight;
    sums->correct += isfinite(row.loss) ? weight * row.correct : 0;
  }
  sums->rows += rows;
}

static void softmax(int64_t outputs, float *z) {
  const double top = z[argmax(outputs, z)], sum = exp_sum(outputs, z, top);
  for (int64_t j = 0; j < outputs; j++)
    z[j] = (float)(exp(z[j] - top) / sum);
}

void tn_loss_output(tn_loss loss, int64_t rows, int64_t outputs, float *z) {
  if (loss == TN_SOFTMAX_CROSS_ENTROPY) {
    for (int64_t i = 0; i < rows; i++)
      softmax(outputs, z + i * outputs);
  } else if (loss == TN_SIGMOID_CROSS_ENTROPY) {
    for (int64_t i = 0; i < rows * outputs; i++)
      z[i] = (float)sigmoid(z[i]);
  }
}

void tn_loss_row_output(tn_loss loss, int64_t outputs, const float *z, double *output, double *rest) {
  const bool softmaxed = loss == TN_SOFTMAX_CROSS_ENTROPY;
  const double top = softmaxed ? z[argmax(outputs, z)] : 0, sum = softmaxed ? exp_sum(outputs, z, top) : 1;
  for (int64_t j = 0; j < outputs; j++) {
    if (softmaxed)
      output[j] = exp(z[j] - top) / sum;
    else
      output[j] = loss == TN_SIGMOID_CROSS_ENTROPY ? sigmoid(z[j]) : z[j];
    if (loss == TN_SIGMOID_CROSS_ENTROPY)
      rest[j] = sigmoid(-(double)z[j]);
  }
}

bool tn_loss_has_accuracy(tn_loss loss) {
  return loss == TN_SOFTMAX_CROSS_ENTROPY || loss == TN_SIGMOID_CROSS_ENTROPY;
}
