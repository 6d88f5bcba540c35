/* The lines of an INI text as inih is to see them: counted, without comments behind values, without indentation that
 * means nothing, and short enough for its buffer. inih tells its handler neither line nor error, so whoever handles a
 * key asks here. */
#ifndef TN_BASE_CONFIG_LINES_H
#define TN_BASE_CONFIG_LINES_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* inih's usual buffer of 200 bytes holds a line, its newline and a NUL. */
#define TN_INI_LINE_MAX 198

typedef enum tn_ini_kind { TN_INI_BLANK, TN_INI_SECTION, TN_INI_KEY, TN_INI_CONTINUATION } tn_ini_kind;

typedef struct tn_ini_lines {
  const char *name; /* of the file, for messages */
  const char *next; /* what has not been read */
  int line;         /* number of the line read last, 1 for the first */
  tn_ini_kind kind; /* of the line read last */
} tn_ini_lines;

/* Starts at a NUL-terminated text, behind its byte order mark where it has one. Both strings are borrowed. */
tn_ini_lines tn_ini_lines_start(const char *text, const char *name);

/* Writes the next line with a newline to `line` (`size` bytes; *more false at the end). TN_ERR_CONFIG names file and
 * line: it is too long, has control characters, or text behind a section. */
tn_status tn_ini_lines_next(tn_ini_lines *lines, char *line, size_t size, bool *more);

#endif
