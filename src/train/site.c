/* Where the run runs: its Slurm job, its nodes, and what of them it may use. */
#include "base/log.h"
#include "base/memory.h"
#include "train/place.h"
#include "train/run.h"

#include <inttypes.h>
#include <math.h>
#include <unistd.h>

static void say_job(const tn_run *run) {
  const tn_job *job = &run->job;
  char line[1000];
  tn_text text = tn_text_over(line, sizeof line);
  if (!job->id[0])
    return;
  tn_text_add(&text, "%s (%s), partition %s, CPUs %lld", job->id, job->name, job->queue, (long long)job->cpus);
  if (job->restarts > 0)
    tn_text_add(&text, ", restart %lld", (long long)job->restarts);
  tn_run_say(run, "job        %s, nodes %s", line, job->nodes);
}

/* Where the queue does not confine a job to what it was granted, its CPUs are a number alone. */
static void warn_of_places(const tn_run *run, const tn_node *nodes, int count) {
  char problem[1200];
  const int64_t threads = run->config.parallel.threads;
  const int64_t wanted = threads * tn_comm_size(run->comm);
  tn_text text = tn_text_over(problem, sizeof problem);
  if (tn_place_warning(nodes, count, threads, sysconf(_SC_NPROCESSORS_ONLN), &text))
    tn_warn("%s", problem);
  else if (run->job.cpus > 0 && wanted > run->job.cpus)
    tn_warn("%d ranks of parallel.threads = %lld need %lld CPUs, and job %s was granted %lld: ask for --ntasks and "
            "--cpus-per-task that fit, or start fewer",
            tn_comm_size(run->comm), (long long)threads, (long long)wanted, run->job.id, (long long)run->job.cpus);
}

static void say_places(const tn_run *run, const tn_node *nodes, int count) {
  char line[256];
  tn_text text = tn_text_over(line, sizeof line);
  tn_place_describe(nodes, count, run->config.parallel.threads, &text);
  tn_run_say(run, "nodes      %s", line);
  if (!run->repeats)
    warn_of_places(run, nodes, count);
}

/* train.time_limit = auto. Rank 0 */
static tn_status find_end(tn_run *run) {
  double left_s = INFINITY;
  run->job_end_s = INFINITY;
  if (run->config.train.time_limit >= 0.0)
    return TN_OK;
  TN_TRY(tn_job_time_left(&run->job, &left_s));
  left_s = fmax(left_s, 0.0);
  run->job_end_s = tn_comm_time_s() + left_s;
  if (!run->job.id[0])
    tn_run_say(run, "time limit none: train.time_limit = auto, and this is no Slurm job");
  else if (isinf(left_s))
    tn_run_say(run, "time limit none: train.time_limit = auto, and the job has no limit");
  else
    tn_run_say(run, "time limit the job ends in %" PRId64 ":%02" PRId64 ":%02" PRId64, (int64_t)left_s / 3600,
               (int64_t)left_s / 60 % 60, (int64_t)left_s % 60);
  return TN_OK;
}

tn_status tn_run_site_open(tn_run *run) {
  const int size = tn_comm_size(run->comm);
  tn_cpus mine, *all = NULL;
  tn_node *nodes = NULL;
  tn_job_read(&run->job);
  tn_status status = tn_alloc(&run->host_names, size, TN_HOST_MAX, "host names");
  if (status == TN_OK)
    status = tn_alloc(&all, size, sizeof *all, "the CPUs of all ranks");
  if (status == TN_OK)
    status = tn_alloc(&nodes, size, sizeof *nodes, "the nodes of the run");
  status = tn_comm_agree(run->comm, status);
  if (status == TN_OK) {
    tn_cpus_read(&mine);
    tn_comm_host_names(run->comm, run->host_names);
    tn_comm_all_gather(run->comm, &mine, (int64_t)sizeof mine, all);
  }
  if (status == TN_OK && tn_comm_rank(run->comm) == 0) {
    say_job(run);
    say_places(run, nodes, tn_place_nodes(run->host_names, TN_HOST_MAX, all, size, nodes));
    status = find_end(run);
  }
  tn_free(&nodes);
  tn_free(&all);
  return tn_comm_agree(run->comm, status);
}
