/* CSV files: the first pass checks every field, counts rows and finds the types, the second writes. */
#include "base/memory.h"
#include "io/csv_labels.h"
#include "io/csv_number.h"
#include "io/import_layout.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#define PASSES        2
#define TELL_ROWS     4096
#define EXACT_INTEGER 9007199254740992.0 /* 2^53: whole numbers up to here are doubles */

/* What is known of a set of values. */
typedef struct extent {
  bool is_whole;
  double low, high;
} extent;

typedef struct csv_job {
  const tn_import_csv *csv;
  const tn_import_split *splits;
  int split_count;
  const tn_import_options *options;
  locale_t c_locale;
  tn_columns columns;
  tn_import_shape *shapes;
  extent features, targets; /* over all splits */
  tn_labels labels;

  /* The file that is read. */
  tn_source *source;
  int split;
  bool is_training;  /* the split's rows are what a network learns from */
  bool is_begun;     /* its first record has been seen */
  int64_t file_rows; /* seen so far */

  /* The second pass: rows are gathered in blocks. */
  tn_outfile *out; /* NULL in the first */
  char *x_block, *y_block;
  int64_t block_rows, block_fill;
  int64_t next_row; /* of the split: where the block will go */
} csv_job;

static void extend(extent *values, double value) {
  values->is_whole = values->is_whole && value == floor(value);
  values->low = fmin(values->low, value);
  values->high = fmax(values->high, value);
}

/* Says what is wrong with a field that is no number. */
static tn_status bad_field(const csv_job *job, const tn_csv_cell *cell) {
  const tn_csv_field *field = tn_csv_cell_field(cell);
  char found[TN_EXCERPT_SIZE];
  tn_csv_excerpt(field, found);
  if (field->length == 0)
    return tn_csv_cell_fail(cell, "empty, expected a number: fill in what is missing, or leave the row out");
  if (tn_csv_number_is_meant(field->text, field->length, job->c_locale))
    return tn_csv_cell_fail(cell, "'%s', expected a finite decimal number without space around it", found);
  return tn_csv_cell_fail(cell, "'%s', expected a number such as 12 or -0.5e3: %s", found,
                          cell->column != job->columns.label ? "code categories as numbers"
                          : job->csv->regression             ? "names of classes are taken without --regression"
                                                             : "labels are all numbers, or all names");
}

static tn_status read_number(const csv_job *job, const tn_csv_cell *cell, double *value) {
  const tn_csv_field *field = tn_csv_cell_field(cell);
  if (!tn_csv_number_read(field->text, field->length, job->c_locale, value))
    return bad_field(job, cell);
  /* A little beyond FLT_MAX still rounds to it. */
  if (fabs(*value) <= (double)FLT_MAX || isfinite(tn_csv_number_float(field->text, job->c_locale)))
    return TN_OK;
  char found[TN_EXCERPT_SIZE];
  tn_csv_excerpt(field, found);
  return tn_csv_cell_fail(cell, "%s is outside float32 (+-3.4e38), which thinnet computes in: scale the column", found);
}

static tn_status examine_field(csv_job *job, const tn_csv_cell *cell) {
  const bool is_label = cell->column == job->columns.label;
  double value = 0;
  if (is_label && !job->csv->regression)
    TN_TRY(tn_labels_judge(&job->labels, cell, job->c_locale));
  if (is_label && job->labels.kind == TN_LABELS_NAMES)
    return tn_classes_add(&job->labels.classes, cell, job->is_training);
  TN_TRY(read_number(job, cell, &value));
  extend(is_label ? &job->targets : &job->features, value);
  return TN_OK;
}

static tn_status examine_row(csv_job *job, const tn_csv_record *record) {
  for (int64_t column = 0; column < record->count; column++)
    TN_TRY(examine_field(job, &(tn_csv_cell){&job->columns, tn_source_path(job->source), record, column}));
  if (job->file_rows % TELL_ROWS == 0)
    tn_import_tell(job->options, job->source, 1, PASSES);
  return TN_OK;
}

static tn_status changed(const csv_job *job) {
  return tn_fail(TN_ERR_IO, "%s: changed while it was imported: import it again", tn_source_path(job->source));
}

/* Stores a value, which the first pass has seen to fit, as element `index` of a block. */
static void store(tn_out_type type, void *block, int64_t index, double value, const char *text, locale_t c_locale) {
  switch (type) {
  case TN_OUT_U8:
    ((uint8_t *)block)[index] = (uint8_t)value;
    break;
  case TN_OUT_I8:
    ((int8_t *)block)[index] = (int8_t)value;
    break;
  case TN_OUT_U16:
    ((uint16_t *)block)[index] = (uint16_t)value;
    break;
  case TN_OUT_I16:
    ((int16_t *)block)[index] = (int16_t)value;
    break;
  case TN_OUT_I64:
    ((int64_t *)block)[index] = (int64_t)value;
    break;
  default: /* whole numbers that are floats need no second look at the text */
    ((float *)block)[index] =
        value == floor(value) && fabs(value) <= 1 << FLT_MANT_DIG ? (float)value : tn_csv_number_float(text, c_locale);
    break;
  }
}

static tn_status write_block(csv_job *job) {
  const tn_import_shape *shape = &job->shapes[job->split];
  if (job->block_fill == 0)
    return TN_OK;
  TN_TRY(tn_outfile_write(job->out, shape->x_dataset, job->next_row, job->block_fill, job->x_block));
  if (shape->y_dataset >= 0)
    TN_TRY(tn_outfile_write(job->out, shape->y_dataset, job->next_row, job->block_fill, job->y_block));
  job->next_row += job->block_fill;
  job->block_fill = 0;
  tn_import_tell(job->options, job->source, 2, PASSES);
  return TN_OK;
}

/* A field's value once more; a class's name has the class. */
static tn_status read_again(const csv_job *job, const tn_csv_cell *cell, double *value) {
  const bool is_label = cell->column == job->columns.label;
  const extent *limits = is_label ? &job->targets : &job->features;
  if (is_label && job->labels.kind == TN_LABELS_NAMES)
    *value = (double)tn_classes_find(&job->labels.classes, tn_csv_cell_field(cell)->text);
  else
    TN_TRY(read_number(job, cell, value));
  if (*value < limits->low || *value > limits->high || (limits->is_whole && *value != floor(*value)))
    return changed(job);
  return TN_OK;
}

static tn_status gather_row(csv_job *job, const tn_csv_record *record) {
  const tn_import_shape *shape = &job->shapes[job->split];
  if (job->next_row + job->block_fill >= shape->rows)
    return changed(job);
  int64_t feature = job->block_fill * shape->features;
  for (int64_t column = 0; column < record->count; column++) {
    const tn_csv_cell cell = {&job->columns, tn_source_path(job->source), record, column};
    const char *text = tn_csv_cell_field(&cell)->text;
    double value = 0;
    TN_TRY(read_again(job, &cell, &value));
    if (column == job->columns.label)
      store(shape->y_type, job->y_block, job->block_fill, value, text, job->c_locale);
    else
      store(shape->x_type, job->x_block, feature++, value, text, job->c_locale);
  }
  return ++job->block_fill == job->block_rows ? write_block(job) : TN_OK;
}

static tn_status on_record(void *context, const tn_csv_record *record) {
  csv_job *job = context;
  if (!job->is_begun) {
    bool is_header = false;
    job->is_begun = true;
    TN_TRY(
        tn_columns_begin_file(&job->columns, job->csv, job->c_locale, tn_source_path(job->source), record, &is_header));
    if (is_header)
      return TN_OK;
  }
  TN_TRY(tn_columns_check_record(&job->columns, tn_source_path(job->source), record));
  job->file_rows++;
  return job->out ? gather_row(job, record) : examine_row(job, record);
}

static tn_status read_file(csv_job *job, const char *path) {
  job->is_begun = false;
  job->file_rows = 0;
  TN_TRY(tn_source_open(&job->source, path));
  const char delimiter = job->csv->delimiter ? job->csv->delimiter : ',';
  tn_status status = tn_csv_read(job->source, delimiter, on_record, job);
  if (status == TN_OK && job->file_rows == 0)
    status = tn_fail(TN_ERR_DATA, "%s: holds no rows%s", path, job->is_begun ? ", only a header" : "");
  if (status == TN_OK && job->out) /* while the source is open: it is what progress is told of */
    status = write_block(job);
  tn_source_close(&job->source);
  return status;
}

static bool is_training_split(const tn_import_split *split) {
  return strcmp(split->name, "train") == 0;
}

/* One pass over the files of one split. */
static tn_status read_split(csv_job *job, int split) {
  int64_t rows = 0;
  job->split = split;
  job->is_training = is_training_split(&job->splits[split]);
  job->next_row = 0;
  for (int i = 0; i < job->splits[split].x_file_count; i++) {
    TN_TRY(read_file(job, job->splits[split].x_files[i]));
    rows += job->file_rows;
  }
  if (!job->out)
    job->shapes[split].rows = rows;
  else if (rows != job->shapes[split].rows)
    return tn_fail(TN_ERR_IO, "%s: split %s has %lld rows now, %lld before: a file changed while it was imported",
                   job->splits[split].x_files[0], job->splits[split].name, (long long)rows,
                   (long long)job->shapes[split].rows);
  return TN_OK;
}

/* The smallest type that holds all features. */
static tn_out_type feature_type(const extent *values) {
  static const struct {
    tn_out_type type;
    double low, high;
  } integers[] = {{TN_OUT_U8, 0, UINT8_MAX},
                  {TN_OUT_I8, INT8_MIN, INT8_MAX},
                  {TN_OUT_U16, 0, UINT16_MAX},
                  {TN_OUT_I16, INT16_MIN, INT16_MAX}};
  for (size_t i = 0; values->is_whole && i < sizeof integers / sizeof integers[0]; i++)
    if (values->low >= integers[i].low && values->high <= integers[i].high)
      return integers[i].type;
  return TN_OUT_F32;
}

static tn_out_type label_type(const csv_job *job) {
  const extent *values = &job->targets;
  const bool is_exact = values->low >= -EXACT_INTEGER && values->high <= EXACT_INTEGER;
  return values->is_whole && is_exact && !job->csv->regression ? TN_OUT_I64 : TN_OUT_F32;
}

/* Where labels are names: that training rows have them all, where there are any. From here on they are numbers. */
static tn_status number_classes(csv_job *job) {
  if (job->labels.kind != TN_LABELS_NAMES)
    return TN_OK;
  job->targets = (extent){true, 0, (double)(job->labels.classes.count - 1)};
  for (int i = 0; i < job->split_count; i++)
    if (is_training_split(&job->splits[i]))
      return tn_classes_check_training(&job->labels.classes, &job->columns);
  return TN_OK;
}

static tn_status examine(csv_job *job) {
  job->features = job->targets = (extent){true, INFINITY, -INFINITY};
  for (int i = 0; i < job->split_count; i++)
    TN_TRY(read_split(job, i));
  TN_TRY(number_classes(job));
  for (int i = 0; i < job->split_count; i++) {
    tn_import_shape *shape = &job->shapes[i];
    shape->targets = job->columns.label >= 0;
    shape->features = job->columns.count - shape->targets;
    shape->x_type = feature_type(&job->features);
    shape->y_type = label_type(job);
  }
  return TN_OK;
}

/* Types and columns are the same in all splits, so one pair of blocks serves all. */
static tn_status allocate_blocks(csv_job *job) {
  const int64_t row_bytes = job->shapes[0].features * (int64_t)tn_out_type_size(job->shapes[0].x_type);
  job->block_rows = tn_import_block_rows(row_bytes);
  TN_TRY(tn_alloc(&job->x_block, job->block_rows * row_bytes, 1, "a block of rows"));
  return tn_alloc(&job->y_block, job->block_rows, (size_t)tn_out_type_size(job->shapes[0].y_type), "a block of labels");
}

static tn_status create_file(csv_job *job, const char *out_path) {
  const tn_classes *classes = &job->labels.classes;
  const tn_out_dataset names = tn_classes_dataset(classes);
  TN_TRY(tn_import_create(&job->out, out_path, job->splits, job->shapes, job->split_count,
                          classes->count > 0 ? &names : NULL, job->options));
  return classes->count > 0 ? tn_classes_write(classes, job->out, 0) : TN_OK;
}

static tn_status run(csv_job *job, const char *out_path) {
  TN_TRY(tn_alloc(&job->shapes, job->split_count, sizeof *job->shapes, "a list of splits"));
  TN_TRY(examine(job));
  TN_TRY(allocate_blocks(job));
  TN_TRY(create_file(job, out_path));
  for (int i = 0; i < job->split_count; i++)
    TN_TRY(read_split(job, i));
  return tn_outfile_commit(&job->out);
}

static tn_status check_delimiter(char delimiter) {
  if (delimiter == '"' || delimiter == '\n' || delimiter == '\r' || (delimiter & 0x80))
    return tn_fail(TN_ERR_USAGE, "the delimiter must be one ASCII character, and neither a quote nor a line end");
  return TN_OK;
}

tn_status tn_import_csv_files(const char *out_path, const tn_import_split *splits, int split_count,
                              const tn_import_csv *csv, const tn_import_options *options, tn_import_counts *counts) {
  TN_TRY(tn_import_check_request(out_path, splits, split_count, INT_MAX));
  TN_TRY(check_delimiter(csv->delimiter));
  csv_job job = {.csv = csv, .splits = splits, .split_count = split_count, .options = options};
  job.c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (job.c_locale == (locale_t)0)
    return tn_fail(TN_ERR_MEMORY, "out of memory: the C locale");
  const tn_status status = run(&job, out_path);
  if (status == TN_OK)
    tn_import_count(job.shapes, split_count, job.labels.classes.count, counts);
  tn_outfile_abandon(&job.out);
  tn_free(&job.x_block);
  tn_free(&job.y_block);
  tn_free(&job.shapes);
  tn_classes_free(&job.labels.classes);
  tn_columns_free(&job.columns);
  freelocale(job.c_locale);
  return status;
}
