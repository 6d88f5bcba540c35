#include "predict_case.h"

#include "dist/comm.h"
#include "io/outfile.h"
#include "io/table.h"
#include "mpi_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

tn_comm *predict_comm(void) {
  return (tn_comm *)(uintptr_t)test_comm();
}

static tn_status write_data(const predict_case *p) {
  const tn_out_dataset datasets[] = {
      {.path = "/test/x", .type = TN_OUT_F32, .rank = 2, .rows = PREDICT_ROWS, .cols = CASE_INPUTS},
      {.path = "/test/y", .type = TN_OUT_I32, .rank = 1, .rows = PREDICT_ROWS, .cols = 1},
      {.path = "/test/v", .type = TN_OUT_F32, .rank = 2, .rows = PREDICT_ROWS, .cols = PREDICT_VALUES}};
  const void *contents[] = {p->x, p->y, p->values};
  tn_outfile *file = NULL;
  tn_status status = tn_outfile_create(&file, p->data, datasets, 3, true);
  for (int i = 0; i < 3 && status == TN_OK; i++)
    status = tn_outfile_write(file, i, 0, PREDICT_ROWS, contents[i]);
  return status == TN_OK ? tn_outfile_commit(&file) : status;
}

/* Rows of the training set over and over, with labels of their own. */
static void fill_data(predict_case *p) {
  for (int64_t i = 0; i < PREDICT_ROWS; i++)
    p->y[i] = (int32_t)(i % CASE_CLASSES);
  for (int64_t i = 0; i < PREDICT_ROWS * CASE_INPUTS; i++)
    p->x[i] = p->train.train.x[i % (CASE_ROWS * CASE_INPUTS)];
  for (int64_t i = 0; i < PREDICT_ROWS * PREDICT_VALUES; i++)
    p->values[i] = p->train.train.values[i % (CASE_ROWS * PREDICT_VALUES)];
}

static void train_networks(predict_case *p, int count) {
  for (int i = 0; i < count; i++) {
    char name[32], seed[32];
    snprintf(name, sizeof name, "run%d", i);
    snprintf(seed, sizeof seed, "train.seed=%d", i + 1);
    case_set(&p->train, seed);
    case_set(&p->train, i == 0 ? "data.standardize=yes" : "data.standardize=no");
    assert_all_ok(case_train(&p->train, predict_comm(), name, NULL, NULL));
    snprintf(p->paths[i], sizeof p->paths[i], "%s/last.h5", case_path(&p->train, name));
    p->networks[i] = p->paths[i];
  }
}

void predict_case_create(predict_case *p, const char *loss, int count) {
  char assignment[64];
  *p = (predict_case){.x = calloc(PREDICT_ROWS * CASE_INPUTS, sizeof *p->x),
                      .y = calloc(PREDICT_ROWS, sizeof *p->y),
                      .values = calloc(PREDICT_ROWS * PREDICT_VALUES, sizeof *p->values)};
  assert_all_true(p->x && p->y && p->values);
  case_create(&p->train);
  snprintf(p->data, sizeof p->data, "%s", case_path(&p->train, "rows.h5"));
  snprintf(p->out, sizeof p->out, "%s", case_path(&p->train, "out.h5"));
  fill_data(p);
  snprintf(assignment, sizeof assignment, "model.loss=%s", loss);
  case_set(&p->train, assignment);
  if (p->train.config.model.loss != TN_SOFTMAX_CROSS_ENTROPY)
    case_use_values(&p->train);
  train_networks(p, count);
  predict_case_write(p);
}

void predict_case_write(const predict_case *p) {
  assert_all_ok(tn_comm_rank(test_comm()) == 0 ? write_data(p) : TN_OK);
}

void predict_case_destroy(predict_case *p) {
  free(p->x);
  free(p->y);
  free(p->values);
  case_destroy(&p->train);
}

float *predict_case_read(const char *file, const char *path, int64_t cols) {
  tn_table *table = NULL;
  float *values = calloc((size_t)(PREDICT_ROWS * cols), sizeof *values);
  tn_status status = tn_table_open(&table, file, path);
  if (status == TN_OK && (table->rows != PREDICT_ROWS || table->cols != cols))
    status = TN_ERR_DATA;
  if (status == TN_OK)
    status = tn_table_read_values(table, 0, PREDICT_ROWS, -INFINITY, INFINITY, values);
  tn_table_close(&table);
  assert_all_ok(status);
  return values;
}
