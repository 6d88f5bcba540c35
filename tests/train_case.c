#include "train_case.h"

#include "dist/comm.h"
#include "mpi_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A number in (-1, 1) that looks random, the same everywhere. */
static float noise(int64_t i) {
  return (float)sin(12.9898 * (double)i + 78.233 * cos((double)i));
}

static void fill_rows(float *x, float *values, int32_t *labels, int64_t rows, int64_t first) {
  for (int64_t i = 0; i < rows; i++) {
    labels[i] = (int32_t)((first + i) % CASE_CLASSES);
    for (int64_t j = 0; j < CASE_INPUTS; j++)
      x[i * CASE_INPUTS + j] = (float)(j % CASE_CLASSES == labels[i]) + 0.8F * noise((first + i) * CASE_INPUTS + j);
    values[2 * i] = x[i * CASE_INPUTS] - x[i * CASE_INPUTS + 1];
    values[2 * i + 1] = 0.5F * x[i * CASE_INPUTS + 2];
  }
}

static tn_arrays make_arrays(float *storage, int32_t *labels, int64_t rows, int64_t first) {
  float *values = storage + rows * CASE_INPUTS;
  fill_rows(storage, values, labels, rows, first);
  return (tn_arrays){
      .rows = rows, .inputs = CASE_INPUTS, .x = storage, .labels = labels, .values = values, .value_cols = 2};
}

static void make_folder(train_case *c) {
  const char *parent = getenv("TMPDIR");
  if (tn_comm_rank(test_comm()) == 0)
    snprintf(c->folder, sizeof c->folder, "%s/thinnet-train-%ld", parent ? parent : "/tmp", (long)getpid());
  tn_comm_broadcast(test_comm(), c->folder, (int64_t)sizeof c->folder, 0);
  if (tn_comm_rank(test_comm()) == 0)
    mkdir(c->folder, 0700);
  tn_comm_barrier(test_comm());
}

void case_create(train_case *c) {
  const int64_t rows = CASE_ROWS + CASE_VALID_ROWS;
  *c = (train_case){.storage = calloc((size_t)(rows * (CASE_INPUTS + 2)), sizeof(float)),
                    .labels = calloc((size_t)rows, sizeof(int32_t))};
  assert_all_true(c->storage && c->labels);
  c->train = make_arrays(c->storage, c->labels, CASE_ROWS, 0);
  c->valid = make_arrays(c->storage + CASE_ROWS * (CASE_INPUTS + 2), c->labels + CASE_ROWS, CASE_VALID_ROWS, 1000);
  make_folder(c);
  tn_config_defaults(&c->config);
  case_set(c, "model.hidden=60,70"); /* three shares of TN_SHARE_STEP: ranks of a team have some of their own */
  case_set(c, "dropout.hidden=0.4,0.2");
  case_set(c, "dropout.input=0.1");
  case_set(c, "train.epochs=3");
  case_set(c, "train.batch_size=10");
  case_set(c, "train.learning_rate=0.01");
  case_set(c, "parallel.replicas=4");
  case_set(c, "parallel.reduction=exact");
  case_set(c, "output.step_metrics_every=1");
}

void case_destroy(train_case *c) {
  char command[512];
  tn_comm_barrier(test_comm());
  snprintf(command, sizeof command, "rm -rf '%s'", c->folder);
  if (tn_comm_rank(test_comm()) == 0 && system(command) != 0)
    fprintf(stderr, "could not remove %s\n", c->folder);
  free(c->storage);
  free(c->labels);
}

void case_set(train_case *c, const char *assignment) {
  assert_all_ok(tn_config_set(&c->config, assignment));
}

void case_set_all(train_case *c, const char *const *assignments) {
  for (; *assignments; assignments++)
    case_set(c, *assignments);
}

void case_use_values(train_case *c) {
  c->train.labels = NULL;
  c->valid.labels = NULL;
}

const char *case_path(const train_case *c, const char *name) {
  static char path[512];
  snprintf(path, sizeof path, "%s/%s", c->folder, name);
  return path;
}

tn_status case_train(train_case *c, tn_comm *comm, const char *dir, const tn_train_options *options,
                     tn_train_result *result) {
  tn_train_options given = options ? *options : (tn_train_options){0};
  given.train = &c->train;
  given.valid = &c->valid;
  snprintf(c->config.output.dir, sizeof c->config.output.dir, "%s", dir ? case_path(c, dir) : "");
  return tn_train(comm, &c->config, &given, result);
}
