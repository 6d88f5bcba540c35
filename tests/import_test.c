#include "import_test.h"

#include "scratch.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the three above */

static hid_t named_type(const char *name) {
  const struct {
    const char *name;
    hid_t type;
  } types[] = {{"uint8", H5T_NATIVE_UINT8},   {"int8", H5T_NATIVE_INT8},     {"uint16", H5T_NATIVE_UINT16},
               {"int16", H5T_NATIVE_INT16},   {"int32", H5T_NATIVE_INT32},   {"int64", H5T_NATIVE_INT64},
               {"float32", H5T_NATIVE_FLOAT}, {"float64", H5T_NATIVE_DOUBLE}};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (strcmp(types[i].name, name) == 0)
      return types[i].type;
  fail_msg("the test names an unknown type %s", name);
  return H5I_INVALID_HID;
}

void check_dataset(const char *file, const char *path, const char *type, int64_t rows, int64_t cols,
                   const double *values) {
  const hid_t handle = H5Fopen(file, H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t dataset = H5Dopen2(handle, path, H5P_DEFAULT);
  assert_true(dataset >= 0);
  const hid_t stored = H5Dget_type(dataset), space = H5Dget_space(dataset);
  assert_true(H5Tequal(stored, named_type(type)) > 0);
  hsize_t shape[2] = {0, 0};
  assert_int_equal(H5Sget_simple_extent_ndims(space), cols > 0 ? 2 : 1);
  H5Sget_simple_extent_dims(space, shape, NULL);
  assert_int_equal(shape[0], rows);
  assert_int_equal(shape[1], cols);
  const int64_t count = rows * (cols > 0 ? cols : 1);
  double *found = calloc((size_t)count, sizeof *found);
  assert_true(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, found) >= 0);
  for (int64_t i = 0; i < count; i++)
    if (found[i] != values[i])
      fail_msg("%s, value %lld: %.17g, expected %.17g", path, (long long)i, found[i], values[i]);
  free(found);
  H5Sclose(space);
  H5Tclose(stored);
  H5Dclose(dataset);
  H5Fclose(handle);
}

void check_refused(tn_status found, tn_status expected, const char *text, int files) {
  if (found != expected || !strstr(tn_error_message(), text))
    fail_msg("status %d (%s), expected %d and '%s'", found, tn_error_message(), expected, text);
  assert_int_equal(scratch_count(), files);
}

/* xorshift64*: the same mutations in every run. */
static uint64_t next_random(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * UINT64_C(0x2545f4914f6cdd1d);
}

/* Changes the bytes once; returns the new count, at most `capacity`. */
static size_t mutate(uint64_t *state, unsigned char *bytes, size_t count, size_t capacity) {
  static const unsigned char telling[] = {0, 1, 0x7f, 0x80, 0xff, '"', ',', '\n', '\r', '-', '.', 'e', '9', '('};
  const size_t place = count ? next_random(state) % count : 0, length = 1 + next_random(state) % 16;
  switch (next_random(state) % 6) {
  case 0: /* one bit */
    if (count)
      bytes[place] ^= (unsigned char)(1u << next_random(state) % 8);
    return count;
  case 1: /* one byte that means something to parsers */
  case 2:
    if (count)
      bytes[place] = telling[next_random(state) % sizeof telling];
    return count;
  case 3: /* the end is missing */
    return place;
  case 4: /* a piece is missing */
    if (place + length >= count)
      return place;
    memmove(bytes + place, bytes + place + length, count - place - length);
    return count - length;
  default: /* a piece is there twice */
    if (count + length > capacity || place + length > count)
      return count;
    memmove(bytes + place + length, bytes + place, count - place);
    return count + length;
  }
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void check_mutations(const void *seed_bytes, size_t count, mutation_import *import) {
  const size_t capacity = 2 * count + 64;
  const int files_before = scratch_count();
  unsigned char *bytes = malloc(capacity);
  uint64_t state = UINT64_C(88172645463325252);
  int refused = 0, imported = 0;
  for (const double end = seconds() + 2; seconds() < end && refused + imported < 20000;) {
    size_t length = count;
    memcpy(bytes, seed_bytes, count);
    for (uint64_t changes = 1 + next_random(&state) % 4; changes > 0; changes--)
      length = mutate(&state, bytes, length, capacity);
    const char *file = scratch_write("mutant", bytes, length), *out = scratch_path("mutant.h5");
    if (import(file, out) == TN_OK) {
      imported++;
      assert_int_equal(unlink(out), 0);
    } else {
      refused++;
      assert_non_null(strstr(tn_error_message(), file));
    }
    assert_int_equal(scratch_count(), files_before + 1);
    unlink(file);
  }
  free(bytes);
  print_message("mutations: %d refused, %d imported\n", refused, imported);
  assert_true(refused > 0 && imported > 0); /* else they would show little */
}
