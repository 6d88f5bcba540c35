/* Passes over arrays against naive loops in double. */
#include "math/kernels.h"
#include "math/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <string.h>

enum { MOST = 4100 };
static const int64_t sizes[] = {0, 1, 7, 8, 9, 17, 31, 32, 33, 1000, 1024, 1025, MOST - 1};
#define SIZE_COUNT (sizeof sizes / sizeof *sizes)

static float x[MOST], y[MOST], found[MOST];

static int fill_arrays(void **state) {
  (void)state;
  tn_random_normal(tn_place_make(1, TN_STREAM_INIT, 0, 0, 0, 0), 0, MOST, x);
  tn_random_normal(tn_place_make(1, TN_STREAM_INIT, 0, 1, 0, 0), 0, MOST, y);
  return 0;
}

/* A float product is the exact one, rounded. */
static void test_multiply(void **state) {
  (void)state;
  for (size_t s = 0; s < SIZE_COUNT; s++) {
    memcpy(found, x, sizeof x);
    tn_kernel_multiply(sizes[s], found, y);
    for (int64_t i = 0; i < MOST; i++)
      assert_true(found[i] == (i < sizes[s] ? (float)((double)x[i] * (double)y[i]) : x[i]));
  }
}

/* Two products and a sum, each rounded once. */
static void test_sums_of_products(void **state) {
  (void)state;
  for (size_t s = 0; s < SIZE_COUNT; s++) {
    double sum = 0, size = 0;
    memcpy(found, x, sizeof x);
    tn_kernel_add_product(sizes[s], 0.7f, x, y, found);
    for (int64_t i = 0; i < MOST; i++)
      assert_true(found[i] == (i < sizes[s] ? x[i] + 0.7f * x[i] * y[i] : x[i]));
    for (int64_t i = 0; i < sizes[s]; i++) {
      sum += (double)x[i] * (double)y[i] * (double)y[i];
      size += fabs((double)x[i]) * (double)y[i] * (double)y[i];
    }
    /* a lane adds n / 32 terms, of 3 roundings each, and 5 more join the lanes */
    const double bound = (3 + 5 + (double)sizes[s] / 32) * 0x1p-24 * size;
    assert_true(fabs(tn_kernel_product_sum(sizes[s], x, y, y) - sum) <= bound);
  }
}

static void test_shifts_by_factor(void **state) {
  (void)state;
  float factor[MOST];
  for (int i = 0; i < MOST; i++)
    factor[i] = i % 3 == 0 ? 0.0f : 2.0f;
  for (size_t s = 0; s < SIZE_COUNT; s++) {
    memcpy(found, x, sizeof x);
    tn_kernel_add_shifts(sizes[s], factor, -0.75f, 0.25f, found);
    for (int64_t i = 0; i < MOST; i++)
      assert_true(found[i] == (i < sizes[s] ? x[i] + (i % 3 == 0 ? -0.75f : 0.25f) : x[i]));
  }
}

/* The promised order gives the promised bits; each of `rows` additions errs by half an ulp of a partial sum. */
static void check_column_sums(int64_t rows, int64_t cols, bool accumulate) {
  memcpy(found, y, sizeof y);
  tn_kernel_column_sums(rows, cols, x, found, accumulate);
  for (int64_t j = 0; j < cols; j++) {
    float in_order = accumulate ? y[j] : 0;
    double exact = (double)in_order, magnitude = fabs(exact);
    for (int64_t i = 0; i < rows; i++) {
      in_order += x[i * cols + j];
      exact += (double)x[i * cols + j];
      magnitude += fabs((double)x[i * cols + j]);
    }
    assert_true(found[j] == in_order);
    assert_true(fabs((double)found[j] - exact) <= (double)rows * 0x1p-24 * magnitude);
  }
  assert_true(found[cols] == y[cols]);
}

static void test_column_sums(void **state) {
  (void)state;
  for (int64_t rows = 0; rows <= 11; rows++)
    for (size_t s = 0; s < SIZE_COUNT && rows * sizes[s] < MOST; s++) {
      check_column_sums(rows, sizes[s], false);
      check_column_sums(rows, sizes[s], true);
    }
  check_column_sums(1000, 4, false);
}

/* Squares of floats are exact in double; positive terms keep the error of n additions below n 2^-53. */
static void test_square_sum(void **state) {
  (void)state;
  for (size_t s = 0; s < SIZE_COUNT; s++) {
    double sum = 0;
    for (int64_t i = 0; i < sizes[s]; i++)
      sum += (double)x[i] * (double)x[i];
    assert_true(fabs(tn_kernel_square_sum(sizes[s], x) - sum) <= 2 * (double)sizes[s] * 0x1p-53 * sum);
  }
}

static void test_square_sum_of_extremes(void **state) {
  (void)state;
  const float large[] = {FLT_MAX, FLT_MAX, FLT_TRUE_MIN};
  assert_true(tn_kernel_square_sum(3, large) == 2 * (double)FLT_MAX * (double)FLT_MAX);
  const float broken[] = {1, NAN, 2};
  assert_true(isnan(tn_kernel_square_sum(3, broken)));
  const float endless[] = {1, -INFINITY};
  assert_true(tn_kernel_square_sum(2, endless) == INFINITY);
}

static void test_find_nonfinite(void **state) {
  (void)state;
  static const float kinds[] = {NAN, -NAN, INFINITY, -INFINITY};
  const float extremes[] = {FLT_MAX, -FLT_MAX, FLT_TRUE_MIN, 0, -0.0f};
  assert_int_equal(tn_kernel_find_nonfinite(5, extremes), -1);
  for (size_t s = 0; s < SIZE_COUNT; s++) {
    memcpy(found, x, sizeof x);
    found[sizes[s]] = NAN; /* outside */
    assert_int_equal(tn_kernel_find_nonfinite(sizes[s], found), -1);
    for (int64_t at = sizes[s] - 1; at >= 0; at -= 1 + at / 7) {
      const float kept = found[at];
      found[at] = kinds[at % 4];
      assert_int_equal(tn_kernel_find_nonfinite(sizes[s], found), at);
      found[sizes[s] - 1] = kinds[(at + 1) % 4]; /* the first one counts */
      assert_int_equal(tn_kernel_find_nonfinite(sizes[s], found), at);
      found[sizes[s] - 1] = x[sizes[s] - 1];
      if (at < sizes[s] - 1)
        found[at] = kept;
    }
  }
}

static double column_norm(int64_t rows, int64_t cols, const float *w, int64_t j) {
  double sum = 0;
  for (int64_t i = 0; i < rows; i++)
    sum += (double)w[i * cols + j] * (double)w[i * cols + j];
  return sqrt(sum);
}

static void check_max_norm(int64_t rows, int64_t cols, double c) {
  double norms[MOST];
  memcpy(found, x, sizeof x);
  tn_kernel_max_norm(rows, cols, cols, c, found, norms);
  for (int64_t j = 0; j < cols; j++) {
    const double norm = column_norm(rows, cols, x, j), factor = norm > c ? c / norm : 1;
    for (int64_t i = 0; i < rows; i++) {
      /* One rounding to float, and some in double. */
      const double exact = (double)x[i * cols + j] * factor;
      assert_true(fabs((double)found[i * cols + j] - exact) <= (0x1p-24 + 0x1p-50) * fabs(exact));
    }
    assert_true(column_norm(rows, cols, found, j) <= fmin(norm, c) * (1 + 0x1p-23));
  }
  assert_memory_equal(found + rows * cols, x + rows * cols, (size_t)(MOST - rows * cols) * sizeof *x);
}

static void test_max_norm(void **state) {
  (void)state;
  check_max_norm(0, 5, 1);
  check_max_norm(5, 0, 1);
  for (int64_t cols = 1; cols < 40; cols += 3) {
    check_max_norm(100, cols, 10); /* about half of the columns are longer */
    check_max_norm(100, cols, 0.5);
    check_max_norm(100, cols, 1000); /* none is: the array stays as it is, to the bit */
    assert_memory_equal(found, x, sizeof x);
  }
}

static void test_max_norm_leaves_zero_and_nan_columns(void **state) {
  (void)state;
  float w[] = {0, NAN, 3, 0, 1, 4};
  double norms[3];
  tn_kernel_max_norm(2, 3, 3, 1, w, norms);
  assert_true(w[0] == 0 && w[3] == 0);
  assert_true(isnan(w[1]) && w[4] == 1);
  assert_true(w[2] == 0.6f && w[5] == 0.8f);
}

static double element_at(tn_element element, const void *values, int64_t i) {
  switch (element) {
  case TN_U8:
    return ((const uint8_t *)values)[i];
  case TN_I8:
    return ((const int8_t *)values)[i];
  case TN_U16:
    return ((const uint16_t *)values)[i];
  case TN_I16:
    return ((const int16_t *)values)[i];
  case TN_F32:
    break;
  }
  return (double)((const float *)values)[i];
}

/* All bytes and all 16-bit values occur; one rounding of the product and one of the sum. */
static void test_convert(void **state) {
  (void)state;
  enum { ALL = 1 << 16 };
  static uint16_t values[ALL];
  static float scale[ALL], shift[ALL], out[ALL];
  for (int i = 0; i < ALL; i++)
    values[i] = (uint16_t)i;
  tn_random_normal(tn_place_make(3, TN_STREAM_INIT, 0, 0, 0, 0), 0, ALL, scale);
  tn_random_normal(tn_place_make(3, TN_STREAM_INIT, 0, 1, 0, 0), 0, ALL, shift);
  for (int element = TN_U8; element <= TN_I16; element++) {
    tn_kernel_convert((tn_element)element, ALL, values, scale, shift, out);
    for (int64_t i = 0; i < ALL; i++) {
      const double product = element_at((tn_element)element, values, i) * (double)scale[i];
      assert_true(out[i] == (float)((double)(float)product + (double)shift[i]));
    }
  }
}

static void test_convert_of_odd_sizes(void **state) {
  (void)state;
  static const uint8_t bytes[4 * MOST];
  float values[64], one[64], zero[64] = {0}, out[64];
  for (int i = 0; i < 64; i++)
    one[i] = 1;
  memcpy(values, x, sizeof values);
  values[3] = FLT_MAX;
  values[4] = FLT_TRUE_MIN;
  for (int64_t n = 0; n < 64; n++) {
    out[n] = 12345;
    tn_kernel_convert(TN_F32, n, values, one, zero, out);
    assert_memory_equal(out, values, (size_t)n * sizeof *out);
    assert_true(out[n] == 12345);
    for (int element = TN_U8; element <= TN_I16; element++) {
      tn_kernel_convert((tn_element)element, n, bytes, one, one, out);
      for (int64_t i = 0; i < n; i++)
        assert_true(out[i] == 1);
      assert_true(out[n] == 12345);
    }
  }
}

static void test_convert_keeps_nan(void **state) {
  (void)state;
  const float values[] = {NAN, INFINITY, -INFINITY, 1}, one[] = {1, 1, 1, 1}, zero[4] = {0};
  float out[4];
  tn_kernel_convert(TN_F32, 4, values, one, zero, out);
  assert_true(isnan(out[0]) && out[1] == INFINITY && out[2] == -INFINITY && out[3] == 1);
}

static void test_element_sizes(void **state) {
  (void)state;
  assert_int_equal(tn_element_size(TN_U8), sizeof(uint8_t));
  assert_int_equal(tn_element_size(TN_I8), sizeof(int8_t));
  assert_int_equal(tn_element_size(TN_U16), sizeof(uint16_t));
  assert_int_equal(tn_element_size(TN_I16), sizeof(int16_t));
  assert_int_equal(tn_element_size(TN_F32), sizeof(float));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_multiply),
      cmocka_unit_test(test_shifts_by_factor),
      cmocka_unit_test(test_column_sums),
      cmocka_unit_test(test_sums_of_products),
      cmocka_unit_test(test_square_sum),
      cmocka_unit_test(test_square_sum_of_extremes),
      cmocka_unit_test(test_find_nonfinite),
      cmocka_unit_test(test_max_norm),
      cmocka_unit_test(test_max_norm_leaves_zero_and_nan_columns),
      cmocka_unit_test(test_convert),
      cmocka_unit_test(test_convert_of_odd_sizes),
      cmocka_unit_test(test_convert_keeps_nan),
      cmocka_unit_test(test_element_sizes),
  };
  return cmocka_run_group_tests_name("kernels", tests, fill_arrays, NULL);
}
