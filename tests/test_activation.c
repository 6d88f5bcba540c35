/* Activations and their slopes against formulas in double, within bounds that follow from the roundings. */
#include "math/kernels.h"
#include "math/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <string.h>

#define ULP 0x1p-23 /* largest relative size of a unit in the last place */

typedef struct expected {
  double value, slope;
  double value_error, slope_error; /* allowed */
} expected;

/* e^-|z| brings 1 ulp; quotient, products and sums half a one each, the quotient's square twice. */
static expected expected_sigmoid(double z) {
  const double value = 1 / (1 + exp(-z)), slope = value / (1 + exp(z));
  return (expected){value, slope, 4 * ULP * value, 6 * ULP * slope};
}

static expected expected_tanh(double z) {
  const double value = tanh(z), slope = 1 / (cosh(z) * cosh(z));
  /* 1 - e cancels down to z = 0.625, where it is 0.7: what e brings grows to e / (1 - e) = 0.4 ulp. */
  return (expected){value, slope, 4 * ULP * fabs(value), 6 * ULP * slope};
}

/* The tail has the 7 ulp of Mills's ratio and those of e^(-z^2 / 2), whose argument's rounding counts z^2 / 4 times. */
static expected expected_gelu(double z) {
  const double density = exp(-0.5 * z * z) * 0.39894228040143268, tail = 0.5 * erfc(fabs(z) * 0.70710678118654752);
  const double cumulative = z < 0 ? tail : 1 - tail;
  const double tail_error = tail * (10 + z * z / 4) * ULP, rest = z < 0 ? 0 : ULP;
  return (expected){z * cumulative, cumulative + z * density, fabs(z) * (tail_error + rest * cumulative),
                    tail_error + rest + fabs(z) * density * (4 + z * z / 4) * ULP};
}

/* Far below zero e^z - 1 is -1 within its roundings; near zero it has 2 ulp, as the product has half a one more. */
static expected expected_selu(double z) {
  const double lambda = 1.0507009873554805, saturation = 1.6732632423543772 * lambda;
  const double value = z > 0 ? lambda * z : saturation * expm1(z), slope = z > 0 ? lambda : saturation * exp(z);
  return (expected){value, slope, 4 * ULP * fabs(value), 3 * ULP * slope};
}

static expected expect(tn_activation activation, float z) {
  switch (activation) {
  case TN_RELU:
    return (expected){z > 0 ? (double)z : 0, z > 0, 0, 0};
  case TN_SIGMOID:
    return expected_sigmoid((double)z);
  case TN_TANH:
    return expected_tanh((double)z);
  case TN_LEAKY_RELU:
    return (expected){z > 0 ? (double)z : 0.01 * (double)z, z > 0 ? 1 : 0.01, ULP * 0.01 * fabs((double)z), ULP * 0.01};
  case TN_GELU:
    return expected_gelu((double)z);
  case TN_SELU:
    return expected_selu((double)z);
  case TN_LINEAR:
    break;
  }
  return (expected){(double)z, 1, 0, 0};
}

static void assert_near(const char *what, tn_activation activation, float z, float found, double exact,
                        double allowed) {
  /* Among subnormal numbers a rounding is absolute, and gelu multiplies it by up to |z| = 15. */
  if (!(fabs((double)found - exact) <= allowed + 16 * (double)FLT_TRUE_MIN))
    fail_msg("activation %d, %s at %.9g: %.9g for %.12g", activation, what, (double)z, (double)found, exact);
}

enum { MOST = 1000 };

/* Bias 0 and no factor, so that the exact argument is known. */
static void check_values(tn_activation activation, int64_t n, const float *z) {
  static float value[MOST], slope[MOST], bias[MOST];
  memcpy(value, z, (size_t)n * sizeof *z);
  tn_kernel_activate_train(activation, n, bias, NULL, value, slope);
  for (int64_t i = 0; i < n; i++) {
    const expected right = expect(activation, z[i]);
    assert_near("value", activation, z[i], value[i], right.value, right.value_error);
    assert_near("slope", activation, z[i], slope[i], right.slope, right.slope_error);
  }
}

static void test_values_and_slopes(void **state) {
  (void)state;
  for (int activation = TN_RELU; activation <= TN_LINEAR; activation++)
    for (uint64_t block = 0; block < 200; block++) {
      float z[MOST];
      tn_random_uniform(tn_place_make(1, TN_STREAM_INIT, 0, 0, 0, block), 0, MOST, z);
      const float range = block < 100 ? 12 : ldexpf(1, (int)block - 190); /* then towards 0 */
      for (int i = 0; i < MOST; i++)
        z[i] = range * (2 * z[i] - 1);
      check_values((tn_activation)activation, MOST, z);
    }
}

static void test_far_from_zero(void **state) {
  (void)state;
  const float z[] = {0.0f, -0.0f, 20, -20, 80, -80, 100, -100, 1000, -1000, 1e30f, -1e30f, FLT_MIN, -FLT_MIN};
  for (int activation = TN_RELU; activation <= TN_LINEAR; activation++)
    check_values((tn_activation)activation, sizeof z / sizeof *z, z);
}

/* Slopes once more, without formulas for them: central differences of the values, h = 2^-6. They deviate by f''' h^2 /
 * 6, at most 2 x 4e-5 (tanh), and by the values' roundings over h, 64 x 4 ulp = 3e-5. */
static void test_slopes_are_central_differences(void **state) {
  (void)state;
  enum { POINTS = 401 };
  const float h = 0x1p-6f;
  float zero[POINTS] = {0}, z[POINTS], above[POINTS], below[POINTS], slope[POINTS];
  for (int activation = TN_RELU; activation <= TN_LINEAR; activation++) {
    for (int i = 0; i < POINTS; i++) {
      z[i] = 0.02f * (float)(i - POINTS / 2) + 0.01f; /* both sides of a kink at 0 stay on theirs from 2^-6 on */
      above[i] = z[i] + h;
      below[i] = z[i] - h;
    }
    float step[POINTS];
    for (int i = 0; i < POINTS; i++)
      step[i] = above[i] - below[i];
    float at[POINTS];
    memcpy(at, z, sizeof z);
    tn_kernel_activate_train((tn_activation)activation, POINTS, zero, NULL, at, slope);
    tn_kernel_activate((tn_activation)activation, POINTS, zero, NULL, above);
    tn_kernel_activate((tn_activation)activation, POINTS, zero, NULL, below);
    for (int i = 0; i < POINTS; i++)
      if (fabsf(z[i]) > h)
        assert_true(fabs(((double)above[i] - (double)below[i]) / (double)step[i] - (double)slope[i]) < 1.2e-4);
  }
}

/* Bias, factor and evaluation, from the values that have been checked above; and nothing written past the end. */
static void test_bias_factor_and_evaluation(void **state) {
  (void)state;
  static const int64_t sizes[] = {0, 1, 7, 8, 9, 17, MOST - 1};
  static float z[MOST], bias[MOST], factor[MOST], plain[MOST], plain_slope[MOST], found[MOST], slope[MOST];
  const float zero[MOST] = {0};
  const tn_place place = tn_place_make(2, TN_STREAM_INIT, 0, 0, 0, 0);
  tn_random_normal(place, 0, MOST, z);
  tn_random_normal(place, MOST, MOST, bias);
  tn_random_bernoulli_factors(place, MOST, 1, 0.3, factor);
  for (int activation = TN_RELU; activation <= TN_LINEAR; activation++)
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
      const int64_t n = sizes[s];
      for (int64_t i = 0; i < n; i++)
        plain[i] = z[i] + bias[i];
      tn_kernel_activate_train((tn_activation)activation, n, zero, NULL, plain, plain_slope);
      memcpy(found, z, sizeof z);
      slope[n] = 12345;
      tn_kernel_activate_train((tn_activation)activation, n, bias, factor, found, slope);
      assert_true(found[n] == z[n] && slope[n] == 12345);
      for (int64_t i = 0; i < n; i++)
        assert_true(found[i] == plain[i] * factor[i] && slope[i] == plain_slope[i] * factor[i]);
      memcpy(found, z, sizeof z);
      tn_kernel_activate((tn_activation)activation, n, bias, factor, found);
      assert_true(found[n] == z[n]);
      for (int64_t i = 0; i < n; i++)
        assert_true(found[i] == plain[i] * factor[i]);
      memcpy(found, z, sizeof z);
      tn_kernel_activate((tn_activation)activation, n, bias, NULL, found);
      assert_memory_equal(found, plain, (size_t)n * sizeof *found);
    }
}

/* A NaN survives activation and even a dropped unit, so that it is noticed. */
static void test_nan_propagates(void **state) {
  (void)state;
  const float bias[17] = {0}, dropped[17] = {0};
  for (int activation = TN_RELU; activation <= TN_LINEAR; activation++)
    for (int at = 0; at < 17; at++) {
      float z[17] = {0}, slope[17];
      z[at] = at % 2 == 0 ? NAN : -NAN;
      tn_kernel_activate_train((tn_activation)activation, 17, bias, at % 3 == 0 ? dropped : NULL, z, slope);
      for (int i = 0; i < 17; i++)
        assert_true(isnan(z[i]) == (i == at));
      z[at] = NAN;
      tn_kernel_activate((tn_activation)activation, 17, bias, NULL, z);
      assert_true(isnan(z[at]));
    }
}

static void test_infinities(void **state) {
  (void)state;
  static const float at_plus[] = {INFINITY, 1, 1, INFINITY, INFINITY, INFINITY, INFINITY};
  static const float at_minus[] = {0, 0, -1, -INFINITY, 0, -0x1.c212ccp+0f, -INFINITY};
  const float bias[2] = {0};
  for (int activation = TN_RELU; activation <= TN_LINEAR; activation++) {
    float z[] = {INFINITY, -INFINITY};
    tn_kernel_activate((tn_activation)activation, 2, bias, NULL, z);
    assert_true(z[0] == at_plus[activation]);
    if (activation == TN_GELU)
      assert_true(isnan(z[1])); /* -infinity x 0, as in PyTorch */
    else
      assert_true(z[1] == at_minus[activation]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_values_and_slopes),
      cmocka_unit_test(test_far_from_zero),
      cmocka_unit_test(test_slopes_are_central_differences),
      cmocka_unit_test(test_bias_factor_and_evaluation),
      cmocka_unit_test(test_nan_propagates),
      cmocka_unit_test(test_infinities),
  };
  return cmocka_run_group_tests_name("activation", tests, NULL, NULL);
}
