/* NPY, numpy's format: the magic bytes, a version, the length of a text, and as text a Python dictionary with the keys
 * descr, fortran_order and shape (numpy.lib.format documents versions 1 to 3). */
#include "io/import_array.h"

#include "base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC_BYTES    8 /* with the version */
#define TEXT_MAX_BYTES (1 << 16)
#define WORD_SIZE      32

/* A header's text while it is parsed. */
typedef struct npy_parser {
  const char *path;
  const char *text, *next, *end; /* zero-terminated at its end */
  tn_array_header *header;
  bool fortran;
  bool has_descr, has_order, has_shape;
} npy_parser;

static tn_status syntax(const npy_parser *p, const char *expected) {
  return tn_fail(TN_ERR_DATA,
                 "%s: its NPY header cannot be read at character %lld, expected %s: write the file again "
                 "with numpy.save",
                 p->path, (long long)(p->next - p->text) + 1, expected);
}

static void skip_space(npy_parser *p) {
  while (isspace((unsigned char)*p->next))
    p->next++;
}

/* Takes a character behind space, if it comes next. */
static bool take(npy_parser *p, char wanted) {
  skip_space(p);
  if (*p->next != wanted)
    return false;
  p->next++;
  return true;
}

/* A string between quotes of either kind; longer ones are none of ours. */
static tn_status take_string(npy_parser *p, char word[WORD_SIZE]) {
  const char quote = take(p, '\'') ? '\'' : take(p, '"') ? '"' : '\0';
  if (!quote)
    return syntax(p, "a quoted word");
  const char *end = strchr(p->next, quote);
  if (!end || end - p->next >= WORD_SIZE)
    return syntax(p, "a short quoted word");
  memcpy(word, p->next, (size_t)(end - p->next));
  word[end - p->next] = '\0';
  p->next = end + 1;
  return TN_OK;
}

static bool find_type(const char *code, tn_array_type *type) {
  static const struct {
    char code[3];
    tn_array_type type;
  } known[] = {{"b1", TN_ARRAY_BOOL}, {"u1", TN_ARRAY_U8},  {"i1", TN_ARRAY_I8},  {"u2", TN_ARRAY_U16},
               {"i2", TN_ARRAY_I16},  {"u4", TN_ARRAY_U32}, {"i4", TN_ARRAY_I32}, {"u8", TN_ARRAY_U64},
               {"i8", TN_ARRAY_I64},  {"f2", TN_ARRAY_F16}, {"f4", TN_ARRAY_F32}, {"f8", TN_ARRAY_F64}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (strcmp(known[i].code, code) == 0) {
      *type = known[i].type;
      return true;
    }
  return false;
}

/* '<f8': byte order, kind, bytes. */
static tn_status parse_descr(npy_parser *p) {
  char word[WORD_SIZE];
  skip_space(p);
  if (*p->next == '[')
    return tn_fail(TN_ERR_DATA, "%s: holds a structured array: write its columns as one plain array", p->path);
  TN_TRY(take_string(p, word));
  if (word[0] == '\0' || !strchr("<>|=", word[0]) || !find_type(word + 1, &p->header->type))
    return tn_fail(TN_ERR_DATA,
                   "%s: holds elements of type '%s', expected integers, floats or bool: convert them with "
                   "astype('float32')",
                   p->path, word);
  p->header->swapped = word[0] == (tn_is_little_endian() ? '>' : '<');
  p->has_descr = true;
  return TN_OK;
}

static tn_status parse_order(npy_parser *p) {
  skip_space(p);
  p->fortran = strncmp(p->next, "True", 4) == 0;
  if (!p->fortran && strncmp(p->next, "False", 5) != 0)
    return syntax(p, "True or False");
  p->next += p->fortran ? 4 : 5;
  p->has_order = true;
  return TN_OK;
}

/* One dimension; Python 2 wrote 28L. */
static tn_status take_dimension(npy_parser *p) {
  tn_array_header *header = p->header;
  if (!isdigit((unsigned char)*p->next))
    return syntax(p, "a number");
  if (header->rank == TN_ARRAY_RANK_MAX)
    return tn_fail(TN_ERR_DATA, "%s: more than %d dimensions", p->path, TN_ARRAY_RANK_MAX);
  int64_t value = 0;
  for (; isdigit((unsigned char)*p->next); p->next++)
    if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *p->next - '0', &value))
      return syntax(p, "a number below 2^63");
  if (*p->next == 'L')
    p->next++;
  header->shape[header->rank++] = value;
  return TN_OK;
}

/* (60000, 28, 28), (5,) or (). */
static tn_status parse_shape(npy_parser *p) {
  if (!take(p, '('))
    return syntax(p, "a shape in parentheses");
  p->header->rank = 0;
  while (!take(p, ')')) {
    TN_TRY(take_dimension(p));
    if (!take(p, ',') && *p->next != ')')
      return syntax(p, "a comma or the end of the shape");
  }
  p->has_shape = true;
  return TN_OK;
}

static tn_status parse_entry(npy_parser *p) {
  char key[WORD_SIZE];
  TN_TRY(take_string(p, key));
  if (!take(p, ':'))
    return syntax(p, "a colon");
  if (strcmp(key, "descr") == 0 && !p->has_descr)
    return parse_descr(p);
  if (strcmp(key, "fortran_order") == 0 && !p->has_order)
    return parse_order(p);
  if (strcmp(key, "shape") == 0 && !p->has_shape)
    return parse_shape(p);
  return syntax(p, "each of descr, fortran_order and shape once");
}

static tn_status parse_dictionary(npy_parser *p) {
  if (!take(p, '{'))
    return syntax(p, "a dictionary");
  while (!take(p, '}')) {
    TN_TRY(parse_entry(p));
    if (!take(p, ',') && *p->next != '}')
      return syntax(p, "a comma or the end of the dictionary");
  }
  skip_space(p);
  if (p->next != p->end)
    return syntax(p, "nothing behind the dictionary");
  return TN_OK;
}

static tn_status check_header(const npy_parser *p) {
  if (!p->has_descr || !p->has_order || !p->has_shape)
    return syntax(p, "each of descr, fortran_order and shape");
  if (p->header->rank == 0)
    return tn_fail(TN_ERR_DATA, "%s: holds a single value, expected an array of rows", p->path);
  if (p->fortran && p->header->rank > 1)
    return tn_fail(TN_ERR_DATA, "%s: stored in Fortran order, expected C order: write numpy.ascontiguousarray(array)",
                   p->path);
  return TN_OK;
}

/* Magic bytes, version, and the length of the text behind them: 2 bytes in version 1, 4 bytes after it. */
static tn_status read_preamble(tn_source *source, tn_array_header *header, int64_t *text_bytes) {
  const char *path = tn_source_path(source);
  uint8_t start[MAGIC_BYTES], length[4] = {0};
  int64_t got = 0;
  TN_TRY(tn_source_read(source, start, sizeof start, &got));
  if (got < MAGIC_BYTES || memcmp(start, "\x93NUMPY", 6) != 0)
    return tn_fail(TN_ERR_DATA,
                   "%s: does not start as an NPY file does: is it one? (An .npz archive holds several: "
                   "unzip it)",
                   path);
  if (start[6] < 1 || start[6] > 3)
    return tn_fail(TN_ERR_DATA, "%s: NPY version %d.%d, expected 1 to 3", path, start[6], start[7]);
  const int64_t length_bytes = start[6] == 1 ? 2 : 4;
  TN_TRY(tn_source_read(source, length, length_bytes, &got));
  *text_bytes = (int64_t)length[0] | length[1] << 8 | length[2] << 16 | (int64_t)length[3] << 24;
  if (got < length_bytes || *text_bytes > TEXT_MAX_BYTES)
    return tn_fail(TN_ERR_DATA, "%s: its NPY header of %lld bytes is damaged or too long", path,
                   (long long)*text_bytes);
  header->bytes = MAGIC_BYTES + length_bytes + *text_bytes;
  return TN_OK;
}

static tn_status read_text(tn_source *source, tn_array_header *header, char *text, int64_t text_bytes) {
  int64_t got = 0;
  TN_TRY(tn_source_read(source, text, text_bytes, &got));
  if (got < text_bytes)
    return tn_fail(TN_ERR_DATA, "%s: ends within its NPY header: fetch or write it again", tn_source_path(source));
  npy_parser parser = {
      .path = tn_source_path(source), .text = text, .next = text, .end = text + text_bytes, .header = header};
  TN_TRY(parse_dictionary(&parser));
  return check_header(&parser);
}

static tn_status read_header(tn_source *source, tn_array_header *header) {
  int64_t text_bytes = 0;
  char *text = NULL;
  TN_TRY(read_preamble(source, header, &text_bytes));
  TN_TRY(tn_alloc(&text, text_bytes + 1, 1, "the header of an NPY file")); /* zeroed: a terminated string */
  const tn_status status = read_text(source, header, text, text_bytes);
  tn_free(&text);
  return status;
}

tn_status tn_import_npy(const char *out_path, const tn_import_split *splits, int split_count,
                        const tn_import_options *options, tn_import_counts *counts) {
  static const tn_array_format format = {.name = "an NPY file", .read_header = read_header, .target_rank_max = 2};
  return tn_import_arrays(&format, out_path, splits, split_count, options, counts);
}
