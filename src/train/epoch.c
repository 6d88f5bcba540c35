/* An epoch: its steps, and what comes at its end. */
#include "base/memory.h"
#include "nn/dropout.h"
#include "train/run.h"

#include <math.h>

bool tn_run_is_finished(const tn_run *run) {
  const tn_train_config *train = &run->config.train;
  const tn_progress *progress = &run->progress;
  return progress->epoch >= train->epochs || (train->max_steps > 0 && progress->step >= train->max_steps) ||
         progress->stopped_early != 0;
}

static void report_step(const tn_run *run) {
  const tn_observer *observer = &run->options->observer;
  const tn_progress *progress = &run->progress;
  if (tn_comm_rank(run->comm) != 0 || !observer->on_step)
    return;
  const tn_step_report report = {.epoch = progress->epoch + 1,
                                 .epochs = run->config.train.epochs,
                                 .step = progress->step,
                                 .step_in_epoch = progress->step_in_epoch,
                                 .steps_per_epoch = run->steps_per_epoch,
                                 .rows_in_epoch = (int64_t)progress->sum_rows,
                                 .train_rows = run->data.train.rows,
                                 .loss = progress->sum_loss / progress->sum_weight,
                                 .epoch_seconds = progress->epoch_seconds,
                                 .batch_seconds = run->times.data_s + run->times.compute_s};
  observer->on_step(observer->context, &report);
}

static tn_status fetch_valid(void *context, int64_t first, int64_t count, float *input, tn_targets *targets) {
  const tn_run *run = context;
  const tn_rows *rows = &run->data.valid_rows;
  const tn_row_arrays from = tn_row_arrays_at(&rows->arrays, rows->source, first - rows->first);
  for (int64_t i = 0; i < count; i++)
    tn_rows_input(rows, first - rows->first + i, &run->data.transform, input + i * run->network->inputs);
  *targets = (tn_targets){.labels = from.labels, .values = from.values};
  return TN_OK;
}

/* Validation loss and accuracy into the progress. */
static tn_status validate(tn_run *run) {
  tn_progress *progress = &run->progress;
  const bool has_accuracy = tn_loss_has_accuracy(run->network->loss);
  progress->valid_loss = NAN;
  progress->valid_accuracy = NAN;
  if (run->data.valid.rows == 0)
    return TN_OK;
  tn_pulse_mark(run->comm, progress->step, TN_PHASE_VALIDATE);
  tn_loss_sums sums;
  TN_TRY(tn_evaluator_run(&run->evaluator, run->parameters, fetch_valid, run, &sums));
  progress->valid_loss = sums.loss / sums.weight;
  if (has_accuracy)
    progress->valid_accuracy = sums.correct / sums.weight;
  return TN_OK;
}

static void close_sums(tn_run *run) {
  tn_progress *progress = &run->progress;
  const double without_weight = progress->sum_rows > 0.0 ? 0.0 : NAN; /* no rows: all steps were skipped */
  progress->train_loss = progress->sum_weight > 0.0 ? progress->sum_loss / progress->sum_weight : without_weight;
  progress->train_accuracy =
      tn_loss_has_accuracy(run->network->loss) ? progress->sum_correct / progress->sum_weight : NAN;
  progress->epoch++;
  progress->step_in_epoch = 0;
}

static tn_epoch_row make_row(const tn_run *run) {
  const tn_progress *progress = &run->progress;
  return (tn_epoch_row){.epoch = progress->epoch,
                        .step = progress->step,
                        .seconds = progress->epoch_seconds,
                        .train_loss = progress->train_loss,
                        .train_accuracy = progress->train_accuracy,
                        .valid_loss = progress->valid_loss,
                        .valid_accuracy = progress->valid_accuracy,
                        .learning_rate = run->last_learning_rate,
                        .samples_per_second = progress->sum_rows / progress->epoch_seconds};
}

/* Rank 0. Rates are those of the epoch's last step, or what was learned with it. */
static tn_status add_row(tn_run *run, const tn_epoch_row *row) {
  double rates[TN_METRICS_PLACES_MAX];
  TN_TRY(tn_metrics_add_epoch(run->metrics, row, run->all_times, tn_comm_size(run->comm)));
  if (!tn_dropout_rates_change(run->network))
    return TN_OK;
  for (int layer = 0; layer < run->network->layer_count; layer++)
    rates[layer] = tn_dropout_rate(run->network, layer, row->step - 1);
  tn_metrics_set_rates(run->metrics, rates);
  return TN_OK;
}

static void report_epoch(const tn_run *run, const tn_epoch_row *row, bool best) {
  const tn_observer *observer = &run->options->observer;
  if (tn_comm_rank(run->comm) != 0 || !observer->on_epoch)
    return;
  const tn_epoch_report report = {.epoch = row->epoch,
                                  .epochs = run->config.train.epochs,
                                  .step = row->step,
                                  .seconds = row->seconds,
                                  .train_loss = row->train_loss,
                                  .train_accuracy = row->train_accuracy,
                                  .valid_loss = row->valid_loss,
                                  .valid_accuracy = row->valid_accuracy,
                                  .learning_rate = row->learning_rate,
                                  .samples_per_second = row->samples_per_second,
                                  .best = best};
  observer->on_epoch(observer->context, &report);
}

static double monitored(const tn_run *run, tn_monitor monitor) {
  switch (monitor) {
  case TN_MONITOR_VALID_LOSS:
    return run->progress.valid_loss;
  case TN_MONITOR_VALID_ACCURACY:
    return run->progress.valid_accuracy;
  case TN_MONITOR_TRAIN_LOSS:
    return run->progress.train_loss;
  case TN_MONITOR_NONE:
    break;
  }
  return NAN;
}

/* What best.h5 goes by; NONE: there is no best.h5. */
static tn_monitor best_monitor(const tn_run *run) {
  const tn_monitor monitor = run->config.early_stopping.monitor;
  if (monitor == TN_MONITOR_NONE && run->data.valid.rows > 0)
    return TN_MONITOR_VALID_LOSS;
  return monitor;
}

static bool watch_best(tn_run *run) {
  const tn_monitor monitor = best_monitor(run);
  return tn_watch_update(&run->best, monitored(run, monitor), run->progress.epoch, 0.0,
                         monitor == TN_MONITOR_VALID_ACCURACY);
}

static void watch_stopping(tn_run *run) {
  const tn_early_stopping_config *stopping = &run->config.early_stopping;
  if (stopping->monitor == TN_MONITOR_NONE)
    return;
  tn_watch_update(&run->stopping, monitored(run, stopping->monitor), run->progress.epoch, stopping->min_delta,
                  stopping->monitor == TN_MONITOR_VALID_ACCURACY);
  run->progress.stopped_early = stopping->patience > 0 && run->stopping.epochs_since >= stopping->patience;
}

static void watch_plateau(tn_run *run) {
  const tn_schedule_config *schedule = &run->config.schedule;
  if (schedule->kind != TN_SCHEDULE_PLATEAU)
    return;
  const tn_monitor monitor = run->data.valid.rows > 0 ? TN_MONITOR_VALID_LOSS : TN_MONITOR_TRAIN_LOSS;
  tn_watch_update(&run->plateau, monitored(run, monitor), run->progress.epoch, 0.0, false);
  if (run->plateau.epochs_since >= schedule->patience) {
    run->progress.plateau_reductions++;
    run->plateau.epochs_since = 0;
  }
}

static void clear_epoch(tn_run *run) {
  tn_progress *progress = &run->progress;
  progress->sum_loss = 0.0;
  progress->sum_weight = 0.0;
  progress->sum_correct = 0.0;
  progress->sum_rows = 0.0;
  progress->epoch_seconds = 0.0;
  run->times = (tn_rank_times){0};
}

static bool checkpoint_is_due(const tn_run *run, const int64_t *flags) {
  const tn_output_config *output = &run->config.output;
  const tn_progress *progress = &run->progress;
  const bool epoch_is_over = progress->step_in_epoch == 0;
  return flags[TN_FLAG_CHECKPOINT] > 0 || flags[TN_FLAG_STOP] > 0 || flags[TN_FLAG_TIME_LIMIT] > 0 ||
         (output->checkpoint_every_steps > 0 && progress->step % output->checkpoint_every_steps == 0) ||
         (epoch_is_over && output->checkpoint_every_epochs > 0 &&
          progress->epoch % output->checkpoint_every_epochs == 0) ||
         tn_run_is_finished(run);
}

static tn_status finish_epoch(tn_run *run, const int64_t *flags) {
  TN_TRY(validate(run));
  close_sums(run);
  const bool best = watch_best(run);
  watch_stopping(run);
  watch_plateau(run);
  const tn_epoch_row row = make_row(run);
  tn_comm_all_gather(run->comm, &run->times, (int64_t)sizeof run->times, run->all_times);
  if (run->metrics && run->deferred == TN_OK)
    run->deferred = add_row(run, &row);
  clear_epoch(run);
  TN_TRY(tn_run_save(run, checkpoint_is_due(run, flags), best));
  report_epoch(run, &row, best);
  return TN_OK;
}

static tn_status stop_status(const tn_run *run, const int64_t *flags) {
  if (tn_run_is_finished(run))
    return TN_OK;
  if (flags[TN_FLAG_TIME_LIMIT] > 0)
    return tn_fail(TN_STOPPED, "train.time_limit%s reached after step %lld",
                   run->config.train.time_limit < 0.0 ? " = auto" : "", (long long)run->progress.step);
  if (flags[TN_FLAG_STOP] > 0)
    return tn_fail(TN_STOPPED, "stopped on request after step %lld", (long long)run->progress.step);
  return TN_OK;
}

tn_status tn_run_epoch(tn_run *run) {
  int64_t flags[TN_FLAG_COUNT] = {0};
  tn_pulse_mark(run->comm, run->progress.step, TN_PHASE_EXCHANGE);
  TN_TRY(tn_run_data_exchange(run));
  while (run->progress.step_in_epoch < run->steps_per_epoch) {
    TN_TRY(tn_run_step(run, flags));
    report_step(run);
    if (run->progress.step_in_epoch == run->steps_per_epoch)
      break;
    if (checkpoint_is_due(run, flags))
      TN_TRY(tn_run_save(run, true, false));
    TN_TRY(stop_status(run, flags));
    if (tn_run_is_finished(run))
      return TN_OK;
  }
  TN_TRY(finish_epoch(run, flags));
  return stop_status(run, flags);
}
