#include "base/config_lines.h"
#include "base/config_table.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTION_NAME_MAX = 63, FILE_BYTES_MAX = 1 << 20 };

/* A text being read: the lines that inih asks for, and the keys that it hands over. */
typedef struct reading {
  tn_ini_lines lines;
  tn_config config;             /* what is read, until all of it has proved good */
  int seen[TN_CONFIG_KEYS_MAX]; /* line of each key in this text, or 0 */
  const tn_option *option;      /* the key whose value may still go on in the next line */
  tn_text value;                /* and its value so far */
  char section[SECTION_NAME_MAX + 1];
  int section_line; /* 0 before the first */
  tn_status status;
  int error_line;
} reading;

static void fail_at(reading *r, int line, tn_status status) {
  if (r->status != TN_OK)
    return;
  r->status = status;
  r->error_line = line;
}

static int *seen_line(reading *r) {
  int count;
  return &r->seen[r->option - tn_config_options(&count)];
}

/* The value of the key before is complete. */
static void finish_key(reading *r) {
  if (!r->option || r->status != TN_OK)
    return;
  const int line = *seen_line(r);
  if (!r->value.data)
    fail_at(r, line, tn_fail(TN_ERR_MEMORY, "%s:%d: out of memory", r->lines.name, line));
  else if (tn_option_read(r->option, &r->config, r->value.data) != TN_OK)
    fail_at(r, line, tn_fail_in(TN_ERR_CONFIG, "%s:%d", r->lines.name, line));
  tn_config_set_origin(&r->config, r->option, line);
  tn_text_empty(&r->value);
  r->option = NULL;
}

/* Unknown keys are reported as such, so this meets only an unknown section that holds none. */
static void finish_section(reading *r) {
  finish_key(r);
  if (r->status != TN_OK || r->section_line == 0 || tn_config_has_section(r->section))
    return;
  char names[256];
  tn_text text = tn_text_over(names, sizeof names);
  tn_config_list_sections(&text);
  fail_at(r, r->section_line,
          tn_fail(TN_ERR_CONFIG, "%s:%d: there is no section [%s]; did you mean [%s]? Sections are %s", r->lines.name,
                  r->section_line, r->section, tn_config_nearest_section(r->section), names));
}

static void start_section(reading *r, const char *line) {
  finish_section(r);
  const size_t length = strcspn(line + 1, "]");
  snprintf(r->section, sizeof r->section, "%.*s", (int)(length < SECTION_NAME_MAX ? length : SECTION_NAME_MAX),
           line + 1);
  r->section_line = r->lines.line;
}

/* inih's reader. Ends the text early after an error: there is nothing more to learn from it. */
static char *read_line(char *line, int size, void *user) {
  reading *r = user;
  bool more = false;
  if (r->status == TN_OK && size > 0) {
    const tn_status status = tn_ini_lines_next(&r->lines, line, (size_t)size, &more);
    if (status != TN_OK)
      fail_at(r, r->lines.line, status);
  }
  if (more && r->status == TN_OK && r->lines.kind == TN_INI_SECTION)
    start_section(r, line);
  return more && r->status == TN_OK ? line : NULL;
}

static tn_status fail_unknown(const char *place, const char *section, const char *key) {
  const tn_option *nearest = tn_config_nearest(section, key);
  if (section[0] == '\0')
    return tn_fail(TN_ERR_CONFIG, "%s: \"%s\" stands before any [section]; did you mean %s below [%s]?", place, key,
                   nearest->key, nearest->section);
  return tn_fail(TN_ERR_CONFIG, "%s: there is no key %s.%s; did you mean %s.%s?", place, section, key, nearest->section,
                 nearest->key);
}

static void start_key(reading *r, const char *section, const char *key) {
  char place[TN_PATH_MAX + 16];
  snprintf(place, sizeof place, "%s:%d", r->lines.name, r->lines.line);
  finish_key(r);
  if (r->status != TN_OK)
    return;
  r->option = tn_config_find(section, key);
  if (!r->option) {
    fail_at(r, r->lines.line, fail_unknown(place, section, key));
  } else if (*seen_line(r)) {
    fail_at(r, r->lines.line,
            tn_fail(TN_ERR_CONFIG, "%s: %s.%s stands already in line %d: remove one of the two", place, section, key,
                    *seen_line(r)));
  } else {
    *seen_line(r) = r->lines.line;
  }
}

/* inih's handler: a key with its value, or the same key again with what an indented line adds. */
static int take_key(void *user, const char *section, const char *key, const char *value) {
  reading *r = user;
  if (r->lines.kind != TN_INI_CONTINUATION || !r->option || strcmp(r->option->key, key) != 0)
    start_key(r, section, key);
  else if (r->option->type == TN_OPTION_STRING && value[0] != '"')
    fail_at(r, r->lines.line,
            tn_fail(TN_ERR_CONFIG,
                    "%s:%d: found \"%.80s\" in an indented line below %s.%s, expected key = value, or text in double "
                    "quotes that goes on with the one above",
                    r->lines.name, r->lines.line, value, section, key));
  if (r->status == TN_OK)
    tn_text_add(&r->value, "%s%s", r->value.length > 0 ? " " : "", value);
  return 1;
}

/* Line `number` of the text, for a message: at most 80 bytes. */
static tn_status fail_syntax(const char *text, const char *name, int number) {
  tn_ini_lines lines = tn_ini_lines_start(text, name);
  text = lines.next;
  for (int i = 1; i < number; i++) {
    text += strcspn(text, "\n");
    text += *text == '\n';
  }
  const size_t length = strcspn(text, "\r\n");
  return tn_fail(TN_ERR_CONFIG, "%s:%d: found \"%.*s\", expected [section], key = value or a comment", name, number,
                 (int)(length < 80 ? length : 80), text);
}

static tn_status read_into(reading *r, const char *text, const char *name) {
  r->lines = tn_ini_lines_start(text, name);
  r->value = tn_text_growing();
  const int bad_line = ini_parse_stream(read_line, r, take_key, r);
  finish_section(r);
  free(r->value.data);
  if (bad_line < 0)
    return tn_fail(TN_ERR_MEMORY, "%s: out of memory", name);
  if (bad_line > 0 && (r->status == TN_OK || bad_line < r->error_line))
    return fail_syntax(text, name, bad_line);
  return r->status;
}

tn_status tn_config_read_text(tn_config *config, const char *text, const char *name) {
  reading *r = calloc(1, sizeof *r);
  if (!r)
    return tn_fail(TN_ERR_MEMORY, "%s: out of memory", name);
  r->config = *config;
  tn_config_set_origin_file(&r->config, name);
  const tn_status status = read_into(r, text, name);
  if (status == TN_OK)
    *config = r->config;
  free(r);
  return status;
}

static tn_status read_stream(FILE *stream, const char *path, char *text) {
  const size_t length = fread(text, 1, FILE_BYTES_MAX + 1, stream);
  if (ferror(stream))
    return tn_fail_errno(TN_ERR_CONFIG, errno, "the configuration file %s cannot be read", path);
  if (length > FILE_BYTES_MAX)
    return tn_fail(TN_ERR_CONFIG, "%s: found more than %d bytes, expected an INI file", path, (int)FILE_BYTES_MAX);
  text[length] = '\0';
  if (strlen(text) < length)
    return tn_fail(TN_ERR_CONFIG, "%s: found a NUL byte, expected an INI file", path);
  return TN_OK;
}

tn_status tn_config_read(tn_config *config, const char *path) {
  FILE *stream = fopen(path, "rb");
  if (!stream)
    return tn_fail_errno(TN_ERR_CONFIG, errno, "the configuration file %s cannot be opened", path);
  char *text = malloc(FILE_BYTES_MAX + 1);
  tn_status status = text ? read_stream(stream, path, text) : tn_fail(TN_ERR_MEMORY, "%s: out of memory", path);
  if (status == TN_OK)
    status = tn_config_read_text(config, text, path);
  free(text);
  fclose(stream);
  return status;
}

/* A copy of the text from start to end without blanks around it, freed with free(). */
static char *copy_trimmed(const char *start, const char *end) {
  start += strspn(start, " \t");
  while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
    end--;
  return strndup(start, end > start ? (size_t)(end - start) : 0);
}

static tn_status fail_unknown_name(const char *assignment, char *name) {
  char place[128];
  snprintf(place, sizeof place, "-s %.100s", assignment);
  char *dot = strchr(name, '.');
  if (dot) {
    *dot = '\0';
    return fail_unknown(place, name, dot + 1);
  }
  const tn_option *nearest = tn_config_nearest("", name);
  return tn_fail(TN_ERR_CONFIG, "%s: \"%s\" has no section; did you mean %s.%s?", place, name, nearest->section,
                 nearest->key);
}

static tn_status set_value(tn_config *config, const char *assignment, char *name, const char *value) {
  const tn_option *option = tn_config_find_name(name);
  if (!option)
    return fail_unknown_name(assignment, name);
  if (tn_option_read(option, config, value) != TN_OK)
    return tn_fail_in(TN_ERR_CONFIG, "-s %.100s", assignment);
  tn_config_set_origin(config, option, TN_ORIGIN_OVERRIDE);
  return TN_OK;
}

tn_status tn_config_set(tn_config *config, const char *assignment) {
  const char *equals = strchr(assignment, '=');
  if (!equals)
    return tn_fail(TN_ERR_CONFIG, "-s %.100s: found no \"=\", expected section.key=value", assignment);
  char *name = copy_trimmed(assignment, equals);
  char *value = copy_trimmed(equals + 1, equals + strlen(equals));
  const tn_status status = name && value ? set_value(config, assignment, name, value)
                                         : tn_fail(TN_ERR_MEMORY, "-s %.100s: out of memory", assignment);
  free(name);
  free(value);
  return status;
}
