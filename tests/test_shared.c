#include "mpi_test.h"

#include "dist/comm.h"

#include <stdint.h>
#include <string.h>

static int rank(void) {
  return tn_comm_rank(test_comm());
}

static int size(void) {
  return tn_comm_size(test_comm());
}

static int count_other(const unsigned char *bytes, int64_t count, unsigned char expected) {
  int other = 0;
  for (int64_t i = 0; i < count; i++)
    other += bytes[i] != expected;
  return other;
}

static void test_window_is_zeroed_and_aligned(void **state) {
  (void)state;
  const int64_t sizes[] = {0, 1, 63, 4096, 3000001};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    tn_shared *shared = NULL;
    void *memory = NULL;
    assert_all_ok(tn_shared_create(test_comm(), sizes[s], "do without", &shared, &memory));
    const int other = count_other(memory, sizes[s], 0);
    const bool aligned = (uintptr_t)memory % 64 == 0;
    tn_shared_destroy(&shared);
    assert_all_int_equal(other, 0);
    assert_all_true(aligned);
    assert_all_true(shared == NULL);
  }
}

/* In turn every rank writes the whole, and all read it behind a fence; the tests run on one node. */
static void test_all_ranks_see_the_same_memory(void **state) {
  (void)state;
  enum { BYTES = 1 << 20 };
  tn_shared *shared = NULL;
  void *memory = NULL;
  assert_all_ok(tn_shared_create(test_comm(), BYTES, "do without", &shared, &memory));
  int other = 0;
  for (int turn = 0; turn < 3 * size(); turn++) {
    if (rank() == turn % size())
      memset(memory, turn + 1, BYTES);
    tn_shared_fence(shared);
    other += count_other(memory, BYTES, (unsigned char)(turn + 1));
    tn_shared_fence(shared);
  }
  tn_shared_destroy(&shared);
  assert_all_int_equal(other, 0);
}

static void test_two_windows_are_two(void **state) {
  (void)state;
  tn_shared *shared[2] = {NULL, NULL};
  void *memory[2];
  assert_all_ok(tn_shared_create(test_comm(), 1000, "do without", &shared[0], &memory[0]));
  assert_all_ok(tn_shared_create(test_comm(), 1000, "do without", &shared[1], &memory[1]));
  if (tn_comm_node_rank(test_comm()) == tn_comm_node_size(test_comm()) - 1)
    memset(memory[1], 9, 1000);
  tn_shared_fence(shared[1]);
  const int first = count_other(memory[0], 1000, 0);
  const int second = count_other(memory[1], 1000, 9);
  tn_shared_destroy(&shared[0]);
  tn_shared_destroy(&shared[1]);
  assert_all_int_equal(first, 0);
  assert_all_int_equal(second, 0);
}

/* One rank alone takes plain memory, which has limits of its own. */
static void test_too_much_is_refused_on_all_ranks(void **state) {
  (void)state;
  if (size() == 1)
    return;
  tn_shared *shared = NULL;
  void *memory = &shared;
  assert_all_status(tn_shared_create(test_comm(), (int64_t)1 << 60, "do without", &shared, &memory), TN_ERR_MEMORY);
  assert_all_true(shared == NULL && memory == NULL);
  assert_all_message("rank 0: 1152921504606846976 bytes of shared memory do not fit into /dev/shm");
  assert_all_message("enlarge it, or do without");
}

static void test_one_rank_needs_no_window(void **state) {
  (void)state;
  tn_comm *comm = NULL;
  tn_shared *shared = NULL;
  void *memory = NULL;
  assert_all_ok(tn_comm_create_serial(&comm));
  assert_all_ok(tn_shared_create(comm, 100, "do without", &shared, &memory));
  memset(memory, rank() + 1, 100);
  tn_shared_fence(shared);
  tn_comm_barrier(test_comm());
  const int other = count_other(memory, 100, (unsigned char)(rank() + 1));
  tn_shared_destroy(&shared);
  tn_shared_destroy(&shared);
  tn_comm_destroy(&comm);
  assert_all_int_equal(other, 0);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_window_is_zeroed_and_aligned), cmocka_unit_test(test_all_ranks_see_the_same_memory),
      cmocka_unit_test(test_two_windows_are_two),          cmocka_unit_test(test_too_much_is_refused_on_all_ranks),
      cmocka_unit_test(test_one_rank_needs_no_window),
  };
  return mpi_test_run(argc, argv, "shared", tests, sizeof tests / sizeof *tests);
}
