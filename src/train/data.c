/* The data of a run: opened, checked, held out, loaded, exchanged. */
#include "base/memory.h"
#include "io/file.h"
#include "train/run.h"
#include "train/same_rows.h"
#include "train/standardize.h"

#include <string.h>

/* Rows that a rank sends at a time when an epoch's rows are exchanged: bounds the buffers at a few MB for usual rows.
 */
#define EXCHANGE_CHUNK_ROWS 4096

static const char *name_of(const char *path, const char *otherwise) {
  return path[0] ? path : otherwise;
}

static bool has_valid_file(const tn_data_config *data) {
  return data->valid_x[0] != '\0';
}

static tn_status open_train(tn_run *run) {
  const tn_data_config *data = &run->config.data;
  const tn_loss loss = run->config.model.loss;
  if (run->options->train)
    return tn_row_source_open_arrays(&run->data.train_source, run->options->train, loss, "training arrays");
  if (!data->file[0])
    return tn_fail(TN_ERR_CONFIG, "data.file is not set: name the HDF5 file with the training rows");
  return tn_row_source_open_file(&run->data.train_source, data->file, data->train_x, data->train_y, data->train_weight,
                                 loss);
}

static tn_status open_valid(tn_run *run) {
  const tn_data_config *data = &run->config.data;
  const tn_loss loss = run->config.model.loss;
  if (run->options->valid)
    return tn_row_source_open_arrays(&run->data.valid_source, run->options->valid, loss, "validation arrays");
  return tn_row_source_open_file(&run->data.valid_source, data->file, data->valid_x, data->valid_y, NULL, loss);
}

static const char *place_of(const tn_table *table) {
  return table ? table->path : "the arrays";
}

static tn_status check_shape(const char *file, const char *what, const tn_row_source *train,
                             const tn_row_source *other) {
  if (other->inputs != train->inputs)
    return tn_fail(TN_ERR_DATA, "%s: %s rows (%s) have %lld features, training rows (%s) %lld: both need the same",
                   name_of(file, "the data"), what, place_of(other->x), (long long)other->inputs, place_of(train->x),
                   (long long)train->inputs);
  if (other->has_targets && other->value_cols != train->value_cols)
    return tn_fail(TN_ERR_DATA, "%s: %s targets (%s) have %lld columns, training targets (%s) %lld: both need the same",
                   name_of(file, "the data"), what, place_of(other->y), (long long)other->value_cols,
                   place_of(train->y), (long long)train->value_cols);
  return TN_OK;
}

static tn_status choose_validation(tn_run *run) {
  tn_run_data *data = &run->data;
  data->train = tn_subset_all(&data->train_source);
  if (run->options->valid || has_valid_file(&run->config.data)) {
    TN_TRY(open_valid(run));
    TN_TRY(check_shape(run->config.data.file, "validation", &data->train_source, &data->valid_source));
    data->valid = tn_subset_all(&data->valid_source);
    return TN_OK;
  }
  if (run->config.data.valid_fraction > 0.0)
    return tn_subset_hold_out(&data->train_source, run->config.data.valid_fraction, (uint64_t)run->config.train.seed,
                              &data->holdout, &data->train, &data->valid);
  return TN_OK;
}

/* The rows that `eval` is to read one day: that they are there is worth knowing before hours of training. */
static tn_status check_test(const tn_run *run) {
  const tn_data_config *data = &run->config.data;
  tn_row_source test;
  if (run->options->train || !data->test_x[0])
    return TN_OK;
  TN_TRY(tn_row_source_open_file(&test, data->file, data->test_x, data->test_y, NULL, run->config.model.loss));
  const tn_status status = check_shape(data->file, "test", &run->data.train_source, &test);
  tn_row_source_close(&test);
  return status;
}

static tn_status check_monitor(const tn_run *run) {
  const tn_monitor monitor = run->config.early_stopping.monitor;
  if (run->data.valid.rows > 0 || (monitor != TN_MONITOR_VALID_LOSS && monitor != TN_MONITOR_VALID_ACCURACY))
    return TN_OK;
  return tn_fail(TN_ERR_CONFIG,
                 "early_stopping.monitor = %s needs validation rows: set data.valid_x and data.valid_y, "
                 "or data.valid_fraction",
                 tn_config_word("early_stopping.monitor", (int)monitor));
}

/* data.train_rows */
static tn_status limit_rows(tn_run *run) {
  const int64_t wanted = run->config.data.train_rows;
  int64_t *rows = &run->data.train_source.rows;
  if (wanted > *rows)
    return tn_fail(TN_ERR_DATA, "%s: data.train_rows = %lld, but there are %lld training rows",
                   name_of(run->config.data.file, "the arrays"), (long long)wanted, (long long)*rows);
  if (wanted > 0)
    *rows = wanted;
  return TN_OK;
}

static tn_status open_local(tn_run *run) {
  TN_TRY(open_train(run));
  TN_TRY(limit_rows(run));
  if (!run->data.train_source.has_targets)
    return tn_fail(TN_ERR_CONFIG, "data.train_y is not set: training needs targets");
  TN_TRY(choose_validation(run));
  TN_TRY(check_test(run));
  TN_TRY(check_monitor(run));
  run->data.weighted =
      run->data.train_source.has_weights || run->config.train.class_weights.mode != TN_CLASS_WEIGHTS_NONE;
  return TN_OK;
}

/* What all ranks need alike to go on. */
typedef struct data_shape {
  int64_t rows, inputs, value_cols, element, valid_rows;
} data_shape;

static tn_status check_same_shape(const tn_run *run) {
  const tn_row_source *train = &run->data.train_source;
  const data_shape mine = {train->rows, train->inputs, train->value_cols, train->element, run->data.valid.rows};
  data_shape first = mine;
  tn_comm_broadcast(run->comm, &first, (int64_t)sizeof first, 0);
  if (memcmp(&mine, &first, sizeof mine) == 0)
    return tn_comm_agree(run->comm, TN_OK);
  return tn_comm_agree(
      run->comm,
      tn_fail(TN_ERR_MISMATCH,
              "%s: found %lld training rows of %lld features (%lld bytes each) with %lld target columns, and %lld "
              "validation rows; rank 0 found %lld of %lld (%lld bytes each) with %lld, and %lld: all ranks need the "
              "same data",
              name_of(run->config.data.file, "the arrays"), (long long)mine.rows, (long long)mine.inputs,
              (long long)tn_element_size((tn_element)mine.element), (long long)mine.value_cols,
              (long long)mine.valid_rows, (long long)first.rows, (long long)first.inputs,
              (long long)tn_element_size((tn_element)first.element), (long long)first.value_cols,
              (long long)first.valid_rows));
}

tn_status tn_run_data_open(tn_run *run) {
  TN_TRY(tn_comm_agree(run->comm, open_local(run)));
  return check_same_shape(run);
}

/* Greatest label on all ranks, -1 where there are none. */
static int64_t greatest_label(const tn_comm *comm, const tn_rows *rows) {
  double greatest = -1.0;
  for (int64_t i = 0; rows->arrays.labels && i < rows->count; i++)
    if (rows->arrays.labels[i] > greatest)
      greatest = (double)rows->arrays.labels[i];
  tn_comm_max_double(comm, &greatest, 1);
  return (int64_t)greatest;
}

static tn_status check_labels(const char *file, const char *what, const tn_row_source *source, int64_t greatest,
                              int64_t outputs) {
  if (greatest < outputs)
    return TN_OK;
  return tn_fail(
      TN_ERR_DATA,
      "%s: %s labels (%s): label %lld found, but the network has %lld outputs (classes 0..%lld): correct the "
      "labels or set model.outputs = %lld",
      name_of(file, "the data"), what, place_of(source->y), (long long)greatest, (long long)outputs,
      (long long)(outputs - 1), (long long)(greatest + 1));
}

/* Fills in model.outputs, or checks what was given. The same on all ranks. */
static tn_status settle_outputs(tn_run *run) {
  tn_run_data *data = &run->data;
  int64_t *outputs = &run->config.model.outputs;
  const int64_t columns = data->train_source.value_cols;
  if (columns > 0) {
    if (*outputs != 0 && *outputs != columns)
      return tn_fail(TN_ERR_CONFIG,
                     "model.outputs = %lld, but the targets %s have %lld columns: leave it out, or make them equal",
                     (long long)*outputs, name_of(run->config.data.train_y, "values"), (long long)columns);
    *outputs = columns;
    return TN_OK;
  }
  const int64_t train_greatest = greatest_label(run->comm, &data->train_rows);
  const int64_t valid_greatest = data->valid.rows > 0 ? greatest_label(run->comm, &data->valid_rows) : -1;
  if (*outputs == 0 && train_greatest >= TN_UNITS_MAX)
    return tn_fail(TN_ERR_DATA,
                   "%s: training labels (%s): label %lld found; at most %d classes are possible: correct the labels",
                   name_of(run->config.data.file, "the data"), place_of(data->train_source.y),
                   (long long)train_greatest, TN_UNITS_MAX);
  if (*outputs == 0)
    *outputs = train_greatest + 1;
  if (*outputs < 2)
    return tn_fail(TN_ERR_DATA,
                   "%s: training labels (%s) are all 0: softmax_cross_entropy needs at least two classes "
                   "(model.outputs sets them)",
                   name_of(run->config.data.file, "the data"), place_of(data->train_source.y));
  TN_TRY(check_labels(run->config.data.file, "training", data->train.source, train_greatest, *outputs));
  return check_labels(run->config.data.file, "validation", data->valid.source, valid_greatest, *outputs);
}

static bool exchanges(const tn_run *run) {
  return run->config.data.placement == TN_PLACEMENT_RANK && run->config.data.shuffle == TN_SHUFFLE_GLOBAL &&
         tn_comm_size(run->comm) > 1;
}

static tn_status prepare_exchange(tn_run *run, tn_range mine) {
  tn_run_data *data = &run->data;
  TN_TRY(tn_rows_allocate(&data->epoch_rows, &data->train_source, mine, data->weighted));
  TN_TRY(tn_alloc(&data->exchange_rank, mine.count, sizeof(int32_t), "ranks of the exchange"));
  return tn_alloc(&data->exchange_slot, mine.count, sizeof(int64_t), "places of the exchange");
}

static tn_status make_transform(tn_run *run) {
  const tn_data_config *config = &run->config.data;
  tn_transform *transform = &run->data.transform;
  const tn_status status = tn_transform_create(transform, run->data.train_source.inputs, config->scale, config->shift);
  TN_TRY(tn_comm_agree(run->comm, status));
  return config->standardize ? tn_standardize(run->comm, &run->data.train, transform) : TN_OK;
}

/* All ranks have read the same rows, and a resume reads what the start has read. */
static tn_status check_same_rows(tn_run *run) {
  tn_run_data *data = &run->data;
  uint64_t hashes[2] = {0, 0};
  TN_TRY(tn_check_same_rows(run->comm, &data->train_rows, &data->train, "training", &hashes[0]));
  if (data->valid.rows > 0)
    TN_TRY(tn_check_same_rows(run->comm, &data->valid_rows, &data->valid, "validation", &hashes[1]));
  data->fingerprint = tn_hash64(hashes, (int64_t)sizeof hashes, 0);
  return TN_OK;
}

tn_status tn_run_data_load(tn_run *run) {
  tn_run_data *data = &run->data;
  const tn_comm *comm = run->comm;
  const int rank = tn_comm_rank(comm);
  const int size = tn_comm_size(comm);
  const tn_range mine = tn_sampler_positions_of_rank(&run->sampler, rank, size);
  const tn_placement placement = run->config.data.placement;
  TN_TRY(tn_rows_load(&data->train_rows, comm, &data->train, placement, mine, data->weighted));
  if (data->valid.rows > 0)
    TN_TRY(tn_rows_load(&data->valid_rows, comm, &data->valid, placement,
                        tn_block_rows_of_rank(data->valid.rows, rank, size), false));
  TN_TRY(check_same_rows(run));
  TN_TRY(settle_outputs(run));
  TN_TRY(tn_run_weigh_rows(run));
  TN_TRY(make_transform(run));
  return exchanges(run) ? tn_comm_agree(comm, prepare_exchange(run, mine)) : TN_OK;
}

static int rank_of_position(const tn_run *run, int64_t position) {
  int low = 0;
  for (int high = tn_comm_size(run->comm); high - low > 1;) {
    const int middle = low + (high - low) / 2;
    if (tn_sampler_positions_of_rank(&run->sampler, middle, tn_comm_size(run->comm)).first <= position)
      low = middle;
    else
      high = middle;
  }
  return low;
}

static void find_destinations(tn_run *run) {
  const tn_order order = tn_sampler_order(&run->sampler, run->progress.epoch, 0);
  tn_run_data *data = &run->data;
  for (int64_t i = 0; i < data->train_rows.count; i++) {
    const int64_t position = tn_order_position(&order, data->train_rows.first + i);
    const int rank = rank_of_position(run, position);
    data->exchange_rank[i] = rank;
    data->exchange_slot[i] =
        position - tn_sampler_positions_of_rank(&run->sampler, rank, tn_comm_size(run->comm)).first;
  }
}

static tn_status exchange_array(const tn_run *run, int64_t row_bytes, const void *in, void *out) {
  const tn_run_data *data = &run->data;
  if (!in)
    return TN_OK;
  return tn_comm_exchange_rows(run->comm, row_bytes, in, data->train_rows.count, data->exchange_rank,
                               data->exchange_slot, out, data->epoch_rows.count, EXCHANGE_CHUNK_ROWS);
}

tn_status tn_run_data_exchange(tn_run *run) {
  if (!exchanges(run))
    return TN_OK;
  const tn_row_source *source = &run->data.train_source;
  const tn_row_arrays *in = &run->data.train_rows.arrays;
  const tn_row_arrays *out = &run->data.epoch_rows.arrays;
  find_destinations(run);
  TN_TRY(exchange_array(run, source->inputs * tn_element_size(source->element), in->features, out->features));
  TN_TRY(exchange_array(run, (int64_t)sizeof(int32_t), in->labels, out->labels));
  TN_TRY(exchange_array(run, source->value_cols * (int64_t)sizeof(float), in->values, out->values));
  return exchange_array(run, (int64_t)sizeof(float), in->weights, out->weights);
}

/* Where the row at an offset of the shard is stored: among *rows, as the one of the number returned. */
static int64_t locate(const tn_run_data *data, const tn_order *order, int64_t offset, const tn_rows **rows) {
  const bool by_position = data->epoch_rows.block != NULL;
  *rows = by_position ? &data->epoch_rows : &data->train_rows;
  return (by_position ? order->shard_first + offset : tn_order_row(order, offset)) - (*rows)->first;
}

void tn_run_gather(tn_run *run, const tn_order *order, int64_t offset, int64_t to) {
  const tn_rows *rows = NULL;
  const int64_t index = locate(&run->data, order, offset, &rows);
  tn_rows_gather(rows, index, run->data.of_gather, to, run->workspace->input, &run->batch);
}

void tn_run_fetch_ahead(const tn_run *run, const tn_order *order, int64_t offset) {
  const tn_rows *rows = NULL;
  const int64_t index = locate(&run->data, order, offset, &rows);
  tn_rows_fetch_ahead(rows, index);
}

void tn_run_data_destroy(tn_run *run) {
  tn_run_data *data = &run->data;
  tn_rows_destroy(&data->train_rows);
  tn_rows_destroy(&data->valid_rows);
  tn_rows_destroy(&data->epoch_rows);
  tn_free(&data->exchange_rank);
  tn_free(&data->exchange_slot);
  tn_transform_destroy(&data->transform);
  tn_transform_destroy(&data->raw);
  tn_holdout_destroy(&data->holdout);
  tn_row_source_close(&data->train_source);
  tn_row_source_close(&data->valid_source);
}
