#include "dist/team.h"

#include "base/memory.h"
#include "dist/handle.h"

/* Every rank's number of ranks on its node; *most = *least where all nodes have as many. */
static void compare_nodes(const tn_comm *comm, int *least, int *most) {
  double sizes[2] = {comm->node_size, -comm->node_size};
  tn_comm_max_double(comm, sizes, 2);
  *most = (int)sizes[0];
  *least = (int)-sizes[1];
}

/* What keeps the ranks of a node from being a team. Collective, agreed. */
static tn_status check_nodes(const tn_comm *comm, int64_t bytes) {
  int least = 0;
  int most = 0;
  compare_nodes(comm, &least, &most);
  if (least != most)
    return tn_fail(
        TN_ERR_CONFIG,
        "parallel.node_stage = on: the nodes have from %d to %d ranks: start as many on each node, or set it "
        "to auto",
        least, most);
  const bool leads = comm->node_rank == 0 && comm->node_size > 1;
  return tn_comm_agree(comm, leads ? tn_shared_check_room(comm, bytes, "set parallel.node_stage = off") : TN_OK);
}

static tn_status decide(tn_team *team, tn_node_stage stage, int64_t bytes) {
  const tn_comm *comm = team->comm;
  if (stage == TN_NODE_STAGE_OFF || comm->size == 1)
    return TN_OK;
  const tn_status status = check_nodes(comm, bytes);
  if (status != TN_OK && stage == TN_NODE_STAGE_ON)
    return status;
  if (status != TN_OK)
    tn_error_clear(); /* auto does without */
  team->together = status == TN_OK && comm->node_size > 1;
  return TN_OK;
}

tn_status tn_team_create(tn_team **team, const tn_comm *comm, tn_node_stage stage, int64_t bytes) {
  tn_status status = tn_alloc(team, 1, sizeof **team, "a team of ranks");
  if (status == TN_OK)
    status = tn_comm_create_serial(&(*team)->serial);
  status = tn_comm_agree(comm, status);
  if (status == TN_OK) {
    (*team)->comm = comm;
    (*team)->peers = MPI_COMM_NULL;
    status = decide(*team, stage, bytes);
  }
  if (status != TN_OK) {
    tn_team_destroy(team);
    return status;
  }
  if (!(*team)->together)
    return TN_OK;
  tn_pulse_enter(comm);
  MPI_Comm_split(comm->world, comm->node_rank, comm->rank, &(*team)->peers);
  tn_pulse_leave(comm);
  return TN_OK;
}

void tn_team_destroy(tn_team **team) {
  if (*team == NULL)
    return;
  if ((*team)->together)
    MPI_Comm_free(&(*team)->peers);
  tn_comm_destroy(&(*team)->serial);
  tn_free(team);
}

int tn_team_rank(const tn_team *team) {
  return team->together ? team->comm->node_rank : 0;
}

int tn_team_size(const tn_team *team) {
  return team->together ? team->comm->node_size : 1;
}

bool tn_team_is_all(const tn_team *team) {
  return tn_team_size(team) == team->comm->size;
}

tn_status tn_team_memory(const tn_team *team, int64_t bytes, tn_shared **shared, void **memory) {
  return tn_comm_agree(team->comm, tn_shared_create(team->together ? team->comm : team->serial, bytes,
                                                    "set parallel.node_stage = off", shared, memory));
}

/* World rank 0 leads its node, and is rank 0 among the leaders. */
void tn_team_broadcast(const tn_team *team, const tn_shared *shared, void *memory, int64_t bytes) {
  if (!team->together) {
    tn_comm_broadcast(team->comm, memory, bytes, 0);
    return;
  }
  tn_pulse_enter(team->comm);
  if (team->comm->node_rank == 0)
    tn_broadcast_over(team->peers, memory, bytes, 0);
  tn_pulse_leave(team->comm);
  tn_shared_fence(shared);
}
