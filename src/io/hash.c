#include "io/file.h"

#include <xxhash.h>

uint64_t tn_hash64(const void *bytes, int64_t count, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes, (size_t)count, seed);
}
