#include "io/file.h"

#include <stdio.h>
#include <xxhash.h>

void tn_digest_bytes(const void *bytes, int64_t count, char digest[TN_DIGEST_SIZE]) {
  const XXH128_hash_t hash = XXH3_128bits(bytes, (size_t)count);
  snprintf(digest, TN_DIGEST_SIZE, "%016llx%016llx", (unsigned long long)hash.high64, (unsigned long long)hash.low64);
}

uint64_t tn_hash64(const void *bytes, int64_t count, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes, (size_t)count, seed);
}
