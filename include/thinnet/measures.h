/* What `thinnet eval` measures. */
#ifndef THINNET_MEASURES_H
#define THINNET_MEASURES_H

#include <thinnet/config.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TN_RELIABILITY_BINS      15   /* Guo et al. 2017 */
#define TN_CONFUSION_CLASSES_MAX 1000 /* beyond them the matrix is not kept: it grows with their square */

/* Confidences in (index / bins, (index + 1) / bins]; the first bin has 0, too. */
typedef struct tn_reliability_bin {
  int64_t count;
  double confidence, accuracy; /* means over what is in it; NaN where that is nothing */
} tn_reliability_bin;

/* One class of softmax_cross_entropy. */
typedef struct tn_class_measures {
  int64_t rows, predicted, correct; /* of this class; predicted to be; both */
  double precision, recall;         /* correct / predicted, correct / rows; NaN where that is 0 / 0 */
} tn_class_measures;

/* One output of the other losses; what its loss has not is NaN. */
typedef struct tn_output_measures {
  double accuracy;      /* sigmoid_cross_entropy: fraction of rows where (p > 0.5) = (target > 0.5) */
  double r2, mae, rmse; /* values: 1 - sum (y - t)^2 / sum (t - mean t)^2, NaN where all targets are equal; mean |y -
                         * t|; sqrt(mean (y - t)^2) */
} tn_output_measures;

/* Measures over rows, every row with the same weight. p is the network's probability, or the mean of several networks',
 * y its value, t a target. What the loss has not is NaN, 0 or NULL. */
typedef struct tn_measures {
  tn_loss kind;              /* the network's loss: decides what there is */
  int64_t rows, outputs;     /* outputs: of the network; classes for softmax_cross_entropy */
  int64_t networks, samples; /* that the prediction is the mean of: `networks` checkpoints, each as it is (samples = 0)
                              * or as so many thinned networks */
  int64_t nonfinite_rows; /* whose outputs are not finite: they count as wrong, and as rows that no class is predicted
                           * for, and what else they are part of is not finite */
  double loss;            /* mean loss of the (mean) prediction; for classes and 0/1 targets the log loss in nats */
  double accuracy;        /* softmax_cross_entropy: rows whose class is right; sigmoid_cross_entropy: rows and
                           * outputs with (p > 0.5) = (t > 0.5) */
  int64_t top;            /* softmax_cross_entropy; 0: not measured */
  double top_accuracy;    /* rows whose class is among the `top` most probable ones */
  double brier;           /* softmax_cross_entropy: mean over rows of sum_k (p_k - [k = label])^2, 0 to 2 (Brier 1950);
                           * sigmoid_cross_entropy: mean over rows and outputs of (p - t)^2 */
  double ece;             /* sum over bins of count / all |accuracy - confidence| (Guo et al. 2017) */
  double r2, mae, rmse;   /* values: r2 the mean over outputs (NaN where one has none); the others over rows and
                           * outputs */
  double entropy, information; /* of the cross-entropies: mean over rows (sigmoid_cross_entropy: and outputs) of
                                * predictive entropy and, with several members, of mutual information, nats */
  /* softmax_cross_entropy: confidence is the greatest probability, accuracy whether that class is right.
   * sigmoid_cross_entropy: over all outputs, confidence is p and accuracy the target. */
  tn_reliability_bin reliability[TN_RELIABILITY_BINS];
  tn_class_measures *classes;    /* (outputs), softmax_cross_entropy */
  int64_t *confusion;            /* (outputs, outputs): row the label, column the prediction; NULL above
                                  * TN_CONFUSION_CLASSES_MAX classes */
  tn_output_measures *by_output; /* (outputs), the other losses */
} tn_measures;

/* Frees what the measures own, and zeroes them. Not collective. */
void tn_measures_clear(tn_measures *measures);

#ifdef __cplusplus
}
#endif
#endif
