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
  char delimiter; /* ',' unless told (0: ',' too) */
  int header; /* 1: the first line is a header; 0: it is not; -1: a first line with a field that is no number is one,
                 and TN_ERR_DATA where that is the label alone and labels are names */
  const char *label_column; /* name, or number counted from 1 (negative from the end); NULL: no targets */
  bool regression;          /* targets are values even where they look like classes */
} tn_import_csv;

/* Called now and then while files are read: the file, the pass over the files (1 to `passes`), and the share of that
 * file that has been read in this pass. */
typedef void tn_import_progress(void *context, const char *file, int pass, int passes, double fraction);

typedef struct tn_import_options {
  bool overwrite;               /* replace an existing file */
  tn_import_progress *progress; /* NULL: none */
  void *progress_context;
} tn_import_options;

/* What was written of a split. Types are static strings: "uint8", "float32", ... */
typedef struct tn_import_counts {
  int64_t rows, features; /* shape of /SPLIT/x */
  int64_t targets;        /* values a row: 0, there is no /SPLIT/y; 1, it is (rows); otherwise (rows, targets) */
  int64_t classes;        /* whose names are in /class_names; 0: there is no such dataset */
  const char *x_type, *y_type;
} tn_import_counts;

/* All three are local (one process writes), and read in blocks: neither the files nor the result need fit in memory.
 * TN_ERR_DATA names file, line and column (CSV), or what the header says and what the file holds (IDX, NPY); splits
 * differ in features or in targets; a value is not finite or outside float32, which thinnet computes in. TN_ERR_IO:
 * cannot be read or written. TN_ERR_USAGE: `out_path` exists and is not to be replaced, is one of the files that are
 * read, or the splits make no sense. Nothing appears under `out_path` unless all went well. options: NULL for defaults.
 * counts: one for each split, may be NULL, untouched on error. */

/* IDX (the MNIST format), plain or gzip; any element type; images are flattened to (N, rows x columns); labels are
 * integers. Types stay as they are. */
tn_status tn_import_idx(const char *out_path, const tn_import_split *splits, int split_count,
                        const tn_import_options *options, tn_import_counts *counts);

/* CSV (RFC 4180 quoting) of decimal numbers, plain or gzip. Features become the smallest of uint8, int8, uint16 and
 * int16 that holds them all, where all are whole, and float32 otherwise, the same in all splits. Labels that are whole
 * numbers become int64 classes unless regression, other numbers float32 values. Labels that are text, unless
 * regression, are names of classes: the names of all splits, sorted by their bytes, are stored as /class_names (K)
 * strings, UTF-8 of a fixed length, and name k becomes the int64 class k. At most 65536 names of at most 255 bytes.
 * TN_ERR_DATA also where a column mixes names and numbers, and where no row of a split "train" has a class that rows of
 * others have. Lines that are empty are passed over at a file's end, and refused elsewhere: they may be what is missing
 * of a single column. */
tn_status tn_import_csv_files(const char *out_path, const tn_import_split *splits, int split_count,
                              const tn_import_csv *csv, const tn_import_options *options, tn_import_counts *counts);

/* NPY (versions 1 to 3, C order, plain or gzip): integers, floats and bool of either byte order. Features have two
 * dimensions or more, those behind the first are flattened; targets one or two. Types stay as they are, but for uint32
 * and uint64 (int64), float16 (float32) and bool (uint8). */
tn_status tn_import_npy(const char *out_path, const tn_import_split *splits, int split_count,
                        const tn_import_options *options, tn_import_counts *counts);

#ifdef __cplusplus
}
#endif
#endif
