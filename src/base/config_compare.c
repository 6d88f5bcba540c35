#include "base/config_table.h"

#include <string.h>

/* All keys that may grow or be left to the run are whole numbers. */
static int64_t whole_value(const tn_option *option, const tn_config *config) {
  return *(const int64_t *)tn_option_field(option, config);
}

/* What leaves a number to the run: 0, or the special word's -1 where there is one. */
static bool leaves_to_run(const tn_option *option, const tn_config *config) {
  return option->special ? whole_value(option, config) < 0 : whole_value(option, config) == 0;
}

static bool is_adopted(const tn_option *option, const tn_config *now) {
  return option->resume == TN_RESUME_MAY_ADOPT && leaves_to_run(option, now);
}

void tn_config_adopt(const tn_config *stored, tn_config *now) {
  int count;
  const tn_option *options = tn_config_options(&count);
  for (int i = 0; i < count; i++)
    if (is_adopted(&options[i], now))
      memcpy((char *)now + options[i].offset, tn_option_field(&options[i], stored), options[i].size);
}

static bool conflicts(const tn_option *option, const tn_config *stored, const tn_config *now) {
  if (tn_option_equal(option, stored, now))
    return false;
  switch (option->resume) {
  case TN_RESUME_FREE:
    return false;
  case TN_RESUME_MAY_GROW:
    return whole_value(option, now) < whole_value(option, stored);
  case TN_RESUME_MAY_ADOPT:
    return !is_adopted(option, now);
  case TN_RESUME_KEEPS:
    break;
  }
  return true;
}

static bool differs(const tn_option *option, const tn_config *one, const tn_config *other) {
  return !tn_option_equal(option, one, other);
}

static void add_name(const tn_option *option, const tn_config *one, const tn_config *other, tn_text *text) {
  (void)one;
  (void)other;
  tn_text_add(text, "%s.%s", option->section, option->key);
}

/* A list may be long: its first values do. */
static void add_value(const tn_option *option, const tn_config *config, tn_text *text) {
  char buffer[48];
  tn_text value = tn_text_over(buffer, sizeof buffer);
  tn_option_write(option, config, &value);
  tn_text_add(text, "%s%s", value.length > 0 ? buffer : "nothing", value.cut ? "..." : "");
}

static void add_conflict(const tn_option *option, const tn_config *stored, const tn_config *now, tn_text *text) {
  tn_text_add(text, "%s.%s = ", option->section, option->key);
  add_value(option, now, text);
  tn_text_add(text, " (");
  add_value(option, stored, text);
  tn_text_add(text, option->resume == TN_RESUME_MAY_GROW ? " there, and may only grow)" : " there)");
}

/* Lists the keys for which `is_meant` holds, each as `add` writes it, and returns their number. */
static int list_keys(bool (*is_meant)(const tn_option *, const tn_config *, const tn_config *),
                     void (*add)(const tn_option *, const tn_config *, const tn_config *, tn_text *),
                     const tn_config *one, const tn_config *other, char *keys, size_t size) {
  int count, found = 0;
  const tn_option *options = tn_config_options(&count);
  char none[1];
  tn_text text = size > 0 ? tn_text_over(keys, size) : tn_text_over(none, sizeof none);
  for (int i = 0; i < count; i++)
    if (is_meant(&options[i], one, other)) {
      tn_text_add(&text, "%s", found++ ? ", " : "");
      add(&options[i], one, other, &text);
    }
  return found;
}

int tn_config_differences(const tn_config *one, const tn_config *other, char *keys, size_t size) {
  return list_keys(differs, add_name, one, other, keys, size);
}

int tn_config_resume_conflicts(const tn_config *stored, const tn_config *now, char *keys, size_t size) {
  return list_keys(conflicts, add_conflict, stored, now, keys, size);
}
