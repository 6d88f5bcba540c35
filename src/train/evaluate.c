#include "train/evaluate.h"

#include "base/memory.h"

enum { SUM_LOSS, SUM_WEIGHT, SUM_CORRECT, SUM_ROWS, SUMS };

tn_range tn_blocks_of_rank(int64_t rows, int rank, int size) {
  return tn_range_split((rows + TN_BLOCK_ROWS - 1) / TN_BLOCK_ROWS, size, rank);
}

tn_range tn_block_rows(int64_t rows, int64_t block) {
  const int64_t first = block * TN_BLOCK_ROWS;
  const int64_t rest = rows - first;
  return (tn_range){.first = first, .count = rest < TN_BLOCK_ROWS ? rest : TN_BLOCK_ROWS};
}

tn_range tn_block_rows_of_rank(int64_t rows, int rank, int size) {
  const tn_range blocks = tn_blocks_of_rank(rows, rank, size);
  const int64_t first = blocks.first * TN_BLOCK_ROWS;
  const int64_t end = (blocks.first + blocks.count) * TN_BLOCK_ROWS;
  const int64_t bounded_first = first < rows ? first : rows;
  return (tn_range){.first = bounded_first, .count = (end < rows ? end : rows) - bounded_first};
}

tn_status tn_evaluator_create(tn_evaluator *evaluator, const tn_comm *comm, const tn_network *network, int64_t rows) {
  *evaluator = (tn_evaluator){.comm = comm, .network = network, .rows = rows};
  const tn_range blocks = tn_blocks_of_rank(rows, tn_comm_rank(comm), tn_comm_size(comm));
  TN_TRY(tn_workspace_create(&evaluator->workspace, network, TN_BLOCK_ROWS, false));
  return tn_alloc(&evaluator->block_sums, blocks.count * SUMS, sizeof(double), "sums of the blocks");
}

void tn_evaluator_destroy(tn_evaluator *evaluator) {
  tn_workspace_destroy(&evaluator->workspace);
  tn_free(&evaluator->block_sums);
}

static tn_status run_block(tn_evaluator *evaluator, const float *parameters, tn_range rows, tn_fetch *fetch,
                           void *context, double *block_sums) {
  tn_targets targets = {0};
  tn_loss_sums sums = {0};
  TN_TRY(fetch(context, rows.first, rows.count, evaluator->workspace->input, &targets));
  float *z = tn_network_forward(evaluator->network, parameters, evaluator->workspace, rows.count, NULL);
  tn_loss_add(evaluator->network->loss, rows.count, evaluator->network->outputs, z, &targets, false, &sums);
  block_sums[SUM_LOSS] = sums.loss;
  block_sums[SUM_WEIGHT] = sums.weight;
  block_sums[SUM_CORRECT] = sums.correct;
  block_sums[SUM_ROWS] = (double)sums.rows;
  return TN_OK;
}

tn_status tn_evaluator_run(tn_evaluator *evaluator, const float *parameters, tn_fetch *fetch, void *context,
                           tn_loss_sums *sums) {
  const tn_comm *comm = evaluator->comm;
  const tn_range blocks = tn_blocks_of_rank(evaluator->rows, tn_comm_rank(comm), tn_comm_size(comm));
  tn_status status = TN_OK;
  for (int64_t i = 0; i < blocks.count && status == TN_OK; i++)
    status = run_block(evaluator, parameters, tn_block_rows(evaluator->rows, blocks.first + i), fetch, context,
                       evaluator->block_sums + i * SUMS);
  TN_TRY(tn_comm_agree(comm, status));
  double total[SUMS];
  tn_comm_ordered_sum(comm, evaluator->block_sums, blocks.count, SUMS, total);
  *sums = (tn_loss_sums){.loss = total[SUM_LOSS],
                         .weight = total[SUM_WEIGHT],
                         .correct = total[SUM_CORRECT],
                         .rows = (int64_t)total[SUM_ROWS]};
  return TN_OK;
}
