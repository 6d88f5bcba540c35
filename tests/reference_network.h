/* The network once more, naive and in double: one row, one unit, one weight at a time, with the masks put together from
 * their random words. What the tests of src/nn compare with. */
#ifndef TN_TESTS_REFERENCE_NETWORK_H
#define TN_TESTS_REFERENCE_NETWORK_H

#include "nn/loss.h"
#include "nn/network.h"

/* The most of each that a test here has; layers count the input. */
enum { REFERENCE_LAYERS = 5, REFERENCE_ROWS = 8, REFERENCE_UNITS = 32 };

/* The factors of a whole pass, by layer (as in a place), row and unit, and what is added behind them (alpha dropout).
 */
typedef struct reference_masks {
  double factor[REFERENCE_LAYERS][REFERENCE_ROWS][REFERENCE_UNITS];
  double shift[REFERENCE_LAYERS][REFERENCE_ROWS][REFERENCE_UNITS];
  /* Of the weight from input i of layer l (0: the first) to unit j; the bias comes behind the last input. */
  double connection[REFERENCE_LAYERS][REFERENCE_ROWS][REFERENCE_UNITS + 1][REFERENCE_UNITS];
  /* kind = standout: what a hidden unit is kept below; below 0: it is multiplied by its probability. */
  double chance[REFERENCE_LAYERS][REFERENCE_ROWS][REFERENCE_UNITS];
  bool training; /* batch normalisation is by the rows of the pass; reference_draw leaves it alone */
} reference_masks;

/* masks NULL: factors of 1 and shifts of 0, as in evaluation. */
void reference_draw(const tn_network *network, const tn_mask_source *masks, int64_t rows, reference_masks *drawn);

/* The probability of a patch's corner (dropout.block), from the shares pixel by pixel. */
double reference_patch_probability(const tn_network *network, double rate);

/* z (rows, outputs) of the last layer. parameters: a block of doubles. */
void reference_forward(const tn_network *network, const double *parameters, const float *x, int64_t rows,
                       const reference_masks *drawn, double *z);

/* Sum over rows of weight x loss, from z. */
double reference_loss(tn_loss loss, int64_t rows, int64_t outputs, const double *z, const tn_targets *targets);

#endif
