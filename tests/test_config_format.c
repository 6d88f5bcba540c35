/* The configuration as text: what is written reads back the same, whatever it holds; and no text breaks the reader. */
#include "base/distance.h"
#include "base/number.h"
#include "base/quote.h"

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

/* Every key with a value that is not its default. */
static const char every_key[] =
    "[data]\nfile = /data/a b.h5\ntrain_x = /a\ntrain_y = /b\ntrain_rows = 5000\nvalid_x = /c\nvalid_y = /d\n"
    "valid_fraction = 0.25\n"
    "test_x = /e\ntest_y = /f\ntrain_weight = /g\nscale = 0.00392156862745098\nshift = -0.1\nstandardize = yes\n"
    "shuffle = none\nplacement = rank\n\n"
    "[model]\nhidden = 512, 256, 128\noutputs = 12\nactivation = tanh\nloss = sigmoid_cross_entropy\n"
    "init = he_uniform\nbatch_norm = yes\nbatch_norm_sync = yes\nlayer_norm = yes\nnorm_momentum = 0.9\nnorm_epsilon = "
    "1e-05\n\n"
    "[dropout]\ninput = 0.2\nhidden = 0.5, 0.25, 0.1\nkind = gaussian\nmask = batch\nreplica_masks = same\ngroup = "
    "4\nshape = 8x8x3\nblock = "
    "channel\nstandout_alpha = 2\nstandout_beta = -0.5\nschedule = curriculum\n"
    "schedule_steps = 50\nrate = learned\ntemperature = 0.2\nlength_scale = 0.01\nentropy_weight = 0.5\n\n"
    "[regularization]\nl1 = 1e-05\nl2 = 0.0001\nmax_norm = 3\n\n"
    "[augment]\nnoise = 0.05\nshape = 28x28x1\nshift = 1.5\nrotate = 10\nmixup = 0.2\nlabel_smoothing = 0.1\n\n"
    "[train]\nepochs = 20\nbatch_size = 100\nclass_weights = 1, 2.5, 0\nseed = 9223372036854775807\n"
    "optimizer = adamw\nlearning_rate = 0.002\nmomentum = 0.9\nnesterov = yes\nbeta1 = 0.8\nbeta2 = 0.99\nrho = 0.95\n"
    "epsilon = 1e-08\nweight_decay = 0.01\nclip_norm = 5\naccumulate = 2\nmax_steps = 1000\ntime_limit = 3600.5\n"
    "on_nonfinite = skip\nnonfinite_limit = 3\n\n"
    "[schedule]\nkind = plateau\nwarmup_steps = 100\nstep_epochs = 5\nfactor = 0.5\npatience = 3\n"
    "min_learning_rate = 1e-06\nscale_with_replicas = sqrt\n\n"
    "[early_stopping]\nmonitor = valid_loss\npatience = 7\nmin_delta = 0.001\nrestore_best = yes\n\n"
    "[parallel]\nreplicas = 12\nreduction = exact\nexact_fraction_bits = 30\nnode_stage = off\nthreads = 2\n"
    "stall_warning_s = 5\nstall_abort_s = 0\n\n"
    "[output]\ndir = runs/x\ncheckpoint_every_epochs = 0\ncheckpoint_every_steps = 10\n"
    "checkpoint_every_seconds = 60\nkeep = 3\nstep_metrics_every = 1\nprogress = bar\n";

static uint64_t random_state = 20240607;

/* xorshift64*: any fixed stream will do. */
static uint64_t next_random(void) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * UINT64_C(2685821657736338717);
}

static size_t below(size_t limit) {
  return (size_t)(next_random() % limit);
}

/* Equal but for where the values came from. */
static bool same_values(const tn_config *a, const tn_config *b) {
  return memcmp(a, b, offsetof(tn_config, origin)) == 0;
}

/* Written, read back and written again: the same values and the same text. */
static void assert_round_trip(const tn_config *original) {
  char *text = tn_config_format(original);
  assert_non_null(text);
  tn_config *again = test_malloc(sizeof *again);
  tn_config_defaults(again);
  if (tn_config_read_text(again, text, "again.ini") != TN_OK)
    fail_msg("%s\nin\n%s", tn_error_message(), text);
  if (!same_values(original, again))
    fail_msg("other values come back from\n%s", text);
  free(text);
  test_free(again);
}

static void test_every_key_is_written_as_it_was_read(void **state) {
  (void)state;
  tn_config_defaults(&config);
  assert_int_equal(tn_config_read_text(&config, every_key, "a.ini"), TN_OK);
  char *text = tn_config_format(&config);
  assert_string_equal(text, every_key);
  free(text);
  assert_round_trip(&config);
}

/* every_key would not notice a key that it has forgotten. */
static void test_every_key_differs_from_its_default(void **state) {
  (void)state;
  tn_config_defaults(&config);
  char *text = tn_config_format(&config), *rest = text;
  for (char *line; (line = strsep(&rest, "\n"));)
    if (line[0] && line[0] != '[' && strstr(every_key, line)) {
      const char *end = strstr(every_key, line) + strlen(line);
      assert_int_not_equal(*end, '\n');
    }
  free(text);
}

static void test_the_defaults_come_back(void **state) {
  (void)state;
  tn_config_defaults(&config);
  assert_round_trip(&config);
  assert_int_equal(tn_config_resolve(&config), TN_OK);
  assert_round_trip(&config);
}

static void test_odd_paths_come_back(void **state) {
  (void)state;
  static const char *const paths[] = {
      " blanks ",  "a ;b",      ";a",           "#a",   "a #b",      "a;b",       "a=b: c",     "\"quoted\"",
      "a\"b",      "a\\b",      "\\",           "\"",   "[section]", "tab\there", "line\nfeed", "\x01\x7f",
      "\xc3\xa9t", "t\xc3\xa9", "\xa0\xff\x80", "auto", "file = x",  "a\\x41",    "\" ;\" \"",  "'a'",
  };
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    tn_config_defaults(&config);
    strcpy(config.data.file, paths[i]);
    strcpy(config.output.dir, paths[i]);
    assert_round_trip(&config);
  }
}

/* Of every length, with bytes of every kind; the longest is far beyond what one line holds. */
static void test_random_paths_come_back(void **state) {
  (void)state;
  static const char odd[] = "\"\\;# \t=[]ab\n\x01";
  for (size_t length = 1; length < TN_PATH_MAX; length += 1 + below(9)) {
    tn_config_defaults(&config);
    for (size_t i = 0; i < length; i++)
      config.data.file[i] = below(2) ? odd[below(sizeof odd - 1)] : (char)(1 + below(255));
    assert_round_trip(&config);
    memset(config.data.file, ';', length);
    assert_round_trip(&config);
  }
}

static double random_real(void) {
  const uint64_t bits = next_random();
  double value;
  memcpy(&value, &bits, sizeof value);
  return value >= 0 && value <= 1e308 ? value : (double)below(1000) / 7;
}

static void test_reals_come_back_exactly(void **state) {
  (void)state;
  tn_config_defaults(&config);
  for (int i = 0; i < 300; i++) {
    config.data.scale = -random_real();
    config.train.clip_norm = random_real();
    config.dropout.input = (double)(next_random() >> 11) * 0x1p-53;
    assert_round_trip(&config);
  }
}

static void test_long_lists_come_back(void **state) {
  (void)state;
  tn_config_defaults(&config);
  config.model.hidden.count = TN_LAYERS_MAX;
  config.dropout.hidden.count = TN_LAYERS_MAX;
  for (int i = 0; i < TN_LAYERS_MAX; i++) {
    config.model.hidden.values[i] = 1 + (int64_t)below(1 << 24);
    config.dropout.hidden.values[i] = (double)(next_random() >> 11) * 0x1p-53;
  }
  config.train.class_weights.mode = TN_CLASS_WEIGHTS_LIST;
  config.train.class_weights.list.count = TN_CLASS_WEIGHTS_MAX;
  for (int i = 0; i < TN_CLASS_WEIGHTS_MAX; i++)
    config.train.class_weights.list.values[i] = random_real();
  assert_round_trip(&config);
}

/* Changes the text in one place: a byte, a cut, a repeated stretch, or a byte that means something. */
static size_t mutate(char *text, size_t length, size_t capacity) {
  static const char telling[] = "=:;#\"\\[]\n\r \t,.-0\x00\xff";
  const size_t at = below(length + 1), count = 1 + below(20);
  switch (below(5)) {
  case 0:
    if (at < length)
      text[at] = (char)below(256);
    return length;
  case 1:
    if (at < length)
      text[at] = telling[below(sizeof telling - 1)];
    return length;
  case 2:
    if (at + count > length)
      return length;
    memmove(text + at, text + at + count, length - at - count);
    return length - count;
  case 3:
    if (at + count > length || length + count > capacity)
      return length;
    memmove(text + at + count, text + at, length - at);
    return length + count;
  default:
    if (length + 1 > capacity)
      return length;
    memmove(text + at + 1, text + at, length - at);
    text[at] = telling[below(sizeof telling - 1)];
    return length + 1;
  }
}

/* A text is taken, and then what it says can be written and read back; or refused with its name, and nothing changes.
 */
static void assert_survives(const char *text) {
  tn_config *before = test_malloc(sizeof *before);
  memcpy(before, &config, sizeof config);
  if (tn_config_read_text(&config, text, "mutated.ini") == TN_OK) {
    assert_round_trip(&config);
    if (tn_config_check(&config) != TN_OK)
      assert_non_null(strstr(tn_error_message(), "."));
  } else {
    assert_ptr_equal(strstr(tn_error_message(), "mutated.ini:"), tn_error_message());
    assert_memory_equal(before, &config, sizeof config);
  }
  test_free(before);
}

static void test_mutated_texts(void **state) {
  (void)state;
  char text[4096];
  for (int i = 0; i < 4000; i++) {
    size_t length = sizeof every_key - 1;
    memcpy(text, every_key, length);
    for (size_t changes = 1 + below(4); changes > 0; changes--)
      length = mutate(text, length, sizeof text - 1);
    text[length] = '\0';
    tn_config_defaults(&config);
    assert_survives(text);
  }
}

static void test_random_bytes(void **state) {
  (void)state;
  char text[512];
  for (int i = 0; i < 2000; i++) {
    const size_t length = below(sizeof text);
    for (size_t j = 0; j < length; j++)
      text[j] = (char)(1 + below(255));
    text[length] = '\0';
    tn_config_defaults(&config);
    assert_survives(text);
  }
}

static void test_the_table_fits_a_terminal(void **state) {
  (void)state;
  char *text = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&text, &size);
  tn_config_describe(stream);
  fclose(stream);
  assert_non_null(strstr(text, "[early_stopping]\n"));
  assert_non_null(strstr(text, "\n  batch_size               128                   a whole number, 1 or more"));
  char *rest = text;
  for (char *line; (line = strsep(&rest, "\n"));) {
    const size_t length = strlen(line);
    assert_true(length <= 100);
    assert_true(length == 0 || line[length - 1] != ' ');
  }
  free(text);
}

static void test_distances(void **state) {
  (void)state;
  static const struct {
    const char *a, *b;
    int distance;
  } cases[] = {{"", "", 0},         {"abc", "abc", 0},   {"abc", "", 3},        {"", "ab", 2}, {"kitten", "sitting", 3},
               {"flaw", "lawn", 2}, {"rleu", "relu", 2}, {"epoch", "epochs", 1}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_int_equal(tn_distance(cases[i].a, cases[i].b), cases[i].distance);
  char a[201], b[201];
  memset(a, 'a', 200);
  memset(b, 'b', 200);
  a[200] = b[200] = '\0';
  assert_int_equal(tn_distance(a, b), 63);
}

static void test_numbers(void **state) {
  (void)state;
  static const struct {
    double value;
    const char *text;
  } cases[] = {
      {0.1, "0.1"}, {1e-7, "1e-07"}, {1.0 / 3, "0.3333333333333333"}, {0.1 + 0.2, "0.30000000000000004"}, {-5, "-5"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[TN_NUMBER_MAX];
    tn_number_write_real(cases[i].value, text);
    assert_string_equal(text, cases[i].text);
  }
  double real;
  int64_t whole;
  static const char *const bad[] = {"", "-", "1x", "0x10", "nan", "inf", "1e999", ".", "1,5", "--1"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_false(tn_number_read_real(bad[i], &real));
    assert_false(tn_number_read_int(bad[i], &whole));
  }
  assert_true(tn_number_read_int("-9223372036854775808", &whole) && whole == INT64_MIN);
  assert_true(tn_number_read_real("+.5e1", &real) && real == 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_key_is_written_as_it_was_read),
      cmocka_unit_test(test_every_key_differs_from_its_default),
      cmocka_unit_test(test_the_defaults_come_back),
      cmocka_unit_test(test_odd_paths_come_back),
      cmocka_unit_test(test_random_paths_come_back),
      cmocka_unit_test(test_reals_come_back_exactly),
      cmocka_unit_test(test_long_lists_come_back),
      cmocka_unit_test(test_mutated_texts),
      cmocka_unit_test(test_random_bytes),
      cmocka_unit_test(test_the_table_fits_a_terminal),
      cmocka_unit_test(test_distances),
      cmocka_unit_test(test_numbers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
