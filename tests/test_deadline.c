/* How long before the end of its job a run stops. */
#include "train/deadline.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

/* Sums of whole seconds: no rounding. */
#define REST TN_DEADLINE_REST_S

static void test_no_deadline(void **state) {
  (void)state;
  tn_deadline deadline = tn_deadline_start(INFINITY, 0, 1e12);
  assert_false(tn_deadline_is_near(&deadline, 1e9, 1e9));
}

static void test_the_longest_step_and_checkpoint_count_twice(void **state) {
  (void)state;
  const double end = 1000;
  tn_deadline deadline = tn_deadline_start(end, 0, 0);
  assert_false(tn_deadline_is_near(&deadline, 1, 0));
  assert_false(tn_deadline_is_near(&deadline, 8, 0)); /* a gap of 7 s, as at an epoch's end */
  tn_deadline_note_save(&deadline, 5);
  tn_deadline_note_save(&deadline, 2);
  for (double now = 9; now < end - 2 * (7 + 5) - REST; now++)
    assert_false(tn_deadline_is_near(&deadline, now, 0));
  assert_true(tn_deadline_is_near(&deadline, end - 2 * (7 + 5) - REST, 0));
}

static void test_what_is_expected_counts_where_it_is_longer(void **state) {
  (void)state;
  tn_deadline deadline = tn_deadline_start(100, 0, 0);
  assert_false(tn_deadline_is_near(&deadline, 3, 0));
  assert_false(tn_deadline_is_near(&deadline, 4, 3));
  assert_false(tn_deadline_is_near(&deadline, 5, (100 - 5 - REST) / 2 - 1));
  assert_true(tn_deadline_is_near(&deadline, 6, (100 - 6 - REST) / 2));
}

/* 5e9 bytes: 100 s, until a checkpoint has shown that it takes longer. */
static void test_the_first_checkpoint_is_guessed(void **state) {
  (void)state;
  tn_deadline deadline = tn_deadline_start(1000, 0, 5e9);
  assert_false(tn_deadline_is_near(&deadline, 1, 0));
  assert_false(tn_deadline_is_near(&deadline, 2, 400 - 100 - REST));
  assert_true(tn_deadline_is_near(&deadline, 3, 500 - 100 - REST / 2));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_no_deadline),
      cmocka_unit_test(test_the_longest_step_and_checkpoint_count_twice),
      cmocka_unit_test(test_what_is_expected_counts_where_it_is_longer),
      cmocka_unit_test(test_the_first_checkpoint_is_guessed),
  };
  return cmocka_run_group_tests_name("deadline", tests, NULL, NULL);
}
