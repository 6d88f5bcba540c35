#include "io/trailer.h"

#include "base/memory.h"
#include "io/disk.h"
#include "io/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#define VERSION 1

static const unsigned char magic[8] = {'t', 'h', 'i', 'n', 'n', 'e', 't', '\n'};

static void put(unsigned char *at, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++)
    at[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t get(const unsigned char *at, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++)
    value |= (uint64_t)at[i] << (8 * i);
  return value;
}

void tn_trailer_make(const void *bytes, int64_t count, unsigned char trailer[TN_TRAILER_SIZE]) {
  memcpy(trailer, magic, sizeof magic);
  put(trailer + 8, VERSION, 4);
  put(trailer + 12, 0, 4);
  put(trailer + 16, (uint64_t)count, 8);
  XXH128_canonical_t hash;
  XXH128_canonicalFromHash(&hash, XXH3_128bits(bytes, (size_t)count));
  memcpy(trailer + 24, hash.digest, sizeof hash.digest);
}

tn_status tn_trailer_check(const char *path, const void *file, int64_t count) {
  const int64_t content = count - TN_TRAILER_SIZE;
  const unsigned char *found = content < 0 ? NULL : (const unsigned char *)file + content;
  if (!found || memcmp(found, magic, sizeof magic) != 0)
    return tn_fail(TN_ERR_DAMAGED, "%s: does not end as thinnet's files do: its end is missing, or it is another file",
                   path);
  if (get(found + 8, 8) != VERSION)
    return tn_fail(TN_ERR_DAMAGED, "%s: its trailer is of version %llu, expected is %d", path,
                   (unsigned long long)get(found + 8, 8), VERSION);
  if (get(found + 16, 8) != (uint64_t)content)
    return tn_fail(TN_ERR_DAMAGED, "%s: holds %lld bytes, its trailer says %llu", path, (long long)content,
                   (unsigned long long)get(found + 16, 8));
  unsigned char expected[TN_TRAILER_SIZE];
  tn_trailer_make(file, content, expected);
  if (memcmp(found, expected, sizeof expected) != 0)
    return tn_fail(TN_ERR_DAMAGED, "%s: its bytes do not match their checksum: the file is damaged", path);
  return TN_OK;
}

tn_status tn_file_read_sealed(const char *path, void **bytes, int64_t *count) {
  TN_TRY(tn_disk_read(path, bytes, count));
  const tn_status status = tn_trailer_check(path, *bytes, *count);
  if (status != TN_OK)
    tn_free(bytes);
  else
    *count -= TN_TRAILER_SIZE;
  return status;
}

tn_status tn_file_is_sealed(const char *path, bool *sealed) {
  unsigned char trailer[TN_TRAILER_SIZE];
  *sealed = false;
  FILE *file = fopen(path, "rb");
  if (!file)
    return tn_fail_errno(TN_ERR_IO, errno, "%s: cannot be opened", path);
  if (fseek(file, -TN_TRAILER_SIZE, SEEK_END) == 0 && fread(trailer, sizeof trailer, 1, file) == 1)
    *sealed = memcmp(trailer, magic, sizeof magic) == 0;
  fclose(file);
  return TN_OK;
}
