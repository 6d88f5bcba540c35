/* What Slurm's variables, and the answers of a squeue that the tests bring along, say about a job. */
#include "base/job.h"
#include "scratch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the three above */

static const char *const variables[] = {
    "SLURM_JOB_ID",        "SLURM_ARRAY_JOB_ID",  "SLURM_ARRAY_TASK_ID", "SLURM_JOB_NAME",     "SLURM_JOB_NODELIST",
    "SLURM_JOB_PARTITION", "SLURM_RESTART_COUNT", "SLURM_PROCID",        "SLURM_JOB_END_TIME", "SLURM_STEP_NUM_TASKS"};

static int forget_job(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
    unsetenv(variables[i]);
  return 0;
}

static tn_job read_job(void) {
  tn_job job;
  tn_job_read(&job);
  return job;
}

static void test_outside_of_a_job(void **state) {
  (void)state;
  double left_s = 0.0;
  const tn_job job = read_job();
  assert_string_equal(job.id, "");
  assert_string_equal(job.nodes, "");
  assert_int_equal(job.step_tasks, 0);
  assert_int_equal(tn_job_time_left(&job, &left_s), TN_OK);
  assert_true(isinf(left_s));
}

static void test_variables(void **state) {
  (void)state;
  setenv("SLURM_JOB_ID", "71", 1);
  setenv("SLURM_JOB_NAME", "digits", 1);
  setenv("SLURM_JOB_NODELIST", "n[1-2]", 1);
  setenv("SLURM_RESTART_COUNT", "2", 1);
  setenv("SLURM_STEP_NUM_TASKS", "8", 1);
  setenv("SLURM_PROCID", "5", 1);
  const tn_job job = read_job();
  assert_string_equal(job.id, "71");
  assert_string_equal(job.name, "digits");
  assert_string_equal(job.nodes, "n[1-2]");
  assert_int_equal(job.restarts, 2);
  assert_int_equal(job.step_tasks, 8);
  assert_int_equal(job.task_in_step, 5);
  setenv("SLURM_ARRAY_JOB_ID", "70", 1);
  setenv("SLURM_ARRAY_TASK_ID", "0", 1);
  assert_string_equal(read_job().id, "70_0");
  setenv("SLURM_JOB_ID", "71; rm x", 1); /* it stands in a command */
  assert_string_equal(read_job().id, "");
}

static void test_counts(void **state) {
  (void)state;
  assert_int_equal(tn_job_sum_counts("4"), 4);
  assert_int_equal(tn_job_sum_counts("72(x2),36"), 180);
  assert_int_equal(tn_job_sum_counts("1,2(x3),1"), 8);
  assert_int_equal(tn_job_sum_counts(""), 0);
  assert_int_equal(tn_job_sum_counts("many"), 0);
  assert_int_equal(tn_job_sum_counts("4;"), 0);
}

static void test_times(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double seconds;
  } times[] = {{"0:07", 7}, {"59:58", 3598}, {"1:02:03", 3723}, {"2-00:00:01", 172801}, {"UNLIMITED", INFINITY}};
  static const char *const no_times[] = {"", "INVALID", "NOT_SET", "1:", ":1", "1:2:3:4", "-1:00", "1:00 ", "1-", "x"};
  double seconds = 0.0;
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
    assert_true(tn_job_parse_time(times[i].text, &seconds));
    assert_true(seconds == times[i].seconds);
  }
  for (size_t i = 0; i < sizeof no_times / sizeof *no_times; i++)
    assert_false(tn_job_parse_time(no_times[i], &seconds));
}

static void test_end_from_the_environment(void **state) {
  (void)state;
  char text[32];
  double left_s = 0.0;
  const time_t before = time(NULL);
  snprintf(text, sizeof text, "%lld", (long long)before + 600);
  setenv("SLURM_JOB_ID", "71", 1);
  setenv("SLURM_JOB_END_TIME", text, 1);
  const tn_job job = read_job();
  assert_int_equal(tn_job_time_left(&job, &left_s), TN_OK);
  assert_true(left_s <= 600.0 && left_s >= 600.0 - (double)(time(NULL) - before));
}

/* A squeue in front of PATH that keeps its arguments in the file "asked". */
static void bring_squeue(const char *answer) {
  char script[1024], searched[512];
  const int length = snprintf(script, sizeof script, "#!/bin/sh\necho \"$*\" >%s\n%s\n", scratch_path("asked"), answer);
  assert_int_equal(chmod(scratch_write("squeue", script, (size_t)length), 0700), 0);
  snprintf(searched, sizeof searched, "%s:/usr/bin:/bin", scratch_path("."));
  setenv("PATH", searched, 1);
}

static void test_end_from_squeue(void **state) {
  (void)state;
  size_t count = 0;
  double left_s = 0.0;
  bring_squeue("echo 1-00:01:00");
  setenv("SLURM_JOB_ID", "72", 1);
  setenv("SLURM_ARRAY_JOB_ID", "70", 1);
  setenv("SLURM_ARRAY_TASK_ID", "2", 1);
  const tn_job job = read_job();
  assert_int_equal(tn_job_time_left(&job, &left_s), TN_OK);
  assert_true(left_s == 86460.0);
  char *asked = scratch_read(scratch_path("asked"), &count);
  assert_string_equal(asked, "--noheader --jobs 70_2 --format %L\n");
  free(asked);
}

static void test_an_end_that_is_not_known(void **state) {
  (void)state;
  double left_s = 0.0;
  setenv("SLURM_JOB_ID", "72", 1);
  const tn_job job = read_job();
  bring_squeue("echo INVALID");
  assert_int_equal(tn_job_time_left(&job, &left_s), TN_ERR_CONFIG);
  assert_non_null(strstr(tn_error_message(), "end of job 72"));
  assert_non_null(strstr(tn_error_message(), "\"INVALID\""));
  assert_non_null(strstr(tn_error_message(), "SLURM_JOB_END_TIME"));
  bring_squeue("echo 1:00; exit 1");
  assert_int_equal(tn_job_time_left(&job, &left_s), TN_ERR_CONFIG);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(test_outside_of_a_job, forget_job),
      cmocka_unit_test_setup(test_variables, forget_job),
      cmocka_unit_test_setup(test_counts, forget_job),
      cmocka_unit_test_setup(test_times, forget_job),
      cmocka_unit_test_setup(test_end_from_the_environment, forget_job),
      cmocka_unit_test_setup(test_end_from_squeue, forget_job),
      cmocka_unit_test_setup(test_an_end_that_is_not_known, forget_job),
  };
  return cmocka_run_group_tests_name("job", tests, scratch_setup, scratch_teardown);
}
