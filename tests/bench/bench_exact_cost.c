/* Milliseconds that a step's reduction takes, float and exact in turns, for gradients of the sizes given: the medians
 * of REPEATS, each the time of the slowest rank.
 *
 *   mpirun -n 2 bench_exact_cost 100000 10000000 */
#include "base/memory.h"
#include "dist/reduce.h"
#include "math/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS = 101 };

static const tn_reduction reductions[] = {TN_REDUCTION_FLOAT, TN_REDUCTION_EXACT};

static int compare_doubles(const void *a, const void *b) {
  const double x = *(const double *)a;
  const double y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, compare_doubles);
  return values[count / 2];
}

/* Time of one reduction of a fresh copy of the gradient, in ms. */
static double reduce_ms(const tn_comm *comm, tn_reducer *reducer, const float *gradient, int64_t values) {
  double sums[TN_SUM_COUNT] = {[TN_SUM_ROWS] = 1.0, [TN_SUM_WEIGHT] = 1.0};
  int64_t flags[TN_FLAG_COUNT];
  int64_t index = 0;
  float value = 0.0F;
  memcpy(tn_reducer_gradient(reducer), gradient, (size_t)values * sizeof *gradient);
  tn_comm_barrier(comm);
  const double start = tn_comm_time_s();
  tn_reducer_begin(reducer);
  tn_reducer_add(reducer, sums, &index, &value); /* normal numbers are in range */
  tn_reducer_sum(reducer, sums, flags);
  tn_reducer_settle_all(reducer);
  double ms = 1e3 * (tn_comm_time_s() - start);
  tn_comm_max_double(comm, &ms, 1);
  return ms;
}

static tn_status measure(const tn_comm *comm, int64_t values) {
  tn_team *team = NULL;
  tn_reducer *reducers[2] = {NULL, NULL};
  double times[2][REPEATS];
  float *gradient = NULL;
  tn_status status = tn_alloc(&gradient, values, sizeof *gradient, "a gradient");
  status = tn_comm_agree(comm, status);
  if (status == TN_OK) /* as a run has it */
    status = tn_team_create(&team, comm, TN_NODE_STAGE_AUTO,
                            tn_comm_node_size(comm) * 2 * tn_reducer_bytes(TN_REDUCTION_EXACT, values));
  for (int r = 0; r < 2 && status == TN_OK; r++)
    status = tn_reducer_create(&reducers[r], team, reductions[r], -1, tn_comm_size(comm), values);
  if (status == TN_OK) {
    tn_random_normal(tn_place_make(1, TN_STREAM_INIT, (uint32_t)tn_comm_rank(comm), 0, 0, 0), 0, values, gradient);
    for (int i = 0; i < REPEATS; i++)
      for (int r = 0; r < 2; r++)
        times[r][i] = reduce_ms(comm, reducers[r], gradient, values);
    if (tn_comm_rank(comm) == 0)
      printf("{\"values\": %" PRId64 ", \"float_ms\": %.4f, \"exact_ms\": %.4f}\n", values, median(times[0], REPEATS),
             median(times[1], REPEATS));
  }
  for (int r = 0; r < 2; r++)
    tn_reducer_destroy(&reducers[r]);
  tn_team_destroy(&team);
  tn_free(&gradient);
  return status;
}

int main(int argc, char **argv) {
  tn_comm *comm = NULL;
  if (tn_comm_start(&argc, &argv, &comm) != TN_OK)
    return 1;
  tn_status status = argc > 1 ? TN_OK : TN_ERR_USAGE;
  for (int i = 1; i < argc && status == TN_OK; i++)
    status = measure(comm, strtoll(argv[i], NULL, 10));
  if (status != TN_OK && tn_comm_rank(comm) == 0)
    fprintf(stderr, "bench_exact_cost: %s\n", argc > 1 ? tn_error_message() : "give numbers of values");
  tn_comm_destroy(&comm);
  return status == TN_OK ? 0 : 1;
}
