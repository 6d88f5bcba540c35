/* Strings of the configuration. Plain text stands for itself. Text that begins with a double quote is one or more
 * quoted pieces, with blanks between them, which are joined: "a" "b" is ab. Inside quotes, \" and \\ stand for the
 * character and \xHH for any byte but NUL. */
#ifndef TN_BASE_QUOTE_H
#define TN_BASE_QUOTE_H

#include "base/text.h"

/* True where the string does not survive an INI file as plain text. */
bool tn_quote_needed(const char *string);

/* Appends one quoted piece with as much of the string as fits into about `limit` characters, at least one byte of it.
 * Returns the bytes taken. */
size_t tn_quote_add(tn_text *text, const char *string, size_t limit);

/* Writes what `text` stands for to `string`, at most `size` bytes. Returns NULL, or what is wrong as a static string,
 * and then string is undefined. */
const char *tn_quote_read(const char *text, char *string, size_t size);

#endif
