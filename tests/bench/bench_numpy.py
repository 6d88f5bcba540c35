"""The trainer that many cluster users write by hand: numpy for the products, mpi4py for one Allreduce a step on a flat
gradient. float32 throughout, parameters and gradients as views of one block; the rest are numpy's expressions with their
temporaries, as such trainers have them (bench_numpy_in_place.py has none). Start it under mpirun."""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is loaded

import numpy as np
from mpi4py import MPI

import bench_options


def views(block, shapes):
    """The arrays of some shapes, one behind the other in a block."""
    parts, end = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        parts.append(block[end:end + size].reshape(shape))
        end += size
    return parts


class Trainer:
    def __init__(self, options, comm):
        self.options, self.comm = options, comm
        sizes = [options.inputs, *options.hidden, bench_options.CLASSES]
        shapes = [shape for pair in zip(sizes[:-1], sizes[1:]) for shape in (pair, (pair[1],))]
        count = sum(int(np.prod(shape)) for shape in shapes)
        self.parameters, self.gradient = np.zeros(count, np.float32), np.zeros(count, np.float32)
        self.states = [np.zeros(count, np.float32) for _ in range(2)]
        parts = views(self.parameters, shapes)
        self.weights, self.biases = parts[0::2], parts[1::2]
        parts = views(self.gradient, shapes)
        self.weight_gradients, self.bias_gradients = parts[0::2], parts[1::2]
        generator = np.random.default_rng(1)
        for weight in self.weights:
            weight[:] = generator.standard_normal(weight.shape, np.float32) * np.sqrt(2 / weight.shape[0])
        self.random = np.random.default_rng(100 + comm.rank)
        self.x, self.y = bench_options.rows(comm.rank, options.inputs)

    def drop(self, a, rate):
        """Inverted dropout; returns the factors, None where there are none."""
        if rate == 0:
            return None
        factors = (self.random.random(a.shape, np.float32) >= rate) * np.float32(1 / (1 - rate))
        a *= factors
        return factors

    def forward(self, a):
        self.drop(a, self.options.drop_input)
        activations, slopes = [a], []
        for weight, bias in zip(self.weights[:-1], self.biases[:-1]):
            z = a @ weight
            z += bias
            if self.options.activation == "relu":
                a = np.maximum(z, 0, out=z)
                slope = (a > 0).astype(np.float32)
            else:
                a = 1 / (1 + np.exp(-z))
                slope = a * (1 - a)
            factors = self.drop(a, self.options.drop_hidden)
            if factors is not None:
                slope *= factors
            activations.append(a)
            slopes.append(slope)
        return activations, slopes, a @ self.weights[-1] + self.biases[-1]

    def backward(self, activations, slopes, delta):
        for layer in reversed(range(len(self.weights))):
            np.matmul(activations[layer].T, delta, out=self.weight_gradients[layer])
            np.sum(delta, axis=0, out=self.bias_gradients[layer])
            if layer > 0:
                delta = delta @ self.weights[layer].T
                delta *= slopes[layer - 1]

    def take_step(self, number):
        """The optimiser's."""
        options, w, g, (m, v) = self.options, self.parameters, self.gradient, self.states
        if options.optimizer == "sgd":
            m *= np.float32(options.momentum)
            m -= np.float32(options.rate) * g
            w += m
        elif options.optimizer == "rmsprop":
            v *= np.float32(0.9)
            v += np.float32(0.1) * g * g
            w -= np.float32(options.rate) * g / np.sqrt(v + np.float32(1e-7))
        else:
            correction = np.sqrt(1 - 0.999 ** (number + 1)) / (1 - 0.9 ** (number + 1))
            m += np.float32(0.1) * (g - m)
            v += np.float32(0.001) * (g * g - v)
            w -= np.float32(options.rate * correction) * m / (np.sqrt(v) + np.float32(1e-7))

    def limit_norms(self):
        if self.options.max_norm > 0:
            for weight in self.weights:
                norms = np.sqrt(np.einsum("ij,ij->j", weight, weight))
                weight *= np.minimum(1, np.float32(self.options.max_norm) / norms)

    def step(self, number):
        batch = self.options.batch
        picked = self.random.integers(0, len(self.x), batch)
        a = self.x[picked].astype(np.float32)
        a *= np.float32(1 / 255)
        activations, slopes, z = self.forward(a)
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=1, keepdims=True)
        z[np.arange(batch), self.y[picked]] -= 1
        z /= batch * self.comm.size
        self.backward(activations, slopes, z)
        if self.comm.size > 1:
            self.comm.Allreduce(MPI.IN_PLACE, self.gradient)
        self.take_step(number)
        self.limit_norms()


def main(trainer_class):
    options = bench_options.parse(__doc__)
    comm = MPI.COMM_WORLD
    trainer = trainer_class(options, comm)
    bench_options.measure(trainer.step, options.batch, options.seconds, comm.size, comm.rank,
                          lambda value: comm.bcast(value, 0))


if __name__ == "__main__":
    main(Trainer)
