/* What the exact reduction promises, computed the slow way: with integers alone, and 128 bits of them. */
#ifndef TESTS_FIXED_ORACLE_H
#define TESTS_FIXED_ORACLE_H

#include <math.h>
#include <stdint.h>

__extension__ typedef __int128 wide_integer;

/* x 2^bits to the nearest integer, ties to even; |x| 2^bits < 2^63. */
static inline wide_integer oracle_fixed(double x, int bits) {
  int exponent = 0;
  const wide_integer mantissa = (wide_integer)(frexp(fabs(x), &exponent) * 0x1p53);
  const int shift = exponent - 53 + bits;
  if (shift >= 0)
    return (x < 0 ? -mantissa : mantissa) * ((wide_integer)1 << shift);
  if (shift < -60)
    return 0;
  const wide_integer one = (wide_integer)1 << -shift;
  const wide_integer rest = mantissa % one;
  wide_integer nearest = mantissa / one;
  if (2 * rest > one || (2 * rest == one && nearest % 2 == 1))
    nearest++;
  return x < 0 ? -nearest : nearest;
}

/* A sum of such integers as the float that the gradient block gets. */
static inline float oracle_float(wide_integer sum, int bits) {
  return (float)ldexp((double)sum, -bits);
}

/* Numbers without a pattern (Steele, Lea and Flood 2014, splitmix64). */
static inline uint64_t oracle_random(uint64_t *state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

/* A float of either sign with a magnitude in [2^low, 2^high), every binade as likely as another. */
static inline float oracle_float_between(uint64_t *state, int low, int high) {
  const uint64_t bits = oracle_random(state);
  const float mantissa = 1.0F + (float)(bits >> 41) * 0x1p-23F;
  const int exponent = low + (int)(bits % (uint64_t)(high - low));
  return ldexpf((bits & 1024) != 0 ? mantissa : -mantissa, exponent);
}

#endif
