/* The elementary functions against double, over floats taken evenly from their whole range. */
#include "math/approx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Every so many floats of a range are tried: some ten million values in all. */
#define STRIDE 211

/* Units in the last place of `exact` that lie between it and `found`. */
static double ulps_between(float found, double exact) {
  int exponent;
  frexp(exact, &exponent);
  return fabs((double)found - exact) / ldexp(1, exponent - 24 > -149 ? exponent - 24 : -149);
}

/* Largest error over the floats from low to high, which have one sign. */
static double worst_ulps(float approximate(float), double exact(double), float low, float high) {
  double worst = 0;
  const uint32_t a = tn_float_bits(low), b = tn_float_bits(high);
  const uint32_t first = a < b ? a : b, last = a < b ? b : a;
  for (uint32_t bits = first; bits <= last; bits += STRIDE) {
    const float x = tn_float_from_bits(bits);
    worst = fmax(worst, ulps_between(approximate(x), exact((double)x)));
  }
  return worst;
}

static void assert_within(double ulps, double limit) {
  if (!(ulps <= limit))
    fail_msg("%.3f ulp, %.3f allowed", ulps, limit);
}

static float approximate_exp(float x) {
  return tn_exp(x);
}

/* One rounding of the last sum (0.5 ulp), and what the lower part and the polynomial bring. */
static void test_exp(void **state) {
  (void)state;
  assert_within(worst_ulps(approximate_exp, exp, 0.0f, 88.72283f), 1.0);
  assert_within(worst_ulps(approximate_exp, exp, -0.0f, -104.0f), 1.0);
}

static void test_exp_at_its_ends(void **state) {
  (void)state;
  assert_true(tn_exp(0) == 1);
  assert_true(tn_exp(89) == INFINITY && tn_exp(INFINITY) == INFINITY && tn_exp(3e38f) == INFINITY);
  assert_true(tn_exp(-104) == 0 && tn_exp(-INFINITY) == 0 && tn_exp(-3e38f) == 0);
  assert_true(tn_exp(-100) > 0);
  assert_true(isnan(tn_exp(NAN)) && isnan(tn_exp(-NAN)));
}

static float approximate_exp_below_zero(float x) {
  return tn_exp_below_zero(x).value;
}

static float approximate_exp_minus_one(float x) {
  return tn_exp_below_zero(x).minus_one;
}

/* Between -ln 2 / 2 and -ln 2 the two parts cancel to half their size: what q brings counts twice. */
static void test_exp_below_zero(void **state) {
  (void)state;
  assert_within(worst_ulps(approximate_exp_below_zero, exp, -0.0f, -104.0f), 1.0);
  assert_within(worst_ulps(approximate_exp_minus_one, expm1, -0.0f, -104.0f), 2.0);
  assert_true(tn_exp_below_zero(-INFINITY).value == 0 && tn_exp_below_zero(-INFINITY).minus_one == -1);
  assert_true(isnan(tn_exp_below_zero(NAN).value) && isnan(tn_exp_below_zero(NAN).minus_one));
}

static float approximate_log(float x) {
  return tn_log(x);
}

static void test_log(void **state) {
  (void)state;
  assert_within(worst_ulps(approximate_log, log, 0x1p-126f, 0x1.fffffep127f), 1.0);
  assert_true(tn_log(1) == 0);
}

static float approximate_tanh(float x) {
  return tn_tanh_near_zero(x);
}

static void test_tanh_near_zero(void **state) {
  (void)state;
  assert_within(worst_ulps(approximate_tanh, tanh, 0x1p-126f, 0.625f), 1.0);
  assert_within(worst_ulps(approximate_tanh, tanh, -0x1p-126f, -0.625f), 1.0);
}

static float approximate_mills(float z) {
  return tn_mills_ratio(z);
}

static double exact_mills(double z) {
  return 0.5 * erfc(z * 0.70710678118654752) * 2.50662827463100050 * exp(0.5 * z * z);
}

/* t has two roundings, and the ratio changes up to 3.2 times as fast as t does (at z = 0): measured 6.1. */
static void test_mills_ratio(void **state) {
  (void)state;
  assert_within(worst_ulps(approximate_mills, exact_mills, 0, 14), 7.0);
}

/* Absolute, because a sine near its zero is only as good as the angle. */
static void test_sine_of_turn(void **state) {
  (void)state;
  double worst = 0;
  for (uint64_t turn = 0; turn < UINT64_C(1) << 32; turn += 4 * STRIDE) {
    const tn_sine_pair found = tn_sine_of_turn((uint32_t)turn);
    const double angle = (double)turn * 6.28318530717958648 * 0x1p-32;
    worst = fmax(worst, fabs((double)found.sine - sin(angle)));
    worst = fmax(worst, fabs((double)found.cosine - cos(angle)));
  }
  assert_within(worst * 0x1p24, 2.0);
}

static void test_quarter_turns_are_exact(void **state) {
  (void)state;
  for (uint32_t quarter = 0; quarter < 4; quarter++) {
    const tn_sine_pair found = tn_sine_of_turn(quarter << 30);
    assert_true(found.sine == (float)(quarter == 1) - (float)(quarter == 3));
    assert_true(found.cosine == (float)(quarter == 0) - (float)(quarter == 2));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_exp),
      cmocka_unit_test(test_exp_at_its_ends),
      cmocka_unit_test(test_exp_below_zero),
      cmocka_unit_test(test_log),
      cmocka_unit_test(test_tanh_near_zero),
      cmocka_unit_test(test_mills_ratio),
      cmocka_unit_test(test_sine_of_turn),
      cmocka_unit_test(test_quarter_turns_are_exact),
  };
  return cmocka_run_group_tests_name("approx", tests, NULL, NULL);
}
