/* Changes of a batch of training rows at the input: shifted and rotated images, mixed rows, noise. Nothing here has a
 * state: what happens to a row is a function of (seed, replica, step, row). */
#ifndef TN_NN_AUGMENT_H
#define TN_NN_AUGMENT_H

#include "base/error.h"
#include "nn/loss.h"

typedef struct tn_augment tn_augment;

/* True where rows are changed; label smoothing alone is the loss's (tn_targets). */
bool tn_augment_is_asked(const tn_augment_config *config);

/* For batches of up to max_rows rows of `inputs` features and `outputs` outputs. TN_ERR_CONFIG where augment.shape is
 * not that of the rows, or scratch memory is short. Local; the caller owns *augment. */
tn_status tn_augment_create(tn_augment **augment, const tn_augment_config *config, uint64_t seed, int64_t inputs,
                            int64_t outputs, int64_t max_rows);
void tn_augment_destroy(tn_augment **augment); /* NULL is no error */

/* True where tn_augment_apply takes rows as they are stored, and makes them the network's input itself: what comes in
 * from outside of an image is a stored 0, whatever scale and shift make of it. Of NULL: false. */
bool tn_augment_takes_stored_rows(const tn_augment *augment);

/* A batch to be changed in place. What is not there is NULL. Borrowed. */
typedef struct tn_augment_batch {
  uint32_t replica;
  uint64_t step;
  int64_t first_row; /* of the batch, among the replica's rows of the step */
  int64_t rows;
  const float *scale, *shift; /* (inputs): where tn_augment_takes_stored_rows */
  float *input;               /* (rows, inputs) */
  const int32_t *labels;      /* (rows) */
  float *values;              /* (rows, outputs) */
  float *weights;             /* (rows) */
} tn_augment_batch;

/* In this order:
 *
 * 1. shift and rotate: each image by amounts that are uniform in [-shift, shift] pixels, rows and columns apart, and in
 *    [-rotate, rotate] degrees; see math/warp.h.
 * 2. mixup (Zhang et al. 2018): row i becomes s x_i + (1 - s) x_p(i), with s from Beta(mixup, mixup) for each row and p
 *    a permutation of the batch. Values are mixed in the same way, and so are weights. Of labels both stay, with
 *    shares: *targets gets them.
 * 3. noise: each feature of the mixed row gets a normal number of that deviation.
 *
 * Allocates nothing. Local. */
void tn_augment_apply(const tn_augment *augment, const tn_augment_batch *batch, tn_targets *targets);

#endif
