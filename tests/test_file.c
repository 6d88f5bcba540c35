/* Whole files in a run folder: there or not, sealed, and written by the folder's owner alone. */
#include "base/memory.h"
#include "io/file.h"
#include "io/trailer.h"
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the three above */

/* The system, as the library meets it: the call number `fault_at` of one kind fails, and those after it where the
 * fault lasts; writes are cut short or interrupted on demand. */
typedef enum call { CALL_NONE, CALL_OPEN, CALL_WRITE, CALL_FSYNC, CALL_RENAME, CALL_LINK, CALL_READ, CALL_COUNT } call;

static struct {
  call kind;
  int fault_at, calls, reason;
  bool lasts, kills;
  bool interrupted; /* every other write */
  size_t write_max; /* bytes that one write takes; 0: all */
} fault;

static bool fails(call kind) {
  if (kind != fault.kind)
    return false;
  fault.calls++;
  if (fault.calls < fault.fault_at || (fault.calls > fault.fault_at && !fault.lasts))
    return false;
  if (fault.kills)
    _exit(99);
  errno = fault.reason;
  return true;
}

int open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int mode = flags & O_CREAT ? va_arg(arguments, int) : 0;
  va_end(arguments);
  return fails(CALL_OPEN) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t count) {
  static int writes;
  if (fails(CALL_WRITE))
    return -1;
  if (fault.interrupted && ++writes % 2) {
    errno = EINTR;
    return -1;
  }
  return syscall(SYS_write, fd, bytes, fault.write_max && count > fault.write_max ? fault.write_max : count);
}

ssize_t read(int fd, void *bytes, size_t count) {
  return fails(CALL_READ) ? -1 : syscall(SYS_read, fd, bytes, count);
}

int fsync(int fd) {
  return fails(CALL_FSYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to) {
  return fails(CALL_RENAME) ? -1 : (int)syscall(SYS_rename, from, to);
}

int link(const char *from, const char *to) {
  return fails(CALL_LINK) ? -1 : (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static void no_fault(void) {
  memset(&fault, 0, sizeof fault);
}

static tn_folder *open_folder(const char *path) {
  tn_folder *folder = NULL;
  if (tn_folder_open(&folder, path) != TN_OK)
    fail_msg("%s", tn_error_message());
  return folder;
}

static int count_files(const char *path) {
  int count = 0;
  DIR *stream = opendir(path);
  for (const struct dirent *entry; stream && (entry = readdir(stream));)
    count += entry->d_name[0] != '.';
  if (stream)
    closedir(stream);
  return count;
}

static void remove_folder(const char *path) {
  char file[1024];
  DIR *stream = opendir(path);
  for (const struct dirent *entry; stream && (entry = readdir(stream));) {
    snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
    unlink(file);
  }
  if (stream)
    closedir(stream);
  assert_int_equal(rmdir(path), 0);
}

static const char *in(const tn_folder *folder, const char *name) {
  static char paths[4][1024];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", tn_folder_path(folder), name);
  return path;
}

/* Asserts that a sealed file holds `count` bytes of a value. */
static void check_sealed(const char *path, int value, int64_t count) {
  void *bytes = NULL;
  int64_t found = -1;
  if (tn_file_read_sealed(path, &bytes, &found) != TN_OK)
    fail_msg("%s", tn_error_message());
  assert_int_equal(found, count);
  for (int64_t i = 0; i < count; i++)
    assert_int_equal(((const unsigned char *)bytes)[i], value);
  tn_free(&bytes);
}

static tn_status write_filled(tn_folder *folder, const char *name, int value, int64_t count) {
  unsigned char *bytes = malloc((size_t)count + 1);
  memset(bytes, value, (size_t)count);
  const tn_status status = tn_folder_write(folder, name, bytes, count);
  free(bytes);
  return status;
}

static void test_round_trip(void **state) {
  (void)state;
  /* given a folder two levels below one that exists */
  char path[600];
  snprintf(path, sizeof path, "%s/deep/er/", scratch_path("run"));
  tn_folder *folder = open_folder(path);
  const int64_t sizes[] = {0, 1, 40, 4096, (1 << 20) - 1, 1 << 20, (5 << 20) + 3};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    assert_int_equal(write_filled(folder, "a.h5", (int)i + 1, sizes[i]), TN_OK);
    check_sealed(in(folder, "a.h5"), (int)i + 1, sizes[i]);
  }
  assert_int_equal(tn_folder_write_text(folder, "config.ini", "[data]\n"), TN_OK);
  size_t count = 0;
  char *text = scratch_read(in(folder, "config.ini"), &count);
  assert_string_equal(text, "[data]\n");
  free(text);
  assert_int_equal(count_files(path), 3); /* and the owner record */
  assert_int_equal(tn_folder_remove(folder, "config.ini"), TN_OK);
  assert_int_equal(tn_folder_remove(folder, "config.ini"), TN_OK); /* one that is not there */
  tn_folder_close(&folder);
  assert_null(folder);
  tn_folder_close(&folder); /* NULL is allowed */
  assert_int_equal(count_files(path), 1);
  remove_folder(path);
  rmdir(scratch_path("run/deep"));
  rmdir(scratch_path("run"));
}

static void test_short_and_interrupted_writes(void **state) {
  (void)state;
  tn_folder *folder = open_folder(scratch_path("run"));
  fault.interrupted = true;
  fault.write_max = 777;
  const tn_status status = write_filled(folder, "a.h5", 5, 100000);
  no_fault();
  assert_int_equal(status, TN_OK);
  check_sealed(in(folder, "a.h5"), 5, 100000);
  tn_folder_close(&folder);
  remove_folder(scratch_path("run"));
}

static void test_every_truncation_is_found(void **state) {
  (void)state;
  tn_folder *folder = open_folder(scratch_path("run"));
  assert_int_equal(write_filled(folder, "a.h5", 7, 300), TN_OK);
  size_t count = 0;
  char *file = scratch_read(in(folder, "a.h5"), &count);
  assert_int_equal(count, 300 + TN_TRAILER_SIZE);
  for (size_t length = 0; length < count; length++)
    assert_int_equal(tn_trailer_check("cut", file, (int64_t)length), TN_ERR_DAMAGED);
  void *bytes = NULL;
  int64_t found = 0;
  assert_int_equal(tn_file_read_sealed(scratch_write("cut.h5", file, count - 1), &bytes, &found), TN_ERR_DAMAGED);
  assert_null(bytes);
  assert_non_null(strstr(tn_error_message(), "cut.h5: does not end as thinnet's files do"));
  /* a hole in the middle, and bytes too many before the trailer */
  memmove(file + 100, file + 200, count - 200);
  assert_int_equal(tn_trailer_check("hole", file, (int64_t)count - 100), TN_ERR_DAMAGED);
  assert_non_null(strstr(tn_error_message(), "hole: holds 200 bytes, its trailer says 300"));
  free(file);
  assert_int_equal(tn_file_read_sealed(scratch_path("none.h5"), &bytes, &found), TN_ERR_IO);
  assert_non_null(strstr(tn_error_message(), "none.h5: cannot be opened: No such file"));
  assert_int_equal(tn_file_read_sealed(scratch_path(""), &bytes, &found), TN_ERR_IO);
  tn_folder_close(&folder);
  remove_folder(scratch_path("run"));
}

static void test_every_flipped_bit_is_found(void **state) {
  (void)state;
  unsigned char file[300 + TN_TRAILER_SIZE];
  for (int i = 0; i < 300; i++)
    file[i] = (unsigned char)(i * 37);
  tn_trailer_make(file, 300, file + 300);
  assert_int_equal(tn_trailer_check("sound", file, sizeof file), TN_OK);
  for (size_t bit = 0; bit < 8 * sizeof file; bit++) {
    file[bit / 8] ^= (unsigned char)(1 << bit % 8);
    assert_int_equal(tn_trailer_check("flipped", file, sizeof file), TN_ERR_DAMAGED);
    file[bit / 8] ^= (unsigned char)(1 << bit % 8);
  }
  file[5] ^= 1;
  assert_int_equal(tn_trailer_check("flipped", file, sizeof file), TN_ERR_DAMAGED);
  assert_non_null(strstr(tn_error_message(), "flipped: its bytes do not match their checksum"));
}

/* One write under a fault: it ends well, or leaves all as it was. Returns whether the fault was reached. */
static bool write_under_fault(tn_folder *folder, call kind, int at, bool lasts) {
  no_fault();
  assert_int_equal(write_filled(folder, "a.h5", 1, 5000), TN_OK);
  fault.kind = kind;
  fault.fault_at = at;
  fault.lasts = lasts;
  fault.reason = EIO;
  const tn_status status = write_filled(folder, "a.h5", 2, 6000);
  const bool reached = fault.calls >= at;
  no_fault();
  if (reached && status != TN_OK) {
    assert_int_equal(status, TN_ERR_IO);
    assert_non_null(strstr(tn_error_message(), tn_folder_path(folder)));
    if (!strstr(tn_error_message(), strerror(EIO)))
      fail_msg("kind %d at %d: %s", kind, at, tn_error_message());
  }
  /* the folder's own sync is the last step: the new file is there, but perhaps not for long */
  void *bytes = NULL;
  int64_t count = 0;
  assert_int_equal(tn_file_read_sealed(in(folder, "a.h5"), &bytes, &count), TN_OK);
  tn_free(&bytes);
  assert_int_equal(count,
                   status == TN_OK || (kind == CALL_FSYNC && at == 2) || (kind == CALL_OPEN && at == 5) ? 6000 : 5000);
  assert_int_equal(count_files(tn_folder_path(folder)), 2);
  return reached;
}

static void test_faults_at_every_call(void **state) {
  (void)state;
  tn_folder *folder = open_folder(scratch_path("run"));
  const int expected[CALL_COUNT] = {
      [CALL_OPEN] = 4, [CALL_WRITE] = 2, [CALL_FSYNC] = 2, [CALL_RENAME] = 1, [CALL_READ] = 4};
  for (int lasts = 0; lasts < 2; lasts++)
    for (call kind = CALL_OPEN; kind < CALL_COUNT; kind++) {
      int reached = 0;
      while (write_under_fault(folder, kind, reached + 1, lasts))
        reached++;
      assert_true(reached >= expected[kind]);
    }
  tn_folder_close(&folder);
  remove_folder(scratch_path("run"));
}

/* A process that dies at any of its calls leaves the old file or the new one, whole. */
static void test_death_at_every_call(void **state) {
  (void)state;
  const char *path = scratch_path("run");
  for (call kind = CALL_OPEN; kind < CALL_COUNT; kind++)
    for (int at = 1, status = 99 << 8; WEXITSTATUS(status) == 99; at++) {
      tn_folder *folder = open_folder(path);
      assert_int_equal(write_filled(folder, "a.h5", 1, 5000), TN_OK);
      const pid_t child = fork();
      if (child == 0) {
        fault.kind = kind;
        fault.fault_at = at;
        fault.kills = true;
        _exit(write_filled(folder, "a.h5", 2, 6000) == TN_OK ? 0 : 1);
      }
      waitpid(child, &status, 0);
      void *bytes = NULL;
      int64_t count = 0;
      assert_int_equal(tn_file_read_sealed(in(folder, "a.h5"), &bytes, &count), TN_OK);
      assert_true(count == 5000 || count == 6000);
      tn_free(&bytes);
      tn_folder_close(&folder); /* which removes the dead writer's temporary file */
      assert_int_equal(count_files(path), 1);
      assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 99 || WEXITSTATUS(status) == 0));
    }
  remove_folder(path);
}

static void test_an_orphan_writes_nothing(void **state) {
  (void)state;
  /* given a run whose folder a second one takes over */
  const char *path = scratch_path("run");
  tn_folder *orphan = open_folder(path);
  assert_int_equal(write_filled(orphan, "a.h5", 1, 100), TN_OK);
  tn_folder *owner = open_folder(path);
  assert_int_equal(write_filled(owner, "a.h5", 2, 100), TN_OK);
  /* when the first goes on */
  assert_int_equal(write_filled(orphan, "a.h5", 3, 100), TN_ERR_TAKEN);
  assert_non_null(strstr(tn_error_message(), "another run has taken this folder over (host "));
  char process[64];
  snprintf(process, sizeof process, "process %ld, started 2", (long)getpid());
  assert_non_null(strstr(tn_error_message(), process));
  assert_int_equal(tn_folder_write_text(orphan, "config.ini", "x"), TN_ERR_TAKEN);
  assert_int_equal(tn_folder_link(orphan, "a.h5", "last.h5"), TN_ERR_TAKEN);
  assert_int_equal(tn_folder_remove(orphan, "a.h5"), TN_ERR_TAKEN);
  tn_folder_close(&orphan);
  /* then the second has not noticed */
  check_sealed(in(owner, "a.h5"), 2, 100);
  assert_int_equal(count_files(path), 2);
  assert_int_equal(write_filled(owner, "a.h5", 4, 100), TN_OK);
  /* and an orphan of a run that has ended in between writes as little */
  orphan = owner;
  owner = open_folder(path);
  tn_folder_close(&owner);
  assert_int_equal(write_filled(orphan, "a.h5", 3, 100), TN_ERR_TAKEN);
  assert_non_null(strstr(tn_error_message(), "the owner record is gone"));
  check_sealed(in(orphan, "a.h5"), 4, 100);
  tn_folder_close(&orphan);
  assert_int_equal(count_files(path), 1);
  remove_folder(path);
}

/* An orphan in a process of its own, that writes as fast as it can while the folder is taken over again and again. */
static void test_living_orphans(void **state) {
  (void)state;
  const char *path = scratch_path("run");
  enum { TAKEOVERS = 20 };
  pid_t orphans[TAKEOVERS];
  int opened[2];
  char byte = 0;
  assert_int_equal(pipe(opened), 0);
  for (int i = 0; i < TAKEOVERS; i++) {
    orphans[i] = fork();
    if (orphans[i] == 0) {
      tn_folder *folder = NULL;
      if (tn_folder_open(&folder, path) != TN_OK || write(opened[1], "x", 1) != 1)
        _exit(1);
      while (write_filled(folder, "a.h5", i, 2000) == TN_OK)
        ;
      _exit(0); /* its file was taken away, or the folder */
    }
    assert_int_equal(read(opened[0], &byte, 1), 1);
  }
  /* then the last owner's file stays, though the others are alive */
  tn_folder *owner = open_folder(path);
  for (int i = 0; i < 50; i++) {
    assert_int_equal(write_filled(owner, "a.h5", 77, 3000), TN_OK);
    check_sealed(in(owner, "a.h5"), 77, 3000);
  }
  for (int i = 0; i < TAKEOVERS; i++) {
    int status = -1;
    waitpid(orphans[i], &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  check_sealed(in(owner, "a.h5"), 77, 3000);
  close(opened[0]);
  close(opened[1]);
  tn_folder_close(&owner);
  remove_folder(path);
}

static void test_links(void **state) {
  (void)state;
  tn_folder *folder = open_folder(scratch_path("run"));
  assert_int_equal(write_filled(folder, "a.h5", 1, 100), TN_OK);
  assert_int_equal(write_filled(folder, "b.h5", 2, 100), TN_OK);
  assert_int_equal(tn_folder_link(folder, "a.h5", "last.h5"), TN_OK);
  assert_int_equal(tn_folder_link(folder, "b.h5", "last.h5"), TN_OK);
  assert_int_equal(tn_folder_link(folder, "b.h5", "last.h5"), TN_OK); /* once more: rename would do nothing */
  check_sealed(in(folder, "last.h5"), 2, 100);
  check_sealed(in(folder, "a.h5"), 1, 100);
  struct stat about;
  stat(in(folder, "last.h5"), &about);
  assert_int_equal(about.st_nlink, 2);
  /* where links fail it is a copy */
  const int reasons[] = {EPERM, EOPNOTSUPP, EMLINK};
  for (int i = 0; i < 3; i++) {
    fault.kind = CALL_LINK;
    fault.fault_at = 1;
    fault.reason = reasons[i];
    const tn_status status = tn_folder_link(folder, "a.h5", "last.h5");
    no_fault();
    assert_int_equal(status, TN_OK);
    check_sealed(in(folder, "last.h5"), 1, 100);
  }
  assert_int_equal(tn_folder_link(folder, "none.h5", "last.h5"), TN_ERR_IO);
  assert_non_null(strstr(tn_error_message(), "none.h5: cannot get the second name last.h5: No such file"));
  check_sealed(in(folder, "last.h5"), 1, 100);
  assert_int_equal(count_files(tn_folder_path(folder)), 4);
  tn_folder_close(&folder);
  remove_folder(scratch_path("run"));
}

static void test_what_dead_runs_left_is_removed(void **state) {
  (void)state;
  const char *path = scratch_path("run");
  mkdir(path, 0777);
  scratch_write("run/last.h5.0123456789abcdef0123456789abcdef-17.tmp", "x", 1);
  const char *kept[] = {"run/notes.tmp", "run/x.0123456789abcdef0123456789abcde-1.tmp", "run/.tmp", "run/-1.tmp",
                        "run/x.0123456789abcdef0123456789abcdeg-1.tmp"};
  for (int i = 0; i < 5; i++)
    scratch_write(kept[i], "x", 1);
  tn_folder *folder = open_folder(path);
  assert_int_equal(count_files(path), 5 - 1 + 1); /* the user's own, less a hidden one, and the owner record */
  tn_folder_close(&folder);
  for (int i = 0; i < 5; i++)
    assert_int_equal(access(scratch_path(kept[i]), F_OK), 0);
  remove_folder(path);
}

static void test_closing_keeps_the_error(void **state) {
  (void)state;
  tn_folder *orphan = open_folder(scratch_path("run")), *owner = open_folder(scratch_path("run"));
  tn_fail(TN_ERR_DATA, "the reason why all ends");
  tn_folder_close(&orphan);
  assert_string_equal(tn_error_message(), "the reason why all ends");
  tn_folder_close(&owner);
  remove_folder(scratch_path("run"));
}

static void test_folders_that_cannot_be(void **state) {
  (void)state;
  tn_folder *folder = NULL;
  char path[600];
  snprintf(path, sizeof path, "%s/run", scratch_write("file", "x", 1));
  assert_int_equal(tn_folder_open(&folder, path), TN_ERR_IO);
  assert_non_null(strstr(tn_error_message(), "file/run: the folder cannot be made: Not a directory"));
  assert_int_equal(tn_folder_open(&folder, scratch_path("file")), TN_ERR_IO);
  assert_non_null(strstr(tn_error_message(), "file: the folder cannot be made: File exists"));
  char *long_path = calloc(5001, 1);
  memset(long_path, 'a', 5000);
  assert_int_equal(tn_folder_open(&folder, long_path), TN_ERR_IO);
  assert_non_null(strstr(tn_error_message(), "the path is too long"));
  free(long_path);
  assert_null(folder);
}

/* A file of 2 MB where 1 MB fits; then one that fits. */
static void check_no_room(tn_folder *folder, int reason) {
  assert_int_equal(write_filled(folder, "a.h5", 1, 1000), TN_OK);
  assert_int_equal(write_filled(folder, "a.h5", 2, 2 << 20), TN_ERR_IO);
  assert_non_null(strstr(tn_error_message(), "cannot be written"));
  assert_non_null(strstr(tn_error_message(), "make room, or set output.dir to another disk"));
  assert_non_null(strstr(tn_error_message(), strerror(reason)));
  check_sealed(in(folder, "a.h5"), 1, 1000);
  assert_int_equal(count_files(tn_folder_path(folder)), 2);
  assert_int_equal(write_filled(folder, "a.h5", 3, 300000), TN_OK);
  check_sealed(in(folder, "a.h5"), 3, 300000);
}

static void test_full_disk(void **state) {
  (void)state;
  const char *disk = scratch_path("disk");
  mkdir(disk, 0700);
  if (mount("none", disk, "tmpfs", 0, "size=1m") != 0) {
    rmdir(disk);
    skip(); /* root alone may mount; the next test needs no rights */
  }
  tn_folder *folder = open_folder(disk);
  check_no_room(folder, ENOSPC);
  tn_folder_close(&folder);
  umount(disk);
  rmdir(disk);
}

static void test_file_size_limit(void **state) {
  (void)state;
  struct rlimit before, low;
  getrlimit(RLIMIT_FSIZE, &before);
  low = before;
  low.rlim_cur = 1 << 20;
  signal(SIGXFSZ, SIG_IGN);
  tn_folder *folder = open_folder(scratch_path("run"));
  setrlimit(RLIMIT_FSIZE, &low);
  check_no_room(folder, EFBIG);
  setrlimit(RLIMIT_FSIZE, &before);
  tn_folder_close(&folder);
  remove_folder(scratch_path("run"));
}

/* A value published with the algorithm. */
static void test_hashes(void **state) {
  (void)state;
  assert_true(tn_hash64("", 0, 0) == 0x2d06800538d394c2u);
  assert_true(tn_hash64("a", 1, 0) != tn_hash64("a", 1, 1));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_short_and_interrupted_writes),
      cmocka_unit_test(test_every_truncation_is_found),
      cmocka_unit_test(test_every_flipped_bit_is_found),
      cmocka_unit_test(test_faults_at_every_call),
      cmocka_unit_test(test_death_at_every_call),
      cmocka_unit_test(test_an_orphan_writes_nothing),
      cmocka_unit_test(test_living_orphans),
      cmocka_unit_test(test_links),
      cmocka_unit_test(test_what_dead_runs_left_is_removed),
      cmocka_unit_test(test_closing_keeps_the_error),
      cmocka_unit_test(test_folders_that_cannot_be),
      cmocka_unit_test(test_full_disk),
      cmocka_unit_test(test_file_size_limit),
      cmocka_unit_test(test_hashes),
  };
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
