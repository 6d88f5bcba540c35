/* HDF5 files that are built in memory, and written and read whole with a trailer: checkpoints and metrics. HDF5 itself
 * never meets a full disk or a damaged file. */
#ifndef TN_IO_SEALED_H
#define TN_IO_SEALED_H

#include "io/file.h"
#include "io/h5_load.h"

/* Starts a file in memory with the root attributes format, format_version and thinnet_version. `name` is for messages,
 * and borrowed. Ends with tn_sealed_close. */
tn_status tn_sealed_create(tn_h5_file *file, const char *name, const char *format, int64_t format_version);

/* Writes the file as `name` into the folder. */
tn_status tn_sealed_write(const tn_h5_file *file, tn_folder *folder, const char *name);

/* Opens a sealed file and checks its format and version. TN_ERR_IO, TN_ERR_DAMAGED; TN_ERR_DATA: a sound file of
 * another format, or of a newer version. `path` is borrowed. */
tn_status tn_sealed_open(tn_h5_file *file, const char *path, const char *format, int64_t format_version);

/* Closes either. */
void tn_sealed_close(tn_h5_file *file);

#endif
