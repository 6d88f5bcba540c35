#!/usr/bin/python3
"""The command on a cluster: what Slurm's variables make it say, refuse, record and stop for. Slurm itself is not needed."""

import os
import sys
import tempfile
import time
import unittest

import h5py

from command_case import CommandTest

JOB = {"SLURM_JOB_ID": "71", "SLURM_JOB_NAME": "digits", "SLURM_JOB_PARTITION": "short", "SLURM_JOB_NODELIST": "n[1-2]",
       "SLURM_JOB_CPUS_PER_NODE": "2(x2)", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"}


def step(tasks, task=0):
    """The variables of one task of an srun."""
    return {**JOB, "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": str(tasks), "SLURM_PROCID": str(task)}


class Launch(CommandTest):
    def test_tasks_that_do_not_know_of_each_other_are_refused(self):
        """srun has started them, MPI has not: each would train alone, into one folder."""
        self.train("good", "--quiet")
        checkpoint = self.path("good", "best.h5")
        for arguments in (["train", self.config, "-o", self.path("run")], ["eval", checkpoint],
                          ["predict", checkpoint, self.path("rows.h5"), "-x", "/test/x", "-o", self.path("out.h5")]):
            errors = self.thinnet(*arguments, status=2, environment=step(4)).stderr
            for word in ("started 4 tasks", "srun --mpi=pmix", "srun --mpi=list", "mpirun"):
                self.assertIn(word, errors)
            self.assertEqual(self.thinnet(*arguments, status=2, environment=step(4, 3)).stderr, "")
        self.assertFalse(os.path.exists(self.path("run")))
        self.assertFalse(os.path.exists(self.path("out.h5")))

    def test_what_is_meant_to_be_alone_is_not(self):
        """A command in the job script itself, the only task of a step, and ranks that mpirun has started."""
        self.train("script", "--dry-run", environment=JOB)
        self.train("step", "--dry-run", environment=step(1))
        self.train("mpirun", "--dry-run", ranks=1, environment=step(3))
        self.train("ranks", "--dry-run", ranks=2, environment=step(2))


class Metrics(CommandTest):
    def test_the_job_is_recorded(self):
        self.train("run", "-s", "train.max_steps=3", "--quiet", environment=JOB)
        lines = self.thinnet("info", self.path("run", "metrics.h5")).stdout.splitlines()
        for line in ("job_id: 71", "restart_count: 0", "node_list: n[1-2]"):
            self.assertIn(line, lines)
        again = {**JOB, "SLURM_RESTART_COUNT": "1", "SLURM_JOB_NODELIST": "n2"}
        self.train("run", "-s", "train.max_steps=6", "--resume", "--quiet", environment=again)
        with h5py.File(self.path("run", "metrics.h5")) as file:
            self.assertEqual([str(file.attrs[name]) for name in ("job_id", "restart_count", "node_list")], ["71", "1", "n2"])
        self.train("run", "-s", "train.max_steps=9", "--resume", "--quiet")
        lines = self.thinnet("info", self.path("run", "metrics.h5")).stdout
        self.assertNotIn("job_id", lines)
        starts = [line.split(", ", 1)[1] for line in lines.splitlines() if line.startswith("start: ")]
        self.assertEqual(starts, ["after step 0, ranks 1, job 71 on n[1-2], restart 0", "after step 3, ranks 1, job 71 on n2, restart 1",
                                  "after step 6, ranks 1"])


class TimeLimit(CommandTest):
    AUTO = ("-s", "train.time_limit=auto")

    def job_that_ends_in(self, seconds):
        return {**JOB, "SLURM_JOB_END_TIME": str(int(time.time()) + seconds)}

    def job_that_squeue_knows(self, answer):
        """A Slurm too old to set SLURM_JOB_END_TIME, with a squeue of its own in PATH."""
        folder = tempfile.mkdtemp(dir=self.folder)
        squeue = self.write(os.path.join(folder, "squeue"), f"#!/bin/sh\n{answer}\n")
        os.chmod(squeue, 0o700)
        return {**JOB, "PATH": f"{folder}:{os.environ['PATH']}"}

    def test_a_run_stops_before_its_job_ends_and_goes_on_in_the_next(self):
        """What is left is less than a job needs after its last checkpoint: one step is done, and kept."""
        done = self.train("run", *self.AUTO, ranks=2, status=75, environment=self.job_that_ends_in(8))
        self.assertIn("time limit the job ends in 0:00:0", done.stdout)
        self.assertRegex(done.stdout, r"stopping \d s before the job ends; a step took up to .* s, a checkpoint .* s")
        self.assertIn("train.time_limit = auto reached after step 1\n", done.stderr)
        self.assertTrue(os.path.exists(self.path("run", "step-00000001.h5")))
        self.train("run", *self.AUTO, "--resume", ranks=2, environment=self.job_that_ends_in(7200))
        self.train("whole")
        self.assertEqual(self.digest("run", "last.h5"), self.digest("whole", "last.h5"))
        self.assertEqual(self.columns("run"), self.columns("whole"))

    def test_time_enough(self):
        for run, environment, said in (
                ("none", {}, "none: train.time_limit = auto, and this is no Slurm job"),
                ("far", self.job_that_ends_in(90061), r"the job ends in 25:0[01]:\d\d"),
                ("asked", self.job_that_squeue_knows("echo 2-01:02:03"), "the job ends in 49:02:03"),
                ("unlimited", self.job_that_squeue_knows("echo UNLIMITED"), "none: .* the job has no limit")):
            self.assertRegex(self.train(run, *self.AUTO, environment=environment).stdout, f"(?m)^time limit {said}$")

    def test_an_end_that_is_not_known_is_refused(self):
        errors = self.train("run", *self.AUTO, ranks=2, status=2, environment=self.job_that_squeue_knows("exit 1")).stderr
        for word in ("train.time_limit = auto", "job 71", "SLURM_JOB_END_TIME"):
            self.assertIn(word, errors)
        self.assertFalse(os.path.exists(self.path("run")))


class Places(CommandTest):
    def setUp(self):
        super().setUp()
        self.cpus = os.sched_getaffinity(0)
        self.addCleanup(os.sched_setaffinity, 0, self.cpus)

    def dry_run(self, ranks, *overrides, **variables):
        """The first lines and the warnings of a run on a single CPU."""
        os.sched_setaffinity(0, {min(self.cpus)})
        done = self.train("run", "--dry-run", *overrides, ranks=ranks, environment=variables)
        return done.stdout.splitlines(), done.stderr

    def test_the_first_lines_name_job_and_nodes(self):
        lines, errors = self.dry_run(1, **JOB, SLURM_RESTART_COUNT="2")
        self.assertEqual(lines[0], "job        71 (digits), partition short, CPUs 4, restart 2, nodes n[1-2]")
        self.assertEqual(lines[1], "nodes      1, ranks a node 1, CPUs a node 1; a rank: threads 1, CPUs 1")
        self.assertNotIn("warning", errors)

    def test_without_a_job(self):
        lines, errors = self.dry_run(0)
        self.assertTrue(lines[0].startswith("nodes      1, ranks a node 1, "), lines[0])
        self.assertNotIn("warning", errors)

    @unittest.skipIf(os.cpu_count() < 2, "on a machine with one CPU that is no mistake")
    def test_all_ranks_on_one_cpu(self):
        errors = self.dry_run(2)[1]
        self.assertEqual(errors.count("thinnet: warning:"), 1, errors)
        self.assertRegex(errors, "node .*: all 2 ranks may use one and the same CPU")

    def test_more_threads_than_cpus(self):
        errors = self.dry_run(1, "-s", "parallel.threads=3")[1]
        self.assertEqual(errors.count("thinnet: warning:"), 1, errors)
        self.assertRegex(errors, "1 ranks of parallel.threads = 3 have 1 CPUs together")

    def test_more_threads_than_the_job_was_granted(self):
        """The CPUs are there: it is the queue that counts them."""
        done = self.train("run", "--dry-run", "-s", f"parallel.threads={len(self.cpus)}",
                          environment={**JOB, "SLURM_JOB_CPUS_PER_NODE": str(len(self.cpus) - 1)})
        self.assertIn(f"need {len(self.cpus)} CPUs, and job 71 was granted {len(self.cpus) - 1}", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
