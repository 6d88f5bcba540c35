/* Where one rank's watchdog cannot start, all ranks learn it, and go on without. The linker puts the failure in
 * pthread_create's place (--wrap). */
#include "dist/pulse.h"
#include "dist/stall.h"
#include "mpi_test.h"

#include <thinnet/mpi.h>

#include <errno.h>
#include <pthread.h>

static bool fails;

/* The names are the linker's. NOLINTBEGIN(bugprone-reserved-identifier) */
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
  return fails ? EAGAIN : __real_pthread_create(thread, attributes, start, argument);
}
/* NOLINTEND(bugprone-reserved-identifier) */

static void test_a_thread_that_cannot_start(void **state) {
  (void)state;
  const tn_stall_options options = {.warning_s = 60.0};
  const int size = tn_comm_size(test_comm());
  tn_comm *comm = NULL;
  tn_stall_guard *guard = NULL;
  assert_all_ok(tn_comm_create(MPI_COMM_WORLD, &comm));
  for (int bad = 0; bad < size; bad++) {
    fails = tn_comm_rank(comm) == bad;
    assert_all_status(tn_stall_start(comm, &options, &guard), size > 1 ? TN_ERR_MEMORY : TN_OK);
    assert_all_true(guard == NULL);
    if (size > 1)
      assert_all_message("the watchdog's thread cannot be started");
    tn_pulse_mark(comm, 3, TN_PHASE_COMPUTE); /* into memory that is there still */
    tn_comm_barrier(comm);
  }
  fails = false;
  assert_all_ok(tn_stall_start(comm, &options, &guard));
  assert_all_true((guard != NULL) == (size > 1));
  tn_stall_stop(&guard);
  tn_comm_destroy(&comm);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_thread_that_cannot_start)};
  return mpi_test_run(argc, argv, "stall_start", tests, sizeof tests / sizeof *tests);
}
