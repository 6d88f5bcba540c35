/* Checkpoints: everything a resume, an evaluation or a prediction needs, in one sealed HDF5 file. */
#ifndef TN_IO_CHECKPOINT_H
#define TN_IO_CHECKPOINT_H

#include "io/file.h"
#include "nn/network.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"

/* Where a run stands. Every field is an attribute of /progress, under its own name: (type, name). */
#define TN_PROGRESS_FIELDS(X)                                                                                          \
  X(int64_t, epoch)         /* epochs that are complete */                                                             \
  X(int64_t, step)          /* steps done in the run */                                                                \
  X(int64_t, step_in_epoch) /* steps done in the epoch under way */                                                    \
  X(int64_t, replicas)      /* of the run; a resume keeps them */                                                      \
  X(int64_t, ranks)         /* that wrote this */                                                                      \
  X(int64_t, train_rows)                                                                                               \
  X(int64_t, data_fingerprint) /* a hash of the training and validation rows */                                        \
  X(int64_t, finished)         /* 1: nothing is left to do */                                                          \
  X(int64_t, stopped_early)                                                                                            \
  X(int64_t, skipped_steps) /* of the run, for what was not finite in them */                                          \
  X(double, sum_loss)       /* partial sums of the epoch under way */                                                  \
  X(double, sum_weight)                                                                                                \
  X(double, sum_correct)                                                                                               \
  X(double, sum_rows)                                                                                                  \
  X(double, epoch_seconds) /* time in steps of the epoch under way */                                                  \
  X(double, run_seconds)   /* time in the run, over all restarts */                                                    \
  X(double, train_loss)    /* of the last complete epoch, as are these */                                              \
  X(double, train_accuracy)                                                                                            \
  X(double, valid_loss)                                                                                                \
  X(double, valid_accuracy)                                                                                            \
  X(double, best_value) /* the monitor's, for best.h5; NaN: none yet */                                                \
  X(int64_t, best_epoch)                                                                                               \
  X(double, stop_best) /* early stopping's watch */                                                                    \
  X(int64_t, stop_best_epoch)                                                                                          \
  X(int64_t, stop_epochs_since)                                                                                        \
  X(double, plateau_best) /* the plateau schedule's watch */                                                           \
  X(int64_t, plateau_best_epoch)                                                                                       \
  X(int64_t, plateau_epochs_since)                                                                                     \
  X(int64_t, plateau_reductions)

#define TN_PROGRESS_MEMBER(type, name) type name;
typedef struct tn_progress {
  TN_PROGRESS_FIELDS(TN_PROGRESS_MEMBER)
} tn_progress;
#undef TN_PROGRESS_MEMBER

/* What a checkpoint holds. When writing, all is borrowed; when read, all is owned by the checkpoint. */
typedef struct tn_checkpoint {
  char *config_text;                /* the resolved INI text */
  tn_network *network;              /* shape; rates and kinds come from config_text */
  float *parameters;                /* a block of the network */
  float *input_scale, *input_shift; /* (inputs): a row becomes x scale + shift */
  int state_count;                  /* 0 where the optimiser's state was not read */
  const char *state_names[TN_OPTIMIZER_STATES_MAX];
  float *states[TN_OPTIMIZER_STATES_MAX]; /* blocks of the network */
  tn_progress progress;
  char digest[TN_DIGEST_SIZE]; /* of the parameters */
  char thinnet_version[32];
} tn_checkpoint;

/* The digest of a network: XXH3-128 over the true parameters, tensor by tensor in order (no gaps), little-endian
 * float32. */
void tn_checkpoint_digest(const tn_network *network, const float *parameters, char digest[TN_DIGEST_SIZE]);

/* Builds the file in memory (h5_store.h) and writes it as NAME into the folder, with a trailer. The digest is computed
 * here and left in checkpoint->digest. Rank 0 alone. On error the folder is as before. */
tn_status tn_checkpoint_write(tn_folder *folder, const char *name, tn_checkpoint *checkpoint);

/* Reads a checkpoint whole: verifies the trailer, then lets HDF5 see the bytes in memory, checks types, ranks and sizes
 * against each other before allocating, then the digest. TN_ERR_DAMAGED, TN_ERR_IO (cannot be opened) or TN_ERR_DATA (a
 * sound file that is no checkpoint, or of a newer format_version) say why. Local. */
tn_status tn_checkpoint_read(tn_checkpoint **checkpoint, const char *path);
void tn_checkpoint_destroy(tn_checkpoint **checkpoint);

/* Frees the optimiser's states of a checkpoint that was read: only a resume needs them. */
void tn_checkpoint_forget_states(tn_checkpoint *checkpoint);

/* Names of the checkpoints of a run folder, newest first (greatest step number of step-NNNNNNNN.h5); last.h5 and
 * best.h5, whole checkpoints too, follow as fallbacks. *names is one allocation of `*count` strings of 64 bytes, freed
 * with tn_free. A missing folder has none. */
tn_status tn_checkpoint_list(const char *folder, char (**names)[64], int *count);

#endif
