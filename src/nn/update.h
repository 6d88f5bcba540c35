/* The optimisers' element-wise updates: one pass over a tensor each. */
#ifndef TN_NN_UPDATE_H
#define TN_NN_UPDATE_H

#include <stdbool.h>
#include <stdint.h>

/* What an update of one tensor needs, worked out in double and rounded once. */
typedef struct tn_update {
  int64_t count;
  float *w;
  const float *g;
  float *states[2];
  float scale;    /* of the gradient: makes a sum over rows a mean, and clips it */
  float decay;    /* learning rate x weight decay: w loses decay x w before the update proper */
  float rate;     /* learning rate; for adam with the bias corrections in it */
  float momentum; /* sgd, rmsprop */
  float fade[2];  /* 1 - beta1, 1 - beta2 for adam; 1 - rho in fade[1] for rmsprop */
  float epsilon;
} tn_update;

/* g += l1 sign(w) + 2 l2 w, sign(0) = 0. */
void tn_update_penalise(int64_t count, float l1, float l2, const float *w, float *g);

/* s += fade (scale x - s) */
void tn_update_track(int64_t count, float fade, float scale, const float *x, float *s);

/* w -= rate g */
void tn_update_sgd(const tn_update *update);

/* v = momentum v - rate g ; w += v, or momentum v - rate g for Nesterov's form. states: v */
void tn_update_momentum(const tn_update *update);
void tn_update_nesterov(const tn_update *update);

/* s += (1 - rho) (g^2 - s) ; w -= rate g / sqrt(s + epsilon). states: s */
void tn_update_rmsprop(const tn_update *update);

/* The same with v = momentum v + rate g / sqrt(s + epsilon) ; w -= v. states: s, v */
void tn_update_rmsprop_momentum(const tn_update *update);

/* m += (1 - beta1) (g - m) ; v += (1 - beta2) (g^2 - v) ; w -= rate m / (sqrt(v) + epsilon). states: m, v */
void tn_update_adam(const tn_update *update);

/* s += g^2 ; w -= rate g / sqrt(s + epsilon). states: s */
void tn_update_adagrad(const tn_update *update);

#endif
