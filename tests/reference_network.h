/* The network once more, naive and in double: one row, one unit, one weight at a time, with the masks put together from
 * their random words. What the tests of src/nn compare with. */
#ifndef TN_TESTS_REFERENCE_NETWORK_H
#define TN_TESTS_REFERENCE_NETWORK_H

#include "nn/loss.h"
#include "nn/network.h"

/* The factor that dropout multiplies a unit of a row with; layer as in a place: 0 = input, i = behind layer i. */
double reference_factor(const tn_network *network, const tn_mask_source *masks, int layer, int64_t row, int64_t unit);

/* z (rows, outputs) of the last layer. parameters: a block of doubles. masks NULL: evaluation. */
void reference_forward(const tn_network *network, const double *parameters, const float *x, int64_t rows,
                       const tn_mask_source *masks, double *z);

/* Sum over rows of weight x loss, from z. */
double reference_loss(tn_loss loss, int64_t rows, int64_t outputs, const double *z, const tn_targets *targets);

#endif
