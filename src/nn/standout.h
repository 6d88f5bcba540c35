/* Standout (Ba and Frey 2013, "adaptive dropout"): a hidden unit is kept with a probability that depends on its input,
 *     pi = sigmoid(alpha z + beta) ,   z = a W + b ,
 * with the weights of the standout network tied to those of the network itself (the paper found the ones it learned to
 * be nearly such an affine map of them). a' = h m with m ~ Bernoulli(pi) in training and in Monte-Carlo samples, and a'
 * = h pi, the mean, in evaluation: nothing is divided by pi. The gradient goes through h alone, with m a constant, as
 * the paper trains the network's weights. Private to the passes. */
#ifndef TN_NN_STANDOUT_H
#define TN_NN_STANDOUT_H

#include "nn/dropout.h"

/* True behind the hidden layers of a network of this kind; its input is dropped by dropout.input as elsewhere. */
bool tn_standout_is_used(const tn_network *network, int layer);

/* The factors of a row whose z lacks its bias still: m, drawn unit by unit with the words of the row's place, or pi
 * where there are no masks. They stand in the scratch of `dropout`, which tn_dropout_begin prepared, until the next
 * call. */
const float *tn_standout_row(const tn_dropout *dropout, int64_t row, const float *bias, const float *z);

#endif
