/* Thinned networks against the plain passes with the same masks. */
#include "nn/thin.h"

#include "base/memory.h"
#include "network_fixture.h"
#include "nn/loss.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

enum { INPUTS = 35, OUTPUTS = 5, ROWS = 40 };

static const network_spec usual = {.inputs = INPUTS,
                                   .outputs = OUTPUTS,
                                   .hidden_count = 2,
                                   .hidden = {53, 29},
                                   .activation = TN_GELU,
                                   .input_rate = 0.2,
                                   .rate = 0.5,
                                   .mask = TN_MASK_BATCH};

static const tn_mask_source masks = {.seed = 3, .stream = TN_STREAM_MASK, .replica = 1, .step = 5, .first_row = 2};

/* The two ways through one network, with what each leaves behind. */
typedef struct pair {
  tn_network *network;
  tn_workspace *thinning, *plain;
  float *parameters, *by_thinning, *by_plain;
} pair;

static pair pair_make(const network_spec *spec) {
  pair made = {.network = network_make(spec)};
  made.thinning = workspace_make(made.network, ROWS, true);
  made.plain = workspace_make(made.network, ROWS, true);
  tn_thin_destroy(&made.plain->thin);
  made.parameters = weights_make(made.network);
  made.by_thinning = weights_make(made.network); /* rubbish, which the passes have to replace */
  made.by_plain = weights_make(made.network);
  return made;
}

static void pair_destroy(pair *made) {
  tn_workspace_destroy(&made->thinning);
  tn_workspace_destroy(&made->plain);
  tn_free(&made->parameters);
  tn_free(&made->by_thinning);
  tn_free(&made->by_plain);
  tn_network_destroy(&made->network);
}

/* Forward, loss and backward; returns the loss. */
static double pass(const pair *p, tn_workspace *workspace, const tn_mask_source *source, int64_t rows, float *gradient,
                   bool accumulate) {
  float targets[ROWS * OUTPUTS];
  tn_loss_sums sums = {0};
  fill_uniform(11, -1, 1, rows * INPUTS, workspace->input);
  fill_uniform(12, -1, 1, rows * OUTPUTS, targets);
  float *z = tn_network_forward(p->network, p->parameters, workspace, rows, source);
  tn_loss_add(TN_MSE, rows, OUTPUTS, z, &(tn_targets){.values = targets}, true, &sums);
  tn_network_backward(p->network, p->parameters, workspace, rows, gradient, accumulate);
  return sums.loss;
}

static double largest(const tn_network *network, const float *block) {
  double most = 0;
  for (int64_t i = 0; i < network->block_size; i++)
    most = fmax(most, fabs((double)block[i]));
  return most;
}

/* Sums of at most 53 x 40 products in another order: a few hundred roundings of 2^-24 of the largest would be much;
 * seen: below 1e-6 of the largest gradient. */
static void assert_near(const pair *p) {
  const double scale = largest(p->network, p->by_plain);
  assert_true(scale > 0.01);
  for (int64_t i = 0; i < p->network->block_size; i++)
    if (!(fabs((double)p->by_thinning[i] - (double)p->by_plain[i]) <= 1e-5 * scale))
      fail_msg("place %d: %.9g for %.9g", (int)i, (double)p->by_thinning[i], (double)p->by_plain[i]);
}

static void check(const network_spec *spec) {
  pair p = pair_make(spec);
  for (int micro = 0; micro < 2; micro++) { /* the second is added */
    tn_mask_source source = masks;
    source.first_row += (uint64_t)(micro * ROWS);
    const double thinned = pass(&p, p.thinning, &source, ROWS, p.by_thinning, micro > 0);
    const double plain = pass(&p, p.plain, &source, ROWS, p.by_plain, micro > 0);
    assert_non_null(tn_thin_drawn(p.thinning->thin));
    assert_true(fabs(thinned - plain) <= 1e-5 * plain);
    assert_near(&p);
  }
  assert_true(gaps_are_zero(p.network, p.by_thinning));
  pair_destroy(&p);
}

static void test_a_thinned_step_is_the_dense_step_with_the_same_masks(void **state) {
  (void)state;
  network_spec spec = usual;
  for (int activation = TN_RELU; activation <= TN_LINEAR; activation++) {
    spec.activation = (tn_activation)activation;
    check(&spec);
  }
}

static void test_any_place_may_be_dropped_or_not(void **state) {
  (void)state;
  network_spec spec = usual;
  spec.input_rate = 0;
  check(&spec);
  spec.group = 4;
  check(&spec);
  spec = usual;
  spec.rate = 0;
  spec.input_rate = 0.6;
  check(&spec);
  spec.hidden_count = 0; /* a linear model with input dropout */
  check(&spec);
  spec = usual;
  spec.hidden_count = 3;
  spec.hidden[2] = 6;
  spec.rate = 0.3;
  check(&spec);
}

static void test_images_are_thinned_by_patches_and_channels(void **state) {
  (void)state;
  network_spec spec = usual;
  spec.input_rate = 0.4;
  spec.image = (tn_image_shape){5, 7, 1};
  spec.block = 3;
  check(&spec);
  spec.image = (tn_image_shape){1, 5, 7};
  spec.block = -1;
  check(&spec);
}

/* Steps of a schedule whose rates are worth it are thinned by them; those before are not. */
static void test_thinning_follows_the_schedule(void **state) {
  (void)state;
  network_spec spec = usual;
  spec.schedule = TN_RATE_CURRICULUM;
  spec.schedule_steps = 10;
  check(&spec); /* step 5 */
  pair p = pair_make(&spec);
  tn_mask_source early = masks;
  early.step = 0;
  pass(&p, p.thinning, &early, ROWS, p.by_thinning, false);
  assert_null(tn_thin_drawn(p.thinning->thin));
  pair_destroy(&p);
}

/* What a batch drops gets no gradient at all, not a small one. */
static void test_dropped_units_have_gradients_of_zero(void **state) {
  (void)state;
  pair p = pair_make(&usual);
  pass(&p, p.thinning, &masks, ROWS, p.by_thinning, false);
  pass(&p, p.plain, &masks, ROWS, p.by_plain, false);
  const tn_tensor *bias = &p.network->tensors[p.network->layers[0].bias];
  int dropped = 0;
  for (int64_t j = 0; j < bias->cols; j++) {
    dropped += p.by_plain[bias->offset + j] == 0;
    assert_true((p.by_plain[bias->offset + j] == 0) == (p.by_thinning[bias->offset + j] == 0));
  }
  assert_true(dropped > 10 && dropped < 43);
  assert_int_equal(tn_thin_drawn(p.thinning->thin)->layers[0].outputs, bias->cols - dropped);
  pair_destroy(&p);
}

/* Where thinning is not taken the result is the plain one to the bit. */
static void assert_plain(const network_spec *spec, const tn_mask_source *source, int64_t rows) {
  pair p = pair_make(spec);
  const double loss = pass(&p, p.thinning, source, rows, p.by_thinning, false);
  assert_null(tn_thin_drawn(p.thinning->thin));
  assert_true(pass(&p, p.plain, source, rows, p.by_plain, false) == loss);
  assert_memory_equal(p.by_thinning, p.by_plain, (size_t)p.network->block_size * sizeof(float));
  pair_destroy(&p);
}

static void test_the_plain_passes_are_taken_where_thinning_does_not_apply(void **state) {
  (void)state;
  tn_mask_source monte_carlo = masks;
  monte_carlo.stream = TN_STREAM_MC;
  assert_plain(&usual, NULL, ROWS);         /* no dropout in this pass */
  assert_plain(&usual, &monte_carlo, ROWS); /* a mask for each row */
  assert_plain(&usual, &masks, 3);          /* too few rows to pay */
  assert_plain(&usual, &masks, 0);
  network_spec spec = usual;
  spec.hidden[1] = 1; /* a single unit, that this rate drops */
  spec.rate = 0.999;
  assert_plain(&spec, &masks, ROWS);
}

/* A pass after a thinned one must not take the old draw for its own. */
static void test_draws_do_not_outlive_their_pass(void **state) {
  (void)state;
  pair p = pair_make(&usual);
  pass(&p, p.thinning, &masks, ROWS, p.by_thinning, false);
  pass(&p, p.thinning, NULL, ROWS, p.by_thinning, false);
  pass(&p, p.plain, NULL, ROWS, p.by_plain, false);
  assert_memory_equal(p.by_thinning, p.by_plain, (size_t)p.network->block_size * sizeof(float));
  pair_destroy(&p);
}

static void test_other_networks_are_never_thinned(void **state) {
  (void)state;
  network_spec spec = usual;
  spec.kind = TN_GAUSSIAN;
  tn_network *gaussian = network_make(&spec);
  spec = usual;
  spec.mask = TN_MASK_SAMPLE;
  tn_network *by_sample = network_make(&spec);
  spec = usual;
  spec.rate = spec.input_rate = 0;
  tn_network *without = network_make(&spec);
  tn_network *networks[] = {gaussian, by_sample, without};
  for (int i = 0; i < 3; i++) {
    tn_workspace *workspace = workspace_make(networks[i], ROWS, true);
    assert_null(workspace->thin);
    tn_workspace_destroy(&workspace);
    tn_network_destroy(&networks[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_thinned_step_is_the_dense_step_with_the_same_masks),
      cmocka_unit_test(test_any_place_may_be_dropped_or_not),
      cmocka_unit_test(test_images_are_thinned_by_patches_and_channels),
      cmocka_unit_test(test_thinning_follows_the_schedule),
      cmocka_unit_test(test_dropped_units_have_gradients_of_zero),
      cmocka_unit_test(test_the_plain_passes_are_taken_where_thinning_does_not_apply),
      cmocka_unit_test(test_draws_do_not_outlive_their_pass),
      cmocka_unit_test(test_other_networks_are_never_thinned),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
