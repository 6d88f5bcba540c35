#include "base/memory.h"
#include "io/metrics_rows.h"
#include "io/sealed.h"
#include "io/table.h"

#include <string.h>

#define FORMAT  "thinnet-metrics"
#define VERSION 1
#define RATES   "/epoch/dropout_rate"

/* A column: the field of a row, and the dataset that holds it. */
typedef struct field {
  const char *path;
  tn_h5_kind kind;
  size_t offset;
} field;

#define VALUE_BYTES 8 /* of either kind of column */

#define EPOCH_COLUMN(name, kind)                                                                                       \
  { "/epoch/" #name, kind, offsetof(tn_epoch_row, name) }
#define STEP_COLUMN(name, kind)                                                                                        \
  { "/step/" #name, kind, offsetof(tn_step_row, name) }
#define TIME_COLUMN(name)                                                                                              \
  { "/rank/" #name, TN_H5_FLOAT64, offsetof(tn_rank_times, name) }

static const field epoch_columns[] = {
    EPOCH_COLUMN(epoch, TN_H5_INT64),
    EPOCH_COLUMN(step, TN_H5_INT64),
    EPOCH_COLUMN(seconds, TN_H5_FLOAT64),
    EPOCH_COLUMN(train_loss, TN_H5_FLOAT64),
    EPOCH_COLUMN(train_accuracy, TN_H5_FLOAT64),
    EPOCH_COLUMN(valid_loss, TN_H5_FLOAT64),
    EPOCH_COLUMN(valid_accuracy, TN_H5_FLOAT64),
    EPOCH_COLUMN(learning_rate, TN_H5_FLOAT64),
    EPOCH_COLUMN(samples_per_second, TN_H5_FLOAT64),
};
static const field step_columns[] = {
    STEP_COLUMN(step, TN_H5_INT64),
    STEP_COLUMN(loss, TN_H5_FLOAT64),
    STEP_COLUMN(gradient_norm, TN_H5_FLOAT64),
    STEP_COLUMN(learning_rate, TN_H5_FLOAT64),
};
static const field time_columns[] = {
    TIME_COLUMN(data_s),
    TIME_COLUMN(compute_s),
    TIME_COLUMN(reduce_s),
    TIME_COLUMN(update_s),
};

/* Rows as structures, that the file holds column by column. */
typedef struct row_table {
  const field *columns;
  int column_count;
  int rank;
  int64_t shape[2];
  size_t row_size;
} row_table;

static row_table epoch_table(int64_t epochs) {
  return (row_table){
      epoch_columns, sizeof epoch_columns / sizeof epoch_columns[0], 1, {epochs, 1}, sizeof(tn_epoch_row)};
}

static row_table step_table(int64_t steps) {
  return (row_table){step_columns, sizeof step_columns / sizeof step_columns[0], 1, {steps, 1}, sizeof(tn_step_row)};
}

static row_table time_table(int64_t epochs, int64_t ranks) {
  return (row_table){
      time_columns, sizeof time_columns / sizeof time_columns[0], 2, {epochs, ranks}, sizeof(tn_rank_times)};
}

static tn_status store_table(const tn_h5_file *file, row_table table, const void *rows) {
  const int64_t count = table.shape[0] * table.shape[1];
  char *values = NULL;
  TN_TRY(tn_alloc(&values, count, VALUE_BYTES, "a column of metrics"));
  tn_status status = TN_OK;
  for (int i = 0; i < table.column_count && status == TN_OK; i++) {
    const field *column = &table.columns[i];
    for (int64_t k = 0; k < count; k++)
      memcpy(values + k * VALUE_BYTES, (const char *)rows + (size_t)k * table.row_size + column->offset, VALUE_BYTES);
    status = tn_h5_store_array(file, column->path, column->kind, table.rank, table.shape, values);
  }
  tn_free(&values);
  return status;
}

static tn_status load_table(const tn_h5_file *file, row_table table, void *rows) {
  const int64_t count = table.shape[0] * table.shape[1];
  char *values = NULL;
  TN_TRY(tn_alloc(&values, count, VALUE_BYTES, "a column of metrics"));
  tn_status status = TN_OK;
  for (int i = 0; i < table.column_count && status == TN_OK; i++) {
    const field *column = &table.columns[i];
    status = tn_h5_load_array(file, column->path, column->kind, table.rank, table.shape, values);
    for (int64_t k = 0; k < count && status == TN_OK; k++)
      memcpy((char *)rows + (size_t)k * table.row_size + column->offset, values + k * VALUE_BYTES, VALUE_BYTES);
  }
  tn_free(&values);
  return status;
}

static tn_status store_about(const tn_h5_file *file, const tn_metrics_about *about) {
  TN_TRY(tn_h5_store_text(file, "/", "config", about->config_text));
  TN_TRY(tn_h5_store_text(file, "/", "mpi_version", about->mpi_version));
  TN_TRY(tn_h5_store_text(file, "/", "blas_version", about->blas_version));
  TN_TRY(tn_h5_store_text(file, "/", "hdf5_version", tn_hdf5_version()));
  TN_TRY(tn_h5_store_text(file, "/", "start_time", about->start_time));
  TN_TRY(tn_h5_store_int(file, "/", "ranks", about->ranks));
  TN_TRY(tn_h5_store_int(file, "/", "replicas", about->replicas));
  TN_TRY(tn_h5_store_int(file, "/", "threads", about->threads));
  TN_TRY(tn_metrics_store_job(file, "/", &about->job));
  if (about->ranks < 1 || about->host_name_size < 1)
    return TN_OK;
  return tn_h5_store_strings(file, "/host_names", about->ranks, about->host_name_size, about->host_names);
}

static tn_status store_all(const tn_h5_file *file, const tn_metrics *metrics) {
  if (metrics->about.config_text)
    TN_TRY(store_about(file, &metrics->about));
  TN_TRY(tn_metrics_store_starts(file, metrics));
  TN_TRY(store_table(file, epoch_table(metrics->epoch_count), metrics->epochs));
  TN_TRY(store_table(file, step_table(metrics->step_count), metrics->steps));
  if (metrics->rates)
    TN_TRY(tn_h5_store_array(file, RATES, TN_H5_FLOAT64, 2, (int64_t[]){metrics->epoch_count, metrics->places},
                             metrics->rates));
  return store_table(file, time_table(metrics->epoch_count, metrics->ranks), metrics->times);
}

tn_status tn_metrics_write(tn_metrics *metrics, tn_folder *folder, const char *name) {
  const tn_h5_report report = tn_h5_silence();
  tn_h5_file file;
  tn_status status = tn_sealed_create(&file, name, FORMAT, VERSION);
  if (status == TN_OK)
    status = store_all(&file, metrics);
  if (status == TN_OK)
    status = tn_sealed_write(&file, folder, name);
  tn_sealed_close(&file);
  tn_h5_restore(report);
  return status;
}

/* Rates, which not all metrics have; room for the epochs is there. */
static tn_status load_rates(const tn_h5_file *file, tn_metrics *metrics, int64_t epochs) {
  int64_t shape[2];
  if (!tn_h5_exists(file, RATES))
    return TN_OK;
  TN_TRY(tn_h5_load_shape(file, RATES, TN_H5_FLOAT64, 2, shape));
  if (shape[0] != epochs || shape[1] < 1 || shape[1] > TN_METRICS_PLACES_MAX)
    return tn_fail(TN_ERR_DAMAGED, "%s: " RATES " has the shape (%lld, %lld), expected is (%lld, 1 to %d)", file->name,
                   (long long)shape[0], (long long)shape[1], (long long)epochs, TN_METRICS_PLACES_MAX);
  TN_TRY(tn_metrics_track_rates(metrics, (int)shape[1]));
  return tn_h5_load_array(file, RATES, TN_H5_FLOAT64, 2, shape, metrics->rates);
}

static tn_status load_rows(const tn_h5_file *file, tn_metrics *metrics) {
  int64_t epochs = 0, steps = 0, shape[2];
  TN_TRY(tn_h5_load_shape(file, "/epoch/epoch", TN_H5_INT64, 1, &epochs));
  TN_TRY(tn_h5_load_shape(file, "/step/step", TN_H5_INT64, 1, &steps));
  TN_TRY(tn_h5_load_shape(file, "/rank/data_s", TN_H5_FLOAT64, 2, shape));
  if (shape[0] != epochs)
    return tn_fail(TN_ERR_DAMAGED, "%s: /rank/data_s has %lld epochs, /epoch/epoch has %lld", file->name,
                   (long long)shape[0], (long long)epochs);
  TN_TRY(tn_metrics_reserve_epochs(metrics, epochs, shape[1]));
  TN_TRY(tn_metrics_reserve_steps(metrics, steps));
  TN_TRY(load_table(file, epoch_table(epochs), metrics->epochs));
  TN_TRY(load_table(file, step_table(steps), metrics->steps));
  TN_TRY(load_table(file, time_table(epochs, shape[1]), metrics->times));
  TN_TRY(load_rates(file, metrics, epochs));
  metrics->epoch_count = epochs;
  metrics->step_count = steps;
  return TN_OK;
}

static tn_status load_all(const tn_h5_file *file, tn_metrics *metrics) {
  TN_TRY(load_rows(file, metrics));
  TN_TRY(tn_metrics_load_starts(file, metrics));
  return tn_metrics_load_job(file, "/", &metrics->about.job);
}

/* Drops what a run did after the checkpoint that it goes on from. */
static void cut(tn_metrics *metrics, int64_t epoch, int64_t step) {
  int64_t kept = 0;
  for (int64_t i = 0; i < metrics->epoch_count; i++) {
    if (metrics->epochs[i].epoch > epoch || metrics->epochs[i].step > step)
      continue;
    metrics->epochs[kept] = metrics->epochs[i];
    memmove(metrics->times + kept * metrics->ranks, metrics->times + i * metrics->ranks,
            (size_t)metrics->ranks * sizeof *metrics->times);
    if (metrics->rates)
      memmove(metrics->rates + kept * metrics->places, metrics->rates + i * metrics->places,
              (size_t)metrics->places * sizeof *metrics->rates);
    kept++;
  }
  metrics->epoch_count = kept;
  kept = 0;
  for (int64_t i = 0; i < metrics->step_count; i++)
    if (metrics->steps[i].step <= step)
      metrics->steps[kept++] = metrics->steps[i];
  metrics->step_count = kept;
}

static tn_status read_metrics(tn_metrics **metrics, const char *path) {
  tn_h5_file file;
  TN_TRY(tn_sealed_open(&file, path, FORMAT, VERSION));
  tn_status status = tn_metrics_create(metrics);
  if (status == TN_OK)
    status = load_all(&file, *metrics);
  tn_sealed_close(&file);
  return status;
}

tn_status tn_metrics_read(tn_metrics **metrics, const char *path, int64_t epoch, int64_t step) {
  *metrics = NULL;
  const tn_h5_report report = tn_h5_silence();
  const tn_status status = read_metrics(metrics, path);
  if (status == TN_OK)
    cut(*metrics, epoch, step);
  else
    tn_metrics_destroy(metrics);
  tn_h5_restore(report);
  return status;
}
