/* Small trainings for tests: data made from a formula, a configuration to vary, a folder that goes away. */
#ifndef TESTS_TRAIN_CASE_H
#define TESTS_TRAIN_CASE_H

#include <thinnet/thinnet.h>

#define CASE_ROWS       203 /* not a multiple of anything that the tests use */
#define CASE_VALID_ROWS 301
#define CASE_INPUTS     7
#define CASE_CLASSES    3

typedef struct train_case {
  tn_config config;
  tn_arrays train, valid;
  float *storage;
  int32_t *labels;
  char folder[256]; /* of this rank count and process group; removed at the end */
} train_case;

/* Three classes of noisy rows, a network 7-60-70-3 with dropout, 4 replicas, exact reduction, 3 epochs. The same on
 * every rank. Collective over the test's communicator. */
void case_create(train_case *c);
void case_destroy(train_case *c);

/* Sets one key, and asserts that it could be set. */
void case_set(train_case *c, const char *assignment);

/* The same for each of them, up to NULL. */
void case_set_all(train_case *c, const char *const *assignments);

/* Makes the targets two values a row, for the regression losses. */
void case_use_values(train_case *c);

/* Trains over `comm`; the folder is used where `dir` is not NULL (a name inside the case's folder). */
tn_status case_train(train_case *c, tn_comm *comm, const char *dir, const tn_train_options *options,
                     tn_train_result *result);

/* A path inside the case's folder; the string lives until the next call. */
const char *case_path(const train_case *c, const char *name);

#endif
