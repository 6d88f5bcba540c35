#include "io/partial.h"

#include "base/memory.h"
#include "base/stamp.h"
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ATTEMPTS 1000

/* What this host's partial files of `path` begin with. Locks do not always reach across hosts, so each looks after its
 * own; process numbers alone would not tell containers apart. Freed with tn_free. */
static tn_status make_prefix(const char *path, char **prefix) {
  char host[256];
  tn_stamp_host(host, sizeof host);
  const int64_t size = (int64_t)strlen(path) + 64;
  TN_TRY(tn_alloc(prefix, size, 1, "a file name"));
  snprintf(*prefix, (size_t)size, "%s.partial-%08" PRIx32 "-", path,
           (uint32_t)tn_hash64(host, (int64_t)strlen(host), 0));
  return TN_OK;
}

/* A lock of the open file, not of the process: HDF5 opens and closes the file beside it, which would end the other
 * kind, and where HDF5 itself locks, it does so with flock. Returns 0 or the reason. */
static int lock(int fd) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  return fcntl(fd, F_OFD_SETLK, &whole) == 0 ? 0 : errno;
}

/* Once the lock is had, the name stays with the file: its writer is gone, or gives it up as it finds it locked. */
static void remove_dead(int folder, const char *name) {
  const int fd = openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  struct stat opened, named;
  if (fd < 0)
    return;
  if (lock(fd) == 0 && fstat(fd, &opened) == 0 && fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
      opened.st_dev == named.st_dev && opened.st_ino == named.st_ino)
    unlinkat(folder, name, 0);
  close(fd);
}

static bool is_partial(const char *name, const char *prefix) {
  const size_t length = strlen(prefix);
  return strncmp(name, prefix, length) == 0 && name[length] != '\0' &&
         strspn(name + length, "0123456789-") == strlen(name + length);
}

static tn_status remove_all_dead(const char *prefix) {
  char *folder = NULL;
  TN_TRY(tn_string_copy(&folder, prefix));
  char *slash = strrchr(folder, '/');
  const char *name = slash ? prefix + (slash + 1 - folder) : prefix;
  if (slash)
    slash[1] = '\0';
  DIR *stream = opendir(slash ? folder : ".");
  for (const struct dirent *entry; stream && (entry = readdir(stream));)
    if (is_partial(entry->d_name, name))
      remove_dead(dirfd(stream), entry->d_name);
  if (stream)
    closedir(stream);
  tn_free(&folder);
  return TN_OK;
}

/* Sets errno to EEXIST where the name was had by another, or somebody has taken the new file for a dead one. */
static int create_locked(const char *name) {
  const int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0)
    return -1;
  struct stat about;
  const int refused = lock(fd);
  if (refused != EAGAIN && refused != EACCES && fstat(fd, &about) == 0 && about.st_nlink > 0)
    return fd;
  close(fd);
  errno = EEXIST;
  return -1;
}

static tn_status create(const char *path, const char *prefix, char **name, int *fd) {
  const size_t size = strlen(prefix) + 32;
  TN_TRY(tn_alloc(name, (int64_t)size, 1, "a file name"));
  *fd = -1;
  for (int attempt = 0; attempt < ATTEMPTS && *fd < 0; attempt++) {
    snprintf(*name, size, "%s%ld-%d", prefix, (long)getpid(), attempt);
    *fd = create_locked(*name);
    if (*fd < 0 && errno != EEXIST)
      break;
  }
  if (*fd >= 0)
    return TN_OK;
  const int reason = errno;
  tn_free(name);
  return tn_fail_errno(TN_ERR_IO, reason, "%s: cannot be created", path);
}

tn_status tn_partial_create(const char *path, char **name, int *fd) {
  char *prefix = NULL;
  TN_TRY(make_prefix(path, &prefix));
  tn_status status = remove_all_dead(prefix);
  if (status == TN_OK)
    status = create(path, prefix, name, fd);
  tn_free(&prefix);
  return status;
}
