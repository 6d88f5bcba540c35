/* Reading the configuration: every key, every way to write a value, every error. */
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

#include <cmocka.h>

static tn_config config;

static int start_from_defaults(void **state) {
  (void)state;
  tn_config_defaults(&config);
  return 0;
}

static void assert_reads(const char *text) {
  const tn_status status = tn_config_read_text(&config, text, "a.ini");
  if (status != TN_OK)
    fail_msg("refused: %s", tn_error_message());
}

/* Refused with exactly this message, and nothing has changed. */
static void assert_refuses(const char *text, const char *message) {
  tn_config *before = test_malloc(sizeof *before);
  memcpy(before, &config, sizeof config);
  assert_int_equal(tn_config_read_text(&config, text, "a.ini"), TN_ERR_CONFIG);
  assert_string_equal(tn_error_message(), message);
  assert_memory_equal(before, &config, sizeof config);
  test_free(before);
}

static void assert_override_refused(const char *assignment, const char *message) {
  tn_config *before = test_malloc(sizeof *before);
  memcpy(before, &config, sizeof config);
  assert_int_equal(tn_config_set(&config, assignment), TN_ERR_CONFIG);
  assert_string_equal(tn_error_message(), message);
  assert_memory_equal(before, &config, sizeof config);
  test_free(before);
}

/* What a field of each type takes in the struct. */
static size_t size_of_type(const tn_option *option) {
  switch (option->type) {
  case TN_OPTION_BOOL:
    return sizeof(bool);
  case TN_OPTION_INT:
    return sizeof(int64_t);
  case TN_OPTION_REAL:
    return sizeof(double);
  case TN_OPTION_STRING:
    return TN_PATH_MAX;
  case TN_OPTION_CHOICE:
    return sizeof(int);
  case TN_OPTION_INTS:
    return sizeof(tn_int_list);
  case TN_OPTION_REALS:
    return sizeof(tn_real_list);
  case TN_OPTION_WEIGHTING:
    return sizeof(tn_class_weights);
  case TN_OPTION_SHAPE:
    return sizeof(tn_image_shape);
  }
  return 0;
}

static void test_rows_fit_their_fields(void **state) {
  (void)state;
  int count;
  const tn_option *options = tn_config_options(&count);
  for (int i = 0; i < count; i++) {
    assert_int_equal(options[i].size, size_of_type(&options[i]));
    assert_true(strlen(options[i].meaning) > 0);
    assert_ptr_equal(tn_config_find(options[i].section, options[i].key), &options[i]);
  }
}

/* tn_config_defaults relies on it; and the default is shown as it would be written. */
static void test_every_default_is_a_value_of_its_key(void **state) {
  (void)state;
  int count;
  const tn_option *options = tn_config_options(&count);
  for (int i = 0; i < count; i++) {
    char buffer[256];
    tn_text text = tn_text_over(buffer, sizeof buffer);
    assert_int_equal(tn_option_read(&options[i], &config, options[i].fallback), TN_OK);
    tn_option_write(&options[i], &config, &text);
    assert_string_equal(buffer, options[i].fallback);
  }
}

/* Written down a second time: a default that changes does so on purpose. */
static void test_defaults_of_data_and_network(void **state) {
  (void)state;
  const tn_data_config *d = &config.data;
  assert_string_equal(d->file, "");
  assert_string_equal(d->train_x, "/train/x");
  assert_string_equal(d->train_y, "/train/y");
  assert_true(!d->valid_x[0] && !d->valid_y[0] && !d->test_x[0] && !d->test_y[0] && !d->train_weight[0]);
  assert_true(d->valid_fraction == 0 && d->scale == 1 && d->shift == 0 && !d->standardize);
  assert_true(d->shuffle == TN_SHUFFLE_GLOBAL && d->placement == TN_PLACEMENT_NODE);
  const tn_model_config *m = &config.model;
  assert_true(m->hidden.count == 0 && m->outputs == 0 && m->activation == TN_RELU);
  assert_true(m->loss == TN_SOFTMAX_CROSS_ENTROPY && m->init == TN_INIT_AUTO);
  const tn_dropout_config *o = &config.dropout;
  assert_true(o->input == 0 && o->hidden.count == 1 && o->hidden.values[0] == 0);
  assert_true(o->kind == TN_BERNOULLI && o->mask == TN_MASK_SAMPLE && o->group == 1 && o->shape.rows == 0 &&
              o->block == 1);
  assert_true(o->standout_alpha == 1 && o->standout_beta == 0);
  assert_true(o->schedule == TN_RATE_CONSTANT && o->schedule_steps == 1000);
  const tn_regularization_config *r = &config.regularization;
  assert_true(r->l1 == 0 && r->l2 == 0 && r->max_norm == 0);
}

static void test_defaults_of_training(void **state) {
  (void)state;
  const tn_train_config *t = &config.train;
  assert_true(t->epochs == 10 && t->batch_size == 128 && t->seed == 1 && t->optimizer == TN_ADAM);
  assert_true(t->class_weights.mode == TN_CLASS_WEIGHTS_NONE && t->learning_rate < 0 && t->weight_decay < 0);
  assert_true(t->momentum == 0 && !t->nesterov && t->beta1 == 0.9 && t->beta2 == 0.999 && t->rho == 0.9);
  assert_true(t->epsilon == 1e-7 && t->clip_norm == 0 && t->accumulate == 1);
  assert_true(t->max_steps == 0 && t->time_limit == 0);
  assert_true(t->on_nonfinite == TN_NONFINITE_STOP && t->nonfinite_limit == 10);
  const tn_schedule_config *s = &config.schedule;
  assert_true(s->kind == TN_SCHEDULE_CONSTANT && s->warmup_steps == 0 && s->step_epochs == 10 && s->factor == 0.1);
  assert_true(s->patience == 10 && s->min_learning_rate == 0 && s->scale_with_replicas == TN_SCALE_NONE);
  const tn_early_stopping_config *e = &config.early_stopping;
  assert_true(e->monitor == TN_MONITOR_NONE && e->patience == 0 && e->min_delta == 0 && !e->restore_best);
  const tn_parallel_config *p = &config.parallel;
  assert_true(p->replicas == 0 && p->reduction == TN_REDUCTION_FLOAT && p->exact_fraction_bits < 0 && p->threads == 1);
  assert_true(p->stall_warning_s == 30 && p->stall_abort_s == 1800);
  const tn_output_config *o = &config.output;
  assert_true(!o->dir[0] && o->checkpoint_every_epochs == 1 && o->checkpoint_every_steps == 0);
  assert_true(o->checkpoint_every_seconds == 0 && o->keep == 2 && o->step_metrics_every == 50);
  assert_true(o->progress == TN_PROGRESS_AUTO);
}

static void test_a_key_sets_its_field(void **state) {
  (void)state;
  assert_reads(
      "[data]\nfile = a b.h5\nscale = -2.5e-1\nshuffle = shard\nplacement = rank\nstandardize = yes\n"
      "[model]\nhidden = 512, 256 64\nactivation = gelu\nloss = huber\ninit = glorot_uniform\n"
      "[dropout]\nhidden = .5,.25 , 0\nshape = 4x3x2\nblock = 2\nkind = gaussian\nmask = batch\ngroup = 4\nschedule = "
      "anneal\nschedule_steps = 70\n"
      "[train]\nclass_weights = 1 2.5\nseed = 9223372036854775807\noptimizer = adagrad\n"
      "[schedule]\nkind = plateau\nscale_with_replicas = sqrt\n[early_stopping]\nmonitor = train_loss\n"
      "[parallel]\nreduction = exact\nexact_fraction_bits = 30\n[output]\nprogress = none\n");
  assert_string_equal(config.data.file, "a b.h5");
  assert_true(config.data.scale == -0.25 && config.data.shuffle == TN_SHUFFLE_SHARD);
  assert_true(config.data.placement == TN_PLACEMENT_RANK && config.data.standardize);
  assert_int_equal(config.model.hidden.count, 3);
  assert_int_equal(config.model.hidden.values[2], 64);
  assert_true(config.model.activation == TN_GELU && config.model.loss == TN_HUBER);
  assert_int_equal(config.model.init, TN_GLOROT_UNIFORM);
  assert_int_equal(config.dropout.hidden.count, 3);
  assert_true(config.dropout.hidden.values[1] == 0.25 && config.dropout.kind == TN_GAUSSIAN);
  assert_true(config.dropout.mask == TN_MASK_BATCH && config.dropout.group == 4);
  assert_true(config.dropout.schedule == TN_RATE_ANNEAL && config.dropout.schedule_steps == 70);
  assert_true(config.dropout.shape.cols == 3 && config.dropout.block == 2);
  assert_true(config.train.class_weights.mode == TN_CLASS_WEIGHTS_LIST && config.train.class_weights.list.count == 2);
  assert_true(config.train.class_weights.list.values[1] == 2.5 && config.train.seed == INT64_MAX);
  assert_true(config.train.optimizer == TN_ADAGRAD && config.schedule.kind == TN_SCHEDULE_PLATEAU);
  assert_true(config.schedule.scale_with_replicas == TN_SCALE_SQRT);
  assert_true(config.early_stopping.monitor == TN_MONITOR_TRAIN_LOSS);
  assert_true(config.parallel.reduction == TN_REDUCTION_EXACT && config.parallel.exact_fraction_bits == 30);
  assert_int_equal(config.output.progress, TN_PROGRESS_NONE);
}

static void test_switches_take_eight_words(void **state) {
  (void)state;
  static const char *const on[] = {"yes", "true", "on", "1", "YES"}, *const off[] = {"no", "false", "off", "0", "Off"};
  for (size_t i = 0; i < sizeof on / sizeof on[0]; i++) {
    char text[64];
    snprintf(text, sizeof text, "data.standardize=%s", on[i]);
    assert_int_equal(tn_config_set(&config, text), TN_OK);
    assert_true(config.data.standardize);
    snprintf(text, sizeof text, "data.standardize = %s", off[i]);
    assert_int_equal(tn_config_set(&config, text), TN_OK);
    assert_false(config.data.standardize);
  }
}

static void test_sections_reopen_and_keys_may_be_indented(void **state) {
  (void)state;
  assert_reads("\xef\xbb\xbf; a comment\r\n[train]   # behind a section\r\n\r\n  epochs : 3\t; behind a value\r\n"
               "  batch_size = 64  # likewise\r\n# [nowhere]\r\n[model]\r\n\t[train]\nseed=5");
  assert_true(config.train.epochs == 3 && config.train.batch_size == 64 && config.train.seed == 5);
}

static void test_values_go_on_in_indented_lines(void **state) {
  (void)state;
  assert_reads(
      "[model]\nhidden = 1,\n  2 ; two\n\n; between\n\t3, 4\n[data]\nfile = \"/a/\" ; first\n  \"b;c\" \"#\"\n");
  assert_int_equal(config.model.hidden.count, 4);
  assert_int_equal(config.model.hidden.values[3], 4);
  assert_string_equal(config.data.file, "/a/b;c#");
}

static void test_strings_may_be_quoted(void **state) {
  (void)state;
  static const char *const pairs[][2] = {{"plain ; cut", "plain"},
                                         {"a;b#c", "a;b#c"},
                                         {"it\"s = fine", "it\"s = fine"},
                                         {"\" ;x #y\"", " ;x #y"},
                                         {"\"a\\\"b ; c\\\\\" ; cut", "a\"b ; c\\"},
                                         {"\"\\x09\\x3B\\xc3\\xa9\"", "\t;\xc3\xa9"},
                                         {"\"\"", ""},
                                         {"", ""}};
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    char text[128];
    snprintf(text, sizeof text, "[data]\nfile = %s\n", pairs[i][0]);
    assert_reads(text);
    assert_string_equal(config.data.file, pairs[i][1]);
  }
}

static void test_comments_may_be_longer_than_a_line(void **state) {
  (void)state;
  char text[4096];
  snprintf(text, sizeof text, "; %0500d\n[train]\nepochs = 7 ; %0500d\n", 0, 0);
  assert_reads(text);
  assert_int_equal(config.train.epochs, 7);
}

static void test_the_longest_line(void **state) {
  (void)state;
  char text[512], path[256];
  memset(path, 'p', sizeof path); /* "file = " and 191 more bytes make 198 */
  snprintf(text, sizeof text, "[data]\nfile = %.191s\n", path);
  assert_reads(text);
  assert_int_equal(strlen(config.data.file), 191);
  snprintf(text, sizeof text, "[data]\nfile = %.192s\n", path);
  assert_refuses(text, "a.ini:2: the line is longer than 198 bytes: go on in the next line, indented (text in double "
                       "quotes, \"one piece\" below \"the other\")");
}

static void test_bad_values(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"[train]\nepochs = ten", "a.ini:2: train.epochs: found \"ten\", expected a whole number, 1 or more, at most "
                                "4294967295"},
      {"[train]\n\nseed = -1", "a.ini:3: train.seed: found \"-1\", expected a whole number, 0 or more, at most "
                               "9223372036854775807"},
      {"[train]\nseed = 9223372036854775808",
       "a.ini:2: train.seed: found \"9223372036854775808\", expected a whole number, 0 or more, at most "
       "9223372036854775807"},
      {"[train]\nepochs = 1 0",
       "a.ini:2: train.epochs: found \"1 0\", expected a whole number, 1 or more, at most 4294967295"},
      {"[train]\nepochs =",
       "a.ini:2: train.epochs: found no value, expected a whole number, 1 or more, at most 4294967295"},
      {"[dropout]\ninput = 1", "a.ini:2: dropout.input: found \"1\", expected a number, 0 or more, below 1"},
      {"[schedule]\nfactor = 0", "a.ini:2: schedule.factor: found \"0\", expected a number, above 0, at most 1"},
      {"[train]\nlearning_rate = -.1",
       "a.ini:2: train.learning_rate: found \"-.1\", expected auto, or a number, 0 or more"},
      {"[data]\nscale = 1/255", "a.ini:2: data.scale: found \"1/255\", expected a number"},
      {"[data]\nscale = inf", "a.ini:2: data.scale: found \"inf\", expected a number"},
      {"[data]\nscale = 1e999", "a.ini:2: data.scale: found \"1e999\", expected a number"},
      {"[data]\nstandardize = maybe", "a.ini:2: data.standardize: found \"maybe\", expected yes or no"},
      {"[data]\nstandardize = ture",
       "a.ini:2: data.standardize: found \"ture\", expected yes or no; did you mean true?"},
      {"[model]\nactivation = rleu", "a.ini:2: model.activation: found \"rleu\", expected one of relu, sigmoid, tanh, "
                                     "leaky_relu, gelu, selu, linear; did you mean relu?"},
      {"[data]\nplacement = everywhere",
       "a.ini:2: data.placement: found \"everywhere\", expected one of node, rank (one "
       "copy of the data a node, or only a rank's share in each rank)"},
      {"[model]\nhidden = 8, x", "a.ini:2: model.hidden: found \"x\", expected a list of at most 64 whole numbers, 1 "
                                 "or more, at most 16777216 (value 2 of the list)"},
      {"[model]\nhidden = 8,,8", "a.ini:2: model.hidden: found no value, expected a list of at most 64 whole numbers, "
                                 "1 or more, at most 16777216 (value 2 of the list)"},
      {"[dropout]\nhidden = .5\n  1.5", "a.ini:2: dropout.hidden: found \"1.5\", expected a list of at most 64 "
                                        "numbers, 0 or more, below 1 (value 2 of the list)"},
      {"[train]\nclass_weights = balance", "a.ini:2: train.class_weights: found \"balance\", expected none, balanced, "
                                           "or a list of at most 1024 numbers, 0 or more; did you mean balanced?"},
      {"[train]\nclass_weights = 1, -1", "a.ini:2: train.class_weights: found \"-1\", expected none, balanced, or a "
                                         "list of at most 1024 numbers, 0 or more (value 2 of the list)"},
      {"[output]\nkeep = 1",
       "a.ini:2: output.keep: found \"1\", expected a whole number, 2 or more, at most 2147483647"},
      {"[data]\nfile = \"a", "a.ini:2: data.file: found \"\"a\", expected text, at most 1023 bytes: the closing double "
                             "quote is missing"},
      {"[data]\nfile = \"a\" b", "a.ini:2: data.file: found \"\"a\" b\", expected text, at most 1023 bytes: text "
                                 "follows the closing double quote"},
      {"[data]\nfile = \"\\n\"", "a.ini:2: data.file: found \"\"\\n\"\", expected text, at most 1023 bytes: a "
                                 "backslash inside quotes stands only before \", before another backslash, or in "
                                 "\\xHH (not \\x00)"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_refuses(cases[i][0], cases[i][1]);
}

static void test_shapes_of_images(void **state) {
  (void)state;
  static const tn_option option = {
      .section = "a", .key = "shape", .type = TN_OPTION_SHAPE, .size = sizeof(tn_image_shape), .whole = {1, 99}};
  static const char *const bad[] = {"28",
                                    "28x28",
                                    "28x28x1x1",
                                    "0x28x1",
                                    "28x-28x1",
                                    "28x28x100",
                                    "28*28*1",
                                    "28x28x1 ",
                                    "axbxc",
                                    "xx",
                                    "28xx1",
                                    "28x28x",
                                    "1x1x00000000000000000000000000000000000000000000001"};
  tn_image_shape shape = {0};
  char written[32];
  assert_int_equal(tn_option_read(&option, &shape, "28X14x3"), TN_OK);
  assert_true(shape.rows == 28 && shape.cols == 14 && shape.channels == 3);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_int_equal(tn_option_read(&option, &shape, bad[i]), TN_ERR_CONFIG);
  assert_int_equal(tn_option_read(&option, &shape, "28x28"), TN_ERR_CONFIG);
  assert_string_equal(tn_error_message(), "a.shape: found \"28x28\", expected ROWSxCOLSxCHANNELS, e.g. 28x28x1, each 1 "
                                          "or more, at most 99");
  tn_text text = tn_text_over(written, sizeof written);
  tn_option_write(&option, &shape, &text);
  assert_string_equal(written, "28x14x3");
  assert_int_equal(tn_option_read(&option, &shape, ""), TN_OK);
  assert_true(shape.rows == 0);
  text = tn_text_over(written, sizeof written);
  tn_option_write(&option, &shape, &text);
  assert_string_equal(written, "");
}

static void test_bad_lines(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"[train]\nepoch = 3", "a.ini:2: there is no key train.epoch; did you mean train.epochs?"},
      {"[train]\npatience = 3", "a.ini:2: there is no key train.patience; did you mean schedule.patience?"},
      {"[optimizer]\nlearning_rate = 3",
       "a.ini:2: there is no key optimizer.learning_rate; did you mean train.learning_rate?"},
      {"[train]\n[modle]\n[data]",
       "a.ini:2: there is no section [modle]; did you mean [model]? Sections are data, "
       "model, dropout, regularization, augment, train, schedule, early_stopping, parallel, output"},
      {"epochs = 3", "a.ini:1: \"epochs\" stands before any [section]; did you mean epochs below [train]?"},
      {"[train]\nepochs = 3\n[data]\n[train]\nepochs = 3",
       "a.ini:5: train.epochs stands already in line 2: remove one of the two"},
      {"[train]\nepochs", "a.ini:2: found \"epochs\", expected [section], key = value or a comment"},
      {"[train]\n  epochs 3", "a.ini:2: found \"  epochs 3\", expected [section], key = value or a comment"},
      {"[train\nepochs = 3", "a.ini:1: found \"[train\", expected [section] alone on its line"},
      {"[train] epochs = 3", "a.ini:1: found \"[train] epochs = 3\", expected [section] alone on its line"},
      {"[data]\nfile = a\n  b c", "a.ini:3: found \"b c\" in an indented line below data.file, expected key = value, "
                                  "or text in double quotes that goes on with the one above"},
      {"[train]\nepochs = 3\x01", "a.ini:2: found the control character 0x01, expected text: is this an INI file?"},
      {"[train]\repochs = 3\r", "a.ini:1: found the control character 0x0d, expected text: is this an INI file?"},
      /* the first of several errors is the one reported, whoever finds it */
      {"[train]\nepochs = x\nnonsense\nseed = y",
       "a.ini:2: train.epochs: found \"x\", expected a whole number, 1 or more, at most 4294967295"},
      {"[train]\nnonsense\nseed = y", "a.ini:2: found \"nonsense\", expected [section], key = value or a comment"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_refuses(cases[i][0], cases[i][1]);
}

static void test_lists_and_texts_that_are_too_long(void **state) {
  (void)state;
  char text[8192] = "[model]\nhidden = 1\n";
  for (int i = 1; i < TN_LAYERS_MAX; i++)
    strcat(text, "  1\n");
  assert_reads(text);
  assert_int_equal(config.model.hidden.count, TN_LAYERS_MAX);
  assert_refuses(strcat(text, "  1\n"),
                 "a.ini:2: model.hidden: found more than 64 values, which is all this key takes");
  strcpy(text, "data.file=");
  memset(text + strlen("data.file="), 'p', TN_PATH_MAX - 1);
  text[strlen("data.file=") + TN_PATH_MAX - 1] = '\0';
  assert_int_equal(tn_config_set(&config, text), TN_OK);
  assert_int_equal(strlen(config.data.file), TN_PATH_MAX - 1);
  assert_int_equal(tn_config_set(&config, strcat(text, "p")), TN_ERR_CONFIG);
  assert_non_null(strstr(tn_error_message(), "expected text, at most 1023 bytes: the text is too long"));
}

static void test_overrides(void **state) {
  (void)state;
  assert_int_equal(tn_config_set(&config, "train.seed=4"), TN_OK);
  assert_int_equal(tn_config_set(&config, " train.seed = 5 "), TN_OK);
  assert_int_equal(config.train.seed, 5);
  assert_override_refused("train.seed", "-s train.seed: found no \"=\", expected section.key=value");
  assert_override_refused("seed=3", "-s seed=3: \"seed\" has no section; did you mean train.seed?");
  assert_override_refused("trian.seed=3", "-s trian.seed=3: there is no key trian.seed; did you mean train.seed?");
  assert_override_refused(
      "train.seed=x",
      "-s train.seed=x: train.seed: found \"x\", expected a whole number, 0 or more, at most 9223372036854775807");
}

static void test_files(void **state) {
  (void)state;
  const char *path = scratch_write("good.ini", "[train]\nseed = 9\n", 17);
  assert_int_equal(tn_config_read(&config, path), TN_OK);
  assert_int_equal(config.train.seed, 9);
  char message[512];
  path = scratch_write("nul.ini", "[train]\nseed \0= 9\n", 18);
  assert_int_equal(tn_config_read(&config, path), TN_ERR_CONFIG);
  snprintf(message, sizeof message, "%s: found a NUL byte, expected an INI file", path);
  assert_string_equal(tn_error_message(), message);
  path = scratch_path("missing.ini");
  assert_int_equal(tn_config_read(&config, path), TN_ERR_CONFIG);
  snprintf(message, sizeof message, "the configuration file %s cannot be opened: No such file or directory", path);
  assert_string_equal(tn_error_message(), message);
  assert_int_equal(tn_config_read(&config, "/tmp"), TN_ERR_CONFIG);
  assert_string_equal(tn_error_message(), "the configuration file /tmp cannot be read: Is a directory");
}

static void test_a_file_of_another_kind(void **state) {
  (void)state;
  const size_t size = (1 << 20) + 1;
  char *bytes = test_malloc(size), message[512];
  memset(bytes, '\n', size);
  const char *path = scratch_write("large.ini", bytes, size);
  test_free(bytes);
  assert_int_equal(tn_config_read(&config, path), TN_ERR_CONFIG);
  snprintf(message, sizeof message, "%s: found more than 1048576 bytes, expected an INI file", path);
  assert_string_equal(tn_error_message(), message);
}

static void test_words(void **state) {
  (void)state;
  assert_string_equal(tn_config_word("model.activation", TN_LEAKY_RELU), "leaky_relu");
  assert_string_equal(tn_config_word("early_stopping.monitor", TN_MONITOR_TRAIN_LOSS), "train_loss");
  assert_null(tn_config_word("model.activation", TN_LINEAR + 1));
  assert_null(tn_config_word("model.activation", -1));
  assert_null(tn_config_word("model.hidden", 0));
  assert_null(tn_config_word("model.nothing", 0));
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup(function, start_from_defaults)
  const struct CMUnitTest tests[] = {
      CASE(test_rows_fit_their_fields),
      CASE(test_every_default_is_a_value_of_its_key),
      CASE(test_defaults_of_data_and_network),
      CASE(test_defaults_of_training),
      CASE(test_a_key_sets_its_field),
      CASE(test_switches_take_eight_words),
      CASE(test_sections_reopen_and_keys_may_be_indented),
      CASE(test_values_go_on_in_indented_lines),
      CASE(test_strings_may_be_quoted),
      CASE(test_comments_may_be_longer_than_a_line),
      CASE(test_the_longest_line),
      CASE(test_bad_values),
      CASE(test_shapes_of_images),
      CASE(test_bad_lines),
      CASE(test_lists_and_texts_that_are_too_long),
      CASE(test_overrides),
      CASE(test_files),
      CASE(test_a_file_of_another_kind),
      CASE(test_words),
  };
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
