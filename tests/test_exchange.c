#include "mpi_test.h"

#include "base/memory.h"
#include "dist/comm.h"

#include <stdlib.h>
#include <string.h>

static int rank(void) {
  return tn_comm_rank(test_comm());
}

static int size(void) {
  return tn_comm_size(test_comm());
}

/* Where the rows of a shared set lie: rank r has the places first[r] to first[r + 1] - 1. */
enum { RANKS_MAX = 64 };
typedef struct layout {
  int64_t first[RANKS_MAX + 1];
} layout;

/* `rows` rows over the ranks, evenly but for a remainder. */
static layout even(int64_t rows) {
  layout l;
  for (int r = 0; r <= size(); r++)
    l.first[r] = rows * r / size();
  return l;
}

/* All on rank `only`. */
static layout concentrated(int64_t rows, int only) {
  layout l;
  for (int r = 0; r <= size(); r++)
    l.first[r] = r > only ? rows : 0;
  return l;
}

static int64_t rows_of(const layout *l) {
  return l->first[rank() + 1] - l->first[rank()];
}

static int rank_at(const layout *l, int64_t place) {
  int r = 0;
  while (place >= l->first[r + 1])
    r++;
  return r;
}

/* Rows know where they came from. */
static unsigned char byte_of(int64_t row, int64_t b) {
  return (unsigned char)(row * 131 + b * 7 + (row >> 8));
}

typedef struct fixture {
  unsigned char *in, *out;
  int32_t *to;
  int64_t *slot;
} fixture;

static fixture allocate(const layout *from, const layout *into, int64_t row_bytes) {
  fixture f;
  tn_status status = tn_alloc(&f.in, rows_of(from), (size_t)row_bytes, "in");
  status = status == TN_OK ? tn_alloc(&f.out, rows_of(into), (size_t)row_bytes, "out") : status;
  status = status == TN_OK ? tn_alloc(&f.to, rows_of(from), sizeof *f.to, "to") : status;
  status = status == TN_OK ? tn_alloc(&f.slot, rows_of(from), sizeof *f.slot, "slot") : status;
  assert_all_ok(status);
  return f;
}

static void release(fixture *f) {
  tn_free(&f->in);
  tn_free(&f->out);
  tn_free(&f->to);
  tn_free(&f->slot);
}

/* Row `row` of `rows` goes to place (row * 7919 + 5) mod rows, which is a permutation as 7919 is prime to all the
 * numbers of rows here. */
static int64_t place_of(int64_t row, int64_t rows) {
  return (row * 7919 + 5) % rows;
}

static void fill(fixture *f, const layout *from, const layout *into, int64_t row_bytes) {
  const int64_t rows = from->first[size()];
  for (int64_t i = 0; i < rows_of(from); i++) {
    const int64_t row = from->first[rank()] + i;
    const int64_t place = place_of(row, rows);
    f->to[i] = rank_at(into, place);
    f->slot[i] = place - into->first[f->to[i]];
    for (int64_t b = 0; b < row_bytes; b++)
      f->in[i * row_bytes + b] = byte_of(row, b);
  }
}

static int64_t count_wrong(const fixture *f, const layout *into, int64_t row_bytes) {
  const int64_t rows = into->first[size()];
  int64_t wrong = 0;
  for (int64_t row = 0; row < rows; row++) {
    const int64_t slot = place_of(row, rows) - into->first[rank()];
    if (slot < 0 || slot >= rows_of(into))
      continue;
    for (int64_t b = 0; b < row_bytes; b++)
      wrong += f->out[slot * row_bytes + b] != byte_of(row, b);
  }
  return wrong;
}

static void assert_exchanges(layout from, layout into, int64_t row_bytes, int64_t chunk_rows) {
  fixture f = allocate(&from, &into, row_bytes);
  fill(&f, &from, &into, row_bytes);
  const tn_status status = tn_comm_exchange_rows(test_comm(), row_bytes, f.in, rows_of(&from), f.to, f.slot, f.out,
                                                 rows_of(&into), chunk_rows);
  const int64_t wrong = count_wrong(&f, &into, row_bytes);
  release(&f);
  assert_all_ok(status);
  assert_all_int_equal(wrong, 0);
}

static void test_permutations_of_awkward_sizes(void **state) {
  (void)state;
  const int64_t row_sizes[] = {1, 7, 260};
  const int64_t chunks[] = {1, 3, 100, 1000000};
  for (int64_t rows = 0; rows <= 5; rows++)
    assert_exchanges(even(rows), even(rows), 7, 2);
  for (size_t s = 0; s < 3; s++)
    for (size_t c = 0; c < 4; c++)
      assert_exchanges(even(1003), even(1003), row_sizes[s], chunks[c]);
}

/* Ranks that have nothing to give take part, as do ranks that have nothing to get. */
static void test_from_one_and_to_one(void **state) {
  (void)state;
  for (int only = 0; only < size(); only++) {
    assert_exchanges(concentrated(501, only), even(501), 24, 10);
    assert_exchanges(even(501), concentrated(501, only), 24, 10);
    assert_exchanges(concentrated(501, only), concentrated(501, size() - 1 - only), 24, 1000);
  }
}

/* One rank's plan is wrong in its fourth row: all ranks return the same error, and none hangs. */
static void assert_refused(int culprit, const int32_t *to, const int64_t *slot, const char *message) {
  const layout l = even(97);
  fixture f = allocate(&l, &l, 8);
  fill(&f, &l, &l, 8);
  if (rank() == culprit && to)
    f.to[3] = *to;
  if (rank() == culprit && slot)
    f.slot[3] = *slot;
  const tn_status status =
      tn_comm_exchange_rows(test_comm(), 8, f.in, rows_of(&l), f.to, f.slot, f.out, rows_of(&l), 10);
  release(&f);
  assert_all_status(status, TN_ERR_INTERNAL);
  assert_all_message(message);
}

static void test_wrong_plans_are_refused(void **state) {
  (void)state;
  const int32_t ranks[] = {-1, size()};
  const int64_t slots[] = {-1, 1000};
  for (int culprit = 0; culprit < size(); culprit++) {
    assert_refused(culprit, &ranks[0], NULL, "to rank -1");
    assert_refused(culprit, &ranks[1], NULL, "exchange of rows: row 3");
    assert_refused(culprit, NULL, &slots[0], "slot -1 of");
    assert_refused(culprit, NULL, &slots[1], "slot 1000 of");
  }
}

/* One slot is left over. */
static void test_missing_rows_are_refused(void **state) {
  (void)state;
  if (size() == 1)
    return;
  const layout l = even(40);
  fixture f = allocate(&l, &l, 8);
  fill(&f, &l, &l, 8);
  const int64_t rows_out = rows_of(&l) - (rank() == 1);
  const tn_status status = tn_comm_exchange_rows(test_comm(), 8, f.in, rows_out, f.to, f.slot, f.out, rows_of(&l), 10);
  release(&f);
  assert_all_status(status, TN_ERR_INTERNAL);
  assert_all_message("rows arrive for");
}

static void test_rows_too_long_for_mpi(void **state) {
  (void)state;
  if (size() == 1)
    return;
  const tn_status status = tn_comm_exchange_rows(test_comm(), (int64_t)1 << 31, NULL, 0, NULL, NULL, NULL, 0, 10);
  assert_all_status(status, TN_ERR_DATA);
  assert_all_message("a row of 2147483648 bytes");
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_permutations_of_awkward_sizes), cmocka_unit_test(test_from_one_and_to_one),
      cmocka_unit_test(test_wrong_plans_are_refused),       cmocka_unit_test(test_missing_rows_are_refused),
      cmocka_unit_test(test_rows_too_long_for_mpi),
  };
  return mpi_test_run(argc, argv, "exchange", tests, sizeof tests / sizeof *tests);
}
