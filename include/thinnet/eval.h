/* Evaluation and prediction over data files of any size, by one network or the mean of several. */
#ifndef THINNET_EVAL_H
#define THINNET_EVAL_H

#include <thinnet/comm.h>
#include <thinnet/measures.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* NULL and 0: what the first checkpoint's configuration says (data.file, data.test_x, data.test_y), no samples, 5 where
 * there are more than 5 classes. */
typedef struct tn_eval_options {
  const char *data_file, *x_path, *y_path;
  int64_t mc_samples; /* N: each network as the mean of N thinned networks that are sampled from it */
  int64_t top;        /* classes among which the right one has to be for top_accuracy */
} tn_eval_options;

/* Measures of `count` networks over all rows, by fixed blocks of 256 global rows and up to 16 parts of their members,
 * dealt out over the ranks: the same bits at any rank count. Several networks, which must have the same inputs, outputs
 * and loss, and several samples are taken as one prediction, the mean of theirs: all measures, the loss among them, are
 * those of the mean. Each network transforms the rows in its own way. Collective; the result is on every rank, and the
 * caller clears it. TN_ERR_USAGE where no data are named at all, or a network does not fit the others or the options;
 * TN_ERR_IO, TN_ERR_DAMAGED and TN_ERR_DATA of the files, TN_ERR_MISMATCH where ranks read different ones,
 * TN_ERR_MEMORY. */
tn_status tn_eval(tn_comm *comm, const char *const *checkpoints, int count, const tn_eval_options *options,
                  tn_measures *measures);

typedef struct tn_predict_options {
  const char *x_path; /* NULL: data.test_x of the first checkpoint, or /test/x where that was not set */
  int64_t mc_samples; /* as for tn_eval */
  bool overwrite;
} tn_predict_options;

/* Writes /output (N, outputs) float32, for classes /class (N) int32, and for classes and 0/1 targets
 * /predictive_entropy (N) float32, in nats; of several networks or samples also /output_std, and where there is
 * /predictive_entropy, /mutual_information. The data are read and the results
 * written in blocks, and the file gets its name when it is whole. Collective; rank 0 writes. *rows, on every rank, is
 * the number of rows; rows may be NULL. Errors as for tn_eval; TN_ERR_USAGE also where `out_path` exists and is not to
 * be replaced, or is a checkpoint or the data file, by whatever name. */
tn_status tn_predict(tn_comm *comm, const char *const *checkpoints, int count, const char *data_path,
                     const char *out_path, const tn_predict_options *options, int64_t *rows);

/* Whether a file is to be taken for data: it is neither a checkpoint nor a run's metrics, nor a damaged one of them.
 * What cannot be read is: whoever opens it says why. Rank 0 judges. Collective. */
bool tn_is_data_file(const tn_comm *comm, const char *path);

/* Prints "key: value" lines about a checkpoint, a metrics file or a data file. TN_ERR_IO (it cannot be opened),
 * TN_ERR_DAMAGED, TN_ERR_DATA (another kind of file). Not collective. */
tn_status tn_info(const char *path, FILE *stream);

/* "thinnet 0.1.0 (Open MPI ..., OpenBLAS ..., HDF5 ...)", a static string. Not collective. */
const char *tn_version_text(void);

#ifdef __cplusplus
}
#endif
#endif
