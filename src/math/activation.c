#include "math/approx.h"
#include "math/kernels.h"

/* PyTorch's slope of leaky_relu below zero; Keras has 0.2, 0.3 in its older versions. */
#define LEAKY_SLOPE 0.01f

typedef struct response {
  float value, slope;
} response;

/* Comparisons are turned so that a NaN takes the branch that hands it on. */
TN_INLINE response relu(float z) {
  return (response){z < 0 ? 0.0f : z, z > 0 ? 1.0f : 0.0f};
}

TN_INLINE response leaky_relu(float z) {
  return (response){z < 0 ? LEAKY_SLOPE * z : z, z > 0 ? 1.0f : LEAKY_SLOPE};
}

/* By e^-|z|, which neither overflows nor cancels: s(z) = 1 / (1 + e^-z), s' = s (1 - s) = e^-|z| / (1 + e^-|z|)^2. */
TN_INLINE response sigmoid(float z) {
  const float e = tn_exp(-fabsf(z));
  const float above = 1.0f / (1.0f + e);
  return (response){z < 0 ? e * above : above, e * above * above};
}

/* tanh |z| = (1 - e^-2|z|) / (1 + e^-2|z|), which cancels near zero; tanh' = 1 - tanh^2 = 4 e^-2|z| / (1 + e^-2|z|)^2.
 */
TN_INLINE response hyperbolic_tangent(float z) {
  const float e = tn_exp(-2.0f * fabsf(z));
  const float inverse = 1.0f / (1.0f + e);
  const float far = copysignf((1.0f - e) * inverse, z);
  return (response){fabsf(z) < 0.625f ? tn_tanh_near_zero(z) : far, 4.0f * e * inverse * inverse};
}

/* gelu(z) = z Phi(z), gelu' = Phi(z) + z phi(z) (Hendrycks and Gimpel 2016, the exact form, not the tanh one);
 * Phi by its tail, which keeps the digits of values below zero. */
TN_INLINE response gelu(float z) {
  const float distance = fabsf(z);
  const float density = 0x1.988454p-2f * tn_exp(-0.5f * distance * distance);
  const float tail = density * tn_mills_ratio(distance);
  const float cumulative = z < 0 ? tail : 1.0f - tail;
  return (response){z * cumulative, cumulative + z * density};
}

/* selu(z) = lambda z, below zero lambda alpha (e^z - 1); with these two a layer hands on mean 0 and variance 1
 * (Klambauer et al. 2017, equation 2). */
TN_INLINE response selu(float z) {
  const float lambda = 0x1.0cfabep+0f, saturation = 0x1.c212ccp+0f; /* lambda alpha */
  const tn_exp_pair e = tn_exp_below_zero(z > 0 ? 0.0f : z);
  return (response){z > 0 ? lambda * z : saturation * e.minus_one, z > 0 ? lambda : saturation * e.value};
}

TN_INLINE response linear(float z) {
  return (response){z, 1.0f};
}

/* The loops below are written once for all activations: inlined into a switch, each copy knows its own. */
TN_INLINE void train_loop(response (*respond)(float), int64_t n, const float *restrict bias,
                          const float *restrict factor, float *restrict z, float *restrict slope) {
  if (factor == NULL) {
    for (int64_t i = 0; i < n; i++) {
      const response r = respond(z[i] + bias[i]);
      z[i] = r.value;
      slope[i] = r.slope;
    }
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    const response r = respond(z[i] + bias[i]);
    z[i] = r.value * factor[i];
    slope[i] = r.slope * factor[i];
  }
}

TN_INLINE void plain_loop(response (*respond)(float), int64_t n, const float *restrict bias,
                          const float *restrict factor, float *restrict z) {
  if (factor == NULL) {
    for (int64_t i = 0; i < n; i++)
      z[i] = respond(z[i] + bias[i]).value;
    return;
  }
  for (int64_t i = 0; i < n; i++)
    z[i] = respond(z[i] + bias[i]).value * factor[i];
}

TN_MULTIVERSION
void tn_kernel_activate_train(tn_activation activation, int64_t n, const float *bias, const float *factor, float *z,
                              float *slope) {
  switch (activation) {
  case TN_RELU:
    train_loop(relu, n, bias, factor, z, slope);
    break;
  case TN_SIGMOID:
    train_loop(sigmoid, n, bias, factor, z, slope);
    break;
  case TN_TANH:
    train_loop(hyperbolic_tangent, n, bias, factor, z, slope);
    break;
  case TN_LEAKY_RELU:
    train_loop(leaky_relu, n, bias, factor, z, slope);
    break;
  case TN_GELU:
    train_loop(gelu, n, bias, factor, z, slope);
    break;
  case TN_SELU:
    train_loop(selu, n, bias, factor, z, slope);
    break;
  case TN_LINEAR:
    train_loop(linear, n, bias, factor, z, slope);
    break;
  }
}

TN_MULTIVERSION
void tn_kernel_activate(tn_activation activation, int64_t n, const float *bias, const float *factor, float *z) {
  switch (activation) {
  case TN_RELU:
    plain_loop(relu, n, bias, factor, z);
    break;
  case TN_SIGMOID:
    plain_loop(sigmoid, n, bias, factor, z);
    break;
  case TN_TANH:
    plain_loop(hyperbolic_tangent, n, bias, factor, z);
    break;
  case TN_LEAKY_RELU:
    plain_loop(leaky_relu, n, bias, factor, z);
    break;
  case TN_GELU:
    plain_loop(gelu, n, bias, factor, z);
    break;
  case TN_SELU:
    plain_loop(selu, n, bias, factor, z);
    break;
  case TN_LINEAR:
    plain_loop(linear, n, bias, factor, z);
    break;
  }
}

TN_MULTIVERSION
void tn_kernel_standout(int64_t n, float alpha, float beta, const float *restrict bias, const float *restrict z,
                        bool draws, float *restrict factor) {
  if (!draws) {
    for (int64_t i = 0; i < n; i++)
      factor[i] = sigmoid(alpha * (z[i] + bias[i]) + beta).value;
    return;
  }
  for (int64_t i = 0; i < n; i++)
    factor[i] = factor[i] < sigmoid(alpha * (z[i] + bias[i]) + beta).value ? 1.0f : 0.0f;
}
