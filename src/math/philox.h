/* Many neighbouring Philox4x32-10 blocks at once. */
#ifndef TN_MATH_PHILOX_H
#define TN_MATH_PHILOX_H

#include "math/random.h"

/* Blocks that one call computes side by side, and the words in them. */
#define TN_PHILOX_BLOCKS 16
#define TN_PHILOX_WORDS  (4 * TN_PHILOX_BLOCKS)

/* The words of blocks first_block ... first_block + TN_PHILOX_BLOCKS - 1 of a place, in order. */
void tn_philox_batch(const tn_place *place, uint32_t first_block, uint32_t words[TN_PHILOX_WORDS]);

/* For tests: the versions that tn_philox_batch chooses from by processor, index 0 to TN_PHILOX_VERSIONS - 1; NULL where
 * this processor cannot run it. All give the same words. */
#define TN_PHILOX_VERSIONS 4
typedef void (*tn_philox_function)(const tn_place *place, uint32_t first_block, uint32_t words[TN_PHILOX_WORDS]);
tn_philox_function tn_philox_version(int index, const char **name);

#endif
