/* The run: everything that one training holds on one rank. Private to src/train. */
#ifndef TN_TRAIN_RUN_H
#define TN_TRAIN_RUN_H

#include "base/job.h"
#include "dist/reduce.h"
#include "dist/stall.h"
#include "io/checkpoint.h"
#include "io/metrics.h"
#include "nn/augment.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "train/deadline.h"
#include "train/evaluate.h"
#include "train/rows.h"
#include "train/sampler.h"

#include <thinnet/train.h>

/* The data of a run: sources, what of them is held out, and the rows in memory. */
typedef struct tn_run_data {
  tn_row_source train_source, valid_source; /* valid_source is closed where rows are held out of train_source */
  tn_holdout holdout;
  tn_subset train, valid; /* valid.rows = 0: no validation */
  bool weighted;          /* training rows have weights: their own, of their classes, or both */
  uint64_t fingerprint;   /* of the rows of train and valid */
  tn_transform transform;
  tn_transform raw;              /* rows as they are stored, where augmentation asks for them */
  const tn_transform *of_gather; /* the one of these two by which training rows are gathered */
  tn_rows train_rows, valid_rows;
  tn_rows epoch_rows;     /* placement = rank, shuffle = global: the rows of the epoch in the order they are read */
  int32_t *exchange_rank; /* for each row of train_rows, where the exchange sends it */
  int64_t *exchange_slot;
} tn_run_data;

typedef struct tn_run {
  tn_comm *comm;
  tn_stall_guard *stall_guard; /* NULL: one rank, or switched off */
  const tn_train_options *options;
  bool repeats;     /* another training has warned of this configuration and this place */
  tn_config config; /* resolved, data-dependent keys filled in */
  tn_job job;       /* what Slurm told this rank */
  double job_end_s; /* rank 0: by tn_comm_time_s's clock, where train.time_limit asks for it; else INFINITY */
  char *host_names; /* one in TN_HOST_MAX bytes for each rank */
  tn_run_data data;
  tn_sampler sampler;
  tn_range replicas; /* hosted here */
  int64_t steps_per_epoch;

  tn_network *network;
  tn_team *team;
  tn_shared *window; /* of the team: parameters, and the optimiser's state behind them */
  float *parameters;
  tn_optimizer *optimizer;
  tn_reducer *reducer;
  tn_workspace *workspace;
  struct tn_sync *sync; /* model.batch_norm_sync: replicas that advance together (train/sync.h); else NULL */
  tn_augment *augment;  /* NULL: rows are trained as they are */
  tn_batch batch;
  tn_evaluator evaluator;

  tn_progress progress;
  tn_watch best, stopping, plateau;
  tn_rank_times times;      /* of the epoch under way */
  tn_rank_times *all_times; /* (ranks), gathered at an epoch's end */
  double start_s;           /* tn_comm_time_s at the run's start */
  double saved_s;           /* at the last checkpoint */
  tn_deadline deadline;     /* rank 0 */
  int64_t saved_step;       /* of the newest checkpoint; -1: none yet */
  double last_learning_rate;
  tn_status deferred; /* what went wrong on this rank since the last agreement */

  tn_folder *folder;   /* rank 0, where output.dir is set */
  tn_metrics *metrics; /* rank 0 */
  char digest[TN_DIGEST_SIZE];
} tn_run;

/* run.c. tn_train; where it `repeats` a training of the same configuration on the same ranks, what is wrong with these
 * is not warned of again. */
tn_status tn_run_train(tn_comm *comm, const tn_config *config, const tn_train_options *options, bool repeats,
                       tn_train_result *result);

/* Text to the observer; rank 0 only. */
void tn_run_say(const tn_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* site.c. Finds out where the run runs, and until when, says so, and warns of what is usually wrong with it.
 * Collective, agreed. */
tn_status tn_run_site_open(tn_run *run);

/* run.c. Rank 0's block of the window, parameters or a state, becomes everybody's. Collective. */
void tn_run_share_block(const tn_run *run, float *block);

/* data.c. Opens, checks and loads the data; fills in model.outputs. Collective, agreed. */
tn_status tn_run_data_open(tn_run *run);
tn_status tn_run_data_load(tn_run *run);
/* At an epoch's start: rows go to the ranks that read them. Collective, agreed. */
tn_status tn_run_data_exchange(tn_run *run);
void tn_run_data_destroy(tn_run *run);
/* Row `row` of the training set, at `offset` of the shard of `replica`, into row `to` of the batch. */
void tn_run_gather(tn_run *run, const tn_order *order, int64_t offset, int64_t to);
/* Starts to fetch that row's features from memory, for a gather that comes soon. */
void tn_run_fetch_ahead(const tn_run *run, const tn_order *order, int64_t offset);

/* weights.c. Multiplies the weights of training rows by those of their classes, as train.class_weights has them, when
 * the data are loaded. TN_ERR_CONFIG: not one weight a class; TN_ERR_DATA: no row counts. Collective, agreed. */
tn_status tn_run_weigh_rows(tn_run *run);

/* step.c. One step. *flags gets TN_FLAG_COUNT counts. Collective, agreed. */
tn_status tn_run_step(tn_run *run, int64_t *flags);

/* epoch.c. From where the run stands to the end of the epoch, or to a stop. TN_STOPPED: a checkpoint has been written.
 * Collective, agreed. */
tn_status tn_run_epoch(tn_run *run);
/* True where nothing is left to do: all epochs, train.max_steps, or an early stop. */
bool tn_run_is_finished(const tn_run *run);

/* save.c. A checkpoint of where the run stands: step-NNNNNNNN.h5 and last.h5 where `periodic`, best.h5 where `best`.
 * Metrics are written before it, and before anything all ranks compare the hash of their weights and optimiser state.
 * Nothing is written where there is no folder. Collective, agreed. */
tn_status tn_run_save(tn_run *run, bool periodic, bool best);
/* early_stopping.restore_best: the best parameters become the run's, and last.h5 the name of best.h5. Collective,
 * agreed. */
tn_status tn_run_restore_best(tn_run *run);
bool tn_run_restores_best(const tn_run *run);
/* A run that is finished, though perhaps not to the last name: last.h5 becomes what it has to be at the end, and
 * run->digest its digest. `newest`: rank 0's checkpoint. Collective, agreed. */
tn_status tn_run_settle(tn_run *run, const tn_checkpoint *newest);

/* resume.c. Finds the newest good checkpoint and takes over its configuration's resolved keys and its progress; the
 * parameters follow in tn_run_resume_load, when the network exists. Unless it is a dry run, or the run is finished,
 * rank 0 has the folder open behind it: only then nobody can add a checkpoint any more. *checkpoint is rank 0's, *found
 * on all ranks. Collective, agreed. */
tn_status tn_run_resume_find(tn_run *run, tn_checkpoint **checkpoint, bool *found);
tn_status tn_run_resume_load(tn_run *run, const tn_checkpoint *checkpoint);
/* --init: parameters of another run's checkpoint. Collective, agreed. */
tn_status tn_run_init_from(tn_run *run, const char *path);

/* adopt.c. The checkpoint's parameters by their names: TN_ERR_CONFIG, naming the tensor and the key, where one is not
 * there, has another shape, or is not this network's. Of another run (same_run false) a learned rate that the
 * checkpoint lacks starts as configured, and one that this network lacks is left; the observer is told of each. `what`
 * begins the messages. Local, rank 0's. */
tn_status tn_run_adopt(tn_run *run, const tn_checkpoint *checkpoint, bool same_run, const char *what);

/* run_folder.c. For --dry-run: whether tn_run_folder_open would be refused. Nothing is made. Collective, agreed. */
tn_status tn_run_folder_check(const tn_run *run);
/* Refuses or clears a folder that holds an older run, and opens it. Rank 0's work; collective, agreed. */
tn_status tn_run_folder_open(tn_run *run, bool resumed);

/* summary.c. The learned rates, where there are any, to the observer. */
void tn_run_say_rates(const tn_run *run);
/* summary.c. The network, its sizes and the memory a rank needs, to the observer. */
void tn_run_summarize(const tn_run *run);

#endif
