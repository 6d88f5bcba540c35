#include "base/job.h"
#include "dist/comm.h"

#include <stdlib.h>

tn_status tn_comm_check_launch(const tn_comm *comm) {
  tn_job job;
  tn_job_read(&job);
  /* mpirun starts its helpers on the other nodes with srun: what it starts itself inherits their step, too. */
  const bool by_mpirun = getenv("OMPI_COMM_WORLD_SIZE") != NULL;
  if (tn_comm_size(comm) > 1 || job.step_tasks < 2 || by_mpirun)
    return TN_OK;
  return tn_fail(TN_ERR_USAGE,
                 "srun has started %lld tasks, but MPI knows of one rank alone: each task would do the whole work for "
                 "itself, in the same files. Start them with `srun --mpi=pmix`, or another of those that `srun "
                 "--mpi=list` names and %s knows, or with `mpirun` instead of srun; a single rank with `srun -n 1`",
                 (long long)job.step_tasks, tn_comm_mpi_version());
}
