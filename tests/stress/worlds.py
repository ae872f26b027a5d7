"""Random settings of the theory, each a line of Python that can be pasted.

`setting(seed, index)` returns the line; after ``from tests.stress.worlds import *`` it runs.
"""

from __future__ import annotations

import numpy as np

from mssl.covariance import (
    AR1,
    Blocks,
    Circulant,
    Covariance,
    Dense,
    Diagonal,
    Isotropic,
    Scaled,
    Spiked,
)
from mssl.theory import PCATheory, SSRTheory

__all__ = [
    "AR1",
    "Blocks",
    "Circulant",
    "Covariance",
    "Dense",
    "Diagonal",
    "Isotropic",
    "PCATheory",
    "SSRTheory",
    "Scaled",
    "Spiked",
    "build",
    "example",
    "flat",
    "gaussian",
    "local",
    "lognormal",
    "np",
    "odd",
    "ring",
    "setting",
    "silent",
    "wishart",
]

# Above this size a matrix without structure costs seconds a spectrum.
DENSE = 32


# --- what a line may call -----------------------------------------------------------------------


def example(name: str, i: int) -> Covariance:
    """The i-th example of a registered model."""
    models = {model.__name__: model for model in Covariance.registry()}
    return models[name].examples()[i]


def lognormal(seed: int, d: int, width: float) -> np.ndarray:
    """Log-normal numbers around 1."""
    return np.exp(width * np.random.default_rng(seed).standard_normal(d))


def _chosen(seed, d, count):
    return np.random.default_rng(seed).permutation(d)[:count]


def odd(values, count: int, factor: float | None, seed: int) -> np.ndarray:
    """The values with `count` of them times a factor, or each times its own from 1e-3 to 1e3."""
    values = np.array(values, dtype=float)
    where = _chosen(seed, values.size, count)
    own = 10.0 ** np.random.default_rng(seed + 1).uniform(-3.0, 3.0, count)
    values[where] *= own if factor is None else factor
    return values


def silent(values, count: int, seed: int) -> np.ndarray:
    """The values, or the rows and columns of a matrix, with `count` of them set to zero."""
    values = np.array(values, dtype=float)
    where = _chosen(seed, len(values), count)
    values[where] = 0.0
    if values.ndim == 2:
        values[:, where] = 0.0
    return values


def ring(d: int, decay: float) -> np.ndarray:
    """Correlations that decay exponentially with the distance on a ring."""
    return np.exp(-np.minimum(np.arange(d), d - np.arange(d)) / decay)


def wishart(seed: int, d: int, rows: int, scales=None) -> np.ndarray:
    """A sample covariance of white noise, in units `scales`."""
    factor = np.random.default_rng(seed).standard_normal((rows, d))
    factor = factor if scales is None else factor * scales
    return factor.T @ factor / rows


def flat(d: int, r: int = 1) -> np.ndarray:
    """Orthonormal directions in which all coordinates take part alike, r at most 2."""
    columns = np.ones((d, r))
    columns[: 2 * (d // 2) : 2, 1:] = -1.0
    if d % 2:
        columns[-1, 1:] = 0.0
    return columns / np.linalg.norm(columns, axis=0)


def gaussian(seed: int, d: int, r: int) -> np.ndarray:
    """Random unit directions."""
    columns = np.random.default_rng(seed).standard_normal((d, r))
    return columns / np.linalg.norm(columns, axis=0)


def local(seed: int, d: int, r: int, size: int) -> np.ndarray:
    """Unit directions, each on `size` random coordinates."""
    columns = np.zeros((d, r))
    for j in range(r):
        columns[_chosen(seed + j, d, size), j] = size**-0.5
    return columns


def build(line: str):
    """The theory that a line describes."""
    return eval(line, {name: globals()[name] for name in __all__})


# --- how a line is drawn ------------------------------------------------------------------------


def _log(rng, low, high):
    return f"{10.0 ** rng.uniform(np.log10(low), np.log10(high)):.4g}"


def _seed(rng):
    return int(rng.integers(1000))


def _size(rng, most):
    return round(float(np.exp(rng.uniform(np.log(20), np.log(most)))))


def _variances(rng, d):
    kind = rng.integers(5)
    if kind == 0:
        return f"np.full({d}, {_log(rng, 0.1, 10)})"
    if kind == 1:
        return f"lognormal({_seed(rng)}, {d}, {rng.uniform(0.1, 2.0):.3g})"
    if kind == 2:
        levels = ", ".join(_log(rng, 0.1, 10) for _ in range(rng.integers(2, 5)))
        return f"np.resize([{levels}], {d})"
    if kind == 3:
        return f"np.arange(1.0, {d + 1}) ** -{rng.uniform(0.2, 3.0):.3g}"
    return f"np.geomspace(1.0, {_log(rng, 1e-12, 1e-2)}, {d})"


def _count(rng, d):
    """How many coordinates are odd: often one, sometimes next to a twentieth, up to all."""
    kind = rng.integers(6)
    if kind < 3:
        return 1
    if kind == 3:
        return int(rng.integers(2, 7))
    if kind == 4:
        return max(1, d // 20 + int(rng.integers(-1, 2)))
    return int(rng.integers(1, d + 1))


def _oddity(rng, values, d, zero_allowed):
    count, seed = _count(rng, d), _seed(rng)
    if zero_allowed and rng.random() < 0.25 and count < d:
        return f"silent({values}, {count}, {seed})"
    factor = "None" if rng.random() < 0.3 else _log(rng, 1e-3, 1e3)
    return f"odd({values}, {count}, {factor}, {seed})"


def _blocks(rng, d):
    sizes, left = [], d
    while left > 0:
        sizes.append(min(left, int(rng.integers(1, max(2, d // 3)))))
        left -= sizes[-1]
    if rng.random() < 0.3:
        sizes = [int(rng.integers(2, 8))] * max(1, d // 8)
    # A group of size m bears a correlation down to -1/(m - 1).
    lowest = [-1.0 / max(m - 1, 1) for m in sizes]
    top = 1.0 - 10.0 ** rng.uniform(-8, 0)
    correlations = [f"{rng.uniform(0.9 * low, top):.6g}" for low in lowest]
    if rng.random() < 0.5:
        correlations = [f"{rng.uniform(0.0, 0.9):.3g}"] * len(sizes)
    variances = [_log(rng, 0.1, 10) for _ in sizes] if rng.random() < 0.5 else None
    tail = f", [{', '.join(variances)}]" if variances else ""
    return f"Blocks({sizes}, [{', '.join(correlations)}]{tail})", sum(sizes)


def _correlation(rng):
    return (1.0 - 10.0 ** rng.uniform(-3, 0)) * rng.choice([-1.0, 1.0])


def _example(rng):
    models = [model for model in Covariance.registry() if model.examples()]
    model = models[rng.integers(len(models))]
    i = int(rng.integers(len(model.examples())))
    return f"example({model.__name__!r}, {i})", model.examples()[i].d


def _diagonal(rng, d):
    values = _variances(rng, d)
    return f"Diagonal({_oddity(rng, values, d, True) if rng.random() < 0.5 else values})", d


def _dense(rng):
    d = _size(rng, DENSE)
    rows = int(rng.integers(d // 2, 4 * d))
    scales = f", lognormal({_seed(rng)}, {d}, {rng.uniform(0, 2):.3g})"
    line = f"wishart({_seed(rng)}, {d}, {rows}{scales if rng.random() < 0.5 else ''})"
    if rng.random() < 0.2:
        line = f"silent({line}, {_count(rng, d - 1)}, {_seed(rng)})"
    return f"Dense({line})", d


PLAIN = {
    "Isotropic": lambda rng, d: (f"Isotropic({d}, {_log(rng, 0.01, 100)})", d),
    "AR1": lambda rng, d: (f"AR1({d}, {_correlation(rng):.4g})", d),
    "Circulant": lambda rng, d: (f"Circulant(ring({d}, {_log(rng, 0.2, 20)}))", d),
    "Blocks": lambda rng, d: _blocks(rng, d),
}


def _scaled(rng, kind, line, d):
    """The same in unequal units, in which a ring has no structure left."""
    if kind == "Circulant":
        line, d = PLAIN[kind](rng, _size(rng, DENSE))
    elif kind == "AR1":
        line, d = PLAIN[kind](rng, min(d, 100))
    if rng.random() < 0.7:
        scales = f"{_oddity(rng, f'np.ones({d})', d, False)} ** 0.5"
    else:
        scales = f"lognormal({_seed(rng)}, {d}, {rng.uniform(0.05, 2):.3g})"
    return f"Scaled({line}, {scales})", d


def _base(rng):
    """A model without spikes, with the number of its coordinates."""
    kind = rng.choice(
        ["example", "Isotropic", "Diagonal", "AR1", "Circulant", "Blocks", "Dense"],
        p=[0.06, 0.1, 0.3, 0.18, 0.1, 0.16, 0.1],
    )
    d = _size(rng, 300 if rng.random() < 0.3 else 80)
    if kind == "example":
        return _example(rng)
    if kind == "Diagonal":
        return _diagonal(rng, d)
    if kind == "Dense":
        return _dense(rng)
    line, d = PLAIN[kind](rng, d)
    return _scaled(rng, kind, line, d) if rng.random() < 0.45 else (line, d)


def _spikes(rng, line, d):
    r = int(rng.choice([1, 2, rng.integers(3, 11)], p=[0.6, 0.2, 0.2]))
    kind = rng.integers(3)
    if kind == 0:
        directions = f"gaussian({_seed(rng)}, {d}, {r})"
    elif kind == 1:
        r = min(r, 2)
        directions = f"flat({d}, {r})"
    else:
        size = int(rng.integers(1, min(d, 8)))
        directions = f"local({_seed(rng)}, {d}, {r}, {size})"
    strengths = ", ".join(_log(rng, 1e-3, 1e3) for _ in range(r))
    return f"Spiked({line}, [{strengths}], {directions})"


def _samples(rng, d):
    if rng.random() < 0.15:
        return max(1, d + int(rng.integers(-2, 3)))
    return max(1, round(d / 10.0 ** rng.uniform(-2, 2)))


def setting(seed: int, index: int) -> str:
    """The line of setting `index` of the run with the given seed."""
    rng = np.random.default_rng([seed, index])
    line, d = _base(rng)
    if rng.random() < 0.4:
        line = _spikes(rng, line, d)
    n = _samples(rng, d)
    if rng.random() < 0.25:
        standardize = rng.random() < 0.5 and "silent" not in line
        return f"PCATheory({line}, {n}{', True' if standardize else ''})"
    ridge = _log(rng, 1e-12, 1e8)
    if rng.random() < 0.3:
        ridge = _log(rng, 1e-3, 10)
    rate = f"{rng.uniform(0.01, 0.99):.3g}" if rng.random() < 0.5 else "None"
    # Ridge zero asks for a regular covariance, and for n and d that differ.
    if rng.random() < 0.05 and n != d and "silent" not in line and "Dense" not in line:
        ridge = "0.0"
    return f"SSRTheory({line}, {n}, {ridge}, {rate})"
