#include "base/memory.h"
#include "dist/handle.h"

#include <stdio.h>
#include <string.h>

/* An error that was agreed on once, by a function further down, already says whose it is. */
static bool names_a_rank(const char *message) {
  int rank = 0;
  int length = 0;
  return sscanf(message, "rank %d:%n", &rank, &length) == 1 && length > 0;
}

tn_status tn_agree_over(MPI_Comm mpi, int world_rank, tn_status status) {
  int rank = 0;
  int size = 1;
  MPI_Comm_rank(mpi, &rank);
  MPI_Comm_size(mpi, &size);
  /* The greatest word is the worst status of the lowest rank. */
  int64_t word = (int64_t)status << 32 | (int64_t)(size - 1 - rank);
  MPI_Allreduce(MPI_IN_PLACE, &word, 1, MPI_INT64_T, MPI_MAX, mpi);
  const tn_status worst = (tn_status)(word >> 32);
  if (worst == TN_OK)
    return TN_OK;

  const int speaker = size - 1 - (int)(word & INT32_MAX);
  char message[TN_MESSAGE_MAX] = "";
  if (rank == speaker) {
    if (names_a_rank(tn_error_message()))
      snprintf(message, sizeof message, "%s", tn_error_message());
    else
      snprintf(message, sizeof message, "rank %d: %s", world_rank, tn_error_message());
  }
  MPI_Bcast(message, TN_MESSAGE_MAX, MPI_CHAR, speaker, mpi);
  return tn_fail(worst, "%s", message);
}

tn_status tn_comm_agree(const tn_comm *comm, tn_status status) {
  if (comm->size == 1)
    return status;
  tn_pulse_enter(comm);
  const tn_status worst = tn_agree_over(comm->world, comm->rank, status);
  tn_pulse_leave(comm);
  return worst;
}

/* The words that stand first, or, where there are three ranks or more, those that most ranks have (the lowest rank's
 * among equals). */
static int most_common(const uint64_t *words, int count, int size) {
  const size_t bytes = (size_t)count * sizeof *words;
  int best = 0;
  int best_votes = 0;
  for (int i = 0; i < size; i++) {
    int votes = 0;
    for (int j = 0; j < size; j++)
      votes += memcmp(words + i * count, words + j * count, bytes) == 0;
    if (votes > best_votes) {
      best = i;
      best_votes = votes;
    }
  }
  return best;
}

/* TN_ERR_MISMATCH with a message that lists the first few ranks whose words are not the common ones. */
static tn_status name_the_different(const uint64_t *words, int count, int size, const char *what) {
  enum { LISTED_MAX = 8 };
  const int common = most_common(words, count, size);
  char list[LISTED_MAX * 16] = "";
  size_t length = 0;
  int different = 0;
  for (int r = 0; r < size; r++) {
    if (memcmp(words + r * count, words + common * count, (size_t)count * sizeof *words) == 0)
      continue;
    if (different++ < LISTED_MAX)
      length += (size_t)snprintf(list + length, sizeof list - length, "%s%d", different > 1 ? ", " : "", r);
  }
  return tn_fail(TN_ERR_MISMATCH, "%s differs: rank%s %s%s of %d %s not have what rank %d has", what,
                 different > 1 ? "s" : "", list, different > LISTED_MAX ? ", ..." : "", size,
                 different > 1 ? "do" : "does", common);
}

tn_status tn_comm_check_equal(const tn_comm *comm, const uint64_t *words, int count, const char *what) {
  enum { WORDS_MAX = 4 };
  if (count < 1 || count > WORDS_MAX)
    return tn_fail(TN_ERR_INTERNAL, "%s: %d words to compare, 1 to %d are possible", what, count, WORDS_MAX);
  /* All words are equal where the greatest is the least, and the least of w is the complement of the greatest of ~w. */
  uint64_t extremes[2 * WORDS_MAX];
  for (int i = 0; i < count; i++) {
    extremes[i] = words[i];
    extremes[count + i] = ~words[i];
  }
  tn_comm_reduce(comm, extremes, (int64_t)2 * count, MPI_UINT64_T, MPI_MAX);
  bool equal = true;
  for (int i = 0; i < count; i++)
    equal = equal && extremes[i] == ~extremes[count + i];
  if (equal)
    return TN_OK;

  uint64_t *all = NULL;
  tn_status status = tn_alloc(&all, (int64_t)comm->size * count, sizeof *all, "the words of all ranks");
  status = tn_comm_agree(comm, status);
  if (status == TN_OK) {
    tn_comm_all_gather(comm, words, (int64_t)count * (int64_t)sizeof *words, all);
    status = name_the_different(all, count, comm->size, what);
  }
  tn_free(&all);
  return status;
}

tn_status tn_comm_share_text(const tn_comm *comm, const char *text, char **first) {
  int64_t length = (int64_t)strlen(text) + 1;
  tn_comm_broadcast(comm, &length, (int64_t)sizeof length, 0);
  TN_TRY(tn_comm_agree(comm, tn_alloc(first, length, 1, "a text to compare")));
  if (comm->rank == 0)
    memcpy(*first, text, (size_t)length);
  tn_comm_broadcast(comm, *first, length, 0);
  return TN_OK;
}

tn_status tn_comm_check_same(const tn_comm *comm, const char *text, const char *what) {
  char *first = NULL;
  if (comm->size == 1)
    return TN_OK;
  TN_TRY(tn_comm_share_text(comm, text, &first));
  const uint64_t differs = strcmp(text, first) != 0;
  tn_free(&first);
  const tn_status status = tn_comm_check_equal(comm, &differs, 1, what);
  return status == TN_ERR_MISMATCH ? TN_ERR_USAGE : status;
}
