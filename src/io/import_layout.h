/* What the imports have in common: the splits asked for, the datasets they become, the agreement between them. */
#ifndef TN_IO_IMPORT_LAYOUT_H
#define TN_IO_IMPORT_LAYOUT_H

#include "io/import_source.h"
#include "io/outfile.h"

#include <thinnet/import.h>

/* Rows are read, converted and written in blocks of about this size. */
#define TN_IMPORT_BLOCK_BYTES (1 << 20)

/* The most values of a row: a block of one row must fit in memory whatever a file's header says. */
#define TN_IMPORT_COLUMNS_MAX (1 << 26)

/* What a split turned out to hold. */
typedef struct tn_import_shape {
  int64_t rows, features;
  int64_t targets; /* values a row; 0: none */
  tn_out_type x_type, y_type;
  int x_dataset, y_dataset; /* indices in the output file, set by tn_import_create; y_dataset below 0: none */
} tn_import_shape;

/* TN_ERR_USAGE: no splits, names missing, repeated or no names of a group, a split without files, a file of which is
 * the output. `files_max` is the most feature files a split may have. */
tn_status tn_import_check_request(const char *out_path, const tn_import_split *splits, int count, int files_max);

/* TN_ERR_DATA where splits differ in features, in targets, or in the kind of targets (classes or values). */
tn_status tn_import_check_shapes(const tn_import_split *splits, const tn_import_shape *shapes, int count);

/* Creates /SPLIT/x and, where there are targets, /SPLIT/y for each split. `more`: NULL, or a dataset beside them, which
 * becomes dataset 0. */
tn_status tn_import_create(tn_outfile **out, const char *out_path, const tn_import_split *splits,
                           tn_import_shape *shapes, int count, const tn_out_dataset *more,
                           const tn_import_options *options);

/* Fills the caller's counts; NULL is allowed. `classes`: how many have names. */
void tn_import_count(const tn_import_shape *shapes, int count, int64_t classes, tn_import_counts *counts);

/* Calls the caller's progress function, where there is one. */
void tn_import_tell(const tn_import_options *options, const tn_source *source, int pass, int passes);

/* Rows of a block for rows of this size: at least one. */
int64_t tn_import_block_rows(int64_t row_bytes);

#endif
