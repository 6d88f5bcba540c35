/* The vector loops of the math layer, of the optimisers and of the exact reduction, compiled a second time, for the
 * lowest processor: what the loader may choose elsewhere.
 */
#ifndef TN_TESTS_PLAIN_MATH_H
#define TN_TESTS_PLAIN_MATH_H

#include "dist/fixed.h"
#include "math/kernels.h"
#include "math/norm.h"
#include "math/random.h"
#include "nn/update.h"

enum { PLAIN_UPDATES = 7 };

/* Each function is the one of the same name in dist/fixed.h, math/kernels.h, math/norm.h, math/random.h or nn/update.h.
 */
typedef struct plain_math {
  void (*activate_train)(tn_activation, int64_t, const float *, const float *, float *, float *);
  void (*activate)(tn_activation, int64_t, const float *, const float *, float *);
  void (*standout)(int64_t, float, float, const float *, const float *, bool, float *);
  void (*multiply)(int64_t, float *, const float *);
  void (*add_shifts)(int64_t, const float *, float, float, float *);
  void (*column_sums)(int64_t, int64_t, const float *, float *, bool);
  double (*square_sum)(int64_t, const float *);
  int64_t (*find_nonfinite)(int64_t, const float *);
  void (*add_scaled)(int64_t, float, const float *, float *);
  void (*add_product)(int64_t, float, const float *, const float *, float *);
  float (*product_sum)(int64_t, const float *, const float *, const float *);
  void (*mix)(int64_t, float, const float *, float *);
  double (*dot)(int64_t, const float *, const float *);
  void (*rate_slopes)(int64_t, double, double, const float *, const float *, float *);
  void (*max_norm)(int64_t, int64_t, int64_t, double, float *, double *);
  void (*pick)(int64_t, const int32_t *, float, const float *, float *);
  void (*sum_floats)(int64_t, int, const float *, int64_t, float *);
  void (*sum_integers)(int64_t, int, const int64_t *, int64_t, int64_t *);
  int64_t (*first_beyond)(const float *, int64_t, float);
  int64_t (*from_floats)(int64_t *, const float *, int64_t, int, float, bool);
  void (*to_floats)(float *, const int64_t *, int64_t, int);
  void (*norm_columns)(int64_t, int64_t, const float *, const float *, const float *, float *, float *);
  void (*norm_columns_back)(int64_t, int64_t, const float *, const float *, const float *, const float *, const float *,
                            float *);
  void (*norm_rows)(int64_t, int64_t, double, const float *, float *, float *, float *);
  void (*norm_rows_back)(int64_t, int64_t, const float *, const float *, const float *, float *);
  void (*norm_column_moments)(int64_t, int64_t, const float *, double *);
  void (*norm_column_products)(int64_t, int64_t, const float *, const float *, double *);
  void (*convert)(tn_element, int64_t, const void *, const float *, const float *, float *);
  void (*uniform)(tn_place, int64_t, int64_t, float *);
  void (*normal)(tn_place, int64_t, int64_t, float *);
  void (*concrete_factors)(tn_place, int64_t, int64_t, double, double, float *);
  void (*bernoulli_factors)(tn_place, int64_t, int64_t, double, float *);
  void (*penalise)(int64_t, float, float, const float *, float *);
  void (*track)(int64_t, float, float, const float *, float *);
  void (*updates[PLAIN_UPDATES])(const tn_update *); /* sgd first, in the order of nn/update.h */
} plain_math;

plain_math plain_math_functions(void);

#endif
