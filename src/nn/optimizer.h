/* Optimisers: one update of the parameter block from the averaged gradient. */
#ifndef TN_NN_OPTIMIZER_H
#define TN_NN_OPTIMIZER_H

#include "math/share.h"
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
 * Each state is a block with the network's offsets; its gaps hold zeros. */
typedef struct tn_optimizer {
  tn_train_config train;
  tn_regularization_config regularization;
  int state_count;
  const char *state_names[TN_OPTIMIZER_STATES_MAX]; /* below /optimizer in a checkpoint: "momentum", "m", "v", ... */
  float *states[TN_OPTIMIZER_STATES_MAX];
  double *square_sums;  /* of the gradient, one for each TN_SHARE_STEP values of the block */
  double *column_norms; /* scratch of max_norm; NULL where it is off */
  void *memory;         /* what states and square_sums point into; NULL where that was given */
} tn_optimizer;

/* train holds resolved values (no "auto"). TN_ERR_MEMORY. Local; the caller owns *optimizer. */
tn_status tn_optimizer_create(tn_optimizer **optimizer, const tn_network *network, const tn_train_config *train,
                              const tn_regularization_config *regularization);

/* The same with its states and sums in the caller's memory: tn_optimizer_bytes of it, zeroed and 64-byte aligned, which
 * several ranks may share. */
tn_status tn_optimizer_create_in(tn_optimizer **optimizer, const tn_network *network, const tn_train_config *train,
                                 const tn_regularization_config *regularization, void *memory);
int64_t tn_optimizer_bytes(const tn_network *network, const tn_train_config *train);

/* Local. Clears the pointer; NULL is allowed. */
void tn_optimizer_destroy(tn_optimizer **optimizer);

/* An update comes in parts, so that ranks which share one parameter block can each do their share of it, with a barrier
 * between the parts. The gradient is a sum over rows, of which `scale` times is the mean; `gradient` points at the
 * share's first value. Whatever the shares, the results have the same bits. All are local, and allocate nothing.
 *
 * 1. measure: adds the L1 and L2 terms (weights only: l1 sign(w) + 2 l2 w to the mean) to the share's gradient, in
 *    place, and writes the share's square_sums.
 * 2. norm, when square_sums are complete: that of the whole mean gradient with L1 and L2, before clipping. Statistics
 *    have no part in it, but where one is not finite the norm is not.
 * 3. apply: the update of the share's parameters and states in step `step` (1 for the first), with the gradient clipped
 *    to clip_norm as a whole. `norm` is finite.
 *    track: the statistics of the share, s = momentum s + (1 - momentum) x, where x is `scale` times what the gradient
 *    block holds in the statistic's place: the sum over batches of share x what the batch found, the shares being
 *    fractions of 1 / scale. momentum: network->statistic_momentum.
 * 4. limit, when the parameters are complete: max_norm on the share's columns of every weight. */
void tn_optimizer_measure(const tn_optimizer *optimizer, const tn_network *network, tn_share share,
                          const float *parameters, float *gradient, double scale);
double tn_optimizer_norm(const tn_optimizer *optimizer, const tn_network *network, double scale);
void tn_optimizer_apply(const tn_optimizer *optimizer, const tn_network *network, tn_share share, float *parameters,
                        const float *gradient, double scale, double norm, double learning_rate, int64_t step);
void tn_optimizer_track(const tn_network *network, tn_share share, float *parameters, const float *gradient,
                        double scale);
void tn_optimizer_limit(const tn_optimizer *optimizer, const tn_network *network, tn_share share, float *parameters);

/* True where the fourth part does something. */
bool tn_optimizer_limits(const tn_optimizer *optimizer);

/* All of them over the whole block, from a mean gradient. Returns the norm; when it is not finite nothing is updated.
 */
double tn_optimizer_update(const tn_optimizer *optimizer, const tn_network *network, float *parameters, float *gradient,
                           double learning_rate, int64_t step);

#endif
