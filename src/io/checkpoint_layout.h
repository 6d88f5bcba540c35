/* What reading and writing a checkpoint agree on. Private to src/io. */
#ifndef TN_IO_CHECKPOINT_LAYOUT_H
#define TN_IO_CHECKPOINT_LAYOUT_H

#include "io/checkpoint.h"
#include "io/h5_store.h"

#define TN_CHECKPOINT_FORMAT  "thinnet-checkpoint"
#define TN_CHECKPOINT_VERSION 1
#define TN_STATE_NAME_SIZE    32
#define TN_CHECKPOINT_PATH    128 /* longest path of an object, and a zero */

/* A field of tn_progress: an attribute of /progress. */
typedef struct tn_progress_field {
  const char *name;
  tn_h5_kind kind;
  size_t offset;
} tn_progress_field;

#define TN_KIND_int64_t                TN_H5_INT64
#define TN_KIND_double                 TN_H5_FLOAT64
#define TN_PROGRESS_ROW(type, name)    {#name, TN_KIND_##type, offsetof(tn_progress, name)},
#define TN_PROGRESS_FIELD_TABLE(table) static const tn_progress_field table[] = {TN_PROGRESS_FIELDS(TN_PROGRESS_ROW)}

/* A tensor's array: (inputs, outputs) of a weight, (outputs) of all others. Returns its rank. */
static inline int tn_tensor_shape(const tn_tensor *tensor, int64_t shape[2]) {
  shape[0] = tensor->role == TN_WEIGHT ? tensor->rows : tensor->cols;
  shape[1] = tensor->cols;
  return tensor->role == TN_WEIGHT ? 2 : 1;
}

#endif
