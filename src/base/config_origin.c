#include "base/config_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static ptrdiff_t option_index(const tn_option *option) {
  int count;
  return option - tn_config_options(&count);
}

void tn_config_set_origin_file(tn_config *config, const char *name) {
  tn_config_origin *origin = &config->origin;
  if (strncmp(origin->file, name, sizeof origin->file - 1) == 0)
    return;
  for (int i = 0; i < TN_CONFIG_KEYS_MAX; i++)
    if (origin->line[i] > 0)
      origin->line[i] = 0;
  memset(origin->file, 0, sizeof origin->file);
  memcpy(origin->file, name, strnlen(name, sizeof origin->file - 1));
}

void tn_config_set_origin(tn_config *config, const tn_option *option, int line) {
  config->origin.line[option_index(option)] = line;
}

static tn_status fail_at(const tn_config *config, const tn_option *option, tn_status status, const char *text) {
  const int line = config->origin.line[option_index(option)];
  if (line > 0)
    return tn_fail(status, "%s:%d: %s", config->origin.file, line, text);
  return tn_fail(status, "%s%s", line == TN_ORIGIN_OVERRIDE ? "-s " : "", text);
}

tn_status tn_config_fail(const tn_config *config, const tn_option *option, const char *format, ...) {
  char text[TN_MESSAGE_MAX];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return fail_at(config, option, TN_ERR_CONFIG, text);
}

tn_status tn_config_add_origin(const tn_config *config, tn_status status) {
  char text[TN_MESSAGE_MAX], name[64];
  if (status == TN_OK)
    return status;
  snprintf(text, sizeof text, "%s", tn_error_message());
  snprintf(name, sizeof name, "%.*s", (int)strcspn(text, " =:"), text);
  const tn_option *option = tn_config_find_name(name);
  return option ? fail_at(config, option, status, text) : status;
}
