#include "math/random.h"

#include <assert.h>

#define ROUNDS 12

/* Half of the even number of bits, at least 8, that holds 0..rows-1. */
static int half_bits_for(uint64_t rows) {
  int half_bits = 4;
  while (half_bits < 32 && (rows - 1) >> (2 * half_bits) != 0)
    half_bits++;
  return half_bits;
}

tn_permutation tn_permutation_from(tn_place place, uint64_t rows) {
  assert(rows > 0);
  tn_permutation permutation = {.rows = rows, .half_bits = half_bits_for(rows)};
  uint32_t words[2 * ROUNDS];
  tn_random_words(place, 0, 2 * ROUNDS, words);
  for (int round = 0; round < ROUNDS; round++)
    permutation.round_keys[round] = (uint64_t)words[2 * round + 1] << 32 | words[2 * round];
  return permutation;
}

tn_permutation tn_permutation_make(uint64_t seed, tn_stream stream, uint32_t replica, uint64_t step, uint64_t rows) {
  return tn_permutation_from(tn_place_make(seed, stream, replica, 0, step, 0), rows);
}

/* A round's function: the key is added, and two multiplications spread each bit of the half upwards, a shift between
 * them downwards (the multipliers are odd with no structure); the best mixed bits are the highest. */
static uint64_t round_function(uint64_t half, uint64_t key, int half_bits) {
  uint64_t mixed = (half + key) * UINT64_C(0x9e3779b97f4a7c15);
  mixed = (mixed ^ mixed >> 32) * UINT64_C(0xd1342543de82ef95);
  return mixed >> (64 - half_bits);
}

static uint64_t encrypt(const tn_permutation *permutation, uint64_t value) {
  const int bits = permutation->half_bits;
  uint64_t left = value >> bits, right = value & ((UINT64_C(1) << bits) - 1);
  for (int round = 0; round < ROUNDS; round++) {
    const uint64_t next = left ^ round_function(right, permutation->round_keys[round], bits);
    left = right;
    right = next;
  }
  return left << bits | right;
}

static uint64_t decrypt(const tn_permutation *permutation, uint64_t value) {
  const int bits = permutation->half_bits;
  uint64_t left = value >> bits, right = value & ((UINT64_C(1) << bits) - 1);
  for (int round = ROUNDS - 1; round >= 0; round--) {
    const uint64_t previous = right ^ round_function(left, permutation->round_keys[round], bits);
    right = left;
    left = previous;
  }
  return left << bits | right;
}

uint64_t tn_permutation_at(const tn_permutation *permutation, uint64_t position) {
  assert(position < permutation->rows);
  uint64_t value = encrypt(permutation, position);
  while (value >= permutation->rows)
    value = encrypt(permutation, value);
  return value;
}

uint64_t tn_permutation_find(const tn_permutation *permutation, uint64_t value) {
  assert(value < permutation->rows);
  uint64_t position = decrypt(permutation, value);
  while (position >= permutation->rows)
    position = decrypt(permutation, position);
  return position;
}
