/* Every row of an epoch is read exactly once, by exactly one replica, whatever the numbers. */
#include "train/evaluate.h"
#include "train/sampler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Marks each row that the steps of an epoch read; every mark must end at 1. */
static void check_epoch(const tn_sampler *sampler, int64_t epoch) {
  int *reads = calloc((size_t)sampler->rows, sizeof *reads);
  assert_non_null(reads);
  for (int64_t replica = 0; replica < sampler->replicas; replica++) {
    const tn_order order = tn_sampler_order(sampler, epoch, replica);
    for (int64_t step = 0; step < tn_sampler_steps(sampler); step++)
      for (int64_t micro = 0; micro < sampler->accumulate; micro++) {
        const tn_range batch = tn_sampler_batch(sampler, replica, step, micro);
        assert_true(batch.count >= 0 && batch.count <= sampler->batch_size);
        for (int64_t i = 0; i < batch.count; i++) {
          const int64_t row = tn_order_row(&order, batch.first + i);
          assert_in_range((uint64_t)row, 0, (uint64_t)sampler->rows - 1);
          reads[row]++;
        }
      }
  }
  for (int64_t row = 0; row < sampler->rows; row++)
    assert_int_equal(reads[row], 1);
  free(reads);
}

static void test_every_row_once(void **state) {
  (void)state;
  static const int64_t rows[] = {1, 2, 3, 7, 64, 97, 1000};
  static const int64_t replicas[] = {1, 2, 3, 5, 12};
  static const int64_t batches[] = {1, 4, 32, 2000};
  static const int64_t accumulates[] = {1, 3};
  static const tn_shuffle shuffles[] = {TN_SHUFFLE_GLOBAL, TN_SHUFFLE_SHARD, TN_SHUFFLE_NONE};
  for (size_t a = 0; a < sizeof rows / sizeof *rows; a++)
    for (size_t b = 0; b < sizeof replicas / sizeof *replicas; b++)
      for (size_t c = 0; c < sizeof batches / sizeof *batches; c++)
        for (size_t d = 0; d < sizeof accumulates / sizeof *accumulates; d++)
          for (size_t e = 0; e < sizeof shuffles / sizeof *shuffles; e++) {
            const tn_sampler sampler = {.seed = 7,
                                        .shuffle = shuffles[e],
                                        .rows = rows[a],
                                        .replicas = replicas[b],
                                        .batch_size = batches[c],
                                        .accumulate = accumulates[d]};
            check_epoch(&sampler, 0);
            check_epoch(&sampler, 3);
          }
}

static void test_no_step_is_empty(void **state) {
  (void)state;
  const tn_sampler sampler = {.seed = 1, .rows = 10, .replicas = 3, .batch_size = 2, .accumulate = 1};
  assert_int_equal(tn_sampler_steps(&sampler), 2);
  assert_int_equal(tn_sampler_batch(&sampler, 0, 1, 0).count, 2);
  assert_int_equal(tn_sampler_batch(&sampler, 2, 1, 0).count, 1);
}

static void test_epochs_and_replicas_have_orders_of_their_own(void **state) {
  (void)state;
  const tn_sampler sampler = {
      .seed = 1, .shuffle = TN_SHUFFLE_SHARD, .rows = 2000, .replicas = 2, .batch_size = 10, .accumulate = 1};
  const tn_order first = tn_sampler_order(&sampler, 0, 0);
  const tn_order later = tn_sampler_order(&sampler, 1, 0);
  const tn_order other = tn_sampler_order(&sampler, 0, 1);
  int same_epoch = 0;
  int same_replica = 0;
  for (int64_t i = 0; i < 1000; i++) {
    same_epoch += tn_order_row(&first, i) == tn_order_row(&later, i);
    same_replica += tn_order_row(&first, i) + 1000 == tn_order_row(&other, i);
  }
  /* Two random orders of 1000 rows agree at about 1 place (Poisson, mean 1): 12 or more has a chance below 1e-9. */
  assert_true(same_epoch < 12);
  assert_true(same_replica < 12);
}

static void test_position_is_the_inverse_of_row(void **state) {
  (void)state;
  const tn_sampler sampler = {
      .seed = 5, .shuffle = TN_SHUFFLE_GLOBAL, .rows = 1003, .replicas = 4, .batch_size = 10, .accumulate = 1};
  for (int64_t replica = 0; replica < 4; replica++) {
    const tn_order order = tn_sampler_order(&sampler, 2, replica);
    const tn_range shard = tn_sampler_shard(&sampler, replica);
    for (int64_t i = 0; i < shard.count; i++)
      assert_int_equal(tn_order_position(&order, tn_order_row(&order, i)), shard.first + i);
  }
}

static void test_ranks_host_all_replicas_in_order(void **state) {
  (void)state;
  const tn_sampler sampler = {.rows = 1003, .replicas = 12, .batch_size = 8, .accumulate = 1};
  for (int size = 1; size <= 12; size++) {
    int64_t replica = 0;
    int64_t position = 0;
    for (int rank = 0; rank < size; rank++) {
      const tn_range replicas = tn_sampler_replicas_of_rank(&sampler, rank, size);
      const tn_range positions = tn_sampler_positions_of_rank(&sampler, rank, size);
      assert_int_equal(replicas.first, replica);
      assert_int_equal(positions.first, position);
      assert_true(replicas.count >= 1);
      replica += replicas.count;
      position += positions.count;
    }
    assert_int_equal(replica, 12);
    assert_int_equal(position, 1003);
  }
}

static void test_blocks_cover_all_rows_at_any_rank_count(void **state) {
  (void)state;
  static const int64_t rows[] = {1, 255, 256, 257, 1000, 5000};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    for (int size = 1; size <= 7; size++) {
      int64_t next = 0;
      for (int rank = 0; rank < size; rank++) {
        const tn_range mine = tn_block_rows_of_rank(rows[i], rank, size);
        assert_int_equal(mine.first, next);
        assert_true(mine.first % TN_BLOCK_ROWS == 0 || mine.count == 0);
        next += mine.count;
      }
      assert_int_equal(next, rows[i]);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_row_once),
      cmocka_unit_test(test_no_step_is_empty),
      cmocka_unit_test(test_epochs_and_replicas_have_orders_of_their_own),
      cmocka_unit_test(test_position_is_the_inverse_of_row),
      cmocka_unit_test(test_ranks_host_all_replicas_in_order),
      cmocka_unit_test(test_blocks_cover_all_rows_at_any_rank_count),
  };
  return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
