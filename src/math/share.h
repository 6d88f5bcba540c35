/* What one of several ranks works on of an array that they share. */
#ifndef TN_MATH_SHARE_H
#define TN_MATH_SHARE_H

#include <stdint.h>

/* Shares begin at multiples of this many floats. 8 KB stay in the first-level cache while several kernels go over them,
 * and what is summed block by block does not depend on the number of shares. */
#define TN_SHARE_STEP 2048

typedef struct tn_share {
  int64_t first, count; /* values first..first + count - 1; count may be 0 */
  int part, parts;
} tn_share;

/* Part `part` of `parts` of 0..values - 1. */
tn_share tn_share_of(int64_t values, int part, int parts);

/* The columns of a matrix that belong to a share: as many as the return value, from *first on, cut at cache lines. */
int64_t tn_share_columns(tn_share share, int64_t cols, int64_t *first);

/* `count` values in blocks of TN_SHARE_STEP, the last one short: the length of the block from `done` on. */
static inline int64_t tn_share_block(int64_t done, int64_t count) {
  return count - done < TN_SHARE_STEP ? count - done : TN_SHARE_STEP;
}

/* The number of such blocks. */
int64_t tn_share_blocks(int64_t values);

#endif
