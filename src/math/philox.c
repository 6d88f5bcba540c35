#include "math/philox.h"

#include <Random123/philox.h>

void tn_philox_batch(const tn_place *place, uint32_t first_block, uint32_t words[TN_PHILOX_WORDS]) {
  const philox4x32_key_t key = {{place->key[0], place->key[1]}};
  for (uint32_t b = 0; b < TN_PHILOX_BLOCKS; b++) {
    const philox4x32_ctr_t counter = {{first_block + b, place->counter[1], place->counter[2], place->counter[3]}};
    const philox4x32_ctr_t block = philox4x32_R(10, counter, key);
    for (int i = 0; i < 4; i++)
      words[4 * b + (uint32_t)i] = block.v[i];
  }
}
