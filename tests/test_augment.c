/* Augmentation of a batch: each row is what its draws make of it, and the draws have their distributions. */
#include "base/memory.h"
#include "math/random.h"
#include "network_fixture.h"
#include "nn/augment.h"
#include "statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

enum { ROWS = 2000, SIDE = 9, INPUTS = SIDE * SIDE * 2, OUTPUTS = 3, SEED = 31 };

static float input[ROWS * INPUTS], values[ROWS * OUTPUTS], weights[ROWS];
static float old_input[ROWS * INPUTS], old_values[ROWS * OUTPUTS], old_weights[ROWS];
static int32_t labels[ROWS];
static float scale[INPUTS], shift[INPUTS];
static tn_augment_batch batch;

/* The features of an image are its coordinates, so that a place in it can be read. Labels are the rows' numbers. */
static int fill_batch(void **state) {
  (void)state;
  batch = (tn_augment_batch){.replica = 3,
                             .step = 5,
                             .first_row = 100,
                             .rows = ROWS,
                             .scale = scale,
                             .shift = shift,
                             .input = input,
                             .labels = labels,
                             .values = values,
                             .weights = weights};
  fill_uniform(1, -1, 1, ROWS * OUTPUTS, values);
  fill_uniform(2, 0, 3, ROWS, weights);
  for (int i = 0; i < ROWS; i++) {
    labels[i] = i;
    for (int j = 0; j < INPUTS; j++)
      input[i * INPUTS + j] = (float)(j % 2 == 0 ? j / 2 / SIDE : j / 2 % SIDE);
  }
  for (int j = 0; j < INPUTS; j++)
    scale[j] = 1;
  memset(shift, 0, sizeof shift);
  return 0;
}

static void keep_old(void) {
  memcpy(old_input, input, sizeof input);
  memcpy(old_values, values, sizeof values);
  memcpy(old_weights, weights, sizeof weights);
}

static tn_augment *make(const tn_augment_config *config) {
  tn_augment *augment = NULL;
  assert_true(tn_augment_is_asked(config));
  assert_int_equal(tn_augment_create(&augment, config, SEED, INPUTS, OUTPUTS, ROWS), TN_OK);
  return augment;
}

/* Augments the batch as it is. */
static tn_targets apply(const tn_augment_config *config) {
  tn_augment *augment = make(config);
  static int32_t partner_labels[ROWS];
  static float shares[ROWS];
  tn_targets targets = {.labels = labels};
  keep_old();
  tn_augment_apply(augment, &batch, &targets);
  if (targets.shares != NULL) { /* which belong to the augmentation */
    memcpy(partner_labels, targets.partner_labels, (size_t)batch.rows * sizeof *partner_labels);
    memcpy(shares, targets.shares, (size_t)batch.rows * sizeof *shares);
    targets.partner_labels = partner_labels;
    targets.shares = shares;
  }
  tn_augment_destroy(&augment);
  return targets;
}

static const tn_augment_config moving = {.shape = {SIDE, SIDE, 2}};

/* Counts of ten equal parts of (-1, 1); all values must lie in it. */
static void assert_uniform(const double *draws) {
  int64_t counts[10] = {0};
  for (int i = 0; i < ROWS; i++) {
    assert_true(fabs(draws[i]) < 1);
    counts[(int)floor(5 * (draws[i] + 1))]++;
  }
  assert_true(fabs(uniformity_deviations(10, counts)) < DEVIATIONS_ALLOWED);
}

/* The middle pixel shows from where it came. */
static void test_shifts_are_uniform(void **state) {
  (void)state;
  static double down[ROWS], right[ROWS];
  double product = 0;
  tn_augment_config config = moving;
  config.shift = 2.5;
  apply(&config);
  for (int i = 0; i < ROWS; i++) {
    const float *middle = input + i * INPUTS + 2 * (4 * SIDE + 4);
    down[i] = (4 - (double)middle[0]) / 2.5;
    right[i] = (4 - (double)middle[1]) / 2.5;
    product += down[i] * right[i];
  }
  assert_uniform(down);
  assert_uniform(right);
  assert_true(fabs(product) < DEVIATIONS_ALLOWED * sqrt(ROWS / 9.0)); /* each has variance 1/3: they are independent */
}

static void test_rotations_are_uniform(void **state) {
  (void)state;
  static double turned[ROWS];
  tn_augment_config config = moving;
  config.rotate = 25;
  apply(&config);
  for (int i = 0; i < ROWS; i++)
    turned[i] = asin((double)input[i * INPUTS + 2 * (4 * SIDE + 5)] - 4) * 57.29577951308232 / 25;
  assert_uniform(turned);
}

/* What comes in is a stored 0. */
static void test_stored_rows_are_transformed(void **state) {
  (void)state;
  tn_augment_config config = moving;
  config.shift = 0.99 * SIDE;
  int outside = 0;
  for (int j = 0; j < INPUTS; j++)
    shift[j] = 10 + (float)j;
  tn_augment *augment = make(&config);
  assert_true(tn_augment_takes_stored_rows(augment) && !tn_augment_takes_stored_rows(NULL));
  tn_augment_destroy(&augment);
  apply(&config);
  for (int i = 0; i < ROWS; i++)
    outside += input[i * INPUTS] == 10 && input[i * INPUTS + INPUTS - 1] == 10 + INPUTS - 1;
  assert_true(outside > ROWS / 10);
}

static void test_mixed_rows(void **state) {
  (void)state;
  static bool taken[ROWS];
  int at_home = 0;
  memset(taken, 0, sizeof taken);
  fill_uniform(3, -1, 1, ROWS * INPUTS, input);
  const tn_targets targets = apply(&(tn_augment_config){.mixup = 0.4});
  for (int i = 0; i < ROWS; i++) {
    const int p = targets.partner_labels[i];
    const float share = targets.shares[i], rest = 1 - share;
    assert_false(taken[p]);
    taken[p] = true;
    at_home += p == i;
    for (int j = 0; j < INPUTS; j++)
      assert_true(input[i * INPUTS + j] == share * old_input[i * INPUTS + j] + rest * old_input[p * INPUTS + j]);
    for (int j = 0; j < OUTPUTS; j++)
      assert_true(values[i * OUTPUTS + j] == share * old_values[i * OUTPUTS + j] + rest * old_values[p * OUTPUTS + j]);
    assert_true(weights[i] == share * old_weights[i] + rest * old_weights[p]);
    assert_int_equal(labels[i], i);
  }
  assert_in_range(at_home, 0, 6); /* a random permutation has one fixed point, with deviation one */
}

/* Beta(a, a) has the variance 1 / (4 (2a + 1)) and the fourth moment 3 / (16 (2a + 1) (2a + 3)). */
static void test_shares_are_beta(void **state) {
  (void)state;
  double variance = 0;
  const tn_targets targets = apply(&(tn_augment_config){.mixup = 0.4});
  for (int i = 0; i < ROWS; i++)
    variance += pow((double)targets.shares[i] - 0.5, 2) / ROWS;
  const double expected = 1 / (4 * 1.8), fourth = 3 / (16 * 1.8 * 3.8);
  assert_true(fabs(variance - expected) < DEVIATIONS_ALLOWED * sqrt((fourth - expected * expected) / ROWS));
}

static void test_few_rows_are_mixed(void **state) {
  (void)state;
  const tn_augment_config config = {.mixup = 0.4};
  for (int64_t rows = 0; rows < 5; rows++) {
    fill_batch(NULL);
    batch.rows = rows;
    const tn_targets targets = apply(&config);
    for (int64_t i = 0; i < rows; i++)
      assert_in_range(targets.partner_labels[i], 0, rows - 1);
    assert_memory_equal(values + rows * OUTPUTS, old_values + rows * OUTPUTS,
                        (size_t)(ROWS - rows) * OUTPUTS * sizeof *values);
    assert_true((rows == 0) == (targets.shares == NULL));
  }
}

/* Mixing comes before, or it would shrink the noise: its deviation is that which was asked for. */
static void test_noise(void **state) {
  (void)state;
  const tn_targets targets = apply(&(tn_augment_config){.noise = 0.3, .mixup = 0.4});
  double sum = 0, squares = 0;
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < INPUTS; j++) {
      /* All rows are the same image, so mixing leaves it, but for its rounding. */
      const double noise = ((double)input[i * INPUTS + j] - (double)old_input[i * INPUTS + j]) / 0.3;
      sum += noise;
      squares += noise * noise;
    }
  const double count = (double)ROWS * INPUTS;
  assert_non_null(targets.shares);
  assert_true(fabs(sum) < DEVIATIONS_ALLOWED * sqrt(count));
  assert_true(fabs(squares - count) < DEVIATIONS_ALLOWED * sqrt(2 * count));
}

/* Row 40 of a batch that begins at row 100 is row 0 of one that begins at row 140; no other place gives the same. */
static void test_a_row_goes_by_its_place(void **state) {
  (void)state;
  static float whole[INPUTS], other[INPUTS];
  tn_augment_config config = moving;
  config.shift = 2;
  config.rotate = 30;
  config.noise = 0.1;
  apply(&config);
  memcpy(whole, input + 40 * INPUTS, sizeof whole);
  for (int change = 0; change < 4; change++) {
    fill_batch(NULL);
    batch.first_row = 140 + (change == 1);
    batch.step = 5 + (change == 2);
    batch.replica = 3 + (change == 3);
    batch.rows = 1;
    apply(&config);
    memcpy(other, input, sizeof other);
    assert_int_equal(memcmp(whole, other, sizeof whole) == 0, change == 0);
  }
}

/* Batches of one step have partners of their own. */
static void test_batches_of_a_step_are_mixed_apart(void **state) {
  (void)state;
  static int32_t first[ROWS];
  tn_targets targets = apply(&(tn_augment_config){.mixup = 1});
  memcpy(first, targets.partner_labels, sizeof first);
  batch.first_row += ROWS;
  targets = apply(&(tn_augment_config){.mixup = 1});
  int same = 0;
  for (int i = 0; i < ROWS; i++)
    same += first[i] == targets.partner_labels[i];
  assert_in_range(same, 0, 6);
}

static void test_nothing_asked(void **state) {
  (void)state;
  assert_false(tn_augment_is_asked(&(tn_augment_config){.label_smoothing = 0.1}));
}

static void test_a_shape_that_does_not_fit(void **state) {
  (void)state;
  tn_augment *augment = NULL;
  const tn_augment_config config = {.shape = {28, 28, 1}, .shift = 2};
  assert_int_equal(tn_augment_create(&augment, &config, SEED, 64, 10, 8), TN_ERR_CONFIG);
  assert_null(augment);
  assert_string_equal(tn_error_message(), "augment.shape = 28x28x1 is an image of 784 values, but the rows have 64 "
                                          "features: write the shape of the images in the rows");
  assert_int_equal(tn_augment_create(&augment, &(tn_augment_config){.mixup = 1}, SEED, 64, 10, INT64_MAX / 8),
                   TN_ERR_MEMORY);
  assert_null(augment);
  tn_augment_destroy(&augment);
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup(function, fill_batch)
  const struct CMUnitTest tests[] = {
      CASE(test_shifts_are_uniform),
      CASE(test_rotations_are_uniform),
      CASE(test_stored_rows_are_transformed),
      CASE(test_mixed_rows),
      CASE(test_shares_are_beta),
      CASE(test_few_rows_are_mixed),
      CASE(test_noise),
      CASE(test_a_row_goes_by_its_place),
      CASE(test_batches_of_a_step_are_mixed_apart),
      CASE(test_nothing_asked),
      CASE(test_a_shape_that_does_not_fit),
  };
  return cmocka_run_group_tests_name("augment", tests, NULL, NULL);
}
