#include "math/philox.h"

#include <Random123/philox.h>
#include <stddef.h>
#include <string.h>

/* Any processor, by Random123 itself. */
static void plain_batch(const tn_place *place, uint32_t first_block, uint32_t words[TN_PHILOX_WORDS]) {
  const philox4x32_key_t key = {{place->key[0], place->key[1]}};
  for (uint32_t b = 0; b < TN_PHILOX_BLOCKS; b++) {
    const philox4x32_ctr_t counter = {{first_block + b, place->counter[1], place->counter[2], place->counter[3]}};
    const philox4x32_ctr_t block = philox4x32_R(10, counter, key);
    memcpy(words + 4 * b, block.v, sizeof block.v);
  }
}

#ifdef __x86_64__
#include <immintrin.h>

#define LANES_TYPE     sse2_lanes
#define LANES_NAME     sse2_batch
#define LANES_TARGET   "sse2"
#define LANES_COUNT    2
#define LANES_MULTIPLY _mm_mul_epu32
#define LANES_EVEN     _mm_unpacklo_epi64
#define LANES_ODD      _mm_unpackhi_epi64
#define LANES_REGISTER __m128i
#include "math/philox_lanes.h"

#define LANES_TYPE     avx2_lanes
#define LANES_NAME     avx2_batch
#define LANES_TARGET   "avx2"
#define LANES_COUNT    4
#define LANES_MULTIPLY _mm256_mul_epu32
#define LANES_EVEN     _mm256_unpacklo_epi64
#define LANES_ODD      _mm256_unpackhi_epi64
#define LANES_REGISTER __m256i
#include "math/philox_lanes.h"

#define LANES_TYPE     avx512_lanes
#define LANES_NAME     avx512_batch
#define LANES_TARGET   "avx512f"
#define LANES_COUNT    8
#define LANES_MULTIPLY _mm512_mul_epu32
#define LANES_EVEN     _mm512_unpacklo_epi64
#define LANES_ODD      _mm512_unpackhi_epi64
#define LANES_REGISTER __m512i
#include "math/philox_lanes.h"

void tn_philox_batch(const tn_place *place, uint32_t first_block, uint32_t words[TN_PHILOX_WORDS]) {
  if (__builtin_cpu_supports("avx512f"))
    avx512_batch(place, first_block, words);
  else if (__builtin_cpu_supports("avx2"))
    avx2_batch(place, first_block, words);
  else
    sse2_batch(place, first_block, words);
}

tn_philox_function tn_philox_version(int index, const char **name) {
  switch (index) {
  case 0:
    *name = "plain";
    return plain_batch;
  case 1:
    *name = "sse2";
    return sse2_batch;
  case 2:
    *name = "avx2";
    return __builtin_cpu_supports("avx2") ? avx2_batch : NULL;
  default:
    *name = "avx512f";
    return __builtin_cpu_supports("avx512f") ? avx512_batch : NULL;
  }
}

#else

void tn_philox_batch(const tn_place *place, uint32_t first_block, uint32_t words[TN_PHILOX_WORDS]) {
  plain_batch(place, first_block, words);
}

tn_philox_function tn_philox_version(int index, const char **name) {
  *name = "plain";
  return index == 0 ? plain_batch : NULL;
}

#endif
