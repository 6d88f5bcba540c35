#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

tn_status tn_alloc(void *memory_address, int64_t count, size_t size, const char *what) {
  void *memory = NULL;
  memcpy(memory_address, &memory, sizeof memory);
  size_t bytes = 0;
  if (count < 0 || __builtin_mul_overflow((size_t)count, size, &bytes) || bytes > SIZE_MAX - TN_ALIGNMENT)
    return tn_fail(TN_ERR_MEMORY, "out of memory: %s of %lld x %zu bytes is more than can be addressed", what,
                   (long long)count, size);
  const size_t rounded = bytes == 0 ? TN_ALIGNMENT : (bytes + TN_ALIGNMENT - 1) / TN_ALIGNMENT * TN_ALIGNMENT;
  memory = aligned_alloc(TN_ALIGNMENT, rounded);
  if (!memory)
    return tn_fail(TN_ERR_MEMORY, "out of memory: %s needs %zu bytes", what, bytes);
  memset(memory, 0, rounded);
  memcpy(memory_address, &memory, sizeof memory);
  return TN_OK;
}

void tn_free(void *memory_address) {
  void *memory = NULL;
  memcpy(&memory, memory_address, sizeof memory);
  free(memory);
  memory = NULL;
  memcpy(memory_address, &memory, sizeof memory);
}

tn_status tn_string_copy(char **copy, const char *text) {
  const size_t size = strlen(text) + 1;
  TN_TRY(tn_alloc(copy, (int64_t)size, 1, "a string"));
  memcpy(*copy, text, size);
  return TN_OK;
}
