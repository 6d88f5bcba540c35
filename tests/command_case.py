"""What the tests of the command share: a folder that goes away, small data, a configuration, and how the command is run.
THINNET names the command."""

import os
import shutil
import subprocess
import tempfile
import unittest

import h5py
import numpy as np

THINNET = os.environ["THINNET"]
LIMIT_S = 240  # only a hang takes so long, also with sanitizers on a crowded machine

SMALL = """
[data]
file = {folder}/rows.h5
valid_fraction = 0.25
test_x = /test/x
test_y = /test/y
[model]
hidden = 16, 12
[dropout]
hidden = 0.3
[train]
epochs = 4
batch_size = 8
[parallel]
replicas = 4
reduction = exact
"""


def launch(ranks, arguments):
    return (["mpirun", "-n", str(ranks)] if ranks else []) + [THINNET, *arguments]


def checkpoint_contents(path):
    contents = {}
    with h5py.File(path) as file:
        contents["digest"] = str(file.attrs["digest"])
        for name, value in file["progress"].attrs.items():
            if name not in ("ranks", "epoch_seconds", "run_seconds"):
                contents[f"progress/{name}"] = str(value)
        file.visititems(lambda name, item: contents.update({name: item[()].tobytes()})
                        if isinstance(item, h5py.Dataset) else None)
    return contents


def forgive_absence(_function, _path, reason):
    """Ranks whose launcher was killed may still be removing their own files."""
    if not issubclass(reason[0], FileNotFoundError):
        raise reason[1]


class CommandTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder, onerror=forgive_absence)
        # What Open MPI's daemon and ranks leave behind where they are killed goes with the folder.
        self.surroundings = {"OMPI_MCA_orte_tmpdir_base": self.folder, "OMPI_MCA_btl_vader_backing_directory": self.folder}
        random = np.random.default_rng(7)
        with h5py.File(self.path("rows.h5"), "w") as file:
            for split, rows in (("train", 203), ("test", 61)):
                labels = np.arange(rows) % 3
                file[f"{split}/x"] = (random.normal(size=(rows, 5)) + 2 * np.eye(3, 5)[labels]).astype("float32")
                file[f"{split}/y"] = labels
        self.config = self.write("small.ini", SMALL.format(folder=self.folder))

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def thinnet(self, *arguments, ranks=0, status=0, environment=None):
        done = subprocess.run(launch(ranks, arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=LIMIT_S, check=False, cwd=self.folder, env={**os.environ, **self.surroundings, **(environment or {})})
        self.assertEqual(done.returncode, status, f"{arguments}\n{done.stdout}{done.stderr}")
        return done

    def train(self, run, *arguments, ranks=0, status=0, environment=None):
        return self.thinnet("train", self.config, "-o", self.path(run), *arguments, ranks=ranks, status=status,
                            environment=environment)

    def digest(self, *names):
        lines = self.thinnet("info", self.path(*names)).stdout.splitlines()
        return dict(line.split(": ", 1) for line in lines)["digest"]

    def columns(self, run):
        """The metrics that neither ranks nor restarts may change, as text: it keeps every bit, and there NaN equals NaN."""
        with h5py.File(self.path(run, "metrics.h5")) as file:
            timings = ("seconds", "samples_per_second")
            return {f"{group}/{name}": str(data[()].tolist()) for group in ("epoch", "step") for name, data in
                    file[group].items() if name not in timings}

    def checkpoints(self, run):
        """What the run's checkpoints hold, by name: every array and what a resume needs, but no timings and no ranks."""
        names = [name for name in sorted(os.listdir(self.path(run))) if name.endswith(".h5") and name != "metrics.h5"]
        return {name: checkpoint_contents(self.path(run, name)) for name in names}
