/* The starts of a run in its metrics. */
#include "base/memory.h"
#include "io/h5_load.h"
#include "io/metrics_rows.h"

#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 32 };

static void start_path(char path[PATH_SIZE], int index) {
  snprintf(path, PATH_SIZE, "/start/%04d", index + 1);
}

static void free_start(tn_metrics_start *start) {
  tn_free(&start->time);
  tn_free(&start->job.id);
  tn_free(&start->job.nodes);
}

void tn_metrics_free_starts(tn_metrics *metrics) {
  for (int i = 0; i < metrics->start_count; i++)
    free_start(&metrics->starts[i]);
  tn_free(&metrics->starts);
  metrics->start_count = 0;
}

static tn_status copy_start(tn_metrics_start *copy, const tn_metrics_start *start) {
  const char *const texts[] = {start->time, start->job.id, start->job.nodes};
  char *own[] = {NULL, NULL, NULL};
  tn_status status = TN_OK;
  for (int i = 0; i < 3 && status == TN_OK; i++)
    status = tn_string_copy(&own[i], texts[i] ? texts[i] : "");
  *copy = *start;
  copy->time = own[0];
  copy->job.id = own[1];
  copy->job.nodes = own[2];
  return status;
}

/* Takes over the strings of `start`; room for all there can be, once there is one. */
static tn_status append(tn_metrics *metrics, const tn_metrics_start *start) {
  if (!metrics->starts)
    TN_TRY(tn_alloc(&metrics->starts, TN_METRICS_STARTS_MAX, sizeof *metrics->starts, "the starts of the run"));
  if (metrics->start_count == TN_METRICS_STARTS_MAX) {
    free_start(&metrics->starts[0]);
    metrics->start_count--;
    memmove(metrics->starts, metrics->starts + 1, (size_t)metrics->start_count * sizeof *metrics->starts);
  }
  metrics->starts[metrics->start_count++] = *start;
  return TN_OK;
}

tn_status tn_metrics_add_start(tn_metrics *metrics, const tn_metrics_start *start) {
  tn_metrics_start copy;
  tn_status status = copy_start(&copy, start);
  if (status == TN_OK)
    status = append(metrics, &copy);
  if (status != TN_OK)
    free_start(&copy);
  return status;
}

int tn_metrics_start_count(const tn_metrics *metrics) {
  return metrics->start_count;
}

const tn_metrics_start *tn_metrics_starts(const tn_metrics *metrics) {
  return metrics->starts;
}

tn_status tn_metrics_store_job(const tn_h5_file *file, const char *path, const tn_metrics_job *job) {
  if (!job->id || !job->id[0])
    return TN_OK;
  TN_TRY(tn_h5_store_text(file, path, "job_id", job->id));
  TN_TRY(tn_h5_store_text(file, path, "node_list", job->nodes));
  return tn_h5_store_int(file, path, "restart_count", job->restarts);
}

tn_status tn_metrics_load_job(const tn_h5_file *file, const char *path, tn_metrics_job *job) {
  char *id = NULL, *nodes = NULL;
  if (!tn_h5_has_attribute(file, path, "job_id"))
    return TN_OK;
  TN_TRY(tn_h5_load_text(file, path, "job_id", &id));
  job->id = id;
  TN_TRY(tn_h5_load_text(file, path, "node_list", &nodes));
  job->nodes = nodes;
  return tn_h5_load_int(file, path, "restart_count", &job->restarts);
}

static tn_status store_start(const tn_h5_file *file, const char *path, const tn_metrics_start *start) {
  TN_TRY(tn_h5_store_group(file, path));
  TN_TRY(tn_h5_store_text(file, path, "time", start->time));
  TN_TRY(tn_h5_store_int(file, path, "ranks", start->ranks));
  TN_TRY(tn_h5_store_int(file, path, "step", start->step));
  return tn_metrics_store_job(file, path, &start->job);
}

tn_status tn_metrics_store_starts(const tn_h5_file *file, const tn_metrics *metrics) {
  char path[PATH_SIZE];
  for (int i = 0; i < metrics->start_count; i++) {
    start_path(path, i);
    TN_TRY(store_start(file, path, &metrics->starts[i]));
  }
  return TN_OK;
}

static tn_status load_start(const tn_h5_file *file, const char *path, tn_metrics_start *start) {
  char *time = NULL;
  TN_TRY(tn_h5_load_text(file, path, "time", &time));
  start->time = time;
  TN_TRY(tn_h5_load_int(file, path, "ranks", &start->ranks));
  TN_TRY(tn_h5_load_int(file, path, "step", &start->step));
  return tn_metrics_load_job(file, path, &start->job);
}

/* Metrics of older versions have none. */
tn_status tn_metrics_load_starts(const tn_h5_file *file, tn_metrics *metrics) {
  char path[PATH_SIZE];
  for (int i = 0; i < TN_METRICS_STARTS_MAX; i++) {
    tn_metrics_start start = {0};
    start_path(path, i);
    if (!tn_h5_exists(file, path))
      return TN_OK;
    tn_status status = load_start(file, path, &start);
    if (status == TN_OK)
      status = append(metrics, &start);
    if (status != TN_OK) {
      free_start(&start);
      return status;
    }
  }
  return TN_OK;
}
