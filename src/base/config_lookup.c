#include "base/config_table.h"
#include "base/distance.h"

#include <limits.h>
#include <string.h>

const tn_option *tn_config_find(const char *section, const char *key) {
  int count;
  const tn_option *options = tn_config_options(&count);
  for (int i = 0; i < count; i++)
    if (strcmp(options[i].section, section) == 0 && strcmp(options[i].key, key) == 0)
      return &options[i];
  return NULL;
}

const tn_option *tn_config_find_name(const char *name) {
  int count;
  const tn_option *options = tn_config_options(&count);
  for (int i = 0; i < count; i++) {
    const size_t length = strlen(options[i].section);
    if (strncmp(options[i].section, name, length) == 0 && name[length] == '.' &&
        strcmp(options[i].key, name + length + 1) == 0)
      return &options[i];
  }
  return NULL;
}

/* A wrong section, however wrong, weighs as much as one wrong letter of the key. */
static int section_distance(const char *a, const char *b) {
  const int distance = tn_distance(a, b);
  return distance < 2 ? distance : 2;
}

const tn_option *tn_config_nearest(const char *section, const char *key) {
  int count;
  const tn_option *options = tn_config_options(&count), *nearest = options;
  int nearest_distance = INT_MAX;
  for (int i = 0; i < count; i++) {
    const int distance = 2 * tn_distance(options[i].key, key) + section_distance(options[i].section, section);
    if (distance < nearest_distance) {
      nearest = &options[i];
      nearest_distance = distance;
    }
  }
  return nearest;
}

bool tn_config_starts_section(const tn_option *options, int index) {
  return index == 0 || strcmp(options[index].section, options[index - 1].section) != 0;
}

bool tn_config_has_section(const char *section) {
  int count;
  const tn_option *options = tn_config_options(&count);
  for (int i = 0; i < count; i++)
    if (strcmp(options[i].section, section) == 0)
      return true;
  return false;
}

const char *tn_config_nearest_section(const char *section) {
  int count, nearest_distance = INT_MAX;
  const tn_option *options = tn_config_options(&count);
  const char *nearest = "";
  for (int i = 0; i < count; i++) {
    const int distance = tn_distance(options[i].section, section);
    if (distance < nearest_distance) {
      nearest = options[i].section;
      nearest_distance = distance;
    }
  }
  return nearest;
}

void tn_config_list_sections(tn_text *text) {
  int count;
  const tn_option *options = tn_config_options(&count);
  for (int i = 0; i < count; i++)
    if (tn_config_starts_section(options, i))
      tn_text_add(text, "%s%s", i == 0 ? "" : ", ", options[i].section);
}

const char *tn_config_word(const char *key, int value) {
  const tn_option *option = tn_config_find_name(key);
  if (!option || !option->words)
    return NULL;
  for (int i = 0; option->words[i]; i++)
    if (i == value)
      return option->words[i];
  return NULL;
}
