/* Which ranks get in each other's way, told from masks of CPUs that no machine has to have. */
#include "train/place.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the three above */

enum { RANKS_MAX = 8, NAME_SIZE = 8, ONLINE = 64 };

typedef struct layout {
  char names[RANKS_MAX][NAME_SIZE];
  tn_cpus cpus[RANKS_MAX];
  int ranks;
  tn_node nodes[RANKS_MAX];
  int count;
} layout;

/* Adds a rank on a host that may use the CPUs `first` to `last`. */
static void add(layout *l, const char *host, size_t first, size_t last) {
  snprintf(l->names[l->ranks], NAME_SIZE, "%s", host);
  for (size_t cpu = first; cpu <= last; cpu++)
    CPU_SET_S(cpu, sizeof l->cpus->sets, l->cpus[l->ranks].sets);
  l->ranks++;
}

static void expect(layout *l, int64_t threads, const char *description, const char *const *warning) {
  char line[256], problem[1024];
  tn_text text = tn_text_over(line, sizeof line);
  l->count = tn_place_nodes(l->names[0], NAME_SIZE, l->cpus, l->ranks, l->nodes);
  tn_place_describe(l->nodes, l->count, threads, &text);
  assert_string_equal(line, description);
  text = tn_text_over(problem, sizeof problem);
  assert_int_equal(tn_place_warning(l->nodes, l->count, threads, ONLINE, &text), warning != NULL);
  for (; warning && *warning; warning++)
    if (!strstr(problem, *warning))
      fail_msg("\"%s\" is not in: %s", *warning, problem);
}
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_ranks_with_cpus_of_their_own(void **state) {
  (void)state;
  layout l = {0};
  add(&l, "n1", 0, 1);
  add(&l, "n1", 2, 3);
  add(&l, "n2", 0, 1);
  add(&l, "n2", 2, 3);
  expect(&l, 2, "2, ranks a node 2, CPUs a node 4; a rank: threads 2, CPUs 2, bound to its own", NULL);
}

static void test_ranks_that_are_not_bound(void **state) {
  (void)state;
  layout l = {0};
  add(&l, "n1", 0, 3);
  add(&l, "n2", 0, 3);
  add(&l, "n1", 0, 3); /* round robin, as with --map-by node */
  expect(&l, 2, "2, ranks a node 1 to 2, CPUs a node 4; a rank: threads 2, CPUs 4, shared by its node's ranks", NULL);
}

static void test_cpus_beyond_1024(void **state) {
  (void)state;
  layout l = {0};
  add(&l, "n1", 0, 1999);
  add(&l, "n1", 2000, 4095);
  expect(&l, 64, "1, ranks a node 2, CPUs a node 4096; a rank: threads 64, CPUs 2000, bound to its own", NULL);
}

static void test_all_ranks_on_one_cpu(void **state) {
  (void)state;
  layout l = {0};
  add(&l, "n1", 0, 0);
  add(&l, "n1", 1, 1);
  add(&l, "n2", 5, 5);
  add(&l, "n2", 5, 5);
  add(&l, "n3", 6, 6);
  add(&l, "n3", 6, 6);
  expect(&l, 1, "3, ranks a node 2, CPUs a node 1 to 2; a rank: threads 1, CPUs 1, shared by its node's ranks",
         WORDS("node n2 (and 1 more like it): all 2 ranks", "CPU of 64", "--bind-to core", "--cpu-bind=cores"));
}

static void test_more_threads_than_cpus(void **state) {
  (void)state;
  layout l = {0};
  add(&l, "n1", 0, 3);
  add(&l, "n1", 0, 3);
  expect(&l, 3, "1, ranks a node 2, CPUs a node 4; a rank: threads 3, CPUs 4, shared by its node's ranks",
         WORDS("node n1: 2 ranks of parallel.threads = 3 have 4 CPUs"));
}

static void test_a_rank_bound_to_too_little(void **state) {
  (void)state;
  layout l = {0};
  add(&l, "n1", 0, 0);
  add(&l, "n1", 1, 7);
  expect(&l, 4, "1, ranks a node 2, CPUs a node 8; a rank: threads 4, CPUs 1, bound to its own",
         WORDS("node n1: a rank of parallel.threads = 4 may use 1 CPU:", "PE=4", "SRUN_CPUS_PER_TASK"));
}

static void test_cpus_of_this_thread(void **state) {
  (void)state;
  tn_cpus before, cpus;
  cpu_set_t one;
  tn_cpus_read(&before);
  const int count = CPU_COUNT_S(sizeof before.sets, before.sets);
  assert_true(count > 0);
  size_t cpu = 0;
  while (!CPU_ISSET_S(cpu, sizeof before.sets, before.sets))
    cpu++;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
  tn_cpus_read(&cpus);
  assert_int_equal(CPU_COUNT_S(sizeof cpus.sets, cpus.sets), 1);
  assert_true(CPU_ISSET_S(cpu, sizeof cpus.sets, cpus.sets));
  assert_int_equal(sched_setaffinity(0, sizeof before.sets, before.sets), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ranks_with_cpus_of_their_own),
      cmocka_unit_test(test_ranks_that_are_not_bound),
      cmocka_unit_test(test_cpus_beyond_1024),
      cmocka_unit_test(test_all_ranks_on_one_cpu),
      cmocka_unit_test(test_more_threads_than_cpus),
      cmocka_unit_test(test_a_rank_bound_to_too_little),
      cmocka_unit_test(test_cpus_of_this_thread),
  };
  return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
