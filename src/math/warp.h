/* Shifts and rotations of small images. */
#ifndef TN_MATH_WARP_H
#define TN_MATH_WARP_H

#include <thinnet/config.h>

#include <stdint.h>

/* How an image is moved: turned about its centre, counter-clockwise where row 0 is on top, then shifted by pixels,
 * downwards and to the right. */
typedef struct tn_warp {
  double row_shift, col_shift;
  double angle; /* radians */
} tn_warp;

/* Floats that tn_warp_image needs as scratch: the image with a rim of one pixel. */
int64_t tn_warp_scratch(tn_image_shape shape);

/* Moves an image (rows, cols, channels) of stored values and makes it the network's input, all in place:
 *
 *   x[r, c] = v[r, c] scale[r, c] + shift[r, c]
 *
 * where v is the stored image, interpolated linearly between the four pixels around the place that comes to lie on
 * (r, c); outside of the image stands 0, as stored. A shift by whole pixels copies them. */
void tn_warp_image(tn_image_shape shape, const tn_warp *warp, const float *scale, const float *shift, float *scratch,
                   float *x);

#endif
