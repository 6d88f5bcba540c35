#!/usr/bin/python3
"""The command as its user meets it: exit statuses, messages, files, signals, kills; bare and under mpirun."""

import json
import os
import signal
import subprocess
import sys
import time
import unittest

import h5py
import numpy as np

from command_case import LIMIT_S, THINNET, CommandTest, launch
from processes import children_of


class Usage(CommandTest):
    def test_help_and_version(self):
        self.assertIn("Usage: thinnet", self.thinnet("--help").stdout)
        version = self.thinnet("--version").stdout
        for word in ("thinnet 0.", "MPI", "BLAS", "HDF5"):
            self.assertIn(word, version)
        for command in ("train", "eval", "predict", "info", "import", "config", "plan"):
            self.assertIn("Exit status", self.thinnet(command, "--help").stdout)

    def test_wrong_usage_is_2(self):
        for arguments in ([], ["nothing"], ["train"], ["train", "a", "b"], ["train", self.config, "--nothing"],
                          ["eval"], ["predict", "a", "b"], ["info"], ["config", "a", "b"],
                          ["train", self.config, "--resume", "--overwrite"],
                          ["train", self.config, "--resume", "--init", "x.h5"]):
            self.assertTrue(self.thinnet(*arguments, status=2).stderr, arguments)

    def test_output_that_cannot_be_written_is_1(self):
        for arguments in (("config", "--defaults"), ("--help",), ("--version",)):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run([THINNET, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=LIMIT_S,
                                      check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("standard output cannot be written: No space left on device", done.stderr)

    def test_one_message_under_mpirun(self):
        errors = self.thinnet("train", self.path("absent.ini"), ranks=3, status=2).stderr
        self.assertEqual(errors.count("absent.ini"), 1, errors)

    def test_config(self):
        text = self.thinnet("config").stdout
        for key in ("valid_fraction", "exact_fraction_bits", "scale_with_replicas"):
            self.assertIn(key, text)
        defaults = self.write("defaults.ini", self.thinnet("config", "--defaults").stdout)
        self.assertIn("nothing wrong", self.thinnet("config", defaults).stdout)
        wrong = self.write("wrong.ini", "[train]\nepochs = 3\nlerning_rate = 1\n")
        message = self.thinnet("config", wrong, status=2).stderr
        for word in ("wrong.ini", "3", "lerning_rate", "learning_rate"):
            self.assertIn(word, message)


class Data(CommandTest):
    def fails(self, *overrides, words):
        settings = [word for override in overrides for word in ("-s", override)]
        message = self.train("refused", *settings, status=2).stderr
        for word in words:
            self.assertIn(word, message)
        self.assertFalse(os.path.exists(self.path("refused")))

    def test_refusals(self):
        self.fails("data.file=/nowhere.h5", words=["/nowhere.h5"])
        self.fails("data.train_x=/none", words=["/none", "/train/x"])
        self.fails("data.train_y=/test/y", words=["/test/y", "61", "203"])
        self.fails("model.outputs=2", words=["rows.h5: training labels (/train/y): label 2 found", "2 outputs"])
        with h5py.File(self.path("rows.h5"), "a") as file:
            file["wide/x"], file["wide/y"] = np.zeros((3, 6), "float32"), np.zeros(3, "int32")
        wide = ("data.valid_x=/wide/x", "data.valid_y=/wide/y", "data.valid_fraction=0")
        self.fails(*wide, words=["rows.h5: validation rows (/wide/x) have 6 features, training rows (/train/x) 5"])
        self.fails("dropout.input=0.5", "dropout.block=2", "dropout.shape=8x8x3", words=["-s dropout.shape is 8x8x3, but a row"])
        self.fails("augment.shape=8x8x3", "augment.shift=1", words=["-s augment.shape = 8x8x3 is an image of 192 values"])
        with h5py.File(self.path("rows.h5"), "a") as file:
            file["train/x"][17, 3] = np.nan
        self.fails(words=["/train/x", "17", "3"])
        with h5py.File(self.path("rows.h5"), "a") as file:
            file["train/x"][17, 3] = 0
            file["train/y"][5] = -1
        self.fails(words=["/train/y", "5", "-1"])

    def test_keys_of_masks_without_any_rate(self):
        plain = [word for key in ("dropout.input=0", "dropout.hidden=0") for word in ("-s", key)]
        idle = [word for key in ("dropout.kind=gaussian", "dropout.group=3") for word in ("-s", key)]
        self.assertNotIn("without effect", self.train("plain", *plain).stderr)
        told = self.train("idle", *plain, *idle, ranks=2).stderr
        self.assertEqual(told.count("without effect are dropout.kind = gaussian, dropout.group = 3\n"), 1, told)
        self.assertNotIn("without effect", self.train("some", *plain, *idle, "-s", "dropout.input=0.1").stderr)

    def test_missing_test_rows_are_told_before_training(self):
        message = self.train("run", "-s", "data.test_x=/nope", status=2).stderr
        self.assertIn("rows.h5: /nope does not exist; the file has: /test/x", message)
        self.assertFalse(os.path.exists(self.path("run")))

    def test_weights_of_nothing(self):
        with h5py.File(self.path("rows.h5"), "r+") as file:
            file["train/weight"] = np.zeros(203, "float32")
        message = self.train("run", "-s", "data.train_weight=/train/weight", ranks=2, status=2).stderr
        self.assertIn("give every training row the weight 0", message)

    def test_one_rank_misses_the_file(self):
        """Rank 1 alone sees another folder: all ranks end, with one message."""
        script = self.write("rank.sh", f"""
cd {self.folder}; mkdir -p other
[ "$OMPI_COMM_WORLD_RANK" = 1 ] && cd other
exec {THINNET} train {self.config} -s data.file=rows.h5 -o {self.path('run')}
""")
        done = subprocess.run(["mpirun", "-n", "3", "bash", script], capture_output=True, text=True, timeout=LIMIT_S,
                              check=False, cwd=self.folder, env={**os.environ, **self.surroundings})
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stderr.count("thinnet: error"), 1, done.stderr)
        self.assertRegex(done.stderr, "rank 1|configuration")


    def apart(self, first, second):
        """Rank 0 and rank 1, each with a command of its own: (arguments, folder)."""
        command = ["mpirun"]
        for arguments, folder in (first, second):
            command += [":"] * (len(command) > 1) + ["-n", "1", "-wdir", folder, THINNET, *arguments]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False)

    def test_ranks_that_were_told_different_things(self):
        """The command line, another subcommand, or the file behind the same name."""
        train = ("train", "small.ini", "-o", self.path("run"))
        os.mkdir(self.path("other"))
        with open(self.config, encoding="utf-8") as file:
            self.write("other/small.ini", file.read() + "[schedule]\nkind = cosine\n")
        other_line = "the command line differs: rank 1 of 2 does not have what rank 0 has"
        other_key = "rank 1: the configuration differs from that of rank 0 in schedule.kind: "
        for first, second, words in (((train, self.folder), ((*train, "-s", "train.seed=5"), self.folder), other_line),
                                     ((train, self.folder), (("eval", "best.h5"), self.folder), other_line),
                                     ((train, self.folder), (train, self.path("other")), other_key)):
            done = self.apart(first, second)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(f"thinnet: error: {words}", done.stderr)
            self.assertFalse(os.path.exists(self.path("run")))
        done = self.apart((train, self.folder), (train, "/"))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, "rank 1: the configuration file small.ini cannot be opened: No such file")


class Train(CommandTest):
    def test_the_same_network_at_any_rank_count(self):
        digests = set()
        for ranks in (0, 1, 2, 3, 4):
            self.train(f"run{ranks}", ranks=ranks)
            digests.add(self.digest(f"run{ranks}", "last.h5"))
            self.assertEqual(self.columns(f"run{ranks}"), self.columns("run0"))
        self.assertEqual(len(digests), 1)
        self.train("five", ranks=5, status=2)

    def test_run_folder(self):
        text = self.train("run", ranks=2).stdout
        self.assertIn("epoch   4/4", text)
        names = sorted(os.listdir(self.path("run")))
        self.assertEqual([name for name in names if not name.startswith("step-")],
                         ["best.h5", "config.ini", "last.h5", "metrics.h5"])
        self.assertEqual(len([name for name in names if name.startswith("step-")]), 2)
        with h5py.File(self.path("run", "last.h5")) as file:
            self.assertEqual(file.attrs["format"], b"thinnet-checkpoint"
                             if isinstance(file.attrs["format"], bytes) else "thinnet-checkpoint")
            self.assertEqual(file["model/layer1/weight"].shape, (5, 16))
            self.assertEqual(file["model/layer3/bias"].shape, (3,))
        with h5py.File(self.path("run", "metrics.h5")) as file:
            self.assertEqual(file["epoch/epoch"][()].tolist(), [1, 2, 3, 4])
            self.assertEqual(file["rank/compute_s"].shape, (4, 2))
        again = self.thinnet("train", self.path("run", "config.ini"), "--resume").stdout
        self.assertIn("finished", again)
        self.train("run", status=2)
        self.train("run", "--overwrite", "--quiet")

    def test_quiet_and_dry_run(self):
        self.assertEqual(self.train("run", "--quiet").stdout, "")
        text = self.train("dry", "--dry-run", ranks=2).stdout
        self.assertIn("parameters", text)
        self.assertFalse(os.path.exists(self.path("dry")))
        self.assertIn("holds a run already", self.train("run", "--dry-run", ranks=2, status=2).stderr)
        self.train("run", "--dry-run", "--resume")

    def test_a_dry_run_finds_a_folder_that_cannot_be_made(self):
        message = self.train("small.ini/below/it", "--dry-run", ranks=2, status=1).stderr
        self.assertIn("small.ini: Not a directory", message)
        os.mkdir(self.path("there"))
        for name in ("there", "there/", "not/there", "not//there/"):
            self.train(name, "--dry-run")
        self.assertEqual(os.listdir(self.path("there")), [])
        self.assertFalse(os.path.exists(self.path("not")))

    def test_resumed_with_data_that_moved(self):
        """The rows count, not where they are: another file name and other data sets' names, but no other rows."""
        self.assertIn(f"nothing to resume in {self.path('whole')}: starting afresh", self.train("whole", "--resume").stdout)
        self.train("parts", "-s", "train.max_steps=5", ranks=2)
        message = self.train("parts", "--resume", "-s", "train.epochs=3", "-s", "model.hidden=4, 3", status=2).stderr
        self.assertIn("in model.hidden = 4, 3 (16, 12 there), train.epochs = 3 (4 there, and may only grow): change", message)
        message = self.train("parts", "--resume", "-s", "data.train_x=/test/x", "-s", "data.train_y=/test/y", status=2).stderr
        self.assertIn(f"started with 152 training rows, the data now have 46: bring {self.path('rows.h5')} back and the names", message)
        moved = ("-s", "data.file=" + self.path("moved.h5"), "-s", "data.train_x=/x", "--resume")
        with h5py.File(self.path("rows.h5"), "r+") as file:
            file.move("train/x", "x")
            file["train/y"][77] = (file["train/y"][77] + 1) % 3
        os.rename(self.path("rows.h5"), self.path("moved.h5"))
        message = self.train("parts", *moved, status=2).stderr
        self.assertIn(f"rows are not those that the run was started with: bring {self.path('moved.h5')} back", message)
        with h5py.File(self.path("moved.h5"), "r+") as file:
            file["train/y"][77] = 77 % 3
        self.train("parts", *moved)
        self.assertEqual(self.digest("parts", "last.h5"), self.digest("whole", "last.h5"))
        self.assertEqual(self.columns("parts"), self.columns("whole"))

    def test_init(self):
        self.train("first")
        self.train("second", "--init", self.path("first", "best.h5"), "-s", "train.seed=9")
        message = self.train("third", "--init", self.path("absent.h5"), status=1).stderr
        self.assertIn("absent.h5", message)


class Stops(CommandTest):
    """A run long enough to be hit: its end is compared with the run that nobody disturbed."""

    LONG = ("-s", "train.epochs=40", "-s", "output.checkpoint_every_steps=5", "-s", "output.step_metrics_every=1")

    def start(self, run, ranks, *arguments):
        command = launch(ranks, ["train", self.config, "-o", self.path(run), *self.LONG, *arguments])
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, cwd=self.folder, env={**os.environ, **self.surroundings}, start_new_session=True)

    def wait_for_checkpoint(self, run, process):
        deadline = time.monotonic() + LIMIT_S
        while not os.path.exists(self.path(run, "last.h5")):
            self.assertTrue(time.monotonic() < deadline and process.poll() is None, "no checkpoint came")
            time.sleep(0.005)

    def finish(self, run, ranks):
        self.train("whole", *self.LONG)
        self.train(run, *self.LONG, "--resume", ranks=ranks)
        self.assertEqual(self.digest(run, "last.h5"), self.digest("whole", "last.h5"))
        self.assertEqual(self.digest(run, "best.h5"), self.digest("whole", "best.h5"))
        self.assertEqual(self.columns(run), self.columns("whole"))

    def stop(self, number, ranks, status):
        process = self.start("run", ranks)
        self.wait_for_checkpoint("run", process)
        process.send_signal(number)
        output, errors = process.communicate(timeout=LIMIT_S)
        self.assertEqual(process.returncode, status, output + errors)
        self.finish("run", 2)

    def test_usr1_to_mpirun_gives_75(self):
        self.stop(signal.SIGUSR1, 3, 75)

    def test_term_and_interrupt_of_a_bare_run_give_75(self):
        self.stop(signal.SIGTERM, 0, 75)

    def test_interrupt_of_a_bare_run(self):
        self.stop(signal.SIGINT, 0, 75)

    def test_hangup_of_a_bare_run(self):
        self.stop(signal.SIGHUP, 0, 75)

    def test_a_reader_that_goes_away_ends_no_run(self):
        process = self.start("run", 0)
        process.stdout.close()
        self.assertEqual(process.wait(timeout=LIMIT_S), 1)
        self.assertIn("standard output cannot be written: Broken pipe", process.stderr.read())
        process.stderr.close()
        self.assertIn("finished", self.train("run", *self.LONG, "--resume").stdout)

    def test_kill_of_mpirun(self):
        """The ranks outlive mpirun for a while: the run started after them owns the folder."""
        process = self.start("run", 3)
        self.wait_for_checkpoint("run", process)
        process.kill()
        process.communicate(timeout=LIMIT_S)
        self.finish("run", 4)

    def test_kill_of_a_rank(self):
        process = self.start("run", 3)
        self.wait_for_checkpoint("run", process)
        os.kill(children_of(process.pid, "thinnet")[-1], signal.SIGKILL)
        process.communicate(timeout=LIMIT_S)
        self.assertNotEqual(process.returncode, 0)
        self.finish("run", 1)

    def test_best_is_a_checkpoint_too(self):
        """No periodic one was due yet when the run was killed."""
        seldom = ("-s", "output.checkpoint_every_epochs=0", "-s", "output.checkpoint_every_steps=0")
        self.train("run", *self.LONG, *seldom, "-s", "train.max_steps=30")
        names = os.listdir(self.path("run"))
        for name in names:
            if name == "last.h5" or name.startswith("step-"):
                os.unlink(self.path("run", name))
        self.assertIn("resuming after epoch", self.train("run", *self.LONG, *seldom, "--resume", ranks=2).stdout)
        self.train("whole", *self.LONG, *seldom)
        self.assertEqual(self.digest("run", "last.h5"), self.digest("whole", "last.h5"))
        self.assertEqual(self.columns("run"), self.columns("whole"))


class EvalAndPredict(CommandTest):
    def test_eval(self):
        self.train("run")
        alone = json.loads(self.thinnet("eval", self.path("run", "best.h5"), "--json").stdout)
        self.assertEqual(alone["rows"], 61)
        for ranks in (1, 3):
            done = self.thinnet("eval", self.path("run", "best.h5"), "--json", ranks=ranks)
            self.assertEqual(json.loads(done.stdout), alone)
        self.assertIn("accuracy", self.thinnet("eval", self.path("run", "best.h5")).stdout)

    def measure(self, *arguments, ranks=0):
        return json.loads(self.thinnet("eval", *arguments, "--json", ranks=ranks).stdout)

    def predicted(self, *arguments):
        self.thinnet("predict", *arguments, self.path("rows.h5"), "--overwrite", "-o", self.path("out.h5"))
        with h5py.File(self.path("out.h5")) as file:
            return file["output"][()].astype("float64")

    def test_eval_measures_classes(self):
        self.train("run")
        best = self.path("run", "best.h5")
        found = self.measure(best, "--top", "2")
        p = self.predicted(best)
        with h5py.File(self.path("rows.h5")) as file:
            labels = file["test/y"][()]
        confusion = np.zeros((3, 3), int)
        np.add.at(confusion, (labels, p.argmax(axis=1)), 1)
        self.assertEqual(found["confusion"], confusion.tolist())
        self.assertEqual([row["rows"] for row in found["classes"]], confusion.sum(axis=1).tolist())
        self.assertEqual([row["predicted"] for row in found["classes"]], confusion.sum(axis=0).tolist())
        self.assertAlmostEqual(found["accuracy"], np.trace(confusion) / 61, places=12)
        self.assertAlmostEqual(found["brier"], ((p - np.eye(3)[labels]) ** 2).sum(axis=1).mean(), places=6)
        self.assertEqual(found["top"], 2)
        self.assertAlmostEqual(found["top_accuracy"], (p.argmin(axis=1) != labels).mean(), places=12)
        self.assertEqual(sum(row["count"] for row in found["reliability"]), 61)
        self.assertEqual(found["log_loss"], found["loss"])
        self.assertNotIn("top", self.measure(best))
        self.assertNotIn("mutual_information", found)
        text = self.thinnet("eval", best).stdout
        for word in ("brier", "ece", "entropy", "precision", "predicted:", "confidence in"):
            self.assertIn(word, text)

    def test_outputs_that_are_not_finite(self):
        self.train("run")
        with h5py.File(self.path("rows.h5"), "a") as file:
            x = file["test/x"][()].astype("float32")
            x[[3, 40]] = 3e38
            file["huge/x"] = x
        rows = (self.path("run", "best.h5"), self.path("rows.h5"), "-x", "/huge/x")
        warning = "rows.h5: /huge/x: the outputs of 2 of 61 rows are not finite"
        told = self.thinnet("eval", *rows, ranks=3)
        self.assertEqual(told.stderr.count(warning), 1, told.stderr)
        for name in ("loss", "brier", "ece", "entropy"):
            self.assertRegex(told.stdout, rf"(?m)^{name} +nan$")
        self.assertNotIn("-nan", told.stdout)
        found = self.measure(*rows)
        self.assertEqual((found["nonfinite_rows"], found["loss"], found["ece"]), (2, None, None))
        self.assertAlmostEqual(found["accuracy"], np.trace(found["confusion"]) / 61, places=12)
        told = self.thinnet("predict", *rows, "-o", self.path("out.h5"), ranks=3)
        self.assertEqual(told.stderr.count(warning), 1, told.stderr)
        with h5py.File(self.path("out.h5")) as file:
            self.assertEqual(np.flatnonzero(file["class"][()] < 0).tolist(), [3, 40])
            self.assertEqual(file["class"][()].min(), -1)
        self.assertNotIn("not finite", self.thinnet("eval", rows[0]).stderr)

    def test_eval_measures_the_mean_of_networks_and_samples(self):
        networks = []
        for seed in (1, 2):
            self.train(f"run{seed}", "-s", f"train.seed={seed}")
            networks.append(self.path(f"run{seed}", "best.h5"))
        alone = self.measure(*networks, "--mc", "4")
        self.assertEqual((alone["networks"], alone["samples"]), (2, 4))
        self.assertGreater(alone["mutual_information"], 0)
        self.assertEqual(self.measure(*networks, self.path("rows.h5"), "--mc", "4", ranks=3), alone)
        p = self.predicted(*networks, "--mc", "4")
        self.assertAlmostEqual(alone["predictive_entropy"], -(p * np.log(p)).sum(axis=1).mean(), places=6)
        self.assertIn("mean of 2 networks\n", self.thinnet("eval", *networks).stdout)
        self.assertIn("mean of 2 networks, 1 sample of each\n", self.thinnet("eval", *networks, "--mc", "1").stdout)
        self.assertIn("mean of 1 sample\n", self.thinnet("eval", networks[0], "--mc", "1").stdout)

    def test_eval_measures_the_entropy_of_one_network(self):
        self.train("run")
        alone = self.measure(self.path("run", "best.h5"))
        p = self.predicted(self.path("run", "best.h5"))
        self.assertAlmostEqual(alone["predictive_entropy"], -(p * np.log(p)).sum(axis=1).mean(), places=6)
        self.assertNotIn("mutual_information", alone)
        with h5py.File(self.path("out.h5")) as file:
            np.testing.assert_allclose(file["predictive_entropy"][()], -(p * np.log(p)).sum(axis=1), atol=1e-6)
            self.assertEqual(set(file), {"output", "class", "predictive_entropy"})

    def test_eval_measures_values(self):
        with h5py.File(self.path("rows.h5"), "r+") as file:
            for split in ("train", "test"):
                file[f"{split}/v"] = file[f"{split}/x"][:, :2] * 3
            constant = file["test/v"][()]
            constant[:, 1] = 0.1
            file["test/c"] = constant
        self.train("run", "-s", "model.loss=mse", "-s", "data.train_y=/train/v", "-s", "data.test_y=/test/v")
        best = self.path("run", "best.h5")
        found = self.measure(best, ranks=2)
        error = self.predicted(best) - self.read_rows("test/v")
        self.assertAlmostEqual(found["rmse"], (error ** 2).mean() ** 0.5, places=6)
        self.assertAlmostEqual(found["mae"], abs(error).mean(), places=6)
        self.assertAlmostEqual(found["r2"], (1 - (error ** 2).mean(axis=0) / self.read_rows("test/v").var(axis=0)).mean(), places=6)
        found = self.measure(best, "-y", "/test/c")
        self.assertIsNone(found["r2"])
        self.assertIsNone(found["outputs"][1]["r2"])
        self.assertIsNotNone(found["outputs"][0]["r2"])
        self.assertIn("undefined: all targets of output 1 are equal", self.thinnet("eval", best, "-y", "/test/c").stdout)
        self.assertIn("its loss is mse", self.thinnet("eval", best, "--top", "2", status=2).stderr)

    def test_eval_measures_shares(self):
        with h5py.File(self.path("rows.h5"), "r+") as file:
            for split in ("train", "test"):
                file[f"{split}/s"] = (file[f"{split}/x"][:, :2] > 0).astype("float32")
        self.train("run", "-s", "model.loss=sigmoid_cross_entropy", "-s", "data.train_y=/train/s", "-s", "data.test_y=/test/s")
        best = self.path("run", "best.h5")
        found = self.measure(best)
        p, targets = self.predicted(best), self.read_rows("test/s")
        self.assertAlmostEqual(found["brier"], ((p - targets) ** 2).mean(), places=6)
        right = (p > 0.5) == (targets > 0.5)
        self.assertAlmostEqual(found["accuracy"], right.mean(), places=12)
        self.assertEqual([round(row["accuracy"] * 61) for row in found["outputs"]], right.sum(axis=0).tolist())
        self.assertEqual(sum(row["count"] for row in found["reliability"]), 122)
        self.assertRegex(self.thinnet("eval", best).stdout, r"output +accuracy")
        entropies = (-p * np.log(p) - (1 - p) * np.log(1 - p)).mean(axis=1)
        with h5py.File(self.path("out.h5")) as file:
            self.assertEqual(set(file), {"output", "predictive_entropy"})
            np.testing.assert_allclose(file["predictive_entropy"][()], entropies, atol=1e-6)
        self.assertAlmostEqual(found["predictive_entropy"], entropies.mean(), places=6)
        self.assertNotIn("mutual_information", found)
        sampled = self.measure(best, "--mc", "4")
        self.assertGreater(sampled["mutual_information"], 0)
        self.assertEqual(self.measure(best, self.path("rows.h5"), "-y", "/test/s", "--mc", "4", ranks=3), sampled)

    def read_rows(self, path):
        with h5py.File(self.path("rows.h5")) as file:
            return file[path][()].astype("float64")

    def test_files_that_are_no_ensemble(self):
        self.train("run")
        best, cut = self.path("run", "best.h5"), self.path("cut.h5")
        with open(best, "rb") as whole, open(cut, "wb") as file:
            file.write(whole.read()[:-10])
        self.assertIn(f"{cut}: does not end as thinnet's files do", self.thinnet("eval", best, cut, status=1).stderr)
        self.assertIn("absent.h5", self.thinnet("eval", best, self.path("absent.h5"), status=2).stderr)
        self.assertIn("its format is thinnet-metrics",
                      self.thinnet("eval", best, self.path("run", "metrics.h5"), status=2).stderr)
        for option in ("--mc", "--top"):
            for value in ("0", "-1", "x", "2x"):
                self.assertIn(f"{option} {value}: expected a whole number",
                              self.thinnet("eval", best, option, value, status=2).stderr)

    def test_predict(self):
        self.train("run")
        for ranks, name in ((0, "alone.h5"), (3, "three.h5")):
            self.thinnet("predict", self.path("run", "best.h5"), self.path("rows.h5"), "--mc", "8", "-o",
                         self.path(name), ranks=ranks)
        with h5py.File(self.path("alone.h5")) as one, h5py.File(self.path("three.h5")) as three:
            self.assertEqual(set(one), {"output", "class", "output_std", "predictive_entropy", "mutual_information"})
            for name in one:
                np.testing.assert_array_equal(one[name][()], three[name][()])
            np.testing.assert_array_equal(one["class"][()], one["output"][()].argmax(axis=1))
            np.testing.assert_allclose(one["output"][()].sum(axis=1), 1, atol=1e-6)  # float32 sums of 3

    def test_predict_replaces_nothing_that_it_reads(self):
        self.train("run")
        checkpoint, data = self.path("run", "best.h5"), self.path("rows.h5")
        os.symlink(data, self.path("link.h5"))
        for ranks, out, read in ((0, data, data), (2, checkpoint, checkpoint), (0, self.path("link.h5"), data)):
            with open(read, "rb") as file:
                before = file.read()
            message = self.thinnet("predict", checkpoint, data, "-o", out, "--overwrite", ranks=ranks, status=2).stderr
            self.assertIn(f"{out}: is the file that is read ({read})", message)
            with open(read, "rb") as file:
                self.assertEqual(file.read(), before)

    def test_without_test_data_is_2(self):
        self.train("run", "-s", "data.test_x=", "-s", "data.test_y=")
        self.assertIn("data.test_x", self.thinnet("eval", self.path("run", "best.h5"), status=2).stderr)

    def test_damaged_checkpoints_are_refused(self):
        self.train("run")
        with open(self.path("run", "best.h5"), "r+b") as file:
            file.seek(3000)
            byte = file.read(1)[0]
            file.seek(3000)
            file.write(bytes([byte ^ 4]))
        message = self.thinnet("eval", self.path("run", "best.h5"), status=1).stderr
        self.assertIn("best.h5", message)
        self.thinnet("info", self.path("run", "best.h5"), status=1)

    def test_info_knows_a_checkpoint_without_its_end(self):
        self.train("run")
        with open(self.path("run", "last.h5"), "rb") as file:
            whole = file.read()
        for name, content in (("short.h5", whole[:-10]), ("long.h5", whole + b"x")):
            with open(self.path(name), "wb") as file:
                file.write(content)
            self.assertIn(f"{name}: is a thinnet-checkpoint file whose end is missing or changed",
                          self.thinnet("info", self.path(name), status=1).stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
