"""A training under a fault of the system, and what has to hold after it. FAULT_SHIM names the library of tests/faults."""

import os
import re
import signal
import subprocess

import h5py

from command_case import LIMIT_S, CommandTest, launch

SHIM = os.environ["FAULT_SHIM"]
CALLS = ("open", "write", "fsync", "rename", "link", "unlink")
DEATHS = ("kill", "data_loss", "name_loss")
# A bare command that starts in a tenth of a second: no daemon, no search for networks.
BARE = {"OMPI_MCA_ess_singleton_isolated": "1", "OMPI_MCA_pml": "ob1", "OMPI_MCA_btl": "self"}

# Four epochs of five steps, checkpoints in their middle too; the best epoch is not the last one, and its weights are brought
# back at the end.
SETTINGS = ("output.checkpoint_every_steps=3", "output.step_metrics_every=1", "early_stopping.monitor=valid_loss",
            "early_stopping.restore_best=yes", "train.learning_rate=0.2")


def overrides(settings):
    return [word for setting in settings for word in ("-s", setting)]


def shim_variables(folder, fault, error, log):
    """fault: (call, how, at). Without a sanitizer the last variable means nothing."""
    call, how, at = fault
    return {"LD_PRELOAD": SHIM, "FAULT_FOLDER": folder, "FAULT_CALL": call, "FAULT_HOW": how, "FAULT_AT": str(at),
            "FAULT_ERROR": error, "FAULT_LOG": log,
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}


class FaultCase(CommandTest):
    def setUp(self):
        super().setUp()
        self.train_again("whole")
        self.whole = self.result("whole")

    def environment(self, run, ranks=0):
        """Bare commands that end at the same time would remove each other's folders."""
        os.makedirs(self.path("session", run), exist_ok=True)
        return {**self.surroundings, **({} if ranks else BARE), "OMPI_MCA_orte_tmpdir_base": self.path("session", run)}

    def train_again(self, run, *arguments, ranks=0, status=0):
        return self.train(run, *overrides(SETTINGS), *arguments, ranks=ranks, status=status,
                          environment=self.environment(run, ranks))

    def start_under(self, fault, run, *arguments, ranks=0):
        environment = {**os.environ, **self.environment(run, ranks),
                       **shim_variables(self.path(run), fault, "ENOSPC" if fault[2] % 2 else "EIO", self.path(run + ".log"))}
        command = launch(ranks, ["train", self.config, "-o", self.path(run), *overrides(SETTINGS), *arguments])
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, cwd=self.folder, env=environment, start_new_session=True)

    def noted(self, run):
        try:
            with open(self.path(run + ".log"), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def train_under(self, fault, run, *arguments, ranks=0):
        """Returns the process, and what the fault's log says."""
        process = self.start_under(fault, run, *arguments, ranks=ranks)
        with process:
            output, errors = process.communicate(timeout=LIMIT_S)
        noted = self.noted(run)
        os.remove(self.path(run + ".log"))
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors), noted

    def count_calls(self, call, run, *arguments):
        done, noted = self.train_under((call, "once", 0), run, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return int(re.fullmatch(r"calls (\d+)\n", noted)[1])

    def result(self, run):
        """What no fault may change: the networks at the end and at the best epoch, and the metrics."""
        found = self.columns(run)
        for name in ("last.h5", "best.h5"):
            with h5py.File(self.path(run, name)) as file:
                found[name] = str(file.attrs["digest"])
        return found

    def snapshot(self, run):
        """Everything about the files of a folder that a write would change."""
        found = {}
        for name in os.listdir(self.path(run)):
            with open(self.path(run, name), "rb") as file:
                found[name] = (os.stat(file.fileno()).st_ino, os.stat(file.fileno()).st_mtime_ns, file.read())
        return found

    def assert_like_whole(self, run, about):
        for name, value in self.result(run).items():
            self.assertEqual(value, self.whole[name], f"{name} after {about}")
        for name in os.listdir(self.path("whole")):
            self.assertTrue(os.path.exists(self.path(run, name)), f"{name} is missing after {about}")

    def assert_survived(self, fault, done, noted, run):
        """The fault ended the run as it should, or did no harm; and the run resumed is the run never disturbed."""
        about = f"{fault}: exit {done.returncode}\n{done.stderr}"
        self.assertIn("struck", noted, about)
        if fault[1] in DEATHS:
            self.assertEqual(done.returncode, -signal.SIGKILL, about)
        elif done.returncode == 0:
            self.assert_like_whole(run, about)
        else:
            self.assertEqual(done.returncode, 1, about)
            self.assertRegex(done.stderr, f"(?m)^thinnet: error: .*{re.escape(self.path(run))}", about)
        resumed = self.train_again(run, "--resume")
        self.assertEqual(resumed.stderr, "", about)  # no checkpoint was damaged, no metrics were lost
        self.assert_like_whole(run, about)

    def die_midway(self, run):
        """A run that dies in its third epoch, before the metrics of its end get their name; returns its checkpoints."""
        done, _ = self.train_under(("rename", "kill", 22), run)
        self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
        steps = sorted(name for name in os.listdir(self.path(run)) if name.startswith("step-") and name.endswith(".h5"))
        self.assertEqual(steps, ["step-00000010.h5", "step-00000012.h5"])
        return steps
