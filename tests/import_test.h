/* What the tests of the import formats share: one split to import, what was written, what went wrong, and mutation. */
#ifndef TN_TESTS_IMPORT_TEST_H
#define TN_TESTS_IMPORT_TEST_H

#include <thinnet/import.h>

#include <stddef.h>

/* Asserts that a dataset of a file has this type ("uint8", "float32", ...), these dimensions (cols 0: one dimension)
 * and these values in row-major order, exactly. */
void check_dataset(const char *file, const char *path, const char *type, int64_t rows, int64_t cols,
                   const double *values);

/* Asserts the status, that the message holds `text`, and that the scratch folder holds `files` files: no output is left
 * behind. */
void check_refused(tn_status found, tn_status expected, const char *text, int files);

/* For about two seconds: changes a valid file's bytes in a seeded order of ways and calls `import` on what comes out,
 * which has to succeed or to be refused with a message that names the file, and may leave nothing else behind than its
 * output, which is removed here. */
typedef tn_status mutation_import(const char *file, const char *out_path);
void check_mutations(const void *seed_bytes, size_t count, mutation_import *import);

#endif
