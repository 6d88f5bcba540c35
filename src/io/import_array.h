/* Files that are one array behind a header (IDX, NPY): their headers are parsed in files of their own, all else is
 * common. */
#ifndef TN_IO_IMPORT_ARRAY_H
#define TN_IO_IMPORT_ARRAY_H

#include "io/import_layout.h"

#define TN_ARRAY_RANK_MAX 64

/* The element types that arrays have: name for messages, bytes, and what they become. */
#define TN_ARRAY_TYPES(X)                                                                                              \
  X(TN_ARRAY_BOOL, "bool", 1, TN_OUT_U8)                                                                               \
  X(TN_ARRAY_U8, "uint8", 1, TN_OUT_U8)                                                                                \
  X(TN_ARRAY_I8, "int8", 1, TN_OUT_I8)                                                                                 \
  X(TN_ARRAY_U16, "uint16", 2, TN_OUT_U16)                                                                             \
  X(TN_ARRAY_I16, "int16", 2, TN_OUT_I16)                                                                              \
  X(TN_ARRAY_U32, "uint32", 4, TN_OUT_I64)                                                                             \
  X(TN_ARRAY_I32, "int32", 4, TN_OUT_I32)                                                                              \
  X(TN_ARRAY_U64, "uint64", 8, TN_OUT_I64)                                                                             \
  X(TN_ARRAY_I64, "int64", 8, TN_OUT_I64)                                                                              \
  X(TN_ARRAY_F16, "float16", 2, TN_OUT_F32)                                                                            \
  X(TN_ARRAY_F32, "float32", 4, TN_OUT_F32)                                                                            \
  X(TN_ARRAY_F64, "float64", 8, TN_OUT_F64)

#define TN_ARRAY_ENUM(code, name, size, out) code,
typedef enum tn_array_type { TN_ARRAY_TYPES(TN_ARRAY_ENUM) TN_ARRAY_TYPE_COUNT } tn_array_type;
#undef TN_ARRAY_ENUM

int64_t tn_array_type_size(tn_array_type type); /* bytes */

/* What a header says. */
typedef struct tn_array_header {
  tn_array_type type;
  bool swapped; /* the file's byte order is not the machine's */
  int rank;
  int64_t shape[TN_ARRAY_RANK_MAX]; /* none below 0 */
  int64_t bytes;                    /* of the header itself */
} tn_array_header;

/* A file format. */
typedef struct tn_array_format {
  const char *name;
  /* Reads the header from the source's start, and leaves the source behind it. */
  tn_status (*read_header)(tn_source *source, tn_array_header *header);
  int target_rank_max;
  bool integer_targets; /* no others are allowed */
} tn_array_format;

/* The whole import, for files of one format. */
tn_status tn_import_arrays(const tn_array_format *format, const char *out_path, const tn_import_split *splits,
                           int split_count, const tn_import_options *options, tn_import_counts *counts);

/* True on a machine that stores the low byte first. */
bool tn_is_little_endian(void);

/* Converts `count` values of a block in place, in the file's type and byte order, into the output's type. The buffer
 * holds `count` of the wider of the two. Returns the index of the first value that cannot be (not finite, out of range,
 * a bool that is neither 0 nor 1), or -1. */
int64_t tn_array_convert(const tn_array_header *header, void *buffer, int64_t count);

#endif
