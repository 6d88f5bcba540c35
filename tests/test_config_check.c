/* What the configuration says as a whole: contradictions, "auto" and paths resolved, what a resume may change. */
#include "base/config_table.h"
#include "scratch.h"

#include <thinnet/config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static tn_config config;

static void read_over_defaults(const char *text) {
  tn_config_defaults(&config);
  if (tn_config_read_text(&config, text, "a.ini") != TN_OK)
    fail_msg("refused: %s", tn_error_message());
}

static void set(const char *assignment) {
  if (tn_config_set(&config, assignment) != TN_OK)
    fail_msg("refused: %s", tn_error_message());
}

/* Each text alone is a contradiction with exactly this message. */
static void assert_contradictions(const char *const (*cases)[2], size_t count) {
  for (size_t i = 0; i < count; i++) {
    read_over_defaults(cases[i][0]);
    assert_int_equal(tn_config_check(&config), TN_ERR_CONFIG);
    assert_string_equal(tn_error_message(), cases[i][1]);
  }
}

#define ASSERT_CONTRADICTIONS(cases) assert_contradictions(cases, sizeof(cases) / sizeof(cases)[0])

static void test_normalisation(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"[model]\nhidden = 4\nnorm_momentum = .9",
       "a.ini:3: model.norm_momentum = 0.9 has no effect: remove it, or write "
       "model.batch_norm = yes"},
      {"[model]\nhidden = 4\nbatch_norm_sync = yes",
       "a.ini:3: model.batch_norm_sync = yes has no effect: remove it, or "
       "write model.batch_norm = yes"},
      {"[model]\nhidden = 4\nlayer_norm = yes\nnorm_momentum = .9",
       "a.ini:4: model.norm_momentum = 0.9 has no effect: remove it, or write model.batch_norm = yes"},
      {"[model]\nhidden = 4\nnorm_epsilon = 1", "a.ini:3: model.norm_epsilon = 1 has no effect: remove it, or write "
                                                "model.batch_norm = yes or model.layer_norm = yes"},
      {"[model]\nhidden = 4\nlayer_norm = yes\nbatch_norm = yes",
       "a.ini:4: model.batch_norm = yes and model.layer_norm = yes: a layer is normalised over the rows or over its "
       "units: write one of the two"},
      {"[model]\nlayer_norm = yes", "a.ini:2: model.layer_norm = yes, but model.hidden is empty and outputs are not "
                                    "normalised: remove it, or write model.hidden = UNITS"},
      {"[model]\nhidden = 4\nlayer_norm = yes\n[dropout]\nkind = dropconnect\nhidden = 0.5",
       "a.ini:3: model.layer_norm = yes with dropout.kind = dropconnect: the bias that it drops with the weights "
       "stands "
       "behind the normalisation: write another dropout.kind"},
      {"[model]\nhidden = 4, 1\nlayer_norm = yes",
       "a.ini:3: model.layer_norm = yes, but hidden layer 2 has 1 unit (model.hidden), which would always be "
       "normalised to 0: write 2 or more units, or model.batch_norm = yes"},
      {"[model]\nhidden = 4\nbatch_norm = yes\n[train]\nbatch_size = 1",
       "a.ini:3: model.batch_norm = yes with train.batch_size = 1: one row has no variance: write a larger "
       "train.batch_size, model.batch_norm_sync = yes with at least 2 replicas, or model.layer_norm = yes"},
  };
  ASSERT_CONTRADICTIONS(cases);
  read_over_defaults("[model]\nhidden = 4\nbatch_norm = yes\nnorm_momentum = .9\nnorm_epsilon = .1");
  assert_int_equal(tn_config_check(&config), TN_OK);
}

static void test_keys_that_need_another(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"[train]\nmomentum = .9", "a.ini:2: train.momentum = 0.9 has no effect with train.optimizer = adam: remove it, "
                                 "or write train.optimizer = sgd or rmsprop"},
      {"[train]\noptimizer = rmsprop\nmomentum = .9\nnesterov = yes",
       "a.ini:4: train.nesterov = yes has no effect with train.optimizer = rmsprop: remove it, or write "
       "train.optimizer = sgd"},
      {"[train]\noptimizer = sgd\nbeta1 = .8", "a.ini:3: train.beta1 = 0.8 has no effect with train.optimizer = sgd: "
                                               "remove it, or write train.optimizer = adam or adamw"},
      {"[train]\noptimizer = adagrad\nbeta2 = .8", "a.ini:3: train.beta2 = 0.8 has no effect with train.optimizer = "
                                                   "adagrad: remove it, or write train.optimizer = adam or adamw"},
      {"[train]\nnonfinite_limit = 2",
       "a.ini:2: train.nonfinite_limit = 2 has no effect with train.on_nonfinite = stop: remove it, or write "
       "train.on_nonfinite = skip"},
      {"[train]\nrho = .8", "a.ini:2: train.rho = 0.8 has no effect with train.optimizer = adam: remove it, or write "
                            "train.optimizer = rmsprop"},
      {"[train]\noptimizer = sgd\nepsilon = 1e-8",
       "a.ini:3: train.epsilon = 1e-08 has no effect with train.optimizer = sgd: remove it, or write train.optimizer "
       "= adam, rmsprop, adamw or adagrad"},
      {"[dropout]\ntemperature = .2",
       "a.ini:2: dropout.temperature = 0.2 has no effect with dropout.rate = fixed: remove it, or write dropout.rate = "
       "learned"},
      {"[dropout]\nrate = learned", "a.ini:2: dropout.rate = learned, but all rates are 0: write in dropout.input or "
                                    "dropout.hidden where they start"},
      {"[dropout]\ninput = .1\nrate = learned\nschedule = anneal",
       "a.ini:3: dropout.rate = learned and dropout.schedule = anneal both change the rates: remove one of them"},
      {"[dropout]\ninput = .1\nrate = learned\nkind = gaussian",
       "a.ini:3: dropout.rate = learned has no form for dropout.kind = gaussian: write bernoulli, or rate = fixed"},
      {"[dropout]\ninput = .1\nrate = learned\nblock = 3\nshape = 8x8x1",
       "a.ini:3: dropout.rate = learned has no form for dropout.block: remove it, or write rate = fixed"},
      {"[model]\nloss = mse\n[augment]\nlabel_smoothing = .1",
       "a.ini:4: augment.label_smoothing = 0.1 has no effect with model.loss = mse: remove it, or write model.loss = "
       "softmax_cross_entropy or sigmoid_cross_entropy"},
      {"[model]\nloss = mse\n[train]\nclass_weights = balanced",
       "a.ini:4: train.class_weights = balanced has no effect with model.loss = mse: remove it, or write model.loss = "
       "softmax_cross_entropy"},
      {"[dropout]\nkind = dropconnect\ngroup = 3",
       "a.ini:3: dropout.group = 3 has no effect with dropout.kind = dropconnect: remove it, or write dropout.kind = "
       "bernoulli, gaussian or alpha"},
      {"[dropout]\nkind = dropconnect\nblock = channel",
       "a.ini:3: dropout.block = channel has no effect with dropout.kind = dropconnect: remove it, or write "
       "dropout.kind = bernoulli, gaussian or alpha"},
      {"[dropout]\nkind = standout\nmask = batch",
       "a.ini:3: dropout.mask = batch has no effect with dropout.kind = standout: remove it, or write dropout.kind = "
       "bernoulli, gaussian, alpha or dropconnect"},
      {"[dropout]\nstandout_alpha = 2", "a.ini:2: dropout.standout_alpha = 2 has no effect with dropout.kind = "
                                        "bernoulli: remove it, or write dropout.kind = standout"},
      {"[dropout]\nstandout_beta = 2", "a.ini:2: dropout.standout_beta = 2 has no effect with dropout.kind = "
                                       "bernoulli: remove it, or write dropout.kind = standout"},
      {"[dropout]\nschedule_steps = 5",
       "a.ini:2: dropout.schedule_steps = 5 has no effect with dropout.schedule = constant: remove it, or write "
       "dropout.schedule = curriculum or anneal"},
      {"[schedule]\nstep_epochs = 3", "a.ini:2: schedule.step_epochs = 3 has no effect with schedule.kind = constant: "
                                      "remove it, or write schedule.kind = step"},
      {"[schedule]\nkind = cosine\nfactor = .5",
       "a.ini:3: schedule.factor = 0.5 has no effect with schedule.kind = cosine: remove it, or write schedule.kind = "
       "step, exponential or plateau"},
      {"[schedule]\nkind = step\npatience = 5", "a.ini:3: schedule.patience = 5 has no effect with schedule.kind = "
                                                "step: remove it, or write schedule.kind = plateau"},
      {"[schedule]\nmin_learning_rate = 1e-5",
       "a.ini:2: schedule.min_learning_rate = 1e-05 has no effect with schedule.kind = constant: remove it, or write "
       "schedule.kind = step, cosine, exponential or plateau"},
      {"[early_stopping]\npatience = 5",
       "a.ini:2: early_stopping.patience = 5 has no effect with early_stopping.monitor = none: remove it, or write "
       "early_stopping.monitor = valid_loss, valid_accuracy or train_loss"},
      {"[early_stopping]\nrestore_best = yes",
       "a.ini:2: early_stopping.restore_best = yes has no effect with early_stopping.monitor = none: remove it, or "
       "write early_stopping.monitor = valid_loss, valid_accuracy or train_loss"},
      {"[early_stopping]\nmin_delta = .1",
       "a.ini:2: early_stopping.min_delta = 0.1 has no effect: remove it, or write early_stopping.monitor = "
       "valid_loss, or schedule.kind = plateau"},
      {"[parallel]\nexact_fraction_bits = 20",
       "a.ini:2: parallel.exact_fraction_bits = 20 has no effect with parallel.reduction = float: remove it, or write "
       "parallel.reduction = exact"},
  };
  ASSERT_CONTRADICTIONS(cases);
}

static void test_data_that_do_not_go_together(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"[data]\nvalid_x = /v", "a.ini:2: data.valid_x = /v stands without data.valid_y: write both data set paths, or "
                               "neither"},
      {"[data]\nvalid_y = /v", "a.ini:2: data.valid_y = /v stands without data.valid_x: write both data set paths, or "
                               "neither"},
      {"[data]\ntest_x = /v", "a.ini:2: data.test_x = /v stands without data.test_y: write both data set paths, or "
                              "neither"},
      {"[data]\ntest_y = /v", "a.ini:2: data.test_y = /v stands without data.test_x: write both data set paths, or "
                              "neither"},
      {"[data]\nvalid_x = /v\nvalid_y = /w\nvalid_fraction = .1",
       "a.ini:4: data.valid_fraction = 0.1 holds out training rows although data.valid_x = /v names validation rows: "
       "remove one of the two"},
      {"[data]\nfile = f.h5\ntrain_y =",
       "a.ini:3: data.train_y is empty: write the path of a data set in f.h5, e.g. /train/y"},
      {"[data]\nfile = f.h5\ntrain_x =",
       "a.ini:3: data.train_x is empty: write the path of a data set in f.h5, e.g. /train/x"},
  };
  ASSERT_CONTRADICTIONS(cases);
}

static void test_networks_that_cannot_be(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"[model]\nhidden = 8 8 8\n[dropout]\nhidden = .5 .5",
       "a.ini:4: dropout.hidden = 0.5, 0.5 has 2 rates for 3 hidden layers (model.hidden): write one rate for all, or "
       "3"},
      {"[model]\nhidden = 8\n[dropout]\nhidden = .5 .5",
       "a.ini:4: dropout.hidden = 0.5, 0.5 has 2 rates for 1 hidden layer (model.hidden): write one rate for all, or "
       "1"},
      {"[dropout]\nhidden = .5", "a.ini:2: dropout.hidden = 0.5, but model.hidden is empty and a linear model has no "
                                 "hidden units to drop: remove it, or write model.hidden = UNITS (dropout.input drops "
                                 "inputs)"},
      {"[model]\noutputs = 1",
       "a.ini:2: model.outputs = 1 with model.loss = softmax_cross_entropy is always sure of its one class: write "
       "model.outputs = 0 (as many as the data have), or model.loss = sigmoid_cross_entropy"},
      {"[model]\noutputs = 3\n[train]\nclass_weights = 1 1",
       "a.ini:4: train.class_weights has 2 values for model.outputs = 3 classes: write one a class"},
      {"[augment]\nshape = 28x28x1",
       "a.ini:2: augment.shape = 28x28x1 has no effect without augment.shift and augment.rotate: remove it, or write "
       "e.g. augment.shift = 2"},
      {"[augment]\nshift = 2", "a.ini:2: augment.shift = 2 needs the shape of the images: write e.g. augment.shape = "
                               "28x28x1"},
      {"[augment]\nrotate = 2.5",
       "a.ini:2: augment.rotate = 2.5 needs the shape of the images: write e.g. augment.shape "
       "= 28x28x1"},
      {"[augment]\nrotate = 5\nshift = 8\nshape = 9x8x3",
       "a.ini:3: augment.shift = 8 moves images of augment.shape = 9x8x3 out of sight: write less than 8"},
      {"[dropout]\ninput = .1\nblock = 3\nshape = 14x56x1\n[augment]\nrotate = 5\nshape = 28x28x1",
       "a.ini:7: augment.shape = 28x28x1 and dropout.shape = 14x56x1 are two different images of one row: write the "
       "same in both"},
      {"[dropout]\ninput = .1\nblock = 3\nshape = 8x8x1\n[augment]\nrotate = 5\nshape = 8x8x2",
       "a.ini:7: augment.shape = 8x8x2 and dropout.shape = 8x8x1 are two different images of one row: write the same "
       "in both"},
      {"[augment]\nmixup = .2\n[train]\nbatch_size = 1",
       "a.ini:2: augment.mixup = 0.2 has no effect with train.batch_size = 1, since rows are mixed with others of "
       "their "
       "batch: remove it, or write a larger batch"},
      {"[train]\nclass_weights = 0 0", "a.ini:2: train.class_weights are all 0, so no row counts: write one above 0"},
  };
  ASSERT_CONTRADICTIONS(cases);
}

static void test_dropout_that_cannot_be(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"[model]\nhidden = 8\n[dropout]\nschedule = anneal",
       "a.ini:4: dropout.schedule = anneal, but all rates are 0: write dropout.input or dropout.hidden, or remove it"},
      {"[model]\nhidden = 8\n[dropout]\nkind = standout\nhidden = .5",
       "a.ini:5: dropout.hidden = 0.5 has no effect with dropout.kind = standout, where a unit's input sets how often "
       "it "
       "is dropped: remove it (dropout.standout_beta moves all probabilities)"},
      {"[dropout]\nkind = standout",
       "a.ini:2: dropout.kind = standout, but model.hidden is empty and a linear model has "
       "no hidden units: write model.hidden = UNITS, or another kind"},
      {"[model]\nhidden = 8, 8\n[dropout]\nhidden = 0, .5\nkind = alpha",
       "a.ini:5: dropout.kind = alpha with model.activation = relu: it keeps the mean and variance that selu gives to "
       "units: write model.activation = selu, or another dropout.kind"},
      {"[dropout]\nshape = 8x8x1", "a.ini:2: dropout.shape has no effect with dropout.block = 1: remove it, or write "
                                   "the side of patches, or channel, as dropout.block"},
      {"[dropout]\nblock = 3", "a.ini:2: dropout.block = 3 needs the shape of the input's images: write dropout.shape "
                               "= ROWSxCOLSxCHANNELS"},
      {"[dropout]\nblock = 3\nshape = 8x8x1", "a.ini:2: dropout.block = 3 has no effect with dropout.input = 0: remove "
                                              "it, or write the share of the input to drop"},
      {"[dropout]\ninput = .1\nblock = 9\nshape = 8x9x3",
       "a.ini:3: dropout.block = 9 is no smaller than the images of dropout.shape, 8 x 9, which would be dropped from "
       "side to side: write a smaller one"},
      {"[dropout]\ninput = .1\nblock = 8\nshape = 8x9x1",
       "a.ini:3: dropout.block = 8 is no smaller than the images of dropout.shape, 8 x 9, which would be dropped from "
       "side to side: write a smaller one"},
      {"[dropout]\ninput = .1\nblock = 3\nshape = 8x9x3\nkind = gaussian",
       "a.ini:3: dropout.block = 3 drops patches, for which dropout.kind = gaussian has no form: write bernoulli, or "
       "block = channel"},
      {"[dropout]\ninput = .1\nblock = channel\nshape = 8x9x1",
       "a.ini:3: dropout.block = channel would drop whole images, which have one channel (dropout.shape): write the "
       "side of patches"},
      {"[model]\nhidden = 8, 8\n[dropout]\nhidden = .5, 1e-9",
       "a.ini:4: dropout.hidden = 0.5, 1e-09 has the rate 1e-09, which counts as 0, as do all below 7.62939453125e-06 "
       "(2^-17): write 0, or at least that"},
      {"[dropout]\ninput = 7.6293e-6",
       "a.ini:2: dropout.input = 7.6293e-06 has the rate 7.6293e-06, which counts as 0, as do all below "
       "7.62939453125e-06 (2^-17): write 0, or at least that"},
      {"[model]\nhidden = 24\n[dropout]\nhidden = .5\ngroup = 1000",
       "a.ini:5: dropout.group = 1000 is no smaller than hidden layer 1, 24 units (model.hidden), which would be "
       "dropped "
       "as a whole: write a smaller one"},
      {"[model]\nhidden = 8, 9, 8\n[dropout]\nhidden = 0, .5, .5\ngroup = 8",
       "a.ini:5: dropout.group = 8 is no smaller than hidden layer 3, 8 units (model.hidden), which would be dropped "
       "as "
       "a whole: write a smaller one"},
  };
  ASSERT_CONTRADICTIONS(cases);
}

static void test_trainings_that_cannot_be(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"[train]\noptimizer = sgd\nnesterov = yes",
       "a.ini:3: train.nesterov = yes has no effect with train.momentum = 0: remove it, or write e.g. train.momentum = "
       "0.9"},
      {"[train]\nbatch_size = 65536\naccumulate = 65536",
       "a.ini:3: train.accumulate = 65536 x train.batch_size = 65536 rows are more than the 2^32 - 1 that a replica's "
       "step can number: write a smaller one"},
      {"[schedule]\nkind = cosine\nmin_learning_rate = .01",
       "a.ini:3: schedule.min_learning_rate = 0.01 is above train.learning_rate = 0.001, which could never fall: write "
       "a smaller one"},
      {"[data]\nfile = a.h5\n[early_stopping]\nmonitor = valid_loss",
       "a.ini:4: early_stopping.monitor = valid_loss, but there are no validation rows: write data.valid_x and "
       "data.valid_y, or e.g. data.valid_fraction = 0.1, or monitor = train_loss"},
      {"[data]\nvalid_fraction = .1\n[model]\nloss = mae\n[early_stopping]\nmonitor = valid_accuracy",
       "a.ini:6: early_stopping.monitor = valid_accuracy, but model.loss = mae has no accuracy: write monitor = "
       "valid_loss"},
  };
  ASSERT_CONTRADICTIONS(cases);
}

static void test_sound_configurations_pass(void **state) {
  (void)state;
  static const char *const texts[] = {
      "",
      "[train]\nmomentum = 0\nbeta1 = .8\nbeta2 = .9\nepsilon = 1e-8\nclass_weights = 1, 0, 2\n",
      "[train]\noptimizer = sgd\nmomentum = .9\nnesterov = yes\n",
      "[train]\noptimizer = rmsprop\nmomentum = .9\nrho = .8\n",
      "[train]\nbatch_size = 65535\naccumulate = 65537\n",
      "[model]\nhidden = 8, 8\n[dropout]\nhidden = .5\n",
      "[model]\nhidden = 8, 8\n[dropout]\nhidden = .5, .2\n",
      "[dropout]\nhidden =\n",
      "[model]\nhidden = 8\n[dropout]\ninput = .1\nkind = standout\nstandout_alpha = 2\nstandout_beta = -1\n",
      "[model]\nhidden = 8\nactivation = selu\n[dropout]\nhidden = .1\nkind = alpha\n",
      "[model]\nhidden = 8\n[dropout]\ninput = .1\nkind = alpha\n",
      "[dropout]\ninput = .5\nblock = 7\nshape = 8x9x1\n",
      "[dropout]\ninput = .5\nblock = 2\nshape = 8x9x1\n[augment]\nshift = 1\nshape = 8x9x1\n",
      "[dropout]\ninput = .5\nblock = channel\nshape = 8x9x2\nkind = gaussian\n",
      "[dropout]\ninput = .5\nschedule = curriculum\nschedule_steps = 5\n",
      "[model]\nhidden = 8, 8\n[dropout]\nhidden = 0, .5\nschedule = anneal\n",
      "[model]\nhidden = 8, 9\n[dropout]\nhidden = 0, .5\ngroup = 8\n",
      "[model]\nhidden = 1\n[dropout]\nhidden = .5\n",
      "[model]\nhidden = 8\n[dropout]\ninput = 7.62939453125e-06\nhidden = 7.62939453125e-06\n",
      "[model]\noutputs = 1\nloss = sigmoid_cross_entropy\n",
      "[schedule]\nkind = plateau\nfactor = .5\npatience = 3\nmin_learning_rate = 1e-5\n",
      "[schedule]\nkind = plateau\n[early_stopping]\nmin_delta = .1\n",
      "[schedule]\nkind = cosine\nmin_learning_rate = .01\nscale_with_replicas = linear\n",
      "[data]\nvalid_x = /v\nvalid_y = /w\n[early_stopping]\nmonitor = valid_accuracy\npatience = 3\nmin_delta = .1\n",
      "[early_stopping]\nmonitor = train_loss\nrestore_best = yes\n",
      "[parallel]\nreduction = exact\nexact_fraction_bits = 20\n",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    read_over_defaults(texts[i]);
    if (tn_config_check(&config) != TN_OK)
      fail_msg("refused: %s", tn_error_message());
    assert_int_equal(tn_config_resolve(&config), TN_OK);
    if (tn_config_check(&config) != TN_OK)
      fail_msg("refused once resolved: %s", tn_error_message());
  }
}

static void test_a_contradiction_names_its_origin(void **state) {
  (void)state;
  read_over_defaults("[train]\nmomentum = .9\n");
  set("train.momentum=.8");
  assert_int_equal(tn_config_check(&config), TN_ERR_CONFIG);
  assert_ptr_equal(strstr(tn_error_message(), "-s train.momentum = 0.8 has"), tn_error_message());
  tn_config_defaults(&config);
  config.train.momentum = .7; /* by a program */
  assert_int_equal(tn_config_check(&config), TN_ERR_CONFIG);
  assert_ptr_equal(strstr(tn_error_message(), "train.momentum = 0.7 has"), tn_error_message());
}

static void test_auto_is_resolved(void **state) {
  (void)state;
  static const struct {
    tn_optimizer_kind kind;
    double learning_rate, weight_decay;
  } usual[] = {
      {TN_ADAM, .001, 0}, {TN_SGD, .01, 0}, {TN_RMSPROP, .001, 0}, {TN_ADAMW, .001, .004}, {TN_ADAGRAD, .001, 0}};
  for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
    tn_config_defaults(&config);
    config.train.optimizer = usual[i].kind;
    assert_int_equal(tn_config_resolve(&config), TN_OK);
    assert_true(config.train.learning_rate == usual[i].learning_rate);
    assert_true(config.train.weight_decay == usual[i].weight_decay);
  }
  read_over_defaults("[train]\nlearning_rate = .5\nweight_decay = 0\noptimizer = adamw\n");
  assert_int_equal(tn_config_resolve(&config), TN_OK);
  assert_true(config.train.learning_rate == .5 && config.train.weight_decay == 0);
}

static void test_rates_are_resolved(void **state) {
  (void)state;
  read_over_defaults("[model]\nhidden = 8, 8, 8\n[dropout]\nhidden = .5\n");
  assert_int_equal(tn_config_resolve(&config), TN_OK);
  assert_int_equal(config.dropout.hidden.count, 3);
  for (int i = 0; i < 3; i++)
    assert_true(config.dropout.hidden.values[i] == .5);
  read_over_defaults("[model]\nhidden = 8, 8\n[dropout]\nhidden = .5, .25\n");
  assert_int_equal(tn_config_resolve(&config), TN_OK);
  assert_true(config.dropout.hidden.count == 2 && config.dropout.hidden.values[1] == .25);
  tn_config_defaults(&config);
  assert_int_equal(tn_config_resolve(&config), TN_OK);
  assert_int_equal(config.dropout.hidden.count, 0);
}

static void test_paths_are_resolved(void **state) {
  (void)state;
  char here[TN_PATH_MAX], expected[2 * TN_PATH_MAX];
  assert_non_null(getcwd(here, sizeof here));
  read_over_defaults("[data]\nfile = ./d/x.h5\n[output]\ndir = /runs/a\n");
  assert_int_equal(tn_config_resolve(&config), TN_OK);
  snprintf(expected, sizeof expected, "%s/d/x.h5", here);
  assert_string_equal(config.data.file, expected);
  assert_string_equal(config.output.dir, "/runs/a");
  tn_config_defaults(&config);
  assert_int_equal(tn_config_resolve(&config), TN_OK);
  assert_string_equal(config.data.file, "");
  assert_string_equal(config.output.dir, "");
}

static void test_paths_that_cannot_be_resolved(void **state) {
  (void)state;
  tn_config_defaults(&config);
  memset(config.data.file, 'p', TN_PATH_MAX - 1);
  assert_int_equal(tn_config_resolve(&config), TN_ERR_CONFIG);
  assert_non_null(strstr(tn_error_message(), "becomes longer than 1023 bytes as an absolute path: shorten it"));
  assert_true(config.data.file[0] == 'p' && config.train.learning_rate < 0); /* untouched */
}

static void test_a_working_directory_that_is_gone(void **state) {
  (void)state;
  char here[TN_PATH_MAX];
  assert_non_null(getcwd(here, sizeof here));
  const char *gone = scratch_path("gone");
  char command[2 * TN_PATH_MAX];
  snprintf(command, sizeof command, "mkdir '%s'", gone);
  assert_int_equal(system(command), 0);
  assert_int_equal(chdir(gone), 0);
  assert_int_equal(rmdir(gone), 0);
  read_over_defaults("[data]\nfile = x.h5\n");
  const tn_status status = tn_config_resolve(&config);
  assert_int_equal(chdir(here), 0);
  assert_int_equal(status, TN_ERR_CONFIG);
  assert_string_equal(tn_error_message(),
                      "data.file = x.h5 is relative to the working directory, which cannot be found: write an absolute "
                      "path, or start elsewhere: No such file or directory");
}

/* The keys that conflict when `text` is what a run resumes with, against defaults with some numbers stored. */
static void assert_conflicts(const char *text, int count, const char *keys) {
  tn_config *stored = test_malloc(sizeof *stored);
  read_over_defaults("[model]\noutputs = 10\n[parallel]\nreplicas = 4\n");
  *stored = config;
  if (tn_config_read_text(&config, text, "a.ini") != TN_OK)
    fail_msg("refused: %s", tn_error_message());
  char found[512];
  assert_int_equal(tn_config_resume_conflicts(stored, &config, found, sizeof found), count);
  assert_string_equal(found, keys);
  test_free(stored);
}

static void test_what_a_resume_may_change(void **state) {
  (void)state;
  assert_conflicts("", 0, "");
  assert_conflicts(
      "[train]\nepochs = 11\nmax_steps = 5\ntime_limit = 60\non_nonfinite = skip\nnonfinite_limit = "
      "3\n[data]\nplacement = rank\nfile = /other\ntrain_x = /a\ntest_y = /b\n"
      "[parallel]\nthreads = 2\nreplicas = 0\nstall_warning_s = 1\nstall_abort_s = 0\n[model]\noutputs = 0\n"
      "[output]\ndir = /a\ncheckpoint_every_epochs = 0\ncheckpoint_every_steps = 3\n"
      "checkpoint_every_seconds = 9\nkeep = 5\nstep_metrics_every = 1\nprogress = none\n",
      0, "");
  assert_conflicts("[train]\nepochs = 9\n", 1, "train.epochs = 9 (10 there, and may only grow)");
  assert_conflicts(
      "[parallel]\nreplicas = 5\nreduction = exact\n[model]\noutputs = 3\nhidden = 4\n"
      "[dropout]\nhidden = .5\n[data]\ntrain_rows = 9\nscale = 2\n[train]\nclass_weights = balanced\n",
      8,
      "data.train_rows = 9 (0 there), data.scale = 2 (1 there), model.hidden = 4 (nothing there), "
      "model.outputs = 3 (10 there), dropout.hidden = 0.5 (0 there), train.class_weights = balanced (none there), "
      "parallel.replicas = 5 (4 there), parallel.reduction = exact (float there)");
}

/* What is given stays; the rest of what the first start settled comes from there. */
static void test_what_a_resume_adopts(void **state) {
  (void)state;
  tn_config *stored = test_malloc(sizeof *stored);
  read_over_defaults("[model]\noutputs = 10\n[train]\nseed = 7\n"
                     "[parallel]\nreplicas = 4\nreduction = exact\nexact_fraction_bits = 30\n");
  *stored = config;
  read_over_defaults("[model]\noutputs = 3\n");
  tn_config_adopt(stored, &config);
  assert_int_equal(config.parallel.replicas, 4);
  assert_int_equal(config.parallel.exact_fraction_bits, 30);
  assert_int_equal(config.model.outputs, 3);
  assert_int_equal(config.train.seed, 1);
  test_free(stored);
}

static void test_conflicts_that_do_not_fit(void **state) {
  (void)state;
  tn_config *stored = test_malloc(sizeof *stored);
  tn_config_defaults(stored);
  read_over_defaults("[train]\nseed = 2\nbatch_size = 3\n");
  char keys[10];
  assert_int_equal(tn_config_resume_conflicts(stored, &config, keys, sizeof keys), 2);
  assert_string_equal(keys, "train.bat");
  assert_int_equal(tn_config_resume_conflicts(stored, &config, NULL, 0), 2);
  test_free(stored);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_normalisation),
      cmocka_unit_test(test_keys_that_need_another),
      cmocka_unit_test(test_data_that_do_not_go_together),
      cmocka_unit_test(test_networks_that_cannot_be),
      cmocka_unit_test(test_trainings_that_cannot_be),
      cmocka_unit_test(test_dropout_that_cannot_be),
      cmocka_unit_test(test_sound_configurations_pass),
      cmocka_unit_test(test_a_contradiction_names_its_origin),
      cmocka_unit_test(test_auto_is_resolved),
      cmocka_unit_test(test_rates_are_resolved),
      cmocka_unit_test(test_paths_are_resolved),
      cmocka_unit_test(test_paths_that_cannot_be_resolved),
      cmocka_unit_test(test_a_working_directory_that_is_gone),
      cmocka_unit_test(test_what_a_resume_may_change),
      cmocka_unit_test(test_what_a_resume_adopts),
      cmocka_unit_test(test_conflicts_that_do_not_fit),
  };
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
