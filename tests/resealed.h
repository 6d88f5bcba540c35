/* Sealed HDF5 files with other contents behind a right trailer, so that what reads them is tested, not the trailer. */
#ifndef TN_TESTS_RESEALED_H
#define TN_TESTS_RESEALED_H

#include <hdf5.h>
#include <stddef.h>

/* Writes `bytes` with a right trailer into the scratch folder; returns the path. */
const char *resealed_write(const char *name, const void *bytes, size_t count);

/* Opens the content of a sealed file in memory, lets `edit` change it, and seals it again under another name in the
 * scratch folder; returns that path. */
const char *resealed_edit(const char *path, const char *name, void (*edit)(hid_t file));

/* A text attribute of any object: its value, for the caller to free; and another value in its place. */
char *attribute_text(hid_t file, const char *path, const char *name);
void attribute_set_text(hid_t file, const char *path, const char *name, const char *text);

#endif
