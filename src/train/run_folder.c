/* A run's folder: whether it is free, and what stands in it before the first step. */
#include "base/log.h"
#include "base/memory.h"
#include "nn/dropout.h"
#include "train/run.h"

#include <stdlib.h>
#include <unistd.h>

static const char *const single_files[] = {"metrics.h5", "config.ini", "last.h5", "best.h5"};
#define SINGLE_FILES ((int)(sizeof single_files / sizeof single_files[0]))

static bool holds_checkpoints(const char *folder) {
  char(*names)[64] = NULL;
  int count = 0;
  const tn_status status = tn_checkpoint_list(folder, &names, &count);
  tn_free(&names);
  return status == TN_OK && count > 0;
}

static bool holds_a_run(const char *folder) {
  char path[TN_PATH_MAX + 64];
  for (int i = 0; i < SINGLE_FILES; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, single_files[i]);
    if (access(path, F_OK) == 0)
      return true;
  }
  return holds_checkpoints(folder);
}

static tn_status clear_folder(tn_folder *folder) {
  char(*names)[64] = NULL;
  int count = 0;
  TN_TRY(tn_checkpoint_list(tn_folder_path(folder), &names, &count));
  tn_status status = TN_OK;
  for (int i = 0; i < count && status == TN_OK; i++)
    status = tn_folder_remove(folder, names[i]);
  for (int i = 0; i < SINGLE_FILES && status == TN_OK; i++)
    status = tn_folder_remove(folder, single_files[i]);
  tn_free(&names);
  return status;
}

static tn_status write_config(tn_run *run) {
  char *text = tn_config_format(&run->config);
  if (!text)
    return tn_fail(TN_ERR_MEMORY, "out of memory: the configuration's text");
  const tn_status status = tn_folder_write_text(run->folder, "config.ini", text);
  free(text);
  return status;
}

/* Metrics that are damaged or gone are no reason not to train; a disk that does not give them out today is. */
static tn_status open_metrics(tn_run *run, bool resumed) {
  char path[TN_PATH_MAX + 64];
  if (resumed) {
    snprintf(path, sizeof path, "%s/metrics.h5", run->config.output.dir);
    const tn_status status = tn_metrics_read(&run->metrics, path, run->progress.epoch, run->progress.step);
    if (status == TN_OK)
      return TN_OK;
    if (status == TN_ERR_MEMORY || (status == TN_ERR_IO && access(path, F_OK) == 0))
      return tn_fail_in(status, "the metrics of the run so far cannot be read, and nothing was trained");
    tn_warn("the metrics of the run so far are lost, new ones start here: %s", tn_error_message());
  }
  return tn_metrics_create(&run->metrics);
}

static tn_status refuse_old_run(const tn_run *run) {
  const char *path = run->config.output.dir;
  if (run->options->resume || run->options->overwrite || !holds_a_run(path))
    return TN_OK;
  return tn_fail(TN_ERR_USAGE,
                 "%s holds a run already: --resume continues it, --overwrite replaces it, -o DIR starts elsewhere",
                 path);
}

static tn_status open_folder(tn_run *run, bool resumed) {
  const char *path = run->config.output.dir;
  TN_TRY(refuse_old_run(run));
  if (!run->folder) /* a resume has taken it already */
    TN_TRY(tn_folder_open(&run->folder, path));
  if (!resumed)
    TN_TRY(clear_folder(run->folder));
  return write_config(run);
}

/* The rates of the input and of the hidden layers, where they change in the run. */
static tn_status track_rates(tn_run *run) {
  if (!tn_dropout_rates_change(run->network))
    return TN_OK;
  return tn_metrics_track_rates(run->metrics, run->network->layer_count);
}

/* Rank 0. */
static tn_status open_run(tn_run *run, bool resumed) {
  TN_TRY(open_folder(run, resumed));
  TN_TRY(open_metrics(run, resumed));
  return track_rates(run);
}

tn_status tn_run_folder_check(const tn_run *run) {
  const char *path = run->config.output.dir;
  tn_status status = TN_OK;
  if (path[0] && tn_comm_rank(run->comm) == 0) {
    status = refuse_old_run(run);
    if (status == TN_OK)
      status = tn_folder_check(path);
  }
  return tn_comm_agree(run->comm, status);
}

tn_status tn_run_folder_open(tn_run *run, bool resumed) {
  if (!run->config.output.dir[0])
    return TN_OK;
  const bool is_root = tn_comm_rank(run->comm) == 0;
  return tn_comm_agree(run->comm, is_root ? open_run(run, resumed) : TN_OK);
}
