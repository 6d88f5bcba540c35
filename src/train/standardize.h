/* Mean and deviation of each feature over the training rows of all ranks. */
#ifndef TN_TRAIN_STANDARDIZE_H
#define TN_TRAIN_STANDARDIZE_H

#include "train/rows.h"

/* Sets the transform to (x - mean) / deviation, the population deviation; a constant feature is only shifted. Two
 * passes over the subset in fixed blocks of 256 global rows, whose sums are added in block order: the same bits at any
 * rank count. Collective; the status is agreed on. */
tn_status tn_standardize(const tn_comm *comm, const tn_subset *subset, tn_transform *transform);

#endif
