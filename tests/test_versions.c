/* The loops that the loader chose for this processor give the bits of those for the lowest one. (Philox, whose versions
 * can be called by name, is compared in test_random.c.) */
#include "plain_math.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

enum { ROWS = 37, COLS = 1003, COUNT = ROWS * COLS };

/* Values of all magnitudes that matter, subnormal to large, and a second array beside them. */
static float x[COUNT], y[COUNT], by_library[COUNT], by_plain[COUNT];
static float slope_by_library[COUNT], slope_by_plain[COUNT];
static const tn_place place = {.key = {1, 2}, .counter = {0, 3, 4, 5}};

static int fill_arrays(void **state) {
  (void)state;
  tn_random_normal(place, 0, COUNT, x);
  tn_random_normal(place, COUNT + 1, COUNT, y);
  for (int i = 0; i < COUNT; i += 3)
    x[i] = ldexpf(x[i], i % 160 - 153);
  return 0;
}

static void assert_same(int64_t count, const float *a, const float *b) {
  assert_memory_equal(a, b, (size_t)count * sizeof *a);
}

static void copy_both(void) {
  memcpy(by_library, x, sizeof x);
  memcpy(by_plain, x, sizeof x);
}

static void test_activations(void **state) {
  (void)state;
  const plain_math plain = plain_math_functions();
  for (int a = TN_RELU; a <= TN_LINEAR; a++) {
    copy_both();
    tn_kernel_activate_train((tn_activation)a, COUNT, y, y, by_library, slope_by_library);
    plain.activate_train((tn_activation)a, COUNT, y, y, by_plain, slope_by_plain);
    assert_same(COUNT, by_library, by_plain);
    assert_same(COUNT, slope_by_library, slope_by_plain);
    copy_both();
    tn_kernel_activate((tn_activation)a, COUNT, y, NULL, by_library);
    plain.activate((tn_activation)a, COUNT, y, NULL, by_plain);
    assert_same(COUNT, by_library, by_plain);
  }
}

static void test_penalties_and_statistics(void **state) {
  (void)state;
  const plain_math plain = plain_math_functions();
  copy_both();
  tn_update_penalise(COUNT, 1e-3F, 2e-3F, y, by_library);
  plain.penalise(COUNT, 1e-3F, 2e-3F, y, by_plain);
  assert_same(COUNT, by_library, by_plain);
  tn_update_track(COUNT, 0.01F, 0.7F, y, by_library);
  plain.track(COUNT, 0.01F, 0.7F, y, by_plain);
  assert_same(COUNT, by_library, by_plain);
}

/* Weights and states, from y as the gradient: several steps, so that every state matters. */
static void test_updates(void **state) {
  (void)state;
  static float states[4][COUNT];
  static void (*const of_library[PLAIN_UPDATES])(const tn_update *) = {
      tn_update_sgd,  tn_update_momentum, tn_update_nesterov, tn_update_rmsprop, tn_update_rmsprop_momentum,
      tn_update_adam, tn_update_adagrad};
  const plain_math plain = plain_math_functions();
  for (int i = 0; i < PLAIN_UPDATES; i++) {
    copy_both();
    memset(states, 0, sizeof states);
    tn_update update = {.count = COUNT,
                        .g = y,
                        .scale = 0.01F,
                        .decay = 1e-4F,
                        .rate = 0.02F,
                        .momentum = 0.9F,
                        .fade = {0.1F, 0.001F},
                        .epsilon = 1e-7F};
    for (int step = 0; step < 3; step++) {
      update.w = by_library;
      update.states[0] = states[0];
      update.states[1] = states[1];
      of_library[i](&update);
      update.w = by_plain;
      update.states[0] = states[2];
      update.states[1] = states[3];
      plain.updates[i](&update);
    }
    assert_same(COUNT, by_library, by_plain);
    assert_same(COUNT, states[0], states[2]);
    assert_same(COUNT, states[1], states[3]);
  }
}

static void test_standout(void **state) {
  (void)state;
  const plain_math plain = plain_math_functions();
  for (int draws = 0; draws < 2; draws++) {
    tn_random_uniform(place, 0, COUNT, by_library);
    memcpy(by_plain, by_library, sizeof by_plain);
    tn_kernel_standout(COUNT, 0.7f, -0.2f, y, x, draws, by_library);
    plain.standout(COUNT, 0.7f, -0.2f, y, x, draws, by_plain);
    assert_same(COUNT, by_library, by_plain);
  }
}

static void test_element_wise(void **state) {
  (void)state;
  const plain_math plain = plain_math_functions();
  copy_both();
  tn_kernel_multiply(COUNT, by_library, y);
  plain.multiply(COUNT, by_plain, y);
  tn_kernel_add_scaled(COUNT, 0.7f, y, by_library);
  plain.add_scaled(COUNT, 0.7f, y, by_plain);
  tn_kernel_mix(COUNT, 0.9f, y, by_library);
  plain.mix(COUNT, 0.9f, y, by_plain);
  tn_kernel_add_product(COUNT, 0.7f, y, x, by_library);
  plain.add_product(COUNT, 0.7f, y, x, by_plain);
  assert_same(COUNT, by_library, by_plain);
  tn_kernel_rate_slopes(COUNT, 0.3, 0.1, x, y, by_library);
  plain.rate_slopes(COUNT, 0.3, 0.1, x, y, by_plain);
  assert_same(COUNT, by_library, by_plain);
  for (int element = TN_U8; element <= TN_F32; element++) {
    /* x stands for any bytes */
    tn_kernel_convert((tn_element)element, COLS, x, y, y + COLS, by_library);
    plain.convert((tn_element)element, COLS, x, y, y + COLS, by_plain);
    assert_same(COLS, by_library, by_plain);
  }
}

/* Every fourth factor is that of a dropped unit. */
static void test_shifts(void **state) {
  (void)state;
  static float factors[COUNT];
  const plain_math plain = plain_math_functions();
  for (int i = 0; i < COUNT; i++)
    factors[i] = i % 4 == 0 ? 0 : y[i];
  copy_both();
  tn_kernel_add_shifts(COUNT, factors, 0.4f, 0.9f, by_library);
  plain.add_shifts(COUNT, factors, 0.4f, 0.9f, by_plain);
  assert_same(COUNT, by_library, by_plain);
}

static void test_picked(void **state) {
  (void)state;
  static int32_t units[COLS];
  const plain_math plain = plain_math_functions();
  for (int k = 0; k < COLS; k++)
    units[k] = (7 * k + k * k % 5) % COUNT;
  tn_kernel_pick(COLS, units, 1.7f, x, by_library);
  plain.pick(COLS, units, 1.7f, x, by_plain);
  assert_same(COLS, by_library, by_plain);
}

/* The sum over ranks: parts that stand further from each other than they are long, longer than a block. */
static void test_sums_of_parts(void **state) {
  (void)state;
  enum { PARTS = 5, STRIDE = COUNT / PARTS, LENGTH = STRIDE - 3 };
  static int64_t integers[COUNT], integers_by_library[LENGTH], integers_by_plain[LENGTH];
  const plain_math plain = plain_math_functions();
  for (int i = 0; i < COUNT; i++)
    integers[i] = (int64_t)(y[i] * 0x1p50F);
  for (int parts = 2; parts <= PARTS; parts++) {
    tn_kernel_sum_floats(LENGTH, parts, y, STRIDE, by_library);
    plain.sum_floats(LENGTH, parts, y, STRIDE, by_plain);
    assert_same(LENGTH, by_library, by_plain);
    tn_kernel_sum_integers(LENGTH, parts, integers, STRIDE, integers_by_library);
    plain.sum_integers(LENGTH, parts, integers, STRIDE, integers_by_plain);
    assert_memory_equal(integers_by_library, integers_by_plain, sizeof integers_by_library);
  }
}

/* Both ways of rounding: y has values beyond 2^51 units at 59 bits, and none at 20. */
static void test_fixed(void **state) {
  (void)state;
  static int64_t integers_by_library[COUNT], integers_by_plain[COUNT];
  const plain_math plain = plain_math_functions();
  for (int bits = 20; bits <= 59; bits += 39)
    for (int add = 0; add < 2; add++) {
      assert_int_equal(tn_fixed_from_floats(integers_by_library, y, COUNT, bits, 8, add), -1);
      assert_int_equal(plain.from_floats(integers_by_plain, y, COUNT, bits, 8, add), -1);
      assert_memory_equal(integers_by_library, integers_by_plain, sizeof integers_by_library);
      tn_fixed_to_floats(by_library, integers_by_library, COUNT, bits);
      plain.to_floats(by_plain, integers_by_plain, COUNT, bits);
      assert_same(COUNT, by_library, by_plain);
    }
  for (int limit = 1; limit < 6; limit++)
    assert_int_equal(tn_fixed_first_beyond(y, COUNT, (float)limit), plain.first_beyond(y, COUNT, (float)limit));
}

/* What is looked for stands in each place of a vector once, and nowhere in x. */
static void test_searches(void **state) {
  (void)state;
  const plain_math plain = plain_math_functions();
  copy_both();
  for (int i = COUNT - 1; i > COUNT - 40; i--) {
    by_library[i] = i % 2 ? NAN : INFINITY;
    assert_int_equal(tn_kernel_find_nonfinite(COUNT, by_library), i);
    assert_int_equal(plain.find_nonfinite(COUNT, by_library), i);
  }
  assert_int_equal(tn_kernel_find_nonfinite(COUNT, x), -1);
  assert_int_equal(plain.find_nonfinite(COUNT, x), -1);
}

static void test_sums(void **state) {
  (void)state;
  const plain_math plain = plain_math_functions();
  tn_kernel_column_sums(ROWS, COLS, x, by_library, false);
  plain.column_sums(ROWS, COLS, x, by_plain, false);
  assert_same(COLS, by_library, by_plain);
  for (int64_t n = 0; n < 200; n++)
    assert_true(tn_kernel_product_sum(n, y, y + 1, y + 2) == plain.product_sum(n, y, y + 1, y + 2));
  for (int64_t n = 0; n < 200; n++)
    assert_true(tn_kernel_square_sum(n, y) == plain.square_sum(n, y));
  assert_true(tn_kernel_square_sum(COUNT, y) == plain.square_sum(COUNT, y));
  assert_true(tn_kernel_dot(COUNT, x, y) == plain.dot(COUNT, x, y));
}

static void test_max_norm(void **state) {
  (void)state;
  static double norms[COLS];
  const plain_math plain = plain_math_functions();
  copy_both();
  tn_kernel_max_norm(ROWS, COLS, COLS, 5, by_library, norms);
  plain.max_norm(ROWS, COLS, COLS, 5, by_plain, norms);
  assert_same(COUNT, by_library, by_plain);
  assert_true(memcmp(by_library, x, sizeof x) != 0);
}

/* y stands for means, quotients and gains, the slopes' arrays for what is kept. */
static void test_norms(void **state) {
  (void)state;
  static double sums[2 * COLS], plain_sums[2 * COLS];
  const plain_math plain = plain_math_functions();
  tn_norm_column_moments(ROWS, COLS, y, sums);
  tn_norm_column_products(ROWS, COLS, y, x, sums);
  plain.norm_column_moments(ROWS, COLS, y, plain_sums);
  plain.norm_column_products(ROWS, COLS, y, x, plain_sums);
  assert_memory_equal(sums, plain_sums, sizeof sums);
  copy_both();
  tn_norm_columns(ROWS, COLS, y, y + COLS, y + 2 * COLS, by_library, slope_by_library);
  plain.norm_columns(ROWS, COLS, y, y + COLS, y + 2 * COLS, by_plain, slope_by_plain);
  tn_norm_columns_back(ROWS, COLS, y, y + COLS, y + 2 * COLS, y + 3 * COLS, slope_by_library, by_library);
  plain.norm_columns_back(ROWS, COLS, y, y + COLS, y + 2 * COLS, y + 3 * COLS, slope_by_plain, by_plain);
  assert_same(COUNT, by_library, by_plain);
  tn_norm_rows(ROWS, COLS, 0.1, y, by_library, slope_by_library, NULL);
  plain.norm_rows(ROWS, COLS, 0.1, y, by_plain, slope_by_plain, NULL);
  tn_norm_rows_back(ROWS, COLS, y, y + COLS, slope_by_library, by_library);
  plain.norm_rows_back(ROWS, COLS, y, y + COLS, slope_by_plain, by_plain);
  assert_same(COUNT, by_library, by_plain);
  assert_same(COUNT, slope_by_library, slope_by_plain);
}

static void test_random(void **state) {
  (void)state;
  const plain_math plain = plain_math_functions();
  tn_random_uniform(place, 1, COUNT, by_library);
  plain.uniform(place, 1, COUNT, by_plain);
  assert_same(COUNT, by_library, by_plain);
  tn_random_normal(place, 2, COUNT, by_library);
  plain.normal(place, 2, COUNT, by_plain);
  assert_same(COUNT, by_library, by_plain);
  tn_random_concrete_factors(place, COUNT, 3, 0.37, 0.1, by_library);
  plain.concrete_factors(place, COUNT, 3, 0.37, 0.1, by_plain);
  assert_same(COUNT, by_library, by_plain);
  tn_random_bernoulli_factors(place, COUNT, 3, 0.37, by_library);
  plain.bernoulli_factors(place, COUNT, 3, 0.37, by_plain);
  assert_same(COUNT, by_library, by_plain);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_activations),  cmocka_unit_test(test_penalties_and_statistics),
      cmocka_unit_test(test_updates),      cmocka_unit_test(test_standout),
      cmocka_unit_test(test_element_wise), cmocka_unit_test(test_sums),
      cmocka_unit_test(test_max_norm),     cmocka_unit_test(test_norms),
      cmocka_unit_test(test_random),       cmocka_unit_test(test_shifts),
      cmocka_unit_test(test_picked),       cmocka_unit_test(test_sums_of_parts),
      cmocka_unit_test(test_searches),     cmocka_unit_test(test_fixed),
  };
  return cmocka_run_group_tests_name("versions", tests, fill_arrays, NULL);
}
