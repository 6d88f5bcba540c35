/* Any CSV file is refused with its name and the reason, or imported. The first byte says how it is read. */
#include "fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tn_status import_file(void *context, const char *file, const char *out_path) {
  const tn_import_split splits[] = {{.name = "train", .x_files = &file, .x_file_count = 1},
                                    {.name = "test", .x_files = (const char *[]){file, file}, .x_file_count = 2}};
  return tn_import_csv_files(out_path, splits, 2, context, NULL, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const labels[] = {NULL, "1", "-1", "a"};
  static const char delimiters[] = {',', ';', '\t', ' '};
  if (size == 0)
    return 0;
  const unsigned choice = data[0];
  tn_import_csv csv = {.delimiter = delimiters[choice & 3],
                       .header = (int)(choice >> 2 & 3) % 3 - 1,
                       .label_column = labels[choice >> 4 & 3],
                       .regression = choice >> 6 & 1};
  fuzz_import(import_file, &csv, data + 1, size - 1);
  return 0;
}
