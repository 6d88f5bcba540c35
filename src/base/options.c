#include "base/options.h"

#include "base/number.h"
#include "base/quote.h"

#include <thinnet/config.h>

#include <math.h>
#include <string.h>

const void *tn_option_field(const tn_option *option, const void *base) {
  return (const char *)base + option->offset;
}

/* Enums are read and written as int: the table's test holds that they have its size. */
static int word_index(const void *field) {
  int index;
  memcpy(&index, field, sizeof index);
  return index;
}

static void write_integers(const tn_int_list *list, tn_text *text) {
  for (int i = 0; i < list->count; i++)
    tn_text_add(text, "%s%lld", i == 0 ? "" : ", ", (long long)list->values[i]);
}

static void write_real(double value, tn_text *text) {
  char number[TN_NUMBER_MAX];
  tn_number_write_real(value, number);
  tn_text_add(text, "%s", number);
}

static void write_reals(const tn_real_list *list, tn_text *text) {
  for (int i = 0; i < list->count; i++) {
    tn_text_add(text, "%s", i == 0 ? "" : ", ");
    write_real(list->values[i], text);
  }
}

static void write_string(const char *string, tn_text *text) {
  if (tn_quote_needed(string))
    tn_quote_add(text, string, SIZE_MAX);
  else
    tn_text_add(text, "%s", string);
}

static void write_weighting(const tn_option *option, const tn_class_weights *weights, tn_text *text) {
  if (weights->mode == TN_CLASS_WEIGHTS_LIST)
    write_reals(&weights->list, text);
  else
    tn_text_add(text, "%s", option->words[weights->mode]);
}

static void write_shape(const tn_image_shape *shape, tn_text *text) {
  if (shape->rows > 0)
    tn_text_add(text, "%lldx%lldx%lld", (long long)shape->rows, (long long)shape->cols, (long long)shape->channels);
}

void tn_option_write(const tn_option *option, const void *base, tn_text *text) {
  const void *field = tn_option_field(option, base);
  switch (option->type) {
  case TN_OPTION_BOOL:
    tn_text_add(text, "%s", *(const bool *)field ? "yes" : "no");
    break;
  case TN_OPTION_INT:
    if (option->special && *(const int64_t *)field < 0)
      tn_text_add(text, "%s", option->special);
    else
      tn_text_add(text, "%lld", (long long)*(const int64_t *)field);
    break;
  case TN_OPTION_REAL:
    if (option->special && *(const double *)field < 0)
      tn_text_add(text, "%s", option->special);
    else
      write_real(*(const double *)field, text);
    break;
  case TN_OPTION_STRING:
    write_string(field, text);
    break;
  case TN_OPTION_CHOICE:
    tn_text_add(text, "%s", option->words[word_index(field)]);
    break;
  case TN_OPTION_INTS:
    write_integers(field, text);
    break;
  case TN_OPTION_REALS:
    write_reals(field, text);
    break;
  case TN_OPTION_WEIGHTING:
    write_weighting(option, field, text);
    break;
  case TN_OPTION_SHAPE:
    write_shape(field, text);
    break;
  }
}

static bool integers_equal(const tn_int_list *a, const tn_int_list *b) {
  return a->count == b->count && memcmp(a->values, b->values, (size_t)a->count * sizeof a->values[0]) == 0;
}

static bool reals_equal(const tn_real_list *a, const tn_real_list *b) {
  bool equal = a->count == b->count;
  for (int i = 0; equal && i < a->count; i++)
    equal = a->values[i] == b->values[i];
  return equal;
}

static bool weightings_equal(const tn_class_weights *a, const tn_class_weights *b) {
  return a->mode == b->mode && (a->mode != TN_CLASS_WEIGHTS_LIST || reals_equal(&a->list, &b->list));
}

bool tn_option_equal(const tn_option *option, const void *a, const void *b) {
  const void *left = tn_option_field(option, a), *right = tn_option_field(option, b);
  switch (option->type) {
  case TN_OPTION_STRING:
    return strcmp(left, right) == 0;
  case TN_OPTION_REAL:
    return *(const double *)left == *(const double *)right;
  case TN_OPTION_INTS:
    return integers_equal(left, right);
  case TN_OPTION_REALS:
    return reals_equal(left, right);
  case TN_OPTION_WEIGHTING:
    return weightings_equal(left, right);
  case TN_OPTION_BOOL:
  case TN_OPTION_INT:
  case TN_OPTION_CHOICE:
  case TN_OPTION_SHAPE:
    return memcmp(left, right, option->size) == 0;
  }
  return false;
}

static void add_whole_range(const tn_option *option, tn_text *text) {
  tn_text_add(text, ", %lld or more, at most %lld", (long long)option->whole.low, (long long)option->whole.high);
}

static void add_real_range(const tn_option *option, tn_text *text) {
  if (option->real.low > -INFINITY)
    tn_text_add(text, option->real.above ? ", above %g" : ", %g or more", option->real.low);
  if (option->real.high < INFINITY)
    tn_text_add(text, option->real.below ? ", below %g" : ", at most %g", option->real.high);
}

static void add_words(const tn_option *option, tn_text *text) {
  for (int i = 0; option->words[i]; i++)
    tn_text_add(text, "%s%s", i == 0 ? "" : ", ", option->words[i]);
}

void tn_option_expected(const tn_option *option, tn_text *text) {
  const char *special = option->special;
  switch (option->type) {
  case TN_OPTION_BOOL:
    tn_text_add(text, "yes or no");
    break;
  case TN_OPTION_INT:
    tn_text_add(text, special ? "%s, or a whole number" : "%sa whole number", special ? special : "");
    add_whole_range(option, text);
    break;
  case TN_OPTION_REAL:
    tn_text_add(text, special ? "%s, or a number" : "%sa number", special ? special : "");
    add_real_range(option, text);
    break;
  case TN_OPTION_STRING:
    tn_text_add(text, "text, at most %zu bytes", option->size - 1);
    break;
  case TN_OPTION_CHOICE:
    tn_text_add(text, "one of ");
    add_words(option, text);
    break;
  case TN_OPTION_INTS:
    tn_text_add(text, "a list of at most %d whole numbers", option->items);
    add_whole_range(option, text);
    break;
  case TN_OPTION_REALS:
    tn_text_add(text, "a list of at most %d numbers", option->items);
    add_real_range(option, text);
    break;
  case TN_OPTION_WEIGHTING:
    add_words(option, text);
    tn_text_add(text, ", or a list of at most %d numbers", option->items);
    add_real_range(option, text);
    break;
  case TN_OPTION_SHAPE:
    tn_text_add(text, "ROWSxCOLSxCHANNELS, e.g. 28x28x1, each %lld or more, at most %lld", (long long)option->whole.low,
                (long long)option->whole.high);
    break;
  }
}
