/* Who is missing, judged from sightings of all ranks; and what one node writes for the others, read back. */
#include "dist/pulse.h"
#include "dist/stall_files.h"
#include "dist/stall_judge.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SILENT_S 15.0
#define RANKS    4

static tn_sighting waiting(int64_t collectives, double seconds) {
  return (tn_sighting){.known = true,
                       .waits = true,
                       .collectives = collectives,
                       .step = 7,
                       .phase = TN_PHASE_REDUCE,
                       .changed_s = seconds,
                       .silent_s = 1.0};
}

static tn_sighting working(int64_t collectives, double seconds) {
  tn_sighting rank = waiting(collectives, seconds);
  rank.waits = false;
  rank.phase = TN_PHASE_COMPUTE;
  return rank;
}

static tn_sighting silent(tn_sighting rank, double seconds) {
  rank.silent_s = seconds;
  return rank;
}

static void assert_verdict(const tn_sighting *ranks, int self, int speaker, int blame, double still_s) {
  const tn_verdict verdict = tn_stall_judge(ranks, RANKS, self, SILENT_S);
  assert_int_equal(verdict.speaker, speaker);
  assert_int_equal(verdict.blame, blame);
  assert_true(verdict.still_s == still_s);
}

static void assert_list(const tn_sighting *ranks, int self, const char *expected) {
  char buffer[512];
  tn_text text = tn_text_over(buffer, sizeof buffer);
  const tn_member members[RANKS] = {{0, 0, "a"}, {0, 1, "a"}, {2, 0, "b"}, {2, 1, "b"}};
  const tn_verdict verdict = tn_stall_judge(ranks, RANKS, self, SILENT_S);
  tn_stall_list(&text, ranks, members, RANKS, self, &verdict, SILENT_S);
  assert_string_equal(buffer, expected);
}

static void test_a_rank_at_work_is_waited_for(void **state) {
  (void)state;
  const tn_sighting ranks[] = {waiting(9, 30), waiting(9, 31), working(8, 32), waiting(9, 30)};
  for (int self = 0; self < RANKS; self++)
    if (self != 2)
      assert_verdict(ranks, self, 0, 3, 30 + (self == 1));
  assert_list(ranks, 0, "rank 2 on b (step 7, compute, for 32.0 s)");
}

/* Stopped inside the very collective that the others are in, it has come and yet it is missing. */
static void test_a_stopped_rank_is_found_in_the_collective_itself(void **state) {
  (void)state;
  const tn_sighting ranks[] = {waiting(9, 30), waiting(9, 30), waiting(9, 30), silent(waiting(9, 31), 29)};
  assert_verdict(ranks, 0, 0, 3, 30);
  assert_list(ranks, 1, "rank 3 on b (step 7, reduce; no sign of life for 29.0 s: stopped, or cut off)");
}

/* The lowest rank waits too, but its process does not run: it cannot speak. */
static void test_a_stopped_rank_does_not_speak(void **state) {
  (void)state;
  const tn_sighting ranks[] = {silent(waiting(9, 30), 29), waiting(9, 30), waiting(9, 30), waiting(9, 30)};
  assert_verdict(ranks, 3, 1, 3, 30);
}

/* The root of a broadcast goes on before the others have their part: they are behind it, and wait themselves. */
static void test_a_rank_that_waits_is_blamed_last(void **state) {
  (void)state;
  tn_sighting ranks[] = {waiting(10, 30), waiting(9, 31), waiting(9, 31), working(8, 33)};
  assert_list(ranks, 0, "rank 3 on b (step 7, compute, for 33.0 s)");
  ranks[3] = (tn_sighting){0};
  assert_list(ranks, 0, "rank 3 on b (no word from its node)");
  ranks[3] = waiting(10, 30);
  assert_list(ranks, 0,
              "rank 1 on a (step 7, reduce, waiting, for 31.0 s), "
              "rank 2 on b (step 7, reduce, waiting, for 31.0 s)");
}

static void test_all_in_one_collective_is_the_network(void **state) {
  (void)state;
  const tn_sighting ranks[] = {waiting(9, 30), waiting(9, 40), working(9, 20), waiting(10, 50)};
  assert_verdict(ranks, 0, 0, 0, 20);
  assert_list(ranks, 0, "nobody: all ranks are in it, or further; look at the network between them");
}

/* What counts towards the end of the run is how long the missing ranks have been still, not how long one waits. */
static void test_a_rank_that_moves_is_only_slow(void **state) {
  (void)state;
  const tn_sighting ranks[] = {waiting(9, 3000), working(8, 2), waiting(9, 3000), silent(waiting(8, 3000), 2999)};
  assert_verdict(ranks, 0, 0, 3, 2);
}

static void test_a_long_list_is_cut(void **state) {
  (void)state;
  enum { MANY = 40 };
  tn_sighting ranks[MANY];
  tn_member members[MANY] = {{0}};
  char buffer[2048];
  tn_text text = tn_text_over(buffer, sizeof buffer);
  ranks[0] = waiting(2, 30);
  for (int r = 1; r < MANY; r++)
    ranks[r] = working(1, 30);
  const tn_verdict verdict = tn_stall_judge(ranks, MANY, 0, SILENT_S);
  tn_stall_list(&text, ranks, members, MANY, 0, &verdict, SILENT_S);
  assert_non_null(strstr(buffer, "rank 8 on"));
  assert_null(strstr(buffer, "rank 9 on"));
  assert_non_null(strstr(buffer, " and 31 more"));
}

static const tn_member two_nodes[RANKS] = {{0, 0, "a"}, {0, 1, "a"}, {2, 0, "b"}, {2, 1, "b"}};

static void write_node(const char *prefix, int lead, const tn_sighting *ranks) {
  char text[1024];
  assert_true(tn_stall_file_bytes(RANKS / 2) <= sizeof text);
  const int fd = tn_stall_file_open(prefix, lead, true);
  assert_true(fd >= 0);
  tn_stall_file_write(fd, ranks, two_nodes, RANKS, lead, text);
  close(fd);
}

static void test_a_node_reads_what_the_other_wrote(void **state) {
  (void)state;
  const char *prefix = scratch_path("progress");
  tn_sighting written[] = {working(1, 1), working(1, 1), waiting(123456789012345, 1e5), working(8, 0.25)};
  tn_sighting read[RANKS] = {{0}};
  write_node(prefix, 2, written);
  write_node(prefix, 2, written); /* in place */
  tn_stall_file_read(prefix, 2, two_nodes, RANKS, read);
  assert_false(read[0].known || read[1].known);
  for (int r = 2; r < RANKS; r++) {
    assert_true(read[r].known);
    assert_int_equal(read[r].collectives, written[r].collectives);
    assert_int_equal(read[r].waits, written[r].waits);
    assert_int_equal(read[r].step, written[r].step);
    assert_int_equal(read[r].phase, written[r].phase);
    /* The file has milliseconds, and the reader adds the age of the file: a test that is kept waiting adds more. */
    assert_true(read[r].changed_s > written[r].changed_s - 0.001);
    assert_true(read[r].silent_s > written[r].silent_s - 0.001);
  }
  tn_stall_file_remove(prefix, 2);
  assert_int_equal(tn_stall_file_open(prefix, 2, false), -1);
}

static void test_a_file_that_is_torn_tells_nothing_wrong(void **state) {
  (void)state;
  static const char *const texts[] = {
      "",
      "written",
      "written 5\n2 1 1 7\n",
      "written 5\n99 1 1 7 2 1.0 1.0\n",
      "written 5\n-1 1 1 7 2 1.0 1.0\n",
      "written 5\n0 1 1 7 2 1.0 1.0\n", /* a rank of another node */
      "2 1 1 7 2 1.0 1.0\n",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    tn_sighting read[RANKS] = {{0}};
    scratch_write("progress-2.tmp", texts[i], strlen(texts[i]));
    tn_stall_file_read(scratch_path("progress"), 2, two_nodes, RANKS, read);
    for (int r = 0; r < RANKS; r++)
      assert_false(read[r].known);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_rank_at_work_is_waited_for),
      cmocka_unit_test(test_a_stopped_rank_is_found_in_the_collective_itself),
      cmocka_unit_test(test_a_stopped_rank_does_not_speak),
      cmocka_unit_test(test_a_rank_that_waits_is_blamed_last),
      cmocka_unit_test(test_all_in_one_collective_is_the_network),
      cmocka_unit_test(test_a_rank_that_moves_is_only_slow),
      cmocka_unit_test(test_a_long_list_is_cut),
      cmocka_unit_test(test_a_node_reads_what_the_other_wrote),
      cmocka_unit_test(test_a_file_that_is_torn_tells_nothing_wrong),
  };
  return cmocka_run_group_tests_name("stall_judge", tests, scratch_setup, scratch_teardown);
}
