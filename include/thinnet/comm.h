/* The communicator a run lives in. Holds no MPI types: see thinnet/mpi.h for those. */
#ifndef THINNET_COMM_H
#define THINNET_COMM_H

#include <thinnet/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_comm tn_comm;

/* Starts MPI where it is not yet running (then tn_comm_destroy ends it) and takes a duplicate of
 * MPI_COMM_WORLD. Collective over MPI_COMM_WORLD. The caller owns *comm, which is NULL after an error: TN_ERR_USAGE
 * where MPI has ended in this process, TN_ERR_MEMORY. */
tn_status tn_comm_start(int *argc, char ***argv, tn_comm **comm);

/* A communicator of this process alone; never calls MPI. Not collective. The caller owns *comm. TN_ERR_MEMORY. */
tn_status tn_comm_create_serial(tn_comm **comm);

/* Frees the communicator, and ends MPI where tn_comm_start had started it. Collective. NULL is allowed. */
void tn_comm_destroy(tn_comm **comm);

/* Not collective. */
int tn_comm_rank(const tn_comm *comm);
int tn_comm_size(const tn_comm *comm);

/* Local. TN_ERR_USAGE where this process is one of several tasks of a Slurm step (srun) and yet the only rank: MPI was
 * not started by srun, and every task takes itself for the whole run. A program whose tasks are meant to be alone has
 * no need to ask. */
tn_status tn_comm_check_launch(const tn_comm *comm);

/* Collective: the worst status over all ranks, on all ranks. Where it is not TN_OK every rank's message becomes that of
 * the lowest rank that has the worst status, with "rank R: " before it where there is more than one rank (once: a
 * message that was agreed on before keeps the rank it names).
 * A rank may fail between two collectives, but it comes here. */
tn_status tn_comm_agree(const tn_comm *comm, tn_status status);

/* Collective. TN_OK on all ranks where all pass the same text; else TN_ERR_USAGE on all, with "WHAT differs: ..."
 * naming ranks that differ. TN_ERR_MEMORY. */
tn_status tn_comm_check_same(const tn_comm *comm, const char *text, const char *what);

#ifdef __cplusplus
}
#endif
#endif
