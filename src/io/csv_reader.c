#include "io/csv_reader.h"

#include "base/memory.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES      (1 << 18)
#define FIELD_MAX_BYTES  (1 << 20) /* a quote that is never closed must not take the file into memory */
#define FIELD_GROWTH     (1 << 12)
#define RECORD_MAX_BYTES (1 << 28)

typedef struct csv_reader {
  tn_source *source;
  char delimiter;
  tn_csv_visitor *visit;
  void *context;
  struct csv_parser parser;
  tn_status status; /* libcsv's callbacks cannot stop it: the first failure is kept here */

  /* The record under way: texts one behind the other, each with a zero byte, and where each begins. */
  char *texts;
  int64_t texts_used, texts_size;
  int64_t *starts;
  tn_csv_field *fields;
  int64_t field_count, fields_size;

  int64_t line;        /* the one being read, from 1 */
  int64_t record_line; /* on which the record under way began */
  int64_t empty_line;  /* the first of those since the last record; 0: none */
  bool in_record;      /* the line before ended within quotes */
  bool line_is_empty;  /* nothing but space so far */
  int line_records;    /* that ended on this line */
} csv_reader;

/* Makes room for `needed` elements, by doubling. */
static tn_status grow(void *memory_address, int64_t *size, int64_t needed, size_t element) {
  if (needed <= *size)
    return TN_OK;
  void *memory = NULL;
  memcpy(&memory, memory_address, sizeof memory);
  const int64_t larger = needed > 2 * *size ? needed : 2 * *size;
  memory = realloc(memory, (size_t)larger * element);
  if (!memory)
    return tn_fail(TN_ERR_MEMORY, "out of memory: a CSV record of %lld elements", (long long)needed);
  memcpy(memory_address, &memory, sizeof memory);
  *size = larger;
  return TN_OK;
}

/* fields and starts grow together. */
static tn_status grow_fields(csv_reader *reader) {
  int64_t size = reader->fields_size;
  TN_TRY(grow(&reader->starts, &size, reader->field_count + 1, sizeof *reader->starts));
  return grow(&reader->fields, &reader->fields_size, reader->field_count + 1, sizeof *reader->fields);
}

static tn_status add_field(csv_reader *reader, const void *text, size_t length) {
  const int64_t end = reader->texts_used + (int64_t)length + 1;
  if (end > RECORD_MAX_BYTES)
    return tn_fail(TN_ERR_DATA, "%s: line %lld: a record longer than %d bytes: is this a CSV file?",
                   tn_source_path(reader->source), (long long)reader->record_line, RECORD_MAX_BYTES);
  TN_TRY(grow(&reader->texts, &reader->texts_size, end, 1));
  TN_TRY(grow_fields(reader));
  if (length > 0)
    memcpy(reader->texts + reader->texts_used, text, length);
  reader->texts[end - 1] = '\0';
  reader->starts[reader->field_count] = reader->texts_used;
  reader->fields[reader->field_count].length = (int64_t)length;
  reader->field_count++;
  reader->texts_used = end;
  return TN_OK;
}

static void on_field(void *text, size_t length, void *context) {
  csv_reader *reader = context;
  if (reader->status == TN_OK)
    reader->status = add_field(reader, text, length);
}

static tn_status end_record(csv_reader *reader) {
  if (++reader->line_records > 1)
    return tn_fail(TN_ERR_DATA,
                   "%s: line %lld: a carriage return without a line feed behind it: convert the line ends "
                   "(to line feeds)",
                   tn_source_path(reader->source), (long long)reader->line);
  for (int64_t i = 0; i < reader->field_count; i++) /* only now, for the texts may have moved while they grew */
    reader->fields[i].text = reader->texts + reader->starts[i];
  const tn_csv_record record = {reader->record_line, reader->field_count, reader->fields};
  TN_TRY(reader->visit(reader->context, &record));
  reader->field_count = 0;
  reader->texts_used = 0;
  return TN_OK;
}

static void on_record(int terminator, void *context) {
  csv_reader *reader = context;
  (void)terminator;
  if (reader->status == TN_OK)
    reader->status = end_record(reader);
}

/* libcsv's buffer for a field. */
static void *limited_realloc(void *memory, size_t size) {
  return size > FIELD_MAX_BYTES ? NULL : realloc(memory, size);
}

static tn_status parser_failed(csv_reader *reader) {
  const char *path = tn_source_path(reader->source);
  const int reason = csv_error(&reader->parser);
  if (reason == CSV_ENOMEM && csv_get_buffer_size(&reader->parser) < FIELD_MAX_BYTES - 2 * FIELD_GROWTH)
    return tn_fail(TN_ERR_MEMORY, "%s: out of memory: a field of a CSV record", path);
  if (reason == CSV_ENOMEM)
    return tn_fail(TN_ERR_DATA, "%s: line %lld, column %lld: a field longer than %d bytes: is a quote not closed?",
                   path, (long long)reader->record_line, (long long)reader->field_count + 1, FIELD_MAX_BYTES);
  return tn_fail(TN_ERR_DATA,
                 "%s: line %lld, column %lld: a quote in the wrong place: a field with quotes is quoted as "
                 "a whole, and quotes within it are doubled",
                 path, (long long)reader->line, (long long)reader->field_count + 1);
}

static bool is_blank(const csv_reader *reader, const char *bytes, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if ((bytes[i] != ' ' && bytes[i] != '\t' && bytes[i] != '\r' && bytes[i] != '\n') || bytes[i] == reader->delimiter)
      return false;
  return true;
}

/* Before the first piece with content of a record: no empty line may lie between it and the one before. */
static tn_status begin_record(csv_reader *reader) {
  if (reader->empty_line)
    return tn_fail(TN_ERR_DATA, "%s: line %lld: an empty line, expected a record: delete the line",
                   tn_source_path(reader->source), (long long)reader->empty_line);
  reader->record_line = reader->line;
  return TN_OK;
}

static tn_status feed(csv_reader *reader, const char *bytes, int64_t count) {
  if (reader->line_is_empty && !is_blank(reader, bytes, count)) {
    reader->line_is_empty = false;
    if (!reader->in_record)
      TN_TRY(begin_record(reader));
  }
  if (csv_parse(&reader->parser, bytes, (size_t)count, on_field, on_record, reader) != (size_t)count)
    return parser_failed(reader);
  return reader->status;
}

static void end_line(csv_reader *reader) {
  if (reader->line_is_empty && !reader->in_record) {
    if (!reader->empty_line)
      reader->empty_line = reader->line;
  } else {
    reader->in_record = reader->line_records == 0;
  }
  reader->line++;
  reader->line_is_empty = true;
  reader->line_records = 0;
}

/* libcsv does not count lines: it is fed line by line, and a line may come in several pieces. */
static tn_status feed_lines(csv_reader *reader, const char *bytes, int64_t count) {
  while (count > 0) {
    const char *newline = memchr(bytes, '\n', (size_t)count);
    const int64_t piece = newline ? newline - bytes + 1 : count;
    TN_TRY(feed(reader, bytes, piece));
    if (newline)
      end_line(reader);
    bytes += piece;
    count -= piece;
  }
  return TN_OK;
}

static tn_status finish(csv_reader *reader) {
  if (csv_fini(&reader->parser, on_field, on_record, reader) == 0)
    return reader->status;
  return tn_fail(TN_ERR_DATA, "%s: line %lld, column %lld: a quote that is not closed before the file ends",
                 tn_source_path(reader->source), (long long)reader->record_line, (long long)reader->field_count + 1);
}

/* Bytes of a UTF-8 byte order mark at the start, which some spreadsheets write. */
static tn_status skip_mark(const csv_reader *reader, const char *bytes, int64_t count, int64_t *skip) {
  *skip = count >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
  if (count >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0))
    return tn_fail(TN_ERR_DATA, "%s: is UTF-16 text, expected UTF-8: save it as such", tn_source_path(reader->source));
  return TN_OK;
}

static tn_status read_blocks(csv_reader *reader, char *block) {
  int64_t got = BLOCK_BYTES, skip = 0;
  TN_TRY(tn_source_rewind(reader->source));
  for (bool is_first = true; got == BLOCK_BYTES; is_first = false) {
    TN_TRY(tn_source_read(reader->source, block, BLOCK_BYTES, &got));
    if (is_first)
      TN_TRY(skip_mark(reader, block, got, &skip));
    TN_TRY(feed_lines(reader, block + skip, got - skip));
    skip = 0;
  }
  return finish(reader);
}

tn_status tn_csv_read(tn_source *source, char delimiter, tn_csv_visitor *visit, void *context) {
  csv_reader reader = {.source = source,
                       .delimiter = delimiter,
                       .visit = visit,
                       .context = context,
                       .line = 1,
                       .record_line = 1,
                       .line_is_empty = true};
  if (csv_init(&reader.parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
    return tn_fail(TN_ERR_INTERNAL, "libcsv cannot be started");
  csv_set_delim(&reader.parser, (unsigned char)delimiter);
  csv_set_realloc_func(&reader.parser, limited_realloc);
  csv_set_blk_size(&reader.parser, FIELD_GROWTH);
  char *block = NULL;
  tn_status status = tn_alloc(&block, BLOCK_BYTES, 1, "a buffer to read into");
  if (status == TN_OK)
    status = read_blocks(&reader, block);
  tn_free(&block);
  free(reader.texts);
  free(reader.starts);
  free(reader.fields);
  csv_free(&reader.parser);
  return status;
}
