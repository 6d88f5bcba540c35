#include "math/random.h"

#include "math/approx.h"
#include "math/multiversion.h"
#include "math/philox.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Decisions taken from one Philox batch: two a word. */
#define DECISIONS (2 * TN_PHILOX_WORDS)

uint32_t tn_drop_threshold(double rate) {
  assert(rate >= 0 && rate <= 1);
  const double threshold = floor(65536 * rate + 0.5);
  return threshold < 65535 ? (uint32_t)threshold : 65535;
}

/* Two factors a word, from its lower and its upper half. */
TN_MULTIVERSION static void factors_from_words(const uint32_t *restrict words, uint32_t threshold, float kept,
                                               float *restrict factor) {
  for (int i = 0; i < TN_PHILOX_WORDS; i++) {
    factor[2 * i] = (words[i] & 0xffff) < threshold ? 0.0f : kept;
    factor[2 * i + 1] = words[i] >> 16 < threshold ? 0.0f : kept;
  }
}

/* Spreads ceil(units / group) factors at the front over all units, in place, the last group first. */
static void expand_groups(int64_t units, int64_t group, float *factor) {
  int64_t end = units;
  for (int64_t g = (units + group - 1) / group - 1; g >= 0; g--) {
    const float shared = factor[g];
    for (int64_t unit = g * group; unit < end; unit++)
      factor[unit] = shared;
    end = g * group;
  }
}

/* Decisions first ... first + count - 1 of a place. */
static void decide(tn_place place, int64_t first, int64_t count, double rate, float kept, float *factor) {
  const uint32_t threshold = tn_drop_threshold(rate);
  uint32_t words[TN_PHILOX_WORDS];
  float surplus[DECISIONS];
  for (int64_t done = 0; done < count; done += DECISIONS) {
    const int64_t left = count - done;
    tn_philox_batch(&place, (uint32_t)((first + done) / 8), words);
    factors_from_words(words, threshold, kept, left < DECISIONS ? surplus : factor + done);
    if (left < DECISIONS)
      memcpy(factor + done, surplus, (size_t)left * sizeof *factor);
  }
}

void tn_random_kept_factors(tn_place place, int64_t units, int64_t group, double rate, float kept, float *factor) {
  decide(place, 0, (units + group - 1) / group, rate, kept, factor);
  if (group > 1)
    expand_groups(units, group, factor);
}

static float usual_factor(double rate) {
  return 65536.0f / (float)(65536 - tn_drop_threshold(rate));
}

void tn_random_bernoulli_factors_at(tn_place place, int64_t first, int64_t count, double rate, float *factor) {
  _Static_assert(TN_FACTORS_STEP % DECISIONS == 0, "strips start with a batch of words");
  assert(first % TN_FACTORS_STEP == 0 && first + count <= TN_DECISIONS_MAX);
  decide(place, first, count, rate, usual_factor(rate), factor);
}

void tn_random_bernoulli_factors(tn_place place, int64_t units, int64_t group, double rate, float *factor) {
  tn_random_kept_factors(place, units, group, rate, usual_factor(rate), factor);
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

/* 1 - u is exact, since u is a multiple of 2^-24. */
TN_MULTIVERSION static void concrete_from_uniform(int64_t n, float logit, float inverse_temperature, float scale,
                                                  float *restrict factor) {
  for (int64_t i = 0; i < n; i++) {
    const float x = logit + tn_log(factor[i]) - tn_log(1.0f - factor[i]);
    factor[i] = scale / (1.0f + tn_exp(x * inverse_temperature));
  }
}

void tn_random_concrete_factors(tn_place place, int64_t units, int64_t group, double rate, double temperature,
                                float *factor) {
  const int64_t decisions = (units + group - 1) / group;
  tn_random_uniform(place, 0, decisions, factor);
  concrete_from_uniform(decisions, (float)(log(rate) - log1p(-rate)), (float)(1 / temperature), (float)(1 / (1 - rate)),
                        factor);
  if (group > 1)
    expand_groups(units, group, factor);
}
