/* What the targets of the import formats share: the input as a file in memory, and a place for the output. */
#ifndef TN_TESTS_FUZZ_IMPORT_H
#define TN_TESTS_FUZZ_IMPORT_H

#include <thinnet/import.h>

#include <stddef.h>

/* Makes a file in memory; its path goes to `path`, and its descriptor is returned: closing it removes the file. */
#define FUZZ_PATH_SIZE 64
int fuzz_file(const uint8_t *data, size_t size, char path[FUZZ_PATH_SIZE]);

/* An import of `file` to `out_path`. */
typedef tn_status fuzz_importer(void *context, const char *file, const char *out_path);

/* Runs the import on these bytes. Stops the fuzzer where it fails without naming the file, or for another reason than
 * its content, or where it says that all went well and left no output, or left one though it failed. */
void fuzz_import(fuzz_importer *import, void *context, const uint8_t *data, size_t size);

#endif
