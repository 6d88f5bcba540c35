/* The three matrix products of a dense layer, row-major float32, on OpenBLAS (or any CBLAS). */
#ifndef TN_MATH_GEMM_H
#define TN_MATH_GEMM_H

#include <stdbool.h>
#include <stdint.h>

/* z (rows, outputs) = a (rows, inputs) w (inputs, outputs). rows = 0 does nothing. */
void tn_gemm_forward(int64_t rows, int64_t inputs, int64_t outputs, const float *a, const float *w, float *z);

/* g (inputs, outputs) = a' d, or += where accumulate; a (rows, inputs), d (rows, outputs). rows = 0 gives zeros. */
void tn_gemm_weight_gradient(int64_t rows, int64_t inputs, int64_t outputs, const float *a, const float *d, float *g,
                             bool accumulate);

/* e (rows, inputs) = d (rows, outputs) w' (outputs, inputs). */
void tn_gemm_input_gradient(int64_t rows, int64_t inputs, int64_t outputs, const float *d, const float *w, float *e);

/* Threads that BLAS may use in this process, set explicitly, always. */
void tn_blas_set_threads(int threads);

/* Name and version of the BLAS, a static string. */
const char *tn_blas_version(void);

#endif
