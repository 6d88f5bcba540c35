/* Elementary functions in float32 that compilers can vectorise: no calls, no branches, no tables.
 *
 * The C library's are correct to the last bit or so, but take one value at a time, and its vector versions are offered
 * only to code that gives up NaN. Method: range reduction in two parts (Cody and Waite 1980), then a minimax polynomial
 * from tests/reference/fit_polynomials.py. Errors, measured against double in tests/test_approx.c, stand beside each
 * function; 1 ulp is 2^-23 of the result's power of two. */
#ifndef TN_MATH_APPROX_H
#define TN_MATH_APPROX_H

#include "math/multiversion.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

TN_INLINE uint32_t tn_float_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

TN_INLINE float tn_float_from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* ln 2 in two parts; products of the upper one, which has 15 bits, and exponents are exact. */
#define TN_LN2_UPPER 0x1.62e4p-1f
#define TN_LN2_LOWER 0x1.7f7d1cp-20f

/* e^x, within 1 ulp; infinity above 88.73, 0 below -103.98, subnormal between; NaN for NaN. */
TN_INLINE float tn_exp(float x) {
  const float shifter = 0x1.8p23f; /* adding it leaves the nearest integer in the lowest bits */
  x = x < -104.0f ? -104.0f : x;
  x = x > 89.0f ? 89.0f : x;
  const float shifted = x * 0x1.715476p+0f + shifter;
  const float count = shifted - shifter;
  const float r = x - count * TN_LN2_UPPER - count * TN_LN2_LOWER;
  const float p =
      0x1.fffffcp-2f + r * (0x1.55548cp-3f + r * (0x1.55585ap-5f + r * (0x1.123d70p-7f + r * 0x1.6ab89ep-10f)));
  const float mantissa = 1.0f + (r + r * r * p);
  /* Two factors, because 2^128 and subnormal powers have no float of their own. */
  const int32_t exponent = (int32_t)(tn_float_bits(shifted) - tn_float_bits(shifter));
  const int32_t half = exponent >> 1, rest = exponent - half;
  return mantissa * tn_float_from_bits((uint32_t)(half + 127) << 23) * tn_float_from_bits((uint32_t)(rest + 127) << 23);
}

/* ln x for positive normal x, within 1 ulp. */
TN_INLINE float tn_log(float x) {
  const uint32_t root_half = 0x3f3504f3; /* sqrt(1/2): the mantissa is taken from [sqrt(1/2), sqrt(2)) */
  const uint32_t offset = tn_float_bits(x) - root_half;
  const float exponent = (float)((int32_t)offset >> 23);
  const float f = tn_float_from_bits((offset & 0x7fffff) + root_half) - 1.0f;
  const float upper =
      -0x1.54719p-3f + f * (0x1.22d422p-3f + f * (-0x1.0d859ap-3f + f * (0x1.05afp-3f + f * -0x1.39c89p-4f)));
  const float p = 0x1.555554p-2f + f * (-0x1.000228p-2f + f * (0x1.99a036p-3f + f * upper));
  return exponent * TN_LN2_UPPER + (f + (f * f * (f * p - 0.5f) + exponent * TN_LN2_LOWER));
}

typedef struct tn_sine_pair {
  float sine, cosine;
} tn_sine_pair;

/* Sine and cosine of 2 pi turn / 2^32, within 2^-23 of the truth. */
TN_INLINE tn_sine_pair tn_sine_of_turn(uint32_t turn) {
  const uint32_t quarter = (turn + (UINT32_C(1) << 29)) >> 30;
  const float x = (float)(int32_t)(turn - (quarter << 30)) * 0x1.921fb6p-30f;
  const float s = x * x;
  const float sine = x + x * s * (-0x1.555546p-3f + s * (0x1.110778p-7f + s * -0x1.995408p-13f));
  const float cosine = 1.0f + s * (-0.5f + s * (0x1.55554ap-5f + s * (-0x1.6c0c1ap-10f + s * 0x1.99e0eep-16f)));
  const uint32_t sine_sign = (quarter & 2) << 30, cosine_sign = ((quarter + 1) & 2) << 30;
  const float sine_part = quarter & 1 ? cosine : sine, cosine_part = quarter & 1 ? sine : cosine;
  return (tn_sine_pair){.sine = tn_float_from_bits(tn_float_bits(sine_part) ^ sine_sign),
                        .cosine = tn_float_from_bits(tn_float_bits(cosine_part) ^ cosine_sign)};
}

/* tanh x for |x| < 0.625, within 1 ulp. */
TN_INLINE float tn_tanh_near_zero(float x) {
  const float s = x * x;
  const float p =
      -0x1.555532p-2f + s * (0x1.1106f6p-3f + s * (-0x1.b835a4p-5f + s * (0x1.51f8cep-6f + s * -0x1.750ce2p-8f)));
  return x + x * s * p;
}

/* (1 - Phi(z)) / phi(z) of the normal distribution, Mills's ratio, for 0 <= z <= 14, within 7 ulp: a polynomial in
 * t = 1 / (1 + z / 4), as in Hastings 1955 and Abramowitz and Stegun 26.2.17, with coefficients of our own. */
TN_INLINE float tn_mills_ratio(float z) {
  const float t = 1.0f / (1.0f + 0.25f * z);
  const float upper =
      0x1.bcd1bp-3f +
      t * (0x1.0552e6p-5f + t * (0x1.23c7dep-4f + t * (0x1.0939a2p-3f + t * (-0x1.425fcap-3f + t * 0x1.5477f2p-5f))));
  return t * (0x1.00081ap-2f + t * (0x1.fec0bcp-3f + t * (0x1.ea557ap-3f + t * (0x1.71a0fap-3f + t * upper))));
}

#endif
