#include "base/quantity.h"

#include "base/number.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static const tn_unit *find_unit(const char *name, const tn_unit *units, int count) {
  for (int i = 0; i < count; i++)
    if (strcmp(name, units[i].name) == 0 || (units[i].any_case && strcasecmp(name, units[i].name) == 0))
      return &units[i];
  return NULL;
}

bool tn_quantity_read(const char *text, const tn_unit *units, int count, double *value) {
  char digits[TN_NUMBER_MAX];
  double number = 0.0;
  const size_t length = strspn(text, "+.0123456789"); /* no exponent: an E may begin a unit */
  const tn_unit *unit = find_unit(text + length, units, count);
  if (!unit || length >= sizeof digits)
    return false;
  memcpy(digits, text, length);
  digits[length] = '\0';
  if (!tn_number_read_real(digits, &number) || !isfinite(number * unit->factor))
    return false;
  *value = number * unit->factor;
  return true;
}
