/* What the ways through a step have in common. Private to src/train. */
#ifndef TN_TRAIN_STEP_H
#define TN_TRAIN_STEP_H

#include "train/run.h"

/* Sums over rows of synchronised normalisation that left their range (train/sync.h). */
typedef struct tn_bad_sums {
  int layer;       /* 1 for the first hidden layer; 0: there are none */
  bool is_forward; /* of the layer's inputs; else of its gradients */
} tn_bad_sums;

/* A gradient, a loss or sums that are not finite: the first ones that this rank met in the step. */
typedef struct tn_finding {
  const char *where; /* NULL: all are finite */
  int64_t replica;
  double value;
  tn_bad_sums sums;
} tn_finding;

/* Adds the seconds since *from to *phase, and starts the next phase. */
void tn_step_end_phase(double *phase, double *from);
void tn_step_mark(const tn_run *run, tn_phase phase);

/* A replica's batch into run->workspace's input, changed where the configuration asks for it. Returns what the loss
 * compares with, in run->batch and run->augment. first_row: the batch's first row in the replica's step. */
tn_targets tn_step_prepare(tn_run *run, int64_t replica, tn_range batch, int64_t first_row);
tn_mask_source tn_step_masks(const tn_run *run, int64_t replica, int64_t first_row);

/* Takes in the gradient that stands in the reducer's block. TN_ERR_NUMERIC beyond the exact range; what is not finite
 * is noted in *found instead. */
tn_status tn_step_add_replica(tn_run *run, int64_t replica, const tn_loss_sums *sums, tn_finding *found);

#endif
