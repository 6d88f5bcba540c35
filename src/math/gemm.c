#include "math/gemm.h"

#include "math/cblas_any.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

/* CBLAS counts in int; the configuration keeps every size below it. */
static int blas_int(int64_t value) {
  assert(value >= 0 && value <= INT_MAX);
  return (int)value;
}

/* c = op(a) op(b), or += where accumulate; c (m, n), k >= 1. OpenBLAS clears c for beta = 0 with a loop that fetches it
 * first; memset does not, and beta = 1 on zeros gives the same bits: a weight gradient takes 3 to 25 % less.
 * The libraries agree on the values of op, not on the name of their type. */
static void multiply(unsigned op_a, unsigned op_b, int m, int n, int k, const float *a, int lda, const float *b,
                     int ldb, float *c, bool accumulate) {
  if (!accumulate)
    memset(c, 0, (size_t)m * (size_t)n * sizeof *c);
  cblas_sgemm(CblasRowMajor, op_a, op_b, m, n, k, 1, a, lda, b, ldb, 1, c, n);
}

void tn_gemm_forward(int64_t rows, int64_t inputs, int64_t outputs, const float *a, const float *w, float *z) {
  if (rows == 0)
    return;
  const int m = blas_int(rows), k = blas_int(inputs), n = blas_int(outputs);
  multiply(CblasNoTrans, CblasNoTrans, m, n, k, a, k, w, n, z, false);
}

void tn_gemm_weight_gradient(int64_t rows, int64_t inputs, int64_t outputs, const float *a, const float *d, float *g,
                             bool accumulate) {
  const int m = blas_int(inputs), k = blas_int(rows), n = blas_int(outputs);
  if (k > 0)
    multiply(CblasTrans, CblasNoTrans, m, n, k, a, m, d, n, g, accumulate);
  else if (!accumulate)
    memset(g, 0, (size_t)inputs * (size_t)outputs * sizeof *g);
}

void tn_gemm_input_gradient(int64_t rows, int64_t inputs, int64_t outputs, const float *d, const float *w, float *e) {
  if (rows == 0)
    return;
  const int m = blas_int(rows), k = blas_int(outputs), n = blas_int(inputs);
  multiply(CblasNoTrans, CblasTrans, m, n, k, d, k, w, k, e, false);
}
