"""The trainer that many cluster users write by hand: numpy for the products, mpi4py for one Allreduce a step on a flat
gradient. Written with care, so that it is worth comparing with: float32 throughout, parameters and gradients as views of one
block, products and whatever is as large as the parameters written into memory that is there. Start it under mpirun."""

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
        self.states, self.scratch = [np.zeros(count, np.float32) for _ in range(2)], np.zeros(count, np.float32)
        parts = views(self.parameters, shapes)
        self.weights, self.biases = parts[0::2], parts[1::2]
        parts = views(self.gradient, shapes)
        self.weight_gradients, self.bias_gradients = parts[0::2], parts[1::2]
        generator = np.random.default_rng(1)
        for weight in self.weights:
            weight[:] = generator.standard_normal(weight.shape, np.float32) * np.sqrt(2 / weight.shape[0])
        self.z = [np.zeros((options.batch, units), np.float32) for units in sizes[1:]]
        self.deltas = [np.zeros((options.batch, units), np.float32) for units in options.hidden]
        self.random = np.random.default_rng(100 + comm.rank)
        self.x, self.y = bench_options.rows(comm.rank, options.inputs)

    def drop(self, a, rate):
        """Inverted dropout; returns the factors, None where there are none."""
        if rate == 0:
            return None
        factors = (self.random.random(a.shape, np.float32) >= rate) * np.float32(1 / (1 - rate))
        a *= factors
        return factors

    def activate(self, z):
        """In place; returns the derivative."""
        if self.options.activation == "relu":
            np.maximum(z, 0, out=z)
            return (z > 0).astype(np.float32)
        np.negative(z, out=z)
        np.exp(z, out=z)
        z += 1
        np.reciprocal(z, out=z)
        return z * (1 - z)

    def forward(self, a):
        self.drop(a, self.options.drop_input)
        activations, slopes = [a], []
        for layer, z in enumerate(self.z):
            np.matmul(a, self.weights[layer], out=z)
            z += self.biases[layer]
            if layer < len(self.z) - 1:
                a = z
                slopes.append(self.activate(a))
                factors = self.drop(a, self.options.drop_hidden)
                if factors is not None:
                    slopes[-1] *= factors
                activations.append(a)
        return activations, slopes, self.z[-1]

    def backward(self, activations, slopes, delta):
        for layer in reversed(range(len(self.weights))):
            np.matmul(activations[layer].T, delta, out=self.weight_gradients[layer])
            np.sum(delta, axis=0, out=self.bias_gradients[layer])
            if layer > 0:
                delta = np.matmul(delta, self.weights[layer].T, out=self.deltas[layer - 1])
                delta *= slopes[layer - 1]

    def track(self, v, g, fade):
        """v += fade (g^2 - v)"""
        np.multiply(g, g, out=self.scratch)
        self.scratch -= v
        self.scratch *= np.float32(fade)
        v += self.scratch

    def update(self, number):
        options, w, g, (m, v), scratch = self.options, self.parameters, self.gradient, self.states, self.scratch
        if options.optimizer == "sgd":
            m *= np.float32(options.momentum)
            g *= np.float32(options.rate)
            m -= g
            w += m
        elif options.optimizer == "rmsprop":
            self.track(v, g, 0.1)
            np.add(v, np.float32(1e-7), out=scratch)
            np.sqrt(scratch, out=scratch)
            g *= np.float32(options.rate)
            g /= scratch
            w -= g
        else:
            correction = np.sqrt(1 - 0.999 ** (number + 1)) / (1 - 0.9 ** (number + 1))
            self.track(v, g, 0.001)
            g -= m
            g *= np.float32(0.1)
            m += g
            np.sqrt(v, out=scratch)
            scratch += np.float32(1e-7)
            np.divide(m, scratch, out=scratch)
            scratch *= np.float32(options.rate * correction)
            w -= scratch
        if options.max_norm > 0:
            for weight in self.weights:
                norms = np.sqrt(np.einsum("ij,ij->j", weight, weight))
                weight *= np.minimum(1, np.float32(options.max_norm) / norms)

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
        self.update(number)


def main():
    options = bench_options.parse(__doc__)
    comm = MPI.COMM_WORLD
    trainer = Trainer(options, comm)
    bench_options.measure(trainer.step, options.batch, options.seconds, comm.size, comm.rank,
                          lambda value: comm.bcast(value, 0))


if __name__ == "__main__":
    main()
