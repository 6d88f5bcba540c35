/* Networks that predict together: the networks of one checkpoint or several, each as it is or as thinned networks that
 * are sampled from it (Monte-Carlo dropout, Gal and Ghahramani 2016). All of these are members of one mean. */
#ifndef TN_TRAIN_ENSEMBLE_H
#define TN_TRAIN_ENSEMBLE_H

#include "nn/mixture.h"
#include "train/loaded.h"
#include "train/spread.h"

typedef struct tn_ensemble {
  const tn_comm *comm;
  int count;
  int64_t samples; /* of each network; 0: the network as it is */
  tn_loaded *networks;
  tn_workspace **workspaces;
  tn_row_stream stream;
  tn_mixture part, whole; /* of the members of a part of the present block, and of all of them */
  double *parts;          /* (TN_SPREAD_PARTS_MAX, part.sum_count): what others have computed, or are to get */
  int64_t nonfinite_rows; /* of the blocks that this rank owns */
} tn_ensemble;

/* Reads the checkpoints, `count` paths that are borrowed. TN_ERR_USAGE, naming the file, where a network does not have
 * the inputs, outputs and loss of the first one, or where samples are asked of one without dropout. Collective, agreed;
 * the caller closes it, also after an error. */
tn_status tn_ensemble_open(tn_ensemble *ensemble, const tn_comm *comm, const char *const *paths, int count,
                           int64_t samples);
void tn_ensemble_close(tn_ensemble *ensemble);

/* Opens the rows that are to be predicted; y_path NULL: no targets. Once. Collective, agreed. */
tn_status tn_ensemble_open_rows(tn_ensemble *ensemble, const char *file, const char *x_path, const char *y_path);

/* What is done with a block of rows: `mixture` is the prediction, `targets` those of the rows. Local. */
typedef tn_status tn_ensemble_use(void *context, tn_range rows, const tn_mixture *mixture, const tn_targets *targets);

/* How the prediction of `rows` rows is dealt out over the ranks. */
tn_spread tn_ensemble_spread(const tn_ensemble *ensemble, int64_t rows);

/* Predicts the rows of `spread`, of which the first is row `first` of the file, the start of a block. Calls `use` for
 * every block that this rank owns, in order. Sample s of a network draws the masks of (the network's seed, s, layer,
 * global row, unit); all is the same for every number of ranks. Collective, agreed. */
tn_status tn_ensemble_run(tn_ensemble *ensemble, const tn_spread *spread, int64_t first, tn_ensemble_use *use,
                          void *context);

/* How many of the rows so far are not finite (tn_mixture_is_finite), on all ranks; rank 0 warns of them. Collective. */
int64_t tn_ensemble_warn_nonfinite(const tn_ensemble *ensemble);

/* The network that stands for all: the first. */
const tn_network *tn_ensemble_network(const tn_ensemble *ensemble);
const tn_config *tn_ensemble_config(const tn_ensemble *ensemble);

/* Whether members can differ: several networks, or samples. */
bool tn_ensemble_is_mean(const tn_ensemble *ensemble);

#endif
