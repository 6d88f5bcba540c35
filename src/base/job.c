#include "base/job.h"

#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *text_of(const char *variable) {
  const char *text = getenv(variable);
  return text ? text : "";
}

static int64_t number_of(const char *variable) {
  int64_t number = 0;
  return tn_number_read_int(text_of(variable), &number) && number > 0 ? number : 0;
}

/* A task of an array is asked for by the array's number: the task that holds the array together has that number itself,
 * and Slurm would answer for all of them. */
static void read_id(char id[TN_JOB_ID_MAX]) {
  const int64_t array = number_of("SLURM_ARRAY_JOB_ID");
  const int64_t job = number_of("SLURM_JOB_ID");
  id[0] = '\0';
  if (job > 0 && array > 0)
    snprintf(id, TN_JOB_ID_MAX, "%lld_%lld", (long long)array, (long long)number_of("SLURM_ARRAY_TASK_ID"));
  else if (job > 0)
    snprintf(id, TN_JOB_ID_MAX, "%lld", (long long)job);
}

int64_t tn_job_sum_counts(const char *text) {
  int64_t sum = 0;
  while (*text) {
    int count = 0, times = 1, length = 0;
    if (sscanf(text, "%9d%n(x%9d)%n", &count, &length, &times, &length) < 1)
      return 0;
    sum += (int64_t)count * times;
    text += length + (text[length] == ',');
  }
  return sum;
}

void tn_job_read(tn_job *job) {
  *job = (tn_job){.name = text_of("SLURM_JOB_NAME"),
                  .queue = text_of("SLURM_JOB_PARTITION"),
                  .nodes = text_of("SLURM_JOB_NODELIST"),
                  .cpus = tn_job_sum_counts(text_of("SLURM_JOB_CPUS_PER_NODE")),
                  .restarts = number_of("SLURM_RESTART_COUNT"),
                  .step_tasks = number_of("SLURM_STEP_NUM_TASKS"),
                  .task_in_step = number_of("SLURM_PROCID"),
                  .end_time = number_of("SLURM_JOB_END_TIME")};
  read_id(job->id);
}

/* Takes a number and the character behind it from *text. */
static bool take_number(const char **text, char end, double *number) {
  const size_t length = strspn(*text, "0123456789");
  if (length == 0 || length > 9 || (*text)[length] != end)
    return false;
  *number = strtod(*text, NULL);
  *text += length + (end != '\0');
  return true;
}

bool tn_job_parse_time(const char *text, double *seconds) {
  double days = 0.0, number = 0.0, total = 0.0;
  if (strcmp(text, "UNLIMITED") == 0) {
    *seconds = INFINITY;
    return true;
  }
  take_number(&text, '-', &days);
  for (int parts = 1; take_number(&text, ':', &number); parts++) {
    if (parts > 2)
      return false;
    total = 60.0 * (total + number);
  }
  if (!take_number(&text, '\0', &number))
    return false;
  *seconds = 86400.0 * days + total + number;
  return true;
}

/* The first line that a command prints; "" where it fails. popen does not copy the process as fork does, which memory
 * that a network card knows would not survive. */
static void read_command(const char *command, char *line, int size) {
  line[0] = '\0';
  FILE *output = popen(command, "r");
  if (!output)
    return;
  if (!fgets(line, size, output))
    line[0] = '\0';
  line[strcspn(line, "\n")] = '\0';
  if (pclose(output) != 0)
    line[0] = '\0';
}

/* An answer takes milliseconds; a controller that is down would be asked again for minutes. */
#define ASK "timeout 60 squeue --noheader --jobs %s --format %%L 2>/dev/null"

tn_status tn_job_time_left(const tn_job *job, double *left_s) {
  char command[sizeof ASK + TN_JOB_ID_MAX], answer[64];
  *left_s = INFINITY;
  if (!job->id[0])
    return TN_OK;
  if (job->end_time > 0) {
    *left_s = (double)(job->end_time - (int64_t)time(NULL));
    return TN_OK;
  }
  snprintf(command, sizeof command, ASK, job->id);
  read_command(command, answer, (int)sizeof answer);
  if (tn_job_parse_time(answer, left_s))
    return TN_OK;
  return tn_fail(
      TN_ERR_CONFIG,
      "train.time_limit = auto: the end of job %s is not known: SLURM_JOB_END_TIME is not set, and squeue on "
      "this node answers \"%s\"; write seconds, or export SLURM_JOB_END_TIME (seconds since 1970) in the job "
      "script",
      job->id, answer);
}
