#include "scratch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE  512
#define PATH_COUNT 16

static char folder[PATH_SIZE / 2];

static void fail(const char *what, const char *path) {
  fprintf(stderr, "scratch: %s %s\n", what, path);
  exit(1);
}

int scratch_setup(void **state) {
  (void)state;
  const char *root = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/thinnet-test-XXXXXX", root && *root ? root : "/tmp");
  return mkdtemp(folder) ? 0 : -1;
}

/* Calls `visit` (NULL: nothing) with each file's path and returns their number. */
static int each_file(int (*visit)(const char *)) {
  DIR *stream = opendir(folder);
  int count = 0;
  for (struct dirent *entry; stream && (entry = readdir(stream));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    count++;
    if (visit)
      visit(scratch_path(entry->d_name));
  }
  if (stream)
    closedir(stream);
  return count;
}

int scratch_count(void) {
  return each_file(NULL);
}

int scratch_clear(void **state) {
  (void)state;
  each_file(remove);
  return scratch_count() == 0 ? 0 : -1;
}

int scratch_teardown(void **state) {
  scratch_clear(state);
  return rmdir(folder);
}

const char *scratch_path(const char *name) {
  static char paths[PATH_COUNT][PATH_SIZE];
  static int next;
  char *path = paths[next++ % PATH_COUNT];
  if (snprintf(path, PATH_SIZE, "%s/%s", folder, name) >= PATH_SIZE)
    fail("name too long", name);
  return path;
}

const char *scratch_write(const char *name, const void *bytes, size_t count) {
  const char *path = scratch_path(name);
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(bytes, 1, count, file) != count || fclose(file) != 0)
    fail("cannot write", path);
  return path;
}

void *scratch_read(const char *path, size_t *count) {
  FILE *file = fopen(path, "rb");
  struct stat about;
  if (!file || fstat(fileno(file), &about) != 0)
    fail("cannot open", path);
  *count = (size_t)about.st_size;
  char *bytes = calloc(*count + 1, 1);
  if (!bytes || fread(bytes, 1, *count, file) != *count)
    fail("cannot read", path);
  fclose(file);
  return bytes;
}
