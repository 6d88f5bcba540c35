/* Tests of randomness on fixed seeds: their outcome never changes, so a limit of four deviations is no gamble. */
#ifndef TN_TESTS_STATISTICS_H
#define TN_TESTS_STATISTICS_H

#include <math.h>
#include <stdint.h>

#define DEVIATIONS_ALLOWED 4.0

/* How many standard deviations a chi-square statistic lies from its mean (Wilson and Hilferty 1931). */
static inline double chi_square_deviations(double statistic, double freedom) {
  const double variance = 2 / (9 * freedom);
  return (cbrt(statistic / freedom) - (1 - variance)) / sqrt(variance);
}

/* Of counts that should all be alike. */
static inline double uniformity_deviations(int64_t count, const int64_t *counts) {
  double total = 0, statistic = 0;
  for (int64_t i = 0; i < count; i++)
    total += (double)counts[i];
  const double expected = total / (double)count;
  for (int64_t i = 0; i < count; i++)
    statistic += ((double)counts[i] - expected) * ((double)counts[i] - expected) / expected;
  return chi_square_deviations(statistic, (double)(count - 1));
}

/* Of `hits` out of `trials` that should succeed with this probability. */
static inline double binomial_deviations(int64_t hits, int64_t trials, double probability) {
  const double mean = (double)trials * probability;
  return ((double)hits - mean) / sqrt(mean * (1 - probability));
}

#endif
