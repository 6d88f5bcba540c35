/* Trains from arrays in memory, under MPI: mpirun -n 2 ./train */
#include <stdio.h>
#include <stdlib.h>
#include <thinnet/thinnet.h>

#define ROWS 1024

/* Points of a square; the class says whether the coordinates have the same sign, which no linear model learns. */
static void make_rows(float *x, int32_t *labels) {
  for (int row = 0; row < ROWS; row++) {
    x[2 * row] = (float)(row % 32) / 16 - 0.97f;
    x[2 * row + 1] = (float)(row / 32) / 16 - 0.97f;
    labels[row] = x[2 * row] * x[2 * row + 1] > 0;
  }
}

int main(int argc, char **argv) {
  static float x[2 * ROWS];
  static int32_t labels[ROWS];
  static tn_config config;
  tn_comm *comm = NULL;
  tn_train_result result = {0};
  make_rows(x, labels);
  const tn_arrays rows = {.rows = ROWS, .inputs = 2, .x = x, .labels = labels};
  const tn_train_options options = {.train = &rows};
  tn_config_defaults(&config);
  tn_status status = tn_comm_start(&argc, &argv, &comm);
  if (status == TN_OK)
    status =
        tn_config_read_text(&config, "[model]\nhidden = 32\n[train]\nepochs = 60\nlearning_rate = 0.01\n", "train.c");
  if (status == TN_OK)
    status = tn_train(comm, &config, &options, &result);
  if (status != TN_OK)
    fprintf(stderr, "train: %s\n", tn_error_message());
  else if (tn_comm_rank(comm) == 0)
    printf("%d ranks, %lld steps: accuracy %.3f\n", tn_comm_size(comm), (long long)result.steps, result.train_accuracy);
  tn_comm_destroy(&comm);
  return status == TN_OK && result.train_accuracy > 0.95 ? EXIT_SUCCESS : EXIT_FAILURE;
}
