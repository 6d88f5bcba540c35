#include "fuzz_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char folder[] = "/dev/shm/thinnet-fuzz-XXXXXX"; /* in memory, where there is such a place */
static char out_path[sizeof folder + 8];

static void remove_folder(void) {
  rmdir(folder);
}

static void make_folder(void) {
  if (out_path[0] != '\0')
    return;
  if (!mkdtemp(folder)) {
    strcpy(folder, "/tmp/thinnet-fuzz-XXXXXX");
    if (!mkdtemp(folder))
      abort();
  }
  snprintf(out_path, sizeof out_path, "%s/out.h5", folder);
  atexit(remove_folder);
}

static void check(tn_status status, const char *file) {
  const char *message = tn_error_message();
  const int removed = unlink(out_path);
  if ((status == TN_OK) != (removed == 0))
    abort();
  if (status != TN_OK && (!strstr(message, file) || (status != TN_ERR_DATA && status != TN_ERR_USAGE))) {
    fprintf(stderr, "status %d: %s\n", (int)status, message);
    abort();
  }
}

int fuzz_file(const uint8_t *data, size_t size, char path[FUZZ_PATH_SIZE]) {
  const int fd = memfd_create("fuzz", MFD_CLOEXEC);
  if (fd < 0 || write(fd, data, size) != (ssize_t)size)
    abort();
  snprintf(path, FUZZ_PATH_SIZE, "/proc/self/fd/%d", fd);
  return fd;
}

void fuzz_import(fuzz_importer *import, void *context, const uint8_t *data, size_t size) {
  char file[FUZZ_PATH_SIZE];
  make_folder();
  const int fd = fuzz_file(data, size, file);
  check(import(context, file, out_path), file);
  close(fd);
}
