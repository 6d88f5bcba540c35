#include "math/warp.h"

#include <math.h>
#include <string.h>

int64_t tn_warp_scratch(tn_image_shape shape) {
  return (shape.rows + 2) * (shape.cols + 2) * shape.channels;
}

static void copy_with_rim(tn_image_shape shape, const float *x, float *rimmed) {
  const int64_t width = shape.cols * shape.channels, stride = width + 2 * shape.channels;
  memset(rimmed, 0, (size_t)tn_warp_scratch(shape) * sizeof *rimmed);
  for (int64_t r = 0; r < shape.rows; r++)
    memcpy(rimmed + (r + 1) * stride + shape.channels, x + r * width, (size_t)width * sizeof *x);
}

/* A coordinate in the rimmed image: the pixel before it, and the way from there to the next. Beyond the rim all is 0,
 * as on it. */
typedef struct between {
  int64_t index;
  float part;
} between;

static between find_between(float coordinate, int64_t size) {
  const float last = (float)(size + 1);
  const float bounded = coordinate < 0.0f ? 0.0f : (coordinate > last ? last : coordinate);
  const int64_t index = (int64_t)bounded < size ? (int64_t)bounded : size;
  return (between){.index = index, .part = bounded - (float)index};
}

/* Where the new image's pixels come from, in the rimmed image: (row, col) is the place of pixel (0, 0). */
typedef struct origin {
  float row, col, sine, cosine;
} origin;

static origin find_origin(tn_image_shape shape, const tn_warp *warp) {
  const double row_centre = 0.5 * (double)(shape.rows - 1), col_centre = 0.5 * (double)(shape.cols - 1);
  const double down = -row_centre - warp->row_shift, right = -col_centre - warp->col_shift;
  const double sine = sin(warp->angle), cosine = cos(warp->angle);
  return (origin){.row = (float)(1 + row_centre + cosine * down + sine * right),
                  .col = (float)(1 + col_centre - sine * down + cosine * right),
                  .sine = (float)sine,
                  .cosine = (float)cosine};
}

/* One pixel of all channels. */
static void interpolate(tn_image_shape shape, const float *rimmed, between row, between col, const float *scale,
                        const float *shift, float *x) {
  const int64_t stride = (shape.cols + 2) * shape.channels;
  const float *above = rimmed + row.index * stride + col.index * shape.channels, *below = above + stride;
  for (int64_t k = 0; k < shape.channels; k++) {
    const int64_t next = k + shape.channels;
    const float upper = above[k] + col.part * (above[next] - above[k]);
    const float lower = below[k] + col.part * (below[next] - below[k]);
    x[k] = (upper + row.part * (lower - upper)) * scale[k] + shift[k];
  }
}

void tn_warp_image(tn_image_shape shape, const tn_warp *warp, const float *scale, const float *shift, float *scratch,
                   float *x) {
  const origin from = find_origin(shape, warp);
  copy_with_rim(shape, x, scratch);
  for (int64_t r = 0; r < shape.rows; r++)
    for (int64_t c = 0; c < shape.cols; c++) {
      const float down = (float)r, right = (float)c;
      const between row = find_between(from.row + (from.cosine * down + from.sine * right), shape.rows);
      const between col = find_between(from.col + (from.cosine * right - from.sine * down), shape.cols);
      const int64_t at = (r * shape.cols + c) * shape.channels;
      interpolate(shape, scratch, row, col, scale + at, shift + at, x + at);
    }
}
