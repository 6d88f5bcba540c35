#include "dist/fixed.h"

#include "math/multiversion.h"
#include "math/share.h"

#include <math.h>
#include <string.h>

/* |x| < |y| as numbers where the bits without the sign are less as integers; infinity and NaN come last. */
static int32_t magnitude_bits(float x) {
  int32_t bits = 0;
  memcpy(&bits, &x, sizeof bits);
  return bits & INT32_MAX;
}

TN_MULTIVERSION static int32_t greatest_magnitude_bits(const float *values, int64_t count) {
  int32_t greatest = 0;
  for (int64_t i = 0; i < count; i++) {
    const int32_t bits = magnitude_bits(values[i]);
    greatest = bits > greatest ? bits : greatest;
  }
  return greatest;
}

int64_t tn_fixed_first_beyond(const float *values, int64_t count, float limit) {
  const int32_t limit_bits = magnitude_bits(limit);
  for (int64_t start = 0; start < count; start += TN_SHARE_STEP) {
    const int64_t end = start + tn_share_block(start, count);
    if (greatest_magnitude_bits(values + start, end - start) < limit_bits)
      continue;
    for (int64_t i = start; i < end; i++)
      if (magnitude_bits(values[i]) >= limit_bits)
        return i;
  }
  return -1;
}

/* Beside 1.5 x 2^52 doubles are whole numbers, so that the addition rounds x to an integer, to nearest and ties to
 * even, and the sum's bits count up from those of 1.5 x 2^52. It needs |x| <= 2^51, and no conversion instruction,
 * which vectors of AVX2 and before do not have for 64 bits. */
static int64_t round_small(double x) {
  const double shifter = 0x1.8p52;
  const double sum = x + shifter;
  int64_t sum_bits = 0;
  int64_t shifter_bits = 0;
  memcpy(&sum_bits, &sum, sizeof sum_bits);
  memcpy(&shifter_bits, &shifter, sizeof shifter_bits);
  return sum_bits - shifter_bits;
}

TN_MULTIVERSION static void store_small(int64_t *restrict integers, const float *restrict values, int64_t count,
                                        double factor) {
  for (int64_t i = 0; i < count; i++)
    integers[i] = round_small((double)values[i] * factor);
}

TN_MULTIVERSION static void add_small(int64_t *restrict integers, const float *restrict values, int64_t count,
                                      double factor) {
  for (int64_t i = 0; i < count; i++)
    integers[i] += round_small((double)values[i] * factor);
}

static void convert_large(int64_t *restrict integers, const float *restrict values, int64_t count, double factor,
                          bool add) {
  for (int64_t i = 0; i < count; i++)
    integers[i] = (add ? integers[i] : 0) + llrint((double)values[i] * factor);
}

/* A block of floats stays in the first-level cache between its check and its conversion. */
int64_t tn_fixed_from_floats(int64_t *integers, const float *values, int64_t count, int bits, float limit, bool add) {
  const double factor = ldexp(1.0, bits); /* a float times a power of two is exact in double */
  const int32_t limit_bits = magnitude_bits(limit);
  const int32_t small_bits = magnitude_bits(ldexpf(1.0F, 51 - bits));
  for (int64_t start = 0; start < count; start += TN_SHARE_STEP) {
    const int64_t length = tn_share_block(start, count);
    const int32_t greatest = greatest_magnitude_bits(values + start, length);
    if (greatest >= limit_bits)
      return start + tn_fixed_first_beyond(values + start, length, limit);
    if (greatest >= small_bits)
      convert_large(integers + start, values + start, length, factor, add);
    else if (add)
      add_small(integers + start, values + start, length, factor);
    else
      store_small(integers + start, values + start, length, factor);
  }
  return -1;
}

/* The double nearest to x, from two halves that are exact: beside 2^52 the lowest bits of a double are those of a whole
 * number, so that a half is put there and 2^52 taken away. Only the last addition rounds. */
static double to_double(int64_t x) {
  const uint64_t beside = 0x4330000000000000U; /* the bits of 2^52 */
  const uint64_t low_bits = beside | ((uint64_t)x & UINT32_MAX);
  const uint64_t high_bits = beside | (((uint64_t)x >> 32) ^ 0x80000000U);
  double low = 0;
  double high = 0;
  memcpy(&low, &low_bits, sizeof low);
  memcpy(&high, &high_bits, sizeof high);
  return (high - (0x1p52 + 0x1p31)) * 0x1p32 + (low - 0x1p52);
}

TN_MULTIVERSION static void convert_back(float *restrict values, const int64_t *restrict integers, int64_t count,
                                         double factor) {
  for (int64_t i = 0; i < count; i++)
    values[i] = (float)(to_double(integers[i]) * factor);
}

void tn_fixed_to_floats(float *values, const int64_t *integers, int64_t count, int bits) {
  convert_back(values, integers, count, ldexp(1.0, -bits));
}
