/* Normalisation of a batch's activations: over the rows of each column, or over the columns of each row. Sums are made
 * in double and in an order of their own, so that they do not depend on the processor. Arrays as in math/kernels.h. */
#ifndef TN_MATH_NORM_H
#define TN_MATH_NORM_H

#include <stdint.h>

/* sums (2, cols): sums[0][j] += x[i][j], sums[1][j] += x[i][j]^2, over the rows in their order. */
void tn_norm_column_moments(int64_t rows, int64_t cols, const float *x, double *sums);

/* sums (2, cols): sums[0][j] += x[i][j], sums[1][j] += x[i][j] y[i][j]. */
void tn_norm_column_products(int64_t rows, int64_t cols, const float *x, const float *y, double *sums);

/* Over z (rows, cols), with u = (z - mean[j]) inverse[j]: z becomes gain[j] u. normal (rows, cols) gets u, where it is
 * not NULL. */
void tn_norm_columns(int64_t rows, int64_t cols, const float *mean, const float *inverse, const float *gain, float *z,
                     float *normal);

/* d (rows, cols) is dLoss/d(gain u) and becomes dLoss/dz = gain[j] inverse[j] (d - mean_d[j] - u mean_product[j]), the
 * two means being those of d and of d u over the rows that mean and inverse were made of: Ioffe and Szegedy 2015, the
 * equations of section 3 put together. */
void tn_norm_columns_back(int64_t rows, int64_t cols, const float *inverse, const float *gain, const float *mean_d,
                          const float *mean_product, const float *normal, float *d);

/* Each row of z (rows, cols) for itself: with its mean m and variance v over the columns, u = (z - m) / sqrt(v +
 * epsilon), z becomes gain[j] u. normal (rows, cols) gets u and inverse (rows) the quotients, where they are not NULL.
 */
void tn_norm_rows(int64_t rows, int64_t cols, double epsilon, const float *gain, float *z, float *normal,
                  float *inverse);

/* The way back: with g = gain d, and means over the row, d becomes inverse[i] (g - mean(g) - u mean(g u)). */
void tn_norm_rows_back(int64_t rows, int64_t cols, const float *inverse, const float *gain, const float *normal,
                       float *d);

#endif
