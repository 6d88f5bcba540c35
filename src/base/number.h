/* Numbers as text, the same in every locale. */
#ifndef TN_BASE_NUMBER_H
#define TN_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TN_NUMBER_MAX 32 /* bytes of the longest number written, NUL included */

/* True where the whole of `text` is a decimal integer that fits; *value is set only then. */
bool tn_number_read_int(const char *text, int64_t *value);

/* True where the whole of `text` is a finite decimal number; *value is set only then. */
bool tn_number_read_real(const char *text, double *value);

/* The shortest of 15 to 17 digits that reads back as the same double. */
void tn_number_write_real(double value, char text[TN_NUMBER_MAX]);

#endif
