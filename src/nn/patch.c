#include "nn/patch.h"

#include <math.h>
#include <string.h>

/* Rows (or columns) of a side that n corners' patches cover: n rises from 1 to `most` at either end, where most is the
 * block or, in a short side, the number of corners. */
static double covered_by(int64_t n, int64_t most, int64_t side) {
  return n < most ? 2 : (double)(side - 2 * (most - 1));
}

static int64_t most_covers(int64_t side, int64_t block) {
  const int64_t corners = side - block + 1;
  return corners < block ? corners : block;
}

/* The expected share of kept pixels: the sum of (1 - gamma)^(i j) over i x j covers of rows and columns. */
static double kept_share(const tn_image_shape *shape, int64_t block, double gamma) {
  const int64_t row_most = most_covers(shape->rows, block), col_most = most_covers(shape->cols, block);
  double kept = 0, by_row = 1;
  for (int64_t i = 1; i <= row_most; i++) {
    by_row *= 1 - gamma;
    double by_both = 1, sum = 0;
    for (int64_t j = 1; j <= col_most; j++) {
      by_both *= by_row;
      sum += covered_by(j, col_most, shape->cols) * by_both;
    }
    kept += covered_by(i, row_most, shape->rows) * sum;
  }
  return kept / ((double)shape->rows * (double)shape->cols);
}

/* By bisection: the share falls from 1 to 0. */
double tn_patch_probability(const tn_image_shape *shape, int64_t block, double rate) {
  double low = 0, high = 1;
  for (int i = 0; i < 60; i++) {
    const double middle = (low + high) / 2;
    if (kept_share(shape, block, middle) > 1 - rate)
      low = middle;
    else
      high = middle;
  }
  return low;
}

static void drop_patch(const tn_image_shape *shape, int64_t block, int64_t row, int64_t col, float *factor) {
  for (int64_t i = 0; i < block; i++)
    memset(factor + ((row + i) * shape->cols + col) * shape->channels, 0,
           (size_t)(block * shape->channels) * sizeof *factor);
}

static void drop_patches(tn_place place, const tn_image_shape *shape, int64_t block, double probability,
                         float *factor) {
  enum { WORDS = 256 };
  const int64_t width = shape->cols - block + 1, corners = (shape->rows - block + 1) * width;
  const double threshold = ldexp(probability, 32);
  uint32_t words[WORDS];
  for (int64_t first = 0; first < corners; first += WORDS) {
    const int64_t count = corners - first < WORDS ? corners - first : WORDS;
    tn_random_words(place, first, count, words);
    for (int64_t i = 0; i < count; i++)
      if (words[i] < threshold)
        drop_patch(shape, block, (first + i) / width, (first + i) % width, factor);
  }
}

void tn_patch_factors(tn_place place, const tn_image_shape *shape, int64_t block, double probability, float *factor) {
  const int64_t units = shape->rows * shape->cols * shape->channels;
  int64_t kept = 0;
  for (int64_t i = 0; i < units; i++)
    factor[i] = 1;
  drop_patches(place, shape, block, probability, factor);
  for (int64_t i = 0; i < units; i++)
    kept += factor[i] > 0;
  const float scale = kept > 0 ? (float)((double)units / (double)kept) : 0;
  for (int64_t i = 0; i < units; i++)
    factor[i] *= scale;
}

void tn_patch_spread_channels(const tn_image_shape *shape, float *factor) {
  for (int64_t pixel = 1; pixel < shape->rows * shape->cols; pixel++)
    memcpy(factor + pixel * shape->channels, factor, (size_t)shape->channels * sizeof *factor);
}
