/* Augmentation in a run: what it changes, what it leaves alone, and that it goes on behind a restart. That it is the
 * same on any number of ranks is for test_train_ranks.c. */
#include "dist/comm.h"
#include "mpi_test.h"
#include "train_case.h"

#include <math.h>

static tn_comm *all_ranks(void) {
  return (tn_comm *)(uintptr_t)test_comm();
}

/* Weights stay as they were drawn, so that losses of different settings are those of one network. */
static void create_still(train_case *c) {
  case_create(c);
  case_set(c, "train.learning_rate=0");
  case_set(c, "dropout.hidden=0");
  case_set(c, "dropout.input=0");
}

static tn_train_result train_with(train_case *c, const char *setting) {
  tn_train_result result;
  case_set(c, setting);
  assert_all_ok(case_train(c, all_ranks(), NULL, NULL, &result));
  return result;
}

/* With p the network's distribution, the smoothed loss of all labels is (1 - s) times the plain one and s times the
 * cross-entropy against all classes alike: linear in s. */
static void test_smoothing_is_of_training_alone(void **state) {
  (void)state;
  train_case c;
  create_still(&c);
  const tn_train_result plain = train_with(&c, "augment.label_smoothing=0");
  const tn_train_result some = train_with(&c, "augment.label_smoothing=0.2");
  const tn_train_result more = train_with(&c, "augment.label_smoothing=0.6");
  case_destroy(&c);
  assert_all_true(some.train_loss > plain.train_loss + 1e-4 || some.train_loss < plain.train_loss - 1e-4);
  /* Sums in double, rounded to multiples of 2^-40 for each replica. */
  assert_all_near(some.train_loss, plain.train_loss + (more.train_loss - plain.train_loss) / 3, 1e-9);
  assert_all_true(some.train_accuracy == plain.train_accuracy);
  assert_all_true(some.valid_loss == plain.valid_loss && more.valid_loss == plain.valid_loss);
}

/* Weights, and the rows of validation, are the same with and without: so are the losses. */
static void test_validation_is_not_augmented(void **state) {
  (void)state;
  static const char *const settings[] = {"augment.noise=0.5", "augment.mixup=0.5", "augment.shift=0.9"};
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    train_case c;
    create_still(&c);
    const tn_train_result plain = train_with(&c, "augment.noise=0");
    if (i == 2)
      case_set(&c, "augment.shape=1x7x1");
    const tn_train_result augmented = train_with(&c, settings[i]);
    case_destroy(&c);
    assert_all_true(augmented.valid_loss == plain.valid_loss && augmented.valid_accuracy == plain.valid_accuracy);
    assert_all_true(fabs(augmented.train_loss - plain.train_loss) > 1e-6);
  }
}

/* The values are a linear function of the features, so mixed ones are the same function of mixed features: a linear
 * network learns it to the end. It could not if values were mixed otherwise than rows. */
static void test_mixing_keeps_what_is_linear(void **state) {
  (void)state;
  train_case c;
  tn_train_result mixed;
  case_create(&c);
  case_use_values(&c);
  case_set(&c, "model.loss=mse");
  case_set(&c, "model.hidden=");
  case_set(&c, "dropout.hidden=0");
  case_set(&c, "dropout.input=0");
  case_set(&c, "train.epochs=60");
  case_set(&c, "train.learning_rate=0.05");
  case_set(&c, "augment.mixup=1");
  assert_all_ok(case_train(&c, all_ranks(), NULL, NULL, &mixed));
  case_destroy(&c);
  assert_all_true(mixed.train_loss < 1e-6 && mixed.valid_loss < 1e-6);
}

static void test_a_shape_that_does_not_fit_the_rows(void **state) {
  (void)state;
  train_case c;
  case_create(&c);
  case_set(&c, "augment.shape=2x3x1");
  case_set(&c, "augment.rotate=5");
  assert_all_status(case_train(&c, all_ranks(), NULL, NULL, NULL), TN_ERR_CONFIG);
  case_destroy(&c);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_smoothing_is_of_training_alone),
      cmocka_unit_test(test_validation_is_not_augmented),
      cmocka_unit_test(test_mixing_keeps_what_is_linear),
      cmocka_unit_test(test_a_shape_that_does_not_fit_the_rows),
  };
  return mpi_test_run(argc, argv, "train_augment", tests, sizeof tests / sizeof *tests);
}
