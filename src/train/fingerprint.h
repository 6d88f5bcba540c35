/* Short numbers for what ranks, and a run and its resume, have to have in common. */
#ifndef TN_TRAIN_FINGERPRINT_H
#define TN_TRAIN_FINGERPRINT_H

#include "train/row_source.h"

/* A hash of up to 64 rows, spread evenly from the first to the last: another file of the same shape has another one.
 * A row that cannot be read counts as nothing: loading says more about it. TN_ERR_MEMORY. Local. */
tn_status tn_fingerprint_rows(tn_row_source *source, uint64_t *fingerprint);

/* A hash of the file that this code was loaded from, the library or the program; 0 where it cannot be read. Local. */
uint64_t tn_fingerprint_build(void);

#endif
