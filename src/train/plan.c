/* The model of a step on a cluster. Numbers alone: nothing here is timed. */
#include "base/error.h"

#include <math.h>
#include <thinnet/plan.h>

/* Batch sizes are configured below it. */
#define BATCH_LIMIT INT32_MAX

/* Messages that follow one another, and how many times the block passes a link. */
typedef struct traffic {
  double messages, parts;
} traffic;

static traffic halving_traffic(int64_t nodes) {
  int64_t power = 1;
  int levels = 0;
  for (; 2 * power <= nodes; power *= 2)
    levels++;
  const double parts = 2.0 * (double)(power - 1) / (double)power;
  if (power == nodes)
    return (traffic){2.0 * levels, parts};
  return (traffic){2.0 * levels + 3.0, parts + 2.0};
}

static traffic ring_traffic(int64_t nodes) {
  const double messages = 2.0 * (double)(nodes - 1);
  return (traffic){messages, messages / (double)nodes};
}

double tn_plan_network_s(const tn_plan_network *network, int64_t nodes, double bytes) {
  if (nodes <= 1)
    return 0.0;
  const traffic sent = network->algorithm == TN_ALLREDUCE_RING ? ring_traffic(nodes) : halving_traffic(nodes);
  return sent.messages * network->latency_s + sent.parts * bytes / network->bandwidth;
}

/* Where `batch` lies on the straight line through two points; both parts of a step at once. */
static tn_plan_batch on_line(const tn_plan_batch *a, const tn_plan_batch *b, double batch) {
  const double share = (batch - (double)a->rows) / (double)(b->rows - a->rows);
  return (tn_plan_batch){.batch_s = a->batch_s + share * (b->batch_s - a->batch_s),
                         .rest_s = a->rest_s + share * (b->rest_s - a->rest_s)};
}

/* Below the smallest size that was timed no time is less than its share of it, above the largest no more rows take less
 * time: noise in what was timed must not make work of none. */
static tn_plan_batch time_of_batch(const tn_plan_steps *steps, double batch) {
  const tn_plan_batch *batches = steps->batches;
  const tn_plan_batch *last = &batches[steps->batch_count - 1];
  int i = 0;
  while (i + 2 < steps->batch_count && batch > (double)batches[i + 1].rows)
    i++;
  tn_plan_batch time = steps->batch_count == 1 ? batches[0] : on_line(&batches[i], &batches[i + 1], batch);
  if (steps->batch_count == 1 || batch < (double)batches[0].rows)
    time.batch_s = fmax(time.batch_s, batches[0].batch_s * batch / (double)batches[0].rows);
  if (batch > (double)last->rows)
    time.batch_s = fmax(time.batch_s, last->batch_s);
  time.rest_s = fmax(time.rest_s, 0.0);
  return time;
}

static int64_t nodes_of(const tn_plan_cluster *cluster) {
  return (cluster->ranks + cluster->ranks_per_node - 1) / cluster->ranks_per_node;
}

static double network_s(const tn_plan_steps *steps, const tn_plan_cluster *cluster) {
  const int64_t nodes = nodes_of(cluster);
  const double gradient_s = tn_plan_network_s(&cluster->network, nodes, (double)steps->bytes);
  if (steps->sync_sums == 0)
    return gradient_s;
  const double sums = (double)(steps->sync_sums * steps->accumulate);
  return gradient_s +
         sums * tn_plan_network_s(&cluster->network, nodes, (double)steps->sync_bytes / (double)steps->sync_sums);
}

/* Rows a second of `ranks` ranks, whose steps take `waiting_s` beside their work. */
static double rate(const tn_plan_steps *steps, int64_t ranks, double waiting_s, double batch, double *step_s) {
  const int64_t replicas = steps->replicas > 0 ? steps->replicas : ranks;
  const int64_t hosted = (replicas + ranks - 1) / ranks; /* by the rank that has most to do */
  const tn_plan_batch time = time_of_batch(steps, batch);
  *step_s = (double)(hosted * steps->accumulate) * time.batch_s + time.rest_s + waiting_s;
  return (double)(replicas * steps->accumulate) * batch / *step_s;
}

static double efficiency_at(const tn_plan_steps *steps, const tn_plan_cluster *cluster, double batch) {
  double step_s = 0.0;
  const double all = rate(steps, cluster->ranks, network_s(steps, cluster), batch, &step_s);
  return all / ((double)cluster->ranks * rate(steps, 1, 0.0, batch, &step_s));
}

/* Efficiency grows with the batch: what the network takes does not depend on it. */
static int64_t find_batch(const tn_plan_steps *steps, const tn_plan_cluster *cluster, double efficiency) {
  int64_t low = 0, high = BATCH_LIMIT;
  if (efficiency_at(steps, cluster, (double)high) < efficiency)
    return 0;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    if (efficiency_at(steps, cluster, (double)middle) < efficiency)
      low = middle;
    else
      high = middle;
  }
  return high;
}

static tn_status check(const tn_plan_steps *steps, const tn_plan_cluster *cluster, double efficiency) {
  const tn_plan_network *network = &cluster->network;
  if (steps->batch_count < 1)
    return tn_fail(TN_ERR_USAGE, "a plan needs a batch size that was timed, and there is none");
  if (cluster->ranks < 1 || cluster->ranks_per_node < 1)
    return tn_fail(TN_ERR_USAGE, "a plan for %lld ranks, %lld a node: both are numbers from 1 on",
                   (long long)cluster->ranks, (long long)cluster->ranks_per_node);
  if (!(network->bandwidth > 0.0) || !(network->latency_s >= 0.0))
    return tn_fail(TN_ERR_USAGE,
                   "a network of %g bytes a second and a latency of %g s: the first has to be above 0, the second not "
                   "below",
                   network->bandwidth, network->latency_s);
  if (!(efficiency > 0.0 && efficiency < 1.0))
    return tn_fail(TN_ERR_USAGE, "an efficiency of %g: expected a share between 0 and 1, such as 0.9", efficiency);
  if (steps->replicas > 0 && cluster->ranks > steps->replicas)
    return tn_fail(
        TN_ERR_USAGE,
        "%lld ranks, but parallel.replicas = %lld: a rank needs at least one; plan no more ranks than that, or set "
        "it to 0, one a rank",
        (long long)cluster->ranks, (long long)steps->replicas);
  return TN_OK;
}

tn_status tn_plan_predict(const tn_plan_steps *steps, const tn_plan_cluster *cluster, double efficiency,
                          tn_plan_row *row) {
  TN_TRY(check(steps, cluster, efficiency));
  const double batch = (double)steps->batch_size;
  *row = (tn_plan_row){.ranks = cluster->ranks, .nodes = nodes_of(cluster), .network_s = network_s(steps, cluster)};
  row->rows_per_second = rate(steps, row->ranks, row->network_s, batch, &row->step_s);
  row->efficiency = efficiency_at(steps, cluster, batch);
  row->batch_needed = find_batch(steps, cluster, efficiency);
  return TN_OK;
}
