/* A data file written in blocks of rows, of any size, with HDF5 never meeting a full disk: HDF5 lays out contiguous
 * datasets and closes the file; the space is reserved; the rows then go to their places by plain writes, and the file
 * gets its name when it is whole. */
#ifndef TN_IO_OUTFILE_H
#define TN_IO_OUTFILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tn_out_type {
  TN_OUT_U8,
  TN_OUT_I8,
  TN_OUT_U16,
  TN_OUT_I16,
  TN_OUT_I32,
  TN_OUT_I64,
  TN_OUT_F32,
  TN_OUT_F64,
  TN_OUT_STRING /* UTF-8 of a fixed length */
} tn_out_type;

/* "uint8", ..., as numpy calls them; a static string. */
const char *tn_out_type_name(tn_out_type type);

/* Bytes of one value; of a string, 1 for each of its bytes. */
size_t tn_out_type_size(tn_out_type type);

typedef struct tn_out_dataset {
  const char *path; /* "/train/x": groups are made */
  tn_out_type type;
  int rank;           /* 1 or 2; strings: 1 */
  int64_t rows, cols; /* strings: cols bytes each, a zero byte behind the text among them */
} tn_out_dataset;

typedef struct tn_outfile tn_outfile;

/* TN_ERR_USAGE, naming both, where `path` is the file `input`, by this name or another: it would be replaced while it
 * is read. What cannot be examined is no such file; whoever opens it says why. */
tn_status tn_outfile_check_input(const char *path, const char *input);

/* Creates a temporary file beside `path`. TN_ERR_IO: path, reason (also: how many bytes are missing on the disk).
 * overwrite false: TN_ERR_USAGE where `path` exists. Local: one process writes. */
tn_status tn_outfile_create(tn_outfile **out, const char *path, const tn_out_dataset *datasets, int count,
                            bool overwrite);

/* Writes rows first..first+count-1 of dataset `index`, native values of its type. */
tn_status tn_outfile_write(tn_outfile *out, int index, int64_t first, int64_t count, const void *rows);

/* Syncs and renames to the final name, and frees *out. On failure the temporary file is removed. */
tn_status tn_outfile_commit(tn_outfile **out);

/* Removes the temporary file. NULL is allowed. */
void tn_outfile_abandon(tn_outfile **out);

#endif
