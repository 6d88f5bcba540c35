#include "io/csv_classes.h"

#include "base/memory.h"

#include <string.h>

struct tn_class {
  const char *path; /* where it was seen first; borrowed */
  int64_t line;
  bool is_trained;
  char name[];
};

/* Bytes of the UTF-8 sequence at the start of a text that ends with a zero byte; 0: there is none (RFC 3629, section
 * 4: the ranges of the first byte and of the second). */
static int sequence_bytes(const unsigned char *text) {
  static const struct {
    unsigned char first, last, second_first, second_last;
    int bytes;
  } ranges[] = {{0x01, 0x7f, 0, 0xff, 1},    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
                {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
                {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
  for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
    if (text[0] < ranges[i].first || text[0] > ranges[i].last)
      continue;
    if (text[1] < ranges[i].second_first || text[1] > ranges[i].second_last)
      return 0;
    for (int k = 2; k < ranges[i].bytes; k++)
      if (text[k] < 0x80 || text[k] > 0xbf)
        return 0;
    return ranges[i].bytes;
  }
  return 0;
}

/* Zero bytes within are none either. */
static bool is_utf8(const tn_csv_field *field) {
  const unsigned char *text = (const unsigned char *)field->text;
  for (int64_t done = 0; done < field->length;) {
    const int bytes = sequence_bytes(text + done);
    if (bytes == 0)
      return false;
    done += bytes;
  }
  return true;
}

static tn_status check_name(const tn_csv_cell *cell) {
  const tn_csv_field *field = tn_csv_cell_field(cell);
  char found[TN_EXCERPT_SIZE];
  tn_csv_excerpt(field, found);
  if (field->length > TN_CLASS_MAX_BYTES)
    return tn_csv_cell_fail(cell, "a class of %lld bytes ('%s'), at most %d are supported: is this the label column?",
                            (long long)field->length, found, TN_CLASS_MAX_BYTES);
  if (!is_utf8(field))
    return tn_csv_cell_fail(cell, "'%s' is not UTF-8: save the file as such", found);
  return TN_OK;
}

/* Where the name stands in the order, or would. */
static int64_t find_place(const tn_classes *classes, const char *name, bool *is_there) {
  int64_t low = 0, high = classes->count;
  *is_there = false;
  while (low < high && !*is_there) {
    const int64_t middle = low + (high - low) / 2;
    const int order = strcmp(name, classes->sorted[middle]->name);
    *is_there = order == 0;
    low = order > 0 ? middle + 1 : *is_there ? middle : low;
    high = order < 0 ? middle : high;
  }
  return low;
}

static tn_status create(tn_class **class, const tn_csv_cell *cell) {
  const tn_csv_field *field = tn_csv_cell_field(cell);
  TN_TRY(tn_alloc(class, 1, sizeof **class + (size_t)field->length + 1, "a class"));
  memcpy((*class)->name, field->text, (size_t)field->length);
  (*class)->path = cell->path;
  (*class)->line = cell->record->line;
  return TN_OK;
}

static tn_status insert(tn_classes *classes, const tn_csv_cell *cell, int64_t place) {
  if (classes->count == TN_CLASSES_MAX)
    return tn_csv_cell_fail(cell, "more than %d classes: is this the label column? Values need --regression",
                            TN_CLASSES_MAX);
  if (!classes->sorted)
    TN_TRY(tn_alloc(&classes->sorted, TN_CLASSES_MAX, sizeof(tn_class *), "a list of classes"));
  tn_class *added = NULL;
  TN_TRY(create(&added, cell));
  tn_class **at = classes->sorted + place;
  memmove(at + 1, at, (size_t)(classes->count - place) * sizeof(tn_class *));
  *at = added;
  classes->count++;
  return TN_OK;
}

tn_status tn_classes_add(tn_classes *classes, const tn_csv_cell *cell, bool is_training) {
  bool is_there = false;
  TN_TRY(check_name(cell)); /* first, for what is behind a zero byte would not be looked at */
  const int64_t place = find_place(classes, tn_csv_cell_field(cell)->text, &is_there);
  if (!is_there)
    TN_TRY(insert(classes, cell, place));
  classes->sorted[place]->is_trained |= is_training;
  return TN_OK;
}

int64_t tn_classes_find(const tn_classes *classes, const char *name) {
  bool is_there = false;
  const int64_t place = find_place(classes, name, &is_there);
  return is_there ? place : -1;
}

tn_status tn_classes_check_training(const tn_classes *classes, const tn_columns *columns) {
  for (int64_t i = 0; i < classes->count; i++) {
    const tn_class *class = classes->sorted[i];
    if (class->is_trained)
      continue;
    const tn_csv_field field = {class->name, (int64_t)strlen(class->name)};
    const tn_csv_record record = {.line = class->line};
    char name[TN_EXCERPT_SIZE];
    tn_csv_excerpt(&field, name);
    return tn_csv_cell_fail(&(tn_csv_cell){columns, class->path, &record, columns->label},
                            "class '%s' stands in no training row, so that no network could learn it: leave its rows "
                            "out, or move some to the training rows",
                            name);
  }
  return TN_OK;
}

/* The longest name's, with a zero byte behind it. */
static int64_t string_bytes(const tn_classes *classes) {
  size_t bytes = 1;
  for (int64_t i = 0; i < classes->count; i++) {
    const size_t length = strlen(classes->sorted[i]->name) + 1;
    bytes = length > bytes ? length : bytes;
  }
  return (int64_t)bytes;
}

tn_out_dataset tn_classes_dataset(const tn_classes *classes) {
  return (tn_out_dataset){.path = TN_CLASS_NAMES_PATH,
                          .type = TN_OUT_STRING,
                          .rank = 1,
                          .rows = classes->count,
                          .cols = string_bytes(classes)};
}

tn_status tn_classes_write(const tn_classes *classes, tn_outfile *out, int index) {
  const int64_t bytes = string_bytes(classes);
  char *names = NULL;
  TN_TRY(tn_alloc(&names, classes->count, (size_t)bytes, "the names of classes"));
  for (int64_t i = 0; i < classes->count; i++) {
    const char *name = classes->sorted[i]->name;
    memcpy(names + i * bytes, name, strlen(name) + 1);
  }
  const tn_status status = tn_outfile_write(out, index, 0, classes->count, names);
  tn_free(&names);
  return status;
}

void tn_classes_free(tn_classes *classes) {
  for (int64_t i = 0; i < classes->count; i++)
    tn_free(&classes->sorted[i]);
  tn_free(&classes->sorted);
  classes->count = 0;
}
