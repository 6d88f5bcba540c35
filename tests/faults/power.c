#include "power.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHANGES_MAX 256
#define HANDLE_MIN  600 /* above the descriptors that a program counts on */

typedef enum change_kind { DATA, CREATED, RENAMED, UNLINKED } change_kind;

/* Something that is not on the disk yet. */
typedef struct change {
  change_kind kind;
  int fd;              /* DATA: a handle of the file */
  struct stat file;    /* DATA */
  char path[PATH_MAX]; /* the name that came, or went */
  char from[PATH_MAX]; /* RENAMED */
  int shadow;          /* number of the link to what the name stood for before; 0: nothing */
} change;

static struct {
  bool data, names;
  char shadows[PATH_MAX];
  int shadow_count;
  change changes[CHANGES_MAX];
  int count;
} power;

/* The program's own calls are counted; these are not. */
static int plain_unlink(const char *path) {
  return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

static int plain_rename(const char *from, const char *to) {
  return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static int plain_link(const char *from, const char *to) {
  return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static const char *shadow_path(int number) {
  static char path[PATH_MAX + 16];
  snprintf(path, sizeof path, "%s/%d", power.shadows, number);
  return path;
}

void power_watch(const char *shadows, bool names) {
  power.data = true;
  power.names = names;
  snprintf(power.shadows, sizeof power.shadows, "%s", shadows);
  if (names)
    mkdir(shadows, 0777);
}

static change *add(change_kind kind, const char *path) {
  static change spare; /* a test with more changes than these sees names that stay: not what it asks for */
  change *next = power.count < CHANGES_MAX ? &power.changes[power.count++] : &spare;
  *next = (change){.kind = kind, .fd = -1};
  snprintf(next->path, sizeof next->path, "%s", path);
  return next;
}

static void forget(int index) {
  change *gone = &power.changes[index];
  if (gone->kind == DATA)
    close(gone->fd);
  if (gone->shadow)
    plain_unlink(shadow_path(gone->shadow));
  memmove(gone, gone + 1, (size_t)(power.count - index - 1) * sizeof *gone);
  power.count--;
}

/* Keeps what a name stands for; 0 where it stands for nothing. */
static int keep(const char *path) {
  return plain_link(path, shadow_path(power.shadow_count + 1)) == 0 ? ++power.shadow_count : 0;
}

static bool same_file(const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The entry of a file's unsynced bytes; -1: none. */
static int find_data(const struct stat *file) {
  for (int i = 0; i < power.count; i++)
    if (power.changes[i].kind == DATA && same_file(&power.changes[i].file, file))
      return i;
  return -1;
}

void power_written(int fd) {
  struct stat file;
  if (!power.data || fstat(fd, &file) != 0 || find_data(&file) >= 0)
    return;
  change *written = add(DATA, "");
  written->fd = fcntl(fd, F_DUPFD_CLOEXEC, HANDLE_MIN);
  written->file = file;
}

void power_synced(int fd) {
  struct stat file;
  if (!power.data || fstat(fd, &file) != 0)
    return;
  if (S_ISDIR(file.st_mode)) {
    for (int i = power.count - 1; i >= 0; i--)
      if (power.changes[i].kind != DATA)
        forget(i);
  } else if (find_data(&file) >= 0) {
    forget(find_data(&file));
  }
}

void power_created(const char *path) {
  if (power.names)
    add(CREATED, path);
}

void power_linked(const char *path) {
  power_created(path);
}

void power_renaming(const char *from, const char *to) {
  if (!power.names)
    return;
  change *renamed = add(RENAMED, to);
  snprintf(renamed->from, sizeof renamed->from, "%s", from);
  renamed->shadow = keep(to);
}

void power_unlinking(const char *path) {
  if (!power.names)
    return;
  change *unlinked = add(UNLINKED, path);
  unlinked->shadow = keep(path);
}

static void undo(const change *last) {
  if (last->kind == DATA && ftruncate(last->fd, 0) != 0)
    perror("power: a file cannot be emptied");
  if (last->kind == CREATED)
    plain_unlink(last->path);
  if (last->kind == RENAMED)
    plain_rename(last->path, last->from);
  if (last->shadow)
    plain_rename(shadow_path(last->shadow), last->path);
}

void power_lose(void) {
  while (power.count > 0)
    undo(&power.changes[--power.count]);
}
