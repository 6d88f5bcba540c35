#include "math/random.h"

#include "math/philox.h"

#include <assert.h>
#include <math.h>

/* Decisions taken from one Philox batch: two a word. */
#define DECISIONS (2 * TN_PHILOX_WORDS)

uint32_t tn_drop_threshold(double rate) {
  assert(rate >= 0 && rate <= 1);
  const double threshold = floor(65536 * rate + 0.5);
  return threshold < 65535 ? (uint32_t)threshold : 65535;
}

static int64_t min_count(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* Spreads ceil(units / group) factors at the front over all units, from the last to the first, in place. */
static void expand_groups(int64_t units, int64_t group, float *factor) {
  for (int64_t unit = units - 1; unit >= 0; unit--)
    factor[unit] = factor[unit / group];
}

void tn_random_bernoulli_factors(tn_place place, int64_t units, int64_t group, double rate, float *factor) {
  const int64_t decisions = (units + group - 1) / group;
  const uint32_t threshold = tn_drop_threshold(rate);
  const float kept = 65536.0f / (float)(65536 - threshold);
  uint32_t words[TN_PHILOX_WORDS];
  for (int64_t done = 0; done < decisions; done += DECISIONS) {
    const int64_t part = min_count(decisions - done, DECISIONS);
    tn_philox_batch(&place, (uint32_t)(done / 8), words);
    for (int64_t i = 0; i < part; i++) {
      const uint32_t half = words[i / 2] >> (i % 2 * 16) & 0xffff;
      factor[done + i] = half < threshold ? 0.0f : kept;
    }
  }
  if (group > 1)
    expand_groups(units, group, factor);
}

void tn_random_gaussian_factors(tn_place place, int64_t units, int64_t group, double rate, float *factor) {
  assert(rate >= 0 && rate < 1);
  const int64_t decisions = (units + group - 1) / group;
  const float deviation = (float)sqrt(rate / (1 - rate));
  tn_random_normal(place, 0, decisions, factor);
  for (int64_t i = 0; i < decisions; i++)
    factor[i] = 1.0f + deviation * factor[i];
  if (group > 1)
    expand_groups(units, group, factor);
}
