/* A restart is invisible: a run stopped anywhere and resumed ends with the digest and the metrics of the run never
 * stopped. */
#include "dist/comm.h"
#include "io/metrics.h"
#include "mpi_test.h"
#include "train_case.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static tn_comm *all_ranks(void) {
  return (tn_comm *)(uintptr_t)test_comm();
}

static bool is_root(void) {
  return tn_comm_rank(test_comm()) == 0;
}

/* Sends this process a signal after so many steps; rank 0 calls it. */
typedef struct interruption {
  int64_t step;
  int signal;
} interruption;

static void interrupt_at_step(void *context, const tn_step_report *report) {
  const interruption *wanted = context;
  if (report->step == wanted->step)
    raise(wanted->signal);
}

static tn_train_options interrupted_by(interruption *wanted, bool resume) {
  return (tn_train_options){
      .resume = resume, .handle_signals = true, .observer = {.context = wanted, .on_step = interrupt_at_step}};
}

static bool same_or_both_nan(double a, double b) {
  return a == b || (isnan(a) && isnan(b));
}

static bool same_epochs(const tn_metrics *a, const tn_metrics *b) {
  bool same = tn_metrics_epoch_count(a) == tn_metrics_epoch_count(b);
  for (int64_t i = 0; same && i < tn_metrics_epoch_count(a); i++) {
    const tn_epoch_row *x = tn_metrics_epochs(a) + i;
    const tn_epoch_row *y = tn_metrics_epochs(b) + i;
    same = x->epoch == y->epoch && x->step == y->step && x->train_loss == y->train_loss &&
           same_or_both_nan(x->train_accuracy, y->train_accuracy) && same_or_both_nan(x->valid_loss, y->valid_loss) &&
           same_or_both_nan(x->valid_accuracy, y->valid_accuracy) && x->learning_rate == y->learning_rate;
  }
  return same;
}

static bool same_rates(const tn_metrics *a, const tn_metrics *b) {
  int places = 0;
  int other = 0;
  const double *x = tn_metrics_rates(a, &places);
  const double *y = tn_metrics_rates(b, &other);
  return places == other &&
         (places == 0 || memcmp(x, y, (size_t)(tn_metrics_epoch_count(a) * places) * sizeof *x) == 0);
}

static bool same_steps(const tn_metrics *a, const tn_metrics *b) {
  bool same = tn_metrics_step_count(a) == tn_metrics_step_count(b);
  for (int64_t i = 0; same && i < tn_metrics_step_count(a); i++)
    same = memcmp(tn_metrics_steps(a) + i, tn_metrics_steps(b) + i, sizeof(tn_step_row)) == 0;
  return same;
}

/* Rank 0 compares the metrics of two folders, timings aside. */
static void check_same_metrics(const train_case *c, const char *a_dir, const char *b_dir) {
  bool same = true;
  if (is_root()) {
    char name[300];
    tn_metrics *a = NULL;
    tn_metrics *b = NULL;
    snprintf(name, sizeof name, "%s/metrics.h5", a_dir);
    same = tn_metrics_read(&a, case_path(c, name), INT64_MAX, INT64_MAX) == TN_OK;
    snprintf(name, sizeof name, "%s/metrics.h5", b_dir);
    same = same && tn_metrics_read(&b, case_path(c, name), INT64_MAX, INT64_MAX) == TN_OK;
    same = same && tn_metrics_epoch_count(a) > 0 && tn_metrics_step_count(a) > 0 && same_epochs(a, b) &&
           same_rates(a, b) && same_steps(a, b);
    tn_metrics_destroy(&a);
    tn_metrics_destroy(&b);
  }
  assert_all_true(same);
}

/* Stops after each of some steps, and goes on, until the run is done. */
static void check_interrupted(train_case *c, int signal) {
  /* A request rides on the next step's reduction: it stops the run one step later. 6 steps make an epoch. */
  static const int64_t stops[] = {1, 3, 5, 7, 11};
  tn_train_result whole;
  tn_train_result parts;
  assert_all_ok(case_train(c, all_ranks(), "whole", NULL, &whole));
  for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
    interruption wanted = {.step = stops[i], .signal = signal};
    const tn_train_options options = interrupted_by(&wanted, true);
    assert_all_status(case_train(c, all_ranks(), "parts", &options, &parts), TN_STOPPED);
    assert_all_int_equal(parts.steps, stops[i] + 1);
  }
  const tn_train_options resume = {.resume = true};
  assert_all_ok(case_train(c, all_ranks(), "parts", &resume, &parts));
  assert_all_memory_equal(parts.digest, whole.digest, sizeof whole.digest);
  assert_all_int_equal(parts.epochs, whole.epochs);
  assert_all_int_equal(parts.best_epoch, whole.best_epoch);
  check_same_metrics(c, "whole", "parts");
}

static void check_settings(const char *const *settings, int signal) {
  train_case c;
  case_create(&c);
  for (; *settings; settings++)
    case_set(&c, *settings);
  check_interrupted(&c, signal);
  case_destroy(&c);
}

#define CHECK(signal, ...) check_settings((const char *const[]){__VA_ARGS__, NULL}, signal)

static void test_stopped_and_resumed_exact(void **state) {
  (void)state;
  CHECK(SIGUSR1, "train.optimizer=adam");
  CHECK(SIGTERM, "train.optimizer=sgd", "train.momentum=0.9", "data.placement=rank");
  CHECK(SIGUSR1, "dropout.kind=dropconnect");
  CHECK(SIGUSR1, "dropout.kind=standout", "dropout.hidden=0");
  CHECK(SIGUSR1, "dropout.schedule=curriculum", "dropout.schedule_steps=8");
  CHECK(SIGUSR1, "dropout.rate=learned", "dropout.length_scale=0.5");
  CHECK(SIGUSR1, "augment.noise=0.1", "augment.shape=7x1x1", "augment.shift=0.5", "augment.mixup=0.3");
  CHECK(SIGUSR1, "model.batch_norm=yes", "model.norm_momentum=0.8");
  CHECK(SIGUSR1, "model.batch_norm=yes", "model.batch_norm_sync=yes");
  CHECK(SIGUSR1, "schedule.kind=plateau", "schedule.patience=1", "train.learning_rate=0.5");
  CHECK(SIGUSR1, "early_stopping.monitor=valid_loss", "early_stopping.patience=1", "train.learning_rate=0.2");
}

static void test_stopped_and_resumed_float(void **state) {
  (void)state;
  CHECK(SIGUSR1, "parallel.reduction=float", "data.shuffle=shard");
}

/* A request that comes before the first step, here with the first words about the network, is not lost. */
static void interrupt_before_steps(void *context, const char *text) {
  (void)text;
  interruption *wanted = context;
  if (wanted->step == 0)
    raise(wanted->signal);
}

static void test_stopped_before_the_first_step(void **state) {
  (void)state;
  train_case c;
  tn_train_result result;
  case_create(&c);
  interruption wanted = {.signal = SIGUSR1};
  const tn_train_options options = {.handle_signals = true,
                                    .observer = {.context = &wanted, .on_text = interrupt_before_steps}};
  assert_all_status(case_train(&c, all_ranks(), "run", &options, &result), TN_STOPPED);
  assert_all_int_equal(result.steps, 1);
  case_destroy(&c);
}

/* Resumed on one rank, and back: exact mode does not care. */
static void test_resumed_on_another_rank_count(void **state) {
  (void)state;
  train_case c;
  tn_train_result whole;
  tn_train_result parts;
  tn_comm *serial = NULL;
  case_create(&c);
  assert_all_ok(tn_comm_create_serial(&serial));
  assert_all_ok(case_train(&c, all_ranks(), "whole", NULL, &whole));
  interruption wanted = {.step = 4, .signal = SIGUSR1};
  const tn_train_options first = interrupted_by(&wanted, false);
  assert_all_status(case_train(&c, all_ranks(), "parts", &first, &parts), TN_STOPPED);
  if (is_root()) {
    wanted.step = 9;
    const tn_train_options second = interrupted_by(&wanted, true);
    case_train(&c, serial, "parts", &second, &parts);
  }
  tn_comm_barrier(test_comm());
  assert_all_true(!is_root() || parts.steps == 10);
  const tn_train_options last = {.resume = true};
  assert_all_ok(case_train(&c, all_ranks(), "parts", &last, &parts));
  assert_all_memory_equal(parts.digest, whole.digest, sizeof whole.digest);
  check_same_metrics(&c, "whole", "parts");
  tn_comm_destroy(&serial);
  case_destroy(&c);
}

/* Rows of the same shape that are others. */
static void test_other_rows(void **state) {
  (void)state;
  train_case c;
  tn_train_result result;
  case_create(&c);
  const tn_train_options resume = {.resume = true};
  assert_all_ok(case_train(&c, all_ranks(), "run", NULL, &result));
  case_set(&c, "train.epochs=5");
  const float before = c.storage[0];
  c.storage[0] += 1.0F;
  assert_all_status(case_train(&c, all_ranks(), "run", &resume, &result), TN_ERR_DATA);
  assert_all_message("--resume: the training or validation rows are not those that the run was started with");
  c.storage[0] = before;
  assert_all_ok(case_train(&c, all_ranks(), "run", &resume, &result));
  case_destroy(&c);
}

/* A run of 3 epochs that is given 5 later is a run of 5. */
static void test_more_epochs(void **state) {
  (void)state;
  train_case c;
  tn_train_result whole;
  tn_train_result parts;
  case_create(&c);
  const tn_train_options resume = {.resume = true};
  assert_all_ok(case_train(&c, all_ranks(), "parts", NULL, &parts));
  assert_all_ok(case_train(&c, all_ranks(), "parts", &resume, &parts));
  assert_all_true(parts.already_finished);
  case_set(&c, "train.epochs=5");
  assert_all_ok(case_train(&c, all_ranks(), "whole", NULL, &whole));
  assert_all_ok(case_train(&c, all_ranks(), "parts", &resume, &parts));
  assert_all_false(parts.already_finished);
  assert_all_memory_equal(parts.digest, whole.digest, sizeof whole.digest);
  case_destroy(&c);
}

/* Inverts one byte in the middle of a file. */
static void damage(const char *path) {
  if (!is_root())
    return;
  unsigned char byte = 0;
  const int file = open(path, O_RDWR);
  const off_t middle = lseek(file, 0, SEEK_END) / 2;
  if (pread(file, &byte, 1, middle) == 1) {
    byte = (unsigned char)~byte;
    if (pwrite(file, &byte, 1, middle) != 1)
      perror(path);
  }
  close(file);
}

static void test_damaged_checkpoints(void **state) {
  (void)state;
  train_case c;
  tn_train_result whole;
  tn_train_result parts;
  case_create(&c);
  interruption wanted = {.step = 8, .signal = SIGUSR1};
  const tn_train_options first = interrupted_by(&wanted, false);
  const tn_train_options resume = {.resume = true};
  assert_all_ok(case_train(&c, all_ranks(), "whole", NULL, &whole));
  assert_all_status(case_train(&c, all_ranks(), "parts", &first, &parts), TN_STOPPED);
  damage(case_path(&c, "parts/step-00000009.h5")); /* last.h5 is the same file by another name */
  tn_comm_barrier(test_comm());
  assert_all_ok(case_train(&c, all_ranks(), "parts", &resume, &parts)); /* from step 6 */
  assert_all_memory_equal(parts.digest, whole.digest, sizeof whole.digest);
  check_same_metrics(&c, "whole", "parts");
  damage(case_path(&c, "parts/step-00000012.h5"));
  damage(case_path(&c, "parts/step-00000018.h5"));
  tn_comm_barrier(test_comm());
  assert_all_status(case_train(&c, all_ranks(), "parts", &resume, &parts), TN_ERR_DAMAGED);
  assert_all_message("none of the");
  case_destroy(&c);
}

static void test_periodic_checkpoints_are_kept_and_removed(void **state) {
  (void)state;
  train_case c;
  case_create(&c);
  case_set(&c, "output.checkpoint_every_steps=2");
  case_set(&c, "output.keep=3");
  assert_all_ok(case_train(&c, all_ranks(), "run", NULL, NULL));
  static const struct {
    const char *name;
    bool there;
  } files[] = {{"run/step-00000018.h5", true},  {"run/step-00000016.h5", true}, {"run/step-00000014.h5", true},
               {"run/step-00000012.h5", false}, {"run/last.h5", true},          {"run/best.h5", true},
               {"run/metrics.h5", true},        {"run/config.ini", true},       {"run/owner", false}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    assert_all_int_equal(access(case_path(&c, files[i].name), F_OK) == 0, files[i].there);
  case_destroy(&c);
}

/* SIGUSR2: a checkpoint, and on. */
static void test_checkpoint_on_request(void **state) {
  (void)state;
  train_case c;
  tn_train_result result;
  case_create(&c);
  case_set(&c, "output.checkpoint_every_epochs=100");
  interruption wanted = {.step = 4, .signal = SIGUSR2};
  const tn_train_options options = interrupted_by(&wanted, false);
  assert_all_ok(case_train(&c, all_ranks(), "run", &options, &result));
  assert_all_int_equal(access(case_path(&c, "run/step-00000005.h5"), F_OK), 0);
  case_destroy(&c);
}

static void test_time_limit(void **state) {
  (void)state;
  train_case c;
  tn_train_result result;
  case_create(&c);
  case_set(&c, "train.time_limit=0.000001");
  assert_all_status(case_train(&c, all_ranks(), "run", NULL, &result), TN_STOPPED);
  assert_all_message("train.time_limit");
  assert_all_int_equal(result.steps, 1);
  case_set(&c, "train.time_limit=0");
  const tn_train_options resume = {.resume = true};
  assert_all_ok(case_train(&c, all_ranks(), "run", &resume, &result));
  assert_all_int_equal(result.epochs, 3);
  case_destroy(&c);
}

static void test_restore_best(void **state) {
  (void)state;
  train_case c;
  tn_train_result result;
  tn_model *best = NULL;
  tn_model *last = NULL;
  case_create(&c);
  case_set(&c, "early_stopping.monitor=valid_loss");
  case_set(&c, "early_stopping.patience=2");
  case_set(&c, "early_stopping.restore_best=yes");
  case_set(&c, "train.learning_rate=0.3");
  case_set(&c, "train.epochs=30");
  assert_all_ok(case_train(&c, all_ranks(), "run", NULL, &result));
  assert_all_true(result.stopped_early);
  assert_all_true(result.best_epoch == result.epochs - 2);
  assert_all_ok(tn_model_load(&best, case_path(&c, "run/best.h5")));
  assert_all_ok(tn_model_load(&last, case_path(&c, "run/last.h5")));
  assert_all_memory_equal(tn_model_digest(best), result.digest, 32);
  assert_all_memory_equal(tn_model_digest(last), result.digest, 32);
  tn_model_destroy(&best);
  tn_model_destroy(&last);
  case_destroy(&c);
}

/* Each setting is refused with a message that names what of first/last.h5 does not fit. */
static void check_init_refused(train_case *c, const char *path, const char *setting, const char *message) {
  tn_train_result result;
  const tn_train_options init = {.init_checkpoint = path};
  const tn_config kept = c->config;
  case_set(c, setting);
  assert_all_status(case_train(c, all_ranks(), "refused", &init, &result), TN_ERR_CONFIG);
  assert_all_message(message);
  c->config = kept;
}

static void test_init_from_another_network(void **state) {
  (void)state;
  train_case c;
  tn_train_result result;
  char path[512];
  case_create(&c);
  case_set(&c, "train.epochs=1");
  case_set(&c, "dropout.hidden=0");
  assert_all_ok(case_train(&c, all_ranks(), "plain", NULL, &result));
  snprintf(path, sizeof path, "%s", case_path(&c, "plain/last.h5"));
  check_init_refused(&c, path, "model.batch_norm=yes",
                     "plain/last.h5: holds no /model/layer1/gain (1 x 60), which this network has: write "
                     "model.batch_norm and model.layer_norm as in the run of that checkpoint");
  check_init_refused(&c, path, "model.hidden=60,70,80", "/model/layer3/weight is 70 x 3, but 70 x 80 in this network");
  check_init_refused(&c, path, "model.outputs=4",
                     "/model/layer3/weight is 70 x 3, but 70 x 4 in this network: write model.outputs as in the run");
  case_set(&c, "model.batch_norm=yes");
  assert_all_ok(case_train(&c, all_ranks(), "normal", NULL, &result));
  snprintf(path, sizeof path, "%s", case_path(&c, "normal/last.h5"));
  case_set(&c, "model.batch_norm=no");
  check_init_refused(&c, path, "model.batch_norm=no",
                     "normal/last.h5: holds /model/layer1/gain (1 x 60), which this network does not have: write "
                     "model.batch_norm and model.layer_norm");
  check_init_refused(&c, path, "model.layer_norm=yes",
                     "holds /model/layer1/running_mean (1 x 60), which this network does not have: write "
                     "model.batch_norm as in the run");
  case_destroy(&c);
}

static void test_init_from_another_run(void **state) {
  (void)state;
  train_case c;
  tn_train_result first;
  tn_train_result second;
  case_create(&c);
  assert_all_ok(case_train(&c, all_ranks(), "first", NULL, &first));
  char path[512];
  snprintf(path, sizeof path, "%s", case_path(&c, "first/last.h5"));
  const tn_train_options init = {.init_checkpoint = path};
  case_set(&c, "train.learning_rate=0");
  assert_all_ok(case_train(&c, all_ranks(), "second", &init, &second));
  assert_all_memory_equal(second.digest, first.digest, sizeof first.digest); /* learning rate 0: nothing moves */
  case_set(&c, "model.hidden=12,8");
  assert_all_status(case_train(&c, all_ranks(), "third", &init, &second), TN_ERR_CONFIG);
  assert_all_message("/model/layer1/weight is 7 x 60, but 7 x 12 in this network: write model.hidden as in the run");
  case_destroy(&c);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_stopped_and_resumed_exact),
      cmocka_unit_test(test_stopped_and_resumed_float),
      cmocka_unit_test(test_stopped_before_the_first_step),
      cmocka_unit_test(test_resumed_on_another_rank_count),
      cmocka_unit_test(test_other_rows),
      cmocka_unit_test(test_more_epochs),
      cmocka_unit_test(test_damaged_checkpoints),
      cmocka_unit_test(test_periodic_checkpoints_are_kept_and_removed),
      cmocka_unit_test(test_checkpoint_on_request),
      cmocka_unit_test(test_time_limit),
      cmocka_unit_test(test_restore_best),
      cmocka_unit_test(test_init_from_another_run),
      cmocka_unit_test(test_init_from_another_network),
  };
  return mpi_test_run(argc, argv, "train_restart", tests, sizeof tests / sizeof *tests);
}
