"""What the Python trainers that thinnet is measured against have in common: their arguments, their rows, their clock."""

import argparse
import json
import time

import numpy as np

CLASSES = 10
WARMUP_STEPS = 5


def parse(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seconds", type=float, default=2, help="time to measure")
    parser.add_argument("--inputs", type=int, default=784)
    parser.add_argument("--hidden", type=lambda text: [int(units) for units in text.split(",")], default=[512, 512])
    parser.add_argument("--activation", choices=("relu", "sigmoid"), default="relu")
    parser.add_argument("--batch", type=int, default=128, help="rows a rank")
    parser.add_argument("--optimizer", choices=("sgd", "rmsprop", "adam"), default="adam")
    parser.add_argument("--momentum", type=float, default=0)
    parser.add_argument("--rate", type=float, default=0.001, help="learning rate")
    parser.add_argument("--drop-input", type=float, default=0)
    parser.add_argument("--drop-hidden", type=float, default=0)
    parser.add_argument("--max-norm", type=float, default=0)
    return parser.parse_args()


def rows(rank, inputs):
    """Rows as images have them: bytes, and their classes."""
    generator = np.random.default_rng(rank)
    return generator.integers(0, 256, (6000, inputs), np.uint8), generator.integers(0, CLASSES, 6000)


def measure(step, batch, seconds, ranks, rank, agree):
    """Runs step(number) for some seconds; agree(flag) is rank 0's flag on every rank. Rank 0 prints the rows of all
    ranks a second."""
    for number in range(WARMUP_STEPS):
        step(number)
    agree(True)
    start = time.perf_counter()
    steps, chunk = 0, 1
    while agree(time.perf_counter() - start < seconds):
        for _ in range(chunk):
            step(WARMUP_STEPS + steps)
            steps += 1
        # Asking is a collective of its own: once in a tenth of the time is seldom enough not to count.
        if rank == 0:
            chunk = max(1, int(steps * seconds / 10 / (time.perf_counter() - start)))
        chunk = agree(chunk)
    if rank == 0:
        print(json.dumps({"rows_per_s": ranks * batch * steps / (time.perf_counter() - start)}))
