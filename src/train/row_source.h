/* Where rows come from: datasets of an HDF5 file, or arrays in memory. Read in blocks; knows nothing of ranks. */
#ifndef TN_TRAIN_ROW_SOURCE_H
#define TN_TRAIN_ROW_SOURCE_H

#include "io/table.h"

#include <thinnet/train.h>

/* One set of rows with features, and with targets and weights where there are any. */
typedef struct tn_row_source {
  tn_table *x, *y, *weight; /* of a file */
  const tn_arrays *arrays;  /* or of memory; borrowed */
  tn_loss loss;             /* decides what targets must look like */
  bool has_targets, has_weights;
  int64_t rows, inputs;
  int64_t value_cols;  /* columns of the targets; 0 where they are labels */
  int64_t class_count; /* labels must be below it; 0, as after opening: any */
  tn_element element;  /* what features are kept as */
} tn_row_source;

/* Opens datasets of one file and checks that they fit each other and the loss. y_path and weight_path may be NULL or
 * empty. TN_ERR_DATA. Local. */
tn_status tn_row_source_open_file(tn_row_source *source, const char *file, const char *x_path, const char *y_path,
                                  const char *weight_path, tn_loss loss);

/* `name` stands for the arrays in messages. */
tn_status tn_row_source_open_arrays(tn_row_source *source, const tn_arrays *arrays, tn_loss loss, const char *name);

/* A closed source may be closed again. */
void tn_row_source_close(tn_row_source *source);

/* Memory for `count` rows. Arrays that the source has not are NULL. */
typedef struct tn_row_arrays {
  unsigned char *features; /* (count, inputs) of the source's element */
  int32_t *labels;         /* (count) */
  float *values;           /* (count, value_cols) */
  float *weights;          /* (count) */
} tn_row_arrays;

/* The same arrays from row `first` on. */
tn_row_arrays tn_row_arrays_at(const tn_row_arrays *arrays, const tn_row_source *source, int64_t first);

/* Rows first..first+count-1 into the arrays that are not NULL. TN_ERR_DATA. */
tn_status tn_row_source_read(tn_row_source *source, int64_t first, int64_t count, const tn_row_arrays *out);

#endif
