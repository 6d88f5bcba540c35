/* Numbers in text: glibc's strtod and strtof in the C locale are the oracle, and a grammar of examples. */
#include "io/csv_number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the three above */

static locale_t c_locale;

static int make_locale(void **state) {
  (void)state;
  c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  return c_locale == (locale_t)0;
}

static int free_locale(void **state) {
  (void)state;
  freelocale(c_locale);
  return 0;
}

static bool read_text(const char *text, double *value) {
  return tn_csv_number_read(text, (int64_t)strlen(text), c_locale, value);
}

static void check_value(const char *text) {
  double value = 0;
  if (!read_text(text, &value))
    fail_msg("%s is refused", text);
  const double expected = strtod(text, NULL);
  if (memcmp(&value, &expected, sizeof value) != 0) /* the sign of zero too */
    fail_msg("%s: %.17g, expected %.17g", text, value, expected);
}

static void test_grammar(void **state) {
  (void)state;
  static const char *const good[] = {"0",
                                     "-0",
                                     "+7",
                                     "12",
                                     "007",
                                     ".5",
                                     "5.",
                                     "-.5e3",
                                     "1E2",
                                     "1e+2",
                                     "1e-400",
                                     "1e400",
                                     "123456789012345678901234567890",
                                     "0.000000000000000000000000000001",
                                     "9007199254740993",
                                     "999999999999999",
                                     "-1234567890.12345",
                                     "1e22",
                                     "0e0"};
  static const char *const bad[] = {"",    "+",     "-",     ".",        "e5", "1e",    "1e+",  "--1",
                                    "1-",  "1.2.3", "1,5",   " 1",       "1 ", "1_000", "0x1f", "nan",
                                    "inf", "-inf",  "1e5.5", "infinity", "1f", "٣"};
  double value = 0;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    check_value(good[i]);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    if (read_text(bad[i], &value))
      fail_msg("'%s' is taken for %g", bad[i], value);
  assert_false(tn_csv_number_read("1\0002", 3, c_locale, &value)); /* a zero byte within */
}

static void test_what_was_meant(void **state) {
  (void)state;
  static const char *const numbers[] = {"1", "-1.5e3", "nan", "inf", "-Infinity", "0x1f", "1e400"};
  static const char *const words[] = {"", "a", "1a", "1,5", "x1", "label"};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    assert_true(tn_csv_number_is_meant(numbers[i], (int64_t)strlen(numbers[i]), c_locale));
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    assert_false(tn_csv_number_is_meant(words[i], (int64_t)strlen(words[i]), c_locale));
}

/* Digits at random, with and without point and exponent: the short cut and strtod must be one. */
static void test_random_numbers(void **state) {
  (void)state;
  srandom(1);
  for (int i = 0; i < 300000; i++) {
    char text[64];
    int used = 0;
    if (random() % 3 == 0)
      text[used++] = "+-"[random() % 2];
    const int digits = 1 + (int)(random() % 20), point = (int)(random() % 24);
    for (int d = 0; d < digits; d++) {
      if (d == point)
        text[used++] = '.';
      text[used++] = (char)('0' + random() % 10);
    }
    text[used] = '\0';
    if (random() % 4 == 0)
      snprintf(text + used, sizeof text - (size_t)used, "e%d", (int)(random() % 80) - 40);
    check_value(text);
  }
}

/* 1 + 2^-24 + a little: nearest to 1 + 2^-23 as a float, but to 1 + 2^-24 as a double, and then to 1. */
static void test_float_is_rounded_once(void **state) {
  (void)state;
  const char *text = "1.000000059604644775390626";
  assert_true(tn_csv_number_float(text, c_locale) == 1 + 0x1p-23f);
  assert_true((float)strtod(text, NULL) == 1.0f);
}

static void test_other_locales_change_nothing(void **state) {
  (void)state;
  static const char *const with_comma[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "de_DE.utf8"};
  locale_t other = (locale_t)0;
  for (size_t i = 0; i < sizeof with_comma / sizeof with_comma[0] && other == (locale_t)0; i++)
    other = newlocale(LC_ALL_MASK, with_comma[i], (locale_t)0);
  if (other == (locale_t)0)
    skip(); /* none is installed here */
  uselocale(other);
  double value = 0, huge = 0;
  const bool is_read = read_text("1.5", &value) && read_text("1.5e300", &huge) && !read_text("1,5", &value);
  uselocale(LC_GLOBAL_LOCALE);
  freelocale(other);
  assert_true(is_read && value == 1.5 && huge == 1.5e300);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_grammar),
      cmocka_unit_test(test_what_was_meant),
      cmocka_unit_test(test_random_numbers),
      cmocka_unit_test(test_float_is_rounded_once),
      cmocka_unit_test(test_other_locales_change_nothing),
  };
  return cmocka_run_group_tests(tests, make_locale, free_locale);
}
