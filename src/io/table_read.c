#include "io/h5.h"
#include "io/table.h"

#include "base/memory.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>

/* Wider types pass through a buffer of this many values (or of one row, where that is longer). */
#define SCRATCH_VALUES (1 << 17)

static hid_t memory_type(tn_element element) {
  const hid_t types[] = {[TN_U8] = H5T_NATIVE_UINT8,
                         [TN_I8] = H5T_NATIVE_INT8,
                         [TN_U16] = H5T_NATIVE_UINT16,
                         [TN_I16] = H5T_NATIVE_INT16,
                         [TN_F32] = H5T_NATIVE_FLOAT};
  return types[element];
}

/* Selects rows of the file, all dimensions behind the first one whole. */
static bool select_rows(hid_t space, int64_t first, int64_t count) {
  hsize_t start[H5S_MAX_RANK] = {0}, extent[H5S_MAX_RANK] = {0};
  if (H5Sget_simple_extent_dims(space, extent, NULL) < 1)
    return false;
  start[0] = (hsize_t)first;
  extent[0] = (hsize_t)count;
  return H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, extent, NULL) >= 0;
}

/* Rows as HDF5 converts them to the memory type, (count, cols). */
static tn_status read_rows(tn_table *table, hid_t type, int64_t first, int64_t count, void *out) {
  if (first < 0 || count < 0 || first > table->rows - count)
    return tn_fail(TN_ERR_INTERNAL, "%s: dataset %s has %lld rows, rows %lld to %lld do not exist", table->file,
                   table->path, (long long)table->rows, (long long)first, (long long)(first + count - 1));
  if (count == 0)
    return TN_OK;
  const tn_h5_report report = tn_h5_silence();
  tn_status status = TN_OK;
  const hsize_t values = (hsize_t)count * (hsize_t)table->cols;
  const hid_t memory = H5Screate_simple(1, &values, NULL), space = H5Dget_space(table->handles[1]);
  if (memory < 0 || space < 0 || !select_rows(space, first, count) ||
      H5Dread(table->handles[1], type, memory, space, H5P_DEFAULT, out) < 0)
    status = tn_h5_fail(TN_ERR_DATA, "%s: dataset %s: rows %lld to %lld cannot be read: is the file damaged?",
                        table->file, table->path, (long long)first, (long long)(first + count - 1));
  tn_h5_close(space);
  tn_h5_close(memory);
  tn_h5_restore(report);
  return status;
}

/* Takes a block of values in the type it was read as; `row` is the block's first. */
typedef tn_status block_taker(const tn_table *table, int64_t row, int64_t rows, const void *block, void *context);

/* Reads in blocks through a buffer of bounded size. The type has 8 bytes. */
static tn_status read_blocks(tn_table *table, hid_t type, int64_t first, int64_t count, block_taker *take,
                             void *context) {
  int64_t block_rows = SCRATCH_VALUES / table->cols;
  block_rows = block_rows < 1 ? 1 : block_rows;
  block_rows = block_rows > count ? count : block_rows;
  void *block = NULL;
  TN_TRY(tn_alloc(&block, block_rows * table->cols, 8, "a buffer to read rows"));
  tn_status status = TN_OK;
  for (int64_t done = 0; done < count && status == TN_OK; done += block_rows) {
    const int64_t rows = count - done < block_rows ? count - done : block_rows;
    status = read_rows(table, type, first + done, rows, block);
    if (status == TN_OK)
      status = take(table, first + done, rows, block, context);
  }
  tn_free(&block);
  return status;
}

/* Where doubles go as float32, and the range they must keep. */
typedef struct value_target {
  double low, high;
  int64_t first;
  float *out;
} value_target;

static bool is_good(double value, double low, double high) {
  return isfinite((float)value) && value >= low && value <= high;
}

/* The reason why a value is not good. */
static tn_status bad_value(const tn_table *table, int64_t row, int64_t col, double value, double low, double high) {
  char why[128] = "is not a finite number: remove or replace such values";
  if (isfinite((float)value))
    snprintf(why, sizeof why, "is out of range: %g to %g is allowed", low, high);
  else if (isfinite(value))
    snprintf(why, sizeof why, "is too large for float32: rescale the data before storing them");
  return tn_fail(TN_ERR_DATA, "%s: dataset %s, row %lld, column %lld (counted from 0): %.9g %s", table->file,
                 table->path, (long long)row, (long long)col, value, why);
}

static tn_status take_values(const tn_table *table, int64_t row, int64_t rows, const void *block, void *context) {
  const value_target *target = context;
  const double *values = block;
  float *out = target->out + (row - target->first) * table->cols;
  for (int64_t i = 0; i < rows * table->cols; i++) {
    if (!is_good(values[i], target->low, target->high))
      return bad_value(table, row + i / table->cols, i % table->cols, values[i], target->low, target->high);
    out[i] = (float)values[i];
  }
  return TN_OK;
}

tn_status tn_table_read_values(tn_table *table, int64_t first, int64_t count, double low, double high, float *out) {
  value_target target = {low, high, first, out};
  return read_blocks(table, H5T_NATIVE_DOUBLE, first, count, take_values, &target);
}

/* Bytes of one value in the file. */
static size_t stored_size(const tn_table *table) {
  const hid_t type = H5Dget_type(table->handles[1]);
  const size_t size = H5Tget_size(type);
  tn_h5_close(type);
  return size;
}

tn_status tn_table_read_features(tn_table *table, int64_t first, int64_t count, void *out) {
  if (!table->is_integer && stored_size(table) > sizeof(float))
    return tn_table_read_values(table, first, count, -INFINITY, INFINITY, out);
  TN_TRY(read_rows(table, memory_type(table->element), first, count, out));
  if (table->is_integer)
    return TN_OK;
  const float *values = out;
  const int64_t bad = tn_kernel_find_nonfinite(count * table->cols, values);
  if (bad < 0)
    return TN_OK;
  return bad_value(table, first + bad / table->cols, bad % table->cols, (double)values[bad], -INFINITY, INFINITY);
}

/* Where labels go, and the number of classes (0: any that an int32 holds). */
typedef struct label_target {
  int64_t classes, first;
  int32_t *out;
} label_target;

static tn_status bad_label(const tn_table *table, int64_t row, int64_t label, int64_t classes) {
  if (label < 0)
    return tn_fail(TN_ERR_DATA,
                   "%s: dataset %s, row %lld (counted from 0): the label %lld is negative: classes count "
                   "from 0",
                   table->file, table->path, (long long)row, (long long)label);
  return tn_fail(
      TN_ERR_DATA,
      "%s: dataset %s, row %lld (counted from 0): the label %lld%s is out of range: 0 to %lld are the classes",
      table->file, table->path, (long long)row, (long long)label, label == INT64_MAX ? " or more" : "",
      (long long)(classes - 1));
}

static tn_status take_labels(const tn_table *table, int64_t row, int64_t rows, const void *block, void *context) {
  const label_target *target = context;
  const int64_t *labels = block;
  const int64_t classes = target->classes > 0 ? target->classes : (int64_t)INT32_MAX + 1;
  for (int64_t i = 0; i < rows; i++) {
    if (labels[i] < 0 || labels[i] >= classes)
      return bad_label(table, row + i, labels[i], classes);
    target->out[row - target->first + i] = (int32_t)labels[i];
  }
  return TN_OK;
}

tn_status tn_table_read_labels(tn_table *table, int64_t first, int64_t count, int64_t classes, int32_t *out) {
  TN_TRY(tn_table_check_labels(table));
  label_target target = {classes, first, out};
  return read_blocks(table, H5T_NATIVE_INT64, first, count, take_labels, &target);
}

static tn_status take_whole(const tn_table *table, int64_t row, int64_t rows, const void *block, void *context) {
  (void)context;
  const double *values = block;
  for (int64_t i = 0; i < rows; i++) {
    const long long bad_row = row + i;
    if (!(values[i] == floor(values[i])) || isinf(values[i]))
      return tn_fail(TN_ERR_DATA,
                     "%s: dataset %s holds values (%.9g in row %lld), not class labels: store the classes "
                     "as integers, or choose a loss for values (model.loss = mse, for instance)",
                     table->file, table->path, values[i], bad_row);
  }
  return TN_OK;
}

tn_status tn_table_check_labels(tn_table *table) {
  if (table->cols != 1)
    return tn_fail(TN_ERR_DATA,
                   "%s: dataset %s has the shape (%lld, %lld): class labels need (N) or (N, 1); of one-hot "
                   "rows store the index of the 1",
                   table->file, table->path, (long long)table->rows, (long long)table->cols);
  if (table->is_integer)
    return TN_OK;
  TN_TRY(read_blocks(table, H5T_NATIVE_DOUBLE, 0, table->rows, take_whole, NULL));
  return tn_fail(TN_ERR_DATA,
                 "%s: dataset %s holds class labels as floats: store the same numbers as integers (with "
                 "numpy: y.astype('int64')), or choose a loss for values (model.loss = mse, for instance)",
                 table->file, table->path);
}
