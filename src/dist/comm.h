/* Communication among the ranks of a run. With a serial communicator nothing here calls MPI.
 * MPI's own errors are fatal (MPI_ERRORS_ARE_FATAL); thinnet's errors are agreed on with tn_comm_agree. */
#ifndef TN_DIST_COMM_H
#define TN_DIST_COMM_H

#include "base/error.h"

#include <thinnet/comm.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Collective. Rank root's bytes to all. */
void tn_comm_broadcast(const tn_comm *comm, void *bytes, int64_t count, int root);

/* Collective. Rank 0's text on all ranks; the caller frees *first (tn_free). TN_ERR_MEMORY, agreed. */
tn_status tn_comm_share_text(const tn_comm *comm, const char *text, char **first);

/* Collective. Sums over ranks in place; any order gives the same integers. */
void tn_comm_sum_int64(const tn_comm *comm, int64_t *values, int64_t count);
void tn_comm_max_double(const tn_comm *comm, double *values, int64_t count); /* values are not NaN */

/* Collective. Every rank's `bytes_per_rank` bytes, in rank order, into `all` (size x bytes_per_rank) on every rank. */
void tn_comm_all_gather(const tn_comm *comm, const void *mine, int64_t bytes_per_rank, void *all);

/* Collective. TN_OK on all ranks where all have the same `count` (<= 4) words, else TN_ERR_MISMATCH on all, with
 * "WHAT differs: ..." naming the ranks that differ from rank 0 (by majority where there are three ranks or more). */
tn_status tn_comm_check_equal(const tn_comm *comm, const uint64_t *words, int count, const char *what);

/* Collective. total[width] = the sum of the rows of `blocks` (block_count_local, width) over all ranks, added one by
 * one in rank order and, within a rank, in block order, starting from zero: the same bits for any split of the same
 * sequence of blocks. On all ranks. */
void tn_comm_ordered_sum(const tn_comm *comm, const double *blocks, int64_t block_count_local, int64_t width,
                         double *total);

/* Point to point, bytes in pieces of at most 1 GiB; for the rank that writes a file from the others' blocks. */
void tn_comm_send(const tn_comm *comm, const void *bytes, int64_t count, int to);
void tn_comm_receive(const tn_comm *comm, void *bytes, int64_t count, int from);

void tn_comm_barrier(const tn_comm *comm);

/* Seconds since an arbitrary start; not collective. */
double tn_comm_time_s(void);

/* Host name of every rank in rank order, `count` = size strings of TN_HOST_MAX bytes each, into `names`. Collective. */
#define TN_HOST_MAX 256
void tn_comm_host_names(const tn_comm *comm, char *names);

/* A communicator of the ranks of this rank's node. The caller owns *node. Collective. */
tn_status tn_comm_create_node(const tn_comm *comm, tn_comm **node);

/* Ranks on this rank's node, its number among them, and the lowest of them. Not collective. */
int tn_comm_node_size(const tn_comm *comm);
int tn_comm_node_rank(const tn_comm *comm);
int tn_comm_node_first(const tn_comm *comm);

/* Memory shared by the ranks of a node (MPI_Win_allocate_shared). `bytes` is what the node needs in all; *memory is the
 * same storage on all its ranks, 64-byte aligned and zeroed. Collective over the node. With one rank a node: plain
 * memory. remedy: what a user can do where there is no room, to follow "enlarge it, or". */
typedef struct tn_shared tn_shared;
tn_status tn_shared_create(const tn_comm *comm, int64_t bytes, const char *remedy, tn_shared **shared, void **memory);
void tn_shared_destroy(tn_shared **shared);    /* collective over the node */
void tn_shared_fence(const tn_shared *shared); /* collective over the node: all writes before it are seen after it */

/* Collective. Rows exchanged between ranks in bounded chunks (MPI_Alltoallv): row i of `in` (rows_out, row_bytes) goes
 * to rank to[i], where it is stored as row slot[i] of `out`. Every slot of every `out` is filled once over all ranks;
 * rows_in is this rank's number of slots. chunk_rows bounds the rows a rank sends at a time. Buffers are allocated
 * inside: TN_ERR_MEMORY, agreed on by all. */
tn_status tn_comm_exchange_rows(const tn_comm *comm, int64_t row_bytes, const void *in, int64_t rows_out,
                                const int32_t *to, const int64_t *slot, void *out, int64_t rows_in, int64_t chunk_rows);

/* Name and version of the MPI library, a static string; may be called before MPI is started. */
const char *tn_comm_mpi_version(void);

#endif
