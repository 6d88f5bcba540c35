/* Which CPUs the ranks of a run may use, node by node, and whether that is what they need. */
#ifndef TN_TRAIN_PLACE_H
#define TN_TRAIN_PLACE_H

#include "base/text.h"

#include <sched.h>
#include <stdint.h>

/* CPUs that a rank may run on: sched_getaffinity's mask, with room for 4096 of them. */
typedef struct tn_cpus {
  cpu_set_t sets[4];
} tn_cpus;

typedef struct tn_node {
  const char *host; /* borrowed from the host names */
  int ranks;
  int cpus;       /* that its ranks may use together */
  int least_cpus; /* of one of its ranks */
  bool apart;     /* no CPU is open to two ranks */
} tn_node;

/* The CPUs of the calling thread. Local. */
void tn_cpus_read(tn_cpus *cpus);

/* Groups ranks by host name: `names` holds one string of `name_size` bytes a rank, `cpus` (ranks) what each may use.
 * Fills `nodes` (room for `ranks`), in the order of their first ranks, and returns their number. Local. */
int tn_place_nodes(const char *names, size_t name_size, const tn_cpus *cpus, int ranks, tn_node *nodes);

/* "2, ranks a node 4, CPUs a node 8; a rank: threads 1, CPUs 2, bound to its own" */
void tn_place_describe(const tn_node *nodes, int count, int64_t threads, tn_text *text);

/* What is wrong on the first node where something is, and what to do: all ranks on one CPU although the node has more
 * (`cpus_online`), more threads than CPUs, or a rank with fewer CPUs than threads. False: nothing. Local. */
bool tn_place_warning(const tn_node *nodes, int count, int64_t threads, long cpus_online, tn_text *text);

#endif
