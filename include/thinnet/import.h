/* Import of IDX, CSV and NPY files into thinnet's data layout. */
#ifndef THINNET_IMPORT_H
#define THINNET_IMPORT_H

#include <thinnet/status.h>

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One split ("train", "valid", "test") of the file to be made: /SPLIT/x and /SPLIT/y. Strings are borrowed. */
typedef struct tn_import_split {
  const char *name;
  const char *const *x_files; /* IDX or NPY: one file; CSV: one or more, read one after the other */
  int x_file_count;
  const char *y_file; /* IDX or NPY labels or targets; NULL for CSV and for data without targets */
} tn_import_split;

typedef struct tn_import_csv {
  char delimiter; /* ',' unless told */
  int header; /* 1: the first line is a header; 0: it is not; -1: a first line with a field that is no number is one */
  const char *label_column; /* name, or number counted from 1 (negative from the end); NULL: no targets */
  bool regression;          /* targets are values even where they look like classes */
} tn_import_csv;

typedef struct tn_import_counts {
  int64_t rows, features;
} tn_import_counts;

/* All three are local (one process writes). TN_ERR_DATA names file, line and column (CSV) or what the header says and
 * what the file holds (IDX, NPY). TN_ERR_IO: cannot be read or written. Nothing appears under `out_path` unless all
 * went well; an existing file is replaced only where `overwrite`. counts: one for each split, may be NULL. */

/* IDX (the MNIST format), plain or gzip; any element type; images are flattened to (N, rows x columns). */
tn_status tn_import_idx(const char *out_path, const tn_import_split *splits, int split_count, bool overwrite,
                        tn_import_counts *counts);

/* CSV (RFC 4180 quoting) of numbers, plain or gzip. Labels that are whole numbers become int64 classes unless
 * regression. */
tn_status tn_import_csv_files(const char *out_path, const tn_import_split *splits, int split_count,
                              const tn_import_csv *csv, bool overwrite, tn_import_counts *counts);

/* NPY (versions 1 to 3, C order), integers, floats and bool of either byte order. */
tn_status tn_import_npy(const char *out_path, const tn_import_split *splits, int split_count, bool overwrite,
                        tn_import_counts *counts);

#ifdef __cplusplus
}
#endif
#endif
