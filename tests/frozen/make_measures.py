#!/usr/bin/python3
"""Writes measures.h: the measures of some predictions, by scikit-learn where it has them, else by numpy from their formulas.

Run it in this folder; it needs Debian's python3-sklearn.
"""

import numpy
import sklearn
from sklearn import metrics

MEMBERS, ROWS, CLASSES, OUTPUTS, TOP, BINS = 3, 24, 6, 3, 2, 15


def c_array(values, digits, suffix=""):
    texts = [f"{value:.{digits}g}" for value in numpy.ravel(values)]
    return "{" + ", ".join((text if set(text) & set(".e") else text + ".") + suffix for text in texts) + "}"


def c_integers(values):
    return "{" + ", ".join(str(int(value)) for value in numpy.ravel(values)) + "}"


def softmax(z):
    e = numpy.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def entropy(p):
    return -(p * numpy.log(p)).sum(axis=-1)


def coin_entropy(p):
    return -p * numpy.log(p) - (1 - p) * numpy.log(1 - p)


def calibration_error(confidence, accuracy):
    places = numpy.digitize(confidence, numpy.linspace(0, 1, BINS + 1), right=True)
    return sum(abs(accuracy[places == place].sum() - confidence[places == place].sum())
               for place in range(BINS + 2)) / len(confidence)


def classes(z, labels):
    """Of the mean over the first axis of z (members, rows, classes)."""
    members = softmax(z)
    p = members.mean(axis=0)
    found = p.argmax(axis=1)
    names = range(CLASSES)
    return {"loss": metrics.log_loss(labels, p, labels=names), "accuracy": metrics.accuracy_score(labels, found),
            "top_accuracy": metrics.top_k_accuracy_score(labels, p, k=TOP, labels=names),
            "brier": ((p - numpy.eye(CLASSES)[labels]) ** 2).sum(axis=1).mean(),
            "ece": calibration_error(p.max(axis=1), (found == labels).astype(float)),
            "entropy": entropy(p).mean(), "information": (entropy(p) - entropy(members).mean(axis=0)).mean(),
            "precision": metrics.precision_score(labels, found, labels=names, average=None, zero_division=0),
            "recall": metrics.recall_score(labels, found, labels=names, average=None, zero_division=0),
            "confusion": metrics.confusion_matrix(labels, found, labels=names)}


def probabilities(z, targets):
    members = 1 / (1 + numpy.exp(-z))
    p = members.mean(axis=0)
    pair = coin_entropy(p).mean(), coin_entropy(members).mean()
    return {"loss": -(targets * numpy.log(p) + (1 - targets) * numpy.log(1 - p)).mean(),
            "accuracy": ((p > 0.5) == (targets > 0.5)).mean(), "brier": ((p - targets) ** 2).mean(),
            "ece": calibration_error(p.ravel(), targets.ravel()), "entropy": pair[0], "information": pair[0] - pair[1],
            "by_output": ((p > 0.5) == (targets > 0.5)).mean(axis=0)}


def values(z, targets):
    y = z.mean(axis=0)
    each = {"multioutput": "raw_values"}
    return {"loss": metrics.mean_squared_error(targets, y), "r2": metrics.r2_score(targets, y),
            "mae": metrics.mean_absolute_error(targets, y), "rmse": metrics.mean_squared_error(targets, y) ** 0.5,
            "r2_by_output": metrics.r2_score(targets, y, **each), "mae_by_output": metrics.mean_absolute_error(targets, y, **each),
            "rmse_by_output": metrics.mean_squared_error(targets, y, **each) ** 0.5}


def write_case(file, name, found):
    """One constant a measure, arrays for those that are."""
    for key, value in found.items():
        place = f"frozen_{name}_{key}"
        if key == "confusion":
            file.write(f"static const int64_t {place}[] = {c_integers(value)};\n")
        elif numpy.ndim(value) > 0:
            file.write(f"static const double {place}[] = {c_array(value, 17)};\n")
        else:
            file.write(f"static const double {place} = {value:.17g};\n")
    file.write("\n")


def main():
    draw = numpy.random.RandomState(17)
    labels = draw.randint(0, CLASSES, ROWS)
    z = draw.normal(0, 1, (MEMBERS, ROWS, CLASSES))
    z[:, numpy.arange(ROWS), labels] += 1.5
    z = z.astype("float32")
    shape = (ROWS * CLASSES // OUTPUTS, OUTPUTS)
    shares = draw.choice([0, 0.25, 1], shape).astype("float32")
    reals = (z.mean(axis=0).reshape(shape) + draw.normal(0.5, 0.5, shape)).astype("float32")
    exact = z.astype("float64")
    flat = exact.reshape(MEMBERS, *shape)
    with open("measures.h", "w", encoding="ascii") as file:
        file.write(f"/* Written by make_measures.py with scikit-learn {sklearn.__version__}. Do not edit. */\n")
        file.write("/* clang-format off */\n#ifndef TN_FROZEN_MEASURES_H\n#define TN_FROZEN_MEASURES_H\n\n#include <stdint.h>\n\n")
        for name, value in (("MEMBERS", MEMBERS), ("ROWS", ROWS), ("CLASSES", CLASSES), ("TOP", TOP),
                            ("OUTPUTS", OUTPUTS), ("OUTPUT_ROWS", shape[0])):
            file.write(f"#define FROZEN_{name} {value}\n")
        file.write("\nstatic const float frozen_z[FROZEN_MEMBERS][FROZEN_ROWS * FROZEN_CLASSES] = {\n")
        file.write(",\n".join(c_array(member, 9, "f") for member in z) + "};\n")
        file.write(f"static const int32_t frozen_labels[FROZEN_ROWS] = {c_integers(labels)};\n")
        file.write(f"static const float frozen_shares[] = {c_array(shares, 9, 'f')};\n")
        file.write(f"static const float frozen_values[] = {c_array(reals, 9, 'f')};\n\n")
        write_case(file, "one", classes(exact[:1], labels))
        write_case(file, "all", classes(exact, labels))
        write_case(file, "sigmoid", probabilities(flat, shares.astype("float64")))
        write_case(file, "real", values(flat, reals.astype("float64")))
        file.write("#endif\n")


if __name__ == "__main__":
    main()
