/* For programs that bring their own MPI communicator. */
#ifndef THINNET_MPI_H
#define THINNET_MPI_H

#include <mpi.h>
#include <thinnet/comm.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A duplicate of a communicator; MPI stays the caller's to end. Collective over `mpi`, agreed. The caller owns *comm,
 * which is NULL after an error: TN_ERR_USAGE where MPI is not running, TN_ERR_MEMORY. */
tn_status tn_comm_create(MPI_Comm mpi, tn_comm **comm);

#ifdef __cplusplus
}
#endif
#endif
