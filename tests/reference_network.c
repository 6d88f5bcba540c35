#include "reference_network.h"

#include <math.h>
#include <string.h>

static tn_place mask_place(const tn_network *network, const tn_mask_source *masks, int layer, int64_t row) {
  const uint64_t place_row = masks->first_row + (uint64_t)row;
  if (masks->stream == TN_STREAM_MC)
    return tn_place_make(masks->seed, TN_STREAM_MC, masks->replica, (uint32_t)layer, place_row / 4294967296u,
                         place_row % 4294967296u);
  return tn_place_make(masks->seed, TN_STREAM_MASK, masks->replica, (uint32_t)layer, masks->step,
                       network->mask == TN_MASK_BATCH ? masks->first_row : place_row);
}

static double step_rate(const tn_network *network, int layer, double step) {
  const double rate = layer == 0 ? network->input_rate : network->layers[layer - 1].rate;
  const double left = exp(-step / (double)network->schedule_steps);
  if (network->rate_schedule == TN_RATE_CONSTANT)
    return rate;
  return rate * (network->rate_schedule == TN_RATE_CURRICULUM ? 1 - left : left);
}

/* Klambauer et al. 2017: what selu tends to far below zero, and a = (q + s^2 q (1 - q))^(-1/2). */
#define SELU_LAMBDA      1.0507009873554805
#define ALPHA_SATURATION (-1.6732632423543772 * SELU_LAMBDA)

static double alpha_scale(double dropped) {
  const double kept = 1 - dropped;
  return pow(kept + ALPHA_SATURATION * ALPHA_SATURATION * kept * dropped, -0.5);
}

/* Whether a decision, of 16 bits, drops. */
static bool is_dropped(tn_place place, int64_t decision, double rate) {
  uint32_t word;
  tn_random_words(place, decision / 2, 1, &word);
  const uint32_t bits = decision % 2 == 0 ? word % 65536 : word / 65536;
  return bits < round(65536 * rate);
}

/* What dropout multiplies a unit of a row with. */
static double draw_factor(const tn_network *network, const tn_mask_source *masks, int layer, int64_t row,
                          int64_t unit) {
  const double rate = masks == NULL ? 0 : step_rate(network, layer, (double)masks->step);
  if (rate == 0 || network->kind == TN_DROPCONNECT)
    return 1;
  const tn_place place = mask_place(network, masks, layer, row);
  const int64_t decision = unit / network->group;
  if (network->kind == TN_GAUSSIAN) {
    float normal[2];
    tn_random_normal(place, decision / 2 * 2, 2, normal);
    return 1 + sqrt(rate / (1 - rate)) * (double)normal[decision % 2];
  }
  const double dropped = round(65536 * rate) / 65536;
  return is_dropped(place, decision, rate) ? 0 : network->kind == TN_ALPHA ? alpha_scale(dropped) : 1 / (1 - dropped);
}

/* What alpha dropout adds: a' = a (h r + s (1 - r)) + b, of which a r is the factor. */
static double shift_of(const tn_network *network, const tn_mask_source *masks, int layer, double factor) {
  if (masks == NULL || network->kind != TN_ALPHA)
    return 0;
  const double rate = step_rate(network, layer, (double)masks->step);
  const double dropped = round(65536 * rate) / 65536, a = alpha_scale(dropped), b = -a * dropped * ALPHA_SATURATION;
  return factor == 0 ? a * ALPHA_SATURATION + b : b;
}

/* The pixels of an image that a k x k patch from (corner_row, corner_col) covers include (row, col). */
static bool covers(int64_t k, int64_t corner_row, int64_t corner_col, int64_t row, int64_t col) {
  return row >= corner_row && row < corner_row + k && col >= corner_col && col < corner_col + k;
}

/* The share of pixels that patches of a corner's probability leave, pixel by pixel. */
static double share_kept(const tn_network *network, double probability) {
  const int64_t rows = network->image.rows, cols = network->image.cols, k = network->block;
  double kept = 0;
  for (int64_t pixel = 0; pixel < rows * cols; pixel++) {
    double stays = 1;
    for (int64_t r = 0; r <= rows - k; r++)
      for (int64_t c = 0; c <= cols - k; c++)
        stays *= covers(k, r, c, pixel / cols, pixel % cols) ? 1 - probability : 1;
    kept += stays;
  }
  return kept / (double)(rows * cols);
}

double reference_patch_probability(const tn_network *network, double rate) {
  double probability = rate; /* that of single pixels, which is never too small: steps of the secant from there */
  for (int i = 0; i < 200; i++)
    probability *= rate / (1 - share_kept(network, probability));
  return probability;
}

/* Patches of one row's image. */
static void draw_patches(const tn_network *network, tn_place place, double rate, double *factor) {
  const int64_t rows = network->image.rows, cols = network->image.cols, k = network->block;
  const double below = reference_patch_probability(network, rate) * 4294967296.0;
  int64_t kept = 0;
  for (int64_t unit = 0; unit < network->inputs; unit++) {
    const int64_t pixel = unit / network->image.channels;
    factor[unit] = 1;
    for (int64_t r = 0; r <= rows - k; r++)
      for (int64_t c = 0; c <= cols - k; c++) {
        uint32_t word;
        tn_random_words(place, r * (cols - k + 1) + c, 1, &word);
        if (word < below && covers(k, r, c, pixel / cols, pixel % cols))
          factor[unit] = 0;
      }
    kept += factor[unit] > 0;
  }
  for (int64_t unit = 0; unit < network->inputs; unit++)
    factor[unit] *= kept > 0 ? (double)network->inputs / (double)kept : 0;
}

/* The input as an image: patches, or whole channels, for which a pixel's channels are drawn as units are. */
static void draw_image(const tn_network *network, const tn_mask_source *masks, int64_t row, double *factor) {
  const double rate = step_rate(network, 0, (double)masks->step);
  if (network->block > 0 && rate > 0)
    draw_patches(network, mask_place(network, masks, 0, row), rate, factor);
  for (int64_t unit = 0; network->block < 0 && unit < network->inputs; unit++)
    factor[unit] = draw_factor(network, masks, 0, row, unit % network->image.channels);
}

/* Weight (i, j) of a layer is decided by number i x (outputs, rounded up to 128) + j of the row's place. */
static double draw_connection(const tn_network *network, const tn_mask_source *masks, int layer, int64_t row, int64_t i,
                              int64_t j) {
  const double rate = masks == NULL ? 0 : step_rate(network, layer, (double)masks->step);
  if (rate == 0 || network->kind != TN_DROPCONNECT)
    return 1;
  const int64_t decision = i * ((network->layers[layer].outputs + 127) / 128 * 128) + j;
  const double dropped = round(65536 * rate) / 65536;
  return is_dropped(mask_place(network, masks, layer, row), decision, rate) ? 0 : 1 / (1 - dropped);
}

static void draw_connections(const tn_network *network, const tn_mask_source *masks, int64_t rows,
                             reference_masks *drawn) {
  for (int layer = 0; layer < network->layer_count; layer++)
    for (int64_t row = 0; row < rows; row++)
      for (int64_t i = 0; i <= network->layers[layer].inputs; i++)
        for (int64_t j = 0; j < network->layers[layer].outputs; j++)
          drawn->connection[layer][row][i][j] = draw_connection(network, masks, layer, row, i, j);
}

static double draw_chance(const tn_network *network, const tn_mask_source *masks, int layer, int64_t row,
                          int64_t unit) {
  float chance = -1;
  if (masks != NULL)
    tn_random_uniform(mask_place(network, masks, layer, row), unit, 1, &chance);
  return chance;
}

static void draw_chances(const tn_network *network, const tn_mask_source *masks, int64_t rows, reference_masks *drawn) {
  for (int layer = 1; layer < network->layer_count; layer++)
    for (int64_t row = 0; row < rows; row++)
      for (int64_t unit = 0; unit < network->layers[layer - 1].outputs; unit++)
        drawn->chance[layer][row][unit] = draw_chance(network, masks, layer, row, unit);
}

/* By what a hidden unit with input z is multiplied, behind `layer` layers. */
static double standout_factor(const tn_network *network, int layer, double z, double chance) {
  if (network->kind != TN_STANDOUT || layer == network->layer_count)
    return 1;
  const double kept = 1 / (1 + exp(-network->standout_alpha * z - network->standout_beta));
  return chance < 0 ? kept : chance < kept;
}

void reference_draw(const tn_network *network, const tn_mask_source *masks, int64_t rows, reference_masks *drawn) {
  for (int layer = 0; layer <= network->layer_count; layer++) {
    const int64_t units = layer == 0 ? network->inputs : network->layers[layer - 1].outputs;
    for (int64_t row = 0; row < rows; row++)
      for (int64_t unit = 0; unit < units; unit++) {
        const double factor = draw_factor(network, masks, layer, row, unit);
        drawn->factor[layer][row][unit] = factor;
        drawn->shift[layer][row][unit] = shift_of(network, masks, layer, factor);
      }
  }
  draw_connections(network, masks, rows, drawn);
  draw_chances(network, masks, rows, drawn);
  for (int64_t row = 0; network->block != 1 && masks != NULL && row < rows; row++)
    draw_image(network, masks, row, drawn->factor[0][row]);
}

static double activate(tn_activation activation, double z) {
  switch (activation) {
  case TN_RELU:
    return fmax(z, 0);
  case TN_SIGMOID:
    return 1 / (1 + exp(-z));
  case TN_TANH:
    return tanh(z);
  case TN_LEAKY_RELU:
    return z > 0 ? z : 0.01 * z;
  case TN_GELU:
    return z * (1 + erf(z / sqrt(2))) / 2;
  case TN_SELU:
    return z > 0 ? SELU_LAMBDA * z : -ALPHA_SATURATION * expm1(z);
  case TN_LINEAR:
    break;
  }
  return z;
}

typedef double layer_values[REFERENCE_ROWS][REFERENCE_UNITS];

static void multiply(const tn_network *network, int l, const double *parameters, int64_t rows,
                     const reference_masks *drawn, layer_values a, layer_values z) {
  const tn_layer *layer = &network->layers[l];
  const double *weight = parameters + network->tensors[layer->weight].offset;
  for (int64_t row = 0; row < rows; row++)
    for (int64_t j = 0; j < layer->outputs; j++) {
      const double(*connection)[REFERENCE_UNITS] = drawn->connection[l][row];
      z[row][j] = 0;
      for (int64_t i = 0; i < layer->inputs; i++)
        z[row][j] += a[row][i] * weight[i * layer->outputs + j] * connection[i][j];
    }
}

/* Mean and mean square distance of `count` values that stand `stride` apart. */
static void moments_of(const double *values, int64_t count, int64_t stride, double *mean, double *variance) {
  *mean = *variance = 0;
  for (int64_t i = 0; i < count; i++)
    *mean += values[i * stride] / (double)count;
  for (int64_t i = 0; i < count; i++)
    *variance += pow(values[i * stride] - *mean, 2) / (double)count;
}

static void normalise(const tn_network *network, const tn_layer *layer, const double *parameters, bool training,
                      int64_t rows, layer_values z) {
  const double *gain = parameters + network->tensors[layer->gain].offset;
  layer_values before;
  memcpy(before, z, sizeof before);
  for (int64_t row = 0; row < rows; row++)
    for (int64_t j = 0; j < layer->outputs; j++) {
      double mean, variance;
      if (network->norm == TN_NORM_LAYER) {
        moments_of(before[row], layer->outputs, 1, &mean, &variance);
      } else if (training && rows > 1) {
        moments_of(&before[0][j], rows, REFERENCE_UNITS, &mean, &variance);
      } else {
        mean = parameters[network->tensors[layer->running_mean].offset + j];
        variance = parameters[network->tensors[layer->running_variance].offset + j];
      }
      z[row][j] = gain[j] * (before[row][j] - mean) / sqrt(variance + network->norm_epsilon);
    }
}

static void forward_layer(const tn_network *network, int l, const double *parameters, int64_t rows,
                          const reference_masks *drawn, layer_values a) {
  const tn_layer *layer = &network->layers[l];
  const double *bias = parameters + network->tensors[layer->bias].offset;
  layer_values z;
  multiply(network, l, parameters, rows, drawn, a, z);
  if (layer->gain != TN_NO_TENSOR)
    normalise(network, layer, parameters, drawn->training, rows, z);
  for (int64_t row = 0; row < rows; row++)
    for (int64_t j = 0; j < layer->outputs; j++) {
      const double shifted = z[row][j] + bias[j] * drawn->connection[l][row][layer->inputs][j];
      a[row][j] = activate(layer->activation, shifted) * drawn->factor[l + 1][row][j] + drawn->shift[l + 1][row][j];
      a[row][j] *= standout_factor(network, l + 1, shifted, drawn->chance[l + 1][row][j]);
    }
}

void reference_forward(const tn_network *network, const double *parameters, const float *x, int64_t rows,
                       const reference_masks *drawn, double *z) {
  layer_values a;
  for (int64_t row = 0; row < rows; row++)
    for (int64_t i = 0; i < network->inputs; i++)
      a[row][i] = x[row * network->inputs + i] * drawn->factor[0][row][i] + drawn->shift[0][row][i];
  for (int l = 0; l < network->layer_count; l++)
    forward_layer(network, l, parameters, rows, drawn, a);
  for (int64_t row = 0; row < rows; row++)
    memcpy(z + row * network->outputs, a[row], (size_t)network->outputs * sizeof *z);
}

static double output_loss(tn_loss loss, double z, double t) {
  const double r = fabs(z - t), s = 1 / (1 + exp(-z));
  switch (loss) {
  case TN_SIGMOID_CROSS_ENTROPY:
    return -t * log(s) - (1 - t) * log(1 - s);
  case TN_MAE:
    return r;
  case TN_HUBER:
    return r <= 1 ? r * r / 2 : r - 0.5;
  case TN_MSE:
  case TN_SOFTMAX_CROSS_ENTROPY:
    break;
  }
  return r * r;
}

/* By the definition: the target is a vector over the classes. */
static double soft_loss(int64_t outputs, const double *z, const tn_targets *targets, int64_t row) {
  const double share = targets->shares == NULL ? 1 : (double)targets->shares[row];
  double sum = 0, loss = 0;
  for (int64_t j = 0; j < outputs; j++)
    sum += exp(z[j]);
  for (int64_t j = 0; j < outputs; j++) {
    double target = j == targets->labels[row] ? share : 0;
    if (share < 1 && j == targets->partner_labels[row])
      target += 1 - share;
    target = target * (1 - targets->smoothing) + targets->smoothing / (double)outputs;
    loss -= target * log(exp(z[j]) / sum);
  }
  return loss;
}

static double row_loss(tn_loss loss, int64_t outputs, const double *z, const tn_targets *targets, int64_t row) {
  const double smoothing = targets->smoothing;
  double sum = 0;
  if (loss == TN_SOFTMAX_CROSS_ENTROPY)
    return soft_loss(outputs, z, targets, row);
  for (int64_t j = 0; j < outputs; j++)
    sum += output_loss(loss, z[j], targets->values[row * outputs + j] * (1 - smoothing) + smoothing / 2);
  return sum / (double)outputs;
}

double reference_loss(tn_loss loss, int64_t rows, int64_t outputs, const double *z, const tn_targets *targets) {
  double sum = 0;
  for (int64_t i = 0; i < rows; i++)
    sum += (targets->weights == NULL ? 1 : targets->weights[i]) * row_loss(loss, outputs, z + i * outputs, targets, i);
  return sum;
}
