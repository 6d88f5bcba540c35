/* What stands behind a sealed file's content: enough to find any damage before a parser sees the bytes. Little-endian:
 *
 *    0  8 bytes  "thinnet\n"
 *    8  uint32   version of this layout, 1
 *   12  uint32   0
 *   16  uint64   bytes before the trailer
 *   24  16 bytes XXH3-128 of them, most significant byte first, as xxhsum prints it
 */
#ifndef TN_IO_TRAILER_H
#define TN_IO_TRAILER_H

#include "base/error.h"

#include <stdint.h>

#define TN_TRAILER_SIZE 40

void tn_trailer_make(const void *bytes, int64_t count, unsigned char trailer[TN_TRAILER_SIZE]);

/* Checks a whole file of `count` bytes, trailer included. TN_ERR_DAMAGED says what is wrong; `path` is for messages. */
tn_status tn_trailer_check(const char *path, const void *file, int64_t count);

#endif
