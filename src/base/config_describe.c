#include "base/config_table.h"

#include <string.h>

enum { KEY_WIDTH = 24, DEFAULT_WIDTH = 21, MEANING_WIDTH = 100 - 2 - KEY_WIDTH - 1 - DEFAULT_WIDTH - 1 };

/* Bytes of `text` that fit into a line: up to a blank where there is one. */
static size_t line_length(const char *text) {
  const size_t length = strlen(text);
  if (length <= MEANING_WIDTH)
    return length;
  for (size_t i = MEANING_WIDTH; i > 0; i--)
    if (text[i] == ' ')
      return i;
  return MEANING_WIDTH;
}

static void describe_option(FILE *stream, const tn_option *option) {
  char buffer[1024];
  tn_text text = tn_text_over(buffer, sizeof buffer);
  if (option->type == TN_OPTION_STRING)
    tn_text_add(&text, "text");
  else
    tn_option_expected(option, &text);
  tn_text_add(&text, ": %s", option->meaning);
  const char *rest = text.data;
  size_t length = line_length(rest);
  const char *fallback = option->fallback[0] ? option->fallback : "(empty)";
  fprintf(stream, "  %-*s %-*s %.*s\n", KEY_WIDTH, option->key, DEFAULT_WIDTH, fallback, (int)length, rest);
  while (rest[length]) {
    rest += length + (rest[length] == ' ');
    length = line_length(rest);
    fprintf(stream, "  %*s %.*s\n", KEY_WIDTH + 1 + DEFAULT_WIDTH, "", (int)length, rest);
  }
}

void tn_config_describe(FILE *stream) {
  int count;
  const tn_option *options = tn_config_options(&count);
  for (int i = 0; i < count; i++) {
    if (tn_config_starts_section(options, i))
      fprintf(stream, "%s[%s]\n  %-*s %-*s values and meaning\n", i == 0 ? "" : "\n", options[i].section, KEY_WIDTH,
              "key", DEFAULT_WIDTH, "default");
    describe_option(stream, &options[i]);
  }
}
