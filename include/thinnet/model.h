/* A trained network in memory, for programs that predict from plain arrays. Needs no MPI. */
#ifndef THINNET_MODEL_H
#define THINNET_MODEL_H

#include <thinnet/status.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_model tn_model;

/* Reads a checkpoint. The caller owns *model, which is NULL after an error: TN_ERR_IO (it cannot be read),
 * TN_ERR_DAMAGED, TN_ERR_DATA (no checkpoint, or one of a newer thinnet), TN_ERR_MEMORY. None of these functions is
 * collective. */
tn_status tn_model_load(tn_model **model, const char *checkpoint_path);
void tn_model_destroy(tn_model **model); /* clears the pointer; NULL is allowed */

int64_t tn_model_inputs(const tn_model *model);
int64_t tn_model_outputs(const tn_model *model);
const char *tn_model_digest(const tn_model *model); /* 32 hex digits, owned by the model */

/* y (rows, outputs) = the network's output for raw rows x (rows, inputs): probabilities for the cross-entropy losses,
 * values otherwise. The input transform of the training (scale, shift, standardize) is applied inside. A model serves
 * one thread at a time. TN_ERR_USAGE: fewer than 0 rows, or no array for those there are. */
tn_status tn_model_predict(tn_model *model, int64_t rows, const float *x, float *y);

#ifdef __cplusplus
}
#endif
#endif
