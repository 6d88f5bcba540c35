#include "math/gemm.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <string.h>

/* CBLAS counts in int; the configuration keeps every size below it. */
static int blas_int(int64_t value) {
  assert(value >= 0 && value <= INT_MAX);
  return (int)value;
}

void tn_gemm_forward(int64_t rows, int64_t inputs, int64_t outputs, const float *a, const float *w, float *z) {
  if (rows == 0)
    return;
  const int m = blas_int(rows), k = blas_int(inputs), n = blas_int(outputs);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a, k, w, n, 0, z, n);
}

void tn_gemm_weight_gradient(int64_t rows, int64_t inputs, int64_t outputs, const float *a, const float *d, float *g,
                             bool accumulate) {
  const int m = blas_int(inputs), k = blas_int(rows), n = blas_int(outputs);
  if (k > 0)
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, n, k, 1, a, m, d, n, accumulate ? 1 : 0, g, n);
  else if (!accumulate)
    memset(g, 0, (size_t)inputs * (size_t)outputs * sizeof *g);
}

void tn_gemm_input_gradient(int64_t rows, int64_t inputs, int64_t outputs, const float *d, const float *w, float *e) {
  if (rows == 0)
    return;
  const int m = blas_int(rows), k = blas_int(outputs), n = blas_int(inputs);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1, d, k, w, k, 0, e, n);
}
