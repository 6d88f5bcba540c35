/* The watchdog at work: one rank comes late to a collective, and is named. The late rank waits for the warning itself,
 * so that nothing here depends on speed. */
#include "dist/handle.h"
#include "dist/stall.h"
#include "mpi_test.h"

#include <thinnet/mpi.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WARNING_S  2.0
#define PATIENCE_S 40.0

typedef struct late_case {
  tn_comm *comm;
  tn_stall_guard *guard;
  char folder[256];
  char warning[TN_MESSAGE_MAX]; /* that this rank gave */
  int warnings;
} late_case;

static void make_folder(late_case *c) {
  const char *parent = getenv("TMPDIR");
  snprintf(c->folder, sizeof c->folder, "%s/thinnet-stall-XXXXXX", parent ? parent : "/tmp");
  if (tn_comm_rank(test_comm()) == 0 && !mkdtemp(c->folder))
    c->folder[0] = '\0';
  tn_comm_broadcast(test_comm(), c->folder, (int64_t)sizeof c->folder, 0);
  assert_all_true(c->folder[0] != '\0');
}

static void file_in(const late_case *c, const char *name, char *path, size_t size) {
  snprintf(path, size, "%s/%s", c->folder, name);
}

/* Rank 0's tells the late rank, outside MPI. */
static void keep_warning(void *context, const char *text) {
  late_case *c = context;
  char path[512];
  file_in(c, "warned", path, sizeof path);
  if (c->warnings++ == 0)
    snprintf(c->warning, sizeof c->warning, "%s", text);
  FILE *file = c->comm->rank == 0 ? fopen(path, "w") : NULL;
  if (file)
    fclose(file);
}

static void start(late_case *c, bool nodes, bool shares) {
  *c = (late_case){0};
  char prefix[512];
  make_folder(c);
  file_in(c, "progress", prefix, sizeof prefix);
  assert_all_ok(tn_comm_create(MPI_COMM_WORLD, &c->comm));
  if (nodes)
    tn_comm_pretend_nodes(c->comm, 2);
  const tn_stall_options options = {.warning_s = WARNING_S, .on_warning = keep_warning, .context = c};
  assert_all_ok(tn_stall_start(c->comm, &options, &c->guard));
  if (shares)
    tn_stall_share(c->guard, prefix);
  tn_comm_barrier(c->comm);
}

static int files_left(const late_case *c) {
  int count = 0;
  DIR *stream = opendir(c->folder);
  for (const struct dirent *entry; stream && (entry = readdir(stream));)
    count += entry->d_name[0] != '.';
  if (stream)
    closedir(stream);
  return count;
}

static void finish(late_case *c) {
  char path[512];
  tn_stall_stop(&c->guard);
  assert_all_true(c->guard == NULL);
  tn_comm_destroy(&c->comm);
  file_in(c, "warned", path, sizeof path);
  if (tn_comm_rank(test_comm()) == 0)
    unlink(path);
  tn_comm_barrier(test_comm());
  assert_all_int_equal(files_left(c), 0);
  tn_comm_barrier(test_comm());
  if (tn_comm_rank(test_comm()) == 0)
    rmdir(c->folder);
}

static void wait_for_warning(const late_case *c) {
  char path[512];
  const double start_s = tn_comm_time_s();
  file_in(c, "warned", path, sizeof path);
  while (access(path, F_OK) != 0 && tn_comm_time_s() - start_s < PATIENCE_S)
    usleep(1000);
}

/* All ranks but the last come to a barrier; the last comes when rank 0 has warned. */
static void come_late(late_case *c) {
  const int last = c->comm->size - 1;
  tn_pulse_mark(c->comm, 7, c->comm->rank == last ? TN_PHASE_COMPUTE : TN_PHASE_REDUCE);
  if (c->comm->rank == last)
    wait_for_warning(c);
  tn_comm_barrier(c->comm);
}

/* Rank 0 has warned once, of the last rank. Others should not have, but on a machine so loaded that rank 0 did not run
 * for half of the limit they may. */
static void assert_warning(const late_case *c, int missing, const char *state) {
  char expected[64];
  double waited_s = 0.0;
  const char *said = c->comm->rank == 0 ? c->warning : NULL;
  snprintf(expected, sizeof expected, ", reduce, for rank %d on ", missing);
  assert_all_true(!said || c->warnings == 1);
  assert_all_true(!said || sscanf(said, "rank 0 has waited %lf s in step 7, reduce, for ", &waited_s) == 1);
  assert_all_true(!said || waited_s > WARNING_S - 0.1); /* it is printed in tenths */
  mpi_test_check(!said || strstr(said, expected), __FILE__, __LINE__, "\"%s\" lacks \"%s\"", c->warning, expected);
  mpi_test_check(!said || strstr(said, state), __FILE__, __LINE__, "\"%s\" lacks \"%s\"", c->warning, state);
}

static void test_the_late_rank_is_named(void **state) {
  (void)state;
  late_case c;
  if (tn_comm_size(test_comm()) < 2)
    return;
  start(&c, false, false);
  come_late(&c);
  assert_warning(&c, c.comm->size - 1, "(step 7, compute, for ");
  finish(&c);
}

static void test_the_late_rank_of_another_node_is_named(void **state) {
  (void)state;
  late_case c;
  if (tn_comm_size(test_comm()) < 3)
    return;
  start(&c, true, true);
  come_late(&c);
  assert_warning(&c, c.comm->size - 1, "(step 7, compute, for ");
  finish(&c);
}

static void test_a_node_without_a_file_is_said_to_be_unknown(void **state) {
  (void)state;
  late_case c;
  if (tn_comm_size(test_comm()) < 3)
    return;
  start(&c, true, false);
  come_late(&c);
  assert_warning(&c, 2, "(no word from its node)");
  finish(&c);
}

/* Whoever waits for less than the limit, be it a thousand times, is not warned about. */
static void test_ranks_that_come_are_not_spoken_of(void **state) {
  (void)state;
  late_case c;
  start(&c, false, false);
  for (int i = 0; i < 1000; i++)
    tn_comm_barrier(c.comm);
  assert_all_int_equal(c.warnings, 0);
  finish(&c);
}

static void test_nothing_to_guard(void **state) {
  (void)state;
  tn_stall_guard *guard = NULL;
  tn_comm *comm = NULL;
  const tn_stall_options off = {0};
  assert_all_ok(tn_comm_create(MPI_COMM_WORLD, &comm));
  assert_all_ok(tn_stall_start(comm, &off, &guard));
  assert_all_true(guard == NULL);
  tn_stall_share(guard, "/nowhere/progress");
  tn_stall_stop(&guard);
  tn_comm_destroy(&comm);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_late_rank_is_named),
      cmocka_unit_test(test_the_late_rank_of_another_node_is_named),
      cmocka_unit_test(test_a_node_without_a_file_is_said_to_be_unknown),
      cmocka_unit_test(test_ranks_that_come_are_not_spoken_of),
      cmocka_unit_test(test_nothing_to_guard),
  };
  return mpi_test_run(argc, argv, "stall", tests, sizeof tests / sizeof *tests);
}
