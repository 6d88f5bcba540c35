/* CSV files as records of fields with their line numbers; libcsv takes them apart (RFC 4180). */
#ifndef TN_IO_CSV_READER_H
#define TN_IO_CSV_READER_H

#include "io/import_source.h"

typedef struct tn_csv_field {
  const char *text; /* a zero byte follows */
  int64_t length;
} tn_csv_field;

typedef struct tn_csv_record {
  int64_t line; /* on which it begins, from 1 */
  int64_t count;
  const tn_csv_field *fields; /* valid until the visitor returns */
} tn_csv_record;

/* A failure ends the reading and is handed on. */
typedef tn_status tn_csv_visitor(void *context, const tn_csv_record *record);

/* Calls `visit` for each record from the source's start on. Fields come without the quotes around them and without
 * space around unquoted ones; a byte order mark and empty lines at the end are passed over. TN_ERR_DATA with file and
 * line: quotes in the wrong place or never closed, an empty line between records, a carriage return alone, UTF-16, a
 * field or a record longer than the limits. */
tn_status tn_csv_read(tn_source *source, char delimiter, tn_csv_visitor *visit, void *context);

#endif
