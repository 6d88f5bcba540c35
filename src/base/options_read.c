#include "base/distance.h"
#include "base/number.h"
#include "base/options.h"
#include "base/quote.h"

#include <thinnet/config.h>

#include <string.h>
#include <strings.h>

enum { SHOWN_MAX = 80, ITEM_MAX = 40 };

static const char *const bool_words[] = {"no", "yes", "false", "true", "off", "on", "0", "1", NULL};

/* "section.key: found F, expected E"; with a list of words also the nearest of them, or what the key is for. */
static tn_status refuse(const tn_option *option, const char *found, const char *const *words) {
  char expected[512];
  tn_text text = tn_text_over(expected, sizeof expected);
  tn_option_expected(option, &text);
  const char *nearest = words ? tn_distance_nearest(found, words) : NULL;
  /* a word of which half would have to change was hardly meant */
  if (nearest && 2 * tn_distance(found, nearest) <= (int)strlen(nearest))
    tn_text_add(&text, "; did you mean %s?", nearest);
  else if (words && words != bool_words)
    tn_text_add(&text, " (%s)", option->meaning);
  if (*found == '\0')
    return tn_fail(TN_ERR_CONFIG, "%s.%s: found no value, expected %s", option->section, option->key, expected);
  return tn_fail(TN_ERR_CONFIG, "%s.%s: found \"%.*s%s\", expected %s", option->section, option->key, SHOWN_MAX, found,
                 strlen(found) > SHOWN_MAX ? "..." : "", expected);
}

/* The place of a word in a list, whatever its case, or -1. */
static int find_word(const char *const *words, const char *text) {
  for (int i = 0; words[i]; i++)
    if (strcasecmp(words[i], text) == 0)
      return i;
  return -1;
}

static bool read_whole(const tn_option *option, const char *text, int64_t *value) {
  int64_t number;
  if (!tn_number_read_int(text, &number) || number < option->whole.low || number > option->whole.high)
    return false;
  *value = number;
  return true;
}

static bool read_real(const tn_option *option, const char *text, double *value) {
  double number;
  if (!tn_number_read_real(text, &number))
    return false;
  if (option->real.above ? number <= option->real.low : number < option->real.low)
    return false;
  if (option->real.below ? number >= option->real.high : number > option->real.high)
    return false;
  *value = number;
  return true;
}

static bool is_special(const tn_option *option, const char *text) {
  return option->special && strcasecmp(text, option->special) == 0;
}

/* Takes the next item of a list at *text into `item`: between blanks or at most one comma. False at the end. */
static bool next_item(const char **text, char item[ITEM_MAX + 1], bool first) {
  const char *start = *text + strspn(*text, " \t");
  if (*start == '\0')
    return false;
  if (*start == ',' && !first)
    start += 1 + strspn(start + 1, " \t");
  const size_t length = strcspn(start, ", \t");
  *text = start + length;
  const size_t taken = length < ITEM_MAX ? length : ITEM_MAX;
  memcpy(item, start, taken);
  item[taken] = '\0';
  return true;
}

/* Where a list may hold no more, or an item is bad: the message names the item. */
static tn_status refuse_item(const tn_option *option, const char *item, int position) {
  if (position >= option->items)
    return tn_fail(TN_ERR_CONFIG, "%s.%s: found more than %d values, which is all this key takes", option->section,
                   option->key, option->items);
  const tn_status status = refuse(option, item, NULL);
  return tn_fail(status, "%s (value %d of the list)", tn_error_message(), position + 1);
}

static tn_status read_integers(const tn_option *option, const char *text, tn_int_list *list) {
  tn_int_list read = {0};
  char item[ITEM_MAX + 1];
  while (next_item(&text, item, read.count == 0)) {
    if (read.count >= option->items || !read_whole(option, item, &read.values[read.count]))
      return refuse_item(option, item, read.count);
    read.count++;
  }
  *list = read;
  return TN_OK;
}

static tn_status read_reals(const tn_option *option, const char *text, tn_real_list *list) {
  tn_real_list read = {0};
  char item[ITEM_MAX + 1];
  while (next_item(&text, item, read.count == 0)) {
    if (read.count >= option->items || !read_real(option, item, &read.values[read.count]))
      return refuse_item(option, item, read.count);
    read.count++;
  }
  *list = read;
  return TN_OK;
}

static tn_status read_string(const tn_option *option, const char *text, char *field) {
  char string[TN_PATH_MAX] = {0}; /* zeros to the end, so that equal values are equal bytes */
  const char *problem = tn_quote_read(text, string, option->size);
  if (problem) {
    const tn_status status = refuse(option, text, NULL);
    return tn_fail(status, "%s: %s", tn_error_message(), problem);
  }
  memset(string + strlen(string), 0, sizeof string - strlen(string));
  memcpy(field, string, option->size);
  return TN_OK;
}

static tn_status read_bool(const tn_option *option, const char *text, bool *field) {
  const int index = find_word(bool_words, text);
  if (index < 0)
    return refuse(option, text, bool_words);
  *field = index % 2 == 1;
  return TN_OK;
}

static tn_status read_choice(const tn_option *option, const char *text, void *field) {
  const int index = find_word(option->words, text);
  if (index < 0)
    return refuse(option, text, option->words);
  memcpy(field, &index, sizeof index);
  return TN_OK;
}

static tn_status read_weighting(const tn_option *option, const char *text, tn_class_weights *field) {
  tn_class_weights read = {.mode = TN_CLASS_WEIGHTS_LIST};
  const int index = find_word(option->words, text);
  if (index >= 0)
    read.mode = (tn_class_weighting)index;
  else if (*text == '\0' || strspn(text, "+-.0123456789eE, \t") != strlen(text))
    return refuse(option, text, option->words);
  else
    TN_TRY(read_reals(option, text, &read.list));
  *field = read;
  return TN_OK;
}

/* One of the three numbers, up to `end` of the text. */
static bool read_side(const tn_option *option, const char *text, const char *end, int64_t *side) {
  char number[ITEM_MAX + 1];
  const size_t length = (size_t)(end - text);
  if (length > ITEM_MAX)
    return false;
  memcpy(number, text, length);
  number[length] = '\0';
  return read_whole(option, number, side);
}

static tn_status read_shape(const tn_option *option, const char *text, tn_image_shape *field) {
  tn_image_shape read = {0};
  if (*text != '\0') {
    const char *cols = strpbrk(text, "xX");
    const char *channels = cols ? strpbrk(cols + 1, "xX") : NULL;
    if (!channels || !read_side(option, text, cols, &read.rows) || !read_side(option, cols + 1, channels, &read.cols) ||
        !read_side(option, channels + 1, text + strlen(text), &read.channels))
      return refuse(option, text, NULL);
  }
  *field = read;
  return TN_OK;
}

tn_status tn_option_read(const tn_option *option, void *base, const char *text) {
  void *field = (char *)base + option->offset;
  switch (option->type) {
  case TN_OPTION_BOOL:
    return read_bool(option, text, field);
  case TN_OPTION_INT:
    if (is_special(option, text))
      *(int64_t *)field = -1;
    else if (!read_whole(option, text, field))
      return refuse(option, text, NULL);
    return TN_OK;
  case TN_OPTION_REAL:
    if (is_special(option, text))
      *(double *)field = -1;
    else if (!read_real(option, text, field))
      return refuse(option, text, NULL);
    return TN_OK;
  case TN_OPTION_STRING:
    return read_string(option, text, field);
  case TN_OPTION_CHOICE:
    return read_choice(option, text, field);
  case TN_OPTION_INTS:
    return read_integers(option, text, field);
  case TN_OPTION_REALS:
    return read_reals(option, text, field);
  case TN_OPTION_WEIGHTING:
    return read_weighting(option, text, field);
  case TN_OPTION_SHAPE:
    return read_shape(option, text, field);
  }
  return tn_fail(TN_ERR_INTERNAL, "%s.%s: the option table holds no type %d", option->section, option->key,
                 (int)option->type);
}
