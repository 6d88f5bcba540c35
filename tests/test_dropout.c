/* What dropout promises: the mean, who shares a mask and who does not, and where it never acts. */
#include "nn/dropout.h"

#include "network_fixture.h"
#include "nn/patch.h"
#include "reference_network.h"

#include "nn/dropout.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

enum { UNITS = 600, ROWS = 4 };

#define RATE 0.3

/* A network whose activations ARE the dropout factors: weights 0, biases 1, no activation function. */
typedef struct bare {
  tn_network *network;
  tn_workspace *workspace;
  float *parameters;
} bare;

static const network_spec bare_spec = {.inputs = UNITS,
                                       .outputs = UNITS,
                                       .hidden_count = 2,
                                       .hidden = {UNITS, UNITS},
                                       .activation = TN_LINEAR,
                                       .input_rate = RATE,
                                       .rate = RATE};

static bare bare_make(const network_spec *spec) {
  bare made = {.network = network_make(spec)};
  made.workspace = workspace_make(made.network, ROWS, true);
  made.parameters = block_make(made.network);
  for (int l = 0; l < made.network->layer_count; l++)
    for (int64_t j = 0; j < made.network->layers[l].outputs; j++)
      made.parameters[made.network->tensors[made.network->layers[l].bias].offset + j] = 1;
  return made;
}

static void bare_destroy(bare *made) {
  tn_network_destroy(&made->network);
  tn_workspace_destroy(&made->workspace);
  tn_free(&made->parameters);
}

/* The factors of a pass behind a layer (0: the input), (rows, UNITS). */
static const float *factors(bare *made, const tn_mask_source *masks, int layer, int64_t rows) {
  for (int64_t i = 0; i < rows * made->network->inputs; i++)
    made->workspace->input[i] = 1;
  tn_network_forward(made->network, made->parameters, made->workspace, rows, masks);
  return layer == 0 ? made->workspace->input : made->workspace->activation[layer - 1];
}

static const tn_mask_source usual = {.seed = 3, .stream = TN_STREAM_MASK, .replica = 1, .step = 5, .first_row = 2};

/* Two masks of UNITS units that know nothing of each other agree in 0.3^2 + 0.7^2 of them, within 5 deviations. */
static void assert_independent(const float *a, const float *b) {
  const double share = RATE * RATE + (1 - RATE) * (1 - RATE);
  int agree = 0;
  for (int j = 0; j < UNITS; j++)
    agree += (a[j] == 0) == (b[j] == 0);
  if (fabs(agree - UNITS * share) > 5 * sqrt(UNITS * share * (1 - share)))
    fail_msg("%d of %d units agree, %g were expected", agree, UNITS, UNITS * share);
}

static void assert_same(const float *a, const float *b, int64_t count) {
  assert_memory_equal(a, b, (size_t)count * sizeof *a);
}

static void test_masks_are_a_function_of_their_place(void **state) {
  (void)state;
  bare net = bare_make(&bare_spec);
  float first[ROWS * UNITS];
  memcpy(first, factors(&net, &usual, 1, ROWS), sizeof first);
  factors(&net, &(tn_mask_source){.seed = 8, .stream = TN_STREAM_MASK}, 1, ROWS);
  assert_same(first, factors(&net, &usual, 1, ROWS), ROWS * UNITS);
  bare_destroy(&net);
}

static void test_other_places_have_other_masks(void **state) {
  (void)state;
  bare net = bare_make(&bare_spec);
  tn_mask_source others[6];
  for (int i = 0; i < 6; i++)
    others[i] = usual;
  others[0].seed++;
  others[1].replica++;
  others[2].step++;
  others[3].first_row += ROWS;
  others[4].stream = TN_STREAM_MC;
  others[5].seed += UINT64_C(1) << 32;
  for (int layer = 0; layer < 3; layer++)
    for (int i = 0; i < 6; i++) {
      float mask[UNITS];
      memcpy(mask, factors(&net, &usual, layer, 1), sizeof mask);
      assert_independent(mask, factors(&net, &others[i], layer, 1));
    }
  bare_destroy(&net);
}

static void test_layers_have_masks_of_their_own(void **state) {
  (void)state;
  bare net = bare_make(&bare_spec);
  const float *input = factors(&net, &usual, 0, 1), *first = net.workspace->activation[0],
              *second = net.workspace->activation[1];
  assert_independent(input, first);
  assert_independent(input, second);
  assert_independent(first, second);
  bare_destroy(&net);
}

static void test_rows_are_numbered_through_the_step(void **state) {
  (void)state;
  bare net = bare_make(&bare_spec);
  float whole[ROWS * UNITS];
  memcpy(whole, factors(&net, &usual, 2, ROWS), sizeof whole);
  tn_mask_source later = usual;
  later.first_row += 3;
  assert_same(whole + 3 * UNITS, factors(&net, &later, 2, 1), UNITS);
  for (int i = 1; i < ROWS; i++)
    assert_independent(whole, whole + i * UNITS);
  bare_destroy(&net);
}

static void test_a_batch_shares_its_first_mask(void **state) {
  (void)state;
  network_spec spec = bare_spec;
  spec.mask = TN_MASK_BATCH;
  for (int kind = TN_BERNOULLI; kind <= TN_GAUSSIAN; kind++) {
    spec.kind = (tn_dropout_kind)kind;
    bare net = bare_make(&spec);
    spec.mask = TN_MASK_SAMPLE;
    bare by_sample = bare_make(&spec);
    spec.mask = TN_MASK_BATCH;
    for (int layer = 0; layer < 3; layer++) {
      const float *mask = factors(&net, &usual, layer, ROWS), *first = factors(&by_sample, &usual, layer, 1);
      for (int i = 0; i < ROWS; i++)
        assert_same(first, mask + i * UNITS, UNITS);
    }
    bare_destroy(&net);
    bare_destroy(&by_sample);
  }
}

static void test_the_next_batch_has_another_mask(void **state) {
  (void)state;
  network_spec spec = bare_spec;
  spec.mask = TN_MASK_BATCH;
  bare net = bare_make(&spec);
  float mask[UNITS];
  memcpy(mask, factors(&net, &usual, 1, ROWS), sizeof mask);
  tn_mask_source next = usual;
  next.first_row += ROWS;
  assert_independent(mask, factors(&net, &next, 1, ROWS));
  bare_destroy(&net);
}

static void test_a_group_shares_its_fate(void **state) {
  (void)state;
  network_spec spec = bare_spec;
  spec.group = 7; /* the last group has 5 units */
  bare net = bare_make(&spec);
  for (int layer = 0; layer < 3; layer++) {
    const float *mask = factors(&net, &usual, layer, 1);
    int dropped = 0;
    for (int j = 0; j < UNITS; j++) {
      assert_true(mask[j] == mask[j / 7 * 7]);
      dropped += j % 7 == 0 && mask[j] == 0;
    }
    assert_true(dropped > 5 && dropped < 60); /* of 86 groups: 26, within 5 deviations of 4.2 */
  }
  bare_destroy(&net);
}

/* How often each unit is dropped in PASSES steps: chi-square over units, with mean UNITS and deviation
 * sqrt(2 UNITS); and in total, within 5 deviations. */
static void test_units_are_dropped_at_the_rate(void **state) {
  (void)state;
  enum { PASSES = 100 };
  bare net = bare_make(&bare_spec);
  int counts[UNITS] = {0}, total = 0;
  tn_mask_source masks = usual;
  for (masks.step = 0; masks.step < PASSES; masks.step++) {
    const float *mask = factors(&net, &masks, 1, 1);
    for (int j = 0; j < UNITS; j++)
      counts[j] += mask[j] == 0;
  }
  const double variance = PASSES * RATE * (1 - RATE);
  double chi_square = 0;
  for (int j = 0; j < UNITS; j++) {
    total += counts[j];
    chi_square += (counts[j] - PASSES * RATE) * (counts[j] - PASSES * RATE) / variance;
  }
  assert_true(fabs(total - UNITS * PASSES * RATE) < 5 * sqrt(UNITS * variance));
  assert_true(fabs(chi_square - UNITS) < 5 * sqrt(2.0 * UNITS));
  bare_destroy(&net);
}

static void test_gaussian_factors_have_the_variance(void **state) {
  (void)state;
  network_spec spec = bare_spec;
  spec.kind = TN_GAUSSIAN;
  bare net = bare_make(&spec);
  const float *mask = factors(&net, &usual, 1, ROWS);
  const double count = ROWS * UNITS, variance = RATE / (1 - RATE);
  double mean = 0, square = 0;
  for (int i = 0; i < ROWS * UNITS; i++) {
    mean += mask[i] / count;
    square += (mask[i] - 1.0) * (mask[i] - 1.0) / count;
  }
  assert_true(fabs(mean - 1) < 5 * sqrt(variance / count));
  assert_true(fabs(square / variance - 1) < 5 * sqrt(2 / count));
  bare_destroy(&net);
}

/* The formulas, with the configured rate 0.3 at the input and behind each layer; 0 behind the last in any case. */
static void test_schedules_of_rates(void **state) {
  (void)state;
  const struct {
    tn_rate_schedule schedule;
    double at_0, at_tau, at_10_tau, late;
  } cases[] = {{TN_RATE_CONSTANT, RATE, RATE, RATE, RATE},
               {TN_RATE_CURRICULUM, 0, RATE * 0.63212055882855767, RATE * 0.99995460007023752, RATE},
               {TN_RATE_ANNEAL, RATE, RATE * 0.36787944117144233, RATE * 4.5399929762484852e-05, 0}};
  network_spec spec = bare_spec;
  spec.schedule_steps = 40;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    spec.schedule = cases[i].schedule;
    tn_network *network = network_make(&spec);
    for (int layer = 0; layer < 3; layer++) {
      assert_true(fabs(tn_dropout_rate(network, layer, 0) - cases[i].at_0) < 1e-15);
      assert_true(fabs(tn_dropout_rate(network, layer, 40) - cases[i].at_tau) < 1e-15);
      assert_true(fabs(tn_dropout_rate(network, layer, 400) - cases[i].at_10_tau) < 1e-15);
      assert_true(fabs(tn_dropout_rate(network, layer, UINT32_MAX) - cases[i].late) < 1e-15);
      assert_true(tn_dropout_rate(network, 3, 40) == 0);
    }
    assert_true(tn_dropout_acts(network, 0) == (cases[i].at_0 > 0));
    assert_true(tn_dropout_acts(network, UINT32_MAX) == (cases[i].late > 0));
    tn_network_destroy(&network);
  }
}

/* Every kind of mask by its step's rate: the share of what is dropped, or the noise's variance, within 5 deviations. */
static void assert_step_has_rate(const network_spec *spec, const tn_mask_source *source, double rate) {
  bare net = bare_make(spec);
  const float *mask = factors(&net, source, 1, ROWS);
  const double count = ROWS * UNITS, variance = rate / (1 - rate);
  double dropped = 0, square = 0;
  for (int i = 0; i < ROWS * UNITS; i++) {
    dropped += mask[i] == 0;
    square += (mask[i] - 1.0) * (mask[i] - 1.0);
    if (spec->kind == TN_BERNOULLI && mask[i] != 0) /* the rate is rounded to 2^-16 */
      assert_true(fabs(mask[i] - 1 / (1 - rate)) < 1e-4);
  }
  if (spec->kind == TN_BERNOULLI)
    assert_true(fabs(dropped - count * rate) < 5 * sqrt(count * rate * (1 - rate)) + 1e-9);
  else
    assert_true(fabs(square - count * variance) < 5 * variance * sqrt(2 * count) + 1e-9);
  bare_destroy(&net);
}

static void test_masks_follow_the_schedule(void **state) {
  (void)state;
  network_spec spec = bare_spec;
  spec.schedule_steps = 10;
  for (int kind = TN_BERNOULLI; kind <= TN_GAUSSIAN; kind++)
    for (int stream = TN_STREAM_MASK; stream <= TN_STREAM_MC; stream++)
      for (int step = 0; step < 40; step += 13) {
        spec.kind = (tn_dropout_kind)kind;
        tn_mask_source source = usual;
        source.stream = (tn_stream)stream;
        source.step = (uint64_t)step;
        spec.schedule = TN_RATE_CURRICULUM;
        assert_step_has_rate(&spec, &source, RATE * (1 - exp(-step / 10.0)));
        spec.schedule = TN_RATE_ANNEAL;
        assert_step_has_rate(&spec, &source, RATE * exp(-step / 10.0));
      }
}

/* With u of mean 0 and variance 1, factor a and shifts d and k of dropped and kept units: the mean of a u r + shift is
 * p d + q k, its variance q (a^2 + k^2) + p d^2. */
static void test_alpha_keeps_mean_and_variance(void **state) {
  (void)state;
  for (double rate = 0.05; rate < 1; rate += 0.05) {
    const tn_alpha alpha = tn_alpha_of(rate);
    const double p = tn_drop_threshold(rate) / 65536.0, q = 1 - p;
    const double kept = alpha.factor * alpha.factor + alpha.kept_shift * alpha.kept_shift;
    assert_true(fabs(p * alpha.dropped_shift + q * alpha.kept_shift) < 1e-12);
    assert_true(fabs(q * kept + p * alpha.dropped_shift * alpha.dropped_shift - 1) < 1e-12);
    assert_true(fabs(alpha.dropped_shift - alpha.kept_shift + alpha.factor * 1.7580993408473766) < 1e-12);
  }
}

/* Where other kinds raise the variance to 1 / (1 - rate), selu's outputs keep theirs: here those of a layer whose
 * weights let unit j be selu of its normal input j, 1 in the mean square by the choice of lambda and alpha. */
static void test_alpha_keeps_selu_normal(void **state) {
  (void)state;
  enum { WIDE = 100000 };
  const network_spec spec = {.inputs = 1,
                             .outputs = 1,
                             .hidden_count = 1,
                             .hidden = {WIDE},
                             .activation = TN_SELU,
                             .rate = 0.5,
                             .kind = TN_ALPHA};
  bare net = bare_make(&spec);
  tn_random_normal(tn_place_make(1, TN_STREAM_INIT, 0, 0, 0, 0), 0, WIDE, net.parameters);
  memset(net.parameters + net.network->tensors[1].offset, 0, WIDE * sizeof(float));
  const float *a = factors(&net, &usual, 1, 1);
  double mean = 0, square = 0, fourth = 0;
  for (int j = 0; j < WIDE; j++) {
    mean += a[j] / (double)WIDE;
    square += a[j] * (double)a[j] / WIDE;
    fourth += pow(a[j], 4) / WIDE;
  }
  assert_true(fabs(mean) < 5 * sqrt(square / WIDE));
  assert_true(fabs(square - 1) < 5 * sqrt((fourth - square * square) / WIDE));
  bare_destroy(&net);
}

/* The formula by covers of rows and columns, against one that goes through every pixel and every patch. */
static void test_the_probability_of_patches(void **state) {
  (void)state;
  static const struct {
    int64_t rows, cols, block;
    double rate;
  } cases[] = {{8, 8, 1, 0.3}, {8, 8, 3, 0.1}, {8, 8, 5, 0.4}, {5, 9, 4, 0.2}, {7, 3, 3, 0.25}, {6, 6, 6, 0.3}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const tn_network network = {.image = {cases[i].rows, cases[i].cols, 2}, .block = cases[i].block};
    const double expected = reference_patch_probability(&network, cases[i].rate);
    const double found = tn_patch_probability(&network.image, cases[i].block, cases[i].rate);
    if (!(fabs(found - expected) <= 1e-12))
      fail_msg("case %d: %.15g for %.15g", (int)i, found, expected);
  }
}

enum { IMAGE_ROWS = 10, IMAGE_COLS = 20, PIXELS = IMAGE_ROWS * IMAGE_COLS, CHANNELS = 3, BLOCK = 4 };

static network_spec image_spec(int64_t block) {
  network_spec spec = bare_spec;
  spec.image = (tn_image_shape){IMAGE_ROWS, IMAGE_COLS, CHANNELS};
  spec.block = block;
  return spec;
}

static bool is_dropped(const float *mask, int64_t row, int64_t col) {
  return mask[(row * IMAGE_COLS + col) * CHANNELS] == 0;
}

/* True where the patch from this corner lies in the image and is dropped as a whole. */
static bool is_patch(const float *mask, int64_t row, int64_t col) {
  if (row < 0 || col < 0 || row + BLOCK > IMAGE_ROWS || col + BLOCK > IMAGE_COLS)
    return false;
  for (int64_t i = 0; i < BLOCK * BLOCK; i++)
    if (!is_dropped(mask, row + i / BLOCK, col + i % BLOCK))
      return false;
  return true;
}

/* Whole patches through all channels, and factors whose mean is 1. */
static void assert_patches(const float *mask) {
  double sum = 0;
  for (int64_t pixel = 0; pixel < PIXELS; pixel++) {
    bool in_patch = false;
    for (int64_t i = 0; i < BLOCK * BLOCK; i++)
      in_patch = in_patch || is_patch(mask, pixel / IMAGE_COLS - i / BLOCK, pixel % IMAGE_COLS - i % BLOCK);
    assert_true(in_patch == is_dropped(mask, pixel / IMAGE_COLS, pixel % IMAGE_COLS));
    for (int64_t channel = 0; channel < CHANNELS; channel++) {
      assert_true(mask[pixel * CHANNELS + channel] == mask[pixel * CHANNELS]);
      sum += mask[pixel * CHANNELS + channel];
    }
  }
  assert_true(fabs(sum / UNITS - 1) < 1e-6);
}

/* A pixel that n patches cover stays with (1 - gamma)^n: the corners of the image most often. */
static double pixel_rate(int64_t pixel, double gamma) {
  int covers = 0;
  for (int64_t r = 0; r + BLOCK <= IMAGE_ROWS; r++)
    for (int64_t c = 0; c + BLOCK <= IMAGE_COLS; c++)
      covers += pixel / IMAGE_COLS >= r && pixel / IMAGE_COLS < r + BLOCK && pixel % IMAGE_COLS >= c &&
                pixel % IMAGE_COLS < c + BLOCK;
  return 1 - pow(1 - gamma, covers);
}

/* Counts over many masks: each pixel by its own probability, and all of them by the rate, within 5 deviations. */
static void test_patches_have_their_shape_and_rate(void **state) {
  (void)state;
  enum { PASSES = 500, MASKS = PASSES * ROWS };
  const network_spec spec = image_spec(BLOCK);
  bare net = bare_make(&spec);
  tn_mask_source source = usual;
  int counts[PIXELS] = {0};
  double total = 0, squares = 0;
  for (source.step = 0; source.step < PASSES; source.step++) {
    const float *masks = factors(&net, &source, 0, ROWS);
    for (int i = 0; i < ROWS; i++) {
      int dropped = 0;
      assert_patches(masks + i * UNITS);
      for (int pixel = 0; pixel < PIXELS; pixel++) {
        counts[pixel] += masks[i * UNITS + pixel * CHANNELS] == 0;
        dropped += masks[i * UNITS + pixel * CHANNELS] == 0;
      }
      total += dropped;
      squares += (double)dropped * dropped;
    }
  }
  const double mean = total / MASKS, variance = squares / MASKS - mean * mean;
  assert_true(fabs(mean - PIXELS * RATE) < 5 * sqrt(variance / MASKS));
  const double gamma = reference_patch_probability(net.network, RATE);
  for (int pixel = 0; pixel < PIXELS; pixel++) {
    const double rate = pixel_rate(pixel, gamma);
    assert_true(fabs(counts[pixel] - MASKS * rate) < 5 * sqrt(MASKS * rate * (1 - rate)));
  }
  bare_destroy(&net);
}

static void test_channels_are_dropped_whole(void **state) {
  (void)state;
  enum { PASSES = 500 };
  network_spec spec = image_spec(-1);
  bare net = bare_make(&spec);
  tn_mask_source source = usual;
  int dropped = 0;
  for (source.step = 0; source.step < PASSES; source.step++) {
    const float *mask = factors(&net, &source, 0, 1);
    for (int unit = 0; unit < UNITS; unit++)
      assert_true(mask[unit] == mask[unit % CHANNELS]);
    for (int channel = 0; channel < CHANNELS; channel++) {
      dropped += mask[channel] == 0;
      assert_true(mask[channel] == 0 || fabs(mask[channel] * (1 - RATE) - 1) < 1e-4);
    }
  }
  const double decisions = PASSES * CHANNELS;
  assert_true(fabs(dropped - decisions * RATE) < 5 * sqrt(decisions * RATE * (1 - RATE)));
  bare_destroy(&net);
}

/* Behind the hidden layers all is as it was; masks of samples are those of their rows. */
static void test_an_image_is_the_inputs_alone(void **state) {
  (void)state;
  const network_spec spec = image_spec(BLOCK);
  bare image = bare_make(&spec), plain = bare_make(&bare_spec);
  for (int layer = 1; layer < 3; layer++)
    assert_same(factors(&plain, &usual, layer, ROWS), factors(&image, &usual, layer, ROWS), ROWS * UNITS);
  tn_mask_source sample = usual;
  sample.stream = TN_STREAM_MC;
  float first[UNITS];
  memcpy(first, factors(&image, &sample, 0, ROWS) + UNITS, sizeof first);
  sample.first_row++;
  assert_patches(first);
  assert_same(first, factors(&image, &sample, 0, ROWS), UNITS);
  bare_destroy(&image);
  bare_destroy(&plain);
}

/* A unit that is dropped has neither a value nor a slope; one that is kept has both, scaled alike. */
static void test_forward_and_backward_have_the_same_mask(void **state) {
  (void)state;
  const network_spec spec = {
      .inputs = 3, .outputs = 1, .hidden_count = 1, .hidden = {UNITS}, .activation = TN_SIGMOID, .rate = RATE};
  tn_network *network = network_make(&spec);
  tn_workspace *plain = workspace_make(network, 1, true), *dropped = workspace_make(network, 1, true);
  float *parameters = weights_make(network);
  fill_uniform(1, -1, 1, 3, plain->input);
  fill_uniform(1, -1, 1, 3, dropped->input);
  tn_network_forward(network, parameters, plain, 1, NULL);
  tn_network_forward(network, parameters, dropped, 1, &usual);
  const float scale = 65536.0f / (65536 - 19661); /* round(0.3 x 65536) */
  for (int j = 0; j < UNITS; j++) {
    const float value = dropped->activation[0][j], slope = dropped->slope[0][j];
    assert_true((value == 0) == (slope == 0));
    if (value != 0)
      assert_true(value == plain->activation[0][j] * scale && slope == plain->slope[0][j] * scale);
  }
  tn_free(&parameters);
  tn_workspace_destroy(&plain);
  tn_workspace_destroy(&dropped);
  tn_network_destroy(&network);
}

static void assert_equals_evaluation(const network_spec *spec) {
  tn_network *network = network_make(spec);
  tn_workspace *plain = workspace_make(network, ROWS, true), *dropped = workspace_make(network, ROWS, true);
  float *parameters = weights_make(network);
  fill_uniform(1, -1, 1, ROWS * spec->inputs, plain->input);
  fill_uniform(1, -1, 1, ROWS * spec->inputs, dropped->input);
  const float *expected = tn_network_forward(network, parameters, plain, ROWS, NULL);
  assert_same(expected, tn_network_forward(network, parameters, dropped, ROWS, &usual), ROWS * spec->outputs);
  tn_free(&parameters);
  tn_workspace_destroy(&plain);
  tn_workspace_destroy(&dropped);
  tn_network_destroy(&network);
}

static void test_the_output_is_never_dropped(void **state) {
  (void)state;
  network_spec spec = {.inputs = 9, .outputs = 30, .rate = 0.9};
  assert_equals_evaluation(&spec);
  spec.kind = TN_GAUSSIAN;
  assert_equals_evaluation(&spec);
}

static void test_rate_zero_changes_nothing(void **state) {
  (void)state;
  assert_equals_evaluation(&(network_spec){.inputs = 9, .outputs = 5, .hidden_count = 2, .hidden = {30, 20}});
}

/* Sums of a value over passes: mean and its standard error. */
typedef struct tally {
  double sum, squares;
} tally;

static void tally_add(tally *sums, double value) {
  sums->sum += value;
  sums->squares += value * value;
}

static void assert_mean(const char *what, const network_spec *spec, const tally *sums, int count, double expected) {
  const double mean = sums->sum / count, variance = sums->squares / count - mean * mean;
  if (fabs(mean - expected) > 5 * sqrt(variance / count))
    fail_msg("%s, kind %d, mask %d, group %d: mean %g for %g", what, (int)spec->kind, (int)spec->mask, (int)spec->group,
             mean, expected);
}

/* One pass with dLoss/dz = 1; returns z. */
static double pass(const tn_network *network, const float *parameters, tn_workspace *workspace,
                   const tn_mask_source *masks, float *gradient) {
  fill_uniform(1, -1, 1, network->inputs, workspace->input);
  float *z = tn_network_forward(network, parameters, workspace, 1, masks);
  const double value = *z;
  *z = 1;
  tn_network_backward(network, parameters, workspace, 1, gradient, false);
  return value;
}

static double inner_product(int64_t count, const float *a, const float *b) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++)
    sum += (double)a[i] * b[i];
  return sum;
}

/* The first layer's gradient is projected on the one without dropout, where its mean stands out of the noise. In a
 * network without activation functions, whose value and gradients are linear in every mask, both are right in the
 * mean; scaling twice, or not at all, or in one direction alone, would show. */
static void assert_mean_is_evaluation(const network_spec *spec) {
  enum { PASSES = 1500 };
  tn_network *network = network_make(spec);
  tn_workspace *workspace = workspace_make(network, 1, true);
  float *parameters = weights_make(network), *gradient = block_make(network), *exact = block_make(network);
  const double value = pass(network, parameters, workspace, NULL, exact);
  tally values = {0}, gradients = {0};
  tn_mask_source masks = usual;
  for (masks.step = 0; masks.step < PASSES; masks.step++) {
    tally_add(&values, pass(network, parameters, workspace, &masks, gradient));
    tally_add(&gradients, inner_product(network->tensors[1].offset, gradient, exact)); /* layer1/weight */
  }
  assert_mean("value", spec, &values, PASSES, value);
  assert_mean("gradient", spec, &gradients, PASSES, inner_product(network->tensors[1].offset, exact, exact));
  tn_free(&parameters);
  tn_free(&gradient);
  tn_free(&exact);
  tn_workspace_destroy(&workspace);
  tn_network_destroy(&network);
}

static void test_training_is_evaluation_in_the_mean(void **state) {
  (void)state;
  network_spec spec = {.inputs = 20,
                       .outputs = 1,
                       .hidden_count = 2,
                       .hidden = {30, 25},
                       .activation = TN_LINEAR,
                       .input_rate = 0.2,
                       .rate = 0.5};
  for (int kind = TN_BERNOULLI; kind <= TN_GAUSSIAN; kind++)
    for (int mask = TN_MASK_SAMPLE; mask <= TN_MASK_BATCH; mask++)
      for (spec.group = 1; spec.group <= 4; spec.group += 3) {
        spec.kind = (tn_dropout_kind)kind;
        spec.mask = (tn_mask)mask;
        assert_mean_is_evaluation(&spec);
      }
  spec.group = 1;
  spec.kind = TN_DROPCONNECT;
  for (int mask = TN_MASK_SAMPLE; mask <= TN_MASK_BATCH; mask++) {
    spec.mask = (tn_mask)mask;
    assert_mean_is_evaluation(&spec);
  }
}

/* Monte-Carlo masks belong to a global row, whatever batch it comes in, also beyond 2^32 rows. */
static void test_monte_carlo_masks_belong_to_global_rows(void **state) {
  (void)state;
  bare net = bare_make(&bare_spec);
  const uint64_t edge = UINT64_C(1) << 32;
  tn_mask_source batch = {.seed = 3, .stream = TN_STREAM_MC, .replica = 4, .first_row = edge - 2};
  float whole[ROWS * UNITS];
  memcpy(whole, factors(&net, &batch, 1, ROWS), sizeof whole);
  for (int i = 0; i < ROWS; i++) {
    tn_mask_source alone = batch;
    alone.first_row += (uint64_t)i;
    alone.step = 77; /* not used */
    assert_same(whole + i * UNITS, factors(&net, &alone, 1, 1), UNITS);
    alone.first_row -= edge;
    if (i >= 2)
      assert_independent(whole + i * UNITS, factors(&net, &alone, 1, 1));
  }
  bare_destroy(&net);
}

static void test_monte_carlo_masks_are_never_shared(void **state) {
  (void)state;
  network_spec spec = bare_spec;
  spec.mask = TN_MASK_BATCH;
  bare by_sample = bare_make(&bare_spec), by_batch = bare_make(&spec);
  const tn_mask_source masks = {.seed = 3, .stream = TN_STREAM_MC, .replica = 4, .first_row = 10};
  for (int layer = 0; layer < 3; layer++)
    assert_same(factors(&by_sample, &masks, layer, ROWS), factors(&by_batch, &masks, layer, ROWS), ROWS * UNITS);
  bare_destroy(&by_sample);
  bare_destroy(&by_batch);
}

static void test_monte_carlo_needs_no_training_buffers(void **state) {
  (void)state;
  bare training = bare_make(&bare_spec), evaluation = bare_make(&bare_spec);
  tn_workspace_destroy(&evaluation.workspace);
  evaluation.workspace = workspace_make(evaluation.network, ROWS, false);
  const tn_mask_source masks = {.seed = 3, .stream = TN_STREAM_MC, .first_row = 10};
  assert_same(factors(&training, &masks, 2, ROWS), factors(&evaluation, &masks, 2, ROWS), ROWS * UNITS);
  bare_destroy(&training);
  bare_destroy(&evaluation);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_masks_are_a_function_of_their_place),
      cmocka_unit_test(test_other_places_have_other_masks),
      cmocka_unit_test(test_layers_have_masks_of_their_own),
      cmocka_unit_test(test_rows_are_numbered_through_the_step),
      cmocka_unit_test(test_a_batch_shares_its_first_mask),
      cmocka_unit_test(test_the_next_batch_has_another_mask),
      cmocka_unit_test(test_a_group_shares_its_fate),
      cmocka_unit_test(test_units_are_dropped_at_the_rate),
      cmocka_unit_test(test_gaussian_factors_have_the_variance),
      cmocka_unit_test(test_schedules_of_rates),
      cmocka_unit_test(test_masks_follow_the_schedule),
      cmocka_unit_test(test_alpha_keeps_mean_and_variance),
      cmocka_unit_test(test_alpha_keeps_selu_normal),
      cmocka_unit_test(test_the_probability_of_patches),
      cmocka_unit_test(test_patches_have_their_shape_and_rate),
      cmocka_unit_test(test_channels_are_dropped_whole),
      cmocka_unit_test(test_an_image_is_the_inputs_alone),
      cmocka_unit_test(test_forward_and_backward_have_the_same_mask),
      cmocka_unit_test(test_the_output_is_never_dropped),
      cmocka_unit_test(test_rate_zero_changes_nothing),
      cmocka_unit_test(test_training_is_evaluation_in_the_mean),
      cmocka_unit_test(test_monte_carlo_masks_belong_to_global_rows),
      cmocka_unit_test(test_monte_carlo_masks_are_never_shared),
      cmocka_unit_test(test_monte_carlo_needs_no_training_buffers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
