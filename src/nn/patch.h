/* Dropout over an image at the input: square patches of it, or whole channels. Private to dropout.c and its tests. */
#ifndef TN_NN_PATCH_H
#define TN_NN_PATCH_H

#include "math/random.h"

#include <thinnet/config.h>

/* The probability gamma with which a place is the upper left corner of a dropped block x block patch, such that the
 * expected share of dropped pixels is `rate`. A pixel that n of the (rows - block + 1) (cols - block + 1) patches cover
 * stays with probability (1 - gamma)^n, and the mean of that over the pixels is 1 - rate. (DropBlock, Ghiasi et al.
 * 2018, takes gamma = rate rows cols / (block^2 (rows - block + 1) (cols - block + 1)), the first term of it, which
 * leaves overlaps out of account and drops less.) 0 <= rate < 1, 1 <= block <= rows, cols. */
double tn_patch_probability(const tn_image_shape *shape, int64_t block, double rate);

/* Factors of one image (rows, cols, channels): 0 in the patches, through all channels; elsewhere pixels / kept pixels,
 * so that their mean is 1 (DropBlock's algorithm 1); 0 everywhere where nothing is kept. Corner (r, c) is drawn by word
 * r (cols - block + 1) + c of the place: all 32 bits, since gamma is small. */
void tn_patch_factors(tn_place place, const tn_image_shape *shape, int64_t block, double probability, float *factor);

/* Spreads the factors of one pixel's channels, at the front of `factor`, over all pixels. */
void tn_patch_spread_channels(const tn_image_shape *shape, float *factor);

#endif
