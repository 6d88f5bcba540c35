#!/usr/bin/python3
"""The command on a cluster: what Slurm's variables make it say, refuse, record and stop for. Slurm itself is not needed."""

import os
import sys
import unittest

from command_case import CommandTest

JOB = {"SLURM_JOB_ID": "71", "SLURM_JOB_NAME": "digits", "SLURM_JOB_PARTITION": "short", "SLURM_JOB_NODELIST": "n[1-2]",
       "SLURM_NTASKS": "4", "SLURM_PROCID": "0"}


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


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
