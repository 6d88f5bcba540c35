#include "base/quote.h"

#include <ctype.h>
#include <string.h>

static bool is_control(char c) {
  return (unsigned char)c < ' ' || c == 0x7f;
}

/* inih trims what isspace() calls a blank, which above ASCII depends on the locale. */
static bool is_safe_edge(char c) {
  return c > ' ' && c < 0x7f;
}

bool tn_quote_needed(const char *string) {
  const size_t length = strlen(string);
  if (length == 0)
    return false;
  if (!is_safe_edge(string[0]) || !is_safe_edge(string[length - 1]))
    return true;
  for (const char *c = string; *c; c++)
    if (is_control(*c) || strchr("\";#", *c))
      return true;
  return false;
}

/* Characters a byte takes in a line, where the reader may have to write ; and # as \xHH. */
static size_t quoted_width(char c) {
  if (is_control(c) || c == ';' || c == '#')
    return 4;
  return c == '"' || c == '\\' ? 2 : 1;
}

size_t tn_quote_add(tn_text *text, const char *string, size_t limit) {
  size_t taken = 0, width = 2;
  tn_text_add(text, "\"");
  while (string[taken] && (taken == 0 || width + quoted_width(string[taken]) <= limit)) {
    const char c = string[taken++];
    width += quoted_width(c);
    if (is_control(c)) {
      tn_text_add(text, "\\x%02x", (unsigned)(unsigned char)c);
      continue;
    }
    if (c == '"' || c == '\\')
      tn_text_add_bytes(text, "\\", 1);
    tn_text_add_bytes(text, &c, 1);
  }
  tn_text_add(text, "\"");
  return taken;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  const int lower = tolower((unsigned char)c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Reads what follows a backslash; *c moves to its last character. Returns the byte, or 0 where it is no escape. */
static char read_escape(const char **c) {
  if (**c == '"' || **c == '\\')
    return **c;
  if (**c != 'x' || hex_digit((*c)[1]) < 0 || hex_digit((*c)[2]) < 0)
    return '\0';
  const int byte = 16 * hex_digit((*c)[1]) + hex_digit((*c)[2]);
  *c += 2;
  return (char)byte;
}

/* Reads one piece whose opening quote is at *text, and moves *text behind the closing one. */
static const char *read_piece(const char **text, tn_text *string) {
  const char *c = *text + 1;
  for (; *c != '"'; c++) {
    char byte = *c;
    if (byte == '\\') {
      c++;
      byte = read_escape(&c);
      if (byte == '\0')
        return "a backslash inside quotes stands only before \", before another backslash, or in \\xHH (not \\x00)";
    }
    if (byte == '\0')
      return "the closing double quote is missing";
    tn_text_add_bytes(string, &byte, 1);
  }
  *text = c + 1;
  return NULL;
}

const char *tn_quote_read(const char *text, char *string, size_t size) {
  tn_text result = tn_text_over(string, size);
  if (*text != '"') {
    tn_text_add_bytes(&result, text, strlen(text));
  } else {
    while (*text) {
      if (*text != '"')
        return "text follows the closing double quote";
      const char *problem = read_piece(&text, &result);
      if (problem)
        return problem;
      text += strspn(text, " \t");
    }
  }
  return result.cut ? "the text is too long" : NULL;
}
