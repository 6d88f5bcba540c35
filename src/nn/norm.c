#include "nn/norm.h"

#include "math/norm.h"

#include <math.h>
#include <string.h>

static const float *values_of(const tn_network *network, int tensor, const float *block) {
  return block + network->tensors[tensor].offset;
}

static void clear(int64_t cols, double *sums) {
  memset(sums, 0, (size_t)(2 * cols) * sizeof *sums);
}

void tn_norm_forward_sums(const tn_network *network, int layer, const tn_workspace *workspace, int64_t rows,
                          double *sums) {
  tn_norm_column_moments(rows, network->layers[layer].outputs, workspace->activation[layer], sums);
}

/* inverse = 1 / sqrt(variance + epsilon). A NaN stays one. */
static float invert(double variance, double epsilon) {
  return (float)(1 / sqrt((variance < 0 ? 0 : variance) + epsilon));
}

static void take_batch(const tn_network *network, tn_norm_buffers *norm, int64_t cols, int64_t rows,
                       const double *sums) {
  const double n = (double)rows;
  for (int64_t j = 0; j < cols; j++) {
    const double mean = sums[j] / n, distance = sums[cols + j] / n - mean * mean;
    const double variance = distance < 0 ? 0 : distance;
    norm->mean[j] = (float)mean;
    norm->variance[j] = (float)(variance * (n / (n - 1)));
    norm->inverse[j] = invert(variance, network->norm_epsilon);
  }
}

static void take_running(const tn_network *network, const tn_layer *layer, const float *parameters,
                         tn_norm_buffers *norm) {
  const float *variance = values_of(network, layer->running_variance, parameters);
  const size_t bytes = (size_t)layer->outputs * sizeof *variance;
  memcpy(norm->mean, values_of(network, layer->running_mean, parameters), bytes);
  memcpy(norm->variance, variance, bytes);
  for (int64_t j = 0; j < layer->outputs; j++)
    norm->inverse[j] = invert((double)variance[j], network->norm_epsilon);
}

void tn_norm_forward_by(const tn_network *network, int layer, const float *parameters, tn_workspace *workspace,
                        int64_t rows, int64_t all_rows, const double *sums) {
  const tn_layer *shape = &network->layers[layer];
  tn_norm_buffers *norm = &workspace->norms[layer];
  if (workspace->training && all_rows > 1)
    take_batch(network, norm, shape->outputs, all_rows, sums);
  else
    take_running(network, shape, parameters, norm);
  tn_norm_columns(rows, shape->outputs, norm->mean, norm->inverse, values_of(network, shape->gain, parameters),
                  workspace->activation[layer], norm->normal);
}

void tn_norm_forward(const tn_network *network, int layer, const float *parameters, tn_workspace *workspace,
                     int64_t rows) {
  const tn_layer *shape = &network->layers[layer];
  tn_norm_buffers *norm = &workspace->norms[layer];
  if (network->norm == TN_NORM_LAYER) {
    tn_norm_rows(rows, shape->outputs, network->norm_epsilon, values_of(network, shape->gain, parameters),
                 workspace->activation[layer], norm->normal, norm->inverse);
    return;
  }
  if (workspace->training) {
    clear(shape->outputs, workspace->norm_sums);
    tn_norm_forward_sums(network, layer, workspace, rows, workspace->norm_sums);
  }
  tn_norm_forward_by(network, layer, parameters, workspace, rows, rows, workspace->norm_sums);
}

void tn_norm_backward_sums(const tn_network *network, int layer, const tn_workspace *workspace, int64_t rows,
                           const float *d, double *sums) {
  tn_norm_column_products(rows, network->layers[layer].outputs, d, workspace->norms[layer].normal, sums);
}

void tn_norm_backward_by(const tn_network *network, int layer, const float *parameters, tn_workspace *workspace,
                         int64_t rows, int64_t all_rows, const double *sums, float *d) {
  const tn_layer *shape = &network->layers[layer];
  const tn_norm_buffers *norm = &workspace->norms[layer];
  const int64_t cols = shape->outputs;
  for (int64_t j = 0; j < 2 * cols; j++) /* running statistics do not depend on the batch */
    workspace->norm_means[j] = all_rows > 1 ? (float)(sums[j] / (double)all_rows) : 0.0f;
  tn_norm_columns_back(rows, cols, norm->inverse, values_of(network, shape->gain, parameters), workspace->norm_means,
                       workspace->norm_means + cols, norm->normal, d);
}

/* g = share x value, or g += where accumulate. */
static void write_statistic(int64_t cols, float share, const float *values, float *g, bool accumulate) {
  for (int64_t j = 0; j < cols; j++)
    g[j] = (accumulate ? g[j] : 0.0f) + share * values[j];
}

void tn_norm_gradient(const tn_network *network, int layer, const tn_workspace *workspace, int64_t rows,
                      const double *sums, float *gradient, bool accumulate) {
  const tn_layer *shape = &network->layers[layer];
  const tn_norm_buffers *norm = &workspace->norms[layer];
  float *gain = gradient + network->tensors[shape->gain].offset;
  for (int64_t j = 0; j < shape->outputs; j++)
    gain[j] = (accumulate ? gain[j] : 0.0f) + (float)sums[shape->outputs + j];
  if (network->norm == TN_NORM_LAYER)
    return;
  const float share = (float)rows / (float)workspace->max_rows;
  write_statistic(shape->outputs, share, norm->mean, gradient + network->tensors[shape->running_mean].offset,
                  accumulate);
  write_statistic(shape->outputs, share, norm->variance, gradient + network->tensors[shape->running_variance].offset,
                  accumulate);
}

void tn_norm_backward(const tn_network *network, int layer, const float *parameters, tn_workspace *workspace,
                      int64_t rows, float *d, float *gradient, bool accumulate) {
  const tn_layer *shape = &network->layers[layer];
  const tn_norm_buffers *norm = &workspace->norms[layer];
  clear(shape->outputs, workspace->norm_sums);
  tn_norm_backward_sums(network, layer, workspace, rows, d, workspace->norm_sums);
  tn_norm_gradient(network, layer, workspace, rows, workspace->norm_sums, gradient, accumulate);
  if (network->norm == TN_NORM_LAYER)
    tn_norm_rows_back(rows, shape->outputs, norm->inverse, values_of(network, shape->gain, parameters), norm->normal,
                      d);
  else
    tn_norm_backward_by(network, layer, parameters, workspace, rows, rows, workspace->norm_sums, d);
}
