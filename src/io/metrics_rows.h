/* The rows of metrics in memory. Private to src/io. */
#ifndef TN_IO_METRICS_ROWS_H
#define TN_IO_METRICS_ROWS_H

#include "io/h5_store.h"
#include "io/metrics.h"

struct tn_metrics {
  tn_epoch_row *epochs;
  tn_rank_times *times; /* (epochs, ranks) */
  int64_t epoch_count, epoch_room;
  int64_t ranks; /* of the widest epoch */
  double *rates; /* (epochs, places); NULL: not tracked */
  int64_t places;
  tn_step_row *steps;
  int64_t step_count, step_room;
  tn_metrics_start *starts; /* their strings are owned */
  int start_count;
  tn_metrics_about about; /* its strings are owned; NULL: not described yet */
};

/* Room for so many rows and ranks; those that are there stay. TN_ERR_MEMORY changes nothing. */
tn_status tn_metrics_reserve_epochs(tn_metrics *metrics, int64_t epochs, int64_t ranks);
tn_status tn_metrics_reserve_steps(tn_metrics *metrics, int64_t steps);

/* metrics_start.c */
void tn_metrics_free_starts(tn_metrics *metrics);
tn_status tn_metrics_store_starts(const tn_h5_file *file, const tn_metrics *metrics);
tn_status tn_metrics_load_starts(const tn_h5_file *file, tn_metrics *metrics);

/* The attributes job_id, node_list and restart_count of the object at `path`; none where there is no job. What is
 * loaded is owned. */
tn_status tn_metrics_store_job(const tn_h5_file *file, const char *path, const tn_metrics_job *job);
tn_status tn_metrics_load_job(const tn_h5_file *file, const char *path, tn_metrics_job *job);

#endif
