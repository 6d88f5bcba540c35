"""PyTorch's optimisers, set up so that they compute what thinnet's (that is, Keras's) formulas say.

Where the two agree once the constants are chosen, PyTorch's own class is used untouched:
  sgd       equal while the learning rate is constant
  rmsprop   sqrt(s) + epsilon here, sqrt(s + epsilon) there: equal for an epsilon that vanishes beside s
  adagrad   the same, and the accumulator starts at 0.1
  adam(w)   PyTorch adds epsilon behind the correction of v, so it gets epsilon / sqrt(1 - beta2^t) in step t
Weight decay reaches the weights only.
"""

import math

import torch


class Case:
    def __init__(self, name, kind, learning_rate, **keys):
        self.name, self.kind, self.learning_rate, self.keys = name, kind, learning_rate, keys

    def c_text(self):
        """The tn_train_config of this case."""
        fields = {"beta1": 0.9, "beta2": 0.999, "rho": 0.9, "epsilon": 1e-7, **self.keys}
        values = "".join(f", .{key} = {str(value).lower()}" for key, value in fields.items())
        return f"{{.optimizer = TN_{self.kind.upper()}, .learning_rate = {self.learning_rate}{values}}}"


CASES = [
    Case("sgd", "sgd", 0.1),
    Case("sgd with momentum", "sgd", 0.05, momentum=0.8),
    Case("sgd with nesterov", "sgd", 0.05, momentum=0.8, nesterov=True),
    Case("rmsprop", "rmsprop", 0.01, rho=0.8, epsilon=1e-30),
    Case("rmsprop with momentum", "rmsprop", 0.005, momentum=0.7, epsilon=1e-30),
    Case("adam", "adam", 0.01),
    Case("adam with other constants", "adam", 0.02, beta1=0.8, beta2=0.95, epsilon=0.01),
    Case("adamw", "adamw", 0.01, weight_decay=0.2),
    Case("adagrad", "adagrad", 0.1, epsilon=1e-12),
]


class Optimizer:
    def __init__(self, case, weights, biases):
        keys = {"beta1": 0.9, "beta2": 0.999, "rho": 0.9, "epsilon": 1e-7, "momentum": 0, **case.keys}
        decay = keys.get("weight_decay", 0)
        groups = [{"params": weights, "weight_decay": decay}, {"params": biases, "weight_decay": 0}]
        rate, momentum, epsilon = case.learning_rate, keys["momentum"], keys["epsilon"]
        betas = (keys["beta1"], keys["beta2"])
        make = {
            "sgd": lambda: torch.optim.SGD(groups, rate, momentum=momentum, nesterov=keys.get("nesterov", False)),
            "rmsprop": lambda: torch.optim.RMSprop(groups, rate, alpha=keys["rho"], eps=epsilon, momentum=momentum),
            "adam": lambda: torch.optim.Adam(groups, rate, betas=betas),
            "adamw": lambda: torch.optim.AdamW(groups, rate, betas=betas),
            "adagrad": lambda: torch.optim.Adagrad(groups, rate, initial_accumulator_value=0.1, eps=epsilon),
        }
        self.torch, self.kind, self.steps = make[case.kind](), case.kind, 0
        self.beta2, self.epsilon = betas[1], epsilon

    def step(self):
        self.steps += 1
        if self.kind in ("adam", "adamw"):
            for group in self.torch.param_groups:
                group["eps"] = self.epsilon / math.sqrt(1 - self.beta2**self.steps)
        self.torch.step()


def c_array(values, digits):
    """The numbers of a C initialiser, some a line."""
    numbers = [f"{value:.{digits}g}" for value in values]
    if digits < 17:
        numbers = [number + ("f" if "." in number or "e" in number else ".0f") for number in numbers]
    lines = ["    " + ", ".join(numbers[i : i + 6]) for i in range(0, len(numbers), 6)]
    return "{\n" + ",\n".join(lines) + "}"
