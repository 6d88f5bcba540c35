#!/usr/bin/python3
"""scripts/thinnet-run: what it starts, when it starts again, and that the run so put together is the run never disturbed."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
import unittest

from command_case import LIMIT_S, THINNET, CommandTest
from processes import children_of

RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scripts", "thinnet-run")


class RunCase(CommandTest):
    def start(self, *arguments):
        process = subprocess.Popen([RUN, "--pause", "0.1", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, cwd=self.folder, env={**os.environ, **self.surroundings},
                                   start_new_session=True)
        self.addCleanup(self.end_session, process)
        return process

    def end_session(self, process):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.communicate()

    def finish(self, process, status):
        output, errors = process.communicate(timeout=LIMIT_S)
        self.assertEqual(process.returncode, status, output + errors)
        return errors

    def wait(self, condition):
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.005)


class Launches(RunCase):
    """With a launcher that writes down how it is called, and ends as it is told."""

    def launcher(self, *statuses):
        """One that ends with these, one after another."""
        self.write("statuses", "\n".join(map(str, statuses)) + "\n")
        path = self.write("launcher", f"""#!/bin/bash
cd {self.folder}
echo "$@" >>calls
while [ $# -gt 0 ]; do [ "$1" != --hostfile ] || cat "$2" >>hosts; shift; done
status=$(head -n 1 statuses)
sed -i 1d statuses
[ "$status" -lt 128 ] || kill -s $((status - 128)) $$
exit "$status"
""")
        os.chmod(path, stat.S_IRWXU)
        return path

    def calls(self):
        with open(self.path("calls"), encoding="utf-8") as file:
            return file.read().splitlines()

    def run_with(self, statuses, status, *options):
        process = self.start("-n", "4", "--mpirun", f"{self.launcher(*statuses)} --mark", *options, "--", "train", "a.ini")
        return self.finish(process, status)

    def test_what_it_starts(self):
        self.run_with([0], 0)
        self.assertEqual(self.calls(), [f"--mark -n 4 {THINNET} train a.ini --resume"])

    def test_ends_that_are_final(self):
        for status in (0, 2, 75):
            self.run_with([status], status)
        self.assertEqual(len(self.calls()), 3)

    def test_restarts_until_it_is_done(self):
        errors = self.run_with([1, 137, 0], 0)
        self.assertEqual(len(self.calls()), 3)
        for words in ("failed with status 1: restart 1 of 3", "ended by signal 9 (KILL): restart 2 of 3"):
            self.assertIn(words, errors)

    def test_restarts_are_bounded(self):
        errors = self.run_with([1, 1, 7], 7, "--max-restarts", "2")
        self.assertEqual(len(self.calls()), 3)
        self.assertIn("there were 2 restarts, no more are allowed", errors)

    def hosts(self, *names, dead=()):
        self.write("probe", f"#!/bin/sh\ncase $1 in {'|'.join(dead) or '-'}) exit 1 ;; esac\n")
        os.chmod(self.path("probe"), stat.S_IRWXU)
        return "--hostfile", self.write("hostfile", "# two\n" + "".join(f"{name} slots=2\n" for name in names)), "--probe", \
            self.path("probe")

    def test_a_launcher_that_hangs_is_ended(self):
        """It has no process of its own any more, and does not end."""
        self.launcher(0)
        path = self.write("hanging", f"""#!/bin/bash
[ -e {self.path('calls')} ] || exec -a hanging sleep 1000 >>{self.path('calls')}
exec {self.path('launcher')} "$@"
""")
        os.chmod(path, stat.S_IRWXU)
        errors = self.finish(self.start("-n", "4", "--hung", "1", "--mpirun", path, "--", "train", "a.ini"), 0)
        self.assertIn("has had no process left for 1 s: ending it", errors)
        self.assertIn("ended by signal 9 (KILL): restart 1 of 3", errors)

    def test_hosts_that_are_gone_are_left_out(self):
        errors = self.run_with([0], 0, *self.hosts("one", "two", dead=["two"]))
        self.assertIn("host two does not answer: going on without it", errors)
        self.assertIn("start on 2 ranks", errors)
        self.assertRegex(self.calls()[0], "-n 2 ")
        with open(self.path("hosts"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "one slots=2\n")

    def test_slots_that_are_left_are_enough(self):
        """The last line has no end."""
        hosts = self.hosts("one", "two", dead=["two"])
        self.write("hostfile", "two max_slots=9 slots = 3\none slots=4")
        self.assertIn("start on 4 ranks", self.run_with([0], 0, *hosts))

    def test_too_few_ranks_are_not_started(self):
        errors = self.run_with([0], 1, "--min-ranks", "3", *self.hosts("one", "two", dead=["two"]))
        self.assertIn("2 ranks are left of 4, --min-ranks asks for 3", errors)
        self.assertFalse(os.path.exists(self.path("calls")))

    def test_wrong_usage(self):
        for arguments, words in ((["--", "train", "a"], "-n RANKS is missing"), (["-n", "0", "--", "train", "a"], "from 1"),
                                 (["-n", "2", "--", "eval", "a"], "train CONFIG.ini"), (["-n"], "needs a value"),
                                 (["-n", "2", "--", "train", "a", "--resume"], "by thinnet-run itself"),
                                 (["-n", "2", "--", "train", "a", "--overwrite"], "contradict"),
                                 (["-n", "2", "--min-ranks", "3", "--", "train", "a"], "more than -n 2"),
                                 (["-n", "2", "--hostfile", "none", "--", "train", "a"], "none: there is no such file"),
                                 (["-n", "99999999999999999999", "--", "train", "a"], "to 9999999"),
                                 (["-n", "2", "--hostfile", self.write("hostfile", "# none\n\n"), "--", "train", "a"], "names no host")):
            self.assertIn(words, self.finish(self.start(*arguments), 2))


class Trainings(RunCase):
    LONG = ("-s", "train.epochs=40", "-s", "output.checkpoint_every_steps=5", "-s", "output.step_metrics_every=1")

    def start_training(self):
        process = self.start("-n", "3", "--", "train", self.config, "-o", self.path("run"), *self.LONG)
        self.wait(lambda: os.path.exists(self.path("run", "last.h5")) or process.poll() is not None)
        self.assertIsNone(process.poll())
        return process

    def writer(self):
        """The process that the folder's owner record names; None once the run has ended."""
        try:
            with open(self.path("run", "owner"), encoding="utf-8") as file:
                return int(re.search("process = ([0-9]+)", file.read())[1])
        except FileNotFoundError:
            return None

    def assert_like_undisturbed(self):
        self.train("whole", *self.LONG, "--overwrite")
        for name in ("last.h5", "best.h5"):
            self.assertEqual(self.digest("run", name), self.digest("whole", name))
        self.assertEqual(self.columns("run"), self.columns("whole"))

    def test_death_of_a_rank(self):
        process = self.start_training()
        os.kill(children_of(children_of(process.pid, "mpirun")[0], "thinnet")[0], signal.SIGKILL)
        self.assertIn("restart 1 of 3", self.finish(process, 0))
        self.assert_like_undisturbed()

    def test_death_of_the_launcher(self):
        process = self.start_training()
        os.kill(children_of(process.pid, "mpirun")[0], signal.SIGKILL)
        self.assertIn("ended by signal 9 (KILL): restart 1 of 3", self.finish(process, 0))
        self.assert_like_undisturbed()

    def test_two_in_one_folder(self):
        """The first one, which sleeps while the second one starts, does not take the folder back."""
        first = self.start_training()
        writer = self.writer()
        os.kill(writer, signal.SIGSTOP)
        second = self.start("-n", "2", "--", "train", self.config, "-o", self.path("run"), *self.LONG)
        self.wait(lambda: self.writer() != writer)
        os.kill(writer, signal.SIGCONT)
        errors = self.finish(first, 2)
        self.assertIn("another run has taken this folder over", errors)
        self.assertNotIn("restart", errors)
        self.assertIn("taken over from a run that seems to be alive", self.finish(second, 0))
        self.assert_like_undisturbed()

    def test_requests_to_stop(self):
        for number in (signal.SIGUSR1, signal.SIGTERM):
            process = self.start_training()
            process.send_signal(number)
            self.finish(process, 75)
            self.finish(self.start("-n", "2", "--", "train", self.config, "-o", self.path("run"), *self.LONG), 0)
            self.assert_like_undisturbed()
            shutil.rmtree(self.path("run"))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
