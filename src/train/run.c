/* tn_train: a run from its configuration to its result. */
#include "train/run.h"

#include "base/config_table.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/stamp.h"
#include "math/gemm.h"
#include "nn/learned.h"
#include "nn/thin.h"
#include "train/build.h"
#include "train/signals.h"
#include "train/sync.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <thinnet/eval.h>

void tn_run_say(const tn_run *run, const char *format, ...) {
  const tn_observer *observer = &run->options->observer;
  char line[1024];
  va_list arguments;
  if (tn_comm_rank(run->comm) != 0 || !observer->on_text)
    return;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  observer->on_text(observer->context, line);
}

static tn_status check_config(tn_run *run) {
  TN_TRY(tn_config_check(&run->config));
  TN_TRY(tn_config_resolve(&run->config));
  if (run->config.early_stopping.restore_best && !run->config.output.dir[0])
    return tn_fail(TN_ERR_CONFIG, "early_stopping.restore_best needs output.dir: the best weights are kept there");
  return TN_OK;
}

/* Names the keys, since files and command lines can be long. */
static tn_status compare_config(const tn_run *run, const char *mine, const char *first) {
  char keys[TN_MESSAGE_MAX / 2] = "";
  tn_config *other = NULL;
  if (strcmp(mine, first) == 0)
    return TN_OK;
  TN_TRY(tn_alloc(&other, 1, sizeof *other, "another rank's configuration"));
  tn_config_defaults(other);
  tn_status status = tn_config_read_text(other, first, "rank 0's configuration");
  if (status == TN_OK && tn_config_differences(&run->config, other, keys, sizeof keys) > 0)
    status =
        tn_fail(TN_ERR_USAGE, "the configuration differs from that of rank 0 in %s: all ranks need the same", keys);
  tn_free(&other);
  return status;
}

static tn_status check_same_config(const tn_run *run) {
  char *text = tn_config_format(&run->config), *first = NULL;
  tn_status status = text ? TN_OK : tn_fail(TN_ERR_MEMORY, "out of memory: the configuration's text");
  status = tn_comm_agree(run->comm, status);
  if (status == TN_OK)
    status = tn_comm_share_text(run->comm, text, &first);
  assert(status != TN_OK || (text && first)); /* all ranks have agreed that they have both */
  if (status == TN_OK)
    status = tn_comm_agree(run->comm, compare_config(run, text, first));
  tn_free(&first);
  free(text);
  return status;
}

/* All ranks run the same thinnet with the same configuration and options. */
static tn_status check_same_run(const tn_run *run) {
  const tn_train_options *options = run->options;
  const uint64_t flags = (uint64_t)options->resume | (uint64_t)options->overwrite << 1 |
                         (uint64_t)options->dry_run << 2 | (uint64_t)(options->init_checkpoint != NULL) << 3 |
                         (uint64_t)(options->train != NULL) << 4;
  const uint64_t build = tn_build_hash();
  TN_TRY(tn_comm_check_same(run->comm, tn_version_text(), "the version of thinnet or of its libraries"));
  TN_TRY(tn_comm_check_equal(run->comm, &build, 1, "the build of thinnet"));
  TN_TRY(check_same_config(run));
  return tn_comm_check_equal(run->comm, &flags, 1, "what the options of the run ask for");
}

/* Statistics of all replicas' rows need two of them; how many replicas there are is known here at the earliest. */
static tn_status check_sync_rows(const tn_config *config) {
  if (!config->model.batch_norm_sync || config->train.batch_size * config->parallel.replicas > 1)
    return TN_OK;
  return tn_config_fail(config, tn_config_find_name("model.batch_norm_sync"),
                        "model.batch_norm_sync = yes with train.batch_size = 1 and 1 replica: one row has no variance: "
                        "write a larger train.batch_size, parallel.replicas = 2 or more, or model.layer_norm = yes");
}

static tn_status settle_replicas(tn_run *run) {
  int64_t *replicas = &run->config.parallel.replicas;
  const int size = tn_comm_size(run->comm);
  if (*replicas == 0)
    *replicas = size;
  if (*replicas > TN_REPLICAS_MAX)
    return tn_fail(TN_ERR_CONFIG, "parallel.replicas = %lld: at most %d are possible", (long long)*replicas,
                   TN_REPLICAS_MAX);
  if (*replicas < size)
    return tn_fail(
        TN_ERR_CONFIG,
        "%d ranks, but parallel.replicas = %lld: a rank needs at least one; start no more ranks than that, or set "
        "it higher in a new run",
        size, (long long)*replicas);
  TN_TRY(check_sync_rows(&run->config));
  const tn_train_config *train = &run->config.train;
  run->sampler = (tn_sampler){.seed = (uint64_t)train->seed,
                              .shuffle = run->config.data.shuffle,
                              .rows = run->data.train.rows,
                              .replicas = *replicas,
                              .batch_size = train->batch_size,
                              .accumulate = train->accumulate};
  run->replicas = tn_sampler_replicas_of_rank(&run->sampler, tn_comm_rank(run->comm), size);
  run->steps_per_epoch = tn_sampler_steps(&run->sampler);
  return TN_OK;
}

static int64_t block_bytes(const tn_run *run) {
  return run->network->block_size * (int64_t)sizeof(float);
}

void tn_run_share_block(const tn_run *run, float *block) {
  tn_team_broadcast(run->team, run->window, block, block_bytes(run));
}

/* What a node's ranks keep one copy of, where they are a team. Collective, agreed. */
static tn_status create_shared(tn_run *run) {
  const tn_config *config = &run->config;
  const int64_t bytes = block_bytes(run) + tn_optimizer_bytes(run->network, &config->train);
  const int64_t reducers =
      tn_comm_node_size(run->comm) * tn_reducer_bytes(config->parallel.reduction, run->network->block_size);
  void *memory = NULL;
  TN_TRY(tn_team_create(&run->team, run->comm, config->parallel.node_stage, bytes + reducers));
  TN_TRY(tn_team_memory(run->team, bytes, &run->window, &memory));
  run->parameters = memory;
  TN_TRY(tn_comm_agree(run->comm,
                       tn_optimizer_create_in(&run->optimizer, run->network, &config->train, &config->regularization,
                                              run->parameters + run->network->block_size)));
  TN_TRY(tn_reducer_create(&run->reducer, run->team, config->parallel.reduction,
                           (int)config->parallel.exact_fraction_bits, config->parallel.replicas,
                           run->network->block_size));
  if (!tn_thin_is_possible(run->network) || config->train.accumulate > 1)
    return TN_OK;
  return tn_reducer_take_thinned(run->reducer, run->network);
}

static tn_status create_augment(tn_run *run, int64_t batch) {
  const tn_augment_config *config = &run->config.augment;
  tn_run_data *data = &run->data;
  data->of_gather = &data->transform;
  if (!tn_augment_is_asked(config))
    return TN_OK;
  TN_TRY(tn_augment_create(&run->augment, config, (uint64_t)run->config.train.seed, run->network->inputs,
                           run->network->outputs, batch));
  if (!tn_augment_takes_stored_rows(run->augment))
    return TN_OK;
  data->of_gather = &data->raw;
  return tn_transform_create(&data->raw, run->network->inputs, 1.0, 0.0);
}

/* With create_shared, everything that a step touches is allocated here. */
static tn_status create_local(tn_run *run) {
  const tn_config *config = &run->config;
  TN_TRY(tn_config_add_origin(
      config, tn_network_create(&run->network, &config->model, &config->dropout, run->data.train_source.inputs)));
  run->network->learned.rows = run->data.train.rows;
  const int64_t shard = tn_sampler_shard(&run->sampler, 0).count;
  const int64_t batch = config->train.batch_size < shard ? config->train.batch_size : shard;
  TN_TRY(tn_workspace_create(&run->workspace, run->network, batch, true));
  TN_TRY(tn_batch_create(&run->batch, &run->data.train_source, batch, run->data.weighted));
  TN_TRY(tn_config_add_origin(config, create_augment(run, batch)));
  TN_TRY(tn_sync_create(run, batch));
  TN_TRY(tn_alloc(&run->all_times, tn_comm_size(run->comm), sizeof(tn_rank_times), "times of the ranks"));
  return tn_evaluator_create(&run->evaluator, run->comm, run->network, run->data.valid.rows);
}

/* Rank 0's initial weights are everybody's. */
static tn_status set_parameters(tn_run *run, const tn_checkpoint *checkpoint, bool resumed) {
  if (resumed)
    return tn_run_resume_load(run, checkpoint);
  if (run->options->init_checkpoint)
    return tn_run_init_from(run, run->options->init_checkpoint);
  if (tn_team_rank(run->team) == 0)
    tn_network_initialize(run->network, run->config.model.init, (uint64_t)run->config.train.seed, run->parameters);
  tn_run_share_block(run, run->parameters);
  return TN_OK;
}

static tn_status describe_metrics(tn_run *run) {
  char start_time[TN_STAMP_TIME_SIZE];
  tn_status status = TN_OK;
  tn_stamp_time(start_time);
  if (run->metrics) {
    char *text = tn_config_format(&run->config);
    const tn_metrics_about about = {.config_text = text ? text : "",
                                    .mpi_version = tn_comm_mpi_version(),
                                    .blas_version = tn_blas_version(),
                                    .start_time = start_time,
                                    .ranks = tn_comm_size(run->comm),
                                    .replicas = run->config.parallel.replicas,
                                    .threads = run->config.parallel.threads,
                                    .host_names = run->host_names,
                                    .host_name_size = TN_HOST_MAX,
                                    .job = {run->job.id, run->job.nodes, run->job.restarts}};
    const tn_metrics_start start = {start_time, about.ranks, run->progress.step, about.job};
    status = tn_metrics_describe(run->metrics, &about);
    if (status == TN_OK)
      status = tn_metrics_add_start(run->metrics, &start);
    free(text);
  }
  return tn_comm_agree(run->comm, status);
}

/* A run can do without. */
static void start_guard(tn_run *run) {
  const tn_parallel_config *parallel = &run->config.parallel;
  const tn_stall_options options = {.warning_s = parallel->stall_warning_s, .abort_s = parallel->stall_abort_s};
  const tn_status status = tn_stall_start(run->comm, &options, &run->stall_guard);
  if (status != TN_OK && tn_comm_rank(run->comm) == 0)
    tn_warn("no rank that stalls will be named: %s", tn_error_message());
  tn_error_clear();
}

/* Other nodes look for this one's word in a temporary file of the run folder: whoever opens the folder next, or closes
 * it, clears it away. */
static void share_guard(tn_run *run) {
  char prefix[TN_PATH_MAX + 64] = "";
  if (!run->stall_guard || !run->config.output.dir[0])
    return;
  if (run->folder)
    tn_folder_temporary_prefix(run->folder, "progress", prefix, sizeof prefix);
  tn_comm_broadcast(run->comm, prefix, (int64_t)sizeof prefix, 0);
  tn_stall_share(run->stall_guard, prefix);
}

static void fill_result(const tn_run *run, tn_train_result *result) {
  const tn_progress *progress = &run->progress;
  *result = (tn_train_result){.epochs = progress->epoch,
                              .steps = progress->step,
                              .stopped_early = progress->stopped_early != 0,
                              .train_loss = progress->train_loss,
                              .train_accuracy = progress->train_accuracy,
                              .valid_loss = progress->valid_loss,
                              .valid_accuracy = progress->valid_accuracy,
                              .best_value = run->best.best,
                              .best_epoch = run->best.best_epoch};
  memcpy(result->digest, run->digest, sizeof result->digest);
}

static tn_status train_epochs(tn_run *run) {
  tn_status status = TN_OK;
  while (status == TN_OK && !tn_run_is_finished(run))
    status = tn_run_epoch(run);
  if (status == TN_OK && tn_run_restores_best(run)) {
    tn_run_say(run, "restoring the weights of epoch %lld", (long long)run->best.best_epoch);
    status = tn_run_restore_best(run);
  }
  return status;
}

static void start_progress(tn_run *run) {
  run->progress = (tn_progress){.train_loss = NAN, .train_accuracy = NAN, .valid_loss = NAN, .valid_accuracy = NAN};
  tn_watch_start(&run->best);
  tn_watch_start(&run->stopping);
  tn_watch_start(&run->plateau);
}

static tn_status run_with_data(tn_run *run, const tn_checkpoint *checkpoint, bool resumed) {
  tn_pulse_mark(run->comm, run->progress.step, TN_PHASE_LOAD);
  TN_TRY(tn_run_data_open(run));
  TN_TRY(settle_replicas(run));
  TN_TRY(tn_run_data_load(run));
  TN_TRY(tn_comm_agree(run->comm, create_local(run)));
  TN_TRY(create_shared(run));
  TN_TRY(set_parameters(run, checkpoint, resumed));
  tn_learned_take(run->network, run->parameters);
  tn_run_summarize(run);
  if (run->options->dry_run)
    return tn_run_folder_check(run);
  TN_TRY(tn_run_folder_open(run, resumed));
  share_guard(run);
  TN_TRY(describe_metrics(run));
  if (resumed)
    tn_run_say(run, "resuming after epoch %lld, step %lld", (long long)run->progress.epoch,
               (long long)run->progress.step);
  else if (run->options->resume && run->config.output.dir[0])
    tn_run_say(run, "nothing to resume in %s: starting afresh", run->config.output.dir);
  run->start_s = tn_comm_time_s();
  run->saved_s = run->start_s;
  run->deadline =
      tn_deadline_start(run->job_end_s, run->start_s,
                        (double)sizeof(float) * (double)run->network->block_size * (1.0 + run->optimizer->state_count));
  const tn_status status = train_epochs(run);
  if (status == TN_OK)
    tn_run_say_rates(run);
  tn_pulse_mark(run->comm, run->progress.step, TN_PHASE_END);
  tn_checkpoint_digest(run->network, run->parameters, run->digest);
  return status;
}

static tn_status run_all(tn_run *run, tn_train_result *result) {
  tn_checkpoint *checkpoint = NULL;
  bool resumed = false;
  TN_TRY(tn_comm_agree(run->comm, check_config(run)));
  TN_TRY(check_same_run(run));
  if (tn_comm_rank(run->comm) == 0 && !run->repeats)
    tn_config_warn_dropout(&run->config);
  TN_TRY(tn_run_site_open(run));
  start_guard(run);
  tn_blas_set_threads((int)run->config.parallel.threads);
  start_progress(run);
  tn_status status = run->options->resume ? tn_run_resume_find(run, &checkpoint, &resumed) : TN_OK;
  const bool already_finished = status == TN_OK && resumed && tn_run_is_finished(run);
  if (already_finished) {
    status = tn_run_settle(run, checkpoint);
    if (status == TN_OK)
      tn_run_say(run, "the run in %s is finished: epoch %lld, step %lld", run->config.output.dir,
                 (long long)run->progress.epoch, (long long)run->progress.step);
  } else if (status == TN_OK) {
    status = run_with_data(run, checkpoint, resumed);
  }
  tn_checkpoint_destroy(&checkpoint);
  if (result) {
    fill_result(run, result);
    result->already_finished = already_finished;
  }
  return status;
}

static void destroy(tn_run *run) {
  tn_stall_stop(&run->stall_guard);
  tn_evaluator_destroy(&run->evaluator);
  tn_sync_destroy(&run->sync);
  tn_augment_destroy(&run->augment);
  tn_batch_destroy(&run->batch);
  tn_workspace_destroy(&run->workspace);
  tn_reducer_destroy(&run->reducer);
  tn_optimizer_destroy(&run->optimizer);
  tn_shared_destroy(&run->window);
  tn_team_destroy(&run->team);
  tn_network_destroy(&run->network);
  tn_free(&run->all_times);
  tn_free(&run->host_names);
  tn_run_data_destroy(run);
  tn_metrics_destroy(&run->metrics);
  tn_folder_close(&run->folder);
}

tn_status tn_run_train(tn_comm *comm, const tn_config *config, const tn_train_options *options, bool repeats,
                       tn_train_result *result) {
  const tn_train_options nothing = {0};
  tn_run *run = NULL;
  if (result)
    *result = (tn_train_result){0};
  TN_TRY(tn_comm_agree(comm, tn_alloc(&run, 1, sizeof *run, "the run")));
  run->comm = comm;
  run->options = options ? options : &nothing;
  run->repeats = repeats;
  run->config = *config;
  /* From here to the end: a request that comes while the data are read stops the run after its first step. */
  const bool handle_signals = run->options->handle_signals;
  if (handle_signals)
    tn_signals_install();
  const tn_status status = run_all(run, result);
  destroy(run);
  tn_free(&run);
  if (handle_signals)
    tn_signals_restore();
  return status;
}

tn_status tn_train(tn_comm *comm, const tn_config *config, const tn_train_options *options, tn_train_result *result) {
  return tn_run_train(comm, config, options, false, result);
}
