/* Where a run starts from: the newest good checkpoint of its folder, another run's weights, or nothing. */
#include "base/config_table.h"
#include "base/log.h"
#include "base/memory.h"
#include "train/run.h"

#include <string.h>

/* Reads the newest checkpoint that is whole; says what was wrong with the others. *checkpoint stays NULL where there is
 * none. */
static tn_status read_newest(const char *folder, tn_checkpoint **checkpoint) {
  char(*names)[64] = NULL;
  char path[TN_PATH_MAX + 64];
  int count = 0;
  TN_TRY(tn_checkpoint_list(folder, &names, &count));
  tn_status status = TN_OK;
  for (int i = 0; i < count && !*checkpoint; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    status = tn_checkpoint_read(checkpoint, path);
    if (status != TN_OK)
      tn_warn("skipping a checkpoint that cannot be used: %s", tn_error_message());
  }
  if (count > 0 && !*checkpoint)
    status = tn_fail_in(status == TN_ERR_DATA ? TN_ERR_DAMAGED : status,
                        "%s: none of the %d checkpoints can be used; nothing was touched. The last one tried", folder,
                        count);
  tn_free(&names);
  return status;
}

static void warn_of_schedule(const tn_config *stored, const tn_config *now) {
  if (now->schedule.kind == TN_SCHEDULE_COSINE &&
      (stored->train.epochs != now->train.epochs || stored->train.max_steps != now->train.max_steps))
    tn_warn("schedule.kind = cosine falls until the run's last step: with another train.epochs or train.max_steps the "
            "learning rate goes on along another curve");
}

static void warn_of_threads(const tn_config *stored, const tn_config *now) {
  if (stored->parallel.threads != now->parallel.threads)
    tn_warn(
        "parallel.threads = %lld, but the run was started with %lld: BLAS may round differently, and the network then "
        "is not that of the undisturbed run",
        (long long)now->parallel.threads, (long long)stored->parallel.threads);
}

/* Takes the keys that the first start settled, and refuses a configuration that would be another run. */
static tn_status adopt_config(tn_run *run, const tn_checkpoint *checkpoint) {
  char keys[1024];
  tn_config *stored = NULL;
  TN_TRY(tn_alloc(&stored, 1, sizeof *stored, "the stored configuration"));
  tn_config_defaults(stored);
  tn_status status = tn_config_read_text(stored, checkpoint->config_text, "the checkpoint's configuration");
  if (status == TN_OK) {
    tn_config_adopt(stored, &run->config);
    if (tn_config_resume_conflicts(stored, &run->config, keys, sizeof keys) > 0)
      status =
          tn_fail(TN_ERR_CONFIG,
                  "--resume: the configuration differs from that of the run in %s: change it back, or start a new run "
                  "in another folder (-o DIR, and --init to start from these weights where the layers stay the same)",
                  keys);
  }
  if (status == TN_OK)
    warn_of_schedule(stored, &run->config);
  if (status == TN_OK)
    warn_of_threads(stored, &run->config);
  tn_free(&stored);
  return status;
}

static tn_status adopt_newest(tn_run *run, tn_checkpoint **checkpoint) {
  TN_TRY(read_newest(run->config.output.dir, checkpoint));
  if (!*checkpoint)
    return TN_OK;
  run->progress = (*checkpoint)->progress;
  return adopt_config(run, *checkpoint);
}

/* Empty where there is none. */
static tn_status newest_name(const char *folder, char name[64]) {
  char(*names)[64] = NULL;
  int count = 0;
  name[0] = '\0';
  TN_TRY(tn_checkpoint_list(folder, &names, &count));
  if (count > 0)
    memcpy(name, names[0], 64);
  tn_free(&names);
  return TN_OK;
}

/* The folder becomes this run's. Until that moment its former writer, orphaned but alive, may have added a checkpoint
 * to those of which `newest` was the newest: then the run goes on from that one. */
static tn_status take_folder(tn_run *run, const char *newest, tn_checkpoint **checkpoint) {
  const char *folder = run->config.output.dir;
  char now[64];
  TN_TRY(tn_folder_open(&run->folder, folder));
  TN_TRY(newest_name(folder, now));
  if (strcmp(newest, now) == 0)
    return TN_OK;
  tn_checkpoint_destroy(checkpoint);
  return adopt_newest(run, checkpoint);
}

/* The folder is taken once it is certain that there is something to go on with here. */
static tn_status find_local(tn_run *run, tn_checkpoint **checkpoint) {
  const char *folder = run->config.output.dir;
  char newest[64];
  if (!folder[0])
    return TN_OK;
  TN_TRY(newest_name(folder, newest));
  TN_TRY(adopt_newest(run, checkpoint));
  const bool goes_on = !run->options->dry_run && !(*checkpoint && tn_run_is_finished(run));
  return goes_on ? take_folder(run, newest, checkpoint) : TN_OK;
}

static void unpack_watches(tn_run *run) {
  const tn_progress *progress = &run->progress;
  run->best = (tn_watch){.best = progress->best_value, .best_epoch = progress->best_epoch};
  run->stopping = (tn_watch){.best = progress->stop_best,
                             .best_epoch = progress->stop_best_epoch,
                             .epochs_since = progress->stop_epochs_since};
  run->plateau = (tn_watch){.best = progress->plateau_best,
                            .best_epoch = progress->plateau_best_epoch,
                            .epochs_since = progress->plateau_epochs_since};
}

tn_status tn_run_resume_find(tn_run *run, tn_checkpoint **checkpoint, bool *found) {
  const bool is_root = tn_comm_rank(run->comm) == 0;
  TN_TRY(tn_comm_agree(run->comm, is_root ? find_local(run, checkpoint) : TN_OK));
  *found = *checkpoint != NULL;
  tn_comm_broadcast(run->comm, found, (int64_t)sizeof *found, 0);
  tn_comm_broadcast(run->comm, &run->config, (int64_t)sizeof run->config, 0); /* with what it has adopted */
  tn_comm_broadcast(run->comm, &run->progress, (int64_t)sizeof run->progress, 0);
  if (*found)
    unpack_watches(run);
  return TN_OK;
}

static const float *find_state(const tn_checkpoint *checkpoint, const char *name) {
  for (int i = 0; i < checkpoint->state_count; i++)
    if (strcmp(checkpoint->state_names[i], name) == 0)
      return checkpoint->states[i];
  return NULL;
}

static tn_status check_rows(const tn_run *run, const tn_progress *progress) {
  char remedy[2 * TN_PATH_MAX];
  const char *file = run->config.data.file;
  snprintf(remedy, sizeof remedy, "bring %s back%s, or start a new run (-o DIR, and --init for its weights)",
           file[0] ? file : "the arrays", file[0] ? " and the names of its data sets in [data]" : "");
  if (progress->train_rows != run->data.train.rows)
    return tn_fail(TN_ERR_DATA, "--resume: the run was started with %lld training rows, the data now have %lld: %s",
                   (long long)progress->train_rows, (long long)run->data.train.rows, remedy);
  if (progress->data_fingerprint != (int64_t)run->data.fingerprint)
    return tn_fail(TN_ERR_DATA,
                   "--resume: the training or validation rows are not those that the run was started with: %s", remedy);
  return TN_OK;
}

static tn_status load_local(tn_run *run, const tn_checkpoint *checkpoint) {
  TN_TRY(check_rows(run, &checkpoint->progress));
  TN_TRY(tn_run_adopt(run, checkpoint, true, "--resume: the checkpoint"));
  for (int i = 0; i < run->optimizer->state_count; i++) {
    const float *state = find_state(checkpoint, run->optimizer->state_names[i]);
    if (!state)
      return tn_fail(TN_ERR_DAMAGED, "--resume: the checkpoint holds no optimiser state '%s'",
                     run->optimizer->state_names[i]);
    memcpy(run->optimizer->states[i], state, (size_t)run->network->block_size * sizeof(float));
  }
  return TN_OK;
}

tn_status tn_run_resume_load(tn_run *run, const tn_checkpoint *checkpoint) {
  TN_TRY(tn_comm_agree(run->comm, checkpoint ? load_local(run, checkpoint) : TN_OK));
  tn_run_share_block(run, run->parameters);
  for (int i = 0; i < run->optimizer->state_count; i++)
    tn_run_share_block(run, run->optimizer->states[i]);
  return TN_OK;
}

static tn_status init_local(tn_run *run, const char *path) {
  char what[TN_PATH_MAX + 16];
  tn_checkpoint *checkpoint = NULL;
  snprintf(what, sizeof what, "--init %s", path);
  TN_TRY(tn_checkpoint_read(&checkpoint, path));
  const tn_status status = tn_run_adopt(run, checkpoint, false, what);
  tn_checkpoint_destroy(&checkpoint);
  return status;
}

tn_status tn_run_init_from(tn_run *run, const char *path) {
  const bool is_root = tn_comm_rank(run->comm) == 0;
  TN_TRY(tn_comm_agree(run->comm, is_root ? init_local(run, path) : TN_OK));
  tn_run_share_block(run, run->parameters);
  return TN_OK;
}
