#!/usr/bin/python3
"""Tests of the scripts: what they print and write, and how they refuse."""

import csv
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import h5py
import numpy as np

from processes import naming

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
SCRIPTS = ("setup", "quickstart", "test", "check", "bench", "fetch_mnist", "plot_metrics", "plot_reliability", "measure_accuracy",
           "measure_exact", "measure_scaling", "study", "study_uncertainty", "sweep_table", "thinnet-run", "torture", "local_cluster")
PHASES = ("data_s", "compute_s", "reduce_s", "update_s")
NAN = float("nan")


def run(name, *arguments, **environment):
    return subprocess.run([os.path.join(ROOT, "scripts", name), *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, env={**os.environ, **environment})


def write_metrics(folder, epochs, ranks, accuracy=True, valid=True, rates=False):
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
        if rates:
            file["epoch/dropout_rate"] = np.outer(falling, (0.2, 0, 0.5))
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


class SharedFunctions(ScriptTest):
    def json_number(self, name, text):
        script = f'. {ROOT}/scripts/lib.sh && json_number "$1"'
        done = subprocess.run(["bash", "-c", script, "json_number", name], input=text, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def test_a_number_is_that_of_the_outer_object(self):
        measures = '{"rows": 300, "accuracy": 0.98, "loss": null, "bins": [{"accuracy": 1, "loss": 2}], "classes": [{"rows": 30}]}\n'
        self.assertEqual(self.json_number("rows", measures), "300")
        self.assertEqual(self.json_number("accuracy", measures), "0.98")
        self.assertEqual(self.json_number("loss", measures), "")
        self.assertEqual(self.json_number("brier", measures), "")


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

    def test_rates_that_change_are_drawn(self):
        write_metrics(self.path("a", "run"), 10, 2, rates=True)
        write_metrics(self.path("b", "run"), 1, 1)
        self.assert_drawn(self.plot(self.path("a", "run")), 4)
        self.assert_drawn(self.plot(self.path("a", "run"), self.path("b", "run")), 4)

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

    def test_files_of_one_name_are_told_apart(self):
        os.mkdir(self.path("other"))
        files = [self.evaluation("best.json"), self.evaluation("other/best.json")]
        self.assertIn(", ".join(files), self.plot(*files).stdout)

    def test_what_has_no_table_is_refused(self):
        with open(self.path("values.json"), "w", encoding="utf-8") as file:
            json.dump({"rows": 80, "loss": 0.5, "r2": 0.6}, file)
        with open(self.path("list.json"), "w", encoding="utf-8") as file:
            json.dump([1, 2], file)
        self.assert_fails(self.plot(self.path("values.json")), 1, "values.json: has no reliability table")
        self.assert_fails(self.plot(self.path("list.json")), 1, "list.json: is JSON, but not what")
        for changes in ({"reliability": [{"to": 1}]}, {"reliability": 7}, {"reliability": []}):
            self.assert_fails(self.plot(self.evaluation("bins.json", **changes)), 1, "bins.json: is JSON, but not what")
        self.assert_fails(self.plot(self.path("nowhere.json")), 1, "nowhere.json: cannot be read as JSON")
        self.assert_fails(self.plot(os.path.join(ROOT, "LICENSE")), 1, "LICENSE: cannot be read as JSON")
        self.assert_fails(self.plot(self.evaluation("null.json", ece=None)), 1, "null.json: its calibration error is null")


def write_sweep_run(folder, config, **columns):
    """A run of a sweep: its configuration, and its measures epoch by epoch; those that are not given are NaN."""
    epochs = max((len(values) for values in columns.values()), default=0)
    os.makedirs(folder)
    with h5py.File(os.path.join(folder, "metrics.h5"), "w") as file:
        file.attrs["config"] = config
        file.attrs["job_id"] = "71_3"
        file["epoch/epoch"] = np.arange(1, epochs + 1)
        file["epoch/seconds"] = np.full(epochs, 0.5)
        for name in ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy"):
            file[f"epoch/{name}"] = np.array(columns.get(name, [NAN] * epochs), dtype=float)


class SweepTable(ScriptTest):
    def write_run(self, name, rate, seed, monitor="none", **columns):
        write_sweep_run(self.path("sweep", name), f"[output]\ndir = {name}\n[dropout]\nhidden = {rate},\n  {rate}\n"
                        f"[train]\nseed = {seed}\n[early_stopping]\nmonitor = {monitor}\n", **columns)

    def table(self, *arguments, folder="sweep"):
        done = run("sweep_table", self.path(folder), "-o", self.path("out.csv"), *arguments, MPLCONFIGDIR=self.path("mpl"))
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("out.csv"), encoding="utf-8", newline="") as file:
            return done.stdout.splitlines(), list(csv.DictReader(file))

    def write_sweep(self):
        """The epoch of the lowest validation loss counts, although others have a higher accuracy."""
        self.write_run("a", 0.2, 1, valid_loss=[3, 1, 2], valid_accuracy=[0.5, 0.7, 0.99])
        self.write_run("b", 0.2, 2, valid_loss=[3, 2, 1], valid_accuracy=[0.5, 0.6, 0.8])
        self.write_run("c", 0.5, 1, valid_loss=[1, 2, 3], valid_accuracy=[0.9, 0.95, 0.95])
        self.write_run("d", 0.5, 2)

    def test_best_first_by_the_epoch_of_best_h5(self):
        self.write_sweep()
        lines, rows = self.table()
        self.assertEqual([os.path.basename(row["run"]) for row in rows], ["c", "b", "a", "d"])
        self.assertEqual([row["valid_accuracy"] for row in rows], ["0.9", "0.8", "0.7", ""])
        self.assertEqual([row["best_epoch"] for row in rows], ["1", "3", "2", ""])
        self.assertEqual([row["state"] for row in rows], ["unfinished"] * 3 + ["no epoch yet"])
        self.assertEqual((rows[0]["dropout.hidden"], rows[0]["train.seed"], rows[0]["seconds"], rows[0]["job_id"]),
                         ("0.5, 0.5", "1", "1.500", "71_3"))
        self.assertNotIn("output.dir", rows[0])
        # Mean and deviation of 0.7 and 0.8; a setting of one run has no deviation, and 1 of its 2 runs has begun.
        self.assertEqual([line.split() for line in lines],
                         [["dropout.hidden", "valid_accuracy", "deviation", "runs"], ["0.5,", "0.5", "0.9", "1/2"],
                          ["0.2,", "0.2", "0.75", "0.0707107", "2/2"]])

    def test_the_order_can_be_chosen(self):
        self.write_sweep()
        rows = self.table("--by", "valid_loss")[1]
        self.assertEqual([os.path.basename(row["run"]) for row in rows], ["a", "b", "c", "d"])
        self.assert_fails(run("sweep_table", self.path("sweep"), "--by", "train_accuracy"), 1, "not every run has")

    def test_the_monitor_of_the_run_chooses_the_epoch(self):
        self.write_run("a", 0.2, 1, monitor="valid_accuracy", valid_loss=[1, 2], valid_accuracy=[0.5, 0.9])
        self.write_run("b", 0.2, 2, monitor="train_loss", train_loss=[1, 2], valid_loss=[2, 1], valid_accuracy=[0.6, 0.7])
        self.assertEqual([row["best_epoch"] for row in self.table()[1]], ["2", "1"])

    def test_the_picture(self):
        self.write_sweep()
        self.table("--plot", self.path("out.png"))
        with open(self.path("out.png"), "rb") as file:
            header = file.read(24)
        self.assertEqual(header[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(int.from_bytes(header[16:20], "big"), int(7.5 * 130))

    def test_what_is_no_sweep_is_refused(self):
        self.write_run("new", 0.2, 1)
        self.assert_fails(run("sweep_table", self.path("sweep")), 1, "no run has a complete epoch yet")
        self.assert_fails(run("sweep_table", self.path("nowhere")), 1, self.path("nowhere"), "no such folder")
        os.mkdir(self.path("empty"))
        self.assert_fails(run("sweep_table", self.path("empty")), 1, self.path("empty"), "metrics.h5")
        with open(self.path("empty", "metrics.h5"), "wb") as file:
            file.write(b"something else")
        self.assert_fails(run("sweep_table", self.path("empty")), 1, "not an HDF5 file")


class Study(ScriptTest):
    TABLE = """# Few epochs
# of a small network
wide/1   model.hidden=16
wide/2   model.hidden=16  train.epochs=2   # a remark
"""

    def study(self, table, *arguments):
        with open(self.path("few.txt"), "w", encoding="utf-8") as file:
            file.write(table)
        with open(os.path.join(ROOT, "jobs/digits.ini"), encoding="utf-8") as file:
            text = file.read().replace("jobs/data", f"{ROOT}/jobs/data")
        with open(self.path("few.ini"), "w", encoding="utf-8") as file:
            file.write(re.sub(r"\nepochs = .*", "\nepochs = 1", text) + "\n[parallel]\nreplicas = 1\n")
        return run("study", self.path("few.txt"), "--seeds", "2", "--runs", self.path("runs"), "--output", self.path("out"),
                   *arguments)

    def test_what_is_reported_is_what_eval_says(self):
        done = self.study(self.TABLE)
        self.assertEqual(done.returncode, 0, done.stderr)
        errors, chosen_by = [], []
        for seed in (1, 2):
            network = self.path("runs", "few", f"wide/2-seed-{seed}", "best.h5")
            with h5py.File(self.path("runs", "few", f"wide/2-seed-{seed}", "metrics.h5")) as file:
                chosen_by.append(100 - 100 * file["epoch/valid_accuracy"][np.argmin(file["epoch/valid_loss"])])
            measured = subprocess.run([os.environ["THINNET"], "eval", network, "--json"], capture_output=True, check=True)
            errors.append(100 - 100 * json.loads(measured.stdout)["accuracy"])
        with open(self.path("out", "few.md"), encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(text.startswith("# Few epochs\n\nof a small network\n"), text)
        self.assertIn(f"| wide/2 | `model.hidden=16` `train.epochs=2` | {np.mean(errors):.2f} ± {np.std(errors, ddof=1):.2f} % |"
                      f" {min(errors):.2f} to {max(errors):.2f} | {np.mean(chosen_by):.2f} % | 2 |", text)
        self.assertGreater(os.path.getsize(self.path("out", "few.png")), 5000)
        os.remove(self.path("out", "few.md"))
        again = self.study(self.TABLE, "--report")
        self.assertEqual(again.stdout.splitlines()[6:], done.stdout.splitlines()[6:])

    def test_what_is_no_study_is_refused(self):
        self.assert_fails(self.study("# nothing\n"), 1, "no line names a setting")
        self.assert_fails(self.study("a x.y=1\na\n"), 1, "a name stands there twice")
        self.assert_fails(self.study("a model.hiden=1\n"), 1, "few.txt: a, seed 1: thinnet train", "ended with 2")
        self.assert_fails(self.study("../a model.hidden=1\n"), 1, "a name is expected")
        self.assert_fails(self.study("a train.seed=7\n"), 1, "a sets train.seed")
        self.assert_fails(self.study("a\n", "--output", __file__), 1, "--output", "File exists")
        self.assertFalse(os.path.exists(self.path("runs")))
        self.assert_fails(self.study("a model.loss=mse\n"), 1, "no network that tells classes")

    def test_one_failure_stops_no_other_training(self):
        done = self.study("bad train.learning_rate=1e35\ngood model.hidden=16\n")
        self.assert_fails(done, 1, "few.txt: bad, seed 1: thinnet train", "few.txt: bad, seed 2: thinnet train")
        self.assertIn("| good | `model.hidden=16` | ", done.stdout)
        self.assertNotIn("| bad |", done.stdout)

    def test_a_run_of_other_settings_is_not_reported(self):
        self.study("a model.hidden=16\n")
        done = self.study("a model.hidden=17\n", "--report")
        self.assert_fails(done, 1, "the configuration differs from that of the run in model.hidden", "few.txt: a, seed 1: ")
        self.assert_fails(run("study", self.path("none.txt")), 1, "no such file")


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


class JobScripts(ScriptTest):
    """What the scripts that submit several jobs hand to sbatch, and what they refuse before; the jobs themselves need a
    Slurm. Copies of them, with other lines in place of the three to edit, and commands that note how they are called."""

    def setUp(self):
        super().setUp()
        self.command("sbatch", 'echo "sbatch $*" >>log; echo 71')
        self.command("thinnet", 'echo "thinnet $*" >>log; case $* in *wrong*) exit 2 ;; esac')

    def command(self, name, body):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{body}\n")
        os.chmod(self.path(name), 0o700)

    def edit(self, name, edits):
        with open(os.path.join(ROOT, "jobs", name), encoding="utf-8") as file:
            text = file.read()
        for variable, value in edits.items():
            text, count = re.subn(f"(?m)^{variable}=\\S*", f"{variable}={value}", text)
            self.assertEqual(count, 1, variable)
        with open(self.path("job"), "w", encoding="utf-8") as file:
            file.write(text)

    def run_job(self, *arguments, **slurm):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SLURM")}
        environment["PATH"] = f"{self.folder}:{os.environ['PATH']}"
        return subprocess.run(["bash", "job", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              cwd=self.folder, env={**environment, **slurm})

    def submit(self, name, **edits):
        self.edit(name, edits)
        done = self.run_job("--time=5")
        with open(self.path("log"), "a+", encoding="utf-8") as file:
            file.seek(0)
            return done, file.read().splitlines()

    def submit_sweep(self, *lines):
        with open(self.path("table.txt"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        return self.submit("sweep_array.sbatch", thinnet="./thinnet", config="my.ini", table="table.txt")

    def test_every_line_of_a_sweep_is_checked_before_it_is_submitted(self):
        done, log = self.submit_sweep("# a comment", "a  train.seed=1 dropout.hidden=0.5", "", "b train.seed=2 # another")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(log, ["thinnet train my.ini -o runs/table/a --resume -s train.seed=1 -s dropout.hidden=0.5"
                               " --dry-run --quiet", "thinnet train my.ini -o runs/table/b --resume -s train.seed=2"
                               " --dry-run --quiet", "sbatch --array=1-2%16 --time=5 job"])

    def test_a_wrong_line_is_not_submitted(self):
        done, log = self.submit_sweep("a train.seed=1", "b train.seed=wrong")
        self.assert_fails(done, 2, "table.txt: in the line: b train.seed=wrong")
        self.assertFalse([line for line in log if line.startswith("sbatch")])
        for line in ("a parallel.threads=2", "a train.seed=1 output.dir=x"):
            self.assert_fails(self.submit_sweep(line)[0], 2, "output.dir and parallel.threads are set by this script")

    def test_two_lines_do_not_write_into_one_folder(self):
        done, log = self.submit_sweep("a train.seed=1", "a train.seed=2")
        self.assert_fails(done, 2, "table.txt", "name a,")
        self.assertEqual(log, [])

    def test_what_is_no_table_of_runs_is_refused(self):
        for lines, words in (((), "no line with a run"), (("# a comment", "   "), "no line with a run"),
                             (("a train.seed=1", "train.seed=2 dropout.hidden=0.2"), "not with 'train.seed=2'"),
                             (("../a train.seed=1",), "not with '../a'")):
            done, log = self.submit_sweep(*lines)
            self.assert_fails(done, 2, "table.txt", words)
            self.assertFalse([line for line in log if line.startswith("sbatch")])
        done, log = self.submit("sweep_array.sbatch", thinnet="./thinnet", config="my.ini", table="none.txt")
        self.assert_fails(done, 2, "none.txt: there is no such table")

    def test_lines_may_end_as_on_other_systems(self):
        _, log = self.submit_sweep("a train.seed=1\r")
        self.assertEqual(log[0], "thinnet train my.ini -o runs/table/a --resume -s train.seed=1 --dry-run --quiet")

    SLURM = {"SLURM_JOB_ID": "71", "SLURM_CPUS_PER_TASK": "1", "SLURM_JOB_NODELIST": "n1"}
    ARRAY = {**SLURM, "SLURM_ARRAY_JOB_ID": "70", "SLURM_ARRAY_TASK_ID": "2"}

    def test_a_line_that_has_gone_is_named(self):
        self.submit_sweep("a train.seed=1")
        self.assert_fails(self.run_job(**self.ARRAY), 2, "table.txt: has 1 lines now, and this job is for line 2")

    def test_a_job_that_may_not_requeue_says_so(self):
        self.command("scontrol", "echo forbidden >&2; exit 1")
        self.submit_sweep("a train.seed=1", "b train.seed=2")
        self.command("mpirun", "exit 75")
        done = self.run_job(**self.ARRAY)
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertIn("[job 70_2, turn 1] it may not; submit again", done.stdout)
        self.edit("requeue.sbatch", {"thinnet": "./thinnet"})
        self.command("mpirun", "kill -USR1 $PPID; sleep 0.5; exit 75")
        done = self.run_job(**self.SLURM)
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertIn("[job 71, turn 1] it may not: submit again to go on, or take jobs/chain.sh", done.stdout)

    def chain(self, *arguments):
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"}
        environment.pop("SLURM_JOB_ID", None)
        done = subprocess.run([os.path.join(ROOT, "jobs", "chain.sh"), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False, cwd=self.folder, env=environment)
        with open(self.path("log"), "a+", encoding="utf-8") as file:
            file.seek(0)
            return done, file.read().splitlines()

    def test_a_chain_checks_its_inputs_and_waits_for_all_before(self):
        self.command("sbatch", 'echo "sbatch $*" >>log; grep -c sbatch log')
        self.edit("multi_node.sbatch", {"thinnet": "./thinnet", "config": "my.ini"})
        done, log = self.chain("3", "job", "--time=5")
        self.assertEqual(done.stdout.splitlines(), ["job 1: 1 of 3", "job 2: 2 of 3", "job 3: 3 of 3"], done.stderr)
        after = "--dependency=afternotok{} --kill-on-invalid-dep=yes --time=5 job"
        self.assertEqual(log, ["thinnet train my.ini -o runs/digits --resume --dry-run", "sbatch --parsable --time=5 job",
                               f"sbatch --parsable {after.format(':1')}", f"sbatch --parsable {after.format(':1:2')}"])

    def test_a_chain_of_what_is_wrong_is_not_submitted(self):
        self.edit("multi_node.sbatch", {"thinnet": "./thinnet", "config": "wrong.ini"})
        done, log = self.chain("3", "job")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(len(log), 1, log)
        for arguments in ((), ("3",), ("0", "job"), ("100", "job"), ("x", "job"), ("3", "none.sbatch")):
            self.assert_fails(self.chain(*arguments)[0], 2, "a number from 1 to 99 and a job script")

    def test_a_chain_of_arrays_is_not_submitted(self):
        for name in ("sweep_array.sbatch", "ensemble.sbatch"):
            self.edit(name, {})
            done, log = self.chain("3", "job")
            self.assert_fails(done, 2, "is for an array of jobs")
            self.assertEqual(log, [])

    def test_an_ensemble_without_test_rows_is_not_submitted(self):
        with open(self.path("my.ini"), "w", encoding="utf-8") as file:
            file.write("[data]\ntest_x =\n")
        done, log = self.submit("ensemble.sbatch", thinnet="./thinnet", config="my.ini", members=3)
        self.assert_fails(done, 2, "my.ini: test_x and test_y of [data] are not set")
        self.assertEqual(len(log), 1)

    def test_an_ensemble_is_evaluated_when_all_its_networks_are_done(self):
        with open(self.path("my.ini"), "w", encoding="utf-8") as file:
            file.write("[data]\ntest_x = /test/x\n")
        done, log = self.submit("ensemble.sbatch", thinnet="./thinnet", config="my.ini", members=3)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(log, ["thinnet train my.ini -o runs/ensemble/seed-1 --resume --dry-run",
                               "sbatch --parsable --array=1-3 --time=5 job",
                               "sbatch --dependency=afterok:71 --kill-on-invalid-dep=yes --time=5 job"])


class Bench(ScriptTest):
    def test_what_cannot_be_measured_is_wrong_usage(self):
        for arguments in (("--cases", "9"), ("--repeats", "0"), ("--seconds", "0"), ("--without", "numbers"),
                          ("--ranks", "0"), ("--pause", "-1"), ("--seconds", "nan"), ("--record", "--cases", "2"),
                          ("--record", "--without", "torch"), ("--record", "--no-build"), ("--record", "--ranks", "1,2,4"),
                          ("--record", "--repeats", "1"), ("--against", self.path("none.json")), ("--against", __file__)):
            self.assert_fails(run("bench", *arguments), 2, "usage: scripts/bench")

    def test_a_kept_result_without_figures_is_refused_first(self):
        for ratios in ([1], {"floor": "abc"}, {"floor": {"ratio": None}}, {}):
            with open(self.path("kept.json"), "w", encoding="utf-8") as file:
                json.dump({"machine": {"date": "", "processor": ""}, "pairs": [], "memory": [], "start": None,
                           "rows": [{"case": "", "ranks": 1, "ratios": ratios}]}, file)
            self.assert_fails(run("bench", "--against", self.path("kept.json")), 2, "not a result that --record has kept")

    def test_it_measures(self):
        done = run("bench", "--no-build", "--cases", "5", "--ranks", "1,2", "--repeats", "2", "--seconds", "0.05", "--no-pairs",
                   "--without", "torch")
        self.assertEqual(done.returncode, 0, done.stderr)
        for ranks in (1, 2):
            rate, *ratios = re.search(rf"(?m)^\| 784-30-10 .* \| {ranks} \| (\d+) \| ([\d.]+) \(([\d.]+) to ([\d.]+)\) \| left out ",
                                      done.stdout).groups()
            self.assertGreater(int(rate), 0)
            middle, lowest, highest = map(float, ratios)
            self.assertTrue(0 < lowest <= middle <= highest, ratios)
        self.assertIn("left out: torch, as --without says", done.stdout)

    def measurements(self):
        """Folders of measurements, and processes that work in one."""
        folders = [name for name in os.listdir(self.folder) if name.startswith("thinnet-bench-")]
        return folders, naming(os.path.join(self.folder, "thinnet-bench-"))

    def test_nothing_is_left_where_it_is_interrupted(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with subprocess.Popen([os.path.join(ROOT, "scripts", "bench"), "--no-build", "--cases", "5", "--ranks", "2",
                                   "--seconds", "60"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": self.folder}) as bench:
                end = time.monotonic() + 60
                # bash, mpirun and two ranks.
                while len(self.measurements()[1]) < 4 and time.monotonic() < end:
                    time.sleep(0.1)
                self.assertGreaterEqual(len(self.measurements()[1]), 4)
                bench.send_signal(number)
                errors = bench.communicate(timeout=60)[1]
            self.assertEqual(bench.returncode, 130, errors)
            self.assertTrue(errors.endswith("bench: interrupted\n"), errors)
            self.assertEqual(self.measurements(), ([], []))


class Setup(ScriptTest):
    def test_a_dry_run_installs_nothing_and_says_what_is_missing(self):
        done = run("setup", "--dry-run")
        self.assertIn(done.returncode, (0, 1))
        self.assertIn("missing:" if done.returncode else "everything", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2 if "-v" in sys.argv else 1)
