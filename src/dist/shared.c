#include "base/memory.h"
#include "dist/handle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

struct tn_shared {
  const tn_comm *comm;
  bool has_window;
  MPI_Win window;
  void *memory; /* allocated here where there is no window */
};

/* Open MPI keeps windows in files of this folder. Where such a file outgrows it, ranks die of SIGBUS at some later
 * write, so that the room is looked at first. */
#define SHARED_FOLDER   "/dev/shm"
/* What the transport between the ranks may still take there, for each rank. */
#define TRANSPORT_BYTES ((int64_t)8 << 20)

tn_status tn_shared_check_room(const tn_comm *comm, int64_t bytes, const char *remedy) {
  struct statvfs room;
  if (statvfs(SHARED_FOLDER, &room) != 0)
    return TN_OK; /* not a Linux's; then MPI has its windows elsewhere */
  const double free_bytes = (double)room.f_bavail * (double)room.f_frsize;
  const double needed = (double)bytes + (double)TRANSPORT_BYTES * comm->node_size;
  if (needed <= free_bytes)
    return TN_OK;
  return tn_fail(TN_ERR_MEMORY,
                 "%lld bytes of shared memory do not fit into " SHARED_FOLDER ", where %.0f are free and %.0f are "
                 "needed: enlarge it, or %s",
                 (long long)bytes, free_bytes, needed, remedy);
}

/* Every rank of a node maps the whole window: where its address space is limited (ulimit -v), Open MPI dies of it. */
static tn_status check_mapping(int64_t bytes, const char *remedy) {
  void *trial = mmap(NULL, (size_t)bytes + (size_t)TRANSPORT_BYTES, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (trial == MAP_FAILED)
    return tn_fail_errno(
        TN_ERR_MEMORY, errno,
        "%lld bytes of memory that the ranks of a node share cannot be mapped (ulimit -v?): allow more, "
        "or %s",
        (long long)bytes, remedy);
  munmap(trial, (size_t)bytes + (size_t)TRANSPORT_BYTES);
  return TN_OK;
}

/* Window memory is mapped by pages, so that the same distance aligns it in every rank. */
static void *align(void *base) {
  const uintptr_t address = (uintptr_t)base;
  return (char *)base + (TN_ALIGNMENT - address % TN_ALIGNMENT) % TN_ALIGNMENT;
}

/* All writes to the window before it are seen behind it. */
static void synchronize(const tn_shared *shared) {
  MPI_Win_sync(shared->window); /* what this rank wrote leaves it */
  MPI_Barrier(shared->comm->node);
  MPI_Win_sync(shared->window); /* what others wrote reaches it */
}

static void create_window(tn_shared *shared, const tn_comm *comm, int64_t bytes) {
  const bool leads = comm->node_rank == 0;
  MPI_Aint size = leads ? (MPI_Aint)(bytes + TN_ALIGNMENT) : 0;
  void *base = NULL;
  int unit = 1;
  MPI_Win_allocate_shared(size, unit, MPI_INFO_NULL, comm->node, &base, &shared->window);
  MPI_Win_shared_query(shared->window, 0, &size, &unit, &base);
  MPI_Win_lock_all(MPI_MODE_NOCHECK, shared->window); /* MPI_Win_sync asks for it */
  shared->has_window = true;
  shared->memory = align(base);
  if (leads)
    memset(shared->memory, 0, (size_t)bytes);
  synchronize(shared);
}

static tn_status create(const tn_comm *comm, int64_t bytes, const char *remedy, tn_shared **shared, void **memory) {
  *memory = NULL;
  tn_status status = tn_alloc(shared, 1, sizeof **shared, "a shared window");
  const bool alone = comm->node_size == 1;
  if (status == TN_OK && alone)
    status = tn_alloc(&(*shared)->memory, bytes, 1, "what the ranks of a node share");
  else if (status == TN_OK && comm->node_rank == 0)
    status = tn_shared_check_room(comm, bytes, remedy);
  if (status == TN_OK && !alone)
    status = check_mapping(bytes, remedy);
  if (!alone)
    status = tn_agree_over(comm->node, comm->rank, status);
  if (status != TN_OK) {
    tn_free(shared);
    return status;
  }
  (*shared)->comm = comm;
  if (!alone)
    create_window(*shared, comm, bytes);
  *memory = (*shared)->memory;
  return TN_OK;
}

/* A rank that is alone on its node waits for nobody, but comes here in the same sequence as all others. */
tn_status tn_shared_create(const tn_comm *comm, int64_t bytes, const char *remedy, tn_shared **shared, void **memory) {
  tn_pulse_enter(comm);
  const tn_status status = create(comm, bytes, remedy, shared, memory);
  tn_pulse_leave(comm);
  return status;
}

void tn_shared_destroy(tn_shared **shared) {
  if (!*shared)
    return;
  if ((*shared)->has_window) {
    MPI_Win_unlock_all((*shared)->window);
    MPI_Win_free(&(*shared)->window);
  } else {
    tn_free(&(*shared)->memory);
  }
  tn_free(shared);
}

void tn_shared_fence(const tn_shared *shared) {
  tn_pulse_enter(shared->comm);
  if (shared->has_window)
    synchronize(shared);
  tn_pulse_leave(shared->comm);
}
