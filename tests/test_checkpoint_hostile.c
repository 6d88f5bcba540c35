/* Checkpoints with changed bytes behind a right trailer: what no crash or worn disk makes, but a person can. Values are
 * changed by the thousand and must be refused or taken, never more. HDF5's own metadata are changed too; HDF5 1.10.8
 * itself does not survive all of that, so each file is read in a process of its own, and what it met is printed. */
#include "base/memory.h"
#include "checkpoint_fixture.h"
#include "io/trailer.h"
#include "resealed.h"
#include "scratch.h"

#include <hdf5.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the three above */

#define MUTATIONS_MAX 3000 /* of either kind; and no more than fit into the time */
#define SECONDS_MAX   1.5
#define REGIONS_MAX   256

/* Bytes first..first+count-1 of the content. */
typedef struct region {
  size_t first, count;
  bool has_checksum; /* any change must be found */
} region;

static struct {
  unsigned char *bytes; /* of the sound file */
  size_t count;         /* without the trailer */
  region regions[REGIONS_MAX];
  int region_count;
} sound;

static void add_region(size_t first, size_t count, bool has_checksum) {
  assert_true(sound.region_count < REGIONS_MAX && first + count <= sound.count);
  sound.regions[sound.region_count++] = (region){first, count, has_checksum};
}

static herr_t add_chunks(hid_t root, const char *name, const H5O_info_t *info, void *context) {
  (void)context;
  if (info->type != H5O_TYPE_DATASET)
    return 0;
  const hid_t dataset = H5Dopen2(root, name, H5P_DEFAULT), space = H5Dget_space(dataset);
  hsize_t count = 0, offset[2], size = 0;
  haddr_t address = 0;
  H5Dget_num_chunks(dataset, space, &count);
  for (hsize_t i = 0; i < count; i++) {
    H5Dget_chunk_info(dataset, space, i, offset, NULL, &address, &size);
    add_region((size_t)address, (size_t)size, true);
  }
  H5Sclose(space);
  H5Dclose(dataset);
  return 0;
}

static void add_text(const char *text) {
  const unsigned char *place = memmem(sound.bytes, sound.count, text, strlen(text));
  assert_non_null(place);
  add_region((size_t)(place - sound.bytes), strlen(text), false);
}

static int load_sound_file(void **state) {
  if (scratch_setup(state) != 0)
    return -1;
  checkpoint_fixture fix;
  checkpoint_fixture_create(&fix, "5,3");
  checkpoint_fixture_write(&fix, 2, scratch_path(""), "sound.h5");
  sound.bytes = scratch_read(scratch_path("sound.h5"), &sound.count);
  sound.count -= TN_TRAILER_SIZE;
  const hid_t file = H5Fopen(scratch_path("sound.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
  H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, add_chunks, NULL, H5O_INFO_BASIC);
  H5Fclose(file);
  add_text(fix.config_text);
  add_text("thinnet-checkpoint");
  add_text("tanh");
  checkpoint_fixture_destroy(&fix);
  return 0;
}

static int free_sound_file(void **state) {
  free(sound.bytes);
  return scratch_teardown(state);
}

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The next of a fixed sequence (xorshift). */
static size_t draw(size_t below) {
  static uint64_t state = 88172645463325252u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (size_t)(state % below);
}

/* A byte that is another one than before, of those that tend to hurt. */
static unsigned char other_byte(unsigned char byte) {
  const unsigned char candidates[] = {0,
                                      0xff,
                                      (unsigned char)(byte + 1),
                                      (unsigned char)(byte - 1),
                                      (unsigned char)(byte ^ (1 << draw(8))),
                                      (unsigned char)draw(256)};
  const unsigned char other = candidates[draw(sizeof candidates)];
  return other == byte ? (unsigned char)~byte : other;
}

static void test_changed_values(void **state) {
  (void)state;
  unsigned char *bytes = malloc(sound.count);
  int tried = 0, refused = 0;
  for (const double end_s = now_s() + SECONDS_MAX; tried < MUTATIONS_MAX && now_s() < end_s; tried++) {
    memcpy(bytes, sound.bytes, sound.count);
    const region *place = &sound.regions[draw((size_t)sound.region_count)];
    const size_t at = place->first + draw(place->count);
    bytes[at] = other_byte(bytes[at]);
    tn_checkpoint *checkpoint = NULL;
    const tn_status status = tn_checkpoint_read(&checkpoint, resealed_write("changed.h5", bytes, sound.count));
    assert_true(status == TN_OK || status == TN_ERR_DAMAGED || status == TN_ERR_DATA);
    assert_true((status == TN_OK) == (checkpoint != NULL));
    assert_true(status != TN_OK || !place->has_checksum);
    assert_true(status == TN_OK || strstr(tn_error_message(), "changed.h5"));
    refused += status != TN_OK;
    tn_checkpoint_destroy(&checkpoint);
  }
  assert_true(refused > tried / 2);
  assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
  free(bytes);
}

/* Changes up to three places, mostly near bytes that are not zero: those mean something. */
static void change_anything(unsigned char *bytes) {
  for (size_t places = 1 + draw(3); places > 0; places--) {
    size_t at = draw(sound.count);
    for (int i = 0; i < 1000 && sound.bytes[at] == 0; i++)
      at = draw(sound.count);
    at = at + draw(9) < sound.count ? at + draw(9) : at;
    const size_t length = draw(3) ? 1 : 8;
    for (size_t i = 0; i < length && at + i < sound.count; i++)
      bytes[at + i] = other_byte(bytes[at + i]);
  }
}

/* What the processes that read the changed files report. */
typedef struct tally {
  int tried, taken, refused, wrong;
} tally;

/* Reads changed files until all are read or one of them ends this process. */
static void read_changed(tally *shared, unsigned char *bytes, double end_s) {
  const int signals[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
    signal(signals[i], SIG_DFL); /* cmocka's handlers would go on with the test */
  for (int i = 0; i < MUTATIONS_MAX && now_s() < end_s; i++) {
    memcpy(bytes, sound.bytes, sound.count);
    change_anything(bytes);
    if (i < shared->tried) /* by the process before: the sequence goes on from there */
      continue;
    shared->tried = i + 1;
    alarm(10);
    tn_checkpoint *checkpoint = NULL;
    const tn_status status = tn_checkpoint_read(&checkpoint, resealed_write("changed.h5", bytes, sound.count));
    tn_checkpoint_destroy(&checkpoint);
    shared->taken += status == TN_OK;
    shared->refused += status == TN_ERR_DAMAGED || status == TN_ERR_DATA;
    shared->wrong += status != TN_OK && status != TN_ERR_DAMAGED && status != TN_ERR_DATA;
  }
  _exit(0);
}

static void test_changed_metadata(void **state) {
  (void)state;
  tally *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(shared != MAP_FAILED);
  unsigned char *bytes = malloc(sound.count);
  int crashes = 0;
  const double end_s = now_s() + SECONDS_MAX;
  for (int status = -1; status != 0 && crashes < MUTATIONS_MAX;) {
    const pid_t child = fork();
    if (child == 0)
      read_changed(shared, bytes, end_s);
    waitpid(child, &status, 0);
    crashes += status != 0;
  }
  print_message("%d files with changed metadata: %d refused, %d read (what was changed is of no consequence), %d ended "
                "the process inside HDF5\n",
                shared->tried, shared->refused, shared->taken, crashes);
  /* 14 of 20000 ended it with HDF5 1.10.8 (a division by zero, a wild address); the address sanitizer
   * sees more of them */
  assert_int_equal(shared->wrong, 0);
  assert_int_equal(shared->refused + shared->taken + crashes, shared->tried);
  assert_true(crashes <= 3 + shared->tried / 20);
  assert_true(shared->refused > shared->tried / 4);
  free(bytes);
  munmap(shared, sizeof *shared);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_changed_values),
      cmocka_unit_test(test_changed_metadata),
  };
  return cmocka_run_group_tests(tests, load_sound_file, free_sound_file);
}
