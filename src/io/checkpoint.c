#include "io/checkpoint.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define XXH_INLINE_ALL /* the state then lies on the stack: nothing here can fail */
#include <xxhash.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "digests are over little-endian values, as memory holds them");

void tn_checkpoint_digest(const tn_network *network, const float *parameters, char digest[TN_DIGEST_SIZE]) {
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  for (int i = 0; i < network->tensor_count; i++) {
    const tn_tensor *tensor = &network->tensors[i];
    XXH3_128bits_update(&state, parameters + tensor->offset, (size_t)tn_tensor_size(tensor) * sizeof(float));
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(&state);
  snprintf(digest, TN_DIGEST_SIZE, "%016llx%016llx", (unsigned long long)hash.high64, (unsigned long long)hash.low64);
}

typedef struct entry {
  char name[64];
  long long step;
} entry;

/* Steps of step-NNNNNNNN.h5, with more digits where they are needed; -1: another name. */
static long long step_of(const char *name) {
  static const char prefix[] = "step-", suffix[] = ".h5";
  if (strncmp(name, prefix, sizeof prefix - 1) != 0)
    return -1;
  const char *digits = name + sizeof prefix - 1;
  const size_t length = strspn(digits, "0123456789");
  if (length < 8 || length > 18 || strcmp(digits + length, suffix) != 0)
    return -1;
  return strtoll(digits, NULL, 10);
}

static int newest_first(const void *left, const void *right) {
  const long long a = ((const entry *)left)->step, b = ((const entry *)right)->step;
  return (a < b) - (a > b);
}

static tn_status grow(entry **entries, int count, int *room) {
  if (count < *room)
    return TN_OK;
  entry *larger = NULL;
  TN_TRY(tn_alloc(&larger, 2 * (int64_t)*room + 16, sizeof *larger, "a list of checkpoints"));
  if (count > 0)
    memcpy(larger, *entries, (size_t)count * sizeof *larger);
  tn_free(entries);
  *entries = larger;
  *room = 2 * *room + 16;
  return TN_OK;
}

static bool is_file(const char *folder, const char *name) {
  char path[TN_PATH_MAX + 64];
  struct stat about;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return stat(path, &about) == 0 && S_ISREG(about.st_mode);
}

static tn_status collect(DIR *stream, const char *folder, entry **entries, int *count) {
  int room = 0;
  for (const struct dirent *found; (found = readdir(stream));) {
    const long long step = step_of(found->d_name);
    if (step < 0 || !is_file(folder, found->d_name))
      continue;
    TN_TRY(grow(entries, *count, &room));
    snprintf((*entries)[*count].name, sizeof(*entries)->name, "%.63s", found->d_name);
    (*entries)[(*count)++].step = step;
  }
  if (*count > 0)
    qsort(*entries, (size_t)*count, sizeof **entries, newest_first);
  return TN_OK;
}

static const char *const fallbacks[] = {"last.h5", "best.h5"};
#define FALLBACKS ((int)(sizeof fallbacks / sizeof fallbacks[0]))

static tn_status copy_names(const entry *entries, int entry_count, const char *folder, char (**names)[64], int *count) {
  TN_TRY(tn_alloc(names, entry_count + FALLBACKS, sizeof **names, "a list of checkpoints"));
  for (int i = 0; i < entry_count; i++)
    memcpy((*names)[i], entries[i].name, sizeof **names);
  *count = entry_count;
  for (int i = 0; i < FALLBACKS; i++)
    if (is_file(folder, fallbacks[i]))
      snprintf((*names)[(*count)++], sizeof **names, "%s", fallbacks[i]);
  return TN_OK;
}

tn_status tn_checkpoint_list(const char *folder, char (**names)[64], int *count) {
  *names = NULL;
  *count = 0;
  DIR *stream = opendir(folder);
  if (!stream)
    return errno == ENOENT ? TN_OK : tn_fail_errno(TN_ERR_IO, errno, "%s: the folder cannot be read", folder);
  entry *entries = NULL;
  int entry_count = 0;
  tn_status status = collect(stream, folder, &entries, &entry_count);
  closedir(stream);
  if (status == TN_OK)
    status = copy_names(entries, entry_count, folder, names, count);
  tn_free(&entries);
  return status;
}
