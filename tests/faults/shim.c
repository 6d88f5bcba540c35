/* Preloaded into thinnet, makes the system fail it, or kills it, at one of its calls on the files below a folder.
 *
 *   FAULT_FOLDER  the folder, as the program is told of it; the others mean nothing without it
 *   FAULT_CALL    open, write, fsync, rename, link, unlink, any of these, or create: an open that may create a file
 *   FAULT_AT      which call of that kind, from 1; 0: none, they are only counted
 *   FAULT_HOW     once      this call fails
 *                 lasting   and all later ones of its kind
 *                 kill      SIGKILL instead of this call, in the middle of it where it writes
 *                 stop      SIGSTOP before this call, which is made when the process goes on
 *                 data_loss, name_loss   the power goes instead of this call: bytes that were not synced are lost, and
 * for the second one names that were not, too FAULT_ERROR   EIO or ENOSPC, for the first two FAULT_LOG     gets the
 * number of calls at the process's end, and a line when the fault comes
 */
#include "power.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef enum call { OPEN, WRITE, FSYNC, RENAME, LINK, UNLINK, ANY, CREATE } call;
typedef enum how { ONCE, LASTING, KILL, STOP, DATA_LOSS, NAME_LOSS } how;

static const char *const call_names[] = {"open", "write", "fsync", "rename", "link", "unlink", "any", "create", NULL};
static const char *const how_names[] = {"once", "lasting", "kill", "stop", "data_loss", "name_loss", NULL};

static struct {
  const char *folder; /* NULL: no fault */
  call kind;
  how how;
  long at;
  int reason;
  useconds_t delay_us;
  atomic_long calls;
} fault;

static int find(const char *const *names, const char *name) {
  for (int i = 0; name && names[i]; i++)
    if (strcmp(names[i], name) == 0)
      return i;
  fprintf(stderr, "fault shim: '%s' is none of its words\n", name ? name : "");
  _exit(127);
}

static void note(const char *text) {
  const char *log = getenv("FAULT_LOG");
  const long fd = log ? syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0666) : -1;
  if (fd < 0)
    return;
  syscall(SYS_write, fd, text, strlen(text));
  syscall(SYS_close, fd);
}

__attribute__((constructor)) static void read_environment(void) {
  const char *folder = getenv("FAULT_FOLDER"), *at = getenv("FAULT_AT"), *reason = getenv("FAULT_ERROR");
  const char *delay_us = getenv("FAULT_SLOW");
  if (!folder)
    return;
  fault.kind = (call)find(call_names, getenv("FAULT_CALL"));
  fault.how = (how)find(how_names, getenv("FAULT_HOW"));
  fault.at = at ? strtol(at, NULL, 10) : 0;
  fault.reason = reason && strcmp(reason, "ENOSPC") == 0 ? ENOSPC : EIO;
  fault.delay_us = delay_us ? (useconds_t)strtoul(delay_us, NULL, 10) : 0;
  fault.folder = folder;
  if (fault.how == DATA_LOSS || fault.how == NAME_LOSS) {
    char shadows[PATH_MAX];
    snprintf(shadows, sizeof shadows, "%s.shadows", folder);
    power_watch(shadows, fault.how == NAME_LOSS);
  }
}

__attribute__((destructor)) static void tell_calls(void) {
  char line[64];
  snprintf(line, sizeof line, "calls %ld\n", atomic_load(&fault.calls));
  if (fault.folder && atomic_load(&fault.calls) > 0)
    note(line);
}

static bool is_below(const char *path) {
  if (!fault.folder)
    return false;
  const size_t length = strlen(fault.folder);
  return strncmp(path, fault.folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool is_open_below(int fd) {
  char link[64], path[PATH_MAX];
  if (!fault.folder)
    return false;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  path[length > 0 ? length : 0] = '\0';
  return is_below(path);
}

static void die(void) {
  if (fault.how != KILL)
    power_lose();
  raise(SIGKILL);
}

/* A stopped process whose launcher dies is sent SIGHUP and SIGCONT where its process group loses its last tie to the
 * session by that: so it joins its launcher's group. */
static void sleep_until_continued(void) {
  setpgid(0, getpgid(getppid()));
  raise(SIGSTOP);
}

/* The fault, where this is its call: true where the call has to fail, with errno. */
static bool strikes(call kind) {
  if (fault.delay_us > 0)
    usleep(fault.delay_us);
  if (fault.kind != ANY && fault.kind != kind)
    return false;
  const long number = atomic_fetch_add(&fault.calls, 1) + 1;
  if (fault.at < 1 || number < fault.at || (number > fault.at && fault.how != LASTING))
    return false;
  if (number == fault.at)
    note("struck\n");
  if (fault.how == STOP)
    sleep_until_continued();
  else if (fault.how != ONCE && fault.how != LASTING)
    die();
  errno = fault.reason;
  return fault.how != STOP;
}

static int open_counted(int folder, const char *path, int flags, int mode) {
  const bool below = is_below(path);
  if (below && strikes(fault.kind == CREATE && flags & O_CREAT ? CREATE : OPEN))
    return -1;
  const bool creates = below && flags & O_CREAT && syscall(SYS_faccessat, folder, path, F_OK) != 0;
  const int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
  if (fd >= 0 && creates)
    power_created(path);
  return fd;
}

#define TAKE_MODE(mode, flags)                                                                                         \
  int mode = 0;                                                                                                        \
  if ((flags)&O_CREAT) {                                                                                               \
    va_list arguments;                                                                                                 \
    va_start(arguments, flags);                                                                                        \
    (mode) = va_arg(arguments, int);                                                                                   \
    va_end(arguments);                                                                                                 \
  }

int open(const char *path, int flags, ...) {
  TAKE_MODE(mode, flags)
  return open_counted(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  TAKE_MODE(mode, flags)
  return open_counted(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
  TAKE_MODE(mode, flags)
  return open_counted(folder, path, flags, mode);
}

/* Half of what a killed process was about to write may be there. */
static void write_half(int fd, const void *bytes, size_t count) {
  if (fault.how == KILL && fault.at == atomic_load(&fault.calls) + 1 && (fault.kind == WRITE || fault.kind == ANY))
    syscall(SYS_write, fd, bytes, count / 2);
}

ssize_t write(int fd, const void *bytes, size_t count) {
  if (is_open_below(fd)) {
    write_half(fd, bytes, count);
    if (strikes(WRITE))
      return -1;
    power_written(fd);
  }
  return syscall(SYS_write, fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  if (is_open_below(fd)) {
    if (strikes(WRITE))
      return -1;
    power_written(fd);
  }
  return syscall(SYS_pwrite64, fd, bytes, count, offset);
}

static int sync_counted(long number, int fd) {
  const bool below = is_open_below(fd);
  if (below && strikes(FSYNC))
    return -1;
  const int result = (int)syscall(number, fd);
  if (below && result == 0)
    power_synced(fd);
  return result;
}

int fsync(int fd) {
  return sync_counted(SYS_fsync, fd);
}

int fdatasync(int fd) {
  return sync_counted(SYS_fdatasync, fd);
}

int rename(const char *from, const char *to) {
  if (is_below(to)) {
    if (strikes(RENAME))
      return -1;
    power_renaming(from, to);
  }
  return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int link(const char *from, const char *to) {
  const bool below = is_below(to);
  if (below && strikes(LINK))
    return -1;
  const int result = (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
  if (below && result == 0)
    power_linked(to);
  return result;
}

int unlink(const char *path) {
  if (is_below(path)) {
    if (strikes(UNLINK))
      return -1;
    power_unlinking(path);
  }
  return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
