#include "train/row_source.h"

#include <math.h>
#include <string.h>

static tn_status check_same_rows(const tn_table *x, const tn_table *other) {
  if (other->rows == x->rows)
    return TN_OK;
  return tn_fail(TN_ERR_DATA, "%s: dataset %s has %lld rows, but %s has %lld: both need one row for each sample",
                 x->file, other->path, (long long)other->rows, x->path, (long long)x->rows);
}

static tn_status open_targets(tn_row_source *source, const char *file, const char *y_path) {
  TN_TRY(tn_table_open(&source->y, file, y_path));
  TN_TRY(check_same_rows(source->x, source->y));
  source->has_targets = true;
  if (source->loss == TN_SOFTMAX_CROSS_ENTROPY)
    return tn_table_check_labels(source->y);
  source->value_cols = source->y->cols;
  return TN_OK;
}

static tn_status open_weights(tn_row_source *source, const char *file, const char *weight_path) {
  TN_TRY(tn_table_open(&source->weight, file, weight_path));
  TN_TRY(check_same_rows(source->x, source->weight));
  source->has_weights = true;
  if (source->weight->cols != 1)
    return tn_fail(TN_ERR_DATA, "%s: dataset %s: weights need the shape (N), found (%lld, %lld)", file, weight_path,
                   (long long)source->weight->rows, (long long)source->weight->cols);
  return TN_OK;
}

static tn_status open_tables(tn_row_source *source, const char *file, const char *x_path, const char *y_path,
                             const char *weight_path) {
  TN_TRY(tn_table_open(&source->x, file, x_path));
  source->rows = source->x->rows;
  source->inputs = source->x->cols;
  source->element = source->x->element;
  if (y_path && y_path[0])
    TN_TRY(open_targets(source, file, y_path));
  if (weight_path && weight_path[0])
    TN_TRY(open_weights(source, file, weight_path));
  return TN_OK;
}

tn_status tn_row_source_open_file(tn_row_source *source, const char *file, const char *x_path, const char *y_path,
                                  const char *weight_path, tn_loss loss) {
  *source = (tn_row_source){.loss = loss};
  const tn_status status = open_tables(source, file, x_path, y_path, weight_path);
  if (status != TN_OK)
    tn_row_source_close(source);
  return status;
}

tn_status tn_row_source_open_arrays(tn_row_source *source, const tn_arrays *arrays, tn_loss loss, const char *name) {
  const bool wants_labels = loss == TN_SOFTMAX_CROSS_ENTROPY;
  if (arrays->rows < 1 || arrays->inputs < 1 || !arrays->x)
    return tn_fail(TN_ERR_DATA, "%s: needs at least one row and one input, found (%lld, %lld)", name,
                   (long long)arrays->rows, (long long)arrays->inputs);
  if (wants_labels ? !arrays->labels : (!arrays->values || arrays->value_cols < 1))
    return tn_fail(TN_ERR_DATA, "%s: this loss needs %s", name, wants_labels ? "labels" : "values and value_cols");
  *source = (tn_row_source){.arrays = arrays,
                            .loss = loss,
                            .has_targets = true,
                            .has_weights = arrays->weights != NULL,
                            .rows = arrays->rows,
                            .inputs = arrays->inputs,
                            .value_cols = wants_labels ? 0 : arrays->value_cols,
                            .element = TN_F32};
  return TN_OK;
}

void tn_row_source_close(tn_row_source *source) {
  tn_table_close(&source->x);
  tn_table_close(&source->y);
  tn_table_close(&source->weight);
  source->arrays = NULL;
}

tn_row_arrays tn_row_arrays_at(const tn_row_arrays *arrays, const tn_row_source *source, int64_t first) {
  return (tn_row_arrays){.features = arrays->features
                                         ? arrays->features + first * source->inputs * tn_element_size(source->element)
                                         : NULL,
                         .labels = arrays->labels ? arrays->labels + first : NULL,
                         .values = arrays->values ? arrays->values + first * source->value_cols : NULL,
                         .weights = arrays->weights ? arrays->weights + first : NULL};
}

static double highest_target(const tn_row_source *source) {
  return source->loss == TN_SIGMOID_CROSS_ENTROPY ? 1.0 : (double)INFINITY;
}

static double lowest_target(const tn_row_source *source) {
  return source->loss == TN_SIGMOID_CROSS_ENTROPY ? 0.0 : -(double)INFINITY;
}

static tn_status read_tables(tn_row_source *source, int64_t first, int64_t count, const tn_row_arrays *out) {
  if (out->features)
    TN_TRY(tn_table_read_features(source->x, first, count, out->features));
  if (out->labels)
    TN_TRY(tn_table_read_labels(source->y, first, count, source->class_count, out->labels));
  if (out->values)
    TN_TRY(tn_table_read_values(source->y, first, count, lowest_target(source), highest_target(source), out->values));
  if (out->weights)
    TN_TRY(tn_table_read_values(source->weight, first, count, 0.0, INFINITY, out->weights));
  return TN_OK;
}

static tn_status check_floats(const char *what, int64_t first, int64_t rows, int64_t cols, double low, double high,
                              const float *values) {
  for (int64_t i = 0; i < rows * cols; i++)
    if (!isfinite(values[i]) || values[i] < low || values[i] > high)
      return tn_fail(TN_ERR_DATA, "arrays: %s, row %lld, column %lld: found %g, expected a finite value in [%g, %g]",
                     what, (long long)first + i / cols, (long long)i % cols, (double)values[i], low, high);
  return TN_OK;
}

static void copy_floats(float *out, const float *in, int64_t first, int64_t count, int64_t cols) {
  memcpy(out, in + first * cols, (size_t)(count * cols) * sizeof *out);
}

static tn_status read_arrays(const tn_row_source *source, int64_t first, int64_t count, const tn_row_arrays *out) {
  const tn_arrays *arrays = source->arrays;
  if (out->features) {
    float *features = (float *)(void *)out->features;
    copy_floats(features, arrays->x, first, count, source->inputs);
    TN_TRY(check_floats("x", first, count, source->inputs, -(double)INFINITY, INFINITY, features));
  }
  if (out->labels) {
    memcpy(out->labels, arrays->labels + first, (size_t)count * sizeof *out->labels);
    for (int64_t i = 0; i < count; i++)
      if (out->labels[i] < 0)
        return tn_fail(TN_ERR_DATA, "arrays: labels, row %lld: found %d, expected a class from 0 on",
                       (long long)first + i, (int)out->labels[i]);
  }
  if (out->values) {
    copy_floats(out->values, arrays->values, first, count, source->value_cols);
    TN_TRY(check_floats("values", first, count, source->value_cols, lowest_target(source), highest_target(source),
                        out->values));
  }
  if (out->weights) {
    copy_floats(out->weights, arrays->weights, first, count, 1);
    TN_TRY(check_floats("weights", first, count, 1, 0.0, INFINITY, out->weights));
  }
  return TN_OK;
}

tn_status tn_row_source_read(tn_row_source *source, int64_t first, int64_t count, const tn_row_arrays *out) {
  return source->arrays ? read_arrays(source, first, count, out) : read_tables(source, first, count, out);
}
