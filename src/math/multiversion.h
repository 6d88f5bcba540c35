/* Functions compiled once for each kind of processor, of which the loader picks the best at start. */
#ifndef TN_MATH_MULTIVERSION_H
#define TN_MATH_MULTIVERSION_H

#include <stdint.h> /* any header of the C library says whether it is glibc */

/* Stands before the definition of a function whose loops are worth it. All versions give the same bits: the build
 * forbids contraction to fused multiply-adds, and sums have lanes of their own (see lanes in kernels.c).
 * Sanitizers run code before the loader's choice is possible, clang of this age lacks the attribute, and a build for
 * one processor does not need it. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) &&     \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__AVX2__) &&                           \
    !defined(TN_NO_MULTIVERSION)
#define TN_MULTIVERSION __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define TN_MULTIVERSION
#endif

/* Helpers of such functions: inlined, so that they are compiled for the same processor. */
#define TN_INLINE static inline __attribute__((always_inline))

#endif
