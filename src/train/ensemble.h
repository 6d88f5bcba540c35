/* Networks that predict together: the networks of one checkpoint or several, each as it is or as thinned networks that
 * are sampled from it (Monte-Carlo dropout, Gal and Ghahramani 2016). All of these are members of one mean. */
#ifndef TN_TRAIN_ENSEMBLE_H
#define TN_TRAIN_ENSEMBLE_H

#include "nn/mixture.h"
#include "train/loaded.h"

typedef struct tn_ensemble {
  const tn_comm *comm;
  int count;
  int64_t samples; /* of each network; 0: the network as it is */
  tn_loaded *networks;
  tn_workspace **workspaces;
  tn_row_stream stream;
  tn_mixture mixture; /* of the rows that were run last */
} tn_ensemble;

/* Reads the checkpoints, `count` paths that are borrowed. TN_ERR_USAGE, naming the file, where a network does not have
 * the inputs, outputs and loss of the first one, or where samples are asked of one without dropout. Collective, agreed;
 * the caller closes it, also after an error. */
tn_status tn_ensemble_open(tn_ensemble *ensemble, const tn_comm *comm, const char *const *paths, int count,
                           int64_t samples);
void tn_ensemble_close(tn_ensemble *ensemble);

/* Opens the rows that are to be predicted; y_path NULL: no targets. Once. Collective, agreed. */
tn_status tn_ensemble_open_rows(tn_ensemble *ensemble, const char *file, const char *x_path, const char *y_path);

/* Predicts rows first..first+count-1, at most TN_BLOCK_ROWS: ensemble->mixture has them, *targets points at their
 * targets. Sample s of a network draws the masks of (the network's seed, s, layer, global row, unit). Local. */
tn_status tn_ensemble_run(tn_ensemble *ensemble, tn_range rows, tn_targets *targets);

/* The network that stands for all: the first. */
const tn_network *tn_ensemble_network(const tn_ensemble *ensemble);
const tn_config *tn_ensemble_config(const tn_ensemble *ensemble);

/* Whether members can differ: several networks, or samples. */
bool tn_ensemble_is_mean(const tn_ensemble *ensemble);

#endif
