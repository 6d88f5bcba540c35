/* Measures what a step's sum takes between nodes. */
#include "base/median.h"
#include "dist/reduce.h"

#include <math.h>
#include <thinnet/plan.h>

enum { REPEATS_MIN = 7, REPEATS_MAX = 1000 };

/* A gradient of zeros, which stays what it is however often it is added up. Until the slowest rank has the sum. */
static double sum_once(const tn_comm *comm, tn_reducer *reducer) {
  const double rows[TN_SUM_COUNT] = {[TN_SUM_ROWS] = 1.0, [TN_SUM_WEIGHT] = 1.0};
  double sums[TN_SUM_COUNT];
  int64_t flags[TN_FLAG_COUNT];
  int64_t index = 0;
  float value = 0.0F;
  tn_reducer_begin(reducer);
  (void)tn_reducer_add(reducer, rows, &index, &value); /* zeros are in any range */
  tn_comm_barrier(comm);
  const double start = tn_comm_time_s();
  tn_reducer_sum(reducer, sums, flags);
  tn_reducer_settle_all(reducer);
  double seconds = tn_comm_time_s() - start;
  tn_comm_max_double(comm, &seconds, 1);
  return seconds;
}

/* All ranks know the same times, and so repeat as often. The first one may have to connect the ranks. */
static double median_sum(const tn_comm *comm, tn_reducer *reducer, double seconds) {
  double times[REPEATS_MAX];
  (void)sum_once(comm, reducer);
  const double wanted = seconds / sum_once(comm, reducer);
  const int count = (int)fmin(fmax(wanted, REPEATS_MIN), REPEATS_MAX);
  for (int i = 0; i < count; i++)
    times[i] = sum_once(comm, reducer);
  return tn_median(times, count);
}

/* Seconds that the sum of `values` takes over `comm`, as a run has it. Collective, agreed. */
static tn_status time_sum(const tn_comm *comm, const tn_parallel_config *parallel, int64_t values, double seconds,
                          double *sum_s) {
  const int64_t bytes = tn_comm_node_size(comm) * tn_reducer_bytes(parallel->reduction, values);
  tn_team *team = NULL;
  tn_reducer *reducer = NULL;
  tn_status status = tn_team_create(&team, comm, parallel->node_stage, bytes);
  if (status == TN_OK)
    status = tn_reducer_create(&reducer, team, parallel->reduction, -1, tn_comm_size(comm), values);
  if (status == TN_OK)
    *sum_s = median_sum(comm, reducer, seconds);
  tn_reducer_destroy(&reducer);
  tn_team_destroy(&team);
  return status;
}

/* What the sum takes over all nodes more than within each of them. Collective, agreed by all. */
static tn_status time_between(const tn_comm *comm, const tn_comm *node, const tn_parallel_config *parallel,
                              int64_t values, double seconds, double *between_s) {
  double all_s = 0.0, node_s = 0.0;
  TN_TRY(time_sum(comm, parallel, values, seconds, &all_s));
  TN_TRY(tn_comm_agree(comm, time_sum(node, parallel, values, seconds, &node_s)));
  tn_comm_max_double(comm, &node_s, 1);
  *between_s = fmax(all_s - node_s, 1e-9); /* below what any network takes */
  return TN_OK;
}

/* The model is linear in the latency and in the inverse of the bandwidth. */
static void fit(tn_plan_network *network, int64_t nodes, double bytes, double small_s, double large_s) {
  const tn_plan_network messages = {.bandwidth = 1.0, .latency_s = 1.0, .algorithm = network->algorithm};
  const tn_plan_network parts = {.bandwidth = 1.0, .algorithm = network->algorithm};
  network->latency_s = small_s / tn_plan_network_s(&messages, nodes, 0.0);
  network->bandwidth = tn_plan_network_s(&parts, nodes, bytes) / fmax(large_s - small_s, 1e-9);
}

tn_status tn_plan_measure_network(tn_comm *comm, const tn_config *config, const tn_plan_steps *steps, double seconds,
                                  tn_plan_network *network) {
  int64_t nodes = tn_comm_node_rank(comm) == 0 ? 1 : 0;
  double small_s = 0.0, large_s = 0.0;
  tn_comm *node = NULL;
  tn_comm_sum_int64(comm, &nodes, 1);
  if (nodes == 1)
    return tn_fail(TN_ERR_USAGE,
                   "all ranks are on one node: give the network with --bandwidth and --latency, or start ranks on "
                   "two nodes or more, which measure it");
  TN_TRY(tn_comm_agree(comm, tn_comm_create_node(comm, &node)));
  tn_status status = time_between(comm, node, &config->parallel, 1, seconds, &small_s);
  if (status == TN_OK)
    status = time_between(comm, node, &config->parallel, steps->bytes / steps->bytes_per_value, seconds, &large_s);
  tn_comm_destroy(&node);
  if (status == TN_OK)
    fit(network, nodes, (double)steps->bytes, small_s, large_s);
  return status;
}
