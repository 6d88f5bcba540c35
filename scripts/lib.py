"""What the scripts that measure and draw share. Imported, never run."""

import json
import math
import os
import statistics
import subprocess
import sys

THINNET = "$(find_thinnet)"  # of lib.sh
ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# Okabe and Ito's, which colour-blind people tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def die(message):
    sys.exit(f"{os.path.basename(sys.argv[0])}: error: {message}")


def say(message):
    """Progress; standard output is for the result."""
    print(message, file=sys.stderr, flush=True)


def run_ranks(command, arguments, ranks):
    """Runs a command of the build on some ranks, in the surroundings that the other scripts use too; its output."""
    script = f'. {ROOT}/scripts/lib.sh && command={command} && run_ranks {ranks} "$command" "$@"'
    done = subprocess.run(["bash", "-c", script, os.path.basename(sys.argv[0]), *arguments], cwd=ROOT,
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        name = "thinnet" if command == THINNET else command
        die(f"{name} {' '.join(arguments)} ended with {done.returncode}")
    return done.stdout


def thinnet(arguments, ranks):
    return run_ranks(THINNET, arguments, ranks)


def version():
    return thinnet(["--version"], 1).split("\n", maxsplit=1)[0].strip()


def train(job, run, ranks, *settings, options=("--overwrite",)):
    words = [word for setting in settings for word in ("-s", setting)]
    thinnet(["train", job, "-o", run, *options, "--quiet", *words], ranks)


def measures(ranks, *arguments):
    """What `thinnet eval` finds."""
    return json.loads(thinnet(["eval", *arguments, "--json"], ranks))


def evaluate(run, ranks, network="best.h5"):
    """A network of the run on the test rows: accuracy in %, or the root of the loss of a regression."""
    result = measures(ranks, f"{run}/{network}")
    accuracy = result.get("accuracy")
    return math.sqrt(result["loss"]) if accuracy is None else 100 * accuracy


def spread(values):
    """The standard deviation of a sample; 0 where there is one value."""
    return statistics.stdev(values) if len(values) > 1 else 0
