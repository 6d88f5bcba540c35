/* Learned rates in a run: where they go, and where they are to be found. That they are the same on any number of ranks
 * is for test_train_ranks.c, that a restart does not show for test_train_restart.c. */
#include "dist/comm.h"
#include "io/checkpoint.h"
#include "io/metrics.h"
#include "mpi_test.h"
#include "nn/dropout.h"
#include "train_case.h"

#include <math.h>
#include <string.h>

enum { PLACES = 3, EPOCHS = 30 };

static tn_comm *all_ranks(void) {
  return (tn_comm *)(uintptr_t)test_comm();
}

/* The rates of the last checkpoint, and whether the last row of the metrics has the same. Rank 0. */
static bool read_rates(const train_case *c, double rates[PLACES]) {
  tn_checkpoint *checkpoint = NULL;
  tn_metrics *metrics = NULL;
  int places = 0;
  bool good = tn_checkpoint_read(&checkpoint, case_path(c, "run/last.h5")) == TN_OK &&
              tn_metrics_read(&metrics, case_path(c, "run/metrics.h5"), INT64_MAX, INT64_MAX) == TN_OK;
  const double *column = good ? tn_metrics_rates(metrics, &places) : NULL;
  good = good && places == PLACES && tn_metrics_epoch_count(metrics) == EPOCHS;
  for (int i = 0; i < PLACES && good; i++) {
    rates[i] = tn_dropout_rate(checkpoint->network, i, 0);
    good = rates[i] == column[(EPOCHS - 1) * PLACES + i] && (i == 0 || rates[i] != column[i]);
  }
  tn_checkpoint_destroy(&checkpoint);
  tn_metrics_destroy(&metrics);
  return good;
}

/* Trains from 0.1 at the input and 0.4 and 0.2 behind the hidden layers. */
static void train_rates(const char *entropy_weight, double rates[PLACES]) {
  train_case c;
  tn_train_result result;
  case_create(&c);
  case_set(&c, "dropout.rate=learned");
  case_set(&c, "train.epochs=30");
  case_set(&c, "train.learning_rate=0.05");
  case_set(&c, entropy_weight);
  assert_all_ok(case_train(&c, all_ranks(), "run", NULL, &result));
  const bool is_root = tn_comm_rank(test_comm()) == 0;
  assert_all_true(!is_root || read_rates(&c, rates));
  tn_comm_broadcast(test_comm(), rates, PLACES * (int64_t)sizeof *rates, 0);
  assert_all_true(result.valid_loss < log(CASE_CLASSES)); /* better than chance */
  case_destroy(&c);
}

/* The entropy is greatest at 1/2, the classes are easiest to tell without noise. */
static void test_rates_go_where_the_loss_falls(void **state) {
  (void)state;
  double free_rates[PLACES], pulled[PLACES];
  train_rates("dropout.entropy_weight=0", free_rates);
  train_rates("dropout.entropy_weight=300", pulled);
  assert_all_true(free_rates[0] < 0.1 && free_rates[1] < 0.4 && free_rates[2] < 0.2);
  for (int i = 0; i < PLACES; i++)
    assert_all_near(pulled[i], 0.5, 0.05);
}

/* What the network was configured with has no say once it is trained: samples drop with the rates of the checkpoint. */
static void test_a_place_of_rate_0_stays_so(void **state) {
  (void)state;
  train_case c;
  tn_checkpoint *checkpoint = NULL;
  case_create(&c);
  case_set(&c, "dropout.rate=learned");
  case_set(&c, "dropout.input=0");
  case_set(&c, "dropout.hidden=0,0.3");
  assert_all_ok(case_train(&c, all_ranks(), "run", NULL, NULL));
  assert_all_ok(tn_checkpoint_read(&checkpoint, case_path(&c, "run/last.h5")));
  assert_all_true(tn_dropout_rate(checkpoint->network, 0, 0) == 0 && tn_dropout_rate(checkpoint->network, 1, 0) == 0);
  assert_all_true(tn_dropout_rate(checkpoint->network, 2, 0) > 0 && tn_dropout_rate(checkpoint->network, 2, 0) != 0.3);
  tn_checkpoint_destroy(&checkpoint);
  case_destroy(&c);
}

/* Values of a tensor of a checkpoint that was read; NULL where there is none. */
static const float *values_of(const tn_checkpoint *checkpoint, const char *name) {
  for (int t = 0; t < checkpoint->network->tensor_count; t++)
    if (strcmp(checkpoint->network->tensors[t].name, name) == 0)
      return checkpoint->parameters + checkpoint->network->tensors[t].offset;
  return NULL;
}

/* What a run says of learned rates at its start, a line behind the other. */
typedef struct said {
  char text[2048];
} said;

static void note_text(void *context, const char *line) {
  said *noted = context;
  if (strstr(line, "rate_logit"))
    strncat(noted->text, line, sizeof noted->text - strlen(noted->text) - 1);
}

/* Trains from first/last.h5 without moving anything: the rates that the run begins with, and what it said of them. */
static void init_from_first(const char *const *settings, double rates[PLACES], said *noted) {
  train_case c;
  tn_checkpoint *first = NULL;
  tn_checkpoint *second = NULL;
  case_create(&c);
  case_set(&c, "dropout.rate=learned");
  case_set(&c, "dropout.hidden=0");
  case_set(&c, "train.epochs=1");
  assert_all_ok(case_train(&c, all_ranks(), "first", NULL, NULL)); /* learns the input's rate, from 0.1 on */
  char path[512];
  snprintf(path, sizeof path, "%s", case_path(&c, "first/last.h5"));
  *noted = (said){0};
  const tn_train_options init = {.init_checkpoint = path, .observer = {.context = noted, .on_text = note_text}};
  case_set(&c, "train.learning_rate=0");
  case_set_all(&c, settings);
  assert_all_ok(case_train(&c, all_ranks(), "second", &init, NULL));
  assert_all_ok(tn_checkpoint_read(&first, path));
  assert_all_ok(tn_checkpoint_read(&second, case_path(&c, "second/last.h5")));
  assert_all_true(
      memcmp(values_of(first, "layer2/weight"), values_of(second, "layer2/weight"), sizeof(float) * 60 * 70) == 0);
  for (int i = 0; i < PLACES; i++)
    rates[i] = tn_dropout_rate(second->network, i, 0);
  tn_checkpoint_destroy(&first);
  tn_checkpoint_destroy(&second);
  case_destroy(&c);
}

#define INIT(rates, noted, ...) init_from_first((const char *const[]){__VA_ARGS__, NULL}, rates, noted)

/* All logits have one shape: their names alone tell them apart. */
static void test_init_takes_rates_by_their_places(void **state) {
  (void)state;
  const bool is_root = tn_comm_rank(test_comm()) == 0;
  double rates[PLACES];
  said noted;
  INIT(rates, &noted, "train.seed=1");
  assert_all_true(rates[0] != 0.1 && fabs(rates[0] - 0.1) < 0.05 && rates[1] == 0 && rates[2] == 0);
  assert_all_true(strlen(noted.text) == 0);
  INIT(rates, &noted, "dropout.input=0", "dropout.hidden=0,0.3");
  assert_all_true(rates[0] == 0 && rates[1] == 0 && fabs(rates[2] - 0.3) < 1e-6);
  assert_all_true(!is_root || (strstr(noted.text, "holds no /model/layer2/rate_logit: this rate starts at 0.3,") &&
                               strstr(noted.text, "/model/input/rate_logit, a learned rate of 0.")));
  INIT(rates, &noted, "dropout.rate=fixed", "dropout.input=0.2");
  assert_all_true(rates[0] == 0.2 && rates[1] == 0);
  assert_all_true(!is_root || strstr(noted.text, "is left: this run does not learn it"));
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rates_go_where_the_loss_falls),
      cmocka_unit_test(test_a_place_of_rate_0_stays_so),
      cmocka_unit_test(test_init_takes_rates_by_their_places),
  };
  return mpi_test_run(argc, argv, "train_learned", tests, sizeof tests / sizeof *tests);
}
