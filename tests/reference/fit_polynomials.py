#!/usr/bin/env python3
"""The polynomials of src/math/approx.h: fits them, rounds them to float32 and prints them as C.

Each is the minimax polynomial (Remez exchange in 40 digits) of the weighted error given beside it. Coefficients are
rounded to float32 one after the other, from the lowest, and what is left is fitted again, so that the higher ones make
good the rounding of the lower ones. Needs mpmath.
"""
from functools import lru_cache

from mpmath import mp, mpf, cos, exp, erfc, log, matrix, lu_solve, pi, sin, sqrt, tanh, fabs
import numpy as np

mp.dps = 40
GRID = 1000


def extrema(error, low, high):
    """Points of largest error between its changes of sign, on a Chebyshev grid."""
    points = [(low + high) / 2 - (high - low) / 2 * cos(pi * k / GRID) for k in range(GRID + 1)]
    best, found = None, []
    for x in points:
        e = error(x)
        if best is not None and e * best[1] < 0:
            found.append(best)
            best = None
        if best is None or fabs(e) > fabs(best[1]):
            best = (x, e)
    return found + [best]


def remez(function, weight, powers, low, high):
    """Coefficients c of sum c_i x^powers_i that minimise the largest |weight (sum - function)|, and that error."""
    count = len(powers) + 1
    nodes = [(low + high) / 2 - (high - low) / 2 * cos(pi * (k + mpf(1) / 2) / count) for k in range(count)]
    for _ in range(8):
        system, right = matrix(count, count), matrix(count, 1)
        for i, x in enumerate(nodes):
            for j, power in enumerate(powers):
                system[i, j] = x**power
            system[i, count - 1] = (-1) ** i / weight(x)
            right[i] = function(x)
        solution = lu_solve(system, right)
        c = [solution[j] for j in range(count - 1)]

        def error(x, c=c):
            return weight(x) * (sum(a * x**p for a, p in zip(c, powers)) - function(x))

        peaks = extrema(error, low, high)
        while len(peaks) > count:
            peaks.pop(0 if fabs(peaks[0][1]) < fabs(peaks[-1][1]) else -1)
        if len(peaks) < count:
            break
        nodes = [x for x, _ in peaks]
    return c, max(fabs(e) for _, e in peaks)


def fit(name, function, weight, degree, low, high):
    low, high = mpf(low), mpf(high)
    function, weight = lru_cache(None)(function), lru_cache(None)(weight)
    fixed, powers, bound = [], list(range(degree + 1)), None
    while powers:

        def rest(x):
            return function(x) - sum(mpf(c) * x**p for p, c in enumerate(fixed))

        c, bound = remez(rest, weight, powers, low, high)
        fixed.append(float(np.float32(float(c[0]))))
        powers.pop(0)
    grid = [low + (high - low) * k / 2000 for k in range(2001)]
    error = max(fabs(weight(x) * (sum(mpf(c) * x**p for p, c in enumerate(fixed)) - function(x))) for x in grid)
    print(f"/* {name}: largest weighted error {float(error):.2e} = {float(error * 2**24):.3f} x 2^-24 */")
    print("  " + ", ".join(c.hex().replace("0000000p", "p") + "f" for c in fixed))


def series(function, limit):
    """The function away from 0, its limit there."""
    return lambda x: function(x) if fabs(x) > mpf(10) ** -12 else mpf(limit)


def mills(t, p=mpf("0.25")):
    """(1 - Phi(z)) / phi(z) at z = (1 / t - 1) / p."""
    z = (1 / t - 1) / p
    return erfc(z / sqrt(2)) / 2 * sqrt(2 * pi) * exp(z * z / 2)


half_ln2 = log(2) / 2 * mpf("1.001")
fit("exp(r) = 1 + r + r^2 P(r)", series(lambda r: (exp(r) - 1 - r) / r**2, 0.5), lambda r: r**2 / exp(r) + mpf(10)**-30,
    4, -half_ln2, half_ln2)
fit("tanh(x) = x + x^3 P(x^2)", series(lambda s: (tanh(sqrt(s)) / sqrt(s) - 1) / s, -mpf(1) / 3),
    lambda s: s * sqrt(s) / tanh(sqrt(s)) if s > 0 else mpf(10)**-30, 4, 0, mpf("0.625") ** 2)
fit("log(1 + f) = f - f^2 / 2 + f^3 P(f)", series(lambda f: (log(1 + f) - f + f * f / 2) / f**3, mpf(1) / 3),
    lambda f: fabs(f**3 / log(1 + f)) + mpf(10)**-30 if fabs(f) > mpf(10) ** -12 else mpf(10)**-30,
    7, sqrt(mpf(1) / 2) - 1, sqrt(mpf(2)) - 1)
fit("sin(x) = x + x^3 P(x^2)", series(lambda s: (sin(sqrt(s)) / sqrt(s) - 1) / s, -mpf(1) / 6),
    lambda s: s * sqrt(s) / sin(sqrt(s)) if s > 0 else mpf(10)**-30, 2, 0, (pi / 4) ** 2)
fit("cos(x) = 1 - x^2 / 2 + x^4 P(x^2)", series(lambda s: (cos(sqrt(s)) - 1 + s / 2) / s**2, mpf(1) / 24),
    lambda s: s**2 + mpf(10)**-30, 2, 0, (pi / 4) ** 2)
fit("Mills ratio(z) = t P(t), t = 1 / (1 + z / 4), z in [0, 14]", lambda t: mills(t) / t, lambda t: t / mills(t),
    9, 1 / (1 + mpf(14) / 4), 1)
