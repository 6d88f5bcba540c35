"""bench_numpy.py by somebody who has measured it: products and whatever is as large as the parameters are written into memory
that is there, so that no step asks for new pages. Start it under mpirun."""

import bench_numpy
import numpy as np


class InPlaceTrainer(bench_numpy.Trainer):
    def __init__(self, options, comm):
        super().__init__(options, comm)
        self.scratch = np.zeros_like(self.parameters)
        self.outputs = [np.zeros((options.batch, bias.size), np.float32) for bias in self.biases]
        self.deltas = [np.zeros_like(output) for output in self.outputs[:-1]]

    def activate(self, z):
        """Returns the derivative."""
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
        for weight, bias, z in zip(self.weights, self.biases, self.outputs):
            np.matmul(a, weight, out=z)
            z += bias
            if z is self.outputs[-1]:
                break
            slope = self.activate(z)
            factors = self.drop(z, self.options.drop_hidden)
            if factors is not None:
                slope *= factors
            a = z
            activations.append(a)
            slopes.append(slope)
        return activations, slopes, self.outputs[-1]

    def backward(self, activations, slopes, delta):
        for layer in reversed(range(len(self.weights))):
            np.matmul(activations[layer].T, delta, out=self.weight_gradients[layer])
            np.sum(delta, axis=0, out=self.bias_gradients[layer])
            if layer > 0:
                delta = np.matmul(delta, self.weights[layer].T, out=self.deltas[layer - 1])
                delta *= slopes[layer - 1]

    def average_square(self, v, g, fade):
        """v += fade (g^2 - v)"""
        np.multiply(g, g, out=self.scratch)
        self.scratch -= v
        self.scratch *= np.float32(fade)
        v += self.scratch

    def take_step(self, number):
        options, w, g, (m, v), scratch = self.options, self.parameters, self.gradient, self.states, self.scratch
        if options.optimizer == "sgd":
            m *= np.float32(options.momentum)
            g *= np.float32(options.rate)
            m -= g
            w += m
        elif options.optimizer == "rmsprop":
            self.average_square(v, g, 0.1)
            np.add(v, np.float32(1e-7), out=scratch)
            np.sqrt(scratch, out=scratch)
            g *= np.float32(options.rate)
            g /= scratch
            w -= g
        else:
            correction = np.sqrt(1 - 0.999 ** (number + 1)) / (1 - 0.9 ** (number + 1))
            self.average_square(v, g, 0.001)
            g -= m
            g *= np.float32(0.1)
            m += g
            np.sqrt(v, out=scratch)
            scratch += np.float32(1e-7)
            np.divide(m, scratch, out=scratch)
            scratch *= np.float32(options.rate * correction)
            w -= scratch


if __name__ == "__main__":
    bench_numpy.main(InPlaceTrainer)
