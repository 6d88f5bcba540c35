/* Values and gradients of every activation, loss and kind of dropout against the naive network in double, whose
 * gradient is taken by central differences. */
#include "network_fixture.h"
#include "reference_network.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

enum { INPUTS = 5, INPUTS_MAX = 12, OUTPUTS = 4, ROWS = 7, FIRST_ROWS = 4 };

/* The reference differs from the exact gradient by h^2 / 6 f''' and by 2^-53 L / h: below 1e-9 here. So what is seen is
 * the rounding of float32: a sum of up to 7 terms in each of 3 layers, there and back, and one over 7 rows, of terms
 * that reach the size of the largest gradient: some 60 roundings of 2^-24, 4e-6 of it (6e-7 were seen). The loss goes
 * through half of them. */
#define DIFFERENCE_STEP    1e-5
#define GRADIENT_TOLERANCE 4e-6
#define LOSS_TOLERANCE     4e-6

/* One batch of rows with all kinds of targets. */
typedef struct step_data {
  float x[ROWS * INPUTS_MAX], values[ROWS * OUTPUTS], weights[ROWS];
  int32_t labels[ROWS];
} step_data;

static void fill_data(tn_loss loss, step_data *data) {
  const bool shares = loss == TN_SIGMOID_CROSS_ENTROPY;
  fill_uniform(1, -1.5, 1.5, ROWS * INPUTS_MAX, data->x);
  fill_uniform(2, shares ? 0 : -2.5, shares ? 1 : 2.5, ROWS * OUTPUTS, data->values);
  fill_uniform(3, 0.2, 3, ROWS, data->weights);
  for (int i = 0; i < ROWS; i++)
    data->labels[i] = (int32_t)(i * 3 % OUTPUTS);
}

/* What one comparison is about. */
typedef struct gradient_case {
  network_spec spec;
  bool weighted;
  int64_t first_rows; /* in the first batch; the second one has the rest */
  tn_network *network;
  step_data data;
  reference_masks drawn[2]; /* of each batch */
} gradient_case;

/* The step as a replica takes it: two batches of unequal length, rows numbered through both. */
typedef struct batch_cut {
  int64_t first, rows;
  tn_targets targets;
  tn_mask_source source;
  const tn_mask_source *masks; /* the source, or NULL where nothing is dropped */
} batch_cut;

static void cut_batch(const gradient_case *given, int index, batch_cut *batch) {
  const int64_t first = index == 0 ? 0 : given->first_rows;
  const step_data *data = &given->data;
  *batch = (batch_cut){
      .first = first,
      .rows = index == 0 ? given->first_rows : ROWS - given->first_rows,
      .targets = {data->labels + first, data->values + first * OUTPUTS, given->weighted ? data->weights + first : NULL},
      .source = {.seed = 5, .stream = TN_STREAM_MASK, .replica = 2, .step = 9, .first_row = (uint64_t)first}};
  const bool drops = given->spec.rate > 0 || given->spec.input_rate > 0 || given->spec.kind == TN_STANDOUT;
  batch->masks = drops ? &batch->source : NULL;
}

static double reference_step(const gradient_case *given, const double *parameters) {
  double loss = 0, z[ROWS * OUTPUTS];
  batch_cut batch;
  for (int b = 0; b < 2; b++) {
    cut_batch(given, b, &batch);
    reference_forward(given->network, parameters, given->data.x + batch.first * given->spec.inputs, batch.rows,
                      &given->drawn[b], z);
    loss += reference_loss(given->spec.loss, batch.rows, OUTPUTS, z, &batch.targets);
  }
  return loss;
}

/* The code under test; returns its loss. */
static double compute_step(const gradient_case *given, const float *parameters, float *gradient) {
  tn_workspace *workspace = workspace_make(given->network, ROWS, true);
  tn_loss_sums sums = {0};
  batch_cut batch;
  for (int b = 0; b < 2; b++) {
    cut_batch(given, b, &batch);
    for (int64_t i = 0; i < batch.rows * given->spec.inputs; i++)
      workspace->input[i] = given->data.x[batch.first * given->spec.inputs + i];
    float *z = tn_network_forward(given->network, parameters, workspace, batch.rows, batch.masks);
    tn_loss_add(given->spec.loss, batch.rows, OUTPUTS, z, &batch.targets, true, &sums);
    tn_network_backward(given->network, parameters, workspace, batch.rows, gradient, b > 0);
  }
  assert_int_equal(sums.rows, ROWS);
  tn_workspace_destroy(&workspace);
  return sums.loss;
}

static double difference(const gradient_case *given, double *parameters, int64_t at) {
  const double kept = parameters[at];
  parameters[at] = kept + DIFFERENCE_STEP;
  const double above = reference_step(given, parameters);
  parameters[at] = kept - DIFFERENCE_STEP;
  const double below = reference_step(given, parameters);
  parameters[at] = kept;
  return (above - below) / (2 * DIFFERENCE_STEP);
}

/* Largest difference over all parameters, as a share of the largest gradient. */
static double gradient_error(const gradient_case *given, double *parameters, const float *gradient) {
  double error = 0, largest = 0;
  for (int t = 0; t < given->network->tensor_count; t++) {
    const tn_tensor *tensor = &given->network->tensors[t];
    for (int64_t at = tensor->offset; tn_tensor_is_trained(tensor) && at < tensor->offset + tensor->rows * tensor->cols;
         at++) {
      const double expected = difference(given, parameters, at);
      error = fmax(error, fabs(gradient[at] - expected));
      largest = fmax(largest, fabs(expected));
      assert_true(isfinite(gradient[at]) != 0);
    }
  }
  assert_true(largest > 0.01);
  return error / largest;
}

/* Loss and gradient of the same step, by both. */
static void compare(const gradient_case *given) {
  const int64_t size = given->network->block_size;
  float *parameters = weights_make(given->network), *gradient = weights_make(given->network);
  double *exact = calloc((size_t)size, sizeof *exact);
  assert_non_null(exact);
  for (int64_t i = 0; i < size; i++)
    exact[i] = parameters[i];

  const double loss = compute_step(given, parameters, gradient), expected = reference_step(given, exact);
  const double error = gradient_error(given, exact, gradient);

  const network_spec *spec = &given->spec;
  if (fabs(loss - expected) > LOSS_TOLERANCE * fmax(1, fabs(expected)) || error > GRADIENT_TOLERANCE)
    fail_msg(
        "norm %d activation %d loss %d kind %d mask %d group %d rates %g %g: loss %.9g for %.9g, gradient off by %g",
        (int)spec->norm, (int)spec->activation, (int)spec->loss, (int)spec->kind, (int)spec->mask, (int)spec->group,
        spec->input_rate, spec->rate, loss, expected, error);
  assert_true(gaps_are_zero(given->network, gradient));
  free(exact);
  tn_free(&parameters);
  tn_free(&gradient);
}

static void check_cut(const network_spec *spec, bool weighted, int64_t first_rows) {
  static gradient_case given;
  batch_cut batch;
  given.spec = *spec;
  given.first_rows = first_rows;
  given.weighted = weighted;
  given.network = network_make(spec);
  fill_data(spec->loss, &given.data);
  for (int b = 0; b < 2; b++) {
    cut_batch(&given, b, &batch);
    reference_draw(given.network, batch.masks, batch.rows, &given.drawn[b]);
    given.drawn[b].training = true;
  }
  compare(&given);
  tn_network_destroy(&given.network);
}

static void check(const network_spec *spec, bool weighted) {
  check_cut(spec, weighted, FIRST_ROWS);
}

static const network_spec deep = {.inputs = INPUTS, .outputs = OUTPUTS, .hidden_count = 2, .hidden = {7, 6}};

static void check_activations_and_losses(network_spec spec) {
  for (int activation = TN_RELU; activation <= TN_LINEAR; activation++)
    for (int loss = TN_SOFTMAX_CROSS_ENTROPY; loss <= TN_HUBER; loss++) {
      spec.activation = (tn_activation)activation;
      spec.loss = (tn_loss)loss;
      check(&spec, (activation + loss) % 2 == 0);
    }
}

static void test_without_dropout(void **state) {
  (void)state;
  check_activations_and_losses(deep);
}

static void check_dropout(tn_dropout_kind kind, tn_mask mask) {
  network_spec spec = deep;
  spec.kind = kind;
  spec.mask = mask;
  spec.rate = 0.4;
  for (spec.group = 1; spec.group <= 3; spec.group += 2)
    for (spec.input_rate = 0; spec.input_rate < 0.3; spec.input_rate += 0.2)
      check_activations_and_losses(spec);
}

static void test_bernoulli_masks_by_sample(void **state) {
  (void)state;
  check_dropout(TN_BERNOULLI, TN_MASK_SAMPLE);
}

static void test_bernoulli_masks_by_batch(void **state) {
  (void)state;
  check_dropout(TN_BERNOULLI, TN_MASK_BATCH);
}

static void test_gaussian_masks_by_sample(void **state) {
  (void)state;
  check_dropout(TN_GAUSSIAN, TN_MASK_SAMPLE);
}

static void test_gaussian_masks_by_batch(void **state) {
  (void)state;
  check_dropout(TN_GAUSSIAN, TN_MASK_BATCH);
}

static void test_scheduled_rates(void **state) {
  (void)state;
  network_spec spec = deep;
  spec.activation = TN_TANH;
  spec.rate = spec.input_rate = 0.6;
  spec.schedule_steps = 12;
  for (int schedule = TN_RATE_CURRICULUM; schedule <= TN_RATE_ANNEAL; schedule++)
    for (int kind = TN_BERNOULLI; kind <= TN_ALPHA; kind++) {
      spec.schedule = (tn_rate_schedule)schedule;
      spec.kind = (tn_dropout_kind)kind;
      check(&spec, true);
    }
}

static void test_alpha_masks_by_sample(void **state) {
  (void)state;
  check_dropout(TN_ALPHA, TN_MASK_SAMPLE);
}

static void test_alpha_masks_by_batch(void **state) {
  (void)state;
  check_dropout(TN_ALPHA, TN_MASK_BATCH);
}

/* Images of 3 x 2 pixels with 2 channels: patches of 2 x 2, and whole channels. */
static void test_dropout_of_images(void **state) {
  (void)state;
  network_spec spec = deep;
  spec.inputs = INPUTS_MAX;
  spec.image = (tn_image_shape){3, 2, 2};
  spec.activation = TN_TANH;
  spec.rate = 0.3;
  spec.input_rate = 0.4;
  for (int mask = TN_MASK_SAMPLE; mask <= TN_MASK_BATCH; mask++)
    for (spec.block = -1; spec.block <= 2; spec.block += 3) {
      spec.mask = (tn_mask)mask;
      check(&spec, true);
    }
  spec.block = -1;
  spec.kind = TN_GAUSSIAN;
  check(&spec, true);
}

/* Weights are dropped in rows of their own and in those of a batch; a layer of 6 units has a hidden layer and the
 * output behind it. relu has zeros, which the rows' way leaves out. */
static void test_dropconnect(void **state) {
  (void)state;
  network_spec spec = deep;
  spec.kind = TN_DROPCONNECT;
  for (int mask = TN_MASK_SAMPLE; mask <= TN_MASK_BATCH; mask++) {
    spec.mask = (tn_mask)mask;
    spec.input_rate = 0.3;
    spec.rate = 0.4;
    check_activations_and_losses(spec);
    spec.rate = 0;
    check(&spec, true);
    spec.rate = 0.4;
    spec.input_rate = 0;
    check(&spec, true);
    spec.hidden_count = 0;
    spec.input_rate = 0.3;
    check(&spec, true);
    spec.hidden_count = 2;
  }
}

/* The masks of units are steps of the weights, so that central differences see none but the gradient through h: no
 * chance here is within 1e-5 of its probability. */
static void test_standout(void **state) {
  (void)state;
  network_spec spec = deep;
  spec.kind = TN_STANDOUT;
  spec.standout_alpha = 0.8;
  spec.standout_beta = 0.3;
  check_activations_and_losses(spec);
  spec.input_rate = 0.3;
  check(&spec, true);
}

/* The batches have 4 and 3 rows. */
static void check_norm(tn_norm_kind norm) {
  network_spec spec = deep;
  spec.norm = norm;
  check_activations_and_losses(spec);
  spec.rate = spec.input_rate = 0.3;
  spec.activation = TN_TANH;
  for (int kind = TN_BERNOULLI; kind <= TN_ALPHA; kind++)
    for (int mask = TN_MASK_SAMPLE; mask <= TN_MASK_BATCH; mask++) {
      spec.kind = (tn_dropout_kind)kind;
      spec.mask = (tn_mask)mask;
      check(&spec, true);
    }
  spec.kind = TN_STANDOUT;
  spec.mask = TN_MASK_SAMPLE;
  spec.rate = 0;
  spec.standout_alpha = 0.8;
  check(&spec, true);
}

static void test_batch_normalisation(void **state) {
  (void)state;
  check_norm(TN_NORM_BATCH);
}

/* Running statistics do not depend on the row that they normalise: nothing of the batch's means is in its gradient. */
static void test_batches_of_one_row(void **state) {
  (void)state;
  network_spec spec = deep;
  spec.activation = TN_TANH;
  for (spec.norm = TN_NORM_NONE; spec.norm <= TN_NORM_LAYER; spec.norm++) {
    check_cut(&spec, true, 1);
    check_cut(&spec, false, ROWS - 1);
  }
}

static void test_layer_normalisation(void **state) {
  (void)state;
  check_norm(TN_NORM_LAYER);
}

static void test_networks_of_other_depths(void **state) {
  (void)state;
  network_spec spec = {.inputs = INPUTS, .outputs = OUTPUTS, .activation = TN_TANH, .input_rate = 0.3, .rate = 0.3};
  check(&spec, true);
  spec.hidden_count = 1;
  spec.hidden[0] = 17;
  check(&spec, true);
  spec.hidden_count = 3;
  spec.hidden[1] = 1;
  spec.hidden[2] = 3;
  check(&spec, true);
}

static void test_a_batch_without_rows(void **state) {
  (void)state;
  tn_network *network = network_make(&deep);
  tn_workspace *workspace = workspace_make(network, ROWS, true);
  float *parameters = weights_make(network), *gradient = weights_make(network), *before = weights_make(network);
  const tn_mask_source masks = {.stream = TN_STREAM_MASK};

  tn_network_forward(network, parameters, workspace, 0, &masks);
  tn_network_backward(network, parameters, workspace, 0, gradient, true);
  assert_memory_equal(gradient, before, (size_t)network->block_size * sizeof *gradient);
  tn_network_backward(network, parameters, workspace, 0, gradient, false);
  for (int64_t i = 0; i < network->block_size; i++)
    assert_true(gradient[i] == 0);

  tn_free(&parameters);
  tn_free(&gradient);
  tn_free(&before);
  tn_workspace_destroy(&workspace);
  tn_network_destroy(&network);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_without_dropout),
      cmocka_unit_test(test_bernoulli_masks_by_sample),
      cmocka_unit_test(test_bernoulli_masks_by_batch),
      cmocka_unit_test(test_gaussian_masks_by_sample),
      cmocka_unit_test(test_gaussian_masks_by_batch),
      cmocka_unit_test(test_networks_of_other_depths),
      cmocka_unit_test(test_scheduled_rates),
      cmocka_unit_test(test_alpha_masks_by_sample),
      cmocka_unit_test(test_alpha_masks_by_batch),
      cmocka_unit_test(test_a_batch_without_rows),
      cmocka_unit_test(test_dropout_of_images),
      cmocka_unit_test(test_dropconnect),
      cmocka_unit_test(test_standout),
      cmocka_unit_test(test_batch_normalisation),
      cmocka_unit_test(test_batches_of_one_row),
      cmocka_unit_test(test_layer_normalisation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
