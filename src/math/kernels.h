/* Element-wise work, fused into few passes. Results do not depend on the processor's vector width where they are sums:
 * each sum has a fixed order of its own. All arrays are float32, row-major, without gaps; none may overlap. */
#ifndef TN_MATH_KERNELS_H
#define TN_MATH_KERNELS_H

#include <thinnet/config.h>

#include <stdbool.h>
#include <stdint.h>

/* One row of a layer in training. In: z (n), bias (n), factor (n; NULL: no dropout). Out, over z: a' = f(z + b) factor;
 * slope = f'(z + b) factor, which is all that the backward pass needs. leaky_relu has slope 0.01 below zero (PyTorch's;
 * Keras has 0.2 or 0.3), gelu is z Phi(z) by the exact Phi, f'(0) of the relus is that of the side below. A NaN stays
 * one, also where the factor is 0. */
void tn_kernel_activate_train(tn_activation activation, int64_t n, const float *bias, const float *factor, float *z,
                              float *slope);

/* One row of a layer in evaluation: z becomes f(z + b) factor; factor NULL: 1 (Monte-Carlo dropout gives factors). */
void tn_kernel_activate(tn_activation activation, int64_t n, const float *bias, const float *factor, float *z);

/* Standout's factors of a row, from z and bias as above: pi = sigmoid(alpha (z + b) + beta), or, where `draws`, 1 with
 * that probability and else 0, decided by the uniform numbers that `factor` holds. */
void tn_kernel_standout(int64_t n, float alpha, float beta, const float *bias, const float *z, bool draws,
                        float *factor);

/* x[i] *= y[i] */
void tn_kernel_multiply(int64_t n, float *x, const float *y);

/* x[i] += factor[i] == 0 ? dropped : kept: what alpha dropout adds to a row behind its factors. */
void tn_kernel_add_shifts(int64_t n, const float *factor, float dropped, float kept, float *x);

/* sum[i] += c x[i] y[i] */
void tn_kernel_add_product(int64_t n, float c, const float *x, const float *y, float *sum);

/* sum of x[i] y[i] z[i] */
float tn_kernel_product_sum(int64_t n, const float *x, const float *y, const float *z);

/* sums[j] = sum over rows of x[i][j] in row order, or += where accumulate. */
void tn_kernel_column_sums(int64_t rows, int64_t cols, const float *x, float *sums, bool accumulate);

/* sum of x[i]^2 in double. */
double tn_kernel_square_sum(int64_t n, const float *x);

/* sum of x[i] y[i] in double. */
double tn_kernel_dot(int64_t n, const float *x, const float *y);

/* out = a (rate - z / temperature) with z = 1 - factor (1 - rate): the derivative of a row of units a = h factor after
 * the logit of the rate, where factor comes from tn_random_concrete_factors. */
void tn_kernel_rate_slopes(int64_t n, double rate, double temperature, const float *factor, const float *a, float *out);

/* Index of the first value that is not finite, or -1. */
int64_t tn_kernel_find_nonfinite(int64_t n, const float *x);

/* x[i] += c y[i] */
void tn_kernel_add_scaled(int64_t n, float c, const float *y, float *x);

/* x[i] = share x[i] + (1 - share) y[i] */
void tn_kernel_mix(int64_t n, float share, const float *y, float *x);

/* out[k] = scale in[units[k]] */
void tn_kernel_pick(int64_t n, const int32_t *units, float scale, const float *in, float *out);

/* out[units[k] - first] += scale in[k]; no unit stands twice in the list. */
void tn_kernel_spread_add(int64_t n, const int32_t *units, int32_t first, float scale, const float *in, float *out);

/* total[i] = the sum over `parts` parts, 2 or more, of what stands at first[part stride + i], in their order. */
void tn_kernel_sum_floats(int64_t count, int parts, const float *first, int64_t stride, float *total);
void tn_kernel_sum_integers(int64_t count, int parts, const int64_t *first, int64_t stride, int64_t *total);

/* Each column of w (rows, cols) that is longer than c is rescaled to norm c. Rows stand `stride` floats apart, so that
 * w may be some columns of a wider matrix. norms: scratch of `cols` doubles. */
void tn_kernel_max_norm(int64_t rows, int64_t cols, int64_t stride, double c, float *w, double *norms);

/* Element types that features keep in memory. */
typedef enum tn_element { TN_U8, TN_I8, TN_U16, TN_I16, TN_F32 } tn_element;
int64_t tn_element_size(tn_element element); /* bytes */

/* out[j] = in[j] scale[j] + shift[j] for one row of n features of any element type. */
void tn_kernel_convert(tn_element element, int64_t n, const void *in, const float *scale, const float *shift,
                       float *out);

#endif
