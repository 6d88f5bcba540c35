#include "math/random.h"

#include <math.h>

#define PI 3.14159265358979323846

/* Numerator and denominator are divided by the root of U^(-1/alpha) - 1, which may overflow: its inverse becomes 0
 * then. The cosine never is, since V is an odd multiple of 2^-33. */
double tn_random_beta(tn_place place, double alpha) {
  uint32_t words[2];
  tn_random_words(place, 0, 2, words);
  const double u = (words[0] + 0.5) * 0x1p-32, v = (words[1] + 0.5) * 0x1p-32;
  const double cosine = cos(2 * PI * v);
  const double inverse = 1 / expm1(-log(u) / alpha);
  return 0.5 + 0.5 * cosine / sqrt(inverse + cosine * cosine);
}
