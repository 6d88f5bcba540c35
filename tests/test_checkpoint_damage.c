/* A checkpoint cut at any length, or with bits flipped by the thousand: refused, and never shown to HDF5. */
#include "base/memory.h"
#include "checkpoint_fixture.h"
#include "scratch.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the three above */

#define FLIPS 4000

static int opened_by_hdf5;

/* HDF5's own, counted. */
hid_t H5Fopen(const char *name, unsigned flags, hid_t access) {
  hid_t (*real)(const char *, unsigned, hid_t) = NULL;
  void *symbol = dlsym(RTLD_NEXT, "H5Fopen");
  memcpy(&real, &symbol, sizeof real); /* ISO C has no conversion from an object's pointer to a function's */
  opened_by_hdf5++;
  return real(name, flags, access);
}

typedef struct written_file {
  char path[512];
  int fd;
  size_t count;
} written_file;

static written_file write_checkpoint(void) {
  checkpoint_fixture fix;
  checkpoint_fixture_create(&fix, "5,3");
  checkpoint_fixture_write(&fix, 2, scratch_path(""), "a.h5");
  checkpoint_fixture_destroy(&fix);
  written_file file;
  snprintf(file.path, sizeof file.path, "%s", scratch_path("a.h5"));
  file.fd = open(file.path, O_RDWR);
  file.count = (size_t)lseek(file.fd, 0, SEEK_END);
  return file;
}

static void assert_sound(const written_file *file) {
  tn_checkpoint *checkpoint = NULL;
  opened_by_hdf5 = 0;
  assert_int_equal(tn_checkpoint_read(&checkpoint, file->path), TN_OK);
  assert_int_equal(opened_by_hdf5, 1); /* the counter is in the way */
  tn_checkpoint_destroy(&checkpoint);
}

static void assert_refused_unread(const written_file *file, const char *change, size_t where) {
  tn_checkpoint *checkpoint = NULL;
  opened_by_hdf5 = 0;
  const tn_status status = tn_checkpoint_read(&checkpoint, file->path);
  if (status != TN_ERR_DAMAGED || checkpoint || opened_by_hdf5 > 0 || !strstr(tn_error_message(), file->path))
    fail_msg("%s %zu: status %d, opened by HDF5 %d times: %s", change, where, (int)status, opened_by_hdf5,
             tn_error_message());
}

static void test_every_length(void **state) {
  (void)state;
  const written_file file = write_checkpoint();
  assert_sound(&file);
  for (size_t length = file.count; length-- > 0;) {
    assert_int_equal(ftruncate(file.fd, (off_t)length), 0);
    assert_refused_unread(&file, "cut to", length);
  }
  close(file.fd);
}

/* Zeros where a file system had not yet put the bytes when the power went: whole blocks, at the end or anywhere. */
static void test_blocks_of_zeros(void **state) {
  (void)state;
  const size_t block = 512;
  const unsigned char zeros[512] = {0};
  const written_file file = write_checkpoint();
  unsigned char *bytes = scratch_read(file.path, &(size_t){0});
  for (size_t at = 0; at < file.count; at += block) {
    const size_t size = file.count - at < block ? file.count - at : block;
    if (memcmp(bytes + at, zeros, size) == 0)
      continue;
    assert_int_equal(pwrite(file.fd, zeros, size, (off_t)at), size);
    assert_refused_unread(&file, "zeros from", at);
    assert_int_equal(pwrite(file.fd, bytes + at, size, (off_t)at), size);
  }
  assert_sound(&file);
  free(bytes);
  close(file.fd);
}

static void flip(unsigned char *bytes, const size_t *bits, int count) {
  for (int i = 0; i < count; i++)
    bytes[bits[i] / 8] ^= (unsigned char)(1 << bits[i] % 8);
}

/* One to eight bits that differ from each other, of all the file. */
static int draw_bits(size_t count, size_t bits[8]) {
  const int wanted = 1 + rand() % 8;
  for (int drawn = 0; drawn < wanted;) {
    bits[drawn] = (size_t)rand() % (8 * count);
    int same = 0;
    for (int i = 0; i < drawn; i++)
      same += bits[i] == bits[drawn];
    drawn += same == 0;
  }
  return wanted;
}

static void test_flipped_bits(void **state) {
  (void)state;
  const written_file file = write_checkpoint();
  unsigned char *bytes = scratch_read(file.path, &(size_t){0});
  srand(20);
  for (int i = 0; i < FLIPS; i++) {
    size_t bits[8];
    const int count = draw_bits(file.count, bits);
    flip(bytes, bits, count);
    assert_int_equal(pwrite(file.fd, bytes, file.count, 0), file.count);
    assert_refused_unread(&file, "flipped bit", bits[0]);
    flip(bytes, bits, count);
  }
  assert_int_equal(pwrite(file.fd, bytes, file.count, 0), file.count);
  assert_sound(&file);
  free(bytes);
  close(file.fd);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_every_length, scratch_clear),
      cmocka_unit_test_teardown(test_blocks_of_zeros, scratch_clear),
      cmocka_unit_test_teardown(test_flipped_bits, scratch_clear),
  };
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
