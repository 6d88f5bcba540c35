/* What Slurm says about the job and the step that this process belongs to, read from its environment. */
#ifndef TN_BASE_JOB_H
#define TN_BASE_JOB_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define TN_JOB_ID_MAX 64

typedef struct tn_job {
  char id[TN_JOB_ID_MAX];           /* "71", "71_3" for task 3 of an array; "" outside of a job */
  const char *name, *queue, *nodes; /* nodes in Slurm's short form, n[1-4]; "" where unknown; borrowed from getenv */
  int64_t cpus;                     /* granted, on all nodes */
  int64_t restarts;                 /* how often the job was requeued */
  int64_t step_tasks, task_in_step; /* of the srun that started this process; 0 tasks: no srun did */
  int64_t end_time;                 /* seconds since 1970; 0: not told */
} tn_job;

/* Local. What is missing, or is no number, counts as not told. */
void tn_job_read(tn_job *job);

/* Local. Seconds until Slurm ends the job: from SLURM_JOB_END_TIME, or, where Slurm does not set it (22.05 does not),
 * from what `squeue` says, which may take a moment. INFINITY: no job, or one without a limit. TN_ERR_CONFIG: a job
 * whose end cannot be found out. */
tn_status tn_job_time_left(const tn_job *job, double *left_s);

/* "8(x2),4" as Slurm writes numbers of a job's nodes: their sum; 0: something else. */
int64_t tn_job_sum_counts(const char *text);

/* "[days-][[hours:]minutes:]seconds" as squeue writes a time, in seconds; INFINITY for UNLIMITED. False: something
 * else. */
bool tn_job_parse_time(const char *text, double *seconds);

#endif
