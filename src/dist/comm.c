#include "base/memory.h"
#include "base/stamp.h"
#include "dist/handle.h"

#include <thinnet/mpi.h>

#include <string.h>
#include <time.h>

static tn_status allocate(tn_comm **comm) {
  TN_TRY(tn_alloc(comm, 1, sizeof **comm, "a communicator"));
  (*comm)->size = (*comm)->node_size = 1;
  (*comm)->world = (*comm)->node = MPI_COMM_NULL;
  (*comm)->pulse = &(*comm)->own_pulse;
  return TN_OK;
}

static void know_node(tn_comm *comm) {
  MPI_Comm_rank(comm->node, &comm->node_rank);
  MPI_Comm_size(comm->node, &comm->node_size);
  comm->node_first = comm->rank;
  MPI_Bcast(&comm->node_first, 1, MPI_INT, 0, comm->node);
}

static void fill(tn_comm *comm, MPI_Comm mpi) {
  MPI_Comm_dup(mpi, &comm->world);
  /* A duplicate inherits its parent's handler, and a collective that returned an error may have left a wrong result. */
  MPI_Comm_set_errhandler(comm->world, MPI_ERRORS_ARE_FATAL);
  MPI_Comm_rank(comm->world, &comm->rank);
  MPI_Comm_size(comm->world, &comm->size);
  MPI_Comm_split_type(comm->world, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &comm->node);
  know_node(comm);
}

void tn_comm_pretend_nodes(tn_comm *comm, int ranks) {
  MPI_Comm_free(&comm->node);
  MPI_Comm_split(comm->world, comm->rank / ranks, comm->rank, &comm->node);
  know_node(comm);
}

static bool mpi_is_running(void) {
  int started = 0;
  int ended = 0;
  MPI_Initialized(&started);
  MPI_Finalized(&ended);
  return started && !ended;
}

tn_status tn_comm_create_serial(tn_comm **comm) {
  return allocate(comm);
}

tn_status tn_comm_create(MPI_Comm mpi, tn_comm **comm) {
  *comm = NULL;
  if (!mpi_is_running())
    return tn_fail(TN_ERR_USAGE, "tn_comm_create needs a running MPI: call MPI_Init before it, or use tn_comm_start");
  tn_status status = allocate(comm);
  int rank = 0;
  MPI_Comm_rank(mpi, &rank);
  status = tn_agree_over(mpi, rank, status);
  if (status != TN_OK) {
    tn_free(comm);
    return status;
  }
  fill(*comm, mpi);
  return TN_OK;
}

tn_status tn_comm_create_node(const tn_comm *comm, tn_comm **node) {
  return comm->size == 1 ? tn_comm_create_serial(node) : tn_comm_create(comm->node, node);
}

tn_status tn_comm_start(int *argc, char ***argv, tn_comm **comm) {
  *comm = NULL;
  int ended = 0;
  MPI_Finalized(&ended);
  if (ended)
    return tn_fail(TN_ERR_USAGE, "tn_comm_start was called after MPI had ended: MPI starts once in a process, so keep "
                                 "one communicator until the last run is over");
  if (mpi_is_running())
    return tn_comm_create(MPI_COMM_WORLD, comm);
  /* Memory comes first: a rank that gives up before MPI_Init ends the job, one that gives up behind it hangs it. */
  TN_TRY(allocate(comm));
  int provided = 0;
  MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided);
  (*comm)->ends_mpi = true;
  fill(*comm, MPI_COMM_WORLD);
  return TN_OK;
}

void tn_comm_destroy(tn_comm **comm) {
  if (!*comm)
    return;
  if ((*comm)->world != MPI_COMM_NULL && mpi_is_running()) {
    MPI_Comm_free(&(*comm)->node);
    MPI_Comm_free(&(*comm)->world);
    if ((*comm)->ends_mpi)
      MPI_Finalize();
  }
  tn_free(comm);
}

int tn_comm_rank(const tn_comm *comm) {
  return comm->rank;
}

int tn_comm_size(const tn_comm *comm) {
  return comm->size;
}

int tn_comm_node_rank(const tn_comm *comm) {
  return comm->node_rank;
}

int tn_comm_node_size(const tn_comm *comm) {
  return comm->node_size;
}

int tn_comm_node_first(const tn_comm *comm) {
  return comm->node_first;
}

void tn_comm_barrier(const tn_comm *comm) {
  if (comm->size == 1)
    return;
  tn_pulse_enter(comm);
  MPI_Barrier(comm->world);
  tn_pulse_leave(comm);
}

double tn_comm_time_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void tn_comm_host_names(const tn_comm *comm, char *names) {
  char mine[TN_HOST_MAX] = "";
  tn_stamp_host(mine, sizeof mine);
  tn_comm_all_gather(comm, mine, sizeof mine, names);
}

const char *tn_comm_mpi_version(void) {
  static _Thread_local char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  /* Name and number come first; who built it where, and on how many lines, follows a comma or a line's end. */
  text[strcspn(text, ",\r\n")] = '\0';
  return text;
}
