"""A Slurm cluster of two nodes for the tests, and jobs on it. LOCAL_CLUSTER_DIR names one that runs already, if any; otherwise
the tests start their own, which ends with them."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import h5py

from command_case import SMALL, THINNET, CommandTest

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
CLUSTER = os.path.join(ROOT, "scripts", "local_cluster")
SKIPPED = 77
# For a machine that others keep busy; on a free one nothing here takes a quarter of it.
JOB_LIMIT_S = 150
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")

# Gradients of 77 x 1024 values: with 8 bytes each 0.6 MB a step on a link. At this rate a step takes half a second at the least, on the
# fastest machine: what has to be interrupted is not over before.
WIDE = SMALL.replace("hidden = 16, 12", "hidden = 256, 296") + """
[output]
checkpoint_every_steps = 5
"""
SLOW = "10mbit"
# 125 steps: on the slow network longer than a job of a minute.
LONG = "epochs = 25"


def cluster_folder():
    return os.environ.setdefault("LOCAL_CLUSTER_DIR", f"/run/thinnet-cluster-{os.getpid()}")


def local_cluster(*arguments, cwd="/", environment=None):
    return subprocess.run([CLUSTER, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          cwd=cwd, timeout=JOB_LIMIT_S, env={**os.environ, **(environment or {})})


def start_cluster():
    """Ends the program with SKIPPED where the machine cannot have a cluster."""
    cluster_folder()
    done = local_cluster("up", "--cpus", "2", "--with", str(os.getpid()))
    if done.returncode == 3:
        print(f"skipped: {done.stderr.strip()}")
        sys.exit(SKIPPED)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    return "are ready" in done.stdout


class SlurmCase(CommandTest):
    def setUp(self):
        # The nodes have a /tmp of their own.
        tempfile.tempdir = "/var/tmp"
        super().setUp()
        shutil.copy2(THINNET, self.path("thinnet"))
        self.config = self.write("wide.ini", WIDE.format(folder=self.folder))

    def cluster(self, *arguments, status=0, environment=None):
        done = local_cluster(*arguments, cwd=self.folder, environment=environment)
        self.assertEqual(done.returncode, status, f"{arguments}\n{done.stdout}{done.stderr}")
        return done

    def configuration(self, name, old, new):
        """Another one than self.config, with this text in place of that."""
        with open(self.config, encoding="utf-8") as file:
            return self.write(name, file.read().replace(old, new))

    def slow_network(self):
        self.cluster("shape", "--rate", SLOW)
        self.addCleanup(self.cluster, "shape")

    def edited(self, name, **values):
        """A job script as a user edits it."""
        with open(os.path.join(ROOT, "jobs", name), encoding="utf-8") as file:
            text = file.read()
        for variable, value in {"thinnet": self.path("thinnet"), "config": self.config, **values}.items():
            text, count = re.subn(f"(?m)^{variable}=[^#\n]*", f"{variable}={value} ", text)
            self.assertEqual(count, 1, f"{name}: {variable}")
        return self.write(name, text)

    def script(self, name, run):
        return self.edited(name, run=self.path(run))

    def submit(self, *arguments):
        job = self.cluster("submit", "--parsable", *arguments).stdout.strip()
        self.addCleanup(self.cluster, "shell", "scancel", "--quiet", job)
        return job

    def job(self, job):
        text = self.cluster("shell", "scontrol", "show", "job", "--oneliner", job).stdout
        return dict(word.split("=", 1) for word in text.split() if "=" in word)

    def wait(self, what, job, condition):
        """Until the condition holds; a failure shows how the job and the nodes stand, and what the job wrote. A job that has ended
        brings nothing more."""
        end = time.monotonic() + JOB_LIMIT_S
        ended = False
        while not condition():
            if ended or time.monotonic() > end:
                found = f"{self.job(job)}\n{self.cluster('status').stdout}\n{self.output(job)}"
                self.fail(f"job {job} {'ended' if ended else f'had {JOB_LIMIT_S} s'} before {what}\n{found}")
            time.sleep(0.2)
            ended = self.job(job)["JobState"] in ENDED

    def wait_for(self, job, *states):
        """Returns what Slurm says about the job once it is in one of the states."""
        self.wait(f"it was {states}", job, lambda: self.job(job)["JobState"] in states)
        return self.job(job)

    def output(self, job, name="thinnet"):
        try:
            with open(self.path(f"{name}-{job}.out"), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def wait_for_checkpoint(self, run, job):
        self.wait("it wrote a checkpoint", job, lambda: os.path.exists(self.path(run, "last.h5")))

    def end_of(self, job):
        return self.wait_for(job, *ENDED)["JobState"]

    def ended(self, job, state="COMPLETED"):
        self.end_of(job)
        found = self.job(job)
        self.assertEqual(found["JobState"], state, self.output(job))
        return found

    def reference(self):
        """The digest of the run that nothing disturbs; reduction = exact makes it that of any number of ranks."""
        self.train("reference", "--quiet", ranks=2)
        return self.digest("reference", "last.h5")

    def hosts(self, run):
        with h5py.File(self.path(run, "metrics.h5")) as file:
            return {name.decode() for name in file["host_names"][()]}
