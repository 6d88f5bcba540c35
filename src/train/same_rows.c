#include "train/same_rows.h"

#include "base/memory.h"
#include "io/file.h"

#include <assert.h>
#include <stdio.h>
#include <sys/stat.h>

/* Rows that are read again at a time: bounds the memory that it takes. */
#define CHUNK_ROWS 1024

/* What a rank has read, and from where. */
typedef struct part {
  uint64_t file; /* identity of its file; 0: unknown */
  uint64_t hash;
  int64_t copy; /* number of the copy that it is a part of */
  tn_range range;
} part;

static uint64_t hash_array(const void *array, int64_t bytes, uint64_t seed) {
  return array ? tn_hash64(array, bytes, seed) : seed;
}

/* Rows first..first+count-1 of the subset, which stand in the arrays from their start on. A sum over rows, each with
 * its number in it: the same for any split among ranks. */
static uint64_t hash_rows(const tn_row_source *source, tn_range range, const tn_row_arrays *arrays) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < range.count; i++) {
    const tn_row_arrays row = tn_row_arrays_at(arrays, source, i);
    uint64_t hash = (uint64_t)(range.first + i);
    hash = hash_array(row.features, source->inputs * tn_element_size(source->element), hash);
    hash = hash_array(row.labels, (int64_t)sizeof *row.labels, hash);
    hash = hash_array(row.values, source->value_cols * (int64_t)sizeof *row.values, hash);
    sum += source->has_weights ? hash_array(row.weights, (int64_t)sizeof *row.weights, hash) : hash;
  }
  return sum;
}

static uint64_t hash_loaded(const tn_rows *rows) {
  const tn_row_arrays read = tn_row_arrays_at(&rows->arrays, rows->source, rows->read.first - rows->first);
  return hash_rows(rows->source, rows->read, &read);
}

/* The same for rows that another rank has read, from this rank's file. */
static tn_status hash_file(const tn_subset *subset, tn_range range, uint64_t *hash) {
  void *block = NULL;
  tn_row_arrays arrays;
  *hash = 0;
  TN_TRY(tn_row_arrays_allocate(&arrays, &block, subset->source, CHUNK_ROWS, subset->source->has_weights));
  tn_status status = TN_OK;
  for (int64_t done = 0; done < range.count && status == TN_OK; done += CHUNK_ROWS) {
    const int64_t rest = range.count - done;
    const tn_range chunk = {range.first + done, rest < CHUNK_ROWS ? rest : CHUNK_ROWS};
    status = tn_subset_read(subset, chunk.first, chunk.count, &arrays);
    if (status == TN_OK)
      *hash += hash_rows(subset->source, chunk, &arrays);
  }
  tn_free(&block);
  return status;
}

static const char *file_of(const tn_subset *subset) {
  return subset->source->x ? subset->source->x->file : "the arrays";
}

/* Not the device: nodes number one file system differently. */
static uint64_t identify_file(const tn_subset *subset) {
  struct stat about;
  if (!subset->source->x || stat(file_of(subset), &about) != 0)
    return 0;
  const int64_t words[4] = {(int64_t)about.st_ino, (int64_t)about.st_size, (int64_t)about.st_mtim.tv_sec,
                            (int64_t)about.st_mtim.tv_nsec};
  return tn_hash64(words, (int64_t)sizeof words, 1);
}

static uint64_t hash_of_copy(const part *parts, int count, int64_t copy) {
  uint64_t sum = 0;
  for (int r = 0; r < count; r++)
    if (parts[r].copy == copy)
      sum += parts[r].hash;
  return sum;
}

/* Whether two ranks have read one file; an unknown one is nobody else's. */
static bool share_file(const part *parts, int rank, int other) {
  return rank == other || (parts[rank].file == parts[other].file && parts[rank].file != 0);
}

/* The rows are surely the same: no copy differs, and none has been filled from several files. */
static bool are_the_same(const part *parts, int count) {
  const uint64_t first_hash = hash_of_copy(parts, count, parts[0].copy);
  for (int r = 1; r < count; r++) {
    const bool begins_copy = parts[r].copy == r;
    if (begins_copy && hash_of_copy(parts, count, r) != first_hash)
      return false;
    if (!begins_copy && !share_file(parts, r, (int)parts[r].copy))
      return false;
  }
  return true;
}

/* Ranks that read one file hash all rows together, each its part of them: then every file has a hash of its own. */
static tn_status hash_files(const tn_comm *comm, const tn_subset *subset, part *parts) {
  const int size = tn_comm_size(comm), rank = tn_comm_rank(comm);
  int members = 0, number = 0;
  for (int r = 0; r < size; r++) {
    if (r == rank)
      number = members;
    members += share_file(parts, rank, r);
  }
  part mine = parts[rank];
  TN_TRY(tn_comm_agree(comm, hash_file(subset, tn_range_split(subset->rows, members, number), &mine.hash)));
  tn_comm_all_gather(comm, &mine, (int64_t)sizeof mine, parts);
  return TN_OK;
}

static uint64_t hash_of_file(const part *parts, int count, int rank) {
  uint64_t sum = 0;
  for (int r = 0; r < count; r++)
    if (share_file(parts, rank, r))
      sum += parts[r].hash;
  return sum;
}

/* loaded: the hash of this rank's copy. */
static tn_status read_again(const tn_comm *comm, const tn_subset *subset, part *parts, uint64_t loaded,
                            const char *what) {
  char text[TN_MESSAGE_MAX];
  TN_TRY(hash_files(comm, subset, parts));
  const uint64_t hash = hash_of_file(parts, tn_comm_size(comm), tn_comm_rank(comm));
  snprintf(text, sizeof text, "%s: what the %s rows hold", file_of(subset), what);
  TN_TRY(tn_comm_check_equal(comm, &hash, 1, text));
  if (loaded != hash)
    return tn_comm_agree(comm, tn_fail(TN_ERR_MISMATCH, "%s: the %s rows changed while they were read: start again",
                                       file_of(subset), what));
  return tn_comm_agree(comm, TN_OK);
}

tn_status tn_check_same_rows(const tn_comm *comm, const tn_rows *rows, const tn_subset *subset, const char *what,
                             uint64_t *hash) {
  const part mine = {.file = identify_file(subset),
                     .hash = hash_loaded(rows),
                     .copy = rows->shared ? tn_comm_node_first(comm) : 0,
                     .range = rows->read};
  const int size = tn_comm_size(comm);
  part *parts = NULL;
  TN_TRY(tn_comm_agree(comm, tn_alloc(&parts, size, sizeof *parts, "what the ranks have read")));
  assert(parts); /* all ranks have agreed that they were allocated */
  tn_comm_all_gather(comm, &mine, (int64_t)sizeof mine, parts);
  *hash = hash_of_copy(parts, size, parts[0].copy);
  const uint64_t loaded = hash_of_copy(parts, size, mine.copy);
  const tn_status status = are_the_same(parts, size) ? TN_OK : read_again(comm, subset, parts, loaded, what);
  tn_free(&parts);
  return status;
}
