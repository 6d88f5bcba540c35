/* Times the steps of a configuration: short trainings on random rows. */
#include "base/median.h"
#include "base/memory.h"
#include "dist/comm.h"
#include "dist/sums.h"
#include "math/random.h"
#include "nn/network.h"
#include "train/run.h"

#include <assert.h>
#include <math.h>
#include <thinnet/plan.h>

/* Features that an epoch reads: more than the caches nearest to a core hold, as a training's rows are. */
#define ROWS_BYTES   (16 << 20)
#define SAMPLES_MAX  4096
/* Labels that are read from a file at a time. */
#define LABELS_BLOCK 65536

/* The steps of one training. Rank 0 sees them. */
typedef struct samples {
  int count;
  double step_s[SAMPLES_MAX], batch_s[SAMPLES_MAX];
  double epoch_s, epoch_batch_s; /* of the epoch so far */
} samples;

/* What is timed, the same for all batch sizes. */
typedef struct subject {
  tn_comm *comm;
  tn_config config;
  int64_t inputs;
  tn_arrays arrays;
  float *x, *values;
  int32_t *labels;
  int trainings; /* so far */
  samples samples;
} subject;

static tn_status count_labels(tn_row_source *source, const char *path, int64_t *classes) {
  int32_t *labels = NULL;
  int32_t greatest = -1;
  TN_TRY(tn_alloc(&labels, LABELS_BLOCK, sizeof *labels, "labels"));
  tn_status status = TN_OK;
  for (int64_t first = 0; first < source->rows && status == TN_OK; first += LABELS_BLOCK) {
    const int64_t count = source->rows - first < LABELS_BLOCK ? source->rows - first : LABELS_BLOCK;
    status = tn_row_source_read(source, first, count, &(tn_row_arrays){.labels = labels});
    for (int64_t i = 0; i < count && status == TN_OK; i++)
      greatest = labels[i] > greatest ? labels[i] : greatest;
  }
  tn_free(&labels);
  *classes = (int64_t)greatest + 1;
  if (status == TN_OK && (*classes < 2 || *classes > TN_UNITS_MAX))
    return tn_fail(TN_ERR_DATA, "%s: %lld classes found, expected 2 to %d: correct the labels, or set model.outputs",
                   path, (long long)*classes, TN_UNITS_MAX);
  return status;
}

/* Inputs and outputs of the network, from the file where they are not given. */
static tn_status read_shape(const tn_config *config, int64_t *inputs, int64_t *outputs) {
  const tn_data_config *data = &config->data;
  tn_row_source source;
  if (!data->file[0])
    return tn_fail(TN_ERR_CONFIG, "data.file is not set: name the HDF5 file with the training rows, or give the number "
                                  "of inputs, and model.outputs");
  TN_TRY(tn_row_source_open_file(&source, data->file, data->train_x, data->train_y, NULL, config->model.loss));
  tn_status status = TN_OK;
  *inputs = source.inputs;
  if (*outputs == 0 && source.value_cols > 0)
    *outputs = source.value_cols;
  else if (*outputs == 0)
    status = count_labels(&source, data->train_y, outputs);
  tn_row_source_close(&source);
  return status;
}

/* All of the configuration but what is no part of a step, or would end the training. Rates and learning rate have their
 * values at once; the latter keeps made-up rows from leading the weights anywhere. */
static void take_config(const tn_config *config, tn_config *timed) {
  tn_config_defaults(timed);
  const tn_config defaults_of = *timed;
  *timed = *config;
  timed->data = defaults_of.data;
  timed->data.shuffle = config->data.shuffle;
  timed->data.placement = config->data.placement;
  timed->schedule = defaults_of.schedule;
  timed->early_stopping = defaults_of.early_stopping;
  timed->output = defaults_of.output;
  timed->output.checkpoint_every_epochs = 0;
  timed->output.step_metrics_every = 0;
  timed->dropout.schedule = TN_RATE_CONSTANT;
  timed->dropout.schedule_steps = defaults_of.dropout.schedule_steps;
  timed->train.class_weights.mode = TN_CLASS_WEIGHTS_NONE;
  timed->train.learning_rate = 1e-6;
  timed->train.epochs = INT32_MAX;
  timed->train.accumulate = 1;
  timed->train.max_steps = 0;
}

static tn_status prepare_local(subject *s, const tn_config *config, int64_t inputs) {
  TN_TRY(tn_config_check(config));
  take_config(config, &s->config);
  int64_t *outputs = &s->config.model.outputs;
  s->inputs = inputs;
  if (inputs == 0)
    return read_shape(config, &s->inputs, outputs);
  if (*outputs == 0)
    return tn_fail(TN_ERR_CONFIG,
                   "model.outputs is not set: where the number of inputs is given, no data are read, and "
                   "the number of classes or values has to be given, too");
  return TN_OK;
}

static int64_t rows_of(const subject *s, int64_t batch_rows) {
  const int64_t step_rows = batch_rows * tn_comm_size(s->comm);
  assert(step_rows > 0 && s->inputs > 0); /* the configuration and the data have been checked */
  const int64_t steps = ROWS_BYTES / (step_rows * s->inputs * (int64_t)sizeof(float));
  return step_rows * (steps > 1 ? steps : 1);
}

static tn_status allocate_rows(subject *s, int64_t rows) {
  const int64_t outputs = s->config.model.outputs;
  TN_TRY(tn_alloc(&s->x, rows, (size_t)s->inputs * sizeof *s->x, "rows to time a step with"));
  if (s->config.model.loss == TN_SOFTMAX_CROSS_ENTROPY)
    return tn_alloc(&s->labels, rows, sizeof *s->labels, "labels to time a step with");
  return tn_alloc(&s->values, rows, (size_t)outputs * sizeof *s->values, "targets to time a step with");
}

/* All ranks make up the same rows: features and values between 0 and 1, labels in turn. */
static tn_status make_rows(subject *s, int64_t rows) {
  const int64_t outputs = s->config.model.outputs;
  TN_TRY(allocate_rows(s, rows));
  for (int64_t i = 0; i < rows; i++) {
    tn_random_uniform(tn_place_make(1, TN_STREAM_AUGMENT, 0, 0, 0, (uint64_t)i), 0, s->inputs, s->x + i * s->inputs);
    if (s->labels)
      s->labels[i] = (int32_t)(i % outputs);
    else
      tn_random_uniform(tn_place_make(1, TN_STREAM_AUGMENT, 0, 1, 0, (uint64_t)i), 0, outputs, s->values + i * outputs);
  }
  s->arrays = (tn_arrays){
      .inputs = s->inputs, .x = s->x, .labels = s->labels, .values = s->values, .value_cols = s->labels ? 0 : outputs};
  return TN_OK;
}

static void take_sample(void *context, const tn_step_report *report) {
  samples *taken = context;
  if (report->step_in_epoch == 1) {
    taken->epoch_s = 0.0;
    taken->epoch_batch_s = 0.0;
  }
  if (taken->count < SAMPLES_MAX) {
    taken->step_s[taken->count] = report->epoch_seconds - taken->epoch_s;
    taken->batch_s[taken->count] = report->batch_seconds - taken->epoch_batch_s;
    taken->count++;
  }
  taken->epoch_s = report->epoch_seconds;
  taken->epoch_batch_s = report->batch_seconds;
}

/* The first step meets memory that nobody has touched: it counts only where there is no other. */
static double typical(double *values, int count) {
  const int first = count > 1 ? 1 : 0;
  return tn_median(values + first, count - first);
}

/* Collective, agreed; the same on all ranks. */
static tn_status time_batch(subject *s, int64_t rows, double seconds, tn_plan_batch *batch) {
  samples *taken = &s->samples;
  const tn_train_options options = {.train = &s->arrays, .observer = {.context = taken, .on_step = take_sample}};
  taken->count = 0;
  s->arrays.rows = rows_of(s, rows);
  s->config.train.batch_size = rows;
  s->config.train.time_limit = seconds;
  s->config.parallel.replicas = tn_comm_size(s->comm);
  const tn_status status = tn_run_train(s->comm, &s->config, &options, s->trainings++ > 0, NULL);
  if (status != TN_STOPPED)
    return status;
  tn_error_clear();
  *batch = (tn_plan_batch){.rows = rows};
  if (tn_comm_rank(s->comm) == 0) {
    batch->batch_s = typical(taken->batch_s, taken->count);
    batch->rest_s = fmax(typical(taken->step_s, taken->count) - batch->batch_s, 0.0);
  }
  tn_comm_broadcast(s->comm, batch, (int64_t)sizeof *batch, 0);
  return TN_OK;
}

/* A quarter of the batch size, itself, and four times of it, as far as there are such. */
static int choose_batches(int64_t batch_size, int64_t rows[TN_PLAN_BATCHES_MAX]) {
  int count = 0;
  if (batch_size >= 4)
    rows[count++] = batch_size / 4;
  rows[count++] = batch_size;
  if (batch_size <= INT32_MAX / 4)
    rows[count++] = 4 * batch_size;
  return count;
}

/* Forward and backward, each hidden layer waits for two sums of each of its units. */
static void count_syncs(const tn_network *network, tn_plan_steps *steps) {
  for (int l = 0; l < network->layer_count - 1; l++) {
    steps->sync_sums += 2;
    steps->sync_bytes += 2 * TN_SUM_ALL_WORDS(2 * network->layers[l].outputs) * (int64_t)sizeof(int64_t);
  }
}

static tn_status describe(const subject *s, const tn_config *config, tn_plan_steps *steps) {
  const bool exact = config->parallel.reduction == TN_REDUCTION_EXACT;
  tn_network *network = NULL;
  TN_TRY(tn_network_create(&network, &s->config.model, &s->config.dropout, s->inputs));
  *steps = (tn_plan_steps){.ranks = tn_comm_size(s->comm),
                           .inputs = network->inputs,
                           .outputs = network->outputs,
                           .parameters = network->parameter_count,
                           .bytes_per_value = exact ? 8 : 4,
                           .bytes = network->block_size * (exact ? 8 : 4),
                           .replicas = config->parallel.replicas,
                           .accumulate = config->train.accumulate,
                           .batch_size = config->train.batch_size};
  if (s->config.model.batch_norm_sync)
    count_syncs(network, steps);
  tn_network_destroy(&network);
  return TN_OK;
}

static tn_status time_all(subject *s, const tn_config *config, const tn_plan_options *options, tn_plan_steps *steps) {
  int64_t rows[TN_PLAN_BATCHES_MAX];
  const double seconds = options->seconds > 0.0 ? options->seconds : 1.0;
  const int count = choose_batches(config->train.batch_size, rows);
  tn_status status = prepare_local(s, config, options->inputs);
  if (status == TN_OK)
    status = describe(s, config, steps);
  int64_t most = 0;
  for (int i = 0; i < count && status == TN_OK; i++)
    most = rows_of(s, rows[i]) > most ? rows_of(s, rows[i]) : most;
  if (status == TN_OK)
    status = make_rows(s, most);
  TN_TRY(tn_comm_agree(s->comm, status));
  for (int i = 0; i < count; i++)
    TN_TRY(time_batch(s, rows[i], seconds, &steps->batches[i]));
  steps->batch_count = count;
  return TN_OK;
}

/* `node`: the ranks of this one. */
static tn_status time_node(tn_comm *node, const tn_config *config, const tn_plan_options *options,
                           tn_plan_steps *steps) {
  subject *s = NULL;
  TN_TRY(tn_comm_agree(node, tn_alloc(&s, 1, sizeof *s, "what is timed")));
  s->comm = node;
  const tn_status status = time_all(s, config, options, steps);
  tn_free(&s->x);
  tn_free(&s->values);
  tn_free(&s->labels);
  tn_free(&s);
  return status;
}

tn_status tn_plan_time(tn_comm *comm, const tn_config *config, const tn_plan_options *options, tn_plan_steps *steps) {
  const tn_plan_options usual = {0};
  tn_comm *node = NULL;
  TN_TRY(tn_comm_agree(comm, tn_comm_create_node(comm, &node)));
  const tn_status status = time_node(node, config, options ? options : &usual, steps);
  tn_comm_destroy(&node);
  TN_TRY(tn_comm_agree(comm, status));
  tn_comm_broadcast(comm, steps, (int64_t)sizeof *steps, 0);
  return TN_OK;
}
