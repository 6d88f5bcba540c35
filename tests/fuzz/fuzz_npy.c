/* Any NPY file is refused with its name and the reason, or imported: as features, and as targets. The first byte
 * chooses how much of a file is given, for the fuzzer would take long to find a header by itself. */
#include "fuzz_import.h"

#include <stdio.h>
#include <string.h>

#define FILE_SIZE 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tn_status import_features(void *context, const char *file, const char *out_path) {
  (void)context;
  const tn_import_split split = {.name = "train", .x_files = &file, .x_file_count = 1};
  return tn_import_npy(out_path, &split, 1, NULL, NULL);
}

/* The same file twice: as features and as their targets. */
static tn_status import_both(void *context, const char *file, const char *out_path) {
  (void)context;
  const tn_import_split split = {.name = "train", .x_files = &file, .x_file_count = 1, .y_file = file};
  return tn_import_npy(out_path, &split, 1, NULL, NULL);
}

/* A file of version 1 from a header's text and the bytes behind it; returns its size, at most FILE_SIZE. */
static size_t put_file(uint8_t *file, const void *text, size_t text_size, const uint8_t *values, size_t values_size) {
  const uint8_t start[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)text_size, (uint8_t)(text_size >> 8)};
  size_t size = sizeof start;
  memcpy(file, start, sizeof start);
  memcpy(file + size, text, text_size);
  size += text_size;
  const size_t room = FILE_SIZE - size, fits = values_size < room ? values_size : room;
  if (fits > 0)
    memcpy(file + size, values, fits);
  return size + fits;
}

/* The input up to its first zero byte is the dictionary. */
static size_t with_preamble(uint8_t *file, const uint8_t *data, size_t size) {
  const size_t limit = size < 1024 ? size : 1024;
  const uint8_t *zero = memchr(data, 0, limit);
  const size_t text_size = zero ? (size_t)(zero - data) : limit;
  return put_file(file, data, text_size, data + text_size, size - text_size);
}

/* Four bytes of the input choose type and shape, and the values are as many as the shape says, and up to one more. */
static size_t with_header(uint8_t *file, const uint8_t *data, size_t size) {
  static const char *const types[] = {"b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"};
  if (size < 4)
    return 0;
  const char *type = types[data[0] % 12];
  const unsigned rows = data[1] % 8, cols = data[2] % 8;
  char text[128];
  const int text_size = snprintf(text, sizeof text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (%u, %u)}",
                                 "<>=|"[data[3] % 4], type, rows, cols);
  const size_t needed = (size_t)(type[1] - '0') * rows * cols + (data[3] >> 7);
  return put_file(file, text, (size_t)text_size, data + 4, size - 4 < needed ? size - 4 : needed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t file[FILE_SIZE];
  if (size == 0)
    return 0;
  const unsigned choice = data[0] % 3;
  data++;
  size--;
  if (choice > 0) {
    size = choice == 1 ? with_preamble(file, data, size) : with_header(file, data, size);
    data = file;
  }
  fuzz_import(import_features, NULL, data, size);
  fuzz_import(import_both, NULL, data, size);
  return 0;
}
