/* Which units of a row are dropped: the place of a mask, and its factors. */
#ifndef TN_NN_DROPOUT_H
#define TN_NN_DROPOUT_H

#include "nn/network.h"

/* The masks behind one layer in one pass. */
typedef struct tn_dropout {
  const tn_network *network;
  const tn_mask_source *source; /* NULL: no dropout */
  uint32_t layer;               /* 0: the input; i: behind layer i */
  double rate;
  int64_t units;
  double patch_probability; /* of a patch's corner, where the input is dropped in patches; else 0 */
  bool relaxed;             /* learned rates, in training */
  bool shared;              /* one mask for all rows, already in `factor` */
  float *factor;            /* scratch of `units` floats */
  /* kind = alpha: the factor of a unit that is kept, and what is added behind the factors */
  float kept_factor, dropped_shift, kept_shift;
} tn_dropout;

/* The rate behind a layer (0: the input) in step `step` of a run (0 for the first), from the configured rate r and
 * tau = schedule_steps:
 *   constant    r
 *   curriculum  r (1 - exp(-step / tau)): the keep probability of Morerio et al. 2017 (Curriculum Dropout, ICCV),
 *               (1 - k) exp(-gamma step) + k, with k = 1 - r and gamma = 1 / tau; they take tau = a tenth of the steps
 *   anneal      r exp(-step / tau). Rennie, Goel and Thomas 2014 (annealed dropout, SLT) let the rate fall linearly,
 *               and reach 0; this falls faster at first and never ends, but below 2^-17 no unit is dropped any more
 * A function of the step alone: a resume needs nothing. */
double tn_dropout_rate(const tn_network *network, int layer, int64_t step);

/* True where rates are not the same in all steps: by a schedule, or learned. */
bool tn_dropout_rates_change(const tn_network *network);

/* True where masks of that step can drop anything. */
bool tn_dropout_acts(const tn_network *network, int64_t step);

/* Alpha dropout (Klambauer et al. 2017, "new dropout technique"): a dropped unit is set to what selu tends to, s =
 * -lambda alpha = -1.7581, and an affine map brings mean 0 and variance 1 back:
 *     a' = a (h r + s (1 - r)) + b ,  a = (q + s^2 q (1 - q))^(-1/2) ,  b = -a (1 - q) s ,
 * with q the probability of keeping. So the factor is a r, and the shift b, or a s + b where the unit is dropped. */
typedef struct tn_alpha {
  double factor, dropped_shift, kept_shift;
} tn_alpha;

/* For a rate as it is drawn, in 65536ths. */
tn_alpha tn_alpha_of(double rate);

/* Where the random words of a row behind a layer (0: the input) stand. */
tn_place tn_dropout_place(const tn_mask_source *source, uint32_t layer, int64_t row);

/* Prepares the masks behind a layer. Where all rows share one (mask = batch in training) it is drawn here; Monte-Carlo
 * masks always differ from row to row, so that a row's samples do not depend on the rows beside it. Borrows all. */
tn_dropout tn_dropout_begin(const tn_network *network, const tn_mask_source *source, int layer, float *factor);

/* The factors of row `row` of the pass: r / (1 - rate), Gaussian noise around 1, alpha dropout's a r, or an image's
 * patches (nn/patch.h); NULL where nothing is dropped. They stand in the scratch until the next call. */
const float *tn_dropout_row(const tn_dropout *dropout, int64_t row);

/* Behind the factors that tn_dropout_row gave: the shifts of the row's values, where the kind of dropout has some. */
void tn_dropout_shift(const tn_dropout *dropout, const float *factor, float *values);

#endif
