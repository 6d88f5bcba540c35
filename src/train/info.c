/* tn_info: what a file holds, as "key: value" lines; tn_is_data_file. */
#include "dist/comm.h"
#include "io/checkpoint.h"
#include "io/metrics.h"
#include "io/table.h"
#include "nn/dropout.h"

#include <inttypes.h>
#include <math.h>
#include <thinnet/eval.h>

static void print_real(FILE *stream, const char *key, double value) {
  if (!isnan(value))
    fprintf(stream, "%s: %.9g\n", key, value);
}

static void print_layers(FILE *stream, const tn_network *network) {
  fprintf(stream, "layers: %" PRId64, network->inputs);
  for (int i = 0; i < network->layer_count; i++)
    fprintf(stream, "-%" PRId64, network->layers[i].outputs);
  fputc('\n', stream);
}

/* Of the input, then of the hidden layers. */
static void print_rates(FILE *stream, const tn_network *network, int64_t step) {
  double highest = 0;
  for (int place = 0; place < network->layer_count; place++)
    highest = fmax(highest, tn_dropout_rate(network, place, step));
  if (highest <= 0)
    return;
  fprintf(stream, "dropout_rate:");
  for (int place = 0; place < network->layer_count; place++)
    fprintf(stream, " %.6g", tn_dropout_rate(network, place, step));
  fputc('\n', stream);
}

static void print_checkpoint(FILE *stream, const tn_checkpoint *checkpoint) {
  const tn_progress *progress = &checkpoint->progress;
  fprintf(stream, "format: thinnet-checkpoint\nthinnet_version: %s\n", checkpoint->thinnet_version);
  fprintf(stream, "digest: %s\n", checkpoint->digest);
  fprintf(stream, "parameters: %" PRId64 "\n", checkpoint->network->parameter_count);
  print_layers(stream, checkpoint->network);
  if (checkpoint->network->norm != TN_NORM_NONE)
    fprintf(stream, "normalisation: %s\n", checkpoint->network->norm == TN_NORM_BATCH ? "batch" : "layer");
  print_rates(stream, checkpoint->network, progress->step);
  fprintf(stream, "loss: %s\n", tn_config_word("model.loss", (int)checkpoint->network->loss));
  fprintf(stream, "epoch: %" PRId64 "\nstep: %" PRId64 "\nstep_in_epoch: %" PRId64 "\n", progress->epoch,
          progress->step, progress->step_in_epoch);
  fprintf(stream, "finished: %s\nstopped_early: %s\n", progress->finished ? "yes" : "no",
          progress->stopped_early ? "yes" : "no");
  fprintf(stream, "skipped_steps: %" PRId64 "\n", progress->skipped_steps);
  fprintf(stream, "replicas: %" PRId64 "\nranks: %" PRId64 "\ntrain_rows: %" PRId64 "\n", progress->replicas,
          progress->ranks, progress->train_rows);
  print_real(stream, "train_loss", progress->train_loss);
  print_real(stream, "train_accuracy", progress->train_accuracy);
  print_real(stream, "valid_loss", progress->valid_loss);
  print_real(stream, "valid_accuracy", progress->valid_accuracy);
  print_real(stream, "best_value", progress->best_value);
  fprintf(stream, "best_epoch: %" PRId64 "\n", progress->best_epoch);
  print_real(stream, "run_seconds", progress->run_seconds);
}

/* start: 2026-11-21T10:11:12Z, after step 40, ranks 4, job 71 on n[1-2], restart 1 */
static void print_starts(FILE *stream, const tn_metrics *metrics) {
  const tn_metrics_start *starts = tn_metrics_starts(metrics);
  for (int i = 0; i < tn_metrics_start_count(metrics); i++) {
    const tn_metrics_job *job = &starts[i].job;
    fprintf(stream, "start: %s, after step %" PRId64 ", ranks %" PRId64, starts[i].time, starts[i].step,
            starts[i].ranks);
    if (job->id && job->id[0])
      fprintf(stream, ", job %s on %s, restart %" PRId64, job->id, job->nodes, job->restarts);
    fputc('\n', stream);
  }
}

static void print_metrics(FILE *stream, const tn_metrics *metrics) {
  const int64_t epochs = tn_metrics_epoch_count(metrics);
  const tn_metrics_job *job = tn_metrics_job_of(metrics);
  fprintf(stream, "format: thinnet-metrics\nepochs: %" PRId64 "\nstep_rows: %" PRId64 "\n", epochs,
          tn_metrics_step_count(metrics));
  if (job->id)
    fprintf(stream, "job_id: %s\nrestart_count: %" PRId64 "\nnode_list: %s\n", job->id, job->restarts, job->nodes);
  print_starts(stream, metrics);
  if (epochs == 0)
    return;
  const tn_epoch_row *last = tn_metrics_epochs(metrics) + epochs - 1;
  fprintf(stream, "epoch: %" PRId64 "\nstep: %" PRId64 "\n", last->epoch, last->step);
  print_real(stream, "train_loss", last->train_loss);
  print_real(stream, "train_accuracy", last->train_accuracy);
  print_real(stream, "valid_loss", last->valid_loss);
  print_real(stream, "valid_accuracy", last->valid_accuracy);
  print_real(stream, "samples_per_second", last->samples_per_second);
}

static void print_dataset(void *context, const char *path, const char *type, int rank, const int64_t *shape) {
  FILE *stream = context;
  fprintf(stream, "%s: %s (", path, type);
  for (int i = 0; i < rank; i++)
    fprintf(stream, "%s%" PRId64, i ? ", " : "", shape[i]);
  fputs(")\n", stream);
}

/* A sealed file: a checkpoint, or else the metrics of a run. */
static tn_status print_sealed(FILE *stream, const char *path) {
  tn_checkpoint *checkpoint = NULL;
  tn_metrics *metrics = NULL;
  tn_status status = tn_checkpoint_read(&checkpoint, path);
  if (status == TN_OK)
    print_checkpoint(stream, checkpoint);
  else if (status == TN_ERR_DATA && (status = tn_metrics_read(&metrics, path, INT64_MAX, INT64_MAX)) == TN_OK)
    print_metrics(stream, metrics);
  tn_checkpoint_destroy(&checkpoint);
  tn_metrics_destroy(&metrics);
  return status;
}

tn_status tn_info(const char *path, FILE *stream) {
  bool sealed = false;
  TN_TRY(tn_file_is_sealed(path, &sealed));
  return sealed ? print_sealed(stream, path) : tn_table_list(path, print_dataset, stream);
}

static void ignore_dataset(void *context, const char *path, const char *type, int rank, const int64_t *shape) {
  (void)context, (void)path, (void)type, (void)rank, (void)shape;
}

/* A file of thinnet's without its seal cannot be listed. */
static bool is_data(const char *path) {
  bool sealed = false;
  if (tn_file_is_sealed(path, &sealed) != TN_OK)
    return true;
  return !sealed && tn_table_list(path, ignore_dataset, NULL) != TN_ERR_DAMAGED;
}

bool tn_is_data_file(const tn_comm *comm, const char *path) {
  bool answer = tn_comm_rank(comm) == 0 && is_data(path);
  tn_error_clear();
  tn_comm_broadcast(comm, &answer, (int64_t)sizeof answer, 0);
  return answer;
}
