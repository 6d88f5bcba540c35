#include "io/import_array.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

typedef struct array {
  tn_source *source; /* NULL: there is none */
  tn_array_header header;
  int64_t rows, cols; /* cols: values of a row, flattened */
} array;

/* An import under way: arrays of split i are x[i] and y[i]. */
typedef struct array_job {
  const tn_array_format *format;
  const tn_import_split *splits;
  int split_count;
  const tn_import_options *options;
  array *x, *y;
  tn_import_shape *shapes;
} array_job;

static const char *type_name(tn_array_type type) {
#define TN_ARRAY_NAME(code, name, size, out) name,
  static const char *const names[] = {TN_ARRAY_TYPES(TN_ARRAY_NAME)};
#undef TN_ARRAY_NAME
  return names[type];
}

int64_t tn_array_type_size(tn_array_type type) {
#define TN_ARRAY_SIZE(code, name, size, out) size,
  static const int64_t sizes[] = {TN_ARRAY_TYPES(TN_ARRAY_SIZE)};
#undef TN_ARRAY_SIZE
  return sizes[type];
}

static tn_out_type out_type(tn_array_type type) {
#define TN_ARRAY_OUT(code, name, size, out) out,
  static const tn_out_type types[] = {TN_ARRAY_TYPES(TN_ARRAY_OUT)};
#undef TN_ARRAY_OUT
  return types[type];
}

static bool is_integer(tn_array_type type) {
  return type != TN_ARRAY_F16 && type != TN_ARRAY_F32 && type != TN_ARRAY_F64;
}

/* "60000 x 28 x 28 uint8" */
static void describe(const tn_array_header *header, char *text, size_t size) {
  size_t used = 0;
  for (int i = 0; i < header->rank && used < size; i++)
    used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? " x " : "", (long long)header->shape[i]);
  if (used < size)
    snprintf(text + used, size - used, " %s", type_name(header->type));
}

/* Rows and columns from the shape, and that the file is exactly as long as the shape says. */
static tn_status check_extent(array *a) {
  const tn_array_header *header = &a->header;
  const char *path = tn_source_path(a->source);
  char text[256];
  describe(header, text, sizeof text);
  a->rows = header->shape[0];
  a->cols = 1;
  for (int i = 1; i < header->rank; i++)
    if (__builtin_mul_overflow(a->cols, header->shape[i], &a->cols))
      a->cols = INT64_MAX;
  int64_t expected = 0, found = 0;
  if (a->rows < 1 || a->cols < 1)
    return tn_fail(TN_ERR_DATA, "%s: its header says %s: there is nothing to import", path, text);
  if (a->cols > TN_IMPORT_COLUMNS_MAX)
    return tn_fail(TN_ERR_DATA, "%s: its header says %s: rows of more than %d values are not supported", path, text,
                   TN_IMPORT_COLUMNS_MAX);
  if (__builtin_mul_overflow(a->rows, a->cols * tn_array_type_size(header->type), &expected) ||
      __builtin_add_overflow(expected, header->bytes, &expected))
    return tn_fail(TN_ERR_DATA, "%s: its header says %s, which is larger than a file can be", path, text);
  TN_TRY(tn_source_length(a->source, &found));
  if (found != expected)
    return tn_fail(
        TN_ERR_DATA,
        "%s: its header says %s, %lld bytes with the header; it has %lld%s, %lld too %s: fetch "
        "or write it again",
        path, text, (long long)expected, (long long)found, tn_source_is_packed(a->source) ? " once unpacked" : "",
        (long long)(found < expected ? expected - found : found - expected), found < expected ? "few" : "many");
  return TN_OK;
}

static tn_status open_array(const tn_array_format *format, const char *path, array *a) {
  TN_TRY(tn_source_open(&a->source, path));
  TN_TRY(format->read_header(a->source, &a->header));
  return check_extent(a);
}

static tn_status check_features(const array *x) {
  if (x->header.rank >= 2)
    return TN_OK;
  char text[64];
  describe(&x->header, text, sizeof text);
  return tn_fail(TN_ERR_DATA, "%s: holds %s, features have two dimensions or more (rows first): are these the labels?",
                 tn_source_path(x->source), text);
}

static tn_status check_targets(const tn_array_format *format, const array *x, const array *y) {
  char text[256];
  describe(&y->header, text, sizeof text);
  const char *path = tn_source_path(y->source);
  if (y->header.rank > format->target_rank_max)
    return tn_fail(TN_ERR_DATA, "%s: holds %s, targets of %s have %s: are these the features?", path, text,
                   format->name, format->target_rank_max == 1 ? "one dimension" : "one dimension or two");
  if (format->integer_targets && !is_integer(y->header.type))
    return tn_fail(TN_ERR_DATA, "%s: holds %s, labels are integers", path, text);
  if (y->rows != x->rows)
    return tn_fail(TN_ERR_DATA, "%s: holds %lld targets, %s holds %lld rows: each row needs its own", path,
                   (long long)y->rows, tn_source_path(x->source), (long long)x->rows);
  return TN_OK;
}

static tn_status open_split(array_job *job, int i) {
  const tn_import_split *split = &job->splits[i];
  array *x = &job->x[i], *y = &job->y[i];
  TN_TRY(open_array(job->format, split->x_files[0], x));
  TN_TRY(check_features(x));
  if (split->y_file) {
    TN_TRY(open_array(job->format, split->y_file, y));
    TN_TRY(check_targets(job->format, x, y));
  }
  job->shapes[i] = (tn_import_shape){.rows = x->rows,
                                     .features = x->cols,
                                     .targets = y->cols,
                                     .x_type = out_type(x->header.type),
                                     .y_type = out_type(y->header.type)};
  return TN_OK;
}

static tn_status bad_value(const array *a, int64_t row, int64_t column) {
  static const char floats[] = "a value that is not finite, or outside float32: replace it before the import";
  const char *what = a->header.type == TN_ARRAY_BOOL  ? "a bool that is neither 0 nor 1"
                     : a->header.type == TN_ARRAY_U64 ? "a value beyond int64"
                                                      : floats;
  return tn_fail(TN_ERR_DATA, "%s: row %lld, column %lld (counted from 0): %s", tn_source_path(a->source),
                 (long long)row, (long long)column, what);
}

static tn_status copy_blocks(const array_job *job, array *a, tn_outfile *out, int dataset, void *buffer,
                             int64_t block_rows) {
  const int64_t in_bytes = a->cols * tn_array_type_size(a->header.type);
  int64_t got = 0;
  TN_TRY(tn_source_rewind(a->source));
  TN_TRY(tn_source_read(a->source, buffer, a->header.bytes, &got));
  for (int64_t first = 0; first < a->rows; first += block_rows) {
    const int64_t rows = a->rows - first < block_rows ? a->rows - first : block_rows;
    TN_TRY(tn_source_read(a->source, buffer, rows * in_bytes, &got));
    if (got != rows * in_bytes)
      return tn_fail(TN_ERR_IO, "%s: became shorter while it was read", tn_source_path(a->source));
    const int64_t bad = tn_array_convert(&a->header, buffer, rows * a->cols);
    if (bad >= 0)
      return bad_value(a, first + bad / a->cols, bad % a->cols);
    TN_TRY(tn_outfile_write(out, dataset, first, rows, buffer));
    tn_import_tell(job->options, a->source, 1, 1);
  }
  return TN_OK;
}

/* Converts in place, so the buffer holds a block in the wider of the two types, and the header that stands before. */
static tn_status copy_array(const array_job *job, array *a, tn_outfile *out, int dataset) {
  if (!a->source)
    return TN_OK;
  const int64_t in_size = tn_array_type_size(a->header.type),
                out_size = (int64_t)tn_out_type_size(out_type(a->header.type));
  const int64_t row_bytes = a->cols * (in_size > out_size ? in_size : out_size);
  const int64_t block_rows = tn_import_block_rows(row_bytes);
  const int64_t bytes = block_rows * row_bytes > a->header.bytes ? block_rows * row_bytes : a->header.bytes;
  void *buffer = NULL;
  tn_status status = tn_alloc(&buffer, bytes, 1, "a block of rows");
  if (status == TN_OK)
    status = copy_blocks(job, a, out, dataset, buffer, block_rows);
  tn_free(&buffer);
  return status;
}

static tn_status run(array_job *job, const char *out_path) {
  for (int i = 0; i < job->split_count; i++)
    TN_TRY(open_split(job, i));
  TN_TRY(tn_import_check_shapes(job->splits, job->shapes, job->split_count));
  tn_outfile *out = NULL;
  TN_TRY(tn_import_create(&out, out_path, job->splits, job->shapes, job->split_count, NULL, job->options));
  tn_status status = TN_OK;
  for (int i = 0; i < job->split_count && status == TN_OK; i++) {
    status = copy_array(job, &job->x[i], out, job->shapes[i].x_dataset);
    if (status == TN_OK)
      status = copy_array(job, &job->y[i], out, job->shapes[i].y_dataset);
  }
  if (status == TN_OK)
    return tn_outfile_commit(&out);
  tn_outfile_abandon(&out);
  return status;
}

tn_status tn_import_arrays(const tn_array_format *format, const char *out_path, const tn_import_split *splits,
                           int split_count, const tn_import_options *options, tn_import_counts *counts) {
  TN_TRY(tn_import_check_request(out_path, splits, split_count, 1));
  array_job job = {.format = format, .splits = splits, .split_count = split_count, .options = options};
  tn_status status = tn_alloc(&job.x, split_count, sizeof *job.x, "a list of files");
  if (status == TN_OK)
    status = tn_alloc(&job.y, split_count, sizeof *job.y, "a list of files");
  if (status == TN_OK)
    status = tn_alloc(&job.shapes, split_count, sizeof *job.shapes, "a list of splits");
  if (status == TN_OK)
    status = run(&job, out_path);
  if (status == TN_OK)
    tn_import_count(job.shapes, split_count, 0, counts);
  for (int i = 0; i < split_count; i++) {
    if (job.x)
      tn_source_close(&job.x[i].source);
    if (job.y)
      tn_source_close(&job.y[i].source);
  }
  tn_free(&job.shapes);
  tn_free(&job.y);
  tn_free(&job.x);
  return status;
}
