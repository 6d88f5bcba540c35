#include "io/disk.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES (1 << 20)

static int open_file(const char *path, int flags) {
  int fd = -1;
  do
    fd = open(path, flags | O_CLOEXEC, 0666);
  while (fd < 0 && errno == EINTR);
  return fd;
}

static tn_status cannot_write(int reason, const char *path, int64_t missing) {
  const bool is_full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
  return tn_fail_errno(TN_ERR_IO, reason, "%s: cannot be written, %lld bytes are missing%s", path, (long long)missing,
                       is_full ? " (make room, or set output.dir to another disk)" : "");
}

/* Fewer bytes than asked for are no error: what is wrong shows in the next call. */
static tn_status write_piece(int fd, const char *path, const tn_piece *piece) {
  const char *bytes = piece->bytes;
  for (int64_t done = 0; done < piece->count;) {
    const ssize_t written = write(fd, bytes + done, (size_t)(piece->count - done));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return cannot_write(written < 0 ? errno : ENOSPC, path, piece->count - done);
    done += written;
  }
  return TN_OK;
}

static tn_status sync_file(int fd, const char *path) {
  int result = 0;
  do
    result = fsync(fd);
  while (result != 0 && errno == EINTR);
  return result == 0 ? TN_OK : tn_fail_errno(TN_ERR_IO, errno, "%s: cannot be brought to the disk", path);
}

/* Fills the buffer as far as the file goes; returns the bytes read, or -1 with errno. */
static int64_t read_bytes(int fd, void *buffer, int64_t count) {
  int64_t done = 0;
  while (done < count) {
    const ssize_t got = read(fd, (char *)buffer + done, (size_t)(count - done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -1;
    if (got == 0)
      break;
    done += got;
  }
  return done;
}

static tn_status compare_piece(int fd, const char *path, const tn_piece *piece, void *block) {
  const char *bytes = piece->bytes;
  for (int64_t done = 0; done < piece->count;) {
    const int64_t wanted = piece->count - done < BLOCK_BYTES ? piece->count - done : BLOCK_BYTES;
    const int64_t got = read_bytes(fd, block, wanted);
    if (got < 0)
      return tn_fail_errno(TN_ERR_IO, errno, "%s: cannot be read back", path);
    if (got != wanted || memcmp(block, bytes + done, (size_t)wanted) != 0)
      return tn_fail(TN_ERR_IO, "%s: reads back other bytes than were written: check the disk", path);
    done += wanted;
  }
  return TN_OK;
}

static tn_status expect_end(int fd, const char *path) {
  char byte = 0;
  const int64_t got = read_bytes(fd, &byte, 1);
  if (got < 0)
    return tn_fail_errno(TN_ERR_IO, errno, "%s: cannot be read back", path);
  return got == 0 ? TN_OK : tn_fail(TN_ERR_IO, "%s: is longer than what was written: who else writes to it?", path);
}

/* The bytes are dropped from memory first, so that they come from the disk where the system allows it. */
static tn_status verify(const char *path, const tn_piece *pieces, int piece_count) {
  void *block = NULL;
  TN_TRY(tn_alloc(&block, BLOCK_BYTES, 1, "a buffer to read a file back"));
  tn_status status = TN_OK;
  const int fd = open_file(path, O_RDONLY);
  if (fd < 0)
    status = tn_fail_errno(TN_ERR_IO, errno, "%s: cannot be opened to be read back", path);
  else
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  for (int i = 0; i < piece_count && status == TN_OK; i++)
    status = compare_piece(fd, path, &pieces[i], block);
  if (status == TN_OK)
    status = expect_end(fd, path);
  if (fd >= 0)
    close(fd);
  tn_free(&block);
  return status;
}

static tn_status fill(int fd, const char *path, const tn_piece *pieces, int piece_count) {
  tn_status status = TN_OK;
  for (int i = 0; i < piece_count && status == TN_OK; i++)
    status = write_piece(fd, path, &pieces[i]);
  if (status == TN_OK)
    status = sync_file(fd, path);
  if (close(fd) != 0 && status == TN_OK) /* network file systems tell of a full disk here */
    status = tn_fail_errno(TN_ERR_IO, errno, "%s: cannot be closed", path);
  return status;
}

tn_status tn_disk_create(const char *path, const tn_piece *pieces, int piece_count) {
  const int fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL);
  if (fd < 0)
    return tn_fail_errno(TN_ERR_IO, errno, "%s: cannot be created", path);
  tn_status status = fill(fd, path, pieces, piece_count);
  if (status == TN_OK)
    status = verify(path, pieces, piece_count);
  if (status != TN_OK)
    unlink(path);
  return status;
}

static tn_status read_open(int fd, const char *path, void **bytes, int64_t *count) {
  struct stat about;
  if (fstat(fd, &about) != 0)
    return tn_fail_errno(TN_ERR_IO, errno, "%s: its size cannot be found", path);
  if (!S_ISREG(about.st_mode))
    return tn_fail(TN_ERR_IO, "%s: is not a regular file", path);
  TN_TRY(tn_alloc(bytes, (int64_t)about.st_size + 1, 1, path));
  *count = read_bytes(fd, *bytes, about.st_size);
  if (*count >= 0)
    return TN_OK;
  const int reason = errno;
  tn_free(bytes);
  return tn_fail_errno(TN_ERR_IO, reason, "%s: cannot be read", path);
}

tn_status tn_disk_read(const char *path, void **bytes, int64_t *count) {
  *bytes = NULL;
  const int fd = open_file(path, O_RDONLY);
  if (fd < 0)
    return tn_fail_errno(TN_ERR_IO, errno, "%s: cannot be opened", path);
  const tn_status status = read_open(fd, path, bytes, count);
  close(fd);
  return status;
}

tn_status tn_disk_sync_folder(const char *path) {
  const int fd = open_file(path, O_RDONLY | O_DIRECTORY);
  if (fd < 0)
    return tn_fail_errno(TN_ERR_IO, errno, "%s: the folder cannot be opened", path);
  tn_status status = TN_OK;
  if (fsync(fd) != 0 && errno != EINVAL && errno != EINTR) /* EINVAL: a file system that cannot */
    status = tn_fail_errno(TN_ERR_IO, errno, "%s: the folder cannot be brought to the disk", path);
  close(fd);
  return status;
}

tn_status tn_disk_sync_parent(const char *path) {
  char *parent = NULL;
  TN_TRY(tn_string_copy(&parent, path));
  char *slash = strrchr(parent, '/');
  if (slash)
    slash[slash == parent] = '\0';
  const tn_status status = tn_disk_sync_folder(slash ? parent : ".");
  tn_free(&parent);
  return status;
}

tn_status tn_disk_make_folders(const char *path) {
  char *part = NULL;
  TN_TRY(tn_string_copy(&part, path));
  int reason = 0;
  const size_t length = strlen(path);
  for (size_t i = 1; i <= length; i++) {
    if (path[i] != '/' && path[i] != '\0')
      continue;
    part[i] = '\0';
    reason = mkdir(part, 0777) == 0 ? 0 : errno;
    if (reason == 0) {
      const tn_status ignored = tn_disk_sync_parent(part); /* a folder that is lost has lost its files too */
      (void)ignored;
    }
    part[i] = path[i];
  }
  tn_free(&part);
  struct stat about; /* whatever mkdir has said of the folders that exist */
  if (stat(path, &about) == 0 && S_ISDIR(about.st_mode))
    return TN_OK;
  return tn_fail_errno(TN_ERR_IO, reason ? reason : ENOTDIR, "%s: the folder cannot be made", path);
}

tn_status tn_disk_check_folders(const char *path) {
  char *copy = NULL;
  struct stat about;
  TN_TRY(tn_string_copy(&copy, path));
  const char *there = copy;
  while (stat(there, &about) != 0 && (errno == ENOENT || errno == ENOTDIR) && strcmp(there, ".") != 0)
    there = dirname(copy);
  int reason = stat(there, &about) != 0 ? errno : 0;
  if (reason == 0 && !S_ISDIR(about.st_mode))
    reason = ENOTDIR;
  if (reason == 0 && access(there, W_OK | X_OK) != 0)
    reason = errno;
  const tn_status status =
      reason == 0 ? TN_OK : tn_fail_errno(TN_ERR_IO, reason, "%s: nothing can be written into %s", path, there);
  tn_free(&copy);
  return status;
}
