#!/usr/bin/python3
"""Tests of the scripts: what they print and write, and how they refuse."""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
SCRIPTS = ("setup", "quickstart", "test", "check", "fetch_mnist", "plot_metrics", "plot_reliability", "measure_accuracy", "measure_exact",
           "thinnet-run", "torture", "local_cluster")
PHASES = ("data_s", "compute_s", "reduce_s", "update_s")
NAN = float("nan")


def run(name, *arguments, **environment):
    return subprocess.run([os.path.join(ROOT, "scripts", name), *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, env={**os.environ, **environment})


def write_metrics(folder, epochs, ranks, accuracy=True, valid=True):
    """A metrics file as thinnet lays it out; where a run has no such column it stores NaN."""
    os.makedirs(folder)
    falling = np.exp(-np.arange(epochs) / 5.0)
    missing = np.full(epochs, NAN)
    with h5py.File(os.path.join(folder, "metrics.h5"), "w") as file:
        file["epoch/epoch"] = np.arange(1, epochs + 1)
        file["epoch/train_loss"] = falling
        file["epoch/valid_loss"] = falling if valid else missing
        file["epoch/train_accuracy"] = 1 - falling if accuracy else missing
        file["epoch/valid_accuracy"] = 1 - falling if accuracy and valid else missing
        for phase in PHASES:
            times = np.ones((epochs, ranks))
            if ranks > 2 and epochs > 0:
                times[0, 2:] = NAN
            file[f"rank/{phase}"] = times


class ScriptTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def assert_fails(self, done, status, *words):
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertNotIn("Traceback", done.stderr)


class Help(ScriptTest):
    def test_every_script_explains_itself(self):
        for name in SCRIPTS:
            done = run(name, "--help")
            self.assertEqual(done.returncode, 0, name)
            self.assertRegex(done.stdout, f"(?i)usage: .*{name}", name)

    def test_unknown_arguments_are_wrong_usage(self):
        for name in SCRIPTS:
            if name != "test":  # hands them on to ctest
                self.assert_fails(run(name, "--no-such-option"), 2)


class PlotMetrics(ScriptTest):
    def plot(self, *arguments):
        return run("plot_metrics", *arguments, "-o", self.path("out.png"), MPLCONFIGDIR=self.path("config"))

    def assert_drawn(self, done, panels):
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("out.png"), "rb") as file:
            header = file.read(24)
        self.assertEqual(header[:8], b"\x89PNG\r\n\x1a\n")
        # 4.6 inches a panel at 130 dots an inch.
        self.assertEqual(int.from_bytes(header[16:20], "big"), int(4.6 * panels * 130))

    def test_a_classifier_has_loss_accuracy_and_times(self):
        write_metrics(self.path("run"), 10, 2)
        self.assert_drawn(self.plot(self.path("run")), 3)

    def test_a_regression_has_no_accuracy(self):
        write_metrics(self.path("run"), 10, 2, accuracy=False)
        self.assert_drawn(self.plot(self.path("run")), 2)

    def test_several_runs_after_a_resume_on_more_ranks_and_in_their_first_epoch(self):
        write_metrics(self.path("a", "run"), 10, 3)
        write_metrics(self.path("b", "run"), 1, 1, valid=False)
        done = self.plot(self.path("a", "run"), self.path("b", "run", "metrics.h5"))
        self.assert_drawn(done, 3)
        self.assertIn(self.path("a", "run"), done.stdout)

    def test_a_file_with_a_trailer_is_read(self):
        write_metrics(self.path("run"), 3, 2)
        with open(self.path("run", "metrics.h5"), "ab") as file:
            file.write(b"a trailer that HDF5 does not know")
        self.assert_drawn(self.plot(self.path("run")), 3)

    def test_what_cannot_be_drawn_is_refused(self):
        write_metrics(self.path("new"), 0, 2)
        self.assert_fails(self.plot(self.path("new")), 1, "no epoch is complete")
        self.assert_fails(self.plot(self.path("nowhere")), 1, "no such file", self.path("nowhere"))
        self.assert_fails(self.plot(os.path.join(ROOT, "jobs/data/digits.h5")), 1, "not a metrics file")
        self.assert_fails(self.plot(os.path.join(ROOT, "LICENSE")), 1, "not an HDF5 file")


class PlotReliability(ScriptTest):
    def evaluation(self, name, counts=(0, 3, 0, 12), **changes):
        """What `thinnet eval --json` prints, in four bins; an empty one has null for its means."""
        rows = [{"from": b / 4, "to": (b + 1) / 4, "count": count, "confidence": (b + 0.6) / 4 if count else None,
                 "accuracy": (b + 0.5) / 4 if count else None} for b, count in enumerate(counts)]
        with open(self.path(name), "w", encoding="utf-8") as file:
            json.dump({"rows": sum(counts), "loss": 0.5, "ece": 0.025, "reliability": rows, **changes}, file)
        return self.path(name)

    def plot(self, *arguments):
        return run("plot_reliability", *arguments, "-o", self.path("out.png"), MPLCONFIGDIR=self.path("config"))

    def test_one_file_and_several_are_drawn(self):
        first, second = self.evaluation("first.json"), self.evaluation("second.json", counts=(1, 1, 1, 100))
        for files, names in (((first,), "first"), ((first, second), "first, second")):
            done = self.plot(*files)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"out.png: {names}", done.stdout)
            with open(self.path("out.png"), "rb") as file:
                self.assertEqual(file.read(8), b"\x89PNG\r\n\x1a\n")
            self.assertEqual(done.stderr, "")

    def test_what_has_no_table_is_refused(self):
        with open(self.path("values.json"), "w", encoding="utf-8") as file:
            json.dump({"rows": 80, "loss": 0.5, "r2": 0.6}, file)
        with open(self.path("list.json"), "w", encoding="utf-8") as file:
            json.dump([1, 2], file)
        self.assert_fails(self.plot(self.path("values.json")), 1, "values.json: has no reliability table")
        self.assert_fails(self.plot(self.path("list.json")), 1, "list.json: is JSON, but not what")
        self.assert_fails(self.plot(self.path("nowhere.json")), 1, "nowhere.json: cannot be read as JSON")
        self.assert_fails(self.plot(os.path.join(ROOT, "LICENSE")), 1, "LICENSE: cannot be read as JSON")
        self.assert_fails(self.plot(self.evaluation("null.json", ece=None)), 1, "null.json: its calibration error is null")


class FetchMnist(ScriptTest):
    def test_a_file_that_is_not_the_original_is_refused(self):
        os.mkdir(self.path("mine"))
        for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                     "t10k-labels-idx1-ubyte"):
            with gzip.open(self.path("mine", name + ".gz"), "wb") as file:
                file.write(b"something else")
        done = run("fetch_mnist", "--from", self.path("mine"), self.path("out"), THINNET="true")
        self.assert_fails(done, 1, "is not the original", "-ubyte.gz")
        self.assertFalse(os.path.exists(self.path("out", "mnist.h5")))

    def test_a_folder_without_the_files_is_refused(self):
        done = run("fetch_mnist", "--from", self.folder, self.path("out"), THINNET="true")
        self.assert_fails(done, 1, self.folder, "has neither")

    def test_a_file_that_is_there_is_left_alone(self):
        with open(self.path("mnist.h5"), "wb") as file:
            file.write(b"mine")
        done = run("fetch_mnist", self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("mnist.h5"), "rb") as file:
            self.assertEqual(file.read(), b"mine")


class ShippedData(ScriptTest):
    def test_splits_have_the_stated_rows_and_share_none(self):
        for name, counts in (("digits", (1197, 300, 300)), ("diabetes", (282, 80, 80))):
            with h5py.File(os.path.join(ROOT, "jobs/data", name + ".h5"), "r") as file:
                rows = [file[f"{split}/x"][:] for split in ("train", "valid", "test")]
                self.assertEqual(tuple(len(x) for x in rows), counts)
                for attribute in ("source", "licence", "split_seed"):
                    self.assertIn(attribute, file.attrs)
            seen = [{bytes(row) for row in x} for x in rows]
            self.assertFalse(seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2], name)


class Setup(ScriptTest):
    def test_a_dry_run_installs_nothing_and_says_what_is_missing(self):
        done = run("setup", "--dry-run")
        self.assertIn(done.returncode, (0, 1))
        self.assertIn("missing:" if done.returncode else "everything", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2 if "-v" in sys.argv else 1)
