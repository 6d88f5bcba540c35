/* Trained networks, and a file with more rows than a rank computes at a time. */
#ifndef TESTS_PREDICT_CASE_H
#define TESTS_PREDICT_CASE_H

#include "train_case.h"

#define PREDICT_ROWS         5000 /* 19 blocks of 256 and a short one, 3 chunks */
#define PREDICT_VALUES       2
#define PREDICT_NETWORKS_MAX 3

typedef struct predict_case {
  train_case train;
  char paths[PREDICT_NETWORKS_MAX][512], data[512], out[512];
  const char *networks[PREDICT_NETWORKS_MAX]; /* checkpoints; they differ in their seeds, the first also in that it
                                               * standardizes its input */
  float *x;                                   /* (PREDICT_ROWS, CASE_INPUTS), /test/x of `data` */
  int32_t *y;                                 /* (PREDICT_ROWS), /test/y */
  float *values;                              /* (PREDICT_ROWS, PREDICT_VALUES), /test/v */
} predict_case;

/* With `count` networks, of the loss whose word is given. Collective over the test's communicator. */
void predict_case_create(predict_case *p, const char *loss, int count);
void predict_case_destroy(predict_case *p);

/* Writes `data` anew, with rows that have been changed. Collective. */
void predict_case_write(const predict_case *p);

/* A float dataset (PREDICT_ROWS, cols) of a file that tn_predict wrote, to be freed. Collective. */
float *predict_case_read(const char *file, const char *path, int64_t cols);

/* The test's communicator, as the library takes it. */
tn_comm *predict_comm(void);

#endif
