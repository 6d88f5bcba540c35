/* Tests that run on several ranks at once.
 *
 * cmocka jumps out of a test at its first failed assertion. On one rank alone that would leave the others waiting in
 * their next collective for ever, so a collective test asserts with the macros below and with nothing else: every rank
 * comes to every assertion, the ranks agree, and all of them leave the test together. Rank 0 alone prints, and names
 * the lowest rank that failed and what it saw. The agreement calls MPI itself, so that an error in src/dist cannot hide
 * behind its own agreement. A passed assertion leaves tn_error_message() as it was.
 *
 *   static void test_sum(void **state) {
 *     (void)state;
 *     int64_t ranks = 1;
 *     tn_comm_sum_int64(test_comm(), &ranks, 1);
 *     assert_all_int_equal(ranks, tn_comm_size(test_comm()));
 *   }
 *
 *   int main(int argc, char **argv) {
 *     const struct CMUnitTest tests[] = {cmocka_unit_test(test_sum)};
 *     return mpi_test_run(argc, argv, "comm", tests, sizeof tests / sizeof *tests);
 *   }
 */
#ifndef TESTS_MPI_TEST_H
#define TESTS_MPI_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <thinnet/comm.h>

/* Starts MPI, runs the tests on all ranks, ends MPI. Returns 1 on every rank where any test failed on any rank, else 0:
 * the exit status of the program. */
int mpi_test_run(int argc, char **argv, const char *name, const struct CMUnitTest *tests, size_t count);

/* The communicator of all ranks; it lives from the start of mpi_test_run to its end. */
const tn_comm *test_comm(void);

/* All of these are collective, and pass only where they hold on every rank. */
#define assert_all_true(condition) mpi_test_check((condition), __FILE__, __LINE__, "%s does not hold", #condition)

#define assert_all_false(condition) mpi_test_check(!(condition), __FILE__, __LINE__, "%s holds", #condition)

#define assert_all_int_equal(actual, expected)                                                                         \
  mpi_test_int_equal((int64_t)(actual), (int64_t)(expected), #actual, __FILE__, __LINE__)

/* |actual - expected| <= tolerance; a NaN is near to nothing. */
#define assert_all_near(actual, expected, tolerance)                                                                   \
  mpi_test_near((actual), (expected), (tolerance), #actual, __FILE__, __LINE__)

#define assert_all_memory_equal(actual, expected, bytes)                                                               \
  mpi_test_memory_equal((actual), (expected), (size_t)(bytes), #actual, __FILE__, __LINE__)

/* A tn_status; where it is another one the message is shown. */
#define assert_all_status(actual, expected) mpi_test_status((actual), (expected), #actual, __FILE__, __LINE__)
#define assert_all_ok(actual)               assert_all_status(actual, TN_OK)

/* tn_error_message() holds `part`. */
#define assert_all_message(part) mpi_test_message((part), __FILE__, __LINE__)

/* What the macros call. */
void mpi_test_check(bool passed, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void mpi_test_int_equal(int64_t actual, int64_t expected, const char *what, const char *file, int line);
void mpi_test_near(double actual, double expected, double tolerance, const char *what, const char *file, int line);
void mpi_test_memory_equal(const void *actual, const void *expected, size_t bytes, const char *what, const char *file,
                           int line);
void mpi_test_status(tn_status actual, tn_status expected, const char *what, const char *file, int line);
void mpi_test_message(const char *part, const char *file, int line);

#endif
