/* Philox against its published answers and against Random123; uniform and normal numbers against their distributions.
 */
#include "math/philox.h"
#include "math/random.h"
#include "statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <Random123/philox.h>
#include <stdlib.h>
#include <string.h>

/* The three answers for philox4x32 with 10 rounds in Random123's kat_vectors: counter, key, words. */
static void test_known_answers(void **state) {
  (void)state;
  static const struct {
    uint32_t counter[4], key[2], words[4];
  } answers[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    tn_place place = {.key = {answers[i].key[0], answers[i].key[1]}};
    memcpy(place.counter + 1, answers[i].counter + 1, 3 * sizeof(uint32_t));
    uint32_t words[4];
    tn_random_words(place, 4 * (int64_t)answers[i].counter[0], 4, words);
    assert_memory_equal(words, answers[i].words, sizeof words);
  }
}

static uint32_t word_by_random123(const tn_place *place, int64_t word) {
  const philox4x32_ctr_t counter = {{(uint32_t)(word / 4), place->counter[1], place->counter[2], place->counter[3]}};
  const philox4x32_key_t key = {{place->key[0], place->key[1]}};
  return philox4x32(counter, key).v[word % 4];
}

static void test_every_version_gives_the_words_of_random123(void **state) {
  (void)state;
  const tn_place place = tn_place_make(0xfedcba9876543210, TN_STREAM_MC, 2000000, 100, 0xdeadbeef, 0xcafef00d);
  static const uint32_t first_blocks[] = {0, 1, 777, 0x80000000, 0xfffffff0};
  for (int version = 0; version < TN_PHILOX_VERSIONS; version++) {
    const char *name;
    const tn_philox_function batch = tn_philox_version(version, &name);
    for (size_t i = 0; batch != NULL && i < sizeof first_blocks / sizeof *first_blocks; i++) {
      uint32_t words[TN_PHILOX_WORDS];
      batch(&place, first_blocks[i], words);
      for (int64_t w = 0; w < TN_PHILOX_WORDS; w++)
        if (words[w] != word_by_random123(&place, 4 * (int64_t)first_blocks[i] + w))
          fail_msg("version %s, block %u, word %d", name, first_blocks[i], (int)w);
    }
    print_message("%-8s %s\n", name, batch != NULL ? "checked" : "not on this processor");
  }
}

static void test_words_from_anywhere(void **state) {
  (void)state;
  enum { MOST = 200 };
  const tn_place place = tn_place_make(7, TN_STREAM_INIT, 0, 3, 0, 0);
  static const int64_t counts[] = {0, 1, 3, 4, 5, 61, 64, 65, MOST};
  for (int64_t first = 0; first < 9; first++)
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
      uint32_t words[MOST + 1];
      words[counts[i]] = 12345;
      tn_random_words(place, first, counts[i], words);
      for (int64_t w = 0; w < counts[i]; w++)
        assert_int_equal(words[w], word_by_random123(&place, first + w));
      assert_int_equal(words[counts[i]], 12345);
    }
}

static void test_uniform_lies_inside_and_follows_its_word(void **state) {
  (void)state;
  enum { COUNT = 1000 };
  const tn_place place = tn_place_make(7, TN_STREAM_INIT, 0, 3, 0, 0);
  uint32_t words[COUNT];
  float values[COUNT];
  tn_random_words(place, 5, COUNT, words);
  tn_random_uniform(place, 5, COUNT, values);
  for (int i = 0; i < COUNT; i++) {
    assert_true(values[i] > 0 && values[i] < 1);
    /* The interval has 2^23 parts, and the value is the middle of the word's part. */
    assert_true(fabs(values[i] - words[i] * 0x1p-32) <= 0x1p-24);
  }
}

static int compare_floats(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

enum { MANY = 1 << 20 };
static float sample[MANY];

/* Kolmogorov and Smirnov's statistic of the first numbers of the sample, times the root of their count. */
static double ks_statistic(int count, double distribution(double)) {
  qsort(sample, (size_t)count, sizeof *sample, compare_floats);
  double worst = 0;
  for (int i = 0; i < count; i++) {
    const double expected = distribution((double)sample[i]);
    worst = fmax(worst, fmax(fabs(expected - (double)i / count), fabs(expected - (double)(i + 1) / count)));
  }
  return worst * sqrt(count);
}

static double uniform_distribution(double x) {
  return x;
}

static double normal_distribution(double x) {
  return 0.5 * erfc(-x * 0.70710678118654752);
}

/* 1.63 is exceeded by chance once in a hundred; the seed is fixed. */
static void test_uniform_distribution(void **state) {
  (void)state;
  tn_random_uniform(tn_place_make(11, TN_STREAM_INIT, 0, 1, 0, 0), 0, MANY, sample);
  assert_true(ks_statistic(MANY, uniform_distribution) < 1.63);
}

static void test_normal_distribution(void **state) {
  (void)state;
  tn_random_normal(tn_place_make(12, TN_STREAM_INIT, 0, 1, 0, 0), 0, MANY, sample);
  assert_true(ks_statistic(MANY, normal_distribution) < 1.63);
}

/* Means of x^k over n values deviate by sqrt((E x^2k - (E x^k)^2) / n). */
static void test_normal_moments(void **state) {
  (void)state;
  static const double even_moments[] = {1, 1, 3, 15, 105, 945, 10395, 135135, 2027025};
  tn_random_normal(tn_place_make(13, TN_STREAM_MASK, 3, 1, 5, 6), 0, MANY, sample);
  for (int k = 1; k <= 8; k++) {
    double mean = 0;
    for (int i = 0; i < MANY; i++)
      mean += pow((double)sample[i], k) / MANY;
    const double expected = k % 2 == 0 ? even_moments[k / 2] : 0;
    const double deviation = sqrt((even_moments[k] - expected * expected) / MANY);
    assert_true(fabs(mean - expected) < DEVIATIONS_ALLOWED * deviation);
  }
}

/* Values far out exist in their number: 66.4 beyond 4 deviations, 0.6 beyond 5. */
static void test_normal_tails(void **state) {
  (void)state;
  tn_random_normal(tn_place_make(14, TN_STREAM_INIT, 0, 1, 0, 0), 0, MANY, sample);
  int64_t beyond_4 = 0;
  for (int i = 0; i < MANY; i++)
    beyond_4 += fabsf(sample[i]) > 4;
  assert_true(fabs(binomial_deviations(beyond_4, MANY, erfc(4 * 0.70710678118654752))) < DEVIATIONS_ALLOWED);
}

/* Box and Muller in double, from the same words: 4 units in the last place for radius and sine, and the rounding of the
 * word to a float near 1, by 2^-25, of which the root makes 2^-25 / radius. */
static void test_normal_follows_its_words(void **state) {
  (void)state;
  enum { COUNT = 4096 };
  const tn_place place = tn_place_make(15, TN_STREAM_INIT, 0, 1, 0, 0);
  static uint32_t words[COUNT];
  tn_random_words(place, 2, COUNT, words);
  tn_random_normal(place, 2, COUNT, sample);
  for (int i = 0; i < COUNT; i += 2) {
    const double radius = sqrt(-2 * log((words[i] + 0.5) * 0x1p-32));
    const double angle = 6.28318530717958648 * 0x1p-32 * words[i + 1];
    const double limit = 4 * 0x1p-23 * fmax(radius, 1) + 0x1p-25 / radius;
    assert_true(fabs((double)sample[i] - radius * cos(angle)) < limit);
    assert_true(fabs((double)sample[i + 1] - radius * sin(angle)) < limit);
  }
}

static void test_numbers_do_not_depend_on_how_many_are_asked(void **state) {
  (void)state;
  enum { MOST = 300 };
  const tn_place place = tn_place_make(16, TN_STREAM_INIT, 0, 1, 0, 0);
  float all[MOST], part[MOST + 1];
  tn_random_normal(place, 0, MOST, all);
  for (int64_t first = 0; first < 8; first += 2)
    for (int64_t count = 0; count <= 140; count++) {
      part[count] = 12345;
      tn_random_normal(place, first, count, part);
      assert_memory_equal(part, all + first, (size_t)count * sizeof *part);
      assert_true(part[count] == 12345);
    }
}

static double arcsine_distribution(double x) {
  return 2 / 3.14159265358979324 * asin(sqrt(x));
}

static double beta_2_distribution(double x) {
  return x * x * (3 - 2 * x);
}

enum { BETAS = 1 << 17 };

static void draw_beta(double alpha) {
  for (uint64_t row = 0; row < BETAS; row++)
    sample[row] = (float)tn_random_beta(tn_place_make(17, TN_STREAM_AUGMENT, 1, TN_AUGMENT_SHARE, 2, row), alpha);
}

/* Beta(1/2, 1/2), Beta(1, 1) and Beta(2, 2) have simple distribution functions. */
static void test_beta_distributions(void **state) {
  (void)state;
  draw_beta(0.5);
  assert_true(ks_statistic(BETAS, arcsine_distribution) < 1.63);
  draw_beta(1);
  assert_true(ks_statistic(BETAS, uniform_distribution) < 1.63);
  draw_beta(2);
  assert_true(ks_statistic(BETAS, beta_2_distribution) < 1.63);
}

/* E (x - 1/2)^(2k) of Beta(a, a) is the product of (2i - 1) / (4 (2a + 2i - 1)) for i up to k. */
static double beta_moment(double alpha, int k) {
  double moment = 1;
  for (int i = 1; i <= k; i++)
    moment *= (2 * i - 1) / (4 * (2 * alpha + 2 * i - 1));
  return moment;
}

static void test_beta_moments(void **state) {
  (void)state;
  static const double alphas[] = {0.05, 0.2, 0.4, 8, 1000};
  for (size_t a = 0; a < sizeof alphas / sizeof *alphas; a++) {
    draw_beta(alphas[a]);
    for (int k = 1; k <= 6; k++) {
      double mean = 0;
      for (int i = 0; i < BETAS; i++)
        mean += pow((double)sample[i] - 0.5, k) / BETAS;
      const double expected = k % 2 == 0 ? beta_moment(alphas[a], k / 2) : 0;
      const double deviation = sqrt((beta_moment(alphas[a], k) - expected * expected) / BETAS);
      if (!(fabs(mean - expected) < DEVIATIONS_ALLOWED * deviation))
        fail_msg("alpha %g, moment %d: %g for %g +- %g", alphas[a], k, mean, expected, deviation);
    }
  }
}

static void test_beta_of_extremes(void **state) {
  (void)state;
  for (uint64_t row = 0; row < 10000; row++) {
    const tn_place place = tn_place_make(18, TN_STREAM_AUGMENT, 1, TN_AUGMENT_SHARE, 2, row);
    const double apart = tn_random_beta(place, 1e-9), middle = tn_random_beta(place, 1e12);
    assert_true(apart == 0 || apart == 1);
    assert_true(fabs(middle - 0.5) < 1e-5);
  }
}

/* Every field of a place lands in bits of its own, so places that differ anywhere differ in their counters. */
static void test_places_never_overlap(void **state) {
  (void)state;
  const tn_place zero = tn_place_make(0, TN_STREAM_INIT, 0, 0, 0, 0);
  const tn_place full[] = {
      tn_place_make(UINT64_MAX, TN_STREAM_INIT, 0, 0, 0, 0),
      tn_place_make(0, (tn_stream)(TN_STREAM_INIT | 14), 0, 0, 0, 0),
      tn_place_make(0, TN_STREAM_INIT, TN_REPLICAS_MAX - 1, 0, 0, 0),
      tn_place_make(0, TN_STREAM_INIT, 0, 127, 0, 0),
      tn_place_make(0, TN_STREAM_INIT, 0, 0, UINT32_MAX, 0),
      tn_place_make(0, TN_STREAM_INIT, 0, 0, 0, UINT32_MAX),
  };
  static const int expected_bits[] = {64, 3, 21, 7, 32, 32}; /* a stream has 4, of which TN_STREAM_INIT uses one */
  uint32_t seen[6] = {0};
  for (size_t i = 0; i < sizeof full / sizeof *full; i++) {
    int bits = 0;
    for (int w = 0; w < 6; w++) {
      const uint32_t changed = w < 2 ? full[i].key[w] ^ zero.key[w] : full[i].counter[w - 2] ^ zero.counter[w - 2];
      assert_int_equal(seen[w] & changed, 0);
      seen[w] |= changed;
      bits += __builtin_popcount(changed);
    }
    assert_int_equal(bits, expected_bits[i]);
    assert_int_equal(full[i].counter[0], 0); /* the block's word stays free */
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_known_answers),
      cmocka_unit_test(test_every_version_gives_the_words_of_random123),
      cmocka_unit_test(test_words_from_anywhere),
      cmocka_unit_test(test_uniform_lies_inside_and_follows_its_word),
      cmocka_unit_test(test_uniform_distribution),
      cmocka_unit_test(test_normal_distribution),
      cmocka_unit_test(test_normal_moments),
      cmocka_unit_test(test_normal_tails),
      cmocka_unit_test(test_normal_follows_its_words),
      cmocka_unit_test(test_numbers_do_not_depend_on_how_many_are_asked),
      cmocka_unit_test(test_beta_distributions),
      cmocka_unit_test(test_beta_moments),
      cmocka_unit_test(test_beta_of_extremes),
      cmocka_unit_test(test_places_never_overlap),
  };
  return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
