/* Evaluation and prediction over data files of any size. */
#ifndef THINNET_EVAL_H
#define THINNET_EVAL_H

#include <thinnet/comm.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* NULL fields: what the checkpoint's configuration says (data.file, data.test_x, data.test_y). */
typedef struct tn_eval_options {
  const char *data_file, *x_path, *y_path;
} tn_eval_options;

typedef struct tn_eval_result {
  int64_t rows;
  double loss;
  double accuracy; /* NaN where the loss has none */
} tn_eval_result;

/* Mean loss and accuracy over all rows, by fixed blocks of 256 global rows spread over the ranks: the same bits at any
 * rank count. Collective; the result is on every rank. TN_ERR_USAGE where no data are named at all. */
tn_status tn_eval(tn_comm *comm, const char *checkpoint_path, const tn_eval_options *options, tn_eval_result *result);

typedef struct tn_predict_options {
  const char *x_path; /* NULL: data.test_x of the checkpoint, or /test/x where that was not set */
  int64_t mc_samples; /* 0: one pass without dropout; N: the mean over N sampled networks */
  bool overwrite;
} tn_predict_options;

/* Writes /output (N, outputs) float32, /class (N) int32 for classes; with mc_samples also /output_std, and for classes
 * /predictive_entropy and /mutual_information (nats). The data are read and the results written in blocks. Collective;
 * rank 0 writes. *rows may be NULL. TN_ERR_USAGE where `out_path` exists and is not to be replaced, or is the
 * checkpoint or the data file, by whatever name. */
tn_status tn_predict(tn_comm *comm, const char *checkpoint_path, const char *data_path, const char *out_path,
                     const tn_predict_options *options, int64_t *rows);

/* Prints "key: value" lines about a checkpoint, a metrics file or a data file. Not collective. */
tn_status tn_info(const char *path, FILE *stream);

/* "thinnet 0.1.0 (Open MPI ..., OpenBLAS ..., HDF5 ...)", a static string. Not collective. */
const char *tn_version_text(void);

#ifdef __cplusplus
}
#endif
#endif
