/* Optimisers: one update of the parameter block from the averaged gradient. */
#ifndef TN_NN_OPTIMIZER_H
#define TN_NN_OPTIMIZER_H

#include "nn/network.h"

#define TN_OPTIMIZER_STATES_MAX 2

/* With rate the learning rate, g the gradient (after L1, L2 and clipping) and t the step, each follows Keras 3:
 *
 *   sgd      w -= rate g ; with momentum v = momentum v - rate g, w += v ; nesterov w += momentum v - rate g
 *            (Sutskever et al. 2013). PyTorch multiplies by the rate after the momentum: the same while the rate is
 *            constant.
 *   rmsprop  s = rho s + (1 - rho) g^2 ; w -= rate g / sqrt(s + epsilon) (Hinton 2012); with momentum
 *            v = momentum v + rate g / sqrt(s + epsilon), w -= v. PyTorch: sqrt(s) + epsilon, epsilon 1e-8, its alpha
 *            (our rho) .99.
 *   adam     m = beta1 m + (1 - beta1) g ; v = beta2 v + (1 - beta2) g^2 ;
 *            w -= rate sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon) (Kingma and Ba 2015, with the epsilon
 *            that the text before its section 2.1 calls epsilon hat). PyTorch corrects v before it adds epsilon,
 *            so an epsilon of its own acts as epsilon sqrt(1 - beta2^t) does here, and has 1e-8.
 *   adamw    adam, with a weight decay unless told otherwise (Loshchilov and Hutter 2019)
 *   adagrad  s += g^2 from a start of 0.1 ; w -= rate g / sqrt(s + epsilon) (Duchi et al. 2011). PyTorch: a start of 0,
 *            sqrt(s) + epsilon, epsilon 1e-10.
 *
 * weight_decay is decoupled in every optimiser: w -= rate weight_decay w, just before its update. It decays weights,
 * not biases (Keras and PyTorch decay both; PyTorch's adam, sgd, rmsprop and adagrad add it to the gradient instead).
 *
 * Each state is a block with the network's offsets, kept by every rank; its gaps hold zeros. */
typedef struct tn_optimizer {
  tn_optimizer_kind kind;
  tn_train_config train;
  tn_regularization_config regularization;
  int state_count;
  const char *state_names[TN_OPTIMIZER_STATES_MAX]; /* below /optimizer in a checkpoint: "momentum", "m", "v", ... */
  float *states[TN_OPTIMIZER_STATES_MAX];
  double *column_norms; /* scratch of max_norm; NULL where it is off */
} tn_optimizer;

/* train holds resolved values (no "auto"). TN_ERR_MEMORY. Local; the caller owns *optimizer. */
tn_status tn_optimizer_create(tn_optimizer **optimizer, const tn_network *network, const tn_train_config *train,
                              const tn_regularization_config *regularization);

/* Local. Clears the pointer; NULL is allowed. */
void tn_optimizer_destroy(tn_optimizer **optimizer);

/* Step `step` (1 for the first). gradient: the mean over rows, as a block. L1 and L2 terms are added to it in place
 * (weights only: l1 sign(w) + 2 l2 w); what the update then takes is clipped to clip_norm, as a whole; max_norm comes
 * last and limits the columns of every weight. Returns the norm of the gradient with L1 and L2, before clipping; when
 * it is not finite nothing is updated. Local. */
double tn_optimizer_update(tn_optimizer *optimizer, const tn_network *network, float *parameters, float *gradient,
                           double learning_rate, int64_t step);

#endif
