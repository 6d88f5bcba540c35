/* Reading from an HDF5 file in memory that only thinnet can have written, or that was made to look so: whatever is not
 * exactly as h5_store.h writes it is refused before HDF5 follows it. All functions: TN_ERR_DAMAGED names file and
 * object, what was found and what was expected; TN_ERR_MEMORY. */
#ifndef TN_IO_H5_LOAD_H
#define TN_IO_H5_LOAD_H

#include "io/h5_store.h"

#include <stdbool.h>

/* Whether there is an object, reached through hard links alone: no other file is opened. */
bool tn_h5_exists(const tn_h5_file *file, const char *path);

/* The shape of an array of this kind and rank; the values it promises fit into the file. */
tn_status tn_h5_load_shape(const tn_h5_file *file, const char *path, tn_h5_kind kind, int rank, int64_t *shape);

/* Reads an array of exactly this shape into the caller's memory. */
tn_status tn_h5_load_array(const tn_h5_file *file, const char *path, tn_h5_kind kind, int rank, const int64_t *shape,
                           void *values);

/* Whether an object that is there has an attribute of this name. */
bool tn_h5_has_attribute(const tn_h5_file *file, const char *path, const char *name);

/* Attributes. *text is freed with tn_free. */
tn_status tn_h5_load_text(const tn_h5_file *file, const char *path, const char *name, char **text);
tn_status tn_h5_load_int(const tn_h5_file *file, const char *path, const char *name, int64_t *value);
tn_status tn_h5_load_real(const tn_h5_file *file, const char *path, const char *name, double *value);

/* The name of entry `index` of a group in alphabetical order; false where there is none, or it has more than size - 1
 * bytes. */
bool tn_h5_load_name(const tn_h5_file *file, const char *group, int index, char *name, size_t size);

#endif
