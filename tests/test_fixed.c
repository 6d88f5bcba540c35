#include "fixed_oracle.h"

#include "dist/fixed.h"
#include "dist/sums.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 10007 }; /* some blocks and a rest */

static void assert_converts(const float *values, int bits, float limit) {
  static int64_t integers[COUNT];
  memset(integers, 0x55, sizeof integers);
  assert_int_equal(tn_fixed_from_floats(integers, values, COUNT, bits, limit, false), -1);
  for (int i = 0; i < COUNT; i++)
    if (integers[i] != (int64_t)oracle_fixed((double)values[i], bits))
      fail_msg("%a with %d bits became %lld", (double)values[i], bits, (long long)integers[i]);
  for (int i = 0; i < COUNT; i++)
    integers[i] = i - 5000;
  assert_int_equal(tn_fixed_from_floats(integers, values, COUNT, bits, limit, true), -1);
  for (int i = 0; i < COUNT; i++)
    assert_int_equal(integers[i], (int64_t)oracle_fixed((double)values[i], bits) + i - 5000);
}

/* All binades below the limit, from values that vanish to some beyond 2^51 in every block. */
static void test_conversion_of_all_magnitudes(void **state) {
  (void)state;
  static float values[COUNT];
  uint64_t seed = 1;
  for (int bits = 0; bits <= 61; bits++) {
    const int limit_log2 = 62 - bits;
    for (int i = 0; i < COUNT; i++)
      values[i] = oracle_float_between(&seed, -bits - 4, limit_log2);
    assert_converts(values, bits, ldexpf(1.0F, limit_log2));
  }
}

/* Below 2^51 throughout, which vectors convert, and just beyond that, which they may not. */
static void test_conversion_of_smaller_values(void **state) {
  (void)state;
  static float values[COUNT];
  uint64_t seed = 2;
  for (int top = 50; top <= 54; top++)
    for (int bits = 0; bits <= 61; bits += 6) {
      for (int i = 0; i < COUNT; i++)
        values[i] = i % 100 == 0 ? 0.0F : oracle_float_between(&seed, -bits - 4, top - bits);
      assert_converts(values, bits, ldexpf(1.0F, 62 - bits));
    }
}

static void test_ties_go_to_even(void **state) {
  (void)state;
  const float values[] = {0.5F, 1.5F, 2.5F, -0.5F, -1.5F, -2.5F, -0.0F, 0.49999997F};
  const int64_t expected[] = {0, 2, 2, 0, -2, -2, 0, 0};
  int64_t integers[8];
  assert_int_equal(tn_fixed_from_floats(integers, values, 8, 0, 1024.0F, false), -1);
  assert_memory_equal(integers, expected, sizeof expected);
}

/* The first bad place is found wherever it lies, whatever comes after it. */
static void test_what_is_beyond_the_limit_is_found(void **state) {
  (void)state;
  static float values[COUNT];
  static int64_t integers[COUNT];
  const float bad[] = {NAN, -NAN, INFINITY, -INFINITY, 256.0F, -256.0F};
  const int places[] = {0, 1, 2047, 2048, 5000, COUNT - 1};
  for (size_t b = 0; b < sizeof bad / sizeof *bad; b++)
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
      for (int i = 0; i < COUNT; i++)
        values[i] = i % 2 == 0 ? 255.99998F : -255.99998F;
      assert_int_equal(tn_fixed_first_beyond(values, COUNT, 256.0F), -1);
      values[places[p]] = values[COUNT - 1] = bad[b];
      assert_int_equal(tn_fixed_first_beyond(values, COUNT, 256.0F), places[p]);
      assert_int_equal(tn_fixed_from_floats(integers, values, COUNT, 40, 256.0F, false), places[p]);
      assert_int_equal(tn_fixed_first_beyond(values, COUNT, INFINITY), b < 4 ? places[p] : -1);
    }
}

static void test_way_back(void **state) {
  (void)state;
  static int64_t integers[COUNT];
  static float values[COUNT];
  uint64_t seed = 3;
  for (int i = 0; i < COUNT; i++)
    integers[i] = (int64_t)oracle_random(&seed) >> (i % 64);
  integers[0] = (int64_t)1 << 62;
  integers[1] = -integers[0];
  integers[2] = 0;
  integers[3] = -1;
  for (int bits = 0; bits <= 61; bits++) {
    tn_fixed_to_floats(values, integers, COUNT, bits);
    for (int i = 0; i < COUNT; i++)
      assert_true(values[i] == oracle_float(integers[i], bits));
  }
}

/* Float sums of `ranks` numbers, one after the other or in a tree, as MPI may choose. */
static void add_in_a_row(float (*parts)[TN_SUM_PARTS], int ranks) {
  for (int r = 1; r < ranks; r++)
    for (int p = 0; p < TN_SUM_PARTS; p++)
      parts[0][p] += parts[r][p];
}

static void add_in_a_tree(float (*parts)[TN_SUM_PARTS], int ranks) {
  for (int step = 1; step < ranks; step *= 2)
    for (int r = 0; r + step < ranks; r += 2 * step)
      for (int p = 0; p < TN_SUM_PARTS; p++)
        parts[r][p] += parts[r + step][p];
}

/* As many counts as there may be ranks, whose sum comes close to 2^40: 16777216 +- a bit each. */
static void test_counts_stay_exact_in_float(void **state) {
  (void)state;
  enum { RANKS = 65536 };
  float(*const parts)[TN_SUM_PARTS] = malloc(sizeof(float[RANKS][TN_SUM_PARTS]));
  assert_non_null(parts);
  for (int tree = 0; tree < 2; tree++) {
    uint64_t seed = 4;
    int64_t expected = 0;
    for (int r = 0; r < RANKS; r++) {
      const int64_t count = ((int64_t)1 << 24) - 1 - (r == 0 ? 0 : (int64_t)(oracle_random(&seed) % 1000));
      expected += count;
      tn_sum_split((double)count, parts[r]);
    }
    if (tree)
      add_in_a_tree(parts, RANKS);
    else
      add_in_a_row(parts, RANKS);
    assert_true(tn_sum_join(parts[0]) == (double)expected);
  }
  free(parts);
}

/* The third part is below 2^8 and keeps 24 bits: half a unit in its last place is 2^-17. */
static void test_split_keeps_what_is_not_whole(void **state) {
  (void)state;
  const double sums[] = {0.0, 1e-30, 0.1, 254.7, 299.53, -299.53, 123456.789, 1099511627775.25, -65536.0};
  for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
    float parts[TN_SUM_PARTS];
    tn_sum_split(sums[i], parts);
    const double tolerance = fmin(fabs(sums[i]) * 0x1p-24, 0x1p-17);
    assert_true(fabs(tn_sum_join(parts) - sums[i]) <= tolerance);
  }
  float parts[TN_SUM_PARTS];
  tn_sum_split(NAN, parts);
  assert_true(isnan(tn_sum_join(parts)));
  tn_sum_split(INFINITY, parts);
  assert_true(isfinite(tn_sum_join(parts)) == 0);
}

static void test_fixed_sums(void **state) {
  (void)state;
  uint64_t seed = 5;
  int64_t words[TN_SUM_WORDS] = {0, 0};
  wide_integer expected = 0;
  for (int i = 0; i < 5000; i++) {
    const double sum = (double)oracle_float_between(&seed, -45, 20) + 1e-9 * i;
    tn_sum_add_fixed(sum, words);
    expected += oracle_fixed(sum, 40);
  }
  assert_true(tn_sum_from_fixed(words) == ldexp((double)expected, -40));
  const int64_t carry[TN_SUM_WORDS] = {-3, ((int64_t)5 << 40) + ((int64_t)1 << 38)};
  assert_true(tn_sum_from_fixed(carry) == 2.25);
}

/* Several at a time; one that cannot be added spoils all of them, and is seen by whoever reads. */
static void test_sums_of_several(void **state) {
  (void)state;
  const double good[] = {0.75, -3.5, 0x1p39}, beyond[] = {0.25, NAN, -0x1p40};
  int64_t words[TN_SUM_ALL_WORDS(3)] = {0};
  double read[3];
  tn_sum_add_all(3, good, words);
  tn_sum_add_all(3, good, words);
  tn_sum_read_all(3, words, read);
  assert_true(read[0] == 1.5 && read[1] == -7 && read[2] == 0x1p40);
  tn_sum_add_all(3, beyond, words);
  assert_int_equal(words[3 * TN_SUM_WORDS], 2);
  tn_sum_read_all(3, words, read);
  assert_true(isnan(read[0]) && isnan(read[1]) && isnan(read[2]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_conversion_of_all_magnitudes),
      cmocka_unit_test(test_conversion_of_smaller_values),
      cmocka_unit_test(test_ties_go_to_even),
      cmocka_unit_test(test_what_is_beyond_the_limit_is_found),
      cmocka_unit_test(test_way_back),
      cmocka_unit_test(test_counts_stay_exact_in_float),
      cmocka_unit_test(test_split_keeps_what_is_not_whole),
      cmocka_unit_test(test_fixed_sums),
      cmocka_unit_test(test_sums_of_several),
  };
  return cmocka_run_group_tests_name("fixed", tests, NULL, NULL) == 0 ? 0 : 1;
}
