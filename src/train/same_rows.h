/* Whether all ranks read the same rows, though each has read others. */
#ifndef TN_TRAIN_SAME_ROWS_H
#define TN_TRAIN_SAME_ROWS_H

#include "train/rows.h"

/* Compares what the ranks have loaded of a subset. Each hashes the rows that it has read. Copies on several nodes have
 * to have the same hash. Ranks that filled one copy together have to have read one file: the same inode, size and time
 * of change; where that is not so, each file is hashed as a whole, by the ranks that read it together. TN_ERR_MISMATCH
 * names the file and the ranks whose rows differ (by majority where there are three or more). *hash is that of the
 * whole subset, whatever the ranks. what: "training", for messages. TN_ERR_DATA and TN_ERR_IO where reading fails.
 * Before weights of classes go into the rows. Collective, agreed. */
tn_status tn_check_same_rows(const tn_comm *comm, const tn_rows *rows, const tn_subset *subset, const char *what,
                             uint64_t *hash);

#endif
