/* Any IDX file is refused with its name and the reason, or imported: as features, and as labels. The first byte chooses
 * whether a header is given, for the fuzzer would take long to make one whose promise its length keeps. */
#include "fuzz_import.h"

#include <string.h>

#define FILE_SIZE 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tn_status import_features(void *context, const char *file, const char *out_path) {
  (void)context;
  const tn_import_split split = {.name = "train", .x_files = &file, .x_file_count = 1};
  return tn_import_idx(out_path, &split, 1, NULL, NULL);
}

/* As labels of one image. */
static tn_status import_labels(void *context, const char *file, const char *out_path) {
  const char *images = context;
  const tn_import_split split = {.name = "train", .x_files = &images, .x_file_count = 1, .y_file = file};
  return tn_import_idx(out_path, &split, 1, NULL, NULL);
}

/* One image of 1 x 1, as a file in memory that stays. */
static char *one_image(void) {
  static const uint8_t bytes[] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7};
  static char path[FUZZ_PATH_SIZE];
  if (path[0] == '\0')
    fuzz_file(bytes, sizeof bytes, path);
  return path;
}

/* Four bytes of the input choose type and shape, and the values are as many as the shape says, and up to one more. */
static size_t with_header(uint8_t *file, const uint8_t *data, size_t size) {
  static const uint8_t types[][2] = {{0x08, 1}, {0x09, 1}, {0x0b, 2}, {0x0c, 4}, {0x0d, 4}, {0x0e, 8}};
  if (size < 4)
    return 0;
  const uint8_t *type = types[data[0] % 6];
  const uint8_t rows = data[1] % 8, cols = data[2] % 8, rank = 1 + data[3] % 2;
  const uint8_t header[] = {0, 0, type[0], rank, 0, 0, 0, rows, 0, 0, 0, cols};
  const size_t header_size = rank == 1 ? 8 : 12;
  const size_t needed = (size_t)type[1] * rows * (rank == 1 ? 1 : cols) + (data[3] >> 7);
  const size_t count = size - 4 < needed ? size - 4 : needed;
  memcpy(file, header, header_size);
  memcpy(file + header_size, data + 4, count);
  return header_size + count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t file[FILE_SIZE];
  if (size == 0)
    return 0;
  const bool gives_header = data[0] & 1;
  data++;
  size--;
  if (gives_header) {
    size = with_header(file, data, size);
    data = file;
  }
  fuzz_import(import_features, NULL, data, size);
  fuzz_import(import_labels, one_image(), data, size);
  return 0;
}
