/* Loss and accuracy over rows, in fixed blocks of 256 global rows, a rank taking whole blocks: BLAS changes a row's
 * bits with the number of rows beside it, so what feeds it is cut independently of ranks. */
#ifndef TN_TRAIN_EVALUATE_H
#define TN_TRAIN_EVALUATE_H

#include "dist/comm.h"
#include "nn/loss.h"
#include "nn/network.h"
#include "train/sampler.h"

#define TN_BLOCK_ROWS 256

/* Blocks of a rank, and the rows in them. */
tn_range tn_blocks_of_rank(int64_t rows, int rank, int size);
tn_range tn_block_rows(int64_t rows, int64_t block);
tn_range tn_block_rows_of_rank(int64_t rows, int rank, int size);

/* Fills `input` (count, inputs) with transformed rows first..first+count-1 and points *targets at their targets. */
typedef tn_status tn_fetch(void *context, int64_t first, int64_t count, float *input, tn_targets *targets);

/* Buffers of an evaluation over `rows` rows on this rank. */
typedef struct tn_evaluator {
  const tn_comm *comm;
  const tn_network *network;
  int64_t rows;
  tn_workspace *workspace;
  double *block_sums; /* (blocks of this rank, 4) */
} tn_evaluator;

tn_status tn_evaluator_create(tn_evaluator *evaluator, const tn_comm *comm, const tn_network *network, int64_t rows);
void tn_evaluator_destroy(tn_evaluator *evaluator);

/* Sums over all rows of all ranks, the same bits on every rank and for every number of ranks. Collective; the status is
 * agreed on. */
tn_status tn_evaluator_run(tn_evaluator *evaluator, const float *parameters, tn_fetch *fetch, void *context,
                           tn_loss_sums *sums);

#endif
