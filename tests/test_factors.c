/* Dropout factors: frequencies, means, and independence along every coordinate of a place. */
#include "base/config_table.h"
#include "math/random.h"
#include "statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

enum { UNITS = 1000, ROWS = 500 };

static float rows_of_factors[ROWS][UNITS];

static void draw_rows(double rate, int64_t group) {
  for (uint64_t row = 0; row < ROWS; row++)
    tn_random_bernoulli_factors(tn_place_make(1, TN_STREAM_MASK, 0, 1, 2, row), UNITS, group, rate,
                                rows_of_factors[row]);
}

static void test_threshold(void **state) {
  (void)state;
  assert_int_equal(tn_drop_threshold(0), 0);
  assert_int_equal(tn_drop_threshold(0.5), 32768);
  assert_int_equal(tn_drop_threshold(0.2), 13107); /* 13107.2 */
  assert_int_equal(tn_drop_threshold(0.3), 19661); /* 19660.8 */
  assert_int_equal(tn_drop_threshold(1e-6), 0);
  assert_int_equal(tn_drop_threshold(TN_DROP_RATE_MIN), 1); /* what the configuration's check lets through */
  assert_int_equal(tn_drop_threshold(0.999 * TN_DROP_RATE_MIN), 0);
  assert_int_equal(tn_drop_threshold(0.999999), 65535);
  assert_int_equal(tn_drop_threshold(1), 65535);
}

/* The header's rule, unit by unit. */
static void test_factors_follow_their_words(void **state) {
  (void)state;
  static const int64_t sizes[] = {0, 1, 2, 7, 8, 9, 127, 128, 129, 300};
  static const double rates[] = {0, 0.1, 0.5, 0.9, 1};
  const tn_place place = tn_place_make(99, TN_STREAM_MASK, 5, 4, 3, 2);
  uint32_t words[150];
  tn_random_words(place, 0, 150, words);
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
      for (int64_t group = 1; group < 12; group += 3) {
        float factor[301];
        factor[sizes[s]] = 12345;
        tn_random_bernoulli_factors(place, sizes[s], group, rates[r], factor);
        const uint32_t threshold = tn_drop_threshold(rates[r]);
        for (int64_t unit = 0; unit < sizes[s]; unit++) {
          const int64_t decision = unit / group;
          const uint32_t half = decision % 2 == 0 ? words[decision / 2] & 0xffff : words[decision / 2] >> 16;
          assert_true(factor[unit] == (half < threshold ? 0.0f : 65536.0f / (float)(65536 - threshold)));
        }
        assert_true(factor[sizes[s]] == 12345);
      }
}

static void test_factors_from_a_later_decision(void **state) {
  (void)state;
  const tn_place place = tn_place_make(99, TN_STREAM_MASK, 5, 4, 3, 2);
  float whole[700], part[200];
  tn_random_bernoulli_factors(place, 700, 1, 0.4, whole);
  for (int64_t first = 0; first <= 3 * TN_FACTORS_STEP; first += TN_FACTORS_STEP) {
    part[190] = 12345;
    tn_random_bernoulli_factors_at(place, first, 190, 0.4, part);
    assert_memory_equal(part, whole + first, 190 * sizeof *part);
    assert_true(part[190] == 12345);
  }
}

/* P(kept) x factor = (65536 - d) / 65536 x 65536 / (65536 - d) = 1 but for the rounding of the factor to a float. */
static void test_mean_factor_is_one(void **state) {
  (void)state;
  static const double rates[] = {0, 0.01, 0.2, 1.0 / 3, 0.5, 0.77, 0.99999};
  for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
    draw_rows(rates[r], 1);
    float kept = 0;
    for (int unit = 0; unit < UNITS * ROWS && kept == 0; unit++)
      kept = rows_of_factors[unit / UNITS][unit % UNITS];
    const double keep_probability = (65536 - (double)tn_drop_threshold(rates[r])) / 65536;
    assert_true(kept == 0 || fabs(keep_probability * (double)kept - 1) <= 0x1p-24);
  }
}

static int64_t count_dropped(const float *factor, int64_t units) {
  int64_t dropped = 0;
  for (int64_t unit = 0; unit < units; unit++)
    dropped += factor[unit] == 0;
  return dropped;
}

static void test_frequencies(void **state) {
  (void)state;
  static const double rates[] = {0.1, 0.2, 0.5, 0.8};
  for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
    draw_rows(rates[r], 1);
    const double probability = tn_drop_threshold(rates[r]) / 65536.0;
    assert_true(fabs(binomial_deviations(count_dropped(rows_of_factors[0], ROWS * UNITS), ROWS * UNITS, probability)) <
                DEVIATIONS_ALLOWED);
    /* Each unit is dropped in its share of rows, and each row drops its share of units. */
    double unit_statistic = 0, row_statistic = 0;
    for (int64_t unit = 0; unit < UNITS; unit++) {
      int64_t dropped = 0;
      for (int64_t row = 0; row < ROWS; row++)
        dropped += rows_of_factors[row][unit] == 0;
      unit_statistic += pow(binomial_deviations(dropped, ROWS, probability), 2);
    }
    for (int64_t row = 0; row < ROWS; row++)
      row_statistic += pow(binomial_deviations(count_dropped(rows_of_factors[row], UNITS), UNITS, probability), 2);
    assert_true(fabs(chi_square_deviations(unit_statistic, UNITS)) < DEVIATIONS_ALLOWED);
    assert_true(fabs(chi_square_deviations(row_statistic, ROWS)) < DEVIATIONS_ALLOWED);
  }
}

/* Agreement of two long masks at rate 1/2, in deviations from a fair coin. */
static double agreement_deviations(const tn_place *a, const tn_place *b) {
  enum { LONG = 100000 };
  static float first[LONG], second[LONG];
  tn_random_bernoulli_factors(*a, LONG, 1, 0.5, first);
  tn_random_bernoulli_factors(*b, LONG, 1, 0.5, second);
  int64_t agreeing = 0;
  for (int i = 0; i < LONG; i++)
    agreeing += first[i] == second[i];
  return binomial_deviations(agreeing, LONG, 0.5);
}

static void test_masks_are_independent_along_every_coordinate(void **state) {
  (void)state;
  const tn_place here = tn_place_make(1, TN_STREAM_MASK, 3, 2, 1000, 50);
  const tn_place others[] = {
      tn_place_make(2, TN_STREAM_MASK, 3, 2, 1000, 50),          tn_place_make(1, TN_STREAM_MC, 3, 2, 1000, 50),
      tn_place_make(1, TN_STREAM_MASK, 4, 2, 1000, 50),          tn_place_make(1, TN_STREAM_MASK, 3, 3, 1000, 50),
      tn_place_make(1, TN_STREAM_MASK, 3, 2, 1001, 50),          tn_place_make(1, TN_STREAM_MASK, 3, 2, 1000, 51),
      tn_place_make(1, TN_STREAM_MASK, 2, 3, 1000, 50),          tn_place_make(1, TN_STREAM_MASK, 3, 2, 50, 1000),
      tn_place_make(1ULL << 32, TN_STREAM_MASK, 3, 2, 1000, 50),
  };
  assert_true(agreement_deviations(&here, &here) > 100);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (!(fabs(agreement_deviations(&here, &others[i])) < DEVIATIONS_ALLOWED))
      fail_msg("place %zu shares its mask", i);
}

/* Counts of the patterns of four neighbouring units, chained at every distance up to 16. */
static void test_neighbouring_units_are_independent(void **state) {
  (void)state;
  draw_rows(0.5, 1);
  for (int64_t distance = 1; distance <= 16; distance++) {
    int64_t counts[16] = {0};
    for (int64_t row = 0; row < ROWS; row++)
      for (int64_t block = 0; block + 4 * distance <= UNITS; block += 4 * distance)
        for (int64_t unit = block; unit < block + distance; unit++) {
          int pattern = 0;
          for (int64_t k = 0; k < 4; k++)
            pattern |= (rows_of_factors[row][unit + k * distance] != 0) << k;
          counts[pattern]++;
        }
    assert_true(fabs(uniformity_deviations(16, counts)) < DEVIATIONS_ALLOWED);
  }
}

static void test_gaussian_factors_follow_the_normals(void **state) {
  (void)state;
  static const int64_t sizes[] = {0, 1, 2, 7, 64, 65, 130};
  const tn_place place = tn_place_make(5, TN_STREAM_MASK, 1, 1, 1, 1);
  float normal[130], factor[131];
  tn_random_normal(place, 0, 130, normal);
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
    for (int64_t group = 1; group <= 3; group++) {
      factor[sizes[s]] = 12345;
      tn_random_gaussian_factors(place, sizes[s], group, 0.2, factor); /* sqrt(0.2 / 0.8) = 1/2 */
      for (int64_t unit = 0; unit < sizes[s]; unit++)
        assert_true(factor[unit] == 1.0f + 0.5f * normal[unit / group]);
      assert_true(factor[sizes[s]] == 12345);
    }
}

static void test_gaussian_mean_and_variance(void **state) {
  (void)state;
  enum { LONG = 1 << 18 };
  static float factor[LONG];
  static const double rates[] = {0.1, 0.5, 0.8};
  for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
    tn_random_gaussian_factors(tn_place_make(6, TN_STREAM_MASK, 1, 1, 1, r), LONG, 1, rates[r], factor);
    const double variance = rates[r] / (1 - rates[r]);
    double mean = 0, spread = 0;
    for (int i = 0; i < LONG; i++) {
      mean += (double)factor[i] / LONG;
      spread += ((double)factor[i] - 1) * ((double)factor[i] - 1) / LONG;
    }
    assert_true(fabs(mean - 1) < DEVIATIONS_ALLOWED * sqrt(variance / LONG));
    assert_true(fabs(spread - variance) < DEVIATIONS_ALLOWED * variance * sqrt(2.0 / LONG));
  }
}

/* z is above 1/2 where a Bernoulli unit would be dropped, and so with probability rate. */
static void test_concrete_factors(void **state) {
  (void)state;
  static const double rates[] = {0.001, 0.2, 0.5, 0.95};
  static const double temperatures[] = {0.1, 0.6};
  for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
    for (size_t t = 0; t < sizeof temperatures / sizeof *temperatures; t++) {
      const double rate = rates[r], temperature = temperatures[t];
      int64_t dropped = 0;
      for (uint64_t row = 0; row < ROWS; row++) {
        const tn_place place = tn_place_make(1, TN_STREAM_MASK, 0, 1, 2, row);
        float u[UNITS], factor[UNITS];
        tn_random_uniform(place, 0, UNITS, u);
        tn_random_concrete_factors(place, UNITS, 1, rate, temperature, factor);
        for (int i = 0; i < UNITS; i++) {
          const double noise = log((double)u[i]) - log(1 - (double)u[i]);
          const double z = 1 / (1 + exp(-(log(rate / (1 - rate)) + noise) / temperature));
          /* The exponent, of up to 17 + 7, is rounded before it is multiplied by 1 / temperature; the derivative of
           * 1 - z after it is at most 1/4. */
          assert_true(fabs((double)factor[i] - (1 - z) / (1 - rate)) < 4 * 24 * 0x1p-24 / temperature / 4 / (1 - rate));
          dropped += z > 0.5;
        }
      }
      assert_true(fabs(binomial_deviations(dropped, (int64_t)ROWS * UNITS, rate)) < DEVIATIONS_ALLOWED);
    }
}

static void test_concrete_factors_of_groups(void **state) {
  (void)state;
  const tn_place place = tn_place_make(1, TN_STREAM_MASK, 0, 1, 2, 3);
  float single[UNITS], groups[UNITS];
  tn_random_concrete_factors(place, UNITS, 1, 0.3, 0.1, single);
  tn_random_concrete_factors(place, UNITS, 7, 0.3, 0.1, groups);
  for (int i = 0; i < UNITS; i++)
    assert_true(groups[i] == single[i / 7]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_threshold),
      cmocka_unit_test(test_factors_follow_their_words),
      cmocka_unit_test(test_factors_from_a_later_decision),
      cmocka_unit_test(test_mean_factor_is_one),
      cmocka_unit_test(test_frequencies),
      cmocka_unit_test(test_masks_are_independent_along_every_coordinate),
      cmocka_unit_test(test_neighbouring_units_are_independent),
      cmocka_unit_test(test_gaussian_factors_follow_the_normals),
      cmocka_unit_test(test_gaussian_mean_and_variance),
      cmocka_unit_test(test_concrete_factors),
      cmocka_unit_test(test_concrete_factors_of_groups),
  };
  return cmocka_run_group_tests_name("factors", tests, NULL, NULL);
}
