/* Nanoseconds per value of the math layer's kernels: the best of several repeats, on arrays that stay in cache. */
#include "math/gemm.h"
#include "math/kernels.h"
#include "math/random.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#define UNITS   1024
#define ROWS    64
#define REPEATS 15
#define INNER   50

static float x[ROWS * UNITS], y[ROWS * UNITS], z[ROWS * UNITS], scale[UNITS], shift[UNITS];
static uint8_t small[UNITS];
static double norms[UNITS];
static volatile double sink;

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Times a statement that touches `count` values. */
#define MEASURE(name, count, statement)                                                                                \
  do {                                                                                                                 \
    double best_ns = INFINITY;                                                                                         \
    for (int repeat = 0; repeat < REPEATS; repeat++) {                                                                 \
      const double start_ns = now_ns();                                                                                \
      for (int inner = 0; inner < INNER; inner++)                                                                      \
        statement;                                                                                                     \
      best_ns = fmin(best_ns, (now_ns() - start_ns) / INNER);                                                          \
    }                                                                                                                  \
    printf("%-28s %8.3f ns\n", name, best_ns / (count));                                                               \
  } while (0)

static void bench_activations(void) {
  static const char *const names[] = {"relu", "sigmoid", "tanh", "leaky_relu", "gelu", "selu", "linear"};
  for (int activation = TN_RELU; activation <= TN_LINEAR; activation++) {
    char name[64];
    snprintf(name, sizeof name, "train %s", names[activation]);
    MEASURE(name, UNITS, tn_kernel_activate_train((tn_activation)activation, UNITS, shift, scale, x, y));
    snprintf(name, sizeof name, "evaluate %s", names[activation]);
    MEASURE(name, UNITS, tn_kernel_activate((tn_activation)activation, UNITS, shift, NULL, x));
  }
}

static void bench_random(void) {
  const tn_place place = tn_place_make(1, TN_STREAM_MASK, 0, 1, 2, 3);
  MEASURE("uniform", UNITS, tn_random_uniform(place, 0, UNITS, z));
  MEASURE("normal", UNITS, tn_random_normal(place, 0, UNITS, z));
  MEASURE("bernoulli factors", UNITS, tn_random_bernoulli_factors(place, UNITS, 1, 0.5, z));
  MEASURE("bernoulli factors, group 4", UNITS, tn_random_bernoulli_factors(place, UNITS, 4, 0.5, z));
  MEASURE("gaussian factors", UNITS, tn_random_gaussian_factors(place, UNITS, 1, 0.5, z));
  const tn_permutation permutation = tn_permutation_make(1, TN_STREAM_SHUFFLE, 0, 0, 60000);
  MEASURE("permutation of 60000", 1, sink += (double)tn_permutation_at(&permutation, (uint64_t)inner));
  MEASURE("its inverse", 1, sink += (double)tn_permutation_find(&permutation, (uint64_t)inner));
}

static void bench_passes(void) {
  MEASURE("multiply", UNITS, tn_kernel_multiply(UNITS, x, scale));
  MEASURE("convert u8", UNITS, tn_kernel_convert(TN_U8, UNITS, small, scale, shift, z));
  MEASURE("convert f32", UNITS, tn_kernel_convert(TN_F32, UNITS, y, scale, shift, z));
  MEASURE("column sums", ROWS * UNITS, tn_kernel_column_sums(ROWS, UNITS, x, z, false));
  MEASURE("square sum", ROWS * UNITS, sink += tn_kernel_square_sum(ROWS * UNITS, x));
  MEASURE("find nonfinite", ROWS * UNITS, sink += (double)tn_kernel_find_nonfinite(ROWS * UNITS, x));
  MEASURE("max-norm, none longer", ROWS * UNITS, tn_kernel_max_norm(ROWS, UNITS, UNITS, 1e9, x, norms));
  MEASURE("max-norm, all longer", ROWS * UNITS, tn_kernel_max_norm(ROWS, UNITS, UNITS, norms[0] * 0.5, x, norms));
}

static void bench_products(void) {
  static float w[UNITS * UNITS];
  MEASURE("forward, per multiply-add", (double)ROWS * UNITS * UNITS, tn_gemm_forward(ROWS, UNITS, UNITS, x, w, y));
}

int main(void) {
  tn_blas_set_threads(1);
  printf("%s\n", tn_blas_version());
  tn_random_normal(tn_place_make(1, TN_STREAM_INIT, 0, 0, 0, 0), 0, ROWS * UNITS, x);
  for (int i = 0; i < UNITS; i++) {
    scale[i] = 1;
    small[i] = (uint8_t)i;
  }
  bench_activations();
  tn_random_normal(tn_place_make(1, TN_STREAM_INIT, 0, 0, 0, 0), 0, ROWS * UNITS, x);
  bench_random();
  bench_passes();
  bench_products();
  return 0;
}
