#include "math/norm.h"

#include "math/lanes.h"
#include "math/multiversion.h"

#include <math.h>
#include <stddef.h>

TN_MULTIVERSION
void tn_norm_column_moments(int64_t rows, int64_t cols, const float *restrict x, double *restrict sums) {
  double *restrict squares = sums + cols;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < cols; j++) {
      const double u = (double)x[i * cols + j];
      sums[j] += u;
      squares[j] += u * u;
    }
}

TN_MULTIVERSION
void tn_norm_column_products(int64_t rows, int64_t cols, const float *restrict x, const float *restrict y,
                             double *restrict sums) {
  double *restrict products = sums + cols;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < cols; j++) {
      const double u = (double)x[i * cols + j];
      sums[j] += u;
      products[j] += u * (double)y[i * cols + j];
    }
}

TN_MULTIVERSION
void tn_norm_columns(int64_t rows, int64_t cols, const float *restrict mean, const float *restrict inverse,
                     const float *restrict gain, float *restrict z, float *restrict normal) {
  for (int64_t i = 0; i < rows; i++) {
    float *restrict row = z + i * cols;
    if (normal == NULL) {
      for (int64_t j = 0; j < cols; j++)
        row[j] = gain[j] * ((row[j] - mean[j]) * inverse[j]);
      continue;
    }
    float *restrict kept = normal + i * cols;
    for (int64_t j = 0; j < cols; j++) {
      kept[j] = (row[j] - mean[j]) * inverse[j];
      row[j] = gain[j] * kept[j];
    }
  }
}

TN_MULTIVERSION
void tn_norm_columns_back(int64_t rows, int64_t cols, const float *restrict inverse, const float *restrict gain,
                          const float *restrict mean_d, const float *restrict mean_product,
                          const float *restrict normal, float *restrict d) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < cols; j++) {
      const int64_t at = i * cols + j;
      d[at] = gain[j] * inverse[j] * (d[at] - mean_d[j] - normal[at] * mean_product[j]);
    }
}

/* What is summed over a row: written once, and inlined with each kind of term. */
typedef struct row_terms {
  const float *x, *y;
  double mean;
} row_terms;

TN_INLINE double value(const row_terms *row, int64_t i) {
  return (double)row->x[i];
}

TN_INLINE double square_distance(const row_terms *row, int64_t i) {
  const double distance = (double)row->x[i] - row->mean;
  return distance * distance;
}

TN_INLINE double product(const row_terms *row, int64_t i) {
  return (double)row->x[i] * (double)row->y[i];
}

TN_INLINE double mean_of(double (*term)(const row_terms *, int64_t), row_terms row, int64_t n) {
  double lane[TN_LANES] = {0};
  int64_t i = 0;
  for (; i + TN_LANES <= n; i += TN_LANES)
    for (int k = 0; k < TN_LANES; k++)
      lane[k] += term(&row, i + k);
  for (int k = 0; i + k < n; k++)
    lane[k] += term(&row, i + k);
  return tn_lanes_total(lane) / (double)n;
}

TN_MULTIVERSION
void tn_norm_rows(int64_t rows, int64_t cols, double epsilon, const float *restrict gain, float *restrict z,
                  float *restrict normal, float *restrict inverse) {
  for (int64_t i = 0; i < rows; i++) {
    float *restrict row = z + i * cols;
    const double mean = mean_of(value, (row_terms){.x = row}, cols);
    const double variance = mean_of(square_distance, (row_terms){.x = row, .mean = mean}, cols);
    const float center = (float)mean, quotient = (float)(1 / sqrt(variance + epsilon));
    for (int64_t j = 0; j < cols; j++)
      row[j] = (row[j] - center) * quotient;
    for (int64_t j = 0; j < cols && normal != NULL; j++)
      normal[i * cols + j] = row[j];
    for (int64_t j = 0; j < cols; j++)
      row[j] *= gain[j];
    if (inverse != NULL)
      inverse[i] = quotient;
  }
}

TN_MULTIVERSION
void tn_norm_rows_back(int64_t rows, int64_t cols, const float *restrict inverse, const float *restrict gain,
                       const float *restrict normal, float *restrict d) {
  for (int64_t i = 0; i < rows; i++) {
    float *restrict row = d + i * cols;
    const float *restrict kept = normal + i * cols;
    for (int64_t j = 0; j < cols; j++)
      row[j] *= gain[j];
    const float mean = (float)mean_of(value, (row_terms){.x = row}, cols);
    const float mean_product = (float)mean_of(product, (row_terms){.x = row, .y = kept}, cols);
    for (int64_t j = 0; j < cols; j++)
      row[j] = inverse[i] * (row[j] - mean - kept[j] * mean_product);
  }
}
