/* cblas_sgemm, whatever the BLAS library calls its header. */
#ifndef TN_MATH_CBLAS_ANY_H
#define TN_MATH_CBLAS_ANY_H

#if __has_include(<cblas.h>)
#include <cblas.h>
#else
#include <mkl_cblas.h> /* Intel's MKL has no other */
#endif

#endif
