/* A step's sums on their way through the reduction: doubles that have to share an array with floats or integers. */
#ifndef TN_DIST_SUMS_H
#define TN_DIST_SUMS_H

#include <stdint.h>

/* A double as three floats: multiples of 2^16, multiples of 2^8 below 2^16, and the rest, below 2^8. A float holds
 * whole multiples of a unit exactly up to 2^24 of them, so that MPI may add in any order without rounding: the first
 * sums up to   2^24 x 2^16 = 2^40 in all, the second and third   2^24 / 2^8  = 2^16 ranks. Counts therefore stay exact
 * to 2^40 over as many as 65536 ranks; fractions keep the float's precision of the third part. What is not finite stays
 * so. */
#define TN_SUM_PARTS 3
void tn_sum_split(double sum, float parts[TN_SUM_PARTS]);
double tn_sum_join(const float parts[TN_SUM_PARTS]);

/* A double as two integers, floor(x) and the fraction x 2^40 rounded to nearest, ties to even. Up to
 * 2^TN_SUM_SHARERS_LOG2 of them can be added before a fraction overflows; |x| x their number must stay below 2^62. */
#define TN_SUM_WORDS        2
#define TN_SUM_SHARERS_LOG2 22
void tn_sum_add_fixed(double sum, int64_t words[TN_SUM_WORDS]);
double tn_sum_from_fixed(const int64_t words[TN_SUM_WORDS]);

/* Several of them at a time, behind which one word counts the values that cannot be added: beyond 2^40, or not finite.
 * They are read back as NaN then, all of them, so that nobody takes half a result for a whole one. words has
 * TN_SUM_ALL_WORDS(count). */
#define TN_SUM_ALL_WORDS(count) ((count)*TN_SUM_WORDS + 1)
void tn_sum_add_all(int64_t count, const double *values, int64_t *words);
void tn_sum_read_all(int64_t count, const int64_t *words, double *values);

#endif
