/* Whole files by plain system calls, each of them checked. Private to src/io. */
#ifndef TN_IO_DISK_H
#define TN_IO_DISK_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* A file's content is written from pieces, so that nothing is copied to put a trailer behind it. */
typedef struct tn_piece {
  const void *bytes;
  int64_t count;
} tn_piece;

/* Creates a file that must not exist: writes the pieces, syncs, reads all back from the disk and compares. On failure
 * nothing is left under that name. TN_ERR_IO. */
tn_status tn_disk_create(const char *path, const tn_piece *pieces, int piece_count);

/* Reads a file of any size; *bytes has a zero behind its end and is freed with tn_free. TN_ERR_IO. */
tn_status tn_disk_read(const char *path, void **bytes, int64_t *count);

/* A name is on the disk only when its folder is. TN_ERR_IO. */
tn_status tn_disk_sync_folder(const char *path);
/* The same for the folder that a file or folder stands in. */
tn_status tn_disk_sync_parent(const char *path);

/* Creates a folder and those above it, where they are missing. TN_ERR_IO. */
tn_status tn_disk_make_folders(const char *path);

/* Whether a folder is there and may be written into, or the nearest one above it that is there. Makes nothing.
 * TN_ERR_IO names that folder. */
tn_status tn_disk_check_folders(const char *path);

#endif
