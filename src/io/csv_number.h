/* The numbers of CSV files: decimal, read exactly, by the hundred million and whatever the locale. */
#ifndef TN_IO_CSV_NUMBER_H
#define TN_IO_CSV_NUMBER_H

#include <locale.h>
#include <stdbool.h>
#include <stdint.h>

/* True where the text is a decimal number, as in 12, -0.5, +.5, 3., 6.02e23: then *value is the double nearest to it
 * (infinite beyond the range). Hexadecimal numbers, nan, inf and space are no decimal numbers. text: `length` bytes and
 * a zero byte behind them; c_locale: the "C" locale. */
bool tn_csv_number_read(const char *text, int64_t length, locale_t c_locale, double *value);

/* The float nearest to a text that is a decimal number; going through double could round twice. */
float tn_csv_number_float(const char *text, locale_t c_locale);

/* True where strtod would take the whole text: nan, inf and hexadecimal numbers too. Whoever wrote one meant a number.
 */
bool tn_csv_number_is_meant(const char *text, int64_t length, locale_t c_locale);

#endif
