/* metrics.h5: held in memory by rank 0 as rows, and replaced whole, in the checkpoint's manner, whenever it is written.
 */
#ifndef TN_IO_METRICS_H
#define TN_IO_METRICS_H

#include "io/file.h"

typedef struct tn_metrics tn_metrics;

/* The columns of /epoch; each is a dataset (epochs). epoch and step are int64, the others float64; NaN where there is
 * none. epoch counts from 1. */
typedef struct tn_epoch_row {
  int64_t epoch, step;
  double seconds, train_loss, train_accuracy, valid_loss, valid_accuracy, learning_rate, samples_per_second;
} tn_epoch_row;

/* /step/...; a step that was skipped has a row always, with a loss and gradient_norm of NaN. */
typedef struct tn_step_row {
  int64_t step;
  double loss, gradient_norm, learning_rate;
} tn_step_row;

/* /epoch/dropout_rate, only where rates change: (epochs, places), the rates of the epoch's last step, or those learned
 * by its end, of the input first and then behind each hidden layer. */
#define TN_METRICS_PLACES_MAX (TN_LAYERS_MAX + 1)

/* /rank/...: seconds each rank spent in the phases of an epoch; stored as (epochs, ranks). */
typedef struct tn_rank_times {
  double data_s, compute_s, reduce_s, update_s;
} tn_rank_times;

/* The queue's job that wrote a file: root attributes job_id, restart_count and node_list. */
typedef struct tn_metrics_job {
  const char *id, *nodes; /* NULL or "": no job */
  int64_t restarts;
} tn_metrics_job;

/* Root attributes of the file (host_names is a dataset). Strings are borrowed by tn_metrics_describe and copied. */
typedef struct tn_metrics_about {
  const char *config_text, *mpi_version, *blas_version, *start_time; /* ISO 8601 UTC */
  int64_t ranks, replicas, threads;
  const char *host_names; /* ranks strings, each in `host_name_size` bytes */
  int64_t host_name_size;
  tn_metrics_job job;
} tn_metrics_about;

/* One start of the run: the processes that came, went on after `step`, and wrote metrics. Attributes of a group of
 * /start, numbered from 0001: time, ranks, step; job_id, restart_count and node_list where there was a job. */
typedef struct tn_metrics_start {
  const char *time; /* as start_time */
  int64_t ranks, step;
  tn_metrics_job job;
} tn_metrics_start;

/* A run that is started again more often keeps the newest of them. */
#define TN_METRICS_STARTS_MAX 1000

tn_status tn_metrics_create(tn_metrics **metrics);
void tn_metrics_destroy(tn_metrics **metrics);
tn_status tn_metrics_describe(tn_metrics *metrics, const tn_metrics_about *about);

/* Appends a start, whose strings are copied. TN_ERR_MEMORY leaves the metrics as they were. */
tn_status tn_metrics_add_start(tn_metrics *metrics, const tn_metrics_start *start);
int tn_metrics_start_count(const tn_metrics *metrics);
const tn_metrics_start *tn_metrics_starts(const tn_metrics *metrics); /* borrowed until the next change */

/* Appends. times: `ranks` of them. A wider epoch than those before widens the table, NaN where a rank was absent.
 * TN_ERR_MEMORY leaves the metrics as they were. */
tn_status tn_metrics_add_epoch(tn_metrics *metrics, const tn_epoch_row *row, const tn_rank_times *times, int ranks);
tn_status tn_metrics_add_step(tn_metrics *metrics, const tn_step_row *row);

/* From here on every epoch has the rates of `places` places; NaN until tn_metrics_set_rates, which sets those of the
 * newest epoch. Metrics that were read have them already, where they were written with as many places. TN_ERR_MEMORY.
 */
tn_status tn_metrics_track_rates(tn_metrics *metrics, int places);
void tn_metrics_set_rates(tn_metrics *metrics, const double *rates);
/* (epochs, *places), borrowed until the next change; NULL and 0: not tracked. */
const double *tn_metrics_rates(const tn_metrics *metrics, int *places);

/* Reads a file written by tn_metrics_write and keeps all starts, and the rows with epoch <= `epoch` and step <= `step`
 * (of a checkpoint that is resumed from). TN_ERR_IO, TN_ERR_DAMAGED, TN_ERR_DATA as for checkpoints. */
tn_status tn_metrics_read(tn_metrics **metrics, const char *path, int64_t epoch, int64_t step);

int64_t tn_metrics_epoch_count(const tn_metrics *metrics);
int64_t tn_metrics_step_count(const tn_metrics *metrics);
const tn_epoch_row *tn_metrics_epochs(const tn_metrics *metrics); /* borrowed until the next change */
const tn_step_row *tn_metrics_steps(const tn_metrics *metrics);

/* The job of the description, or, before there is one, of the file that was read; borrowed until the next change. */
const tn_metrics_job *tn_metrics_job_of(const tn_metrics *metrics);

/* Builds the file in memory and replaces NAME in the folder. */
tn_status tn_metrics_write(tn_metrics *metrics, tn_folder *folder, const char *name);

#endif
