/* A file to be imported: plain or gzip, read from its start to its end, once or several times. */
#ifndef TN_IO_IMPORT_SOURCE_H
#define TN_IO_IMPORT_SOURCE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct tn_source tn_source;

/* TN_ERR_IO: it cannot be opened, or is no regular file (a pipe could not be read twice). The path is borrowed. */
tn_status tn_source_open(tn_source **source, const char *path);
void tn_source_close(tn_source **source);

const char *tn_source_path(const tn_source *source);

/* Reads up to `count` bytes of the unpacked content; fewer only at its end. TN_ERR_DATA: damaged gzip data. */
tn_status tn_source_read(tn_source *source, void *bytes, int64_t count, int64_t *read_count);

/* Back to the start. */
tn_status tn_source_rewind(tn_source *source);

/* The length of the unpacked content: a gzip file is read through for it, for its own record of its length is not to
 * be relied on. Leaves the source at its start. */
tn_status tn_source_length(tn_source *source, int64_t *bytes);

bool tn_source_is_packed(const tn_source *source);

/* How much of the file has been read, 0 to 1. */
double tn_source_fraction(const tn_source *source);

#endif
