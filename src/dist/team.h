/* The ranks of a node that keep one copy of the parameters and of the optimiser's state between them, each of them
 * reducing and updating its share; or, with `parallel.node_stage = off`, every rank alone. */
#ifndef TN_DIST_TEAM_H
#define TN_DIST_TEAM_H

#include "dist/comm.h"

#include <thinnet/config.h>

typedef struct tn_team tn_team;

/* auto: the ranks of a node are a team where there are several, as many on each node, and /dev/shm has room for `bytes`
 * a node; otherwise every rank is one. on: TN_ERR_CONFIG or TN_ERR_MEMORY where that cannot be. off: every rank is one.
 * The communicator outlives the team. Collective, agreed. */
tn_status tn_team_create(tn_team **team, const tn_comm *comm, tn_node_stage stage, int64_t bytes);
void tn_team_destroy(tn_team **team); /* collective */

int tn_team_rank(const tn_team *team);    /* 0 leads */
int tn_team_size(const tn_team *team);    /* 1: alone */
bool tn_team_is_all(const tn_team *team); /* all ranks are one team */

/* Zeroed memory that the team shares, as tn_shared_create gives it. Collective, agreed by all ranks. */
tn_status tn_team_memory(const tn_team *team, int64_t bytes, tn_shared **shared, void **memory);

/* Rank 0's bytes into every team's shared memory, where each rank sees them when this returns. Collective. */
void tn_team_broadcast(const tn_team *team, const tn_shared *shared, void *memory, int64_t bytes);

#endif
