#include "base/memory.h"
#include "dist/handle.h"

#include <limits.h>
#include <string.h>

/* A row travels as one record, its slot in front of it: one MPI_Alltoallv a round moves both. */
#define SLOT_BYTES ((int64_t)sizeof(int64_t))

/* An exchange takes rounds; in each a rank sends its next `chunk` rows, sorted by where they go. How many rows go where
 * in each round is known before the first, so that all memory is there before the first row moves. */
typedef struct exchange {
  const tn_comm *comm;
  int64_t row_bytes, record_bytes;
  const char *in;
  int64_t rows_out;
  const int32_t *to;
  const int64_t *slot;
  char *out;
  int64_t rows_in;
  int64_t chunk, rounds;
  int *sent_all, *received_all; /* (size, rounds): rows to and from a rank in a round */
  int *sent, *received;         /* (size): of one round, with their first places */
  int *sent_first, *received_first;
  int *next; /* (size): where the next record for a rank goes */
  char *send_buffer, *receive_buffer;
} exchange;

/* Rows a rank may send in one round: MPI counts a round's rows of all ranks in int, and a record may be long. */
static int64_t bounded_chunk(const tn_comm *comm, int64_t record_bytes, int64_t chunk_rows) {
  const int64_t by_count = INT_MAX / comm->size;
  const int64_t by_bytes = TN_MPI_COUNT_MAX / record_bytes;
  int64_t chunk = chunk_rows < by_count ? chunk_rows : by_count;
  chunk = chunk < by_bytes ? chunk : by_bytes;
  return chunk > 1 ? chunk : 1;
}

static tn_status copy_local(const exchange *x) {
  for (int64_t i = 0; i < x->rows_out; i++) {
    if (x->to[i] != 0 || x->slot[i] < 0 || x->slot[i] >= x->rows_in)
      return tn_fail(TN_ERR_INTERNAL, "exchange of rows: row %lld of %lld goes to rank %d, slot %lld of %lld",
                     (long long)i, (long long)x->rows_out, x->to[i], (long long)x->slot[i], (long long)x->rows_in);
    memcpy(x->out + x->slot[i] * x->row_bytes, x->in + i * x->row_bytes, (size_t)x->row_bytes);
  }
  return TN_OK;
}

static int64_t count_rounds(const exchange *x) {
  int64_t rounds = (x->rows_out + x->chunk - 1) / x->chunk;
  tn_comm_reduce(x->comm, &rounds, 1, MPI_INT64_T, MPI_MAX);
  return rounds;
}

static tn_status allocate_counts(exchange *x) {
  const int size = x->comm->size;
  TN_TRY(tn_alloc(&x->sent_all, size * x->rounds, sizeof(int), "the counts of an exchange of rows"));
  TN_TRY(tn_alloc(&x->received_all, size * x->rounds, sizeof(int), "the counts of an exchange of rows"));
  TN_TRY(tn_alloc(&x->sent, (int64_t)5 * size, sizeof(int), "the counts of an exchange of rows"));
  x->received = x->sent + size;
  x->sent_first = x->received + size;
  x->received_first = x->sent_first + size;
  x->next = x->received_first + size;
  return TN_OK;
}

static tn_status count_sent(exchange *x) {
  for (int64_t i = 0; i < x->rows_out; i++) {
    if (x->to[i] < 0 || x->to[i] >= x->comm->size)
      return tn_fail(TN_ERR_INTERNAL, "exchange of rows: row %lld goes to rank %d of %d", (long long)i, x->to[i],
                     x->comm->size);
    x->sent_all[x->to[i] * x->rounds + i / x->chunk]++;
  }
  return TN_OK;
}

/* Room for what this rank sends in its fullest round and receives in its fullest. */
static tn_status allocate_buffers(exchange *x) {
  int64_t fullest = 0;
  int64_t total = 0;
  for (int64_t round = 0; round < x->rounds; round++) {
    int64_t rows = 0;
    for (int r = 0; r < x->comm->size; r++)
      rows += x->received_all[r * x->rounds + round];
    fullest = rows > fullest ? rows : fullest;
    total += rows;
  }
  if (total != x->rows_in)
    return tn_fail(TN_ERR_INTERNAL, "exchange of rows: %lld rows arrive for %lld slots", (long long)total,
                   (long long)x->rows_in);
  const int64_t sent = x->rows_out < x->chunk ? x->rows_out : x->chunk;
  TN_TRY(tn_alloc(&x->send_buffer, sent, (size_t)x->record_bytes, "the send buffer of an exchange of rows"));
  return tn_alloc(&x->receive_buffer, fullest, (size_t)x->record_bytes, "the receive buffer of an exchange of rows");
}

/* Collective: learns who sends how much in which round, and has all memory ready on all ranks, or fails on all. */
static tn_status prepare(exchange *x) {
  tn_status status = allocate_counts(x);
  if (status == TN_OK)
    status = count_sent(x);
  TN_TRY(tn_comm_agree(x->comm, status));
  const int rounds = (int)x->rounds;
  tn_pulse_enter(x->comm);
  MPI_Alltoall(x->sent_all, rounds, MPI_INT, x->received_all, rounds, MPI_INT, x->comm->world);
  tn_pulse_leave(x->comm);
  return tn_comm_agree(x->comm, allocate_buffers(x));
}

static void start_round(exchange *x, int64_t round) {
  int sent = 0;
  int received = 0;
  for (int r = 0; r < x->comm->size; r++) {
    x->sent[r] = x->sent_all[r * x->rounds + round];
    x->received[r] = x->received_all[r * x->rounds + round];
    x->sent_first[r] = x->next[r] = sent;
    x->received_first[r] = received;
    sent += x->sent[r];
    received += x->received[r];
  }
}

static void pack(exchange *x, int64_t round) {
  const int64_t first = round * x->chunk;
  const int64_t end = first + x->chunk < x->rows_out ? first + x->chunk : x->rows_out;
  for (int64_t i = first; i < end; i++) {
    char *const record = x->send_buffer + x->next[x->to[i]]++ * x->record_bytes;
    memcpy(record, x->slot + i, (size_t)SLOT_BYTES);
    memcpy(record + SLOT_BYTES, x->in + i * x->row_bytes, (size_t)x->row_bytes);
  }
}

static tn_status unpack(exchange *x) {
  const int last = x->comm->size - 1;
  const int64_t records = (int64_t)x->received_first[last] + x->received[last];
  for (int64_t i = 0; i < records; i++) {
    const char *const record = x->receive_buffer + i * x->record_bytes;
    int64_t slot = 0;
    memcpy(&slot, record, (size_t)SLOT_BYTES);
    if (slot < 0 || slot >= x->rows_in)
      return tn_fail(TN_ERR_INTERNAL, "exchange of rows: a row arrives for slot %lld of %lld", (long long)slot,
                     (long long)x->rows_in);
    memcpy(x->out + slot * x->row_bytes, record + SLOT_BYTES, (size_t)x->row_bytes);
  }
  return TN_OK;
}

/* All rounds take place even where one meets a bad slot: the other ranks are in them. */
static tn_status run_rounds(exchange *x) {
  MPI_Datatype record = MPI_DATATYPE_NULL;
  MPI_Type_contiguous((int)x->record_bytes, MPI_BYTE, &record);
  MPI_Type_commit(&record);
  tn_status status = TN_OK;
  for (int64_t round = 0; round < x->rounds; round++) {
    start_round(x, round);
    pack(x, round);
    tn_pulse_enter(x->comm);
    MPI_Alltoallv(x->send_buffer, x->sent, x->sent_first, record, x->receive_buffer, x->received, x->received_first,
                  record, x->comm->world);
    tn_pulse_leave(x->comm);
    const tn_status unpacked = unpack(x);
    status = status == TN_OK ? unpacked : status;
  }
  MPI_Type_free(&record);
  return tn_comm_agree(x->comm, status);
}

static void release(exchange *x) {
  tn_free(&x->sent_all);
  tn_free(&x->received_all);
  tn_free(&x->sent);
  tn_free(&x->send_buffer);
  tn_free(&x->receive_buffer);
}

tn_status tn_comm_exchange_rows(const tn_comm *comm, int64_t row_bytes, const void *in, int64_t rows_out,
                                const int32_t *to, const int64_t *slot, void *out, int64_t rows_in,
                                int64_t chunk_rows) {
  exchange x = {.comm = comm,
                .row_bytes = row_bytes,
                .record_bytes = row_bytes + SLOT_BYTES,
                .in = in,
                .rows_out = rows_out,
                .to = to,
                .slot = slot,
                .out = out,
                .rows_in = rows_in};
  if (comm->size == 1)
    return copy_local(&x);
  if (x.record_bytes > TN_MPI_COUNT_MAX) /* the same on all ranks */
    return tn_fail(TN_ERR_DATA,
                   "a row of %lld bytes is too long to be exchanged between ranks: set data.placement = "
                   "node or data.shuffle = shard",
                   (long long)row_bytes);
  x.chunk = bounded_chunk(comm, x.record_bytes, chunk_rows);
  x.rounds = count_rounds(&x);
  tn_status status = prepare(&x);
  if (status == TN_OK)
    status = run_rounds(&x);
  release(&x);
  return status;
}
