/* How the members of predictions are dealt out over ranks: everything once, in order, and no rank with much more than
 * the others. */
#include "train/spread.h"

#include "train/evaluate.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int64_t cost_of(const tn_spread *spread, int rank) {
  int64_t cost = 0;
  for (int64_t block = 0; block < spread->blocks; block++)
    cost += tn_spread_parts(spread, rank, block).count * tn_block_rows(spread->rows, block).count;
  return cost;
}

/* Every part has one rank, and ranks follow each other; the rank of the first part owns the block. */
static void check_blocks(const tn_spread *spread) {
  for (int64_t block = 0; block < spread->blocks; block++) {
    int64_t parts = 0;
    for (int rank = 0; rank < spread->ranks; rank++) {
      const tn_range found = tn_spread_parts(spread, rank, block), owned = tn_spread_owned(spread, rank);
      const bool is_owner = block >= owned.first && block < owned.first + owned.count;
      if (found.count == 0) {
        assert_false(is_owner);
        continue;
      }
      assert_int_equal(found.first, parts);
      assert_int_equal(is_owner, parts == 0);
      if (parts == 0)
        assert_int_equal(tn_spread_owner(spread, block), rank);
      parts += found.count;
    }
    assert_int_equal(parts, spread->parts);
  }
}

static void check_members(const tn_spread *spread) {
  int64_t members = 0;
  for (int part = 0; part < spread->parts; part++) {
    const tn_range found = tn_spread_members(spread, part);
    assert_int_equal(found.first, members);
    assert_true(found.count >= 1);
    members += found.count;
  }
  assert_int_equal(members, spread->members);
}

/* A stretch is cut at whole parts, hence at most one of them, of a full block, above its share. */
static void check_costs(const tn_spread *spread) {
  int64_t all = 0;
  const int64_t share = spread->rows * spread->parts / spread->ranks;
  for (int rank = 0; rank < spread->ranks; rank++) {
    const int64_t cost = cost_of(spread, rank);
    assert_true(cost <= share + TN_BLOCK_ROWS);
    all += cost;
  }
  assert_int_equal(all, spread->rows * spread->parts);
}

static void test_everything_once(void **state) {
  (void)state;
  static const int64_t rows[] = {0, 1, 44, 256, 257, 300, 512, 2000}, members[] = {1, 2, 15, 16, 17, 100};
  for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
    for (size_t m = 0; m < sizeof members / sizeof members[0]; m++)
      for (int ranks = 1; ranks <= 40; ranks++) {
        const tn_spread spread = tn_spread_of(rows[r], members[m], ranks);
        check_blocks(&spread);
        check_members(&spread);
        check_costs(&spread);
      }
}

/* 300 rows are two blocks, of which the second has 44: dealt out by blocks, one rank would have six times the work. */
static void test_few_rows_and_many_members(void **state) {
  (void)state;
  const tn_spread spread = tn_spread_of(300, 200, 2);
  assert_int_equal(spread.parts, 16);
  assert_int_equal(cost_of(&spread, 0), 10 * 256);
  assert_int_equal(cost_of(&spread, 1), 6 * 256 + 16 * 44);
}

/* A round of predict: a rank's chunk holds no more blocks than it has room for. */
static void test_blocks_a_rank(void **state) {
  (void)state;
  for (int ranks = 1; ranks <= 9; ranks++)
    for (int64_t rows = 1; rows <= (int64_t)ranks * 8 * TN_BLOCK_ROWS; rows += 37)
      for (int64_t members = 1; members <= 20; members += 6) {
        const tn_spread spread = tn_spread_of(rows, members, ranks);
        for (int rank = 0; rank < ranks; rank++)
          assert_true(tn_spread_owned(&spread, rank).count <= 8);
      }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_everything_once),
      cmocka_unit_test(test_few_rows_and_many_members),
      cmocka_unit_test(test_blocks_a_rank),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
