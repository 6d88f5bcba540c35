#include "train/sync.h"

#include "base/memory.h"
#include "dist/sums.h"
#include "math/kernels.h"
#include "nn/norm.h"
#include "nn/pass.h"

#include <string.h>

/* A replica of this rank, with its batch under way. */
typedef struct lane {
  int64_t replica;
  tn_workspace *workspace;
  tn_batch batch;
  tn_augment *augment;
  float *gradient; /* NULL: the only lane writes into the reducer's */
  int64_t rows;
  tn_targets targets;
  tn_mask_source masks;
  tn_loss_sums sums;
} lane;

struct tn_sync {
  int64_t lane_count;
  lane *lanes; /* the first one has the run's buffers */
  double *own, *all;
  int64_t *words;
  tn_bad_sums bad; /* the first ones of the step */
};

static int64_t widest(const tn_network *network) {
  int64_t width = 0;
  for (int l = 0; l < network->layer_count; l++)
    width = network->layers[l].outputs > width ? network->layers[l].outputs : width;
  return width;
}

static tn_status create_lane(const tn_run *run, int64_t index, int64_t rows, lane *made) {
  made->replica = run->replicas.first + index;
  if (run->replicas.count > 1)
    TN_TRY(tn_alloc(&made->gradient, run->network->block_size, sizeof(float), "the gradient of a replica"));
  if (index == 0) {
    made->workspace = run->workspace;
    made->batch = run->batch;
    made->augment = run->augment;
    return TN_OK;
  }
  TN_TRY(tn_workspace_create(&made->workspace, run->network, rows, true));
  TN_TRY(tn_batch_create(&made->batch, &run->data.train_source, rows, run->data.weighted));
  if (!run->augment)
    return TN_OK;
  return tn_augment_create(&made->augment, &run->config.augment, (uint64_t)run->config.train.seed, run->network->inputs,
                           run->network->outputs, rows);
}

static tn_status create(tn_run *run, int64_t rows, tn_sync *sync) {
  const int64_t sums = 2 * widest(run->network);
  TN_TRY(tn_alloc(&sync->lanes, run->replicas.count, sizeof(lane), "the replicas of a rank"));
  sync->lane_count = run->replicas.count;
  TN_TRY(tn_alloc(&sync->own, sums, sizeof(double), "sums over rows"));
  TN_TRY(tn_alloc(&sync->all, sums, sizeof(double), "sums over rows"));
  TN_TRY(tn_alloc(&sync->words, TN_SUM_ALL_WORDS(sums), sizeof(int64_t), "sums over rows"));
  for (int64_t i = 0; i < sync->lane_count; i++)
    TN_TRY(create_lane(run, i, rows, &sync->lanes[i]));
  return TN_OK;
}

tn_status tn_sync_create(tn_run *run, int64_t rows) {
  if (!run->config.model.batch_norm_sync)
    return TN_OK;
  TN_TRY(tn_alloc(&run->sync, 1, sizeof *run->sync, "the replicas of a rank"));
  return create(run, rows, run->sync); /* what is there is destroyed with the run */
}

void tn_sync_destroy(tn_sync **sync) {
  if (!*sync)
    return;
  for (int64_t i = 0; i < (*sync)->lane_count; i++) {
    lane *l = &(*sync)->lanes[i];
    tn_free(&l->gradient);
    if (i == 0)
      continue;
    tn_workspace_destroy(&l->workspace);
    tn_batch_destroy(&l->batch);
    tn_augment_destroy(&l->augment);
  }
  tn_free(&(*sync)->lanes);
  tn_free(&(*sync)->own);
  tn_free(&(*sync)->all);
  tn_free(&(*sync)->words);
  tn_free(sync);
}

int64_t tn_sync_bytes(const tn_run *run) {
  const int64_t lanes = run->sync ? run->sync->lane_count : 1;
  const int64_t block = run->network->block_size * (int64_t)sizeof(float);
  return lanes == 1 ? 0
                    : (lanes - 1) * tn_workspace_bytes(run->network, run->workspace->max_rows, true) + lanes * block;
}

static float *gradient_of(const tn_run *run, const lane *l) {
  return l->gradient ? l->gradient : tn_reducer_gradient(run->reducer);
}

/* The lane's buffers and the run's change places; those of the first lane are the same. */
static void exchange(tn_run *run, lane *l) {
  const lane kept = {.workspace = run->workspace, .batch = run->batch, .augment = run->augment};
  run->workspace = l->workspace;
  run->batch = l->batch;
  run->augment = l->augment;
  l->workspace = kept.workspace;
  l->batch = kept.batch;
  l->augment = kept.augment;
}

static void prepare(tn_run *run, lane *l, int64_t micro) {
  const tn_range rows = tn_sampler_batch(&run->sampler, l->replica, run->progress.step_in_epoch, micro);
  const int64_t first_row = micro * run->config.train.batch_size;
  l->rows = rows.count;
  l->masks = tn_step_masks(run, l->replica, first_row);
  if (rows.count == 0)
    return;
  exchange(run, l);
  l->targets = tn_step_prepare(run, l->replica, rows, first_row);
  exchange(run, l);
}

/* Of all replicas in their batch number `micro`. */
static int64_t rows_of_all(const tn_run *run, int64_t micro) {
  int64_t rows = 0;
  for (int64_t replica = 0; replica < run->sampler.replicas; replica++)
    rows += tn_sampler_batch(&run->sampler, replica, run->progress.step_in_epoch, micro).count;
  return rows;
}

/* Adds up over the ranks what the lanes have put into the words. */
static void sum_over_ranks(tn_run *run, int64_t count, double *clock) {
  tn_sync *sync = run->sync;
  tn_rank_times *times = &run->times;
  tn_step_end_phase(&times->compute_s, clock);
  tn_comm_sum_int64(run->comm, sync->words, TN_SUM_ALL_WORDS(count));
  tn_sum_read_all(count, sync->words, sync->all);
  tn_step_end_phase(&times->reduce_s, clock);
}

/* On all ranks alike: the word behind the sums counts what could not be added. */
static void note_bad_sums(tn_sync *sync, int64_t count, int layer, bool is_forward) {
  if (sync->words[count * TN_SUM_WORDS] > 0 && sync->bad.layer == 0)
    sync->bad = (tn_bad_sums){.layer = layer + 1, .is_forward = is_forward};
}

/* Where all lanes stand. */
typedef struct position {
  int layer;
  int64_t all_rows; /* of all lanes and ranks */
  bool accumulate;
} position;

/* Half a layer's pass of one lane: up to the sums over rows, to which it adds its own, or from these sums on, which are
 * those of all lanes then. sums NULL: the layer is not normalised. */
typedef void half_pass(const tn_run *run, const position *at, const lane *l, double *sums);

static void multiply(const tn_run *run, const position *at, const lane *l, double *sums) {
  tn_pass_multiply(run->network, at->layer, run->parameters, l->workspace, l->rows);
  if (sums != NULL)
    tn_norm_forward_sums(run->network, at->layer, l->workspace, l->rows, sums);
}

static void activate(const tn_run *run, const position *at, const lane *l, double *sums) {
  const tn_network *network = run->network;
  const float *bias = run->parameters + network->tensors[network->layers[at->layer].bias].offset;
  if (sums != NULL)
    tn_norm_forward_by(network, at->layer, run->parameters, l->workspace, l->rows, at->all_rows, sums);
  tn_pass_activate(network, at->layer, bias, l->workspace, l->rows, &l->masks);
}

/* What needs the layer's d as it came. */
static void differentiate(const tn_run *run, const position *at, const lane *l, double *sums) {
  float *gradient = gradient_of(run, l);
  tn_pass_bias_gradient(run->network, at->layer, l->workspace, l->rows, gradient, at->accumulate);
  if (sums == NULL)
    return;
  const float *d = tn_pass_delta(run->network, at->layer, l->workspace);
  tn_norm_backward_sums(run->network, at->layer, l->workspace, l->rows, d, sums);
  tn_norm_gradient(run->network, at->layer, l->workspace, l->rows, sums, gradient, at->accumulate);
}

static void multiply_back(const tn_run *run, const position *at, const lane *l, double *sums) {
  if (sums != NULL)
    tn_norm_backward_by(run->network, at->layer, run->parameters, l->workspace, l->rows, at->all_rows, sums,
                        tn_pass_delta(run->network, at->layer, l->workspace));
  tn_pass_products(run->network, at->layer, run->parameters, l->workspace, l->rows, gradient_of(run, l),
                   at->accumulate);
}

/* A layer's pass of all lanes, its second half when their sums are complete. */
static void pass_layer(tn_run *run, const position *at, half_pass *to_sums, half_pass *from_sums, double *clock) {
  tn_sync *sync = run->sync;
  const tn_layer *layer = &run->network->layers[at->layer];
  const bool is_normalised = layer->gain != TN_NO_TENSOR;
  const int64_t count = 2 * layer->outputs;
  memset(sync->words, 0, (size_t)TN_SUM_ALL_WORDS(count) * sizeof *sync->words);
  for (int64_t i = 0; i < sync->lane_count; i++) {
    memset(sync->own, 0, (size_t)count * sizeof *sync->own);
    to_sums(run, at, &sync->lanes[i], is_normalised ? sync->own : NULL);
    tn_sum_add_all(count, sync->own, sync->words);
  }
  if (is_normalised) {
    sum_over_ranks(run, count, clock);
    note_bad_sums(sync, count, at->layer, to_sums == multiply);
  }
  for (int64_t i = 0; i < sync->lane_count; i++)
    from_sums(run, at, &sync->lanes[i], is_normalised ? sync->all : NULL);
}

/* Batch number `micro` of all replicas. */
static void compute_batches(tn_run *run, int64_t micro, int64_t all_rows, double *clock) {
  tn_sync *sync = run->sync;
  const tn_network *network = run->network;
  tn_step_mark(run, TN_PHASE_GATHER);
  for (int64_t i = 0; i < sync->lane_count; i++)
    prepare(run, &sync->lanes[i], micro);
  tn_step_end_phase(&run->times.data_s, clock);
  tn_step_mark(run, TN_PHASE_COMPUTE);
  for (int64_t i = 0; i < sync->lane_count; i++)
    tn_pass_input(network, sync->lanes[i].workspace, sync->lanes[i].rows, &sync->lanes[i].masks);
  position at = {.all_rows = all_rows, .accumulate = micro > 0};
  for (at.layer = 0; at.layer < network->layer_count; at.layer++)
    pass_layer(run, &at, multiply, activate, clock);
  for (int64_t i = 0; i < sync->lane_count; i++) {
    lane *l = &sync->lanes[i];
    if (l->rows > 0)
      tn_loss_add(network->loss, l->rows, network->outputs, l->workspace->activation[network->layer_count - 1],
                  &l->targets, true, &l->sums);
  }
  for (at.layer = network->layer_count - 1; at.layer >= 0; at.layer--)
    pass_layer(run, &at, differentiate, multiply_back, clock);
  tn_step_end_phase(&run->times.compute_s, clock);
}

/* A lane without rows has nothing to add; in float mode the reducer's block is the sum of the lanes so far. */
static tn_status add_lane(tn_run *run, const lane *l, tn_finding *found) {
  float *gradient = tn_reducer_gradient(run->reducer);
  if (l->sums.rows == 0)
    return TN_OK;
  if (l->gradient && tn_reducer_accumulates(run->reducer))
    tn_kernel_add_scaled(run->network->block_size, 1, l->gradient, gradient);
  else if (l->gradient)
    memcpy(gradient, l->gradient, (size_t)run->network->block_size * sizeof *gradient);
  return tn_step_add_replica(run, l->replica, &l->sums, found);
}

tn_status tn_sync_compute(tn_run *run, double *clock, tn_finding *found) {
  tn_sync *sync = run->sync;
  tn_status status = run->deferred;
  sync->bad = (tn_bad_sums){0};
  for (int64_t i = 0; i < sync->lane_count; i++)
    sync->lanes[i].sums = (tn_loss_sums){0};
  for (int64_t micro = 0; micro < run->sampler.accumulate; micro++) {
    const int64_t rows = rows_of_all(run, micro);
    if (rows == 0)
      break;
    compute_batches(run, micro, rows, clock);
  }
  if (sync->bad.layer > 0) /* before what follows from it: all losses are NaN then */
    *found = (tn_finding){.where = "sums over rows", .sums = sync->bad};
  for (int64_t i = 0; i < sync->lane_count && status == TN_OK; i++)
    status = add_lane(run, &sync->lanes[i], found);
  return status;
}
