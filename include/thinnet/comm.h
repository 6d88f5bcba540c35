/* The communicator a run lives in. Holds no MPI types: see thinnet/mpi.h for those. */
#ifndef THINNET_COMM_H
#define THINNET_COMM_H

#include <thinnet/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_comm tn_comm;

/* Starts MPI where it is not yet running (then tn_comm_destroy ends it) and takes a duplicate of
 * MPI_COMM_WORLD. Collective over MPI_COMM_WORLD. The caller owns *comm. */
tn_status tn_comm_start(int *argc, char ***argv, tn_comm **comm);

/* A communicator of this process alone; never calls MPI. Not collective. */
tn_status tn_comm_create_serial(tn_comm **comm);

/* Frees the communicator, and ends MPI where tn_comm_start had started it. Collective. NULL is allowed. */
void tn_comm_destroy(tn_comm **comm);

/* Not collective. */
int tn_comm_rank(const tn_comm *comm);
int tn_comm_size(const tn_comm *comm);

#ifdef __cplusplus
}
#endif
#endif
