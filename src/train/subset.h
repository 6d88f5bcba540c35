/* A part of a source's rows, numbered from 0 in the source's order: all of them, those held out for validation, or the
 * rest. */
#ifndef TN_TRAIN_SUBSET_H
#define TN_TRAIN_SUBSET_H

#include "train/row_source.h"

/* Which rows of a source are held out. */
typedef struct tn_holdout {
  uint8_t *held; /* one byte a source row */
  int64_t
      *held_before; /* held rows before each block of TN_HOLDOUT_BLOCK source rows, so that a row is found at once */
} tn_holdout;

#define TN_HOLDOUT_BLOCK 1024

typedef struct tn_subset {
  tn_row_source *source;     /* borrowed */
  const tn_holdout *holdout; /* borrowed; NULL: the subset is all rows */
  uint8_t wanted;            /* 1: the rows held out, 0: the others */
  int64_t rows;
} tn_subset;

tn_subset tn_subset_all(tn_row_source *source);

/* Draws round(fraction rows) rows, at least 1, by a seeded permutation (TN_STREAM_SPLIT): the split depends on rows,
 * fraction and seed alone. The holdout is the caller's to destroy and outlives both subsets. TN_ERR_DATA where no row
 * is left for one of them. */
tn_status tn_subset_hold_out(tn_row_source *source, double fraction, uint64_t seed, tn_holdout *holdout,
                             tn_subset *train, tn_subset *valid);
void tn_holdout_destroy(tn_holdout *holdout);

/* The subset's rows first..first+count-1 into the arrays that are not NULL. */
tn_status tn_subset_read(const tn_subset *subset, int64_t first, int64_t count, const tn_row_arrays *out);

/* Allocates arrays for `count` rows of a source in one block, owned through *block (tn_free). Arrays for what the
 * source has: features, labels or values, weights where `weights`. */
tn_status tn_row_arrays_allocate(tn_row_arrays *arrays, void **block, const tn_row_source *source, int64_t count,
                                 bool weights);

/* Bytes of that block, and its layout over given memory. */
int64_t tn_row_arrays_bytes(const tn_row_source *source, int64_t count, bool weights);
tn_row_arrays tn_row_arrays_place(void *memory, const tn_row_source *source, int64_t count, bool weights);

#endif
