#include "io/csv_number.h"

#include <math.h>
#include <stdlib.h>

/* A number as it is scanned: digits without the point, and what is known of them. */
typedef struct scan {
  const char *next;
  uint64_t digits; /* the number they make; meaningless where there are many */
  int digit_count; /* without leading zeros */
  int any;         /* digits seen at all, zeros too */
  int fraction_count;
} scan;

static void scan_digits(scan *s, bool fraction) {
  for (; *s->next >= '0' && *s->next <= '9'; s->next++) {
    s->digits = s->digits * 10 + (uint64_t)(*s->next - '0');
    s->digit_count += s->digits != 0;
    s->any = 1;
    s->fraction_count += fraction;
  }
}

/* Takes an exponent; true where there was none or a whole one. */
static bool scan_exponent(scan *s, bool *is_there) {
  *is_there = *s->next == 'e' || *s->next == 'E';
  if (!*is_there)
    return true;
  s->next++;
  if (*s->next == '+' || *s->next == '-')
    s->next++;
  scan exponent = {.next = s->next};
  scan_digits(&exponent, false);
  s->next = exponent.next;
  return exponent.any;
}

bool tn_csv_number_read(const char *text, int64_t length, locale_t c_locale, double *value) {
  static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  bool has_exponent = false;
  scan s = {.next = text};
  if (*s.next == '+' || *s.next == '-')
    s.next++;
  scan_digits(&s, false);
  if (*s.next == '.') {
    s.next++;
    scan_digits(&s, true);
  }
  if (!s.any || !scan_exponent(&s, &has_exponent) || s.next - text != length)
    return false;
  /* Up to 15 digits and a power of ten up to 10^22 are doubles, and IEEE 754 rounds their quotient rightly (Clinger
   * 1990): most of what files hold needs no more. */
  if (!has_exponent && s.digit_count <= 15 && s.fraction_count <= 22) {
    const double size = (double)s.digits / powers[s.fraction_count];
    *value = *text == '-' ? -size : size;
  } else {
    *value = strtod_l(text, NULL, c_locale);
  }
  return true;
}

float tn_csv_number_float(const char *text, locale_t c_locale) {
  return strtof_l(text, NULL, c_locale);
}

bool tn_csv_number_is_meant(const char *text, int64_t length, locale_t c_locale) {
  char *end = NULL;
  strtod_l(text, &end, c_locale);
  return length > 0 && end - text == length;
}
