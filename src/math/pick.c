#include "math/kernels.h"
#include "math/multiversion.h"

TN_MULTIVERSION
void tn_kernel_pick(int64_t n, const int32_t *restrict units, float scale, const float *restrict in,
                    float *restrict out) {
  for (int64_t k = 0; k < n; k++)
    out[k] = scale * in[units[k]];
}

void tn_kernel_spread_add(int64_t n, const int32_t *restrict units, int32_t first, float scale,
                          const float *restrict in, float *restrict out) {
  for (int64_t k = 0; k < n; k++)
    out[units[k] - first] += scale * in[k];
}
