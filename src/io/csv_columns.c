#include "io/csv_columns.h"

#include "base/memory.h"
#include "io/csv_number.h"
#include "io/import_layout.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tn_csv_excerpt(const tn_csv_field *field, char text[TN_EXCERPT_SIZE]) {
  static const char dots[] = "...";
  const size_t room = TN_EXCERPT_SIZE - sizeof dots, length = (size_t)field->length;
  const size_t shown = length <= room ? length : room;
  for (size_t i = 0; i < shown; i++) {
    const unsigned char c = (unsigned char)field->text[i];
    text[i] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
  }
  if (shown < length)
    memcpy(text + shown, dots, sizeof dots);
  else
    text[shown] = '\0';
}

void tn_columns_free(tn_columns *columns) {
  for (int64_t i = 0; columns->names && i < columns->count; i++)
    tn_free(&columns->names[i]);
  tn_free(&columns->names);
}

void tn_columns_describe(const tn_columns *columns, int64_t column, char *text, size_t size) {
  if (columns->names) {
    char name[TN_EXCERPT_SIZE];
    const tn_csv_field field = {columns->names[column], (int64_t)strlen(columns->names[column])};
    tn_csv_excerpt(&field, name);
    snprintf(text, size, "column %lld (%s)", (long long)column + 1, name);
  } else {
    snprintf(text, size, "column %lld", (long long)column + 1);
  }
}

const tn_csv_field *tn_csv_cell_field(const tn_csv_cell *cell) {
  return &cell->record->fields[cell->column];
}

tn_status tn_csv_cell_fail(const tn_csv_cell *cell, const char *format, ...) {
  char place[96], text[TN_MESSAGE_MAX];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  tn_columns_describe(cell->columns, cell->column, place, sizeof place);
  return tn_fail(TN_ERR_DATA, "%s: line %lld, %s: %s", cell->path, (long long)cell->record->line, place, text);
}

/* A field that is not empty and was not meant as a number makes a header of its record. Looks at all but the column
 * `except` (below 0: at all). */
static bool looks_like_header(const tn_csv_record *record, int64_t except, locale_t c_locale) {
  for (int64_t i = 0; i < record->count; i++) {
    const tn_csv_field *field = &record->fields[i];
    if (i != except && field->length > 0 && !tn_csv_number_is_meant(field->text, field->length, c_locale))
      return true;
  }
  return false;
}

static tn_status keep_names(tn_columns *columns, const tn_csv_record *record) {
  TN_TRY(tn_alloc(&columns->names, record->count, sizeof *columns->names, "names of columns"));
  for (int64_t i = 0; i < record->count; i++)
    TN_TRY(tn_string_copy(&columns->names[i], record->fields[i].text));
  return TN_OK;
}

static tn_status find_by_name(tn_columns *columns, const char *name, bool *is_found) {
  *is_found = false;
  for (int64_t i = 0; columns->names && i < columns->count; i++) {
    if (strcmp(columns->names[i], name) != 0)
      continue;
    if (*is_found)
      return tn_fail(TN_ERR_USAGE, "%s: columns %lld and %lld are both called '%s': give the label column's number",
                     columns->file, (long long)columns->label + 1, (long long)i + 1, name);
    columns->label = i;
    *is_found = true;
  }
  return TN_OK;
}

/* From 1, or from the end below 0. */
static tn_status find_by_number(tn_columns *columns, const char *text) {
  char *end = NULL;
  errno = 0;
  const long long number = strtoll(text, &end, 10);
  const long long columns_count = columns->count;
  if (end == text || *end != '\0')
    return tn_fail(TN_ERR_USAGE,
                   columns->names ? "%s: no column is called '%s': give a name that stands in line 1, or a "
                                    "number from 1 to %lld"
                                  : "%s: there is no header, so the label column cannot be '%s': give a "
                                    "number from 1 to %lld",
                   columns->file, text, columns_count);
  if (errno != 0 || number == 0 || number > columns_count || number < -columns_count)
    return tn_fail(TN_ERR_USAGE, "%s: there is no column %s: give 1 to %lld, or -1 to -%lld from the end",
                   columns->file, text, columns_count, columns_count);
  columns->label = number > 0 ? number - 1 : columns_count + number;
  return TN_OK;
}

static tn_status find_label(tn_columns *columns, const char *label, bool *is_found_by_name) {
  *is_found_by_name = false;
  columns->label = -1;
  if (label)
    TN_TRY(find_by_name(columns, label, is_found_by_name));
  if (label && !*is_found_by_name)
    TN_TRY(find_by_number(columns, label));
  if (columns->count - (columns->label >= 0) < 1)
    return tn_fail(TN_ERR_USAGE, "%s: its only column is the label: no feature is left (is the delimiter right?)",
                   columns->file);
  return TN_OK;
}

static tn_status learn(tn_columns *columns, const tn_import_csv *csv, locale_t c_locale, const char *path,
                       const tn_csv_record *record, bool is_header) {
  bool is_found_by_name = false;
  if (record->count > TN_IMPORT_COLUMNS_MAX)
    return tn_fail(TN_ERR_DATA, "%s: line %lld: %lld columns, at most %d are supported", path, (long long)record->line,
                   (long long)record->count, TN_IMPORT_COLUMNS_MAX);
  columns->count = record->count;
  columns->file = path;
  if (is_header)
    TN_TRY(keep_names(columns, record));
  TN_TRY(find_label(columns, csv->label_column, &is_found_by_name));
  columns->header_is_doubtful =
      is_header && csv->header < 0 && !is_found_by_name && !looks_like_header(record, columns->label, c_locale);
  return TN_OK;
}

static tn_status check_names(const tn_columns *columns, const char *path, const tn_csv_record *record) {
  TN_TRY(tn_columns_check_record(columns, path, record));
  for (int64_t i = 0; i < columns->count; i++) {
    if (strcmp(columns->names[i], record->fields[i].text) == 0)
      continue;
    char found[TN_EXCERPT_SIZE];
    tn_csv_excerpt(&record->fields[i], found);
    return tn_csv_cell_fail(&(tn_csv_cell){columns, path, record, i},
                            "the header says '%s' there, and differs from that of %s: all files need the same header",
                            found, columns->file);
  }
  return TN_OK;
}

tn_status tn_columns_begin_file(tn_columns *columns, const tn_import_csv *csv, locale_t c_locale, const char *path,
                                const tn_csv_record *record, bool *is_header) {
  if (columns->count > 0) {
    *is_header = columns->names != NULL;
    return *is_header ? check_names(columns, path, record) : TN_OK;
  }
  *is_header = csv->header > 0 || (csv->header < 0 && looks_like_header(record, -1, c_locale));
  return learn(columns, csv, c_locale, path, record, *is_header);
}

tn_status tn_columns_check_record(const tn_columns *columns, const char *path, const tn_csv_record *record) {
  if (record->count == columns->count)
    return TN_OK;
  return tn_fail(TN_ERR_DATA, "%s: line %lld: %lld fields, expected %lld as in the first line of %s", path,
                 (long long)record->line, (long long)record->count, (long long)columns->count, columns->file);
}
