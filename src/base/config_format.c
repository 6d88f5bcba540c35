#include "base/config_lines.h"
#include "base/config_table.h"
#include "base/quote.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_WIDTH = 100, PIECE_WIDTH = TN_INI_LINE_MAX - 60 };

/* A list goes on in the next line before it grows wider than LIST_WIDTH. */
static void add_folded(tn_text *text, size_t indent, const char *value) {
  size_t column = indent;
  for (const char *end; *value; value = end) {
    end = value + strcspn(value, " ");
    end += strspn(end, " ");
    if (column + (size_t)(end - value) > LIST_WIDTH && column > indent) {
      tn_text_add(text, "\n%*s", (int)indent, "");
      column = indent;
    }
    tn_text_add_bytes(text, value, (size_t)(end - value));
    column += (size_t)(end - value);
  }
}

static void add_string(tn_text *text, size_t indent, const char *string) {
  if (!tn_quote_needed(string) && strlen(string) <= PIECE_WIDTH) {
    tn_text_add(text, "%s", string);
    return;
  }
  while (*string) {
    string += tn_quote_add(text, string, PIECE_WIDTH);
    if (*string)
      tn_text_add(text, "\n%*s", (int)indent, "");
  }
}

static void add_key(tn_text *text, const tn_option *option, const tn_config *config) {
  const size_t indent = strlen(option->key) + strlen(" = ");
  tn_text value = tn_text_growing();
  tn_option_write(option, config, &value);
  tn_text_add(text, "%s =%s", option->key, value.length > 0 ? " " : "");
  if (option->type == TN_OPTION_STRING)
    add_string(text, indent, tn_option_field(option, config));
  else if (value.length > 0)
    add_folded(text, indent, value.data);
  tn_text_add(text, "\n");
  if (value.cut)
    tn_text_fail(text);
  free(value.data);
}

char *tn_config_format(const tn_config *config) {
  int count;
  const tn_option *options = tn_config_options(&count);
  tn_text text = tn_text_growing();
  for (int i = 0; i < count; i++) {
    if (tn_config_starts_section(options, i))
      tn_text_add(&text, "%s[%s]\n", i == 0 ? "" : "\n", options[i].section);
    add_key(&text, &options[i], config);
  }
  return text.data;
}
