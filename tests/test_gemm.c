/* The three products against naive loops in double. */
#include "math/gemm.h"
#include "math/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

enum { ROWS_MOST = 64, WIDTH_MOST = 70, MOST = WIDTH_MOST * WIDTH_MOST };

typedef struct shape {
  int64_t rows, inputs, outputs;
} shape;

static const shape shapes[] = {{0, 3, 2}, {1, 1, 1},   {1, 7, 3},    {2, 64, 10},
                               {5, 1, 8}, {17, 33, 9}, {64, 70, 64}, {ROWS_MOST, WIDTH_MOST, 1}};
#define SHAPE_COUNT (sizeof shapes / sizeof *shapes)

static float a[MOST], w[MOST], d[MOST], out[MOST], before[MOST];

static int fill_arrays(void **state) {
  (void)state;
  tn_random_normal(tn_place_make(1, TN_STREAM_INIT, 0, 0, 0, 0), 0, MOST, a);
  tn_random_normal(tn_place_make(1, TN_STREAM_INIT, 0, 1, 0, 0), 0, MOST, w);
  tn_random_normal(tn_place_make(1, TN_STREAM_INIT, 0, 2, 0, 0), 0, MOST, d);
  tn_random_normal(tn_place_make(1, TN_STREAM_INIT, 0, 3, 0, 0), 0, MOST, before);
  memcpy(out, before, sizeof out);
  return 0;
}

/* start + sum over k of x[k x_stride] y[k y_stride], for a result that any order of summation may have given: each of
 * count + 1 products and additions errs by half an ulp of what has come together. */
static void assert_dot(float found, float start, int64_t count, const float *x, int64_t x_stride, const float *y,
                       int64_t y_stride) {
  double sum = (double)start, magnitude = fabs(sum);
  for (int64_t k = 0; k < count; k++) {
    const double product = (double)x[k * x_stride] * (double)y[k * y_stride];
    sum += product;
    magnitude += fabs(product);
  }
  assert_true(fabs((double)found - sum) <= (double)(count + 1) * 0x1p-24 * magnitude);
}

static void assert_rest_untouched(int64_t used) {
  assert_memory_equal(out + used, before + used, (size_t)(MOST - used) * sizeof *out);
}

static void check_products(const shape *s) {
  memcpy(out, before, sizeof out);
  tn_gemm_forward(s->rows, s->inputs, s->outputs, a, w, out);
  for (int64_t i = 0; i < s->rows; i++)
    for (int64_t j = 0; j < s->outputs; j++)
      assert_dot(out[i * s->outputs + j], 0, s->inputs, a + i * s->inputs, 1, w + j, s->outputs);
  assert_rest_untouched(s->rows * s->outputs);

  memcpy(out, before, sizeof out);
  tn_gemm_input_gradient(s->rows, s->inputs, s->outputs, d, w, out);
  for (int64_t i = 0; i < s->rows; i++)
    for (int64_t k = 0; k < s->inputs; k++)
      assert_dot(out[i * s->inputs + k], 0, s->outputs, d + i * s->outputs, 1, w + k * s->outputs, 1);
  assert_rest_untouched(s->rows * s->inputs);
}

static void check_weight_gradient(const shape *s, bool accumulate) {
  memcpy(out, before, sizeof out);
  tn_gemm_weight_gradient(s->rows, s->inputs, s->outputs, a, d, out, accumulate);
  for (int64_t k = 0; k < s->inputs; k++)
    for (int64_t j = 0; j < s->outputs; j++)
      assert_dot(out[k * s->outputs + j], accumulate ? before[k * s->outputs + j] : 0, s->rows, a + k, s->inputs, d + j,
                 s->outputs);
  assert_rest_untouched(s->inputs * s->outputs);
}

static void test_products(void **state) {
  (void)state;
  for (size_t i = 0; i < SHAPE_COUNT; i++)
    check_products(&shapes[i]);
}

/* Zero rows among the shapes: zeros, or what was there. */
static void test_weight_gradient(void **state) {
  (void)state;
  for (size_t i = 0; i < SHAPE_COUNT; i++) {
    check_weight_gradient(&shapes[i], false);
    check_weight_gradient(&shapes[i], true);
  }
}

/* What a BLAS leaves in the output is not read: beta 0 overwrites even a NaN. */
static void test_old_nan_is_overwritten(void **state) {
  (void)state;
  for (int i = 0; i < MOST; i++)
    out[i] = NAN;
  tn_gemm_forward(3, 4, 5, a, w, out);
  for (int i = 0; i < 15; i++)
    assert_true(!isnan(out[i]));
  tn_gemm_weight_gradient(0, 4, 5, a, d, out, false);
  for (int i = 0; i < 20; i++)
    assert_true(out[i] == 0);
}

int openblas_get_num_threads(void) __attribute__((weak));

static void test_threads_are_set(void **state) {
  (void)state;
  for (int threads = 2; threads >= 1; threads--) {
    tn_blas_set_threads(threads);
    check_products(&shapes[6]);
    if (openblas_get_num_threads != NULL)
      assert_int_equal(openblas_get_num_threads(), threads);
  }
}

static void test_version_names_the_library(void **state) {
  (void)state;
  const char *version = tn_blas_version();
  assert_non_null(version);
  if (openblas_get_num_threads != NULL)
    assert_non_null(strstr(version, "OpenBLAS"));
  assert_ptr_equal(version, tn_blas_version());
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_products),
      cmocka_unit_test(test_weight_gradient),
      cmocka_unit_test(test_old_nan_is_overwritten),
      cmocka_unit_test(test_threads_are_set),
      cmocka_unit_test(test_version_names_the_library),
  };
  return cmocka_run_group_tests_name("gemm", tests, fill_arrays, NULL);
}
