/* A number with its unit, such as 10gbit or 5us. */
#ifndef TN_BASE_QUANTITY_H
#define TN_BASE_QUANTITY_H

#include <stdbool.h>

typedef struct tn_unit {
  const char *name;
  double factor; /* of the result's unit */
  bool any_case; /* its letters may be large or small */
} tn_unit;

/* True where `text` is a finite decimal number from 0 on and, right behind it, one of the `count` units; *value, in the
 * result's unit, is set only then. */
bool tn_quantity_read(const char *text, const tn_unit *units, int count, double *value);

#endif
