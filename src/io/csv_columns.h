/* The columns of CSV files: how many, what they are called, which of them is the label. The first record of the first
 * file says it, and every other file has to agree. */
#ifndef TN_IO_CSV_COLUMNS_H
#define TN_IO_CSV_COLUMNS_H

#include "io/csv_reader.h"

#include <thinnet/import.h>

#include <locale.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct tn_columns {
  int64_t count;           /* 0: not known yet */
  int64_t label;           /* index of the label's column; below 0: none */
  const char *file;        /* they were learned from; borrowed */
  char **names;            /* NULL: the files have no header */
  bool header_is_doubtful; /* guessed from the label's field alone, which may be a class's name in a row */
} tn_columns;

void tn_columns_free(tn_columns *columns);

/* Takes the first record of a file. *is_header: it is no row. TN_ERR_DATA: the header is not the one of the first file.
 * TN_ERR_USAGE: there is no such label column, several have its name, or no feature would be left. */
tn_status tn_columns_begin_file(tn_columns *columns, const tn_import_csv *csv, locale_t c_locale, const char *path,
                                const tn_csv_record *record, bool *is_header);

/* TN_ERR_DATA where a record has not as many fields as there are columns. */
tn_status tn_columns_check_record(const tn_columns *columns, const char *path, const tn_csv_record *record);

/* "column 3 (petal_width)", or "column 3" without a header. */
void tn_columns_describe(const tn_columns *columns, int64_t column, char *text, size_t size);

/* A field and where it stands. */
typedef struct tn_csv_cell {
  const tn_columns *columns;
  const char *path;
  const tn_csv_record *record;
  int64_t column;
} tn_csv_cell;

const tn_csv_field *tn_csv_cell_field(const tn_csv_cell *cell);

/* Returns TN_ERR_DATA with the message "PATH: line N, column 3 (petal_width): TEXT". */
tn_status tn_csv_cell_fail(const tn_csv_cell *cell, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A field's text for a message: shortened, and without what is not printable. */
#define TN_EXCERPT_SIZE 48
void tn_csv_excerpt(const tn_csv_field *field, char text[TN_EXCERPT_SIZE]);

#endif
