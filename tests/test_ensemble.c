/* Several networks and samples as one prediction, and all that is measured of it: against the predictions of each by
 * itself, and at any number of ranks. */
#include "dist/comm.h"
#include "mpi_test.h"
#include "predict_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS = PREDICT_NETWORKS_MAX, COUNT = PREDICT_ROWS * CASE_CLASSES };

/* What tn_predict writes for `count` networks. */
static float *predicted(const predict_case *p, const char *const *networks, int count, int64_t samples,
                        const char *path, int64_t cols) {
  const tn_predict_options options = {.mc_samples = samples, .overwrite = true};
  assert_all_ok(tn_predict(predict_comm(), networks, count, p->data, p->out, &options, NULL));
  float *values = predict_case_read(p->out, path, cols);
  tn_comm_barrier(test_comm()); /* all have read before it is replaced */
  return values;
}

static double largest_difference(int64_t count, const float *values, const double *expected) {
  double largest = 0;
  for (int64_t i = 0; i < count; i++)
    largest = fmax(largest, fabs((double)values[i] - expected[i]));
  return largest;
}

/* Means and deviations over the members' own predictions, which are floats below 1: 2^-24 each. */
static void test_the_mean_of_networks(void **state) {
  (void)state;
  predict_case p;
  static float *members[MEMBERS];
  static double mean[COUNT], deviation[COUNT];
  predict_case_create(&p, "softmax_cross_entropy", MEMBERS);
  for (int m = 0; m < MEMBERS; m++)
    members[m] = predicted(&p, &p.networks[m], 1, 0, "/output", CASE_CLASSES);
  for (int i = 0; i < COUNT; i++) {
    mean[i] = ((double)members[0][i] + (double)members[1][i] + (double)members[2][i]) / MEMBERS;
    double squares = 0;
    for (int m = 0; m < MEMBERS; m++)
      squares += ((double)members[m][i] - mean[i]) * ((double)members[m][i] - mean[i]);
    deviation[i] = sqrt(squares / MEMBERS);
  }
  float *output = predicted(&p, p.networks, MEMBERS, 0, "/output", CASE_CLASSES);
  float *std = predicted(&p, p.networks, MEMBERS, 0, "/output_std", CASE_CLASSES);
  assert_all_true(largest_difference(COUNT, output, mean) < 0x1p-23);
  assert_all_true(largest_difference(COUNT, std, deviation) < 0x1p-22);
  assert_all_true(largest_difference(COUNT, members[0], mean) > 0.01); /* they do differ */
  for (int m = 0; m < MEMBERS; m++)
    free(members[m]);
  free(output);
  free(std);
  predict_case_destroy(&p);
}

static double entropy(const float *p) {
  double sum = 0;
  for (int k = 0; k < CASE_CLASSES; k++)
    sum -= p[k] > 0 ? (double)p[k] * log((double)p[k]) : 0;
  return sum;
}

static void test_entropies_of_networks(void **state) {
  (void)state;
  predict_case p;
  predict_case_create(&p, "softmax_cross_entropy", 2);
  float *first = predicted(&p, p.networks, 1, 0, "/output", CASE_CLASSES);
  float *second = predicted(&p, p.networks + 1, 1, 0, "/output", CASE_CLASSES);
  float *mean = predicted(&p, p.networks, 2, 0, "/output", CASE_CLASSES);
  float *total = predicted(&p, p.networks, 2, 0, "/predictive_entropy", 1);
  float *information = predicted(&p, p.networks, 2, 0, "/mutual_information", 1);
  double worst = 0;
  for (int64_t i = 0; i < PREDICT_ROWS; i++) {
    const double expected = entropy(mean + i * CASE_CLASSES);
    const double members = entropy(first + i * CASE_CLASSES) / 2 + entropy(second + i * CASE_CLASSES) / 2;
    worst = fmax(worst, fabs((double)total[i] - expected));
    worst = fmax(worst, fabs((double)information[i] - (expected - members)));
  }
  /* dH/dp = -log p - 1 is below 20 where p is not lost in any case: 3 probabilities, off by 2^-24 p each. */
  assert_all_true(worst < 1e-5);
  free(first);
  free(second);
  free(mean);
  free(total);
  free(information);
  predict_case_destroy(&p);
}

/* Every network draws the masks that it draws by itself. */
static void test_samples_of_networks(void **state) {
  (void)state;
  predict_case p;
  static double mean[COUNT];
  predict_case_create(&p, "softmax_cross_entropy", 2);
  float *first = predicted(&p, p.networks, 1, 4, "/output", CASE_CLASSES);
  float *second = predicted(&p, p.networks + 1, 1, 4, "/output", CASE_CLASSES);
  float *both = predicted(&p, p.networks, 2, 4, "/output", CASE_CLASSES);
  for (int i = 0; i < COUNT; i++)
    mean[i] = ((double)first[i] + (double)second[i]) / 2;
  assert_all_true(largest_difference(COUNT, both, mean) < 0x1p-23);
  free(first);
  free(second);
  free(both);
  predict_case_destroy(&p);
}

/* Everything that there is, with the memory that is pointed to instead of the pointers. */
static void assert_same_measures(tn_measures *a, tn_measures *b) {
  const int64_t outputs = a->outputs;
  assert_all_int_equal(b->outputs, outputs);
  assert_all_true(!a->classes == !b->classes && !a->confusion == !b->confusion && !a->by_output == !b->by_output);
  if (a->classes)
    assert_all_memory_equal(a->classes, b->classes, (size_t)outputs * sizeof *a->classes);
  if (a->confusion)
    assert_all_memory_equal(a->confusion, b->confusion, (size_t)(outputs * outputs) * sizeof *a->confusion);
  if (a->by_output)
    assert_all_memory_equal(a->by_output, b->by_output, (size_t)outputs * sizeof *a->by_output);
  assert_all_memory_equal(a->reliability, b->reliability, sizeof a->reliability);
  const double found[] = {a->loss, a->accuracy, a->top_accuracy, a->brier,   a->ece,
                          a->r2,   a->mae,      a->rmse,         a->entropy, a->information};
  const double expected[] = {b->loss, b->accuracy, b->top_accuracy, b->brier,   b->ece,
                             b->r2,   b->mae,      b->rmse,         b->entropy, b->information};
  assert_all_memory_equal(found, expected, sizeof found);
  assert_all_true(a->rows == PREDICT_ROWS && b->rows == PREDICT_ROWS && a->kind == b->kind && a->top == b->top &&
                  a->networks == b->networks && a->samples == b->samples);
}

static void test_measures_are_the_same_at_any_rank_count(void **state) {
  (void)state;
  static const struct {
    const char *loss, *y_path;
    int networks;
    int64_t samples, top;
  } cases[] = {{"softmax_cross_entropy", "/test/y", 1, 0, 2},
               {"softmax_cross_entropy", "/test/y", 2, 3, 0},
               {"mse", "/test/v", 1, 0, 0},
               {"huber", "/test/v", 2, 2, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    predict_case p;
    tn_comm *serial = NULL;
    tn_measures together, alone;
    predict_case_create(&p, cases[i].loss, cases[i].networks);
    const tn_eval_options options = {
        .data_file = p.data, .y_path = cases[i].y_path, .mc_samples = cases[i].samples, .top = cases[i].top};
    assert_all_ok(tn_comm_create_serial(&serial));
    assert_all_ok(tn_eval(predict_comm(), p.networks, cases[i].networks, &options, &together));
    assert_all_ok(tn_eval(serial, p.networks, cases[i].networks, &options, &alone));
    assert_same_measures(&together, &alone);
    assert_all_true(together.networks == cases[i].networks && together.samples == cases[i].samples);
    tn_measures_clear(&together);
    tn_measures_clear(&alone);
    tn_comm_destroy(&serial);
    predict_case_destroy(&p);
  }
}

/* Samples of every form are functions of their number and the row, not of who computes them. */
static void test_samples_of_all_forms_are_the_same_at_any_rank_count(void **state) {
  (void)state;
  static const char *const forms[][2] = {{"dropout.kind=gaussian", "dropout.hidden=0.3"},
                                         {"dropout.kind=dropconnect", "dropout.hidden=0.3"},
                                         {"dropout.kind=standout", "dropout.hidden=0"}};
  predict_case p;
  tn_comm *serial = NULL;
  tn_measures together, alone;
  predict_case_create(&p, "softmax_cross_entropy", 1);
  assert_all_ok(tn_comm_create_serial(&serial));
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    char name[16];
    snprintf(name, sizeof name, "form%d", (int)i);
    case_set(&p.train, forms[i][0]);
    case_set(&p.train, forms[i][1]);
    assert_all_ok(case_train(&p.train, predict_comm(), name, NULL, NULL));
    snprintf(name, sizeof name, "form%d/last.h5", (int)i);
    const char *network[] = {case_path(&p.train, name)};
    const tn_eval_options options = {.data_file = p.data, .mc_samples = 3};
    assert_all_ok(tn_eval(predict_comm(), network, 1, &options, &together));
    assert_all_ok(tn_eval(serial, network, 1, &options, &alone));
    assert_same_measures(&together, &alone);
    assert_all_true(together.information > 0);
    tn_measures_clear(&together);
    tn_measures_clear(&alone);
  }
  tn_comm_destroy(&serial);
  predict_case_destroy(&p);
}

/* The loss, the Brier score and the entropies are those of what tn_predict writes for the same members. */
static void test_measures_are_those_of_the_mean(void **state) {
  (void)state;
  predict_case p;
  tn_measures found;
  double loss = 0, brier = 0, total = 0;
  predict_case_create(&p, "softmax_cross_entropy", 2);
  const tn_eval_options options = {.data_file = p.data, .mc_samples = 3};
  assert_all_ok(tn_eval(predict_comm(), p.networks, 2, &options, &found));
  float *output = predicted(&p, p.networks, 2, 3, "/output", CASE_CLASSES);
  float *information = predicted(&p, p.networks, 2, 3, "/mutual_information", 1);
  double mean_information = 0;
  for (int64_t i = 0; i < PREDICT_ROWS; i++) {
    const float *y = output + i * CASE_CLASSES;
    loss -= log((double)y[p.y[i]]) / PREDICT_ROWS;
    total += entropy(y) / PREDICT_ROWS;
    mean_information += (double)information[i] / PREDICT_ROWS;
    for (int k = 0; k < CASE_CLASSES; k++)
      brier += pow((double)y[k] - (k == p.y[i] ? 1 : 0), 2) / PREDICT_ROWS;
  }
  assert_all_near(found.loss, loss, 1e-6); /* a mean of logarithms of floats */
  assert_all_near(found.brier, brier, 1e-6);
  assert_all_near(found.entropy, total, 1e-6);
  assert_all_near(found.information, mean_information, 1e-6);
  tn_measures_clear(&found);
  free(output);
  free(information);
  predict_case_destroy(&p);
}

static void test_measures_of_values(void **state) {
  (void)state;
  predict_case p;
  tn_measures found;
  predict_case_create(&p, "mae", 2);
  const tn_eval_options options = {.data_file = p.data, .y_path = "/test/v"};
  assert_all_ok(tn_eval(predict_comm(), p.networks, 2, &options, &found));
  float *output = predicted(&p, p.networks, 2, 0, "/output", PREDICT_VALUES);
  for (int k = 0; k < PREDICT_VALUES; k++) {
    double mean = 0, error = 0, spread = 0;
    for (int64_t i = 0; i < PREDICT_ROWS; i++)
      mean += (double)p.values[i * PREDICT_VALUES + k] / PREDICT_ROWS;
    for (int64_t i = 0; i < PREDICT_ROWS; i++) {
      const double target = (double)p.values[i * PREDICT_VALUES + k];
      error += pow((double)output[i * PREDICT_VALUES + k] - target, 2);
      spread += pow(target - mean, 2);
    }
    assert_all_near(found.by_output[k].r2, 1 - error / spread, 1e-6); /* outputs are floats around 1 */
    assert_all_near(found.by_output[k].rmse, sqrt(error / PREDICT_ROWS), 1e-6);
  }
  assert_all_near(found.loss, found.mae, 1e-6); /* the loss of the mean, too */
  assert_all_true(isnan(found.entropy) && isnan(found.ece));
  tn_measures_clear(&found);
  free(output);
  predict_case_destroy(&p);
}

static void test_networks_that_do_not_fit_each_other(void **state) {
  (void)state;
  predict_case p;
  tn_measures found;
  predict_case_create(&p, "softmax_cross_entropy", 1);
  const tn_eval_options options = {.data_file = p.data};
  case_set(&p.train, "model.outputs=5");
  assert_all_ok(case_train(&p.train, predict_comm(), "wider", NULL, NULL));
  const char *wider[] = {p.networks[0], case_path(&p.train, "wider/last.h5")};
  assert_all_status(tn_eval(predict_comm(), wider, 2, &options, &found), TN_ERR_USAGE);
  assert_all_message("wider/last.h5: has 7 inputs, 5 outputs and the loss softmax_cross_entropy");
  assert_all_status(tn_predict(predict_comm(), wider, 2, p.data, p.out, NULL, NULL), TN_ERR_USAGE);
  assert_all_status(tn_eval(predict_comm(), wider, 0, &options, &found), TN_ERR_USAGE);
  assert_all_message("no checkpoint");
  const char *absent[] = {p.networks[0], "/nowhere.h5"};
  assert_all_status(tn_eval(predict_comm(), absent, 2, &options, &found), TN_ERR_IO);
  assert_all_message("/nowhere.h5");
  const char *data[] = {p.networks[0], p.data, p.networks[0]};
  assert_all_status(tn_eval(predict_comm(), data, 3, &options, &found), TN_ERR_DAMAGED);
  assert_all_message("rows.h5: does not end as thinnet's files do");
  predict_case_destroy(&p);
}

/* 203 rows in 4 shards of 51: 6 steps an epoch, 18 in all; rates below 2^-17 after some 12 of one step. */
static void test_samples_have_the_rates_of_their_checkpoint(void **state) {
  (void)state;
  predict_case p;
  tn_measures found;
  predict_case_create(&p, "softmax_cross_entropy", 1);
  const tn_eval_options sampled = {.data_file = p.data, .mc_samples = 2};
  case_set(&p.train, "dropout.schedule=anneal");
  case_set(&p.train, "dropout.schedule_steps=100");
  assert_all_ok(case_train(&p.train, predict_comm(), "slow", NULL, NULL));
  const char *slow[] = {case_path(&p.train, "slow/last.h5")};
  assert_all_ok(tn_eval(predict_comm(), slow, 1, &sampled, &found));
  tn_measures_clear(&found);
  case_set(&p.train, "dropout.schedule_steps=1");
  assert_all_ok(case_train(&p.train, predict_comm(), "fast", NULL, NULL));
  const char *fast[] = {case_path(&p.train, "fast/last.h5")};
  assert_all_status(tn_eval(predict_comm(), fast, 1, &sampled, &found), TN_ERR_USAGE);
  assert_all_message("by dropout.schedule = anneal the rates are 0 after its 18 steps");
  predict_case_destroy(&p);
}

static void test_options_that_do_not_fit(void **state) {
  (void)state;
  predict_case p;
  tn_measures found;
  predict_case_create(&p, "softmax_cross_entropy", 1);
  case_set(&p.train, "dropout.hidden=0");
  case_set(&p.train, "dropout.input=0");
  assert_all_ok(case_train(&p.train, predict_comm(), "plain", NULL, NULL));
  const char *plain[] = {p.networks[0], case_path(&p.train, "plain/last.h5")};
  const tn_eval_options sampled = {.data_file = p.data, .mc_samples = 2};
  assert_all_status(tn_eval(predict_comm(), plain, 2, &sampled, &found), TN_ERR_USAGE);
  assert_all_message("plain/last.h5: --mc needs a network that was trained with dropout");
  const tn_eval_options top = {.data_file = p.data, .top = 4};
  assert_all_status(tn_eval(predict_comm(), p.networks, 1, &top, &found), TN_ERR_USAGE);
  assert_all_message("--top 4: the network has 3 classes");
  const tn_predict_options far = {.mc_samples = 1 << 21};
  assert_all_status(tn_predict(predict_comm(), p.networks, 1, p.data, p.out, &far, NULL), TN_ERR_USAGE);
  assert_all_message("--mc 2097152: expected a number of samples from 1 to 2097151");
  predict_case_destroy(&p);
}

static void test_data_are_told_from_what_thinnet_writes(void **state) {
  (void)state;
  predict_case p;
  predict_case_create(&p, "softmax_cross_entropy", 1);
  assert_all_true(tn_is_data_file(test_comm(), p.data));
  assert_all_true(tn_is_data_file(test_comm(), "/nowhere.h5"));
  assert_all_false(tn_is_data_file(test_comm(), p.networks[0]));
  assert_all_false(tn_is_data_file(test_comm(), case_path(&p.train, "run0/metrics.h5")));
  predict_case_destroy(&p);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_mean_of_networks),
      cmocka_unit_test(test_entropies_of_networks),
      cmocka_unit_test(test_samples_of_networks),
      cmocka_unit_test(test_measures_are_the_same_at_any_rank_count),
      cmocka_unit_test(test_samples_of_all_forms_are_the_same_at_any_rank_count),
      cmocka_unit_test(test_measures_are_those_of_the_mean),
      cmocka_unit_test(test_measures_of_values),
      cmocka_unit_test(test_networks_that_do_not_fit_each_other),
      cmocka_unit_test(test_samples_have_the_rates_of_their_checkpoint),
      cmocka_unit_test(test_options_that_do_not_fit),
      cmocka_unit_test(test_data_are_told_from_what_thinnet_writes),
  };
  return mpi_test_run(argc, argv, "ensemble", tests, sizeof tests / sizeof *tests);
}
