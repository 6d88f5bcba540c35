/* Learned dropout rates: concrete dropout (Gal, Hron and Kendall 2017, arXiv 1705.07832), one rate a place, for each
 * place whose configured rate, where it starts, is above 0. The parameter is the logit l of the rate p = s(l), s(x) =
 * 1 / (1 + exp(-x)). In training a unit's factor is relaxed, with u uniform in (0, 1) and the temperature t (0.1):
 *
 *     z = s((l + log u - log(1 - u)) / t) ,   f = (1 - z) / (1 - p) ,   df/dl = f (p - z / t) ,
 *
 * so that a' = h f has a derivative after the rate. The mean loss gets, for each place with n decisions in front of the
 * weights W and with N training rows,
 *
 *     1 / N (length_scale^2 / (2 (1 - p)) |W|^2 + entropy_weight n (p log p + (1 - p) log(1 - p))) ,
 *
 * the Kullback-Leibler divergence of the paper for weights as inverted dropout has them, |W|^2 / (1 - p) as in the
 * authors' program. entropy_weight = 1 is that of a loss which is the negative log likelihood, as softmax_cross_entropy
 * is; where that is 1 / c times the loss, entropy_weight is c and length_scale the prior's times sqrt(c). Evaluation
 * drops nothing; Monte-Carlo samples drop units for good, each with probability p. */
#ifndef TN_NN_LEARNED_H
#define TN_NN_LEARNED_H

#include "nn/network.h"

/* Makes the rates of the network those of its parameters, as tn_dropout_rate and checkpoints give them, and prepares
 * what this step's penalties need of the weights. To be called whenever parameters have changed. Nothing where rates
 * are fixed. Local. */
void tn_learned_take(tn_network *network, const float *parameters);

/* Adds `weight` times the derivatives of the terms above after the logits to a gradient. Those after the weights are
 * the optimiser's (l2 of tn_layer). Nothing where rates are fixed. Local. */
void tn_learned_penalise(const tn_network *network, const float *parameters, double weight, float *gradient);

/* What a training pass remembers of the places. */
typedef struct tn_learned tn_learned;

/* The network outlives *learned. Local; the caller owns *learned. */
tn_status tn_learned_create(tn_learned **learned, const tn_network *network, int64_t max_rows);
void tn_learned_destroy(tn_learned **learned);
int64_t tn_learned_bytes(const tn_network *network, int64_t max_rows); /* that tn_learned_create would allocate */

/* On the way forward: row `row` behind a place (0: the input) has become `values`, of which `factor` is the dropout
 * (NULL: none). Nothing where learned is NULL. */
void tn_learned_note(tn_learned *learned, int place, int64_t row, const float *factor, const float *values);

/* Room for dLoss/d(input), which only the input's rate has a use for; NULL where it is not learned. */
float *tn_learned_input_delta(const tn_learned *learned);

/* On the way back: e = dLoss/da' (rows, units) of a place. Writes, or adds, the derivative after its logit. Nothing
 * where learned is NULL, or the place's rate is not learned. */
void tn_learned_backward(const tn_learned *learned, int place, int64_t rows, const float *e, float *gradient,
                         bool accumulate);

#endif
