"""Outliers and overlaps over a random sample of 60 settings, each against 20 draws at d = 1000.

Every setting has a seed of its own, so that any part of the sample can be run alone, as in
`make long ARGS="tests/theory/test_spikes_in_draws.py -k setting17"`.
"""

from typing import NamedTuple

import numpy as np
import pytest

from mssl.covariance import AR1, Blocks, Circulant, Diagonal, Isotropic, Scaled, Spiked
from mssl.simulation import simulate_eigenpairs
from mssl.theory import SSRTheory, split_spikes

D, TRIALS, SETTINGS = 1000, 20, 60
FAR, SLACK = 0.2, 0.01


def _ring(rng):
    distance = np.minimum(np.arange(D), D - np.arange(D))
    return Circulant(np.exp(-distance / rng.uniform(0.5, 3.0)))


def _two_level(rng):
    return Diagonal(np.tile([1.0, rng.uniform(2.0, 10.0)], D // 2))


def _scales(rng):
    return np.exp(rng.normal(0.0, rng.uniform(0.2, 0.4), size=D))


def _blocks(rng):
    sizes = np.tile([2, 3, 5, 10], D // 20)
    return Blocks(sizes, np.tile(rng.uniform(0.2, 0.7, size=4), D // 20))


# A power law starts smoothly at its top: no single coordinate of the base is an outlier itself.
MODELS = {
    "isotropic": lambda rng: Isotropic(D, rng.uniform(0.5, 2.0)),
    "two levels": _two_level,
    "log-normal": lambda rng: Diagonal(_scales(rng) ** 2),
    "power law": lambda rng: Diagonal((1.0 + np.arange(D) / 100.0) ** -rng.uniform(0.5, 2.0)),
    "AR(1)": lambda rng: AR1(D, rng.uniform(-0.7, 0.7)),
    "ring": _ring,
    "blocks": _blocks,
    "scaled AR(1)": lambda rng: Scaled(AR1(D, rng.uniform(-0.6, 0.6)), _scales(rng)),
    "scaled blocks": lambda rng: Scaled(_blocks(rng), _scales(rng)),
}


class Setting(NamedTuple):
    label: str
    theory: SSRTheory
    ratios: np.ndarray  # strengths over thresholds


def _directions(kind, rng):
    if kind == "two":
        return np.linalg.qr(rng.normal(size=(D, 2)))[0]
    u = np.full((D, 1), D**-0.5)
    if kind == "random":
        u = rng.normal(size=(D, 1))
    elif kind == "few":
        where = rng.choice(D, size=int(rng.choice([4, 8, 16])), replace=False)
        u = np.zeros((D, 1))
        u[where] = rng.choice([-1.0, 1.0], size=(where.size, 1))
    return u / np.linalg.norm(u)


def _settings_of(index):
    """Draws for one number, whatever the other settings are, until one is far from a threshold."""
    rng = np.random.default_rng([3, index])
    name = list(MODELS)[index % len(MODELS)]
    base = MODELS[name](rng)
    n = round(D / np.exp(rng.uniform(np.log(0.2), np.log(5.0))))
    ridge = float(np.exp(rng.uniform(np.log(1e-3), np.log(10.0))))
    kind = str(rng.choice(["random", "flat", "few", "two"], p=[0.4, 0.2, 0.2, 0.2]))
    u = _directions(kind, rng)
    label = f"{name}, {kind}, n = {n}, ridge = {ridge:.3g}"

    def theory_of(strengths):
        return SSRTheory(Spiked(base, strengths, u), n, ridge)

    if kind == "few":
        # The threshold moves with the strength, as the direction changes D.
        while True:
            theory = theory_of(base.trace() / D * np.exp(rng.uniform(np.log(0.5), np.log(30.0))))
            yield label, theory
    weak = theory_of(np.full(u.shape[1], 1e-6)).spiked_equivalent.thresholds
    while True:
        below, above = rng.uniform(0.2, 0.8), np.exp(rng.uniform(np.log(1.2), np.log(6.0)))
        first = above if rng.random() < 0.7 else below
        second = 1.6 * above if rng.random() < 0.5 else below
        yield label, theory_of(np.array([first, second])[: u.shape[1]] * weak)


def setting(index):
    """The first draw with every strength at least a fifth away from its threshold."""
    for label, theory in _settings_of(index):
        ratios = split_spikes(theory.covariance)[1] / theory.spiked_equivalent.thresholds
        if np.all(np.abs(ratios - 1.0) >= FAR):
            return Setting(label, theory, ratios)
    raise ValueError(f"no draw of setting {index} is far from its thresholds")


def bulk_overlap(theory, x, which):
    r"""Mean overlap of the last eigenvector of the bulk with x, which is O(1/d).

    .. math:: \frac{\mathrm{Im}\,x^\top D^{(p-1)/2} R D^{(p-1)/2} x}
                  {\mathrm{Im}\,\mathrm{Tr}\,D^{p-1}R}

    with R of the model with its spikes in the numerator, where the bulk holds all but half an
    eigenvalue. Its limit is 0, but at 80 % of the threshold and d = 1000 it reaches .03.
    """
    spiked, power = theory.spiked_equivalent, {"right": 0.0, "left": -2.0}[which]  # p - 1
    bulk = spiked.equivalent
    place = spiked.spectrum.quantile(1.0 - 0.5 / bulk.d)
    root = bulk.solve(np.array([place]))[0]
    full = theory.covariance.resolvent(bulk.offset - place / spiked.weights + 0j, root)
    half = spiked.weights ** (0.5 * power) * x
    ours = (half @ full.apply(half[:, None])[:, 0]).imag
    return ours / np.sum(bulk.weights**power * bulk.resolvent(root, place + 0j).diagonal).imag


def compare(theory, *, trials=TRIALS, n_jobs=-1):
    """Rows (name, theory, measured, standard error), one for each number compared."""
    directions = theory.covariance.directions
    above = [o for o in theory.outliers if o.side == "above"]
    seen = simulate_eigenpairs(
        theory.covariance,
        theory.n_samples,
        theory.ridge,
        directions=directions,
        count=max(1, len(above)),
        trials=trials,
        rng=11,
        n_jobs=n_jobs,
    )
    error = seen.standard_error
    assert error is not None
    rows = []
    for k in range(max(1, len(above))):
        value = 1.0 - 1.0 / above[k].position if above else theory.edges[-1]
        rows.append((f"eigenvalue {k}", value, seen.eigenvalues[k], error.eigenvalues[k]))
        for which in ("right", "left"):
            measured, spread = (getattr(x, f"{which}_overlaps")[k] for x in (seen, error))
            for j, u in enumerate(directions.T):
                value = above[k].overlap(u, which) if above else bulk_overlap(theory, u, which)
                rows.append((f"{which} overlap {k} with u_{j}", value, measured[j], spread[j]))
    return rows


@pytest.mark.long
@pytest.mark.parametrize("index", range(SETTINGS), ids=lambda k: f"setting{k:02d}")
def test_theory_meets_simulation(index):
    label, theory, ratios = setting(index)
    wrong = [
        f"{name}: theory {value:.4f}, measured {measured:.4f} +- {spread:.4f}"
        for name, value, measured, spread in compare(theory)
        if abs(measured - value) > 3.0 * spread + SLACK
    ]
    assert not wrong, f"{label}, strength / threshold = {np.round(ratios, 2)}: {wrong}"
