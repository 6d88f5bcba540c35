#include "math/random.h"

#include "math/philox.h"

#include <assert.h>
#include <math.h>
#include <string.h>

tn_place tn_place_make(uint64_t seed, tn_stream stream, uint32_t replica, uint32_t layer, uint64_t step, uint64_t row) {
  assert(layer < 128 && replica < TN_REPLICAS_MAX && step >> 32 == 0 && row >> 32 == 0);
  const uint32_t kind = (uint32_t)stream << 28 | layer << 21 | replica;
  return (tn_place){.key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
                    .counter = {0, (uint32_t)row, (uint32_t)step, kind}};
}

void tn_random_words(tn_place place, int64_t first, int64_t count, uint32_t *words) {
  assert(first >= 0 && first + count <= INT64_C(1) << 34);
  uint32_t batch[TN_PHILOX_WORDS];
  for (int64_t done = 0; done < count;) {
    const int64_t skip = (first + done) % 4;
    const int64_t room = TN_PHILOX_WORDS - skip;
    const int64_t taken = count - done < room ? count - done : room;
    tn_philox_batch(&place, (uint32_t)((first + done) / 4), batch);
    memcpy(words + done, batch + skip, (size_t)taken * sizeof *words);
    done += taken;
  }
}

void tn_random_uniform(tn_place place, int64_t first, int64_t count, float *values) {
  uint32_t words[TN_PHILOX_WORDS];
  for (int64_t done = 0; done < count; done += TN_PHILOX_WORDS) {
    const int64_t part = count - done < TN_PHILOX_WORDS ? count - done : TN_PHILOX_WORDS;
    tn_random_words(place, first + done, part, words);
    for (int64_t i = 0; i < part; i++)
      values[done + i] = ((float)(words[i] >> 9) + 0.5f) * 0x1p-23f;
  }
}

void tn_random_normal(tn_place place, int64_t first, int64_t count, float *values) {
  assert(first % 2 == 0);
  uint32_t words[TN_PHILOX_WORDS];
  for (int64_t done = 0; done < count; done += TN_PHILOX_WORDS) {
    const int64_t part = count - done < TN_PHILOX_WORDS ? count - done : TN_PHILOX_WORDS;
    tn_random_words(place, first + done, (part + 1) / 2 * 2, words);
    for (int64_t i = 0; i < part; i += 2) {
      const double radius = sqrt(-2 * log((words[i] + 0.5) * 0x1p-32));
      const double angle = 2 * 3.14159265358979323846 * 0x1p-32 * words[i + 1];
      values[done + i] = (float)(radius * cos(angle));
      if (i + 1 < part)
        values[done + i + 1] = (float)(radius * sin(angle));
    }
  }
}
