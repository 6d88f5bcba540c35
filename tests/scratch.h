/* A folder of its own for the files of a test program, gone when it ends. */
#ifndef TN_TESTS_SCRATCH_H
#define TN_TESTS_SCRATCH_H

#include <stddef.h>

/* cmocka's group fixtures: make the folder, remove it with all that is in it. */
int scratch_setup(void **state);
int scratch_teardown(void **state);

/* cmocka's fixture of one test: remove what it left in the folder. */
int scratch_clear(void **state);

/* The path of NAME in the folder; one of a few static buffers, so that some paths can be in use at once. */
const char *scratch_path(const char *name);

/* Writes a file; returns its path. */
const char *scratch_write(const char *name, const void *bytes, size_t count);

/* Reads a whole file into memory to be freed with free(); a zero byte is put behind its end. */
void *scratch_read(const char *path, size_t *count);

/* The number of files in the folder. */
int scratch_count(void);

#endif
