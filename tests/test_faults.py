#!/usr/bin/python3
"""A training whose disk fails, or whose process dies, at any of its calls on the files of the run: it never claims a success that
it did not have, never leaves a damaged file, and resumed ends as the run that nobody disturbed."""

import concurrent.futures
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

from command_case import LIMIT_S
from fault_case import CALLS, DEATHS, FaultCase
from processes import children_of, state_of

# One call out of so many is tried (TN_FAULTS_EVERY=1: all of them), beginning with the first.
EVERY = int(os.environ.get("TN_FAULTS_EVERY", "13"))


class EveryCall(FaultCase):
    def check(self, fault, template):
        run = "-".join(str(word) for word in fault)
        if template:
            shutil.copytree(self.path(template), self.path(run))
        done, noted = self.train_under(fault, run, *(["--resume"] if template else []))
        self.assert_survived(fault, done, noted, run)
        for folder in (run, run + ".shadows", os.path.join("session", run)):
            shutil.rmtree(self.path(folder), ignore_errors=True)

    def sweep(self, calls, hows, template=None):
        """Each kind of call fails in each way, one case after another of those that a run without faults makes."""
        faults = []
        for call in calls:
            if template:
                shutil.copytree(self.path(template), self.path("count"))
            count = self.count_calls(call, "count", *(["--resume"] if template else []))
            shutil.rmtree(self.path("count"))
            self.assertGreater(count, 0, f"{call} is not seen: it has another name in this library")
            for how in hows:
                faults += [(call, how, at) for at in range(1, count + 1, EVERY)]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
            for case in [workers.submit(self.check, fault, template) for fault in faults]:
                case.result()
        print(f"{len(faults)} faults", end=" ", file=sys.stderr, flush=True)

    def dead_run(self):
        self.die_midway("dead")
        return "dead"

    def test_calls_that_fail(self):
        self.sweep(CALLS, ("once", "lasting"))

    def test_calls_that_kill(self):
        self.sweep(["any"], DEATHS)

    def test_calls_that_fail_in_a_resumed_run(self):
        self.sweep(CALLS, ("once", "lasting"), self.dead_run())

    def test_calls_that_kill_in_a_resumed_run(self):
        self.sweep(["any"], DEATHS, self.dead_run())


class Damage(FaultCase):
    """The newest checkpoint is damaged: the one before it is used, with a word on what is wrong with the newest."""

    TRAILER = 40  # bytes, src/io/trailer.h

    def damages(self, count):
        cut, missing = (lambda length: lambda data: data[:length]), "does not end as thinnet's files do"
        hash_fails = "do not match their checksum"
        return {
            "empty": (cut(0), missing), "a byte": (cut(1), missing), "less than a trailer": (cut(self.TRAILER - 1), missing),
            "a trailer's length": (cut(self.TRAILER), missing), "a block": (cut(512), missing),
            "half": (cut(count // 2), missing), "without its trailer": (cut(count - self.TRAILER), missing),
            "in its trailer": (cut(count - self.TRAILER + 8), missing), "all but a byte": (cut(count - 1), missing),
            "longer": (lambda data: data + b"x", missing), "twice": (lambda data: data + data, "its trailer says"),
            "a hole": (lambda data: data[:512] + data[1024:], "its trailer says"),
            "zeros": (lambda data: data[:512] + bytes(512) + data[1024:], hash_fails),
            "a bit": (lambda data: data[:-50] + bytes([data[-50] ^ 1]) + data[-49:], hash_fails),
            "all zeros": (lambda data: bytes(len(data)), missing), "text": (lambda data: b"hello, world\n" * 90, missing),
        }

    def rewrite(self, run, name, damage):
        """In place: other names of the file are damaged with it, as they would be on a disk."""
        with open(self.path(run, name), "r+b") as file:
            data = damage(file.read())
            file.seek(0)
            file.truncate()
            file.write(data)

    def check(self, template, name, damage, words):
        run = f"run {name}"
        shutil.copytree(self.path(template), self.path(run))
        newest = sorted(os.listdir(self.path(run)))[-1]
        os.remove(self.path(run, "last.h5"))
        os.link(self.path(run, newest), self.path(run, "last.h5"))
        self.rewrite(run, newest, damage)
        done = self.train_again(run, "--resume")
        self.assertRegex(done.stderr, f"warning: .*{newest}: .*{words}", name)
        self.assertEqual(done.stderr.count("\n"), 1, name)
        self.assert_like_whole(run, name)

    def test_each_damage(self):
        newest = self.die_midway("dead")[-1]
        count = os.path.getsize(self.path("dead", newest))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
            for case in [workers.submit(self.check, "dead", name, *damage) for name, damage in self.damages(count).items()]:
                case.result()

    def test_no_good_one_is_left(self):
        for name in (*self.die_midway("dead"), "best.h5"):
            self.rewrite("dead", name, lambda data: data[:-1])
        os.remove(self.path("dead", "last.h5"))
        before = self.snapshot("dead")
        self.assertIn("none of the 3 checkpoints can be used", self.train_again("dead", "--resume", status=1).stderr)
        self.assertEqual(self.snapshot("dead"), before)


class SmallDisk(FaultCase):
    """A disk of 1 MB that fills up in the middle of a run; then there is room again."""

    WIDE = ("-s", "model.hidden=200,128")  # a checkpoint of 0.3 MB: three do not fit

    def mount(self, folder):
        os.makedirs(folder)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest("only root may mount a small disk")
        self.addCleanup(subprocess.run, ["umount", folder], check=True)

    def test_full_disk(self):
        self.train_again("whole", *self.WIDE, "--overwrite")
        self.whole = self.result("whole")
        self.mount(self.path("disk"))
        run = os.path.join("disk", "run")
        message = self.train_again(run, *self.WIDE, status=1).stderr
        self.assertRegex(message, "(?m)^thinnet: error: .*bytes are missing.*make room, or set output.dir to another disk")
        self.assertIn("No space left on device", message)
        self.assertTrue(os.path.exists(self.path(run, "last.h5")))
        self.assertEqual([name for name in os.listdir(self.path(run)) if name.endswith(".tmp")], [])
        self.train_again(run, *self.WIDE, "--resume", status=1)  # it is still full
        subprocess.run(["mount", "-o", "remount,size=8m", self.path("disk")], check=True)
        self.assertEqual(self.train_again(run, *self.WIDE, "--resume").stderr, "")
        self.assert_like_whole(run, "a full disk")


class Ranks(FaultCase):
    """Under mpirun: rank 0 dies as it writes, and ranks live on that nobody waits for any more."""

    def test_death_of_rank_0(self):
        done, noted = self.train_under(("write", "kill", 25), "run", ranks=3)
        self.assertIn("struck", noted)
        self.assertNotIn(done.returncode, (0, 2, 75))
        self.assertEqual(self.train_again("run", "--resume", ranks=2).stderr, "")
        self.assert_like_whole("run", "the death of rank 0")

    def wake(self, orphan, run):
        before = self.snapshot(run)
        os.kill(orphan, signal.SIGCONT)
        self.wait(lambda: state_of(orphan) is None, "the orphan does not end")
        self.assertEqual(self.snapshot(run), before)

    def test_orphans_that_live_on(self):
        """Rank 0 sleeps just before it writes, its mpirun is killed, another run takes over and ends: then it wakes up."""
        for call, at in (("create", 7), ("write", 20), ("link", 4)):
            run = f"{call}-{at}"
            orphan = self.make_orphan((call, "stop", at), run)
            warnings = self.train_again(run, "--resume", ranks=2).stderr.splitlines()
            self.assertEqual(len(warnings), 1, warnings)
            self.assertRegex(warnings[0], f"warning: .*/{run}: taken over from a run that seems to be alive .*process {orphan},")
            self.assert_like_whole(run, "an orphan")
            self.wake(orphan, run)

    def test_orphan_of_a_folder_that_is_another_run_s(self):
        """The other run has died, too, and has left its own owner record."""
        orphan = self.make_orphan(("create", "stop", 8), "run")
        self.train_under(("rename", "kill", 8), "run", "--resume")
        self.wake(orphan, "run")
        self.assertEqual(self.train_again("run", "--resume").stderr, "")
        self.assert_like_whole("run", "an orphan and the death of its successor")

    def make_orphan(self, fault, run):
        launcher = self.start_under(fault, run, ranks=3)
        self.addCleanup(launcher.communicate)
        self.addCleanup(launcher.kill)
        self.wait(lambda: "struck" in self.noted(run), "the fault does not come")
        for pid in children_of(launcher.pid, "thinnet"):
            self.addCleanup(kill_if_there, pid)
            if state_of(pid) == "T":
                orphan = pid
        self.wait(lambda: state_of(orphan) == "T", "the orphan does not sleep")
        launcher.kill()
        launcher.wait()
        return orphan

    def wait(self, condition, complaint):
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            self.assertLess(time.monotonic(), deadline, complaint)
            time.sleep(0.01)


def kill_if_there(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
