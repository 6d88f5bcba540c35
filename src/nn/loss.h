/* Losses: softmax and cross-entropy as one operation, sigmoid and cross-entropy likewise, and regression losses. */
#ifndef TN_NN_LOSS_H
#define TN_NN_LOSS_H

#include <thinnet/config.h>

#include <stdbool.h>
#include <stdint.h>

/* Targets of a batch. labels (rows) for softmax_cross_entropy, values (rows, outputs) for every other loss.
 * weights (rows), or NULL for 1. Borrowed. */
typedef struct tn_targets {
  const int32_t *labels;
  const float *values;
  const float *weights;
  /* Mixed classes, in training: row i is labels[i] by shares[i], and partner_labels[i] by the rest; (rows), or NULL. */
  const int32_t *partner_labels;
  const float *shares;
  double smoothing; /* of class and 0/1 targets, from 0 to below 1 (Szegedy et al. 2016, section 7) */
} tn_targets;

/* Sums over rows, in double and in row order. */
typedef struct tn_loss_sums {
  double loss;    /* sum of weight x loss; a row's loss is the mean over its outputs but for softmax */
  double weight;  /* sum of weights */
  double correct; /* sum of weights of the rows that are right: softmax, argmax = label, of a mixed row the label of the
                   * greater share; sigmoid, mean over outputs of [(z > 0) = (target > 0.5)]; regression: 0 */
  int64_t rows;
} tn_loss_sums;

/* Adds a batch to *sums. z (rows, outputs): logits or values. Where gradient is true z is replaced by
 * weight x dLoss/dz of each row (not divided by the number of rows); otherwise it is left as it is.
 *
 *   softmax_cross_entropy  log sum exp(z) - z[label], the maximum taken out; labels lie in 0..outputs - 1
 *                          mixed or smoothed: log sum exp(z) - sum t z, t[j] = (1 - smoothing) (share [j = label] +
 *                          (1 - share) [j = partner label]) + smoothing / outputs
 *   sigmoid_cross_entropy  mean over outputs of -t log s - (1 - t) log(1 - s), s = 1 / (1 + exp(-z)), from the logits;
 *                          smoothed: (1 - smoothing) t + smoothing / 2 in place of t
 *   mse, mae               mean over outputs of (z - t)^2, of |z - t| (derivative 0 at 0)
 *   huber                  mean over outputs of r^2 / 2 where |r| <= 1, |r| - 1/2 beyond (Huber 1964, threshold 1)
 *
 * What is not finite stays so in the sums and in the gradient, and is not correct. Local. */
void tn_loss_add(tn_loss loss, int64_t rows, int64_t outputs, float *z, const tn_targets *targets, bool gradient,
                 tn_loss_sums *sums);

/* Turns z (rows, outputs) into the network's output in place: softmax, sigmoid, or nothing. Local. */
void tn_loss_output(tn_loss loss, int64_t rows, int64_t outputs, float *z);

/* One row of z as the network's output in double: softmax, sigmoid, or the values. rest (outputs): for sigmoid 1 -
 * output without cancellation; not touched, and may be NULL, for the other losses. Local. */
void tn_loss_row_output(tn_loss loss, int64_t outputs, const float *z, double *output, double *rest);

/* True for losses with class or 0/1 targets, whose accuracy means something. */
bool tn_loss_has_accuracy(tn_loss loss);

#endif
