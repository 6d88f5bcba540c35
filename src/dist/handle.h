/* What a tn_comm is, for the files of this layer alone. */
#ifndef TN_DIST_HANDLE_H
#define TN_DIST_HANDLE_H

#include "base/memory.h"
#include "dist/comm.h"
#include "dist/pulse.h"

#include <mpi.h>
#include <stdatomic.h>

/* A line of the cache a rank: its stores disturb nobody. alive_ns is its watchdog's, the rest its main thread's. */
typedef struct tn_pulse {
  _Alignas(TN_ALIGNMENT) _Atomic int64_t collectives; /* begun so far */
  _Atomic int64_t step;
  _Atomic int64_t changed_ns; /* when the main thread last stored, by tn_pulse_clock_ns */
  _Atomic int64_t alive_ns;
  _Atomic int phase;
  _Atomic bool waits; /* in the collective begun last */
} tn_pulse;

/* The clock of the node: the same for all its processes. */
int64_t tn_pulse_clock_ns(void);

struct tn_comm {
  int rank, size;
  int node_rank, node_size;
  int node_first; /* the lowest rank of this one's node */
  bool ends_mpi;  /* tn_comm_start began MPI */
  MPI_Comm world; /* MPI_COMM_NULL, like node, in a serial communicator */
  MPI_Comm node;  /* the ranks of `world` that share memory with this one */
  tn_pulse *pulse;
  tn_pulse own_pulse; /* where nobody listens */
};

/* What a tn_team is. */
struct tn_team {
  const tn_comm *comm;
  bool together;   /* the ranks of a node are one team; else each is alone */
  MPI_Comm peers;  /* together: the ranks of the same number on all nodes */
  tn_comm *serial; /* for memory of one's own */
};

/* For tests: as if every `ranks` neighbouring ranks had a node of their own. Collective. */
void tn_comm_pretend_nodes(tn_comm *comm, int ranks);

/* MPI counts in int: what is larger goes in pieces of this many elements, or of 1 GiB of bytes. */
#define TN_MPI_COUNT_MAX ((int64_t)1 << 30)

/* Sums (or whatever `op` does) `count` elements of `type` in place over all ranks. Collective. */
void tn_comm_reduce(const tn_comm *comm, void *elements, int64_t count, MPI_Datatype type, MPI_Op op);

/* The same over the ranks of `mpi`. Collective over them. */
void tn_reduce_over(MPI_Comm mpi, void *elements, int64_t count, MPI_Datatype type, MPI_Op op);

/* Rank root's bytes to all ranks of `mpi`. Collective over them. */
void tn_broadcast_over(MPI_Comm mpi, void *bytes, int64_t count, int root);

/* TN_ERR_MEMORY where shared memory has no room for `bytes` more on this node; the message ends in the remedy. Local.
 */
tn_status tn_shared_check_room(const tn_comm *comm, int64_t bytes, const char *remedy);

/* tn_comm_agree over the ranks of `mpi`; world_rank is the number by which a message calls this rank. */
tn_status tn_agree_over(MPI_Comm mpi, int world_rank, tn_status status);

#endif
