/* A step: gather rows, forward, backward, reduce, update, record. */
#include "train/step.h"
#include "base/log.h"
#include "nn/learned.h"
#include "train/run.h"
#include "train/signals.h"
#include "train/sync.h"

#include <math.h>

/* Rows that are on their way from memory while one is converted. */
#define ROWS_AHEAD 4

void tn_step_end_phase(double *phase, double *from) {
  const double now = tn_comm_time_s();
  *phase += now - *from;
  *from = now;
}

void tn_step_mark(const tn_run *run, tn_phase phase) {
  tn_pulse_mark(run->comm, run->progress.step + 1, phase);
}

static void gather_rows(tn_run *run, int64_t replica, tn_range batch) {
  const tn_order order = tn_sampler_order(&run->sampler, run->progress.epoch, replica);
  for (int64_t i = 0; i < batch.count; i++) {
    if (i + ROWS_AHEAD < batch.count)
      tn_run_fetch_ahead(run, &order, batch.first + i + ROWS_AHEAD);
    tn_run_gather(run, &order, batch.first + i, i);
  }
}

tn_targets tn_step_prepare(tn_run *run, int64_t replica, tn_range batch, int64_t first_row) {
  gather_rows(run, replica, batch);
  tn_targets targets = tn_batch_targets(&run->batch);
  targets.smoothing = run->config.augment.label_smoothing;
  if (run->augment == NULL)
    return targets;
  const tn_augment_batch rows = {.replica = (uint32_t)replica,
                                 .step = (uint64_t)run->progress.step,
                                 .first_row = first_row,
                                 .rows = batch.count,
                                 .scale = run->data.transform.scale,
                                 .shift = run->data.transform.shift,
                                 .input = run->workspace->input,
                                 .labels = run->batch.labels,
                                 .values = run->batch.values,
                                 .weights = run->batch.weights};
  tn_augment_apply(run->augment, &rows, &targets);
  return targets;
}

tn_mask_source tn_step_masks(const tn_run *run, int64_t replica, int64_t first_row) {
  return (tn_mask_source){.seed = (uint64_t)run->config.train.seed,
                          .stream = TN_STREAM_MASK,
                          .replica = run->config.dropout.replica_masks == TN_MASKS_OWN ? (uint32_t)replica : 0,
                          .step = (uint64_t)run->progress.step,
                          .first_row = (uint64_t)first_row};
}

/* A gradient of a thinned network stays one where the reducer takes it so. */
static void backward(const tn_run *run, int64_t rows, bool accumulate) {
  float *gradient = tn_reducer_gradient(run->reducer);
  tn_kept *kept = tn_reducer_kept(run->reducer);
  if (kept)
    tn_network_backward_kept(run->network, run->parameters, run->workspace, rows, gradient, kept);
  else
    tn_network_backward(run->network, run->parameters, run->workspace, rows, gradient, accumulate);
}

/* Forward and backward of one batch; its gradient is written, or added, to the reducer's block. */
static void compute_batch(tn_run *run, int64_t replica, tn_range batch, int64_t micro, bool accumulate, double *clock,
                          tn_loss_sums *sums) {
  const int64_t first_row = micro * run->config.train.batch_size;
  tn_step_mark(run, TN_PHASE_GATHER);
  const tn_targets targets = tn_step_prepare(run, replica, batch, first_row);
  tn_step_end_phase(&run->times.data_s, clock);
  tn_step_mark(run, TN_PHASE_COMPUTE);
  const tn_mask_source masks = tn_step_masks(run, replica, first_row);
  float *z = tn_network_forward(run->network, run->parameters, run->workspace, batch.count, &masks);
  tn_loss_add(run->network->loss, batch.count, run->network->outputs, z, &targets, true, sums);
  backward(run, batch.count, accumulate);
  tn_step_end_phase(&run->times.compute_s, clock);
}

static void note(tn_finding *found, const char *where, int64_t replica, double value) {
  if (!found->where)
    *found = (tn_finding){.where = where,
                          .replica = replica,
                          .value = isnan(value) ? (double)NAN : value}; /* without the sign that a NaN may have */
}

static tn_status fail_at_sums(const tn_run *run, const tn_bad_sums *sums) {
  return tn_fail(TN_ERR_NUMERIC,
                 "step %lld, layer %d: model.batch_norm_sync = yes adds up %s over all rows, and these sums are not "
                 "finite, or not below 2^40: scale the data (data.standardize = yes, or data.scale), or lower "
                 "train.learning_rate",
                 (long long)run->progress.step + 1, sums->layer,
                 sums->is_forward ? "the layer's inputs and their squares" : "the layer's gradients");
}

static tn_status fail_at_finding(const tn_run *run, const tn_finding *found) {
  if (found->sums.layer > 0)
    return fail_at_sums(run, &found->sums);
  return tn_fail(TN_ERR_NUMERIC,
                 "step %lld, replica %lld, %s: not finite (%g): lower train.learning_rate, set train.clip_norm, or "
                 "scale the data (data.standardize = yes)",
                 (long long)run->progress.step + 1, (long long)found->replica, found->where, found->value);
}

/* Puts step, replica and tensor before what the reducer said; an index behind the block is one of the sums. A batch's
 * statistics ride in the gradient's block, but are large for another reason. */
static tn_status fail_at_value(const tn_run *run, tn_status status, int64_t replica, int64_t index) {
  const tn_tensor *tensor = index < run->network->block_size ? tn_network_tensor_at(run->network, index) : NULL;
  const char *remedy = "";
  if (tensor && tensor->role == TN_STATISTIC)
    remedy = " of the batch, which data.standardize = yes or data.scale would keep small";
  return tn_fail_in(status, "step %lld, replica %lld, %s%s", (long long)run->progress.step + 1, (long long)replica,
                    tensor ? tensor->name : "loss", remedy);
}

tn_status tn_step_add_replica(tn_run *run, int64_t replica, const tn_loss_sums *sums, tn_finding *found) {
  const double values[TN_SUM_COUNT] = {[TN_SUM_LOSS] = sums->loss,
                                       [TN_SUM_WEIGHT] = sums->weight,
                                       [TN_SUM_CORRECT] = sums->correct,
                                       [TN_SUM_ROWS] = (double)sums->rows};
  int64_t index = 0;
  float value = 0.0F;
  if (!isfinite(sums->loss)) {
    note(found, "loss", replica, sums->loss);
    return TN_OK;
  }
  tn_learned_penalise(run->network, run->parameters, sums->weight, tn_reducer_gradient(run->reducer));
  const tn_status status = tn_reducer_add(run->reducer, values, &index, &value);
  if (status == TN_OK)
    return TN_OK;
  if (index >= run->network->block_size || isfinite(value))
    return fail_at_value(run, status, replica, index);
  note(found, tn_network_tensor_at(run->network, index)->name, replica, (double)value);
  return TN_OK;
}

static tn_status compute_replica(tn_run *run, int64_t replica, double *clock, tn_finding *found) {
  const int64_t step = run->progress.step_in_epoch;
  bool accumulate = tn_reducer_accumulates(run->reducer);
  tn_loss_sums sums = {0};
  for (int64_t micro = 0; micro < run->sampler.accumulate; micro++) {
    const tn_range batch = tn_sampler_batch(&run->sampler, replica, step, micro);
    if (batch.count == 0)
      break;
    compute_batch(run, replica, batch, micro, accumulate, clock, &sums);
    accumulate = true;
  }
  return sums.rows == 0 ? TN_OK : tn_step_add_replica(run, replica, &sums, found);
}

/* What is not finite does not keep the other replicas from being computed: whether one of them leaves the exact range,
 * which is an error in any case, may not depend on which of them share a rank. */
static tn_status compute_replicas(tn_run *run, double *clock, tn_finding *found) {
  tn_status status = run->sync ? tn_sync_compute(run, clock, found) : run->deferred;
  for (int64_t i = 0; !run->sync && i < run->replicas.count && status == TN_OK; i++)
    status = compute_replica(run, run->replicas.first + i, clock, found);
  if (status != TN_OK)
    tn_reducer_raise(run->reducer, TN_FLAG_ERROR);
  if (found->where)
    tn_reducer_raise(run->reducer, TN_FLAG_NONFINITE);
  return status;
}

/* Seconds that the rest of this step and the validation behind it may take: validating a row is at most training it. */
static double expected_s(const tn_run *run) {
  const tn_progress *progress = &run->progress;
  const bool ends_epoch = progress->step_in_epoch + 1 == run->steps_per_epoch;
  if (!ends_epoch || progress->step_in_epoch == 0 || progress->sum_rows <= 0.0)
    return 0.0;
  const double rows = (double)run->data.valid.rows + progress->sum_rows / (double)progress->step_in_epoch;
  return progress->epoch_seconds * rows / progress->sum_rows;
}

/* train.time_limit. Rank 0 */
static bool time_is_up(tn_run *run, double now) {
  const double limit = run->config.train.time_limit;
  if (limit >= 0.0)
    return limit > 0.0 && now - run->start_s >= limit;
  if (!tn_deadline_is_near(&run->deadline, now, expected_s(run)))
    return false;
  tn_run_say(run, "stopping %.0f s before the job ends; a step took up to %.3g s, a checkpoint %.3g s",
             fmax(run->deadline.end_s - now, 0.0), run->deadline.gap_s, run->deadline.save_s);
  return true;
}

/* What this rank asks of all: rank 0's clock decides for all ranks. */
static void raise_requests(tn_run *run) {
  const tn_config *config = &run->config;
  const double now = tn_comm_time_s();
  if (tn_signals_stop_requested())
    tn_reducer_raise(run->reducer, TN_FLAG_STOP);
  if (tn_signals_take_checkpoint_request())
    tn_reducer_raise(run->reducer, TN_FLAG_CHECKPOINT);
  if (tn_comm_rank(run->comm) != 0)
    return;
  if (time_is_up(run, now))
    tn_reducer_raise(run->reducer, TN_FLAG_TIME_LIMIT);
  if (config->output.checkpoint_every_seconds > 0.0 && now - run->saved_s >= config->output.checkpoint_every_seconds)
    tn_reducer_raise(run->reducer, TN_FLAG_CHECKPOINT);
}

static double learning_rate_now(const tn_run *run) {
  const tn_config *config = &run->config;
  const int64_t all = config->train.epochs * run->steps_per_epoch;
  const int64_t limit = config->train.max_steps;
  return tn_schedule_learning_rate(&config->schedule, config->train.learning_rate, config->parallel.replicas,
                                   run->progress.step, run->progress.epoch, run->steps_per_epoch,
                                   limit > 0 && limit < all ? limit : all, run->progress.plateau_reductions);
}

/* Block by block, so that a sum that is made only now is in the first-level cache. */
static void measure_share(const tn_run *run, tn_share share, double scale) {
  float *gradient = tn_reducer_total(run->reducer);
  for (int64_t done = 0; done < share.count; done += TN_SHARE_STEP) {
    const tn_share block = {.first = share.first + done, .count = tn_share_block(done, share.count)};
    tn_reducer_settle(run->reducer, done, block.count);
    tn_optimizer_measure(run->optimizer, run->network, block, run->parameters, gradient + done, scale);
  }
}

/* Each rank of the team updates its share of the one parameter block; a fence behind each part lets all see it. Returns
 * the gradient's norm; when it is not finite nothing is updated. */
static double update_share(const tn_run *run, double scale, double rows) {
  const tn_share share = tn_reducer_share(run->reducer);
  const float *gradient = tn_reducer_total(run->reducer);
  measure_share(run, share, scale);
  tn_shared_fence(run->window);
  const double norm = tn_optimizer_norm(run->optimizer, run->network, scale);
  if (!isfinite(norm))
    return norm;
  tn_optimizer_apply(run->optimizer, run->network, share, run->parameters, gradient, scale, norm,
                     run->last_learning_rate, run->progress.step + 1);
  tn_optimizer_track(run->network, share, run->parameters, gradient, (double)run->workspace->max_rows / rows);
  tn_shared_fence(run->window);
  if (tn_optimizer_limits(run->optimizer)) {
    tn_optimizer_limit(run->optimizer, run->network, share, run->parameters);
    tn_shared_fence(run->window);
  }
  return norm;
}

/* Where gradients are not looked at before they are added: whose was not finite. TN_OK: none was. Collective, agreed.
 */
static tn_status name_late_finding(tn_run *run) {
  int64_t index = 0;
  float value = 0.0F;
  tn_finding found = {0};
  if (tn_reducer_looks_late(run->reducer) && tn_reducer_look(run->reducer, &index, &value) != TN_OK)
    note(&found, tn_network_tensor_at(run->network, index)->name, run->replicas.first, (double)value);
  return tn_comm_agree(run->comm, found.where ? fail_at_finding(run, &found) : TN_OK);
}

static tn_status update(tn_run *run, const double *sums, tn_step_row *row) {
  const double weight = sums[TN_SUM_WEIGHT];
  const double scale = weight > 0.0 ? 1.0 / weight : 1.0; /* without any weight the sum is 0 */
  run->last_learning_rate = learning_rate_now(run);
  const double norm = update_share(run, scale, sums[TN_SUM_ROWS]);
  *row = (tn_step_row){.step = run->progress.step + 1,
                       .loss = weight > 0.0 ? sums[TN_SUM_LOSS] / weight : 0.0,
                       .gradient_norm = norm,
                       .learning_rate = run->last_learning_rate};
  tn_learned_take(run->network, run->parameters);
  if (isfinite(norm))
    return TN_OK;
  TN_TRY(name_late_finding(run));
  return tn_fail(TN_ERR_NUMERIC,
                 "step %lld: the averaged gradient is not finite although every replica's was: the sum left "
                 "float32's range: lower train.learning_rate, or set parallel.reduction = exact",
                 (long long)row->step);
}

/* Rank 0 alone can fail here: it keeps that to itself until the next agreement. */
static void record_row(tn_run *run, const tn_step_row *row) {
  if (run->metrics && run->deferred == TN_OK)
    run->deferred = tn_metrics_add_step(run->metrics, row);
}

static void count_step(tn_run *run, double seconds) {
  run->progress.step++;
  run->progress.step_in_epoch++;
  run->progress.epoch_seconds += seconds;
}

static void record(tn_run *run, const double *sums, const tn_step_row *row) {
  tn_progress *progress = &run->progress;
  progress->sum_loss += sums[TN_SUM_LOSS];
  progress->sum_weight += sums[TN_SUM_WEIGHT];
  progress->sum_correct += sums[TN_SUM_CORRECT];
  progress->sum_rows += sums[TN_SUM_ROWS];
  const int64_t every = run->config.output.step_metrics_every;
  if (every > 0 && progress->step % every == 0)
    record_row(run, row);
}

/* A step with something that is not finite, of which `status` and the message tell on all ranks alike. Where it may be
 * skipped it counts as a step, with its rows read, but nothing of it goes into parameters, optimiser state or means. */
static tn_status skip_step(tn_run *run, tn_status status) {
  tn_progress *progress = &run->progress;
  const tn_train_config *train = &run->config.train;
  if (train->on_nonfinite == TN_NONFINITE_STOP)
    return tn_fail(status, "%s; the last checkpoint is kept, and train.on_nonfinite = skip would leave the step out",
                   tn_error_message());
  if (progress->skipped_steps >= train->nonfinite_limit)
    return tn_fail(status, "%s; train.nonfinite_limit = %lld steps have been skipped already", tn_error_message(),
                   (long long)train->nonfinite_limit);
  progress->skipped_steps++;
  if (tn_comm_rank(run->comm) == 0)
    tn_warn("%s; the step is skipped, as %lld of at most %lld (train.nonfinite_limit)", tn_error_message(),
            (long long)progress->skipped_steps, (long long)train->nonfinite_limit);
  tn_error_clear();
  run->last_learning_rate = learning_rate_now(run);
  const tn_step_row row = {
      .step = progress->step + 1, .loss = NAN, .gradient_norm = NAN, .learning_rate = run->last_learning_rate};
  record_row(run, &row);
  return TN_OK;
}

tn_status tn_run_step(tn_run *run, int64_t *flags) {
  const double start = tn_comm_time_s();
  double clock = start;
  double sums[TN_SUM_COUNT];
  tn_finding found = {0};
  tn_reducer_begin(run->reducer);
  tn_status status = compute_replicas(run, &clock, &found);
  raise_requests(run);
  tn_step_mark(run, TN_PHASE_REDUCE);
  tn_reducer_sum(run->reducer, sums, flags);
  tn_step_end_phase(&run->times.reduce_s, &clock);
  if (flags[TN_FLAG_ERROR] > 0)
    return tn_comm_agree(run->comm, status);
  tn_step_mark(run, TN_PHASE_UPDATE);
  if (flags[TN_FLAG_NONFINITE] > 0)
    status = tn_comm_agree(run->comm, found.where ? fail_at_finding(run, &found) : TN_OK);
  tn_step_row row;
  if (status == TN_OK)
    status = update(run, sums, &row);
  tn_step_end_phase(&run->times.update_s, &clock);
  if (status != TN_OK)
    TN_TRY(skip_step(run, status));
  count_step(run, clock - start);
  if (status == TN_OK)
    record(run, sums, &row);
  return TN_OK;
}
