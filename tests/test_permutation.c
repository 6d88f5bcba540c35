/* The order of rows: a permutation, invertible, and without preference for any order or place. */
#include "math/random.h"
#include "statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void test_every_row_once_and_back(void **state) {
  (void)state;
  static const uint64_t sizes[] = {1, 2, 3, 5, 16, 17, 255, 256, 257, 1000, 1797, 4096, 65536, 65537, 100003};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    const tn_permutation permutation = tn_permutation_make(3, TN_STREAM_SHUFFLE, 0, s, sizes[s]);
    unsigned char *seen = calloc(sizes[s], 1);
    assert_non_null(seen);
    for (uint64_t position = 0; position < sizes[s]; position++) {
      const uint64_t row = tn_permutation_at(&permutation, position);
      assert_true(row < sizes[s]);
      assert_int_equal(seen[row], 0);
      seen[row] = 1;
      assert_true(tn_permutation_find(&permutation, row) == position);
    }
    free(seen);
  }
}

/* Sizes whose rows cannot all be visited: the inverse still holds, up to the largest. */
static void test_inverse_of_huge_sizes(void **state) {
  (void)state;
  static const uint64_t sizes[] = {UINT64_C(1) << 33, (UINT64_C(1) << 40) + 7, UINT64_MAX};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    const tn_permutation permutation = tn_permutation_make(3, TN_STREAM_SHUFFLE, 0, 0, sizes[s]);
    for (uint64_t k = 0; k < 1000; k++) {
      const uint64_t position = sizes[s] - 1 - k * (sizes[s] / 1000);
      const uint64_t row = tn_permutation_at(&permutation, position);
      assert_true(row < sizes[s]);
      assert_true(tn_permutation_find(&permutation, row) == position);
    }
  }
}

/* Rank of a permutation of four among the 24. */
static int rank_of_four(const tn_permutation *permutation) {
  uint64_t rows[4];
  for (uint64_t i = 0; i < 4; i++)
    rows[i] = tn_permutation_at(permutation, i);
  int rank = 0;
  for (int i = 0; i < 4; i++) {
    int smaller_after = 0;
    for (int j = i + 1; j < 4; j++)
      smaller_after += rows[j] < rows[i];
    rank = rank * (4 - i) + smaller_after;
  }
  return rank;
}

/* Over epochs, over replicas and over seeds. */
static void test_all_orders_of_four_rows_are_equally_likely(void **state) {
  (void)state;
  for (int coordinate = 0; coordinate < 3; coordinate++) {
    int64_t counts[24] = {0};
    for (uint32_t k = 0; k < 24000; k++) {
      const tn_permutation permutation = tn_permutation_make(coordinate == 0 ? k : 1, TN_STREAM_SHUFFLE,
                                                             coordinate == 1 ? k : 0, coordinate == 2 ? k : 0, 4);
      counts[rank_of_four(&permutation)]++;
    }
    assert_true(fabs(uniformity_deviations(24, counts)) < DEVIATIONS_ALLOWED);
  }
}

/* Every row is as likely at every position: a table of position by row, over many epochs. */
static void test_positions_are_uniform(void **state) {
  (void)state;
  static const uint64_t sizes[] = {10, 37, 100};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    static int64_t counts[100 * 100];
    memset(counts, 0, sizeof counts);
    for (uint64_t epoch = 0; epoch < 4000; epoch++) {
      const tn_permutation permutation = tn_permutation_make(8, TN_STREAM_SHUFFLE, 0, epoch, sizes[s]);
      for (uint64_t position = 0; position < sizes[s]; position++)
        counts[position * sizes[s] + tn_permutation_at(&permutation, position)]++;
    }
    /* Rows and columns of the table have fixed sums: (n - 1)^2 degrees of freedom. */
    const double expected = 4000.0 / (double)sizes[s];
    double statistic = 0;
    for (uint64_t i = 0; i < sizes[s] * sizes[s]; i++)
      statistic += pow((double)counts[i] - expected, 2) / expected;
    const double freedom = (double)((sizes[s] - 1) * (sizes[s] - 1));
    /* A table of permutations' statistic is larger by n / (n - 1) than that of independent counts. */
    statistic *= (double)(sizes[s] - 1) / (double)sizes[s];
    assert_true(fabs(chi_square_deviations(statistic, freedom)) < DEVIATIONS_ALLOWED);
  }
}

/* Neighbours do not stay neighbours: the distance of rows at neighbouring positions, modulo the rows, is uniform. */
static void test_neighbours_are_torn_apart(void **state) {
  (void)state;
  enum { ROWS = 60000, PARTS = 100 };
  const tn_permutation permutation = tn_permutation_make(9, TN_STREAM_SHUFFLE, 0, 0, ROWS);
  int64_t counts[PARTS] = {0};
  for (uint64_t position = 0; position + 1 < ROWS; position++) {
    const uint64_t here = tn_permutation_at(&permutation, position);
    const uint64_t next = tn_permutation_at(&permutation, position + 1);
    counts[(next + ROWS - here) % ROWS * PARTS / ROWS]++;
  }
  assert_true(fabs(uniformity_deviations(PARTS, counts)) < DEVIATIONS_ALLOWED);
}

/* Two epochs' orders of n rows agree at about one position (Poisson, mean 1). */
static void test_epochs_differ(void **state) {
  (void)state;
  enum { ROWS = 1000, EPOCHS = 400 };
  int64_t fixed = 0;
  for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
    const tn_permutation a = tn_permutation_make(10, TN_STREAM_SHUFFLE, 0, epoch, ROWS);
    const tn_permutation b = tn_permutation_make(10, TN_STREAM_SHUFFLE, 0, epoch + 1, ROWS);
    for (uint64_t position = 0; position < ROWS; position++)
      fixed += tn_permutation_at(&a, position) == tn_permutation_at(&b, position);
  }
  assert_true(fabs((double)fixed - EPOCHS) < DEVIATIONS_ALLOWED * sqrt(EPOCHS));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_row_once_and_back),
      cmocka_unit_test(test_inverse_of_huge_sizes),
      cmocka_unit_test(test_all_orders_of_four_rows_are_equally_likely),
      cmocka_unit_test(test_positions_are_uniform),
      cmocka_unit_test(test_neighbours_are_torn_apart),
      cmocka_unit_test(test_epochs_differ),
  };
  return cmocka_run_group_tests_name("permutation", tests, NULL, NULL);
}
