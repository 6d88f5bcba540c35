#include "base/number.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A program that embeds the library may have set a locale with a decimal comma. */
static locale_t enter_c_locale(locale_t *c_locale) {
  *c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  return *c_locale ? uselocale(*c_locale) : (locale_t)0;
}

static void leave_c_locale(locale_t c_locale, locale_t before) {
  if (!c_locale)
    return;
  uselocale(before);
  freelocale(c_locale);
}

bool tn_number_read_int(const char *text, int64_t *value) {
  if (strspn(text, "+-0123456789") != strlen(text))
    return false;
  char *end = NULL;
  errno = 0;
  const long long parsed = strtoll(text, &end, 10);
  if (end == text || *end != '\0' || errno == ERANGE)
    return false;
  *value = parsed;
  return true;
}

bool tn_number_read_real(const char *text, double *value) {
  if (strspn(text, "+-.0123456789eE") != strlen(text)) /* keeps out inf, nan and hexadecimal */
    return false;
  locale_t c_locale;
  const locale_t before = enter_c_locale(&c_locale);
  char *end = NULL;
  const double parsed = strtod(text, &end);
  leave_c_locale(c_locale, before);
  if (end == text || *end != '\0' || !isfinite(parsed))
    return false;
  *value = parsed;
  return true;
}

void tn_number_write_real(double value, char text[TN_NUMBER_MAX]) {
  locale_t c_locale;
  const locale_t before = enter_c_locale(&c_locale);
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, TN_NUMBER_MAX, "%.*g", digits, value);
    if (strtod(text, NULL) == value)
      break;
  }
  leave_c_locale(c_locale, before);
}
