#!/usr/bin/python3
"""The job scripts on a real Slurm: they train, stop in time, go on after what a cluster does to jobs, and refuse."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import unittest

from processes import naming
from slurm_case import CLUSTER, LONG, ROOT, SlurmCase, cluster_folder, local_cluster, start_cluster


class Submitted(SlurmCase):
    def test_one_node(self):
        script = self.script("single_node.sbatch", "run")
        job = self.submit(script)
        self.ended(job)
        self.assertEqual(self.digest("run", "last.h5"), self.reference())
        again = self.submit(script)
        self.ended(again)
        self.assertIn("is finished", self.output(again))

    def test_a_rank_has_the_threads_and_cores_it_was_given(self):
        job = self.submit("--ntasks-per-node=1", "--cpus-per-task=2", self.script("single_node.sbatch", "run"))
        self.ended(job)
        self.assertIn("ranks 1", self.output(job))
        self.assertIn("threads a rank 2", self.output(job))

    def received(self, node):
        """Bytes that came from the node over the bridge."""
        links = json.loads(self.cluster("shell", "ip", "-json", "-stats", "link", "show", node).stdout)
        return links[0]["stats64"]["rx"]["bytes"]

    def test_two_nodes(self):
        expected = self.reference()
        for name in ("multi_node.sbatch", "multi_node_srun.sbatch"):
            with self.subTest(name):
                run = name.split(".", maxsplit=1)[0]
                before = self.received("n1")
                job = self.submit(self.script(name, run))
                self.ended(job)
                self.assertIn("ranks 4", self.output(job))
                self.assertEqual(self.hosts(run), {"n1", "n2"})
                self.assertEqual(self.digest(run, "last.h5"), expected)
                # 20 steps, in each at least one gradient of 0.6 MB.
                self.assertGreater(self.received("n1") - before, 20 * 600_000)

    def test_inputs_are_checked_before_the_queue(self):
        script = self.edited("single_node.sbatch", run="run", config=self.path("missing.ini"))
        self.assertIn("missing.ini", self.cluster("shell", "bash", script, status=2).stderr)
        script = self.script("single_node.sbatch", "run")
        done = self.cluster("shell", "bash", script, "--time=10")
        self.ended(re.search(r"Submitted batch job (\d+)", done.stdout)[1])

    def test_sweep(self):
        """An array of four, a folder each; one of them is requeued from outside."""
        shutil.copy(os.path.join(ROOT, "jobs", "sweep.txt"), self.folder)
        script = self.edited("sweep_array.sbatch", table=self.path("sweep.txt"))
        done = self.cluster("shell", "bash", script)
        array = re.search(r"Submitted batch job (\d+)", done.stdout)[1]
        self.wait_for(f"{array}_4", "RUNNING", "COMPLETED")
        self.cluster("shell", "scontrol", "requeue", f"{array}_4")
        for task in range(1, 5):
            found = self.end_of(f"{array}_{task}")
            self.assertEqual(found, "COMPLETED", self.output(f"{array}_{task}", "thinnet-sweep"))
        names = sorted(os.listdir(self.path("runs", "sweep")))
        self.assertEqual(names, [f"rate-{rate}-seed-{seed}" for rate in ("0.2", "0.5") for seed in (1, 2)])
        self.assertEqual(len({self.digest("runs", "sweep", name, "last.h5") for name in names}), 4)
        # Two ranks, as many replicas as the configuration says: the same run by hand.
        self.train("reference", "--quiet", "-s", "dropout.hidden=0.5", "-s", "train.seed=2", ranks=2)
        self.assertEqual(self.digest("runs", "sweep", names[3], "last.h5"), self.digest("reference", "last.h5"))

    def test_ensemble(self):
        script = self.edited("ensemble.sbatch", runs=self.path("runs"), members=2)
        done = self.cluster("shell", "bash", script)
        job = re.search(r"Submitted batch job (\d+)", done.stdout)[1]
        found = self.end_of(job)
        output = self.output(job, "thinnet-ensemble")
        self.assertEqual(found, "COMPLETED", output)
        self.assertEqual(re.findall("(?m)^== (.*)", output), ["seed 1", "seed 2", "the ensemble"])

    def test_a_plan_measures_the_network(self):
        """10 Mbit/s, of which a link lets pass 256 kB at once without a limit, and over which TCP may send in turns."""
        self.cluster("shape", "--rate", "10mbit")
        self.addCleanup(self.cluster, "shape")
        done = self.cluster("shell", "srun", "-N", "2", "-n", "2", "--mpi=pmix", self.path("thinnet"), "plan", self.config,
                            "--ranks", "2", "--seconds", "0.1", "--json")
        found = json.loads(done.stdout)
        self.assertEqual((found["ranks_timed"], found["network_measured"], found["plan"][0]["nodes"]), (1, True, 2))
        self.assertTrue(10e6 / 8 / 4 < found["bandwidth"] < 10e6 / 8 * 2, found)

    def test_tasks_without_mpi_are_refused(self):
        """Open MPI itself refuses what it sees was started by srun; with the variable gone it believes to be alone."""
        launch = ("shell", "srun", "-n", "2", "--mpi=none", "env", "-u", "SLURM_NODELIST", self.path("thinnet"), "train",
                  self.config, "-o", self.path("run"))
        self.assertIn("srun --mpi=pmix", self.cluster(*launch, status=2).stderr)
        self.assertFalse(os.path.exists(self.path("run")))


class Interrupted(SlurmCase):
    """Each time the run that is put together ends as the run that nothing disturbs."""

    def setUp(self):
        super().setUp()
        self.slow_network()

    def test_signal_requeue_resume(self):
        # Slurm looks at its clock every 30 s: the signal comes 10 to 40 s after the start.
        self.config = self.configuration("long.ini", "epochs = 4", LONG)
        # Both nodes: with the slow network between them the job outlasts its time. On one node, should the other not be free
        # yet, it would be done before the signal.
        job = self.submit("--nodes=2", "--time=1", "--signal=B:USR1@20", self.script("requeue.sbatch", "run"))
        self.wait("its first turn stopped", job, lambda: "turn 1] stopped with a checkpoint" in self.output(job))
        self.cluster("shape")
        # One more turn does the rest, or two where the machine is so busy that the second one is told to stop as well.
        restarts = int(self.ended(job)["Restarts"])
        output = self.output(job)
        self.assertGreaterEqual(restarts, 1, output)
        self.assertEqual(output.count("resuming after"), restarts, output)
        self.assertEqual(output.count("] stopped with a checkpoint"), restarts, output)
        self.assertIn(f"turn {restarts + 1}] done", output)
        self.assertEqual(self.digest("run", "last.h5"), self.reference())
        starts = re.findall(r"(?m)^start: .*(job .*)", self.thinnet("info", self.path("run", "metrics.h5")).stdout)
        self.assertEqual(starts, [f"job {job} on n[1-2], restart {turn}" for turn in range(restarts + 1)])

    def fail_in_mid_run(self, node):
        """A node goes off while the job trains; the job is requeued on the one that is left."""
        job = self.submit(self.script("requeue.sbatch", "run"))
        self.wait_for_checkpoint("run", job)
        self.assertEqual(self.job(job)["BatchHost"], "n1")
        self.cluster("fail", node)
        self.addCleanup(self.cluster, "restore", node)
        found = self.ended(job)
        output = self.output(job)
        self.assertEqual((found["Restarts"], found["NodeList"]), ("1", "n1" if node == "n2" else "n2"), output)
        self.assertIn("resuming after", output)
        self.assertEqual(self.digest("run", "last.h5"), self.reference())

    def test_node_fails(self):
        self.fail_in_mid_run("n2")

    def test_the_node_of_the_job_script_fails(self):
        """With it mpirun dies; the ranks on the other node are orphans until Slurm ends them."""
        self.fail_in_mid_run("n1")

    def test_cancelled_job_leaves_a_checkpoint(self):
        job = self.submit(self.script("multi_node_srun.sbatch", "run"))
        self.wait_for_checkpoint("run", job)
        self.cluster("shell", "scancel", job)
        self.ended(job, "CANCELLED")
        self.assertNotIn("done  ", self.output(job))
        self.assertIn("resuming after", self.train("run", "--resume", ranks=2).stdout)
        self.assertEqual(self.digest("run", "last.h5"), self.reference())

    def test_chain(self):
        """Jobs stop ahead of their time limit until one ends the run, and what is left of the chain is dropped. On a free machine
        the second one ends it."""
        self.config = self.configuration("long.ini", "epochs = 4", LONG)
        done = self.cluster("shell", os.path.join(ROOT, "jobs", "chain.sh"), "6", self.script("multi_node.sbatch", "run"),
                            "--time=1")
        jobs = re.findall(r"job (\d+): ", done.stdout)
        self.assertEqual(len(jobs), 6, done.stdout)
        self.assertEqual(self.ended(jobs[0], "FAILED")["ExitCode"], "75:0")
        self.assertIn("train.time_limit = auto reached", self.output(jobs[0]))
        self.cluster("shape")
        ends = [self.end_of(job) for job in jobs]
        turns = ends.count("FAILED")
        self.assertEqual(ends, ["FAILED"] * turns + ["COMPLETED"] + ["CANCELLED"] * (5 - turns))
        self.assertLess(turns, 5, self.output(jobs[-1]))
        self.assertIn("resuming after", self.output(jobs[turns]))
        self.assertEqual(self.digest("run", "last.h5"), self.reference())


class Cluster(unittest.TestCase):
    """scripts/local_cluster itself, beside the cluster of the other tests."""

    def setUp(self):
        self.environment = {"LOCAL_CLUSTER_DIR": cluster_folder() + "-second"}
        self.addCleanup(self.run_script, "down")

    def run_script(self, *arguments):
        return local_cluster(*arguments, environment=self.environment)

    def processes(self):
        return naming(self.environment["LOCAL_CLUSTER_DIR"])

    def assert_gone(self):
        end = time.monotonic() + 10
        while self.processes() and time.monotonic() < end:
            time.sleep(0.1)
        self.assertEqual(self.processes(), [])
        self.assertFalse(os.path.exists(self.environment["LOCAL_CLUSTER_DIR"]))

    def test_up_again_is_nothing_and_down_leaves_nothing(self):
        self.assertIn("are ready", self.run_script("up", "--nodes", "1").stdout)
        self.assertIn("runs already", self.run_script("up").stdout)
        self.assertEqual(self.run_script("status").returncode, 0)
        self.assertGreater(len(self.processes()), 3)
        self.run_script("down")
        self.assert_gone()
        self.assertEqual(self.run_script("status").returncode, 1)

    def test_up_after_a_killed_up_starts_afresh(self):
        """What the killed one has started so far is no cluster."""
        up = subprocess.Popen([CLUSTER, "up", "--nodes", "1"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env={**os.environ, **self.environment})
        head = os.path.join(self.environment["LOCAL_CLUSTER_DIR"], "head.pid")
        end = time.monotonic() + 20
        while not os.path.exists(head) and time.monotonic() < end:
            time.sleep(0.01)
        up.kill()
        up.wait()
        self.assertIn("are ready", self.run_script("up", "--nodes", "1").stdout)
        self.assertIn("n1  ", self.run_script("status").stdout)
        self.run_script("down")
        self.assert_gone()

    def test_a_delay_needs_netem(self):
        """A kernel without it refuses before anything is started."""
        done = self.run_script("up", "--nodes", "1", "--delay", "1ms")
        if done.returncode == 0:
            self.assertIn("delay 1ms", self.run_script("status").stdout)
        else:
            self.assertEqual((done.returncode, done.stdout), (3, ""), done.stderr)
            self.assertIn("--delay: this kernel has no netem", done.stderr)
            self.assert_gone()

    def test_wrong_options_start_nothing(self):
        for arguments in (("--nodes", "0"), ("--rate", "fast"), ("--with", "999999999"), ("--delay",), ("--unknown", "1")):
            self.assertEqual(self.run_script("up", *arguments).returncode, 2, arguments)
        for arguments in (("fail", "n1"), ("shape",), ("submit", "x"), ("shell", "true")):
            self.assertEqual(self.run_script(*arguments).returncode, 1, arguments)
        self.assert_gone()

    def test_nothing_is_left_where_the_script_is_killed(self):
        for seconds in (0.1, 0.3, 0.6, 1.0):
            process = subprocess.Popen([CLUSTER, "up"], env={**os.environ, **self.environment}, stdout=subprocess.DEVNULL)
            time.sleep(seconds)
            process.kill()
            process.wait()
            self.run_script("down")
            self.assert_gone()

    def test_a_restored_node_is_where_it_was(self):
        """The others remember hardware addresses: with a new one nothing could be started on the node for some 10 s."""
        def addresses():
            links = [self.run_script("shell", "--node", "n2", "ip", "-json", "link", "show", "eth0"),
                     self.run_script("shell", "ip", "-json", "link", "show", "br0")]
            return [json.loads(done.stdout)[0]["address"] for done in links]

        self.run_script("up")
        before = addresses()
        self.run_script("fail", "n2")
        self.run_script("restore", "n2")
        self.assertEqual(addresses(), before)

    def test_the_cluster_ends_with_a_process(self):
        with subprocess.Popen(["sleep", "60"]) as process:
            self.run_script("up", "--nodes", "1", "--with", str(process.pid))
            process.kill()
        self.assert_gone()


if __name__ == "__main__":
    mine = start_cluster()
    program = unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]], exit=False)
    if mine:
        local_cluster("down")
    sys.exit(not program.result.wasSuccessful())
