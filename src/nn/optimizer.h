/* Optimisers: one update of the parameter block from the averaged gradient. */
#ifndef TN_NN_OPTIMIZER_H
#define TN_NN_OPTIMIZER_H

#include "nn/network.h"

#define TN_OPTIMIZER_STATES_MAX 2

/* Each state is a block with the network's offsets, kept by every rank. */
typedef struct tn_optimizer {
  tn_optimizer_kind kind;
  tn_train_config train;
  tn_regularization_config regularization;
  int state_count;
  const char *state_names[TN_OPTIMIZER_STATES_MAX]; /* below /optimizer in a checkpoint: "momentum", "m", "v", ... */
  float *states[TN_OPTIMIZER_STATES_MAX];
  double *column_norms; /* scratch of max_norm */
} tn_optimizer;

/* train holds resolved values (no "auto"). Local; the caller owns *optimizer. */
tn_status tn_optimizer_create(tn_optimizer **optimizer, const tn_network *network, const tn_train_config *train,
                              const tn_regularization_config *regularization);
void tn_optimizer_destroy(tn_optimizer **optimizer);

/* The optimiser's usual learning rate and weight decay (Keras's defaults). */
double tn_optimizer_default_learning_rate(tn_optimizer_kind kind);
double tn_optimizer_default_weight_decay(tn_optimizer_kind kind);

/* Step `step` (1 for the first). gradient: the mean over rows, as a block; it is changed in place: L1 and L2 terms are
 * added (weights only: l1 sign(w) + 2 l2 w), then it is clipped to clip_norm as a whole, then the update, then
 * max_norm. Returns the norm of the gradient with L1 and L2, before clipping; when it is not finite nothing is updated.
 */
double tn_optimizer_update(tn_optimizer *optimizer, const tn_network *network, float *parameters, float *gradient,
                           double learning_rate, int64_t step);

#endif
