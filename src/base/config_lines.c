#include "base/config_lines.h"

#include "base/text.h"

#include <string.h>

static const char *skip_blanks(const char *text, const char *end) {
  while (text < end && (*text == ' ' || *text == '\t'))
    text++;
  return text;
}

static const char *trim_end(const char *text, const char *end) {
  while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
    end--;
  return end;
}

static bool is_comment(char c) {
  return c == ';' || c == '#';
}

/* Behind "word =" or "word :", or NULL where the text does not start like that. */
static const char *find_value(const char *text, const char *end) {
  const char *c = text;
  while (c < end && (*c == '_' || *c == '.' || *c == '-' || (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
                     (*c >= 'A' && *c <= 'Z')))
    c++;
  if (c == text)
    return NULL;
  c = skip_blanks(c, end);
  return c < end && (*c == '=' || *c == ':') ? skip_blanks(c + 1, end) : NULL;
}

static tn_ini_kind find_kind(const char *text, const char *end, bool indented) {
  if (text == end || is_comment(*text))
    return TN_INI_BLANK;
  if (*text == '[')
    return TN_INI_SECTION;
  return indented && !find_value(text, end) ? TN_INI_CONTINUATION : TN_INI_KEY;
}

/* Appends a value up to its comment. inih would see a comment inside quotes too, so there its first character goes on
 * as an escape. */
static void add_value(tn_text *text, const char *value, const char *end) {
  const bool quotes = value < end && *value == '"';
  bool inside = false;
  for (const char *c = value; c < end; c++) {
    const bool opens_comment = is_comment(*c) && (c == value || c[-1] == ' ' || c[-1] == '\t');
    if (opens_comment && !inside)
      return;
    if (quotes && *c == '"')
      inside = !inside;
    if (opens_comment)
      tn_text_add(text, "\\x%02x", (unsigned)*c);
    else
      tn_text_add_bytes(text, c, 1);
    if (inside && *c == '\\' && c + 1 < end)
      tn_text_add_bytes(text, ++c, 1);
  }
}

static tn_status check_characters(const tn_ini_lines *lines, const char *text, const char *end) {
  for (const char *c = text; c < end; c++)
    if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
      return tn_fail(TN_ERR_CONFIG, "%s:%d: found the control character 0x%02x, expected text: is this an INI file?",
                     lines->name, lines->line, (unsigned)(unsigned char)*c);
  return TN_OK;
}

static tn_status check_section(const tn_ini_lines *lines, const char *text, const char *end) {
  const char *close = memchr(text, ']', (size_t)(end - text));
  const char *rest = close ? skip_blanks(close + 1, end) : end;
  if (close && (rest == end || is_comment(*rest)))
    return TN_OK;
  return tn_fail(TN_ERR_CONFIG, "%s:%d: found \"%.*s\", expected [section] alone on its line", lines->name, lines->line,
                 (int)(end - text < 80 ? end - text : 80), text);
}

/* Appends the line of this kind as inih is to see it. */
static void add_line(tn_text *text, tn_ini_kind kind, const char *start, const char *end) {
  const char *value = kind == TN_INI_KEY ? find_value(start, end) : NULL;
  if (kind == TN_INI_CONTINUATION)
    tn_text_add(text, " ");
  if (kind == TN_INI_SECTION)
    end = (const char *)memchr(start, ']', (size_t)(end - start)) + 1;
  if (value)
    tn_text_add_bytes(text, start, (size_t)(value - start));
  if (kind != TN_INI_BLANK)
    add_value(text, value ? value : start, end);
}

tn_ini_lines tn_ini_lines_start(const char *text, const char *name) {
  if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
    text += 3;
  return (tn_ini_lines){.name = name, .next = text};
}

tn_status tn_ini_lines_next(tn_ini_lines *lines, char *line, size_t size, bool *more) {
  *more = *lines->next != '\0';
  if (!*more)
    return TN_OK;
  const char *start = lines->next, *end = start + strcspn(start, "\n");
  lines->next = *end ? end + 1 : end;
  lines->line++;
  if (*end && end > start && end[-1] == '\r')
    end--;
  TN_TRY(check_characters(lines, start, end));
  end = trim_end(start, end);
  const char *first = skip_blanks(start, end);
  lines->kind = find_kind(first, end, first > start);
  if (lines->kind == TN_INI_SECTION)
    TN_TRY(check_section(lines, first, end));
  tn_text text = tn_text_over(line, size < TN_INI_LINE_MAX + 2 ? size : TN_INI_LINE_MAX + 2);
  add_line(&text, lines->kind, first, end);
  tn_text_add(&text, "\n");
  if (text.cut)
    return tn_fail(TN_ERR_CONFIG,
                   "%s:%d: the line is longer than %zu bytes: go on in the next line, indented (text in double quotes, "
                   "\"one piece\" below \"the other\")",
                   lines->name, lines->line, text.capacity - 2);
  return TN_OK;
}
