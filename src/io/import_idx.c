/* IDX, the format of the MNIST files: two zero bytes, the element type, the number of dimensions, each dimension as a
 * big-endian 32-bit number, then the values, big-endian too. */
#include "io/import_array.h"

static bool element_type(uint8_t code, tn_array_type *type) {
  static const struct {
    uint8_t code;
    tn_array_type type;
  } known[] = {{0x08, TN_ARRAY_U8},  {0x09, TN_ARRAY_I8},  {0x0b, TN_ARRAY_I16},
               {0x0c, TN_ARRAY_I32}, {0x0d, TN_ARRAY_F32}, {0x0e, TN_ARRAY_F64}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (known[i].code == code) {
      *type = known[i].type;
      return true;
    }
  return false;
}

static tn_status too_short(const char *path, int64_t bytes) {
  return tn_fail(TN_ERR_DATA, "%s: %lld bytes are too few for the header of an IDX file: fetch it again", path,
                 (long long)bytes);
}

static tn_status read_magic(tn_source *source, tn_array_header *header) {
  const char *path = tn_source_path(source);
  uint8_t magic[4];
  int64_t got = 0;
  TN_TRY(tn_source_read(source, magic, sizeof magic, &got));
  if (got < (int64_t)sizeof magic)
    return too_short(path, got);
  if (magic[0] != 0 || magic[1] != 0)
    return tn_fail(TN_ERR_DATA, "%s: starts with the bytes %02x %02x, an IDX file with 00 00: is it one?", path,
                   magic[0], magic[1]);
  if (!element_type(magic[2], &header->type))
    return tn_fail(TN_ERR_DATA, "%s: byte 3 is %02x, an IDX file has the element type there: 08, 09, 0b, 0c, 0d or 0e",
                   path, magic[2]);
  if (magic[3] < 1 || magic[3] > TN_ARRAY_RANK_MAX)
    return tn_fail(TN_ERR_DATA, "%s: byte 4 says %d dimensions, expected 1 to %d", path, magic[3], TN_ARRAY_RANK_MAX);
  header->rank = magic[3];
  return TN_OK;
}

static tn_status read_header(tn_source *source, tn_array_header *header) {
  uint8_t dimensions[TN_ARRAY_RANK_MAX][4];
  int64_t got = 0;
  TN_TRY(read_magic(source, header));
  const int64_t bytes = 4 * header->rank;
  TN_TRY(tn_source_read(source, dimensions, bytes, &got));
  if (got < bytes)
    return too_short(tn_source_path(source), 4 + got);
  for (int i = 0; i < header->rank; i++)
    header->shape[i] =
        (int64_t)dimensions[i][0] << 24 | dimensions[i][1] << 16 | dimensions[i][2] << 8 | dimensions[i][3];
  header->swapped = tn_is_little_endian();
  header->bytes = 4 + bytes;
  return TN_OK;
}

tn_status tn_import_idx(const char *out_path, const tn_import_split *splits, int split_count,
                        const tn_import_options *options, tn_import_counts *counts) {
  static const tn_array_format format = {
      .name = "an IDX file", .read_header = read_header, .target_rank_max = 1, .integer_targets = true};
  return tn_import_arrays(&format, out_path, splits, split_count, options, counts);
}
