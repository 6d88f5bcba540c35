/* A one- or two-dimensional dataset of an HDF5 file, read in blocks of rows into the caller's memory. */
#ifndef TN_IO_TABLE_H
#define TN_IO_TABLE_H

#include "base/error.h"
#include "math/kernels.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct tn_table {
  char *file, *path;
  int rank;           /* HDF5's: 1 for (N), 2 for (N, D); more dimensions are flattened to (N, D) */
  int64_t rows, cols; /* cols = 1 for (N) */
  bool is_integer;    /* the file's type is an integer (or an enum/bool of one) */
  tn_element element; /* what features are kept as: 8- and 16-bit integers as they are, everything else as float32 */
  int64_t handles[2]; /* HDF5's file and dataset */
} tn_table;

/* Opens for reading; any number of processes may. TN_ERR_DATA names file and dataset, what was found and what was
 * expected: no such file, not HDF5, no such dataset (the datasets that exist are listed), neither integer nor float,
 * no rows, no columns. Local. The caller owns *table. */
tn_status tn_table_open(tn_table **table, const char *file, const char *path);
void tn_table_close(tn_table **table);

/* Rows first..first+count-1 into `out`, (count, cols) of table->element. float32 values must be finite, and values of a
 * wider type must fit: TN_ERR_DATA names dataset, row and column. */
tn_status tn_table_read_features(tn_table *table, int64_t first, int64_t count, void *out);

/* Class labels: an integer table of one column; each in 0..classes-1 (classes = 0: only >= 0 and below 2^31).
 * TN_ERR_DATA names dataset, row, value. */
tn_status tn_table_read_labels(tn_table *table, int64_t first, int64_t count, int64_t classes, int32_t *out);

/* TN_ERR_DATA where the table cannot hold class labels: more than one column, or floats. The message says whether the
 * floats are whole numbers that only need another type. For floats the whole dataset may be read. */
tn_status tn_table_check_labels(tn_table *table);

/* Values as float32, finite, and within [low, high] (give -INFINITY, INFINITY for none). (count, cols). */
tn_status tn_table_read_values(tn_table *table, int64_t first, int64_t count, double low, double high, float *out);

/* Lists the datasets of a file, for `thinnet info`: calls `visit` with path, type ("float32", "uint8", ...), shape. */
typedef void tn_table_visitor(void *context, const char *path, const char *type, int rank, const int64_t *shape);
tn_status tn_table_list(const char *file, tn_table_visitor *visit, void *context);

/* Name and version of the HDF5 library, a static string. */
const char *tn_hdf5_version(void);

#endif
