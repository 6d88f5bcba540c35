#include "train/build.h"

#include "io/file.h"

#include <dlfcn.h>
#include <stdio.h>

uint64_t tn_build_hash(void) {
  static unsigned char block[1 << 16];
  Dl_info about;
  uint64_t hash = 0;
  size_t count = 0;
  if (dladdr((const void *)block, &about) == 0)
    return 0;
  FILE *file = fopen(about.dli_fname, "rb");
  if (!file)
    return 0;
  while ((count = fread(block, 1, sizeof block, file)) > 0)
    hash = tn_hash64(block, (int64_t)count, hash);
  fclose(file);
  return hash;
}
