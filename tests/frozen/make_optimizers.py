#!/usr/bin/python3
"""Writes optimizers.h: where PyTorch's optimisers take some parameters, in float64, for gradients that are given.

Run it in this folder; it needs Debian's python3-torch.
"""

import numpy
import torch

from torch_optimizers import CASES, Optimizer, c_array

WEIGHTS, STEPS = 5, 8


def run(case, start, gradients):
    parameters = torch.tensor(start, dtype=torch.float64)
    weights, bias = parameters[:WEIGHTS].clone(), parameters[WEIGHTS:].clone()
    optimizer = Optimizer(case, [weights], [bias])
    for gradient in torch.tensor(gradients, dtype=torch.float64):
        weights.grad, bias.grad = gradient[:WEIGHTS].clone(), gradient[WEIGHTS:].clone()
        optimizer.step()
    return torch.cat([weights, bias]).tolist()


def main():
    draw = numpy.random.RandomState(7)
    start = draw.uniform(-1, 1, WEIGHTS + 1).astype("float32")
    gradients = draw.normal(0, 0.3, (STEPS, WEIGHTS + 1)).astype("float32")
    with open("optimizers.h", "w", encoding="ascii") as file:
        file.write(f"/* Written by make_optimizers.py with PyTorch {torch.__version__}. Do not edit. */\n")
        file.write("/* clang-format off */\n#ifndef TN_FROZEN_OPTIMIZERS_H\n#define TN_FROZEN_OPTIMIZERS_H\n\n#include <thinnet/config.h>\n\n")
        file.write(f"#define FROZEN_WEIGHTS {WEIGHTS} /* and a bias */\n#define FROZEN_STEPS   {STEPS}\n\n")
        file.write("typedef struct frozen_optimizer {\n  const char *name;\n  tn_train_config train;\n")
        file.write("  double end[FROZEN_WEIGHTS + 1];\n} frozen_optimizer;\n\n")
        file.write(f"static const float frozen_start[FROZEN_WEIGHTS + 1] = {c_array(start, 9)};\n\n")
        file.write("static const float frozen_gradients[FROZEN_STEPS][FROZEN_WEIGHTS + 1] = {\n")
        file.write(",\n".join(c_array(gradient, 9) for gradient in gradients) + "};\n\n")
        file.write("static const frozen_optimizer frozen_optimizers[] = {\n")
        for case in CASES:
            end = c_array(run(case, start, gradients), 17)
            file.write(f'    {{"{case.name}", {case.c_text()}, {end}}},\n')
        file.write("};\n\n#endif\n")


if __name__ == "__main__":
    main()
