#include "math/kernels.h"
#include "math/multiversion.h"
#include "math/share.h"

/* Block by block, so that `total` stays in the first-level cache however many parts there are. Written once for both
 * types: inlined, each copy knows its own. */
#define ADD_BLOCKS(count, parts, first, stride, total)                                                                 \
  do {                                                                                                                 \
    for (int64_t done = 0; done < (count); done += TN_SHARE_STEP) {                                                    \
      const int64_t end = done + tn_share_block(done, count);                                                          \
      for (int64_t i = done; i < end; i++)                                                                             \
        (total)[i] = (first)[i] + (first)[(stride) + i];                                                               \
      for (int part = 2; part < (parts); part++)                                                                       \
        for (int64_t i = done; i < end; i++)                                                                           \
          (total)[i] += (first)[part * (stride) + i];                                                                  \
    }                                                                                                                  \
  } while (0)

TN_MULTIVERSION
void tn_kernel_sum_floats(int64_t count, int parts, const float *restrict first, int64_t stride,
                          float *restrict total) {
  ADD_BLOCKS(count, parts, first, stride, total);
}

TN_MULTIVERSION
void tn_kernel_sum_integers(int64_t count, int parts, const int64_t *restrict first, int64_t stride,
                            int64_t *restrict total) {
  ADD_BLOCKS(count, parts, first, stride, total);
}
