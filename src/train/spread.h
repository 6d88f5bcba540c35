/* How the predictions of several networks for blocks of rows are dealt out over the ranks. A block's members are cut
 * into parts, whose number depends on the members alone; the parts of all blocks, in order, make one sequence, of which
 * a rank has a stretch with about as many rows to compute as any other. So few rows and many members keep all ranks
 * busy, too. The rank that has a block's first part owns the block: it adds up the parts in their order, whoever
 * computed them, and the sum has the same bits for every number of ranks. */
#ifndef TN_TRAIN_SPREAD_H
#define TN_TRAIN_SPREAD_H

#include "train/sampler.h"

#define TN_SPREAD_PARTS_MAX 16

typedef struct tn_spread {
  int64_t rows;   /* from the start of a block on */
  int64_t blocks; /* of TN_BLOCK_ROWS rows, the last one may be short */
  int64_t members;
  int parts;
  int ranks;
} tn_spread;

tn_spread tn_spread_of(int64_t rows, int64_t members, int ranks);

/* Block and part where a rank's stretch begins; it ends where the next one's begins, that of rank `ranks` at
 * {blocks, 0}. */
typedef struct tn_spread_place {
  int64_t block;
  int part;
} tn_spread_place;

tn_spread_place tn_spread_start(const tn_spread *spread, int rank);

/* The blocks that a rank owns, and who owns one. */
tn_range tn_spread_owned(const tn_spread *spread, int rank);
int tn_spread_owner(const tn_spread *spread, int64_t block);

/* The parts of a block that a rank computes, and the members of a part. */
tn_range tn_spread_parts(const tn_spread *spread, int rank, int64_t block);
tn_range tn_spread_members(const tn_spread *spread, int64_t part);

#endif
