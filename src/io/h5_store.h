/* Writing to an HDF5 file that lies in memory. Everything is stored little-endian in the earliest format. All
 * functions: TN_ERR_IO names file and object. */
#ifndef TN_IO_H5_STORE_H
#define TN_IO_H5_STORE_H

#include "io/h5.h"

#include <stdint.h>

/* What thinnet's own files are made of. */
typedef enum tn_h5_kind { TN_H5_FLOAT32, TN_H5_FLOAT64, TN_H5_INT64 } tn_h5_kind;

/* The type in the file, and in memory. */
hid_t tn_h5_file_type(tn_h5_kind kind);
hid_t tn_h5_memory_type(tn_h5_kind kind);

/* An open file and the name it has in messages (borrowed). */
typedef struct tn_h5_file {
  hid_t id;
  const char *name;
  int64_t bytes; /* of a file that is read: more than this cannot be in it */
} tn_h5_file;

/* A group, with those above it. */
tn_status tn_h5_store_group(const tn_h5_file *file, const char *path);

/* An array of one or two dimensions, in chunks of at most 1 MB with a checksum each (fletcher32), for readers that do
 * not know the trailer; one without values has no chunks. Groups above it are made. */
tn_status tn_h5_store_array(const tn_h5_file *file, const char *path, tn_h5_kind kind, int rank, const int64_t *shape,
                            const void *values);

/* `count` strings in `size` bytes each, with a zero behind each. */
tn_status tn_h5_store_strings(const tn_h5_file *file, const char *path, int64_t count, int64_t size,
                              const char *strings);

/* Attributes of the object at `path`. A text has any length, and HDF5's type of variable length: h5py shows that as
 * text, one of fixed length as bytes, and the 64 kB of an attribute do not bound it. */
tn_status tn_h5_store_text(const tn_h5_file *file, const char *path, const char *name, const char *text);
tn_status tn_h5_store_int(const tn_h5_file *file, const char *path, const char *name, int64_t value);
tn_status tn_h5_store_real(const tn_h5_file *file, const char *path, const char *name, double value);

#endif
