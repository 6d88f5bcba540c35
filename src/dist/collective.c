#include "base/memory.h"
#include "dist/handle.h"

#include <string.h>

static int piece(int64_t left) {
  return (int)(left < TN_MPI_COUNT_MAX ? left : TN_MPI_COUNT_MAX);
}

void tn_broadcast_over(MPI_Comm mpi, void *bytes, int64_t count, int root) {
  for (int64_t done = 0; done < count; done += piece(count - done))
    MPI_Bcast((char *)bytes + done, piece(count - done), MPI_BYTE, root, mpi);
}

void tn_comm_broadcast(const tn_comm *comm, void *bytes, int64_t count, int root) {
  if (comm->size == 1)
    return;
  tn_pulse_enter(comm);
  tn_broadcast_over(comm->world, bytes, count, root);
  tn_pulse_leave(comm);
}

void tn_comm_send(const tn_comm *comm, const void *bytes, int64_t count, int to) {
  for (int64_t done = 0; done < count; done += piece(count - done))
    MPI_Send((const char *)bytes + done, piece(count - done), MPI_BYTE, to, 0, comm->world);
}

void tn_comm_receive(const tn_comm *comm, void *bytes, int64_t count, int from) {
  for (int64_t done = 0; done < count; done += piece(count - done))
    MPI_Recv((char *)bytes + done, piece(count - done), MPI_BYTE, from, 0, comm->world, MPI_STATUS_IGNORE);
}

void tn_reduce_over(MPI_Comm mpi, void *elements, int64_t count, MPI_Datatype type, MPI_Op op) {
  int ranks = 0;
  int bytes = 0;
  MPI_Comm_size(mpi, &ranks);
  MPI_Type_size(type, &bytes);
  for (int64_t done = 0; done < count && ranks > 1; done += piece(count - done))
    MPI_Allreduce(MPI_IN_PLACE, (char *)elements + done * bytes, piece(count - done), type, op, mpi);
}

void tn_comm_reduce(const tn_comm *comm, void *elements, int64_t count, MPI_Datatype type, MPI_Op op) {
  if (comm->size == 1)
    return;
  tn_pulse_enter(comm);
  tn_reduce_over(comm->world, elements, count, type, op);
  tn_pulse_leave(comm);
}

void tn_comm_sum_int64(const tn_comm *comm, int64_t *values, int64_t count) {
  tn_comm_reduce(comm, values, count, MPI_INT64_T, MPI_SUM);
}

void tn_comm_max_double(const tn_comm *comm, double *values, int64_t count) {
  tn_comm_reduce(comm, values, count, MPI_DOUBLE, MPI_MAX);
}

void tn_comm_all_gather(const tn_comm *comm, const void *mine, int64_t bytes_per_rank, void *all) {
  memcpy((char *)all + comm->rank * bytes_per_rank, mine, (size_t)bytes_per_rank);
  if (comm->size == 1)
    return;
  if (bytes_per_rank <= TN_MPI_COUNT_MAX) {
    const int count = (int)bytes_per_rank;
    tn_pulse_enter(comm);
    MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all, count, MPI_BYTE, comm->world);
    tn_pulse_leave(comm);
    return;
  }
  for (int root = 0; root < comm->size; root++)
    tn_comm_broadcast(comm, (char *)all + root * bytes_per_rank, bytes_per_rank, root);
}

static void add_block(double *restrict total, const double *restrict block, int64_t width) {
  for (int64_t i = 0; i < width; i++)
    total[i] += block[i];
}

void tn_comm_ordered_sum(const tn_comm *comm, const double *blocks, int64_t block_count_local, int64_t width,
                         double *total) {
  const int64_t bytes = width * (int64_t)sizeof *total;
  const int last = comm->size - 1;
  memset(total, 0, (size_t)bytes);
  tn_pulse_enter(comm);
  if (comm->rank > 0)
    tn_comm_receive(comm, total, bytes, comm->rank - 1);
  for (int64_t b = 0; b < block_count_local; b++)
    add_block(total, blocks + b * width, width);
  if (comm->rank < last)
    tn_comm_send(comm, total, bytes, comm->rank + 1);
  tn_pulse_leave(comm);
  tn_comm_broadcast(comm, total, bytes, last);
}
