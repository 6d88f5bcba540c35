#include "io/csv_labels.h"

#include "io/csv_number.h"

#include <string.h>

static bool is_blank(const tn_csv_field *field) {
  return (int64_t)strspn(field->text, " \t") == field->length;
}

/* What was meant as a number, but cannot be one (nan, 0x10), is no name: it is refused as the number it should be. */
static bool is_number(const tn_csv_field *field, locale_t c_locale) {
  double value = 0;
  return tn_csv_number_read(field->text, field->length, c_locale, &value) ||
         tn_csv_number_is_meant(field->text, field->length, c_locale);
}

static tn_status mixed(const tn_labels *labels, const tn_csv_cell *cell) {
  char found[TN_EXCERPT_SIZE];
  tn_csv_excerpt(tn_csv_cell_field(cell), found);
  return tn_csv_cell_fail(cell, "'%s', expected a %s as in line %lld of %s: labels are all numbers, or all names",
                          found, labels->kind == TN_LABELS_NAMES ? "name" : "number", (long long)labels->line,
                          labels->path);
}

static tn_status decide(tn_labels *labels, const tn_csv_cell *cell, tn_label_kind kind) {
  const tn_columns *columns = cell->columns;
  if (kind == TN_LABELS_NAMES && columns->header_is_doubtful)
    return tn_fail(TN_ERR_DATA,
                   "%s: line 1: a header or a row? Only its label ('%.40s') is no number, and the labels below are "
                   "names too: say --header yes or --header no",
                   columns->file, columns->names[columns->label]);
  labels->kind = kind;
  labels->path = cell->path;
  labels->line = cell->record->line;
  return TN_OK;
}

tn_status tn_labels_judge(tn_labels *labels, const tn_csv_cell *cell, locale_t c_locale) {
  const tn_csv_field *field = tn_csv_cell_field(cell);
  if (is_blank(field))
    return tn_csv_cell_fail(cell, "empty, expected a label: fill in what is missing, or leave the row out");
  const tn_label_kind kind = is_number(field, c_locale) ? TN_LABELS_NUMBERS : TN_LABELS_NAMES;
  if (labels->kind == TN_LABELS_UNKNOWN)
    return decide(labels, cell, kind);
  return kind == labels->kind ? TN_OK : mixed(labels, cell);
}
