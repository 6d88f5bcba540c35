#include "nn/update.h"

#include "math/multiversion.h"

#include <math.h>

TN_MULTIVERSION void tn_update_penalise(int64_t count, float l1, float l2, const float *restrict w, float *restrict g) {
  const float twice = 2 * l2;
  for (int64_t i = 0; i < count; i++) {
    const float sign = (float)((w[i] > 0) - (w[i] < 0));
    g[i] += l1 * sign + twice * w[i];
  }
}

TN_MULTIVERSION void tn_update_track(int64_t count, float fade, float scale, const float *restrict x,
                                     float *restrict s) {
  for (int64_t i = 0; i < count; i++)
    s[i] += fade * (scale * x[i] - s[i]);
}

TN_MULTIVERSION void tn_update_sgd(const tn_update *update) {
  const tn_update u = *update;
  float *restrict w = u.w;
  const float *restrict g = u.g;
  for (int64_t i = 0; i < u.count; i++)
    w[i] = (w[i] - u.decay * w[i]) - u.rate * (u.scale * g[i]);
}

TN_MULTIVERSION void tn_update_momentum(const tn_update *update) {
  const tn_update u = *update;
  float *restrict w = u.w, *restrict v = u.states[0];
  const float *restrict g = u.g;
  for (int64_t i = 0; i < u.count; i++) {
    v[i] = u.momentum * v[i] - u.rate * (u.scale * g[i]);
    w[i] = (w[i] - u.decay * w[i]) + v[i];
  }
}

TN_MULTIVERSION void tn_update_nesterov(const tn_update *update) {
  const tn_update u = *update;
  float *restrict w = u.w, *restrict v = u.states[0];
  const float *restrict g = u.g;
  for (int64_t i = 0; i < u.count; i++) {
    const float step = u.rate * (u.scale * g[i]);
    v[i] = u.momentum * v[i] - step;
    w[i] = (w[i] - u.decay * w[i]) + (u.momentum * v[i] - step);
  }
}

TN_MULTIVERSION void tn_update_rmsprop(const tn_update *update) {
  const tn_update u = *update;
  float *restrict w = u.w, *restrict s = u.states[0];
  const float *restrict g = u.g;
  for (int64_t i = 0; i < u.count; i++) {
    const float slope = u.scale * g[i];
    s[i] += u.fade[1] * (slope * slope - s[i]);
    w[i] = (w[i] - u.decay * w[i]) - u.rate * slope / sqrtf(s[i] + u.epsilon);
  }
}

TN_MULTIVERSION void tn_update_rmsprop_momentum(const tn_update *update) {
  const tn_update u = *update;
  float *restrict w = u.w, *restrict s = u.states[0], *restrict v = u.states[1];
  const float *restrict g = u.g;
  for (int64_t i = 0; i < u.count; i++) {
    const float slope = u.scale * g[i];
    s[i] += u.fade[1] * (slope * slope - s[i]);
    v[i] = u.momentum * v[i] + u.rate * slope / sqrtf(s[i] + u.epsilon);
    w[i] = (w[i] - u.decay * w[i]) - v[i];
  }
}

TN_MULTIVERSION void tn_update_adam(const tn_update *update) {
  const tn_update u = *update;
  float *restrict w = u.w, *restrict m = u.states[0], *restrict v = u.states[1];
  const float *restrict g = u.g;
  for (int64_t i = 0; i < u.count; i++) {
    const float slope = u.scale * g[i];
    m[i] += u.fade[0] * (slope - m[i]);
    v[i] += u.fade[1] * (slope * slope - v[i]);
    w[i] = (w[i] - u.decay * w[i]) - u.rate * m[i] / (sqrtf(v[i]) + u.epsilon);
  }
}

TN_MULTIVERSION void tn_update_adagrad(const tn_update *update) {
  const tn_update u = *update;
  float *restrict w = u.w, *restrict s = u.states[0];
  const float *restrict g = u.g;
  for (int64_t i = 0; i < u.count; i++) {
    const float slope = u.scale * g[i];
    s[i] += slope * slope;
    w[i] = (w[i] - u.decay * w[i]) - u.rate * slope / sqrtf(s[i] + u.epsilon);
  }
}
