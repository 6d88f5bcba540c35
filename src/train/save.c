/* Checkpoints and metrics of a run. Rank 0 writes; all agree on how it went. */
#include "base/memory.h"
#include "math/kernels.h"
#include "nn/learned.h"
#include "train/run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LAST    "last.h5"
#define BEST    "best.h5"
#define METRICS "metrics.h5"

static void step_file_name(char name[64], int64_t step) {
  snprintf(name, 64, "step-%08" PRId64 ".h5", step);
}

static tn_progress progress_now(const tn_run *run) {
  tn_progress progress = run->progress;
  progress.ranks = tn_comm_size(run->comm);
  progress.replicas = run->config.parallel.replicas;
  progress.train_rows = run->data.train.rows;
  progress.data_fingerprint = (int64_t)run->data.fingerprint;
  progress.finished = tn_run_is_finished(run);
  progress.run_seconds += tn_comm_time_s() - run->start_s;
  progress.best_value = run->best.best;
  progress.best_epoch = run->best.best_epoch;
  progress.stop_best = run->stopping.best;
  progress.stop_best_epoch = run->stopping.best_epoch;
  progress.stop_epochs_since = run->stopping.epochs_since;
  progress.plateau_best = run->plateau.best;
  progress.plateau_best_epoch = run->plateau.best_epoch;
  progress.plateau_epochs_since = run->plateau.epochs_since;
  return progress;
}

static tn_status write_checkpoint(tn_run *run, const char *name) {
  char *config_text = tn_config_format(&run->config);
  if (!config_text)
    return tn_fail(TN_ERR_MEMORY, "out of memory: the configuration's text");
  tn_checkpoint checkpoint = {.config_text = config_text,
                              .network = run->network,
                              .parameters = run->parameters,
                              .input_scale = run->data.transform.scale,
                              .input_shift = run->data.transform.shift,
                              .state_count = run->optimizer->state_count,
                              .progress = progress_now(run)};
  for (int i = 0; i < run->optimizer->state_count; i++) {
    checkpoint.state_names[i] = run->optimizer->state_names[i];
    checkpoint.states[i] = run->optimizer->states[i];
  }
  const tn_status status = tn_checkpoint_write(run->folder, name, &checkpoint);
  free(config_text);
  return status;
}

/* The newest `keep` stay. Files of later steps are what a resume skipped as damaged: they go too. */
static tn_status remove_old(tn_run *run) {
  char(*names)[64] = NULL;
  int count = 0;
  TN_TRY(tn_checkpoint_list(tn_folder_path(run->folder), &names, &count));
  tn_status status = TN_OK;
  int64_t kept = 0;
  for (int i = 0; i < count && status == TN_OK; i++) {
    int64_t step = 0;
    if (sscanf(names[i], "step-%" SCNd64 ".h5", &step) != 1)
      continue;
    const bool stale = step > run->progress.step;
    if (stale || ++kept > run->config.output.keep)
      status = tn_folder_remove(run->folder, names[i]);
  }
  tn_free(&names);
  return status;
}

/* best.h5 comes first: a run that ends before its other names resumes from an older checkpoint, and comes by here
 * again. */
static tn_status write_periodic(tn_run *run, bool best) {
  char name[64];
  step_file_name(name, run->progress.step);
  if (best) {
    TN_TRY(write_checkpoint(run, BEST));
    TN_TRY(tn_folder_link(run->folder, BEST, name));
  } else {
    TN_TRY(write_checkpoint(run, name));
  }
  TN_TRY(tn_folder_link(run->folder, name, LAST));
  return remove_old(run);
}

/* No checkpoint may be newer than the metrics: one that a resume could not read today might be read tomorrow. */
static tn_status write_files(tn_run *run, bool periodic, bool best) {
  TN_TRY(run->deferred);
  TN_TRY(remove_old(run));
  TN_TRY(tn_metrics_write(run->metrics, run->folder, METRICS));
  if (periodic)
    return write_periodic(run, best);
  return best ? write_checkpoint(run, BEST) : TN_OK;
}

/* Puts the step before the message, and the remedy behind it. Of two ranks nobody can say which one is wrong: both are
 * shown. Collective. */
static tn_status fail_at_hash(const tn_run *run, tn_status status, uint64_t hash) {
  char both[96] = "";
  uint64_t hashes[2];
  if (tn_comm_size(run->comm) == 2) {
    tn_comm_all_gather(run->comm, &hash, (int64_t)sizeof hash, hashes);
    snprintf(both, sizeof both, " (%016" PRIx64 " on rank 0, %016" PRIx64 " on rank 1: either may be wrong)", hashes[0],
             hashes[1]);
  }
  return tn_fail(status,
                 "step %" PRId64 ": %s%s: look for a fault of the memory or the processor there; nothing was written, "
                 "and --resume goes on from the last checkpoint",
                 run->progress.step, tn_error_message(), both);
}

/* Gradients are looked at before they count, but an update may overflow where they do not: what a checkpoint keeps has
 * to be worth going on from. Collective, agreed. */
static tn_status check_finite(const tn_run *run) {
  const tn_share share = tn_reducer_share(run->reducer);
  const char *what = "the weight";
  int64_t found = tn_kernel_find_nonfinite(share.count, run->parameters + share.first);
  for (int i = 0; i < run->optimizer->state_count && found < 0; i++) {
    what = run->optimizer->state_names[i];
    found = tn_kernel_find_nonfinite(share.count, run->optimizer->states[i] + share.first);
  }
  if (found < 0)
    return tn_comm_agree(run->comm, TN_OK);
  const tn_tensor *tensor = tn_network_tensor_at(run->network, share.first + found);
  return tn_comm_agree(run->comm, tn_fail(TN_ERR_NUMERIC,
                                          "step %" PRId64
                                          ": %s of %s is not finite after the update: nothing was written, and the "
                                          "last checkpoint is kept; lower train.learning_rate, or set train.clip_norm",
                                          run->progress.step, what, tensor->name));
}

/* Replicas start equal and are updated alike: a difference is a fault of the machine, and must not reach a file. */
static tn_status check_replicas(const tn_run *run) {
  const int64_t bytes = run->network->block_size * (int64_t)sizeof(float);
  uint64_t hash = tn_hash64(run->parameters, bytes, 0);
  for (int i = 0; i < run->optimizer->state_count; i++)
    hash = tn_hash64(run->optimizer->states[i], bytes, hash);
  const tn_status status = tn_comm_check_equal(run->comm, &hash, 1, "the hash of weights and optimiser state");
  return status == TN_OK ? TN_OK : fail_at_hash(run, status, hash);
}

tn_status tn_run_save(tn_run *run, bool periodic, bool best) {
  tn_status status = run->deferred;
  const double start_s = tn_comm_time_s();
  tn_pulse_mark(run->comm, run->progress.step, TN_PHASE_SAVE);
  TN_TRY(check_replicas(run));
  TN_TRY(check_finite(run));
  if (run->folder)
    status = write_files(run, periodic, best);
  TN_TRY(tn_comm_agree(run->comm, status));
  tn_deadline_note_save(&run->deadline, tn_comm_time_s() - start_s);
  if (periodic) {
    run->saved_s = tn_comm_time_s();
    run->saved_step = run->progress.step;
  }
  return TN_OK;
}

static tn_status read_file(const tn_run *run, const char *name, tn_checkpoint **checkpoint) {
  char path[TN_PATH_MAX + 64];
  snprintf(path, sizeof path, "%s/%s", run->config.output.dir, name);
  return tn_checkpoint_read(checkpoint, path);
}

/* Rank 0: best.h5's parameters into the run. */
static tn_status read_best(tn_run *run) {
  tn_checkpoint *best = NULL;
  TN_TRY(read_file(run, BEST, &best));
  memcpy(run->parameters, best->parameters, (size_t)run->network->block_size * sizeof(float));
  tn_checkpoint_destroy(&best);
  return tn_folder_link(run->folder, BEST, LAST);
}

bool tn_run_restores_best(const tn_run *run) {
  return run->config.early_stopping.restore_best && run->best.best_epoch > 0;
}

tn_status tn_run_restore_best(tn_run *run) {
  const tn_status status = run->folder ? read_best(run) : TN_OK;
  TN_TRY(tn_comm_agree(run->comm, status));
  tn_run_share_block(run, run->parameters);
  tn_learned_take(run->network, run->parameters);
  return TN_OK;
}

static tn_status read_digest(const tn_run *run, const char *name, char digest[TN_DIGEST_SIZE]) {
  tn_checkpoint *checkpoint = NULL;
  TN_TRY(read_file(run, name, &checkpoint));
  memcpy(digest, checkpoint->digest, TN_DIGEST_SIZE);
  tn_checkpoint_destroy(&checkpoint);
  return TN_OK;
}

/* Rank 0 */
static tn_status settle(tn_run *run, const tn_checkpoint *newest) {
  char name[64] = BEST, last[TN_DIGEST_SIZE] = "";
  memcpy(run->digest, newest->digest, sizeof run->digest);
  if (tn_run_restores_best(run))
    TN_TRY(read_digest(run, name, run->digest));
  else
    step_file_name(name, newest->progress.step);
  if (read_digest(run, LAST, last) == TN_OK && strcmp(last, run->digest) == 0)
    return TN_OK;
  if (!run->folder)
    TN_TRY(tn_folder_open(&run->folder, run->config.output.dir));
  return tn_folder_link(run->folder, name, LAST);
}

tn_status tn_run_settle(tn_run *run, const tn_checkpoint *newest) {
  TN_TRY(tn_comm_agree(run->comm, newest ? settle(run, newest) : TN_OK));
  tn_comm_broadcast(run->comm, run->digest, (int64_t)sizeof run->digest, 0);
  return TN_OK;
}
