#!/usr/bin/python3
"""The same run on 1, 2, 3, 4, 5, 7 and 12 ranks, by the node's stage and by every algorithm and transport of MPI: every
checkpoint and every row of the metrics, bit for bit. As a test it goes through a small table; with --minutes N it draws
combinations of all that the table knows, for so long, and prints how many runs were the same."""

import argparse
import random
import sys
import time
import unittest

import h5py
import numpy as np

from command_case import CommandTest

# Who adds: the ranks of a node in shared memory, or MPI by an algorithm, here by Open MPI's numbers; 0: as it chooses.
STAGE = -1
ALGORITHMS = ("MPI's own choice", "linear", "reduce and broadcast", "recursive doubling", "ring", "segmented ring",
              "Rabenseifner")
TRANSPORTS = ("self,vader", "self,tcp")
RANKS = (1, 2, 3, 4, 5, 7, 12)

# 605 training rows make shards of 51 and 50: with batches of 25 the last step of an epoch has one row in five replicas,
# and none in the other seven. 3101 validation rows are 13 blocks of 256: the ranks have different numbers of them.
TRAIN_ROWS, VALID_ROWS = 605, 3101
BASE = """
[data]
file = {folder}/many.h5
valid_x = /valid/x
valid_y = /valid/y
[model]
hidden = 16, 12
[train]
epochs = 4
batch_size = 25
[parallel]
replicas = 12
reduction = exact
[output]
step_metrics_every = 1
keep = 100
"""

# What can be varied, each with its choices. Case number i of the table takes the choice i of each, round and round.
CHOICES = {
    "optimizer": (
        ["train.optimizer=adam"],
        ["train.optimizer=sgd", "train.learning_rate=0.1", "train.momentum=0.9", "train.nesterov=yes"],
        ["train.optimizer=rmsprop", "train.rho=0.8"],
        ["train.optimizer=adamw", "train.weight_decay=0.1"],
        ["train.optimizer=adagrad", "train.learning_rate=0.05"],
        ["train.optimizer=sgd"],
        ["train.optimizer=rmsprop", "train.momentum=0.5"],
    ),
    "schedule": (
        ["schedule.kind=plateau", "schedule.patience=1", "train.learning_rate=0.5", "train.epochs=6"],
        ["schedule.kind=constant", "schedule.scale_with_replicas=sqrt"],
        ["schedule.kind=step", "schedule.step_epochs=2", "schedule.factor=0.3"],
        ["schedule.kind=cosine", "schedule.warmup_steps=3"],
        ["schedule.kind=exponential", "schedule.factor=0.7", "schedule.warmup_steps=5"],
    ),
    "dropout": (
        ["dropout.hidden=0.4,0.2", "dropout.input=0.1", "model.batch_norm=yes", "model.batch_norm_sync=yes"],
        ["dropout.hidden=0.5", "dropout.mask=batch", "dropout.schedule=curriculum", "dropout.schedule_steps=3"],
        ["dropout.hidden=0.3", "dropout.kind=gaussian", "dropout.input=0.2", "dropout.shape=1x1x5",
         "dropout.block=channel"],
        ["dropout.hidden=0.3", "dropout.kind=alpha", "model.activation=selu"],
        ["dropout.hidden=0.3", "dropout.kind=gaussian", "dropout.mask=batch", "dropout.input=0.2", "model.batch_norm=yes",
         "model.norm_momentum=0.9"],
        ["dropout.hidden=0.5", "dropout.group=3", "dropout.schedule=anneal", "dropout.schedule_steps=9",
         "model.activation=gelu"],
        ["dropout.hidden=0.5", "dropout.input=0.2", "dropout.kind=dropconnect"],
        ["dropout.input=0.2", "dropout.kind=standout", "dropout.standout_beta=0.5"],
        ["dropout.hidden=0.5", "dropout.replica_masks=same", "model.layer_norm=yes"],
        ["dropout.hidden=0.3", "dropout.input=0.1", "dropout.rate=learned", "dropout.length_scale=0.1"],
        ["dropout.hidden=0"],
    ),
    "order": (
        ["data.shuffle=global", "data.placement=node"],
        ["data.shuffle=shard", "data.placement=rank"],
        ["data.shuffle=none", "data.placement=node"],
        ["data.shuffle=global", "data.placement=rank"],
        ["data.shuffle=shard", "data.placement=node"],
        ["data.shuffle=none", "data.placement=rank"],
    ),
    "limits": (
        ["train.clip_norm=0.05"],
        ["regularization.max_norm=0.8"],
        [],
        ["regularization.l1=0.001", "regularization.l2=0.001"],
    ),
    "stopping": (
        [],
        ["early_stopping.monitor=valid_loss", "early_stopping.patience=1", "early_stopping.min_delta=0.2",
         "early_stopping.restore_best=yes", "train.epochs=9"],
        ["early_stopping.monitor=train_loss", "early_stopping.patience=2", "early_stopping.min_delta=1",
         "train.epochs=9"],
        ["train.max_steps=7"],
    ),
    "batches": (
        [],
        ["train.accumulate=3", "train.batch_size=7"],
        ["train.batch_size=500"],
    ),
    "targets": (
        [],
        ["train.class_weights=balanced", "data.standardize=yes"],
        ["model.loss=mse", "data.train_y=/train/v", "data.valid_y=/valid/v"],
        ["data.train_weight=/train/w", "augment.label_smoothing=0.1"],
    ),
    "augment": (
        ["augment.mixup=0.4"],
        ["augment.noise=0.1", "augment.shape=1x5x1", "augment.shift=0.9", "augment.rotate=20"],
        [],
    ),
    # The wide one's gradient is longer than what MPI sends at once, and than a segment of the segmented ring for each rank.
    "width": (["model.hidden=16,12"], ["model.hidden=16,12"], ["model.hidden=300,200"]),
}
CASES = 10


def surroundings(algorithm, transport):
    variables = {"OMPI_MCA_btl": transport}
    if algorithm > 0:
        variables.update({"OMPI_MCA_coll_tuned_use_dynamic_rules": "1",
                          "OMPI_MCA_coll_tuned_allreduce_algorithm": str(algorithm),
                          "OMPI_MCA_coll_tuned_allreduce_algorithm_segmentsize": "1024"})
    return variables


class AnyRanksCase(CommandTest):
    def setUp(self):
        super().setUp()
        self.config = self.write("base.ini", BASE.format(folder=self.folder))
        draw = np.random.default_rng(11)
        with h5py.File(self.path("many.h5"), "w") as file:
            for split, rows in (("train", TRAIN_ROWS), ("valid", VALID_ROWS)):
                labels = np.arange(rows) % 3
                x = draw.normal(size=(rows, 5)) + 2 * np.eye(3, 5)[labels]
                file[f"{split}/x"] = x.astype("float32")
                file[f"{split}/y"] = labels
                file[f"{split}/v"] = (x[:, :2] * 0.5).astype("float32")
                file[f"{split}/w"] = draw.uniform(0.5, 2, size=rows).astype("float32")

    def run_case(self, settings, ranks=0, algorithm=STAGE, transport=TRANSPORTS[0]):
        """What a run leaves behind."""
        stage = "on" if algorithm == STAGE else "off"
        arguments = [word for setting in [*settings, f"parallel.node_stage={stage}"] for word in ("-s", setting)]
        self.train("run", "--overwrite", "--quiet", *arguments, ranks=ranks,
                   environment=surroundings(algorithm, transport))
        return {"metrics.h5": self.columns("run"), **self.checkpoints("run")}

    def compare(self, found, expected, what):
        self.assertEqual(sorted(found), sorted(expected), what)
        for name, contents in expected.items():
            different = [key for key in contents if found[name].get(key) != contents[key]]
            self.assertFalse(different, f"{what}: {name} differs in {different}")
            self.assertEqual(len(found[name]), len(contents), f"{what}: {name}")

    def check(self, settings, expected, ranks, algorithm, transport):
        adder = "the node's stage" if algorithm == STAGE else ALGORITHMS[algorithm]
        what = f"{ranks} ranks, {adder}, {transport}: {' '.join(settings)}"
        self.compare(self.run_case(settings, ranks, algorithm, transport), expected, what)


def case_settings(number):
    return [setting for choices in CHOICES.values() for setting in choices[number % len(choices)]]


class AnyRanks(AnyRanksCase):
    """Over the cases every rank count meets every algorithm and every transport, and these two each other; the node's
    stage takes its turn with every other case."""

    def check_case(self, number):
        settings = case_settings(number)
        expected = self.run_case(settings)
        self.check_that_it_acts(settings, expected)
        for place, ranks in enumerate(RANKS):
            self.check(settings, expected, ranks, (number + place) % len(ALGORITHMS),
                       TRANSPORTS[(number + place // 2) % len(TRANSPORTS)])
            if (number + place) % 2 == 0:
                self.check(settings, expected, ranks, STAGE, TRANSPORTS[0])

    def check_that_it_acts(self, settings, expected):
        """What a case is there for has happened in it."""
        progress = {key: float(value) for key, value in expected["last.h5"].items() if key.startswith("progress/")}
        norms = [float(norm) for norm in expected["metrics.h5"]["step/gradient_norm"][1:-1].split(",")]
        stops = "early_stopping.monitor=valid_loss" in settings or "early_stopping.monitor=train_loss" in settings
        if stops:
            self.assertEqual(progress["progress/stopped_early"], 1)
        elif "schedule.kind=plateau" in settings:  # without an early stop there is time for it
            self.assertGreater(progress["progress/plateau_reductions"], 0)
        if "train.clip_norm=0.05" in settings:
            self.assertGreater(max(norms), 0.05)
        if "regularization.max_norm=0.8" in settings:
            weights = np.frombuffer(expected["last.h5"]["model/layer1/weight"], "float32").reshape(5, -1)
            self.assertAlmostEqual(np.linalg.norm(weights, axis=0).max(), 0.8, places=5)

    def test_float_sums_show_the_algorithm(self):
        """Keeps the other tests honest: where sums are rounded, the algorithms that they force do give other networks."""
        digests = {self.run_case([*case_settings(2), "parallel.reduction=float"], 12, algorithm)["last.h5"]["digest"]
                   for algorithm in (1, 3, 4)}
        self.assertGreater(len(digests), 1)


for index in range(CASES):
    setattr(AnyRanks, f"test_case_{index + 1}", lambda self, number=index: self.check_case(number))


class Campaign(AnyRanksCase):
    """Combinations drawn from all that there are, until the time is over."""

    def runTest(self):
        draw = random.Random(OPTIONS.seed)
        end = time.monotonic() + 60 * OPTIONS.minutes
        runs = 0
        while time.monotonic() < end:
            settings = [setting for choices in CHOICES.values() for setting in draw.choice(choices)]
            expected = self.run_case(settings)
            for ranks in RANKS:
                self.check(settings, expected, ranks, draw.randrange(STAGE, len(ALGORITHMS)), draw.choice(TRANSPORTS))
                runs += 1
            print(f"{runs} runs of {runs // len(RANKS)} configurations: all the same", flush=True)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=0, help="draw combinations for so long (0: the table)")
    parser.add_argument("--seed", type=int, default=1, help="of the combinations (1)")
    parser.add_argument("tests", nargs="*", help="tests of the table, e.g. AnyRanks.test_case_3")
    return parser.parse_args()


if __name__ == "__main__":
    OPTIONS = parse_options()
    tests = ["Campaign"] if OPTIONS.minutes > 0 else OPTIONS.tests or ["AnyRanks"]
    unittest.main(argv=[sys.argv[0], "-v", *tests])
