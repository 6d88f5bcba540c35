/* How much training rows count: their own weights, and those of their classes. */
#include "base/memory.h"
#include "train/run.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Rows of each class over all ranks, counting each row once. */
static void count_classes(const tn_run *run, int64_t *counts) {
  const tn_rows *rows = &run->data.train_rows;
  const tn_comm *comm = run->comm;
  const tn_range mine = tn_sampler_positions_of_rank(&run->sampler, tn_comm_rank(comm), tn_comm_size(comm));
  for (int64_t i = 0; i < mine.count; i++)
    counts[rows->arrays.labels[mine.first - rows->first + i]]++;
  tn_comm_sum_int64(comm, counts, run->config.model.outputs);
}

/* One weight a class: as listed, or rows / (classes x rows of the class), as scikit-learn's "balanced". */
static tn_status find_class_weights(const tn_run *run, double *weights, int64_t *counts) {
  const tn_class_weights *wanted = &run->config.train.class_weights;
  const int64_t classes = run->config.model.outputs;
  assert(weights && counts); /* all ranks have agreed that they were allocated */
  if (wanted->mode == TN_CLASS_WEIGHTS_LIST) {
    if (wanted->list.count != classes)
      return tn_fail(TN_ERR_CONFIG,
                     "train.class_weights lists %d weights, but there are %lld classes: give one for each",
                     wanted->list.count, (long long)classes);
    memcpy(weights, wanted->list.values, (size_t)classes * sizeof *weights);
    return TN_OK;
  }
  count_classes(run, counts);
  for (int64_t k = 0; k < classes; k++)
    weights[k] = counts[k] ? (double)run->data.train.rows / ((double)classes * (double)counts[k]) : 0.0;
  return TN_OK;
}

/* Multiplies the rows' weights by their class's: each rank of a node those that it alone owns. */
static void apply_class_weights(tn_run *run, const double *weights) {
  const tn_rows *rows = &run->data.train_rows;
  const tn_range part = rows->shared
                            ? tn_range_split(rows->count, tn_comm_node_size(run->comm), tn_comm_node_rank(run->comm))
                            : (tn_range){0, rows->count};
  for (int64_t i = part.first; i < part.first + part.count; i++)
    rows->arrays.weights[i] *= (float)weights[rows->arrays.labels[i]];
  if (rows->shared)
    tn_shared_fence(rows->shared);
}

static tn_status weigh_classes(tn_run *run) {
  if (run->config.train.class_weights.mode == TN_CLASS_WEIGHTS_NONE)
    return TN_OK;
  double *weights = NULL;
  int64_t *counts = NULL;
  tn_status status = tn_alloc(&weights, run->config.model.outputs, sizeof *weights, "class weights");
  if (status == TN_OK)
    status = tn_alloc(&counts, run->config.model.outputs, sizeof *counts, "class counts");
  status = tn_comm_agree(run->comm, status);
  if (status == TN_OK)
    status = find_class_weights(run, weights, counts);
  if (status == TN_OK)
    apply_class_weights(run, weights);
  tn_free(&weights);
  tn_free(&counts);
  return status;
}

/* Means are sums over weights: some have to be above 0. */
static tn_status check_weights(const tn_run *run) {
  const tn_row_arrays *arrays = &run->data.train_rows.arrays;
  const char *weight = run->config.data.train_weight;
  double greatest = 0;
  if (!run->data.weighted)
    return TN_OK;
  for (int64_t i = 0; i < run->data.train_rows.count; i++)
    greatest = fmax(greatest, (double)arrays->weights[i]);
  tn_comm_max_double(run->comm, &greatest, 1);
  if (greatest > 0)
    return TN_OK;
  return tn_fail(TN_ERR_DATA,
                 "%s and train.class_weights give every training row the weight 0: nothing is to be learned",
                 weight[0] ? weight : "the weights");
}

tn_status tn_run_weigh_rows(tn_run *run) {
  TN_TRY(weigh_classes(run));
  return check_weights(run);
}
