/* Random numbers as pure functions of their place: no generator state exists.
 *
 * Philox4x32-10 (Salmon et al. 2011, Random123) turns a 64-bit key (the seed) and a 128-bit counter into four
 * 32-bit words. The counter is packed without overlap, so two different places never share a word:
 *
 *   word 0  block: word w of a place is word w % 4 of block w / 4
 *   word 1  row
 *   word 2  step
 *   word 3  stream (4 bits) | layer (7 bits) | replica (21 bits)
 */
#ifndef TN_MATH_RANDOM_H
#define TN_MATH_RANDOM_H

#include <stdint.h>

typedef enum tn_stream {
  TN_STREAM_INIT = 1,    /* initial weights: layer */
  TN_STREAM_SHUFFLE = 2, /* order of rows: replica (0 where global), step = epoch */
  TN_STREAM_SPLIT = 3,   /* rows held out for validation */
  TN_STREAM_MASK = 4, /* dropout in training, of units or of weights: replica, step, layer, row in the replica's step */
  TN_STREAM_MC = 5,   /* Monte-Carlo dropout: replica = sample, row and step = low and high half of the global row */
  TN_STREAM_AUGMENT = 6 /* input augmentation: replica, step, row in the replica's step, and as layer a TN_AUGMENT_ */
} tn_stream;

/* What a place of TN_STREAM_AUGMENT is for. */
enum {
  TN_AUGMENT_NOISE,
  TN_AUGMENT_WARP,    /* words 0 to 2: shift by rows, by columns, rotation */
  TN_AUGMENT_SHARE,   /* of a mixed row */
  TN_AUGMENT_PARTNERS /* of a batch's rows: the row is its first */
};

#define TN_REPLICAS_MAX (1 << 21)

typedef struct tn_place {
  uint32_t key[2];
  uint32_t counter[4];
} tn_place;

/* The place of a row's random words. layer < 128, replica < TN_REPLICAS_MAX, step and row below 2^32. */
tn_place tn_place_make(uint64_t seed, tn_stream stream, uint32_t replica, uint32_t layer, uint64_t step, uint64_t row);

/* words[i] = word first + i of the place, for i < count. */
void tn_random_words(tn_place place, int64_t first, int64_t count, uint32_t *words);

/* Uniform in the open interval (0, 1). */
void tn_random_uniform(tn_place place, int64_t first, int64_t count, float *values);

/* Normal(0, 1) by Box-Muller: values 2j and 2j + 1 come from words 2j and 2j + 1; `first` is even. */
void tn_random_normal(tn_place place, int64_t first, int64_t count, float *values);

/* Beta(alpha, alpha), alpha > 0, from words 0 and 1 of the place, without rejection: 1/2 + T / (2 sqrt(2 alpha + T^2))
 * of T with Student's distribution of 2 alpha degrees of freedom, T = sqrt(2 alpha (U^(-1/alpha) - 1)) cos(2 pi V)
 * (Bailey 1994). The outermost 2^-32 of the probability count as one value. */
double tn_random_beta(tn_place place, double alpha);

/* Inverted dropout factors of one row: units/group decisions, each shared by `group` neighbouring units.
 * A unit is dropped with probability d / 65536, d = tn_drop_threshold(rate), decided by 16 bits (unit u uses half
 * u % 2 of word u / 2, low half first; u counts groups); kept units get the factor 65536 / (65536 - d), so the mean
 * factor is exactly 1. factor has `units` floats. */
void tn_random_bernoulli_factors(tn_place place, int64_t units, int64_t group, double rate, float *factor);

/* The same decisions with another factor for the units that are kept. */
void tn_random_kept_factors(tn_place place, int64_t units, int64_t group, double rate, float kept, float *factor);

/* The same, in groups of one, by decisions first ... first + count - 1 of a place: `first` is a multiple of
 * TN_FACTORS_STEP, and the last one below TN_DECISIONS_MAX. */
#define TN_FACTORS_STEP  128
#define TN_DECISIONS_MAX (INT64_C(1) << 35)
void tn_random_bernoulli_factors_at(tn_place place, int64_t first, int64_t count, double rate, float *factor);

/* Gaussian dropout: factor = 1 + sqrt(rate / (1 - rate)) n, n ~ Normal(0, 1) (Srivastava et al. 2014, section 10). */
void tn_random_gaussian_factors(tn_place place, int64_t units, int64_t group, double rate, float *factor);

/* Relaxed factors (Maddison, Mnih and Teh 2017; Jang, Gu and Poole 2017; see nn/learned.h), 0 < rate < 1: with u
 * uniform in (0, 1), z = 1 / (1 + exp(-(log(rate / (1 - rate)) + log(u / (1 - u))) / temperature)) and factor =
 * (1 - z) / (1 - rate). z > 1/2 with probability rate. */
void tn_random_concrete_factors(tn_place place, int64_t units, int64_t group, double rate, double temperature,
                                float *factor);

/* round(65536 rate), at most 65535 (a unit can always survive). */
uint32_t tn_drop_threshold(double rate);

/* A pseudo-random permutation of 0..rows-1 in constant memory: a Feistel network over the next even number of bits
 * (at least 8), walked until it lands below `rows` (Black and Rogaway 2002, cycle walking). */
typedef struct tn_permutation {
  uint64_t rows;
  int half_bits;
  uint64_t round_keys[12];
} tn_permutation;

tn_permutation tn_permutation_make(uint64_t seed, tn_stream stream, uint32_t replica, uint64_t step, uint64_t rows);
tn_permutation tn_permutation_from(tn_place place, uint64_t rows); /* by the words 0 to 23 of a place */
uint64_t tn_permutation_at(const tn_permutation *permutation, uint64_t position);
uint64_t tn_permutation_find(const tn_permutation *permutation, uint64_t value); /* the inverse */

#endif
