#include "io/file.h"

#include "base/memory.h"
#include "io/disk.h"
#include "io/owner.h"
#include "io/trailer.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct tn_folder {
  char *path;
  char token[TN_OWNER_TOKEN_SIZE];
  int temporaries; /* made so far */
};

/* Paths of the folder's files; longer ones than this the system refuses too. */
typedef struct file_path {
  char text[4096 + 256];
} file_path;

static file_path path_of(const tn_folder *folder, const char *name) {
  file_path path;
  snprintf(path.text, sizeof path.text, "%s/%s", folder->path, name);
  return path;
}

/* NAME.TOKEN-NUMBER.tmp: no two writers share one, and what a dead one has left is recognised. */
static file_path next_temporary(tn_folder *folder, const char *name) {
  file_path path;
  snprintf(path.text, sizeof path.text, "%s/%s.%s-%d.tmp", folder->path, name, folder->token, folder->temporaries++);
  return path;
}

/* The token in a temporary file's name; NULL where it is another file. */
static const char *find_token(const char *name) {
  const size_t suffix = strlen(".tmp"), hex = TN_OWNER_TOKEN_SIZE - 1;
  size_t end = strlen(name);
  if (end < suffix || strcmp(name + end - suffix, ".tmp") != 0)
    return NULL;
  end -= suffix;
  while (end > 0 && isdigit((unsigned char)name[end - 1]))
    end--;
  if (end < hex + 3 || name[end - 1] != '-' || name[end - hex - 2] != '.')
    return NULL;
  const char *token = name + end - hex - 1;
  return strspn(token, "0123456789abcdef") == hex ? token : NULL;
}

/* Removes what unfinished writes have left: this run's own, or anybody's. */
static void remove_temporaries(const tn_folder *folder, bool of_all) {
  DIR *stream = opendir(folder->path);
  for (const struct dirent *entry; stream && (entry = readdir(stream));) {
    const char *token = find_token(entry->d_name);
    if (token && (of_all || strncmp(token, folder->token, strlen(folder->token)) == 0))
      unlink(path_of(folder, entry->d_name).text);
  }
  if (stream)
    closedir(stream);
}

/* Between reading the owner record and acting on it nobody else should change it: a lock on the folder sees to that
 * where there are locks. It is not waited for longer than a second: a stopped process must not hold up the run that
 * takes over. Returns what unlock takes. */
static int lock(const tn_folder *folder) {
  const int fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (int attempt = 0; fd >= 0 && attempt < 100; attempt++) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
      break;
    usleep(10000);
  }
  return fd;
}

static void unlock(int fd) {
  if (fd >= 0)
    close(fd);
}

static tn_status rename_to(const char *from, const char *to) {
  return rename(from, to) == 0 ? TN_OK : tn_fail_errno(TN_ERR_IO, errno, "%s: cannot be renamed to %s", from, to);
}

/* Gives a finished temporary file its name, where the folder is still this run's. */
static tn_status publish(const tn_folder *folder, const char *temporary, const char *name) {
  const int guard = lock(folder);
  tn_status status = tn_owner_check(folder->path, folder->token);
  if (status == TN_OK)
    status = rename_to(temporary, path_of(folder, name).text);
  unlock(guard);
  /* Where both are names of one file already, renaming does nothing. */
  unlink(temporary);
  return status == TN_OK ? tn_disk_sync_folder(folder->path) : status;
}

/* Who takes a folder over removes unfinished files, and then writes its record, under the lock: then that is the
 * reason, whatever the writer has met. */
static tn_status reason_of(const tn_folder *folder, tn_status status) {
  const tn_kept_error kept = tn_error_keep();
  const int guard = lock(folder);
  const tn_status owned = tn_owner_check(folder->path, folder->token);
  unlock(guard);
  if (owned != TN_OK)
    return owned;
  tn_error_restore(&kept);
  return status;
}

static tn_status write_pieces(tn_folder *folder, const char *name, const tn_piece *pieces, int piece_count) {
  const file_path temporary = next_temporary(folder, name);
  const tn_status status = tn_disk_create(temporary.text, pieces, piece_count);
  return status == TN_OK ? publish(folder, temporary.text, name) : reason_of(folder, status);
}

static tn_status write_owner(tn_folder *folder) {
  char *text = NULL;
  TN_TRY(tn_owner_format(&text, folder->token));
  const file_path temporary = next_temporary(folder, TN_OWNER_NAME);
  tn_status status = tn_disk_create(temporary.text, &(const tn_piece){text, (int64_t)strlen(text)}, 1);
  if (status == TN_OK)
    status = rename_to(temporary.text, path_of(folder, TN_OWNER_NAME).text);
  if (status != TN_OK)
    unlink(temporary.text);
  tn_free(&text);
  return status == TN_OK ? tn_disk_sync_folder(folder->path) : status;
}

/* The newest run wins: the record is replaced whatever it says. What others have left goes before anything is written:
 * it may be what fills the disk. */
static tn_status take_over(tn_folder *folder) {
  const int guard = lock(folder);
  tn_owner_warn_of_living(folder->path);
  remove_temporaries(folder, true);
  const tn_status status = write_owner(folder);
  unlock(guard);
  return status;
}

static tn_status open_folder(tn_folder **folder_address, const char *path) {
  TN_TRY(tn_alloc(folder_address, 1, sizeof **folder_address, "a run folder"));
  tn_folder *folder = *folder_address;
  if (strlen(path) >= 4096)
    return tn_fail(TN_ERR_IO, "%.64s...: the path is too long", path);
  TN_TRY(tn_string_copy(&folder->path, path));
  TN_TRY(tn_owner_draw(folder->token));
  TN_TRY(tn_disk_make_folders(path));
  return take_over(folder);
}

tn_status tn_folder_open(tn_folder **folder, const char *path) {
  *folder = NULL;
  const tn_status status = open_folder(folder, path);
  if (status != TN_OK && *folder) {
    tn_free(&(*folder)->path);
    tn_free(folder);
  }
  return status;
}

tn_status tn_folder_check(const char *path) {
  return tn_disk_check_folders(path);
}

void tn_folder_close(tn_folder **folder_address) {
  tn_folder *folder = *folder_address;
  if (!folder)
    return;
  const tn_kept_error kept = tn_error_keep(); /* of the error that this may be the end of */
  const int guard = lock(folder);
  const tn_status owned = tn_owner_check(folder->path, folder->token);
  if (owned == TN_OK)
    unlink(path_of(folder, TN_OWNER_NAME).text);
  remove_temporaries(folder, owned == TN_OK);
  unlock(guard);
  tn_error_restore(&kept);
  tn_free(&folder->path);
  tn_free(folder_address);
}

const char *tn_folder_path(const tn_folder *folder) {
  return folder->path;
}

void tn_folder_temporary_prefix(const tn_folder *folder, const char *name, char *prefix, size_t size) {
  snprintf(prefix, size, "%s/%s.%s", folder->path, name, folder->token);
}

tn_status tn_folder_write(tn_folder *folder, const char *name, const void *bytes, int64_t count) {
  unsigned char trailer[TN_TRAILER_SIZE];
  tn_trailer_make(bytes, count, trailer);
  return write_pieces(folder, name, (const tn_piece[]){{bytes, count}, {trailer, TN_TRAILER_SIZE}}, 2);
}

tn_status tn_folder_write_text(tn_folder *folder, const char *name, const char *text) {
  return write_pieces(folder, name, &(const tn_piece){text, (int64_t)strlen(text)}, 1);
}

static tn_status copy(tn_folder *folder, const char *from, const char *to) {
  tn_piece piece = {NULL, 0};
  void *bytes = NULL;
  TN_TRY(tn_disk_read(path_of(folder, from).text, &bytes, &piece.count));
  piece.bytes = bytes;
  const tn_status status = write_pieces(folder, to, &piece, 1);
  tn_free(&bytes);
  return status;
}

static bool cannot_link(int reason) {
  return reason == EPERM || reason == EACCES || reason == EOPNOTSUPP || reason == ENOSYS || reason == EMLINK ||
         reason == EXDEV;
}

tn_status tn_folder_link(tn_folder *folder, const char *from, const char *to) {
  const file_path temporary = next_temporary(folder, to);
  if (link(path_of(folder, from).text, temporary.text) == 0)
    return publish(folder, temporary.text, to);
  if (cannot_link(errno))
    return copy(folder, from, to);
  return reason_of(
      folder, tn_fail_errno(TN_ERR_IO, errno, "%s: cannot get the second name %s", path_of(folder, from).text, to));
}

tn_status tn_folder_remove(tn_folder *folder, const char *name) {
  const file_path path = path_of(folder, name);
  const int guard = lock(folder);
  tn_status status = tn_owner_check(folder->path, folder->token);
  if (status == TN_OK && unlink(path.text) != 0 && errno != ENOENT)
    status = tn_fail_errno(TN_ERR_IO, errno, "%s: cannot be removed", path.text);
  unlock(guard);
  return status;
}
