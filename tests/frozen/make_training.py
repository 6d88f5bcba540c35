#!/usr/bin/python3
"""Writes training.h: small trainings without dropout, done by PyTorch in float64, with all losses and final values.

Run it in this folder; it needs Debian's python3-torch. thinnet's weights are (inputs, outputs), as in x W + b.
"""

import numpy
import torch
import torch.nn.functional as functional

from torch_optimizers import CASES, Optimizer, c_array

ROWS, SHAPE, STEPS = 16, (6, 8, 7, 3), 20

ACTIVATIONS = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "leaky_relu": lambda z: functional.leaky_relu(z, 0.01),
    "gelu": functional.gelu,
    "selu": functional.selu,
    "linear": lambda z: z,
}

LOSSES = {
    "softmax_cross_entropy": lambda z, data: functional.cross_entropy(z, data["labels"]),
    "sigmoid_cross_entropy": lambda z, data: functional.binary_cross_entropy_with_logits(z, data["shares"]),
    "mse": lambda z, data: functional.mse_loss(z, data["values"]),
    "mae": lambda z, data: functional.l1_loss(z, data["values"]),
    "huber": lambda z, data: functional.huber_loss(z, data["values"], delta=1.0),
}

# Of batch and layer normalisation; PyTorch's momentum is what is taken anew.
MOMENTUM, EPSILON = 0.9, 1e-3

# Activation, loss, optimiser, and what else: l1, l2, clip_norm, norm. Every choice of each occurs.
TRAININGS = [
    ("relu", "softmax_cross_entropy", "sgd", {}),
    ("tanh", "softmax_cross_entropy", "sgd with momentum", {}),
    ("gelu", "mse", "sgd with nesterov", {}),
    ("sigmoid", "huber", "rmsprop", {}),
    ("tanh", "sigmoid_cross_entropy", "rmsprop with momentum", {}),
    ("leaky_relu", "softmax_cross_entropy", "adam", {}),
    ("relu", "huber", "adam with other constants", {}),
    ("gelu", "softmax_cross_entropy", "adamw", {}),
    ("linear", "mse", "adagrad", {}),
    ("tanh", "mae", "adam", {}),
    ("relu", "softmax_cross_entropy", "adam", {"l1": 0.002, "l2": 0.01}),
    ("gelu", "mse", "sgd", {"clip_norm": 0.5, "l2": 0.01}),
    ("selu", "mse", "adam", {}),
    ("relu", "softmax_cross_entropy", "sgd with momentum", {"norm": "batch"}),
    ("tanh", "mse", "adamw", {"norm": "batch", "l2": 0.01}),
    ("gelu", "softmax_cross_entropy", "adam", {"norm": "layer", "clip_norm": 0.5}),
    ("sigmoid", "huber", "sgd", {"norm": "layer"}),
]


def draw_data():
    draw = numpy.random.RandomState(11)
    data = {
        "x": draw.normal(0, 1, (ROWS, SHAPE[0])),
        "labels": draw.randint(0, SHAPE[-1], ROWS),
        "values": draw.normal(0, 1.5, (ROWS, SHAPE[-1])),
        "shares": draw.uniform(0, 1, (ROWS, SHAPE[-1])),
    }
    start = []
    for inputs, outputs in zip(SHAPE, SHAPE[1:]):
        start += [draw.normal(0, inputs**-0.5, (inputs, outputs)), draw.normal(0, 0.1, outputs)]
    return data, start


def as_tensors(data):
    single = {key: value if key == "labels" else value.astype("float32") for key, value in data.items()}
    return {key: torch.tensor(value if key == "labels" else value.astype("float64")) for key, value in single.items()}


class Norm:
    """Normalises the hidden layers, with gains and, over the batch, running statistics."""

    def __init__(self, kind):
        ones = [torch.ones(units, dtype=torch.float64) for units in SHAPE[1:-1]]
        self.kind = kind
        self.gains = [one.clone().requires_grad_() for one in ones] if kind != "none" else []
        self.running = [(torch.zeros_like(one), one.clone()) for one in ones] if kind == "batch" else []

    def apply(self, layer, z):
        if self.kind == "batch":
            mean, variance = self.running[layer]
            return functional.batch_norm(z, mean, variance, self.gains[layer], None, True, 1 - MOMENTUM, EPSILON)
        if self.kind == "layer":
            return functional.layer_norm(z, z.shape[1:], self.gains[layer], None, EPSILON)
        return z


def forward(weights, biases, norm, activation, x):
    last = len(weights) - 1
    for i, (weight, bias) in enumerate(zip(weights, biases)):
        z = x @ weight
        x = z + bias if i == last else activation(norm.apply(i, z) + bias)
    return x


def clip(parameters, limit):
    norm = torch.sqrt(sum((parameter.grad**2).sum() for parameter in parameters))
    for parameter in parameters:
        parameter.grad *= min(1.0, float(limit / norm))


def train(activation, loss, case, terms, data, start):
    parameters = [torch.tensor(array.astype("float32").astype("float64"), requires_grad=True) for array in start]
    weights, biases, norm = parameters[::2], parameters[1::2], Norm(terms.get("norm", "none"))
    optimizer, losses = Optimizer(case, weights, biases + norm.gains), []
    for _ in range(STEPS):
        value = LOSSES[loss](forward(weights, biases, norm, ACTIVATIONS[activation], data["x"]), data)
        losses.append(float(value.detach()))
        penalty = sum(terms.get("l1", 0) * w.abs().sum() + terms.get("l2", 0) * (w**2).sum() for w in weights)
        for parameter in parameters + norm.gains:
            parameter.grad = None
        (value + penalty).backward()
        if "clip_norm" in terms:
            clip(parameters + norm.gains, terms["clip_norm"])
        optimizer.step()
    return losses, values_in_order(weights, biases, norm)


def values_in_order(weights, biases, norm):
    """Weight, bias and gain of each layer, then running mean and variance of each."""
    ordered = []
    for i, (weight, bias) in enumerate(zip(weights, biases)):
        ordered += [weight, bias] + norm.gains[i : i + 1]
    ordered += [value for pair in norm.running for value in pair]
    return torch.cat([value.detach().flatten() for value in ordered]).tolist()


def write_data(file, data, start):
    for key, count in (("x", SHAPE[0]), ("values", SHAPE[-1]), ("shares", SHAPE[-1])):
        values = c_array(data[key].astype("float32").flatten(), 9)
        file.write(f"static const float frozen_{key}[FROZEN_ROWS * {count}] = {values};\n\n")
    labels = ", ".join(str(label) for label in data["labels"])
    file.write(f"static const int32_t frozen_labels[FROZEN_ROWS] = {{{labels}}};\n\n")
    flat = numpy.concatenate([array.flatten() for array in start]).astype("float32")
    file.write("/* Weight and bias of each layer, one behind the other. */\n")
    file.write(f"static const float frozen_start[FROZEN_PARAMETERS] = {c_array(flat, 9)};\n\n")


def write_trainings(file, data, start):
    file.write("static const frozen_training frozen_trainings[] = {\n")
    cases = {case.name: case for case in CASES}
    for activation, loss, name, terms in TRAININGS:
        losses, end = train(activation, loss, cases[name], terms, as_tensors(data), start)
        choices = f'"{name}", TN_{activation.upper()}, TN_{loss.upper()}, {cases[name].c_text()}'
        penalties = f"{terms.get('l1', 0)}, {terms.get('l2', 0)}, {terms.get('clip_norm', 0)}"
        penalties += f", {'true' if terms.get('norm') == 'batch' else 'false'}"
        penalties += f", {'true' if terms.get('norm') == 'layer' else 'false'}, {len(end)}"
        file.write(f"    {{{choices}, {penalties},\n{c_array(losses, 17)},\n{c_array(end, 17)}}},\n")
    file.write("};\n\n")


def main():
    data, start = draw_data()
    parameters = sum(array.size for array in start)
    with open("training.h", "w", encoding="ascii") as file:
        file.write(f"/* Written by make_training.py with PyTorch {torch.__version__}. Do not edit. */\n")
        file.write("/* clang-format off */\n#ifndef TN_FROZEN_TRAINING_H\n#define TN_FROZEN_TRAINING_H\n\n")
        file.write("#include <thinnet/config.h>\n\n")
        file.write(f"#define FROZEN_ROWS {ROWS}\n#define FROZEN_STEPS {STEPS}\n")
        file.write(f"#define FROZEN_PARAMETERS {parameters}\n#define FROZEN_INPUTS {SHAPE[0]}\n")
        file.write(f"#define FROZEN_VALUES_MAX {parameters + 3 * sum(SHAPE[1:-1])} /* with gains and statistics */\n")
        file.write(f"#define FROZEN_MOMENTUM {MOMENTUM}\n#define FROZEN_EPSILON {EPSILON}\n")
        file.write(f"#define FROZEN_OUTPUTS {SHAPE[-1]}\n")
        file.write(f"#define FROZEN_HIDDEN {{{', '.join(str(units) for units in SHAPE[1:-1])}}}\n\n")
        file.write("typedef struct frozen_training {\n  const char *name;\n  tn_activation activation;\n")
        file.write("  tn_loss loss;\n  tn_train_config train;\n  double l1, l2, clip_norm;\n")
        file.write("  bool batch_norm, layer_norm;\n  int values;\n")
        file.write("  double losses[FROZEN_STEPS], end[FROZEN_VALUES_MAX];\n} frozen_training;\n\n")
        write_data(file, data, start)
        write_trainings(file, data, start)
        file.write("#endif\n")


if __name__ == "__main__":
    main()
