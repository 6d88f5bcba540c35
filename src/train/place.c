#include "train/place.h"

#include <string.h>

void tn_cpus_read(tn_cpus *cpus) {
  memset(cpus, 0, sizeof *cpus);
  sched_getaffinity(0, sizeof cpus->sets, cpus->sets);
}

static int cpu_count(const tn_cpus *cpus) {
  return CPU_COUNT_S(sizeof cpus->sets, cpus->sets);
}

static void add_rank(tn_node *node, tn_cpus *all, const tn_cpus *cpus) {
  const int mine = cpu_count(cpus);
  const int before = cpu_count(all);
  CPU_OR_S(sizeof all->sets, all->sets, all->sets, cpus->sets);
  node->cpus = cpu_count(all);
  node->apart = node->apart && node->cpus == before + mine;
  if (node->ranks == 0 || mine < node->least_cpus)
    node->least_cpus = mine;
  node->ranks++;
}

static bool is_known(const tn_node *nodes, int count, const char *host) {
  for (int i = 0; i < count; i++)
    if (strcmp(nodes[i].host, host) == 0)
      return true;
  return false;
}

int tn_place_nodes(const char *names, size_t name_size, const tn_cpus *cpus, int ranks, tn_node *nodes) {
  int count = 0;
  for (int first = 0; first < ranks; first++) {
    const char *host = names + (size_t)first * name_size;
    if (is_known(nodes, count, host))
      continue;
    tn_cpus all = {0};
    nodes[count] = (tn_node){.host = host, .apart = true};
    for (int rank = first; rank < ranks; rank++)
      if (strcmp(names + (size_t)rank * name_size, host) == 0)
        add_rank(&nodes[count], &all, &cpus[rank]);
    count++;
  }
  return count;
}

static const char *binding(const tn_node *node) {
  if (node->ranks == 1)
    return "";
  if (node->apart)
    return ", bound to its own";
  return node->least_cpus < node->cpus ? ", bound, but some are shared" : ", shared by its node's ranks";
}

typedef struct range {
  int least, most;
} range;

static range range_with(range so_far, int value) {
  return (range){value < so_far.least ? value : so_far.least, value > so_far.most ? value : so_far.most};
}

static void add_range(tn_text *text, range r) {
  tn_text_add(text, r.least == r.most ? "%d" : "%d to %d", r.least, r.most);
}

void tn_place_describe(const tn_node *nodes, int count, int64_t threads, tn_text *text) {
  range ranks = {nodes[0].ranks, nodes[0].ranks}, cpus = {nodes[0].cpus, nodes[0].cpus};
  const tn_node *narrow = &nodes[0];
  for (int i = 0; i < count; i++) {
    ranks = range_with(ranks, nodes[i].ranks);
    cpus = range_with(cpus, nodes[i].cpus);
    if (nodes[i].least_cpus < narrow->least_cpus || (narrow->apart && !nodes[i].apart))
      narrow = &nodes[i];
  }
  tn_text_add(text, "%d, ranks a node ", count);
  add_range(text, ranks);
  tn_text_add(text, ", CPUs a node ");
  add_range(text, cpus);
  tn_text_add(text, "; a rank: threads %lld, CPUs %d%s", (long long)threads, narrow->least_cpus, binding(narrow));
}

/* What is wrong with a node; false: nothing. */
static bool judge(const tn_node *node, int64_t threads, long cpus_online, tn_text *text) {
  if (node->ranks > 1 && node->cpus == 1 && cpus_online > 1)
    tn_text_add(text,
                "all %d ranks may use one and the same CPU of %ld: ask for a CPU a rank (--ntasks-per-node, or "
                "--cpus-per-task with `export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK`), and start mpirun with "
                "--bind-to core or none, srun with --cpu-bind=cores",
                node->ranks, cpus_online);
  else if (node->ranks * threads > node->cpus)
    tn_text_add(text,
                "%d ranks of parallel.threads = %lld have %d CPUs together, and will wait for each other: start fewer "
                "ranks, lower parallel.threads, or ask for more CPUs",
                node->ranks, (long long)threads, node->cpus);
  else if (node->least_cpus < threads)
    tn_text_add(text,
                "a rank of parallel.threads = %lld may use %d CPU%s: start mpirun with --map-by slot:PE=%lld --bind-to "
                "core, srun after `export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK`",
                (long long)threads, node->least_cpus, node->least_cpus == 1 ? "" : "s", (long long)threads);
  return text->length > 0;
}

bool tn_place_warning(const tn_node *nodes, int count, int64_t threads, long cpus_online, tn_text *text) {
  char problem[1024], ignored[1024];
  int first = -1, others = 0;
  for (int i = 0; i < count; i++) {
    tn_text found = first < 0 ? tn_text_over(problem, sizeof problem) : tn_text_over(ignored, sizeof ignored);
    if (!judge(&nodes[i], threads, cpus_online, &found))
      continue;
    if (first < 0)
      first = i;
    else
      others++;
  }
  if (first < 0)
    return false;
  tn_text_add(text, "node %s", nodes[first].host);
  if (others > 0)
    tn_text_add(text, " (and %d more like it)", others);
  tn_text_add(text, ": %s", problem);
  return true;
}
