#include "mpi_test.h"

#include "base/error.h"
#include "dist/comm.h"

#include <thinnet/mpi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int rank(void) {
  return tn_comm_rank(test_comm());
}

static int size(void) {
  return tn_comm_size(test_comm());
}

static void test_agree_on_success(void **state) {
  (void)state;
  tn_fail(TN_ERR_IO, "an older message");
  assert_all_status(tn_comm_agree(test_comm(), TN_OK), TN_OK);
  assert_all_true(strcmp(tn_error_message(), "an older message") == 0);
}

/* Whichever rank fails alone, all learn its status and its message. */
static void test_agree_on_one_failure(void **state) {
  (void)state;
  for (int failing = 0; failing < size(); failing++) {
    tn_error_clear();
    const tn_status mine = rank() == failing ? tn_fail(TN_ERR_DATA, "row %d is bad", 100 + failing) : TN_OK;
    assert_all_status(tn_comm_agree(test_comm(), mine), TN_ERR_DATA);
    char expected[64];
    if (size() > 1)
      snprintf(expected, sizeof expected, "rank %d: row %d is bad", failing, 100 + failing);
    else
      snprintf(expected, sizeof expected, "row %d is bad", 100 + failing);
    assert_all_true(strcmp(tn_error_message(), expected) == 0);
  }
}

static void test_agree_takes_the_worst_then_the_lowest(void **state) {
  (void)state;
  const tn_status mine = rank() == 0 ? tn_fail(TN_STOPPED, "stopped") : tn_fail(TN_ERR_IO, "disk of %d", rank());
  const tn_status agreed = tn_comm_agree(test_comm(), mine);
  assert_all_status(agreed, size() == 1 ? TN_STOPPED : TN_ERR_IO);
  assert_all_message(size() == 1 ? "stopped" : "rank 1: disk of 1");
}

static void test_agree_names_one_rank_only(void **state) {
  (void)state;
  tn_error_clear();
  tn_status status = rank() == size() - 1 ? tn_fail(TN_ERR_MEMORY, "no room") : TN_OK;
  status = tn_comm_agree(test_comm(), status);
  status = tn_comm_agree(test_comm(), status);
  assert_all_status(status, TN_ERR_MEMORY);
  char expected[64] = "no room";
  if (size() > 1)
    snprintf(expected, sizeof expected, "rank %d: no room", size() - 1);
  assert_all_true(strcmp(tn_error_message(), expected) == 0);
}

static void test_broadcast_from_every_rank(void **state) {
  (void)state;
  for (int root = 0; root < size(); root++) {
    char text[16] = "";
    if (rank() == root)
      snprintf(text, sizeof text, "from %d", root);
    tn_comm_broadcast(test_comm(), text, sizeof text, root);
    assert_all_int_equal(atoi(text + 5), root);
  }
}

static void test_sums_and_maxima(void **state) {
  (void)state;
  int64_t sums[2] = {1, (int64_t)1 << (40 + rank())};
  tn_comm_sum_int64(test_comm(), sums, 2);
  assert_all_int_equal(sums[0], size());
  assert_all_int_equal(sums[1], (((int64_t)1 << size()) - 1) << 40);
  double maxima[2] = {-1.0 - rank(), (double)rank()};
  tn_comm_max_double(test_comm(), maxima, 2);
  assert_all_near(maxima[0], -1.0, 0);
  assert_all_near(maxima[1], size() - 1, 0);
}

static void test_all_gather_keeps_rank_order(void **state) {
  (void)state;
  const int32_t mine[2] = {rank(), -rank()};
  int32_t all[2 * 64];
  tn_comm_all_gather(test_comm(), mine, sizeof mine, all);
  bool in_order = true;
  for (int r = 0; r < size(); r++)
    in_order = in_order && all[(ptrdiff_t)2 * r] == r && all[2 * r + 1] == -r;
  assert_all_true(in_order);
}

static void test_check_equal(void **state) {
  (void)state;
  const uint64_t words[4] = {0, UINT64_MAX, 1, (uint64_t)1 << 63};
  assert_all_ok(tn_comm_check_equal(test_comm(), words, 4, "the configuration"));
  if (size() == 1)
    return;
  for (int odd = 0; odd < size(); odd++) {
    uint64_t others[4];
    memcpy(others, words, sizeof others);
    others[2] += rank() == odd;
    assert_all_status(tn_comm_check_equal(test_comm(), others, 4, "the configuration"), TN_ERR_MISMATCH);
    char expected[80];
    snprintf(expected, sizeof expected, "the configuration differs: rank %d of %d does not have", size() == 2 ? 1 : odd,
             size());
    assert_all_message(expected);
  }
}

static void test_check_same(void **state) {
  (void)state;
  const char *texts[] = {"[train]\nseed = 1\n", "[train]\nseed = 2\n", "[train]\nseed = 12\n", ""};
  assert_all_ok(tn_comm_check_same(test_comm(), texts[0], "the configuration"));
  assert_all_ok(tn_comm_check_same(test_comm(), "", "the configuration"));
  for (int odd = 0; odd < size() && size() > 1; odd++)
    for (int i = 1; i < 4; i++) {
      assert_all_status(tn_comm_check_same(test_comm(), texts[rank() == odd ? i : 0], "the configuration"),
                        TN_ERR_USAGE);
      char expected[80];
      snprintf(expected, sizeof expected, "the configuration differs: rank %d of %d does not have",
               size() == 2 ? 1 : odd, size());
      assert_all_message(expected);
    }
}

static void test_check_equal_lists_all_that_differ(void **state) {
  (void)state;
  const uint64_t word = (uint64_t)rank();
  const tn_status status = tn_comm_check_equal(test_comm(), &word, 1, "the digest");
  assert_all_status(status, size() == 1 ? TN_OK : TN_ERR_MISMATCH);
  if (size() == 4)
    assert_all_message("the digest differs: ranks 1, 2, 3 of 4 do not have what rank 0 has");
}

/* 12 blocks of values whose sum depends on its order, cut in every possible way into contiguous shares. */
static void test_ordered_sum_ignores_the_cut(void **state) {
  (void)state;
  enum { BLOCKS = 12, WIDTH = 37 };
  static double blocks[BLOCKS * WIDTH];
  double expected[WIDTH] = {0};
  double backwards[WIDTH] = {0};
  for (int i = 0; i < BLOCKS * WIDTH; i++)
    blocks[i] = (double)((i * 7919) % 1000 - 500) * (i % 3 == 0 ? 1e13 : 0.1);
  for (int i = 0; i < BLOCKS * WIDTH; i++) {
    expected[i % WIDTH] += blocks[i];
    backwards[i % WIDTH] += blocks[(BLOCKS - 1 - i / WIDTH) * WIDTH + i % WIDTH];
  }
  assert_all_true(memcmp(expected, backwards, sizeof expected) != 0);
  for (int cut = 0; cut <= BLOCKS; cut++) {
    /* rank 0 has `cut` blocks, the last rank the rest, ranks between them have none or one */
    const int middle = size() > 2 && cut < BLOCKS ? 1 : 0;
    int first = rank() == 0 ? 0 : cut + (rank() > 1 ? middle : 0);
    int end = rank() == 0 ? cut : (rank() == 1 && size() > 2 ? cut + middle : first);
    if (rank() == size() - 1)
      end = BLOCKS;
    double total[WIDTH];
    tn_comm_ordered_sum(test_comm(), blocks + (ptrdiff_t)first * WIDTH, end - first, WIDTH, total);
    assert_all_memory_equal(total, expected, sizeof expected);
  }
}

static void test_send_and_receive_in_a_ring(void **state) {
  (void)state;
  if (size() == 1)
    return;
  enum { COUNT = 100000 };
  static unsigned char bytes[COUNT];
  if (rank() == 0) {
    for (int i = 0; i < COUNT; i++)
      bytes[i] = (unsigned char)(i % 251);
    tn_comm_send(test_comm(), bytes, COUNT, 1);
    memset(bytes, 0, COUNT);
    tn_comm_receive(test_comm(), bytes, COUNT, size() - 1);
  } else {
    tn_comm_receive(test_comm(), bytes, COUNT, rank() - 1);
    tn_comm_send(test_comm(), bytes, COUNT, (rank() + 1) % size());
  }
  int wrong = 0;
  for (int i = 0; i < COUNT; i++)
    wrong += bytes[i] != (unsigned char)(i % 251);
  assert_all_int_equal(wrong, 0);
}

static void test_host_names_and_nodes(void **state) {
  (void)state;
  char *const names = calloc((size_t)size(), TN_HOST_MAX);
  assert_all_true(names != NULL);
  tn_comm_host_names(test_comm(), names);
  bool same_host = names[0] != '\0';
  for (int r = 1; r < size(); r++)
    same_host = same_host && strcmp(names + (ptrdiff_t)r * TN_HOST_MAX, names) == 0;
  free(names);
  assert_all_true(same_host); /* the tests run on one machine */
  assert_all_int_equal(tn_comm_node_size(test_comm()), size());
  assert_all_int_equal(tn_comm_node_rank(test_comm()), rank());
}

static void test_mpi_version_is_one_short_line(void **state) {
  (void)state;
  const char *const version = tn_comm_mpi_version();
  assert_all_true(strlen(version) > 3 && strlen(version) < 80);
  assert_all_true(strpbrk(version, ",\r\n") == NULL);
}

/* A communicator made from a part of the ranks does not meet the others. */
static void test_communicator_of_the_caller(void **state) {
  (void)state;
  MPI_Comm half = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, rank() % 2, -rank(), &half);
  tn_comm *comm = NULL;
  const tn_status status = tn_comm_create(half, &comm);
  MPI_Comm_free(&half); /* the duplicate lives on */
  assert_all_ok(status);
  int64_t ranks = rank();
  tn_comm_sum_int64(comm, &ranks, 1);
  int64_t expected = 0;
  for (int r = rank() % 2; r < size(); r += 2)
    expected += r;
  const bool reversed = tn_comm_rank(comm) == (size() - 1 - rank()) / 2;
  tn_comm_destroy(&comm);
  assert_all_true(comm == NULL);
  assert_all_int_equal(ranks, expected);
  assert_all_true(reversed);
}

static void test_serial_communicator(void **state) {
  (void)state;
  tn_comm *comm = NULL;
  assert_all_ok(tn_comm_create_serial(&comm));
  assert_all_int_equal(tn_comm_rank(comm), 0);
  assert_all_int_equal(tn_comm_size(comm), 1);
  assert_all_int_equal(tn_comm_node_size(comm), 1);
  const double blocks[4] = {1, 2, 30, 40};
  double total[2];
  tn_comm_ordered_sum(comm, blocks, 2, 2, total);
  assert_all_near(total[0], 31, 0);
  assert_all_near(total[1], 42, 0);
  assert_all_status(tn_comm_agree(comm, tn_fail(TN_ERR_IO, "alone")), TN_ERR_IO);
  assert_all_true(strcmp(tn_error_message(), "alone") == 0);
  tn_comm_destroy(&comm);
  tn_comm_destroy(&comm);
}

/* MPI runs already here, so that the second communicator must leave it running. */
static void test_start_within_a_running_mpi(void **state) {
  (void)state;
  tn_comm *comm = NULL;
  assert_all_ok(tn_comm_start(NULL, NULL, &comm));
  assert_all_int_equal(tn_comm_size(comm), size());
  tn_comm_destroy(&comm);
  int ended = 1;
  MPI_Finalized(&ended);
  assert_all_false(ended);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_agree_on_success),
      cmocka_unit_test(test_agree_on_one_failure),
      cmocka_unit_test(test_agree_takes_the_worst_then_the_lowest),
      cmocka_unit_test(test_agree_names_one_rank_only),
      cmocka_unit_test(test_broadcast_from_every_rank),
      cmocka_unit_test(test_sums_and_maxima),
      cmocka_unit_test(test_all_gather_keeps_rank_order),
      cmocka_unit_test(test_check_equal),
      cmocka_unit_test(test_check_same),
      cmocka_unit_test(test_check_equal_lists_all_that_differ),
      cmocka_unit_test(test_ordered_sum_ignores_the_cut),
      cmocka_unit_test(test_send_and_receive_in_a_ring),
      cmocka_unit_test(test_host_names_and_nodes),
      cmocka_unit_test(test_mpi_version_is_one_short_line),
      cmocka_unit_test(test_communicator_of_the_caller),
      cmocka_unit_test(test_serial_communicator),
      cmocka_unit_test(test_start_within_a_running_mpi),
  };
  return mpi_test_run(argc, argv, "comm", tests, sizeof tests / sizeof *tests);
}
