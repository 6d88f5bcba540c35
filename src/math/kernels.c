#include "math/kernels.h"

#include "math/lanes.h"
#include "math/multiversion.h"

#include <math.h>
#include <string.h>

TN_MULTIVERSION
void tn_kernel_multiply(int64_t n, float *restrict x, const float *restrict y) {
  for (int64_t i = 0; i < n; i++)
    x[i] *= y[i];
}

TN_MULTIVERSION
void tn_kernel_add_shifts(int64_t n, const float *restrict factor, float dropped, float kept, float *restrict x) {
  for (int64_t i = 0; i < n; i++)
    x[i] += factor[i] == 0 ? dropped : kept;
}

TN_MULTIVERSION
void tn_kernel_add_product(int64_t n, float c, const float *restrict x, const float *restrict y, float *restrict sum) {
  for (int64_t i = 0; i < n; i++)
    sum[i] += c * x[i] * y[i];
}

TN_MULTIVERSION
void tn_kernel_add_scaled(int64_t n, float c, const float *restrict y, float *restrict x) {
  for (int64_t i = 0; i < n; i++)
    x[i] += c * y[i];
}

TN_MULTIVERSION
void tn_kernel_mix(int64_t n, float share, const float *restrict y, float *restrict x) {
  const float rest = 1.0f - share;
  for (int64_t i = 0; i < n; i++)
    x[i] = share * x[i] + rest * y[i];
}

/* Four rows a pass, so that the sums are read and written a quarter as often; each sum still grows in row order. */
TN_MULTIVERSION
void tn_kernel_column_sums(int64_t rows, int64_t cols, const float *restrict x, float *restrict sums, bool accumulate) {
  if (!accumulate)
    memset(sums, 0, (size_t)cols * sizeof *sums);
  int64_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    const float *row = x + i * cols;
    for (int64_t j = 0; j < cols; j++)
      sums[j] = sums[j] + row[j] + row[cols + j] + row[2 * cols + j] + row[3 * cols + j];
  }
  for (; i < rows; i++)
    for (int64_t j = 0; j < cols; j++)
      sums[j] += x[i * cols + j];
}

/* A sum in float32, where a layer's sum was one of float32 anyway. */
TN_MULTIVERSION
float tn_kernel_product_sum(int64_t n, const float *restrict x, const float *restrict y, const float *restrict z) {
  float lane[TN_LANES] = {0};
  int64_t i = 0;
  for (; i + TN_LANES <= n; i += TN_LANES)
    for (int k = 0; k < TN_LANES; k++)
      lane[k] += x[i + k] * y[i + k] * z[i + k];
  for (int k = 0; i + k < n; k++)
    lane[k] += x[i + k] * y[i + k] * z[i + k];
  for (int width = TN_LANES / 2; width > 0; width /= 2)
    for (int k = 0; k < width; k++)
      lane[k] += lane[k + width];
  return lane[0];
}

TN_MULTIVERSION
double tn_kernel_square_sum(int64_t n, const float *x) {
  double lane[TN_LANES] = {0};
  int64_t i = 0;
  for (; i + TN_LANES <= n; i += TN_LANES)
    for (int k = 0; k < TN_LANES; k++)
      lane[k] += (double)x[i + k] * (double)x[i + k];
  for (int k = 0; i + k < n; k++)
    lane[k] += (double)x[i + k] * (double)x[i + k];
  return tn_lanes_total(lane);
}

TN_MULTIVERSION
double tn_kernel_dot(int64_t n, const float *x, const float *y) {
  double lane[TN_LANES] = {0};
  int64_t i = 0;
  for (; i + TN_LANES <= n; i += TN_LANES)
    for (int k = 0; k < TN_LANES; k++)
      lane[k] += (double)x[i + k] * (double)y[i + k];
  for (int k = 0; i + k < n; k++)
    lane[k] += (double)x[i + k] * (double)y[i + k];
  return tn_lanes_total(lane);
}

TN_MULTIVERSION
void tn_kernel_rate_slopes(int64_t n, double rate, double temperature, const float *restrict factor,
                           const float *restrict a, float *restrict out) {
  const float kept = (float)(1 - rate), inverse = (float)(1 / temperature), least = (float)(rate - 1 / temperature);
  for (int64_t i = 0; i < n; i++)
    out[i] = a[i] * (least + factor[i] * kept * inverse);
}

/* Whether an exponent among n values has all bits set, which infinities and NaN have and no other value. */
TN_INLINE int32_t has_nonfinite(int64_t n, const float *x) {
  int32_t found = 0;
  for (int64_t i = 0; i < n; i++) {
    int32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    found |= (bits & 0x7f800000) == 0x7f800000;
  }
  return found;
}

TN_MULTIVERSION
int64_t tn_kernel_find_nonfinite(int64_t n, const float *x) {
  enum { BLOCK = 1024 };
  for (int64_t block = 0; block < n; block += BLOCK) {
    const int64_t end = n - block < BLOCK ? n : block + BLOCK;
    if (!has_nonfinite(end - block, x + block))
      continue;
    for (int64_t i = block; i < end; i++)
      if (!isfinite(x[i]))
        return i;
  }
  return -1;
}

TN_INLINE double square(float x) {
  return (double)x * (double)x;
}

/* norms[j] = sum over rows of w[i][j]^2, in row order; four rows a pass, as in tn_kernel_column_sums. */
TN_INLINE void column_square_sums(int64_t rows, int64_t cols, int64_t stride, const float *restrict w,
                                  double *restrict norms) {
  memset(norms, 0, (size_t)cols * sizeof *norms);
  int64_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    const float *row = w + i * stride;
    for (int64_t j = 0; j < cols; j++)
      norms[j] = norms[j] + square(row[j]) + square(row[stride + j]) + square(row[2 * stride + j]) +
                 square(row[3 * stride + j]);
  }
  for (; i < rows; i++)
    for (int64_t j = 0; j < cols; j++)
      norms[j] += square(w[i * stride + j]);
}

/* Square sums become the columns' factors; how many of them are not 1. A NaN compares false and stays what it is. */
static int64_t factors_from_square_sums(int64_t cols, double c, double *norms) {
  int64_t longer = 0;
  for (int64_t j = 0; j < cols; j++) {
    const double norm = sqrt(norms[j]);
    longer += norm > c;
    norms[j] = norm > c ? c / norm : 1;
  }
  return longer;
}

TN_MULTIVERSION
void tn_kernel_max_norm(int64_t rows, int64_t cols, int64_t stride, double c, float *restrict w,
                        double *restrict norms) {
  column_square_sums(rows, cols, stride, w, norms);
  if (factors_from_square_sums(cols, c, norms) == 0)
    return;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < cols; j++)
      w[i * stride + j] = (float)((double)w[i * stride + j] * norms[j]);
}
