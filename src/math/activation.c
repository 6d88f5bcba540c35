#include "math/kernels.h"

#include <math.h>

/* PyTorch's slope of leaky_relu below zero; Keras has 0.2, 0.3 in its older versions. */
#define LEAKY_SLOPE 0.01f

static float value_and_slope(tn_activation activation, float z, float *slope) {
  switch (activation) {
  case TN_RELU:
    *slope = z > 0 ? 1 : 0;
    return z < 0 ? 0 : z;
  case TN_SIGMOID: {
    const float e = expf(-fabsf(z));
    *slope = e / ((1 + e) * (1 + e));
    return (z < 0 ? e : 1) / (1 + e);
  }
  case TN_TANH: {
    const float e = expf(-2 * fabsf(z));
    *slope = 4 * e / ((1 + e) * (1 + e));
    return tanhf(z);
  }
  case TN_LEAKY_RELU:
    *slope = z > 0 ? 1 : LEAKY_SLOPE;
    return z > 0 ? z : LEAKY_SLOPE * z;
  case TN_GELU: {
    const float cumulative = 0.5f * erfcf(-0.70710678f * z);
    *slope = cumulative + z * 0.39894228f * expf(-0.5f * z * z);
    return z * cumulative;
  }
  case TN_LINEAR:
    break;
  }
  *slope = 1;
  return z;
}

void tn_kernel_activate_train(tn_activation activation, int64_t n, const float *bias, const float *factor, float *z,
                              float *slope) {
  for (int64_t i = 0; i < n; i++) {
    const float f = factor == NULL ? 1 : factor[i];
    z[i] = value_and_slope(activation, z[i] + bias[i], &slope[i]) * f;
    slope[i] *= f;
  }
}

void tn_kernel_activate(tn_activation activation, int64_t n, const float *bias, const float *factor, float *z) {
  for (int64_t i = 0; i < n; i++) {
    float slope;
    z[i] = value_and_slope(activation, z[i] + bias[i], &slope) * (factor == NULL ? 1 : factor[i]);
  }
}
