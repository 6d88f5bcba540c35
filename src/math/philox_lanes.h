/* The ten rounds of Philox4x32-10 in vector registers. Not a header of its own: philox.c includes it once for each
 * register width, with LANES_NAME (the function to define), LANES_TARGET (the processor it is for), LANES_COUNT (64-bit
 * lanes in a register), LANES_MULTIPLY (32 x 32 to 64 bits, which ignores the upper halves of its operands),
 * LANES_EVEN and LANES_ODD (pairs of the even and of the odd lanes of two registers), LANES_REGISTER (their type).
 *
 * A word lives in the lower half of a 64-bit lane, where the multiplication wants it; what piles up in the upper half
 * is ignored until the end. Compilers vectorise the plain loop too, but with more shuffles than arithmetic. */

typedef uint64_t LANES_TYPE __attribute__((vector_size(8 * LANES_COUNT)));

/* Registers worked on side by side: one alone would wait for its multiplications. */
#define LANES_GROUP 2

__attribute__((target(LANES_TARGET))) static void LANES_NAME(const tn_place *place, uint32_t first_block,
                                                             uint32_t words[TN_PHILOX_WORDS]) {
  const LANES_TYPE zero = {0}, multiplier0 = zero + PHILOX_M4x32_0, multiplier1 = zero + PHILOX_M4x32_1;
  /* Even lanes hold the first half of the blocks and odd lanes the second, as the pairing at the end wants them. */
  LANES_TYPE blocks;
  for (uint32_t lane = 0; lane < LANES_COUNT; lane++)
    blocks[lane] = first_block + lane / 2 + lane % 2 * (LANES_COUNT / 2);
  for (uint32_t b = 0; b < TN_PHILOX_BLOCKS; b += LANES_GROUP * LANES_COUNT) {
    LANES_TYPE x0[LANES_GROUP], x1[LANES_GROUP], x2[LANES_GROUP], x3[LANES_GROUP];
    LANES_TYPE key0 = zero + place->key[0], key1 = zero + place->key[1];
    for (uint32_t g = 0; g < LANES_GROUP; g++) {
      x0[g] = blocks + b + g * LANES_COUNT;
      x1[g] = zero + place->counter[1];
      x2[g] = zero + place->counter[2];
      x3[g] = zero + place->counter[3];
    }
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
#pragma GCC unroll 2
      for (int g = 0; g < LANES_GROUP; g++) {
        const LANES_TYPE product0 = (LANES_TYPE)LANES_MULTIPLY((LANES_REGISTER)x0[g], (LANES_REGISTER)multiplier0);
        const LANES_TYPE product1 = (LANES_TYPE)LANES_MULTIPLY((LANES_REGISTER)x2[g], (LANES_REGISTER)multiplier1);
        x0[g] = product1 >> 32 ^ x1[g] ^ key0;
        x2[g] = product0 >> 32 ^ x3[g] ^ key1;
        x1[g] = product1;
        x3[g] = product0;
      }
      key0 += PHILOX_W32_0;
      key1 += PHILOX_W32_1;
    }
    for (int g = 0; g < LANES_GROUP; g++) {
      const LANES_TYPE front = (x0[g] & 0xffffffff) | x1[g] << 32, back = (x2[g] & 0xffffffff) | x3[g] << 32;
      const LANES_REGISTER even = LANES_EVEN((LANES_REGISTER)front, (LANES_REGISTER)back);
      const LANES_REGISTER odd = LANES_ODD((LANES_REGISTER)front, (LANES_REGISTER)back);
      uint32_t *out = words + 4 * (b + (uint32_t)g * LANES_COUNT);
      memcpy(out, &even, sizeof even);
      memcpy(out + 2 * LANES_COUNT, &odd, sizeof odd);
    }
  }
}

#undef LANES_GROUP
#undef LANES_TYPE
#undef LANES_NAME
#undef LANES_TARGET
#undef LANES_COUNT
#undef LANES_MULTIPLY
#undef LANES_EVEN
#undef LANES_ODD
#undef LANES_REGISTER
