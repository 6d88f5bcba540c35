/* Aligned, zeroed memory. Everything a step touches is allocated here, before the loop. */
#ifndef TN_BASE_MEMORY_H
#define TN_BASE_MEMORY_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define TN_ALIGNMENT 64

/* Sets *memory to `count` zeroed elements of `size` bytes, 64-byte aligned; the caller frees it
 * with tn_free. count = 0 gives a valid pointer. TN_ERR_MEMORY names `what` and the bytes asked for
 * and leaves *memory NULL; an overflow of count x size is the same error. */
tn_status tn_alloc(void *memory_address, int64_t count, size_t size, const char *what);

/* Frees and clears the pointer at this address; a NULL pointer is allowed. */
void tn_free(void *memory_address);

/* A copy of a string, freed with tn_free. */
tn_status tn_string_copy(char **copy, const char *text);

#endif
