#include "mpi_test.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 1024 };

static tn_comm *comm_of_all;

const tn_comm *test_comm(void) {
  return comm_of_all;
}

/* cmocka prints through these two streams. The descriptors below them stay open for what MPI and the sanitizers say. */
static void mute(void) {
  FILE *const nowhere = fopen("/dev/null", "w");
  if (nowhere)
    stdout = stderr = nowhere;
}

int mpi_test_run(int argc, char **argv, const char *name, const struct CMUnitTest *tests, size_t count) {
  if (tn_comm_start(&argc, &argv, &comm_of_all) != TN_OK) {
    fprintf(stderr, "%s\n", tn_error_message());
    return 1;
  }
  if (tn_comm_rank(comm_of_all) > 0)
    mute();
  int failures = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
  MPI_Allreduce(MPI_IN_PLACE, &failures, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  tn_comm_destroy(&comm_of_all);
  return failures == 0 ? 0 : 1;
}

/* The lowest rank that did not pass, or the number of ranks where all did. */
static int first_failure(bool passed, int rank, int size) {
  int failed = passed ? size : rank;
  MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  return failed;
}

void mpi_test_check(bool passed, const char *file, int line, const char *format, ...) {
  int rank = 0;
  int size = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  const int failed = first_failure(passed, rank, size);
  if (failed == size)
    return;
  char text[TEXT_MAX];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  MPI_Bcast(text, TEXT_MAX, MPI_CHAR, failed, MPI_COMM_WORLD);
  print_error("rank %d of %d: %s\n", failed, size, text);
  _fail(file, line);
}

void mpi_test_int_equal(int64_t actual, int64_t expected, const char *what, const char *file, int line) {
  mpi_test_check(actual == expected, file, line, "%s is %lld, not %lld", what, (long long)actual, (long long)expected);
}

void mpi_test_near(double actual, double expected, double tolerance, const char *what, const char *file, int line) {
  mpi_test_check(fabs(actual - expected) <= tolerance, file, line, "%s is %.17g, %.3g away from %.17g (allowed: %.3g)",
                 what, actual, fabs(actual - expected), expected, tolerance);
}

void mpi_test_memory_equal(const void *actual, const void *expected, size_t bytes, const char *what, const char *file,
                           int line) {
  const unsigned char *const a = actual;
  const unsigned char *const b = expected;
  size_t place = 0;
  while (place < bytes && a[place] == b[place])
    place++;
  mpi_test_check(place == bytes, file, line, "%s differs from what is expected at byte %zu of %zu", what, place, bytes);
}

void mpi_test_status(tn_status actual, tn_status expected, const char *what, const char *file, int line) {
  mpi_test_check(actual == expected, file, line, "%s is \"%s\", not \"%s\"; the message is: %s", what,
                 tn_status_text(actual), tn_status_text(expected), tn_error_message());
}

void mpi_test_message(const char *part, const char *file, int line) {
  mpi_test_check(strstr(tn_error_message(), part) != NULL, file, line, "the message \"%s\" lacks \"%s\"",
                 tn_error_message(), part);
}
