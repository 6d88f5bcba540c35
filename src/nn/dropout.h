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
  bool shared;   /* one mask for all rows, already in `factor` */
  float *factor; /* scratch of `units` floats */
} tn_dropout;

/* The rate behind a layer (0: the input) in step `step` of a run (0 for the first), from the configured rate r and
 * tau = schedule_steps:
 *   constant    r
 *   curriculum  r (1 - exp(-step / tau)): the keep probability of Morerio et al. 2017 (Curriculum Dropout, ICCV),
 *               (1 - k) exp(-gamma step) + k, with k = 1 - r and gamma = 1 / tau; they take tau = a tenth of the steps
 *   anneal      r exp(-step / tau). Rennie, Goel and Thomas 2014 (annealed dropout, SLT) let the rate fall linearly,
 * and reach 0; this falls faster at first and never ends, but below 2^-17 no unit is dropped any more. A function of
 * the step alone: a resume needs nothing. */
double tn_dropout_rate(const tn_network *network, int layer, int64_t step);

/* True where masks of that step can drop anything. */
bool tn_dropout_acts(const tn_network *network, int64_t step);

/* Prepares the masks behind a layer. Where all rows share one (mask = batch in training) it is drawn here; Monte-Carlo
 * masks always differ from row to row, so that a row's samples do not depend on the rows beside it. Borrows all. */
tn_dropout tn_dropout_begin(const tn_network *network, const tn_mask_source *source, int layer, float *factor);

/* The factors of row `row` of the pass: r / (1 - rate), or Gaussian noise around 1; NULL where nothing is dropped. They
 * stand in the scratch until the next call. */
const float *tn_dropout_row(const tn_dropout *dropout, int64_t row);

#endif
