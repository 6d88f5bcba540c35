/* Shifts and rotations against the definition in double, and those that only move pixels exactly. */
#include "math/warp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

enum { MOST = 9 * 8 * 3 };

static float image[MOST], scale[MOST], shift[MOST], found[MOST], scratch[11 * 10 * 3];

static void fill(int64_t count, bool transform) {
  for (int64_t i = 0; i < count; i++) {
    image[i] = (float)(i * 37 % 101);
    scale[i] = transform ? 0.01f * (float)(i % 7 + 1) : 1;
    shift[i] = transform ? 0.1f * (float)(i % 5) - 0.2f : 0;
    found[i] = image[i];
  }
}

static int64_t count_of(tn_image_shape shape) {
  return shape.rows * shape.cols * shape.channels;
}

static double stored(tn_image_shape shape, double row, double col, int64_t channel) {
  if (row < 0 || row > (double)shape.rows - 1 || col < 0 || col > (double)shape.cols - 1)
    return 0;
  return image[((int64_t)row * shape.cols + (int64_t)col) * shape.channels + channel];
}

static double interpolated(tn_image_shape shape, double row, double col, int64_t channel) {
  const double r = floor(row), c = floor(col), y = row - r, x = col - c;
  return (1 - y) * (1 - x) * stored(shape, r, c, channel) + (1 - y) * x * stored(shape, r, c + 1, channel) +
         y * (1 - x) * stored(shape, r + 1, c, channel) + y * x * stored(shape, r + 1, c + 1, channel);
}

/* Where pixel (r, c) of the moved image comes from: the shift is taken back, then the rotation. The sine's sign: rows
 * grow downwards. */
static double expected_value(tn_image_shape shape, const tn_warp *warp, int64_t r, int64_t c, int64_t channel) {
  const double middle_row = (double)(shape.rows - 1) / 2, middle_col = (double)(shape.cols - 1) / 2;
  const double x = (double)c - warp->col_shift - middle_col, up = middle_row - ((double)r - warp->row_shift);
  const double from_x = cos(warp->angle) * x + sin(warp->angle) * up;
  const double from_up = cos(warp->angle) * up - sin(warp->angle) * x;
  return interpolated(shape, middle_row - from_up, middle_col + from_x, channel);
}

/* Coordinates are off by a few roundings of 2^-24 x 16, neighbours differ by up to 101, and transformed values are
 * below 8: 101 x 4 x 2^-20 x 0.07. Seen: 8e-6. */
#define TOLERANCE 3e-5

static void check(tn_image_shape shape, tn_warp warp) {
  fill(count_of(shape), true);
  tn_warp_image(shape, &warp, scale, shift, scratch, found);
  for (int64_t r = 0; r < shape.rows; r++)
    for (int64_t c = 0; c < shape.cols; c++)
      for (int64_t k = 0; k < shape.channels; k++) {
        const int64_t i = (r * shape.cols + c) * shape.channels + k;
        const double expected = expected_value(shape, &warp, r, c, k) * (double)scale[i] + (double)shift[i];
        if (!(fabs((double)found[i] - expected) < TOLERANCE))
          fail_msg("%dx%dx%d by %g, %g, %g: pixel %d, %d, %d is %g for %g", (int)shape.rows, (int)shape.cols,
                   (int)shape.channels, warp.row_shift, warp.col_shift, warp.angle, (int)r, (int)c, (int)k,
                   (double)found[i], expected);
      }
}

static void test_any_warp(void **state) {
  (void)state;
  static const tn_image_shape shapes[] = {{9, 8, 3}, {8, 9, 1}, {1, 7, 2}, {5, 1, 1}, {1, 1, 1}};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (int i = 0; i < 200; i++)
      check(shapes[s],
            (tn_warp){.row_shift = 3 * sin(i), .col_shift = 5 * sin(1.7 * i), .angle = i % 3 * sin(0.3 * i)});
}

static void test_no_warp_is_the_transform(void **state) {
  (void)state;
  const tn_image_shape shape = {9, 8, 3};
  fill(MOST, true);
  tn_warp_image(shape, &(tn_warp){0}, scale, shift, scratch, found);
  for (int i = 0; i < MOST; i++)
    assert_true(found[i] == image[i] * scale[i] + shift[i]);
}

/* Down by two, and left by three; 0 comes in, whatever the transform makes of it. */
static void test_whole_pixels_are_copied(void **state) {
  (void)state;
  const tn_image_shape shape = {9, 8, 3};
  fill(MOST, true);
  tn_warp_image(shape, &(tn_warp){.row_shift = 2, .col_shift = -3}, scale, shift, scratch, found);
  for (int r = 0; r < 9; r++)
    for (int c = 0; c < 8; c++)
      for (int k = 0; k < 3; k++) {
        const int i = (r * 8 + c) * 3 + k;
        const float value = r >= 2 && c + 3 < 8 ? image[((r - 2) * 8 + c + 3) * 3 + k] : 0;
        assert_true(found[i] == value * scale[i] + shift[i]);
      }
}

/* A quarter turn counter-clockwise: the last column becomes the first row. float32's pi / 2 and centre are exact to
 * 2^-22, and neighbours differ by up to 101. */
static void test_a_quarter_turn(void **state) {
  (void)state;
  const tn_image_shape shape = {8, 8, 1};
  fill(64, false);
  tn_warp_image(shape, &(tn_warp){.angle = 1.57079632679489662}, scale, shift, scratch, found);
  for (int r = 0; r < 8; r++)
    for (int c = 0; c < 8; c++)
      assert_true(fabsf(found[8 * r + c] - image[8 * c + 7 - r]) < 101 * 0x1p-20f);
}

static void test_out_of_sight(void **state) {
  (void)state;
  const tn_image_shape shape = {8, 9, 1};
  static const double far[] = {9, -9, 9.5, 1e9, -1e9};
  for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
    fill(72, true);
    tn_warp_image(shape, &(tn_warp){.row_shift = far[i], .col_shift = far[i]}, scale, shift, scratch, found);
    for (int j = 0; j < 72; j++)
      assert_true(found[j] == shift[j]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_any_warp),       cmocka_unit_test(test_no_warp_is_the_transform),
      cmocka_unit_test(test_a_quarter_turn), cmocka_unit_test(test_whole_pixels_are_copied),
      cmocka_unit_test(test_out_of_sight),
  };
  return cmocka_run_group_tests_name("warp", tests, NULL, NULL);
}
