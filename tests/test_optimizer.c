/* Optimisers against float64 references written from the papers, and against PyTorch's. */
#include "nn/optimizer.h"

#include "frozen/optimizers.h"
#include "network_fixture.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

enum { STEPS = 6, BLOCK_MAX = 256 };

static const network_spec shape = {.inputs = 7, .outputs = 3, .hidden_count = 1, .hidden = {5}};

/* The keys' defaults. */
static const tn_train_config usual = {.optimizer = TN_ADAM, .beta1 = 0.9, .beta2 = 0.999, .rho = 0.9, .epsilon = 1e-7};

/* An optimiser with the network it works on. */
typedef struct bench {
  tn_network *network;
  tn_optimizer *optimizer;
  float *parameters, *gradient;
} bench;

static bench bench_make(const tn_train_config *train, const tn_regularization_config *regularization) {
  bench made = {.network = network_make(&shape)};
  made.parameters = weights_make(made.network);
  made.gradient = block_make(made.network);
  assert_true(made.network->block_size <= BLOCK_MAX);
  assert_int_equal(tn_optimizer_create(&made.optimizer, made.network, train, regularization), TN_OK);
  return made;
}

static void bench_destroy(bench *made) {
  tn_optimizer_destroy(&made->optimizer);
  assert_null(made->optimizer);
  tn_optimizer_destroy(&made->optimizer);
  tn_network_destroy(&made->network);
  tn_free(&made->parameters);
  tn_free(&made->gradient);
}

/* Another gradient in every step, of another size in every tensor; gaps stay zero. */
static void fill_gradient(const bench *made, int step) {
  for (int t = 0; t < made->network->tensor_count; t++) {
    const tn_tensor *tensor = &made->network->tensors[t];
    const double size = 0.02 * (t + 1);
    fill_uniform((uint64_t)(100 * step + t), -size, size, tensor->rows * tensor->cols, made->gradient + tensor->offset);
  }
}

/* The state of the references: one array for each role a paper names. */
typedef struct reference {
  double w[BLOCK_MAX], g[BLOCK_MAX], first[BLOCK_MAX], second[BLOCK_MAX];
} reference;

/* One parameter's step; t counts from 1. */
typedef void (*reference_step)(const tn_train_config *train, double rate, int t, double g, double *w, double *first,
                               double *second);

static void sgd_step(const tn_train_config *train, double rate, int t, double g, double *w, double *v, double *unused) {
  (void)t, (void)unused;
  const double before = *v;
  *v = train->momentum * before - rate * g;
  *w += train->nesterov ? -train->momentum * before + (1 + train->momentum) * *v : *v;
}

static void rmsprop_step(const tn_train_config *train, double rate, int t, double g, double *w, double *v,
                         double *square) {
  (void)t;
  *square = train->rho * *square + (1 - train->rho) * g * g;
  *v = train->momentum * *v + rate * g / sqrt(*square + train->epsilon);
  *w -= *v;
}

static void adam_step(const tn_train_config *train, double rate, int t, double g, double *w, double *m, double *v) {
  *m = train->beta1 * *m + (1 - train->beta1) * g;
  *v = train->beta2 * *v + (1 - train->beta2) * g * g;
  const double corrected_m = *m / (1 - pow(train->beta1, t)), corrected_v = *v / (1 - pow(train->beta2, t));
  const double epsilon = train->epsilon / sqrt(1 - pow(train->beta2, t)); /* from epsilon hat */
  *w -= rate * corrected_m / (sqrt(corrected_v) + epsilon);
}

static void adagrad_step(const tn_train_config *train, double rate, int t, double g, double *w, double *unused,
                         double *sum) {
  (void)unused;
  *sum = t == 1 ? 0.1 + g * g : *sum + g * g;
  *w -= rate * g / sqrt(*sum + train->epsilon);
}

static reference_step reference_of(tn_optimizer_kind kind) {
  switch (kind) {
  case TN_SGD:
    return sgd_step;
  case TN_RMSPROP:
    return rmsprop_step;
  case TN_ADAGRAD:
    return adagrad_step;
  case TN_ADAM:
  case TN_ADAMW:
    break;
  }
  return adam_step;
}

static bool is_weight(const tn_network *network, int64_t at) {
  for (int t = network->tensor_count - 1; t >= 0; t--)
    if (at >= network->tensors[t].offset)
      return network->tensors[t].role == TN_WEIGHT;
  return false;
}

/* Penalties and clipping; returns the norm. */
static double reference_gradient(const bench *made, const tn_train_config *train, const tn_regularization_config *terms,
                                 reference *exact) {
  double square = 0;
  for (int64_t i = 0; i < made->network->block_size; i++) {
    const double w = exact->w[i], sign = w > 0 ? 1 : (w < 0 ? -1 : 0);
    exact->g[i] = made->gradient[i] + (is_weight(made->network, i) ? terms->l1 * sign + 2 * terms->l2 * w : 0);
    square += exact->g[i] * exact->g[i];
  }
  const double norm = sqrt(square);
  for (int64_t i = 0; i < made->network->block_size; i++)
    exact->g[i] *= train->clip_norm > 0 && norm > train->clip_norm ? train->clip_norm / norm : 1;
  return norm;
}

static void reference_max_norm(const tn_network *network, double limit, double *w) {
  for (int t = 0; t < network->tensor_count; t++) {
    const tn_tensor *tensor = &network->tensors[t];
    for (int64_t j = 0; j < tensor->cols && tensor->role == TN_WEIGHT; j++) {
      double square = 0;
      for (int64_t i = 0; i < tensor->rows; i++)
        square += pow(w[tensor->offset + i * tensor->cols + j], 2);
      for (int64_t i = 0; i < tensor->rows && sqrt(square) > limit; i++)
        w[tensor->offset + i * tensor->cols + j] *= limit / sqrt(square);
    }
  }
}

static double reference_update(const bench *made, const tn_train_config *train, const tn_regularization_config *terms,
                               double rate, int t, reference *exact) {
  const double norm = reference_gradient(made, train, terms, exact);
  for (int64_t i = 0; i < made->network->block_size; i++) {
    if (is_weight(made->network, i))
      exact->w[i] -= rate * train->weight_decay * exact->w[i];
    reference_of(train->optimizer)(train, rate, t, exact->g[i], &exact->w[i], &exact->first[i], &exact->second[i]);
  }
  if (terms->max_norm > 0)
    reference_max_norm(made->network, terms->max_norm, exact->w);
  return norm;
}

/* Weights lie within 1, and a step rounds them and its terms a handful of times to 24 bits: STEPS x 8 x 2^-24 x 1. The
 * quotients of adam and rmsprop are at most some units times the rate, which is below 0.1. */
static void check(const tn_train_config *train, const tn_regularization_config *terms) {
  static reference exact;
  memset(&exact, 0, sizeof exact);
  bench made = bench_make(train, terms);
  for (int64_t i = 0; i < made.network->block_size; i++)
    exact.w[i] = made.parameters[i];
  for (int t = 1; t <= STEPS; t++) {
    const double rate = 0.05 / t; /* a schedule's: the rate must enter where Keras has it */
    fill_gradient(&made, t);
    const double expected = reference_update(&made, train, terms, rate, t, &exact);
    const double norm = tn_optimizer_update(made.optimizer, made.network, made.parameters, made.gradient, rate, t);
    assert_true(fabs(norm - expected) < 1e-6 * expected);
  }
  for (int64_t i = 0; i < made.network->block_size; i++)
    if (!(fabs(made.parameters[i] - exact.w[i]) < STEPS * 8 * 0x1p-24))
      fail_msg("optimizer %d, place %d: %.9g for %.9g", (int)train->optimizer, (int)i, (double)made.parameters[i],
               exact.w[i]);
  assert_true(gaps_are_zero(made.network, made.parameters));
  bench_destroy(&made);
}

/* Every optimiser in every form it has. */
static void check_all(tn_train_config train, const tn_regularization_config *terms) {
  for (int kind = TN_ADAM; kind <= TN_ADAGRAD; kind++) {
    train.optimizer = (tn_optimizer_kind)kind;
    check(&train, terms);
    if (kind != TN_SGD && kind != TN_RMSPROP)
      continue;
    train.momentum = 0.8;
    check(&train, terms);
    train.nesterov = kind == TN_SGD;
    check(&train, terms);
    train.momentum = 0;
    train.nesterov = false;
  }
}

static void test_optimizers_follow_their_papers(void **state) {
  (void)state;
  check_all(usual, &(tn_regularization_config){0});
}

static void test_keys_reach_the_formulas(void **state) {
  (void)state;
  const tn_train_config train = {.beta1 = 0.7, .beta2 = 0.95, .rho = 0.6, .epsilon = 0.01};
  check_all(train, &(tn_regularization_config){0});
}

static void test_weights_decay_and_biases_do_not(void **state) {
  (void)state;
  tn_train_config train = usual;
  train.weight_decay = 0.3;
  check_all(train, &(tn_regularization_config){0});
}

static void test_penalties_clipping_and_norms_come_in_order(void **state) {
  (void)state;
  tn_train_config train = usual;
  train.weight_decay = 0.1;
  train.clip_norm = 0.15;
  check_all(train, &(tn_regularization_config){.l1 = 0.01, .l2 = 0.02, .max_norm = 0.9});
}

static void test_a_short_gradient_is_not_clipped(void **state) {
  (void)state;
  tn_train_config train = usual;
  train.clip_norm = 100;
  check_all(train, &(tn_regularization_config){0});
}

/* By hand, in numbers that are exact: one weight of 4 and of -2 feeding one unit with bias 1. */
static void test_one_step_by_hand(void **state) {
  (void)state;
  const network_spec spec = {.inputs = 2, .outputs = 1};
  tn_network *network = network_make(&spec);
  float *w = block_make(network), *g = block_make(network);
  const tn_train_config train = {.optimizer = TN_SGD, .weight_decay = 0.5, .clip_norm = 6.5};
  const tn_regularization_config terms = {.l1 = 1, .l2 = 0.25};
  tn_optimizer *optimizer = NULL;
  assert_int_equal(tn_optimizer_create(&optimizer, network, &train, &terms), TN_OK);
  const int64_t bias = network->tensors[1].offset;
  w[0] = 4, w[1] = -2, w[bias] = 1;
  g[0] = 0, g[1] = 6, g[bias] = 12;

  /* penalties: 0 + 1 + 2 = 3, 6 - 1 - 1 = 4, 12; norm 13, clipped by half; decay takes an eighth at rate 1/4. */
  assert_true(tn_optimizer_update(optimizer, network, w, g, 0.25, 1) == 13);
  assert_true(w[0] == 4 - 0.5f - 0.375f);
  assert_true(w[1] == -2 + 0.25f - 0.5f);
  assert_true(w[bias] == 1 - 1.5f);
  tn_optimizer_destroy(&optimizer);
  tn_network_destroy(&network);
  tn_free(&w);
  tn_free(&g);
}

static void test_a_gradient_that_is_not_finite_changes_nothing(void **state) {
  (void)state;
  const float bad[] = {NAN, INFINITY, -INFINITY};
  for (int kind = TN_ADAM; kind <= TN_ADAGRAD; kind++)
    for (int i = 0; i < 3; i++) {
      tn_train_config train = usual;
      train.optimizer = (tn_optimizer_kind)kind;
      bench made = bench_make(&train, &(tn_regularization_config){.max_norm = 0.1});
      float before[BLOCK_MAX], states[2][BLOCK_MAX];
      const size_t bytes = (size_t)made.network->block_size * sizeof(float);
      memcpy(before, made.parameters, bytes);
      for (int s = 0; s < made.optimizer->state_count; s++)
        memcpy(states[s], made.optimizer->states[s], bytes);
      fill_gradient(&made, 1);
      made.gradient[made.network->tensors[3].offset + 2] = bad[i];

      assert_true(isfinite(tn_optimizer_update(made.optimizer, made.network, made.parameters, made.gradient, 0.1, 1)) ==
                  0);
      assert_memory_equal(before, made.parameters, bytes);
      for (int s = 0; s < made.optimizer->state_count; s++)
        assert_memory_equal(states[s], made.optimizer->states[s], bytes);
      bench_destroy(&made);
    }
}

/* What the sum's scale is for: the update is that from the mean. Bits differ by a few roundings of numbers below 2. */
static void assert_update_from_mean(const tn_network *network, const tn_train_config *train,
                                    const tn_regularization_config *terms, const float *expected) {
  tn_optimizer *optimizer = NULL;
  float *parameters = weights_make(network), *gradient = weights_make(network);
  assert_int_equal(tn_optimizer_create(&optimizer, network, train, terms), TN_OK);
  for (int64_t i = 0; i < network->block_size; i++)
    gradient[i] /= 3;
  tn_optimizer_update(optimizer, network, parameters, gradient, 0.01, 1);
  for (int64_t i = 0; i < network->block_size; i++)
    assert_true(fabsf(parameters[i] - expected[i]) < 1e-6f);
  tn_optimizer_destroy(&optimizer);
  tn_free(&parameters);
  tn_free(&gradient);
}

/* One update of a network of several blocks, by `parts` ranks that come to each part of it one after the other. */
static double update_in_shares(const tn_optimizer *optimizer, const tn_network *network, int parts, float *parameters,
                               float *gradient) {
  const double scale = 1.0 / 3;
  tn_share shares[5];
  for (int part = 0; part < parts; part++)
    shares[part] = tn_share_of(network->block_size, part, parts);
  for (int part = 0; part < parts; part++)
    tn_optimizer_measure(optimizer, network, shares[part], parameters, gradient + shares[part].first, scale);
  const double norm = tn_optimizer_norm(optimizer, network, scale);
  for (int part = 0; part < parts; part++)
    tn_optimizer_apply(optimizer, network, shares[part], parameters, gradient + shares[part].first, scale, norm, 0.01,
                       1);
  for (int part = 0; part < parts; part++)
    tn_optimizer_limit(optimizer, network, shares[part], parameters);
  return norm;
}

static void test_shares_give_the_bits_of_the_whole(void **state) {
  (void)state;
  const network_spec spec = {.inputs = 90, .outputs = 3, .hidden_count = 1, .hidden = {101}};
  tn_train_config train = usual;
  train.optimizer = TN_SGD; /* adam would hide the gradient's size */
  train.momentum = 0.9;
  train.weight_decay = 0.1;
  train.clip_norm = 100;
  const tn_regularization_config terms = {.l1 = 1, .l2 = 2, .max_norm = 0.9};
  tn_network *network = network_make(&spec);
  assert_true(tn_share_blocks(network->block_size) == 5);
  const size_t bytes = (size_t)network->block_size * sizeof(float);
  float *whole = NULL;
  double whole_norm = 0;
  for (int parts = 1; parts <= 5; parts++) {
    tn_optimizer *optimizer = NULL;
    float *parameters = weights_make(network), *gradient = weights_make(network);
    assert_int_equal(tn_optimizer_create(&optimizer, network, &train, &terms), TN_OK);
    const double norm = update_in_shares(optimizer, network, parts, parameters, gradient);
    if (parts == 1) {
      whole = block_make(network);
      memcpy(whole, parameters, bytes);
      whole_norm = norm;
    }
    assert_true(norm == whole_norm && norm > train.clip_norm);
    assert_memory_equal(whole, parameters, bytes);
    tn_optimizer_destroy(&optimizer);
    tn_free(&parameters);
    tn_free(&gradient);
  }
  assert_update_from_mean(network, &train, &terms, whole);
  tn_free(&whole);
  tn_network_destroy(&network);
}

/* Its last bias is made into a statistic, which begins in the middle of a share's block. */
static tn_network *network_with_a_statistic(void) {
  const network_spec spec = {.inputs = 90, .outputs = 300, .hidden_count = 1, .hidden = {101}};
  tn_network *network = network_make(&spec);
  tn_tensor *last = &network->tensors[network->tensor_count - 1];
  last->role = TN_STATISTIC;
  network->trained_size = last->offset;
  network->statistic_momentum = 0.75;
  assert_int_equal(tn_network_trained_tensors(network), network->tensor_count - 1);
  assert_true(last->offset % TN_SHARE_STEP != 0);
  return network;
}

/* One update by `parts` ranks; returns the norm. */
static double update_statistics(const tn_optimizer *optimizer, const tn_network *network, int parts, float *parameters,
                                float *gradient) {
  for (int part = 0; part < parts; part++) {
    const tn_share share = tn_share_of(network->block_size, part, parts);
    tn_optimizer_measure(optimizer, network, share, parameters, gradient + share.first, 1);
  }
  for (int part = 0; part < parts; part++) {
    const tn_share share = tn_share_of(network->block_size, part, parts);
    tn_optimizer_apply(optimizer, network, share, parameters, gradient + share.first, 1, 1, 0.01, 1);
    tn_optimizer_track(network, share, parameters, gradient + share.first, 3);
  }
  return tn_optimizer_norm(optimizer, network, 1);
}

static void check_statistics(const tn_network *network, int parts) {
  const tn_tensor *last = &network->tensors[network->tensor_count - 1];
  tn_train_config train = usual;
  train.optimizer = TN_ADAGRAD; /* its state does not start at 0 */
  train.weight_decay = 0.1;
  tn_optimizer *optimizer = NULL;
  float *before = weights_make(network), *parameters = weights_make(network), *gradient = weights_make(network);
  assert_int_equal(tn_optimizer_create(&optimizer, network, &train, &(tn_regularization_config){0}), TN_OK);
  double square = 0;
  for (int64_t i = 0; i < network->trained_size; i++)
    square += (double)gradient[i] * gradient[i];
  assert_true(fabs(update_statistics(optimizer, network, parts, parameters, gradient) / sqrt(square) - 1) < 1e-12);
  for (int64_t i = last->offset; i < last->offset + last->cols; i++) {
    assert_true(fabs(parameters[i] - (0.75 * before[i] + 0.25 * 3 * gradient[i])) < 4 * 0x1p-24); /* four roundings */
    assert_true(optimizer->states[0][i] == 0);
  }
  gradient[last->offset + 299] = INFINITY;
  assert_true(isnan(update_statistics(optimizer, network, parts, parameters, gradient)));
  tn_optimizer_destroy(&optimizer);
  tn_free(&before);
  tn_free(&parameters);
  tn_free(&gradient);
}

static void test_statistics_follow_the_batches_and_nothing_else(void **state) {
  (void)state;
  tn_network *network = network_with_a_statistic();
  for (int parts = 1; parts <= 30; parts += 29)
    check_statistics(network, parts);
  tn_network_destroy(&network);
}

static void assert_states(tn_train_config train, int count, const char *first, const char *second) {
  bench made = bench_make(&train, &(tn_regularization_config){0});
  fill_gradient(&made, 1);
  tn_optimizer_update(made.optimizer, made.network, made.parameters, made.gradient, 0.1, 1);
  assert_int_equal(made.optimizer->state_count, count);
  const char *names[] = {first, second};
  for (int s = 0; s < count; s++) {
    assert_string_equal(made.optimizer->state_names[s], names[s]);
    assert_true(gaps_are_zero(made.network, made.optimizer->states[s]));
    for (int64_t i = 0; i < made.network->tensors[0].cols; i++)
      assert_true(made.optimizer->states[s][i] != 0);
  }
  bench_destroy(&made);
}

static void test_states_have_names_and_no_more_memory_than_needed(void **state) {
  (void)state;
  tn_train_config train = usual;
  assert_states(train, 2, "m", "v");
  train.optimizer = TN_ADAGRAD;
  assert_states(train, 1, "accumulator", NULL);
  train.optimizer = TN_SGD;
  assert_states(train, 0, NULL, NULL);
  train.momentum = 0.9;
  assert_states(train, 1, "momentum", NULL);
  train.optimizer = TN_RMSPROP;
  assert_states(train, 2, "mean_square", "momentum");
  train.momentum = 0;
  assert_states(train, 1, "mean_square", NULL);
}

/* A linear unit with FROZEN_WEIGHTS weights and a bias takes the script's gradients. PyTorch worked in double; here
 * FROZEN_STEPS steps round to 24 bits as above. */
static void check_frozen(const frozen_optimizer *frozen) {
  const network_spec spec = {.inputs = FROZEN_WEIGHTS, .outputs = 1};
  tn_network *network = network_make(&spec);
  float *w = block_make(network), *g = block_make(network);
  tn_optimizer *optimizer = NULL;
  assert_int_equal(tn_optimizer_create(&optimizer, network, &frozen->train, &(tn_regularization_config){0}), TN_OK);
  const int64_t bias = network->tensors[1].offset;
  memcpy(w, frozen_start, FROZEN_WEIGHTS * sizeof *w);
  w[bias] = frozen_start[FROZEN_WEIGHTS];
  for (int t = 0; t < FROZEN_STEPS; t++) {
    memcpy(g, frozen_gradients[t], FROZEN_WEIGHTS * sizeof *g);
    g[bias] = frozen_gradients[t][FROZEN_WEIGHTS];
    tn_optimizer_update(optimizer, network, w, g, frozen->train.learning_rate, t + 1);
  }
  for (int i = 0; i <= FROZEN_WEIGHTS; i++) {
    const float found = w[i == FROZEN_WEIGHTS ? bias : i];
    if (!(fabs(found - frozen->end[i]) < FROZEN_STEPS * 8 * 0x1p-24))
      fail_msg("%s, parameter %d: %.9g for %.9g", frozen->name, i, (double)found, frozen->end[i]);
  }
  tn_optimizer_destroy(&optimizer);
  tn_network_destroy(&network);
  tn_free(&w);
  tn_free(&g);
}

static void test_optimizers_follow_pytorch(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof frozen_optimizers / sizeof *frozen_optimizers; i++)
    check_frozen(&frozen_optimizers[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_optimizers_follow_their_papers),
      cmocka_unit_test(test_keys_reach_the_formulas),
      cmocka_unit_test(test_weights_decay_and_biases_do_not),
      cmocka_unit_test(test_penalties_clipping_and_norms_come_in_order),
      cmocka_unit_test(test_a_short_gradient_is_not_clipped),
      cmocka_unit_test(test_one_step_by_hand),
      cmocka_unit_test(test_a_gradient_that_is_not_finite_changes_nothing),
      cmocka_unit_test(test_shares_give_the_bits_of_the_whole),
      cmocka_unit_test(test_statistics_follow_the_batches_and_nothing_else),
      cmocka_unit_test(test_states_have_names_and_no_more_memory_than_needed),
      cmocka_unit_test(test_optimizers_follow_pytorch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
