/* Training: what `thinnet train` does, for a program. */
#ifndef THINNET_TRAIN_H
#define THINNET_TRAIN_H

#include <thinnet/comm.h>
#include <thinnet/config.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TN_DIGEST_TEXT_SIZE 33

/* A data set in memory, row-major. Every rank passes the same rows. Borrowed for the whole call. */
typedef struct tn_arrays {
  int64_t rows, inputs;
  const float *x;        /* (rows, inputs) */
  const int32_t *labels; /* (rows): for softmax_cross_entropy */
  const float *values;   /* (rows, value_cols): for the other losses */
  int64_t value_cols;
  const float *weights; /* (rows), or NULL: every row weighs 1 */
} tn_arrays;

typedef struct tn_step_report {
  int64_t epoch, epochs; /* epoch under way, counted from 1 */
  int64_t step;          /* steps done in the run */
  int64_t step_in_epoch, steps_per_epoch;
  int64_t rows_in_epoch, train_rows; /* rows read so far in this epoch, and in a whole one */
  double loss;                       /* mean over the rows of the epoch so far */
  double epoch_seconds;              /* time in steps of the epoch so far */
  double batch_seconds;              /* of it on rank 0: rows, forward and backward; 0 at first after a resume */
} tn_step_report;

typedef struct tn_epoch_report {
  int64_t epoch, epochs, step;
  double seconds, train_loss, train_accuracy, valid_loss, valid_accuracy; /* NaN where there is none */
  double learning_rate, samples_per_second;
  bool best; /* the best so far by the monitor, written as best.h5 */
} tn_epoch_report;

/* Called on rank 0 only, between collectives; a callback must return soon. Any of them may be NULL. */
typedef struct tn_observer {
  void *context;
  void (*on_text)(void *context, const char *line); /* the network's summary, notices */
  void (*on_step)(void *context, const tn_step_report *report);
  void (*on_epoch)(void *context, const tn_epoch_report *report);
} tn_observer;

typedef struct tn_train_options {
  const tn_arrays *train, *valid; /* NULL: from config->data.file; valid may be NULL beside train */
  const char *init_checkpoint;    /* starts from these weights; NULL: from the seed */
  bool resume;                    /* continue from the newest good checkpoint of output.dir, if there is one */
  bool overwrite;                 /* a new run may replace an old one in output.dir */
  bool dry_run;                   /* check everything, report, write nothing */
  bool handle_signals; /* during the call: SIGUSR1, SIGTERM, SIGINT stop with a checkpoint, SIGUSR2 writes one */
  tn_observer observer;
} tn_train_options;

typedef struct tn_train_result {
  int64_t epochs, steps;
  bool stopped_early, already_finished;
  double train_loss, train_accuracy, valid_loss, valid_accuracy; /* of the last complete epoch */
  double best_value;
  int64_t best_epoch;
  char digest[TN_DIGEST_TEXT_SIZE]; /* of the network that the run ends with */
} tn_train_result;

/* Trains as the configuration says. Collective over comm; every rank passes the same config and options.
 * output.dir empty: nothing is written (no checkpoints, no metrics; a stop then loses the run).
 * TN_OK: the run is complete (an early stop is). TN_STOPPED: stopped on request or by the time limit, with a
 * checkpoint. Errors are agreed on: every rank returns the same status and message. TN_ERR_CONFIG and TN_ERR_DATA;
 * TN_ERR_USAGE where ranks were told different things, or the folder holds a run that is neither resumed nor replaced;
 * TN_ERR_TAKEN where another run has taken the folder over; TN_ERR_DAMAGED where none of the checkpoints to resume from
 * can be used; TN_ERR_IO; TN_ERR_NUMERIC where something is not finite, or beyond the exact reduction's range;
 * TN_ERR_MISMATCH where ranks hold different data or weights; TN_ERR_MEMORY. *result, where result is not NULL, is
 * filled on every rank, after an error as far as the run came, with zeros where it did not begin. */
tn_status tn_train(tn_comm *comm, const tn_config *config, const tn_train_options *options, tn_train_result *result);

#ifdef __cplusplus
}
#endif
#endif
