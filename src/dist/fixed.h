/* Floats as integers at a fixed binary point: the numbers of the exact reduction. */
#ifndef TN_DIST_FIXED_H
#define TN_DIST_FIXED_H

#include <stdbool.h>
#include <stdint.h>

/* The first i with |values[i]| >= limit or values[i] not a number, -1 where there is none. limit = INFINITY finds what
 * is not finite. Local, one pass. */
int64_t tn_fixed_first_beyond(const float *values, int64_t count, float limit);

/* integers[i] = values[i] x 2^bits, rounded to nearest, ties to even; added to integers[i] where `add`. Returns -1, or
 * tn_fixed_first_beyond's answer, and then the integers behind it are not converted. 0 <= bits and
 * limit x 2^bits <= 2^62. Local. */
int64_t tn_fixed_from_floats(int64_t *integers, const float *values, int64_t count, int bits, float limit, bool add);

/* values[i] = integers[i] x 2^-bits, rounded to double and then to float. Local. */
void tn_fixed_to_floats(float *values, const int64_t *integers, int64_t count, int bits);

#endif
