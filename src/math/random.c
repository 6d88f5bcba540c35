#include "math/random.h"

#include "math/approx.h"
#include "math/philox.h"

#include <assert.h>

tn_place tn_place_make(uint64_t seed, tn_stream stream, uint32_t replica, uint32_t layer, uint64_t step, uint64_t row) {
  assert(layer < 128 && replica < TN_REPLICAS_MAX && step >> 32 == 0 && row >> 32 == 0);
  const uint32_t kind = (uint32_t)stream << 28 | layer << 21 | replica;
  return (tn_place){.key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
                    .counter = {0, (uint32_t)row, (uint32_t)step, kind}};
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

void tn_random_words(tn_place place, int64_t first, int64_t count, uint32_t *words) {
  assert(first >= 0 && first + count <= INT64_C(1) << 34);
  uint32_t batch[TN_PHILOX_WORDS];
  for (int64_t done = 0; done < count;) {
    const int64_t skip = (first + done) % 4;
    const int64_t part = smaller(count - done, TN_PHILOX_WORDS - skip);
    tn_philox_batch(&place, (uint32_t)((first + done) / 4), batch);
    memcpy(words + done, batch + skip, (size_t)part * sizeof *words);
    done += part;
  }
}

/* Numbers are made from whole batches, because loops of a known length vectorise best; a batch's surplus is dropped. */

TN_MULTIVERSION static void uniform_from_words(const uint32_t *restrict words, float *restrict values) {
  for (int i = 0; i < TN_PHILOX_WORDS; i++)
    /* 23 bits and a half: more would round to 1. */
    values[i] = ((float)(words[i] >> 9) + 0.5f) * 0x1p-23f;
}

/* Box and Muller 1958. All 32 bits of the first word go into the radius, for the sake of the tails: to 6.7 deviations.
 */
TN_MULTIVERSION static void normal_from_words(const uint32_t *restrict words, float *restrict values) {
  for (int i = 0; i < TN_PHILOX_WORDS; i += 2) {
    const float radius = sqrtf(-2.0f * tn_log(((float)words[i] + 0.5f) * 0x1p-32f));
    const tn_sine_pair direction = tn_sine_of_turn(words[i + 1]);
    values[i] = radius * direction.cosine;
    values[i + 1] = radius * direction.sine;
  }
}

static void fill(tn_place place, int64_t first, int64_t count, void from_words(const uint32_t *, float *),
                 float *values) {
  uint32_t words[TN_PHILOX_WORDS];
  float surplus[TN_PHILOX_WORDS];
  for (int64_t done = 0; done < count; done += TN_PHILOX_WORDS) {
    const int64_t left = count - done;
    tn_random_words(place, first + done, TN_PHILOX_WORDS, words);
    from_words(words, left < TN_PHILOX_WORDS ? surplus : values + done);
    if (left < TN_PHILOX_WORDS)
      memcpy(values + done, surplus, (size_t)left * sizeof *values);
  }
}

void tn_random_uniform(tn_place place, int64_t first, int64_t count, float *values) {
  fill(place, first, count, uniform_from_words, values);
}

void tn_random_normal(tn_place place, int64_t first, int64_t count, float *values) {
  assert(first % 2 == 0);
  fill(place, first, count, normal_from_words, values);
}
