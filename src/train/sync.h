/* Synchronised batch normalisation (model.batch_norm_sync): the mean and variance of a hidden unit are those of all
 * replicas' rows in a batch of the step (batch number m of each replica together, where train.accumulate = m and more),
 * and so are the two means of the way back. The replicas of a rank advance together, layer by layer; between the
 * layers one reduction over all ranks adds up what was summed over rows, a layer and direction.
 *
 * Those sums are integers, as in the exact reduction (dist/sums.h: multiples of 2^-40), in both modes of
 * parallel.reduction: the statistics have the same bits at any number of ranks. A sum beyond 2^40 counts as not finite,
 * and the finding names the layer.
 *
 * Each replica of a rank has a workspace, targets and a gradient of its own. Private to src/train. */
#ifndef TN_TRAIN_SYNC_H
#define TN_TRAIN_SYNC_H

#include "train/step.h"

typedef struct tn_sync tn_sync;

/* Into run->sync, NULL where it is not asked for; for batches of up to `rows` rows, after the run's own buffers, which
 * serve its first replica. TN_ERR_MEMORY. Local. */
tn_status tn_sync_create(tn_run *run, int64_t rows);
void tn_sync_destroy(tn_sync **sync);
int64_t tn_sync_bytes(const tn_run *run); /* what the rank holds in addition */

/* The step's batches of all replicas of this rank; their gradients are added to the reducer. Every rank takes part in
 * all reductions, whatever fails. Collective; TN_ERR_NUMERIC and run->deferred are this rank's alone. */
tn_status tn_sync_compute(tn_run *run, double *clock, tn_finding *found);

#endif
