#!/usr/bin/python3
"""A rank that does not come: the others say which one it is, wait for one that is slow, and end where none comes."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import unittest

from command_case import LIMIT_S, CommandTest, launch
from processes import ranks_of, state_of

# Until it is stopped.
ENDLESS = ("-s", "train.epochs=1000000", "-s", "output.checkpoint_every_steps=25", "-s", "output.step_metrics_every=1")
# The watchdog takes a process for stopped that has not run for half of this: that should not happen to one of a
# loaded machine.
WARNING_S = 3


class Run:
    """A run under way, whose messages can be waited for."""

    def __init__(self, test, name, ranks, *arguments):
        self.test, self.folder = test, test.path(name)
        command = launch(ranks, ["train", test.config, "-o", self.folder, *ENDLESS, *arguments])
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.lines, self.errors = queue.Queue(), []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        self.deadline = time.monotonic() + LIMIT_S
        self.stopped = []
        test.addCleanup(self.end)

    def read(self):
        for line in self.process.stderr:
            self.lines.put(line)
        self.lines.put(None)

    def wait_until(self, condition, what):
        while not condition():
            self.test.assertLess(time.monotonic(), self.deadline, what)
            self.test.assertIsNone(self.process.poll(), what)
            time.sleep(0.005)

    def wait_for_line(self, pattern):
        while True:
            line = self.lines.get(timeout=max(self.deadline - time.monotonic(), 0.001))
            self.test.assertIsNotNone(line, f"{pattern} was not said: {''.join(self.errors)}")
            self.errors.append(line)
            if re.search(pattern, line):
                return line

    def process_of_rank(self, rank):
        return ranks_of(self.process.pid)[rank]

    def wait_for_checkpoint(self):
        self.wait_until(lambda: os.path.exists(os.path.join(self.folder, "last.h5")), "a checkpoint")

    def stop_rank(self, rank):
        self.wait_for_checkpoint()
        process = self.process_of_rank(rank)
        os.kill(process, signal.SIGSTOP)
        self.stopped.append(process)
        self.wait_until(lambda: state_of(process) == "T", "the rank to stop")
        return process

    def finish(self, number=None):
        """What it said to its end, which a signal to mpirun may bring."""
        if number:
            self.process.send_signal(number)
        self.process.wait(timeout=max(self.deadline - time.monotonic(), 0.001))
        self.reader.join(timeout=LIMIT_S)
        while (line := self.lines.get(timeout=LIMIT_S)) is not None:
            self.errors.append(line)
        return "".join(self.errors)

    def end(self):
        """Whatever has failed: nothing stays behind."""
        if self.process.poll() is None:
            for process in self.stopped:
                if state_of(process) == "T":
                    os.kill(process, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.process.stderr.close()


class Stall(CommandTest):
    def speaks_of(self, rank):
        """How the lowest of the other ranks begins."""
        return f"rank {1 if rank == 0 else 0} has waited "

    def names_the_missing(self, rank, line):
        self.assertRegex(line, self.speaks_of(rank) + r"\d+\.\d s in step \d+")
        self.assertRegex(line, rf"for rank {rank} on \S+ \(step \d+, [a-z ]+; no sign of life for \d+\.\d s")

    def is_the_undisturbed_run(self, run):
        steps = self.step(run)
        self.train("whole", *ENDLESS, "-s", f"train.max_steps={steps}")
        self.assertEqual(self.digest(run, "last.h5"), self.digest("whole", "last.h5"))
        self.assertEqual(self.columns(run), self.columns("whole"))

    def step(self, run):
        lines = self.thinnet("info", self.path(run, "last.h5")).stdout.splitlines()
        return int(dict(line.split(": ", 1) for line in lines)["step"])

    def slow_rank_is_waited_for(self, rank):
        run = Run(self, "slow", 3, "-s", f"parallel.stall_warning_s={WARNING_S}")
        process = run.stop_rank(rank)
        self.names_the_missing(rank, run.wait_for_line(self.speaks_of(rank)))
        os.kill(process, signal.SIGCONT)
        run.wait_for_line("the wait is over")
        errors = run.finish(signal.SIGUSR1)
        self.assertEqual(run.process.returncode, 75, errors)
        self.assertEqual(errors.count(self.speaks_of(rank)), 1, errors)
        self.is_the_undisturbed_run("slow")

    def test_a_slow_rank_is_named_and_waited_for(self):
        self.slow_rank_is_waited_for(2)

    def test_rank_0_may_be_the_slow_one(self):
        self.slow_rank_is_waited_for(0)

    def test_a_stopped_rank_ends_the_run(self):
        run = Run(self, "stopped", 3, "-s", f"parallel.stall_warning_s={WARNING_S}", "-s",
                  f"parallel.stall_abort_s={2 * WARNING_S}")
        run.wait_for_checkpoint()
        ranks = [run.process_of_rank(rank) for rank in range(3)]
        run.stop_rank(1)
        self.names_the_missing(1, run.wait_for_line("warning: " + self.speaks_of(1)))
        errors = run.finish()
        self.assertEqual(run.process.returncode, 1, errors)
        said = [line for line in errors.splitlines() if "thinnet: error" in line]
        self.assertEqual(len(said), 1, errors)
        self.names_the_missing(1, said[0])
        self.assertIn(f"parallel.stall_abort_s = {2 * WARNING_S} s", said[0])
        # mpirun kills what is left and does not wait for it to be gone.
        while running := [rank for rank in ranks if state_of(rank)]:
            self.assertLess(time.monotonic(), run.deadline, f"still there: {running}")
            time.sleep(0.005)
        more = ("-s", f"train.max_steps={self.step('stopped') + 40}")
        self.train("stopped", *ENDLESS, *more, "--resume", ranks=2)
        self.is_the_undisturbed_run("stopped")

    def test_without_a_watchdog_nothing_is_said(self):
        run = Run(self, "quiet", 2, "-s", "parallel.stall_warning_s=0", "-s", "parallel.stall_abort_s=0")
        process = run.stop_rank(1)
        time.sleep(0.5)
        os.kill(process, signal.SIGCONT)
        self.assertNotIn("waited", run.finish(signal.SIGUSR1))
        self.assertEqual(run.process.returncode, 75)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
