#include "math/kernels.h"

#include <math.h>
#include <string.h>

void tn_kernel_multiply(int64_t n, float *x, const float *y) {
  for (int64_t i = 0; i < n; i++)
    x[i] *= y[i];
}

void tn_kernel_scale(int64_t n, float c, float *x) {
  for (int64_t i = 0; i < n; i++)
    x[i] *= c;
}

void tn_kernel_column_sums(int64_t rows, int64_t cols, const float *x, float *sums, bool accumulate) {
  if (!accumulate)
    memset(sums, 0, (size_t)cols * sizeof *sums);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < cols; j++)
      sums[j] += x[i * cols + j];
}

double tn_kernel_square_sum(int64_t n, const float *x) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++)
    sum += (double)x[i] * x[i];
  return sum;
}

int64_t tn_kernel_find_nonfinite(int64_t n, const float *x) {
  for (int64_t i = 0; i < n; i++)
    if (!isfinite(x[i]))
      return i;
  return -1;
}

void tn_kernel_max_norm(int64_t rows, int64_t cols, double c, float *w, double *norms) {
  memset(norms, 0, (size_t)cols * sizeof *norms);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < cols; j++)
      norms[j] += (double)w[i * cols + j] * w[i * cols + j];
  for (int64_t j = 0; j < cols; j++)
    norms[j] = norms[j] > c * c ? c / sqrt(norms[j]) : 1;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < cols; j++)
      w[i * cols + j] = (float)(w[i * cols + j] * norms[j]);
}
