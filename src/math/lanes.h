/* Long sums that have the same bits on every processor. */
#ifndef TN_MATH_LANES_H
#define TN_MATH_LANES_H

/* A sum is kept in this many partial sums, value i in lane i % TN_LANES, whatever the registers hold: compilers may not
 * reorder a sum, and two processors must agree on it. */
#define TN_LANES 32

/* The lanes' total, pairwise. */
static inline double tn_lanes_total(double lane[TN_LANES]) {
  for (int width = TN_LANES / 2; width > 0; width /= 2)
    for (int k = 0; k < width; k++)
      lane[k] += lane[k + width];
  return lane[0];
}

#endif
