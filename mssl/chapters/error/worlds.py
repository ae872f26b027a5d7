"""Populations, sizes and rows of tables that several figures of the page share."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.special import ndtri

from mssl.chapters.worlds import power_law
from mssl.covariance import AR1, Covariance, Isotropic, Scaled, Spiked
from mssl.figures.table import Table
from mssl.results import Risk

__all__ = [
    "MODELS",
    "SPREAD",
    "model_of",
    "ridge_grid",
    "risk_rows",
    "sample_sizes",
    "uneven_spiked",
    "with_spread",
]


def uneven_spiked(d: int) -> Spiked:
    r"""Return an AR(1) process of unequal variances with one common factor.

    .. math:: \Sigma = C\,(0.6^{|i-j|})\,C + 6\,u u^\top, \qquad
              C_{kk}^2 = e^{z_k/2},\ z_k \text{ evenly spread normal quantiles}

    Parameters
    ----------
    d : int

    Returns
    -------
    Spiked
    """
    # A fixed shuffle of even quantiles: the same world at every seed, and no two neighbours alike.
    rng = np.random.default_rng(600)
    log_variances = 0.5 * rng.permutation(_normal_quantiles(d))
    direction = rng.standard_normal((d, 1))
    return Spiked(
        Scaled(AR1(d, 0.6), np.exp(0.5 * log_variances)),
        [6.0],
        direction / np.linalg.norm(direction),
    )


def _normal_quantiles(d: int) -> np.ndarray:
    return ndtri((np.arange(d) + 0.5) / d)


#: Panel title and covariance of each world, by the name of its kind.
MODELS = {
    "isotropic": ("isotropic", Isotropic),
    "ar1": ("AR(1), correlation 0.8", lambda d: AR1(d, 0.8)),
    "power_law": ("power-law spectrum", power_law),
}


def model_of(name: str, d: int) -> Covariance:
    """A population of the page by its name."""
    return MODELS[name][1](d)


def risk_rows(witness: str, risks: Iterable[tuple[dict, Risk]], kinds: tuple[str, ...]) -> Table:
    """One row for each kind of error of each result; theory has no standard error."""
    rows: list[dict] = []
    for labels, risk in risks:
        for kind in kinds:
            spread = risk.standard_error
            rows.append(
                {
                    **labels,
                    "witness": witness,
                    "kind": kind,
                    "error": getattr(risk, f"{kind}_error"),
                    "standard_error": getattr(spread, f"{kind}_error") if spread else np.nan,
                }
            )
    return Table({name: [row[name] for row in rows] for name in rows[0]})


def sample_sizes(d: int, lowest: float, highest: float, points: int) -> list[int]:
    """Distinct n such that d/n is spread evenly on a logarithmic axis."""
    ratios = np.geomspace(lowest, highest, points)
    return sorted({max(2, round(d / ratio)) for ratio in ratios}, reverse=True)


def ridge_grid(low: float, high: float, points: int) -> tuple[float, ...]:
    """Ridges that are evenly spread on a logarithmic axis."""
    return tuple(float(value) for value in np.geomspace(low, high, points))


def with_spread(measured: Table, trials: int) -> Table:
    r"""Add where single draws lie: two standard deviations of the logarithm around the mean.

    .. math:: \bar{\mathcal E}\,e^{\pm 2\sigma/\bar{\mathcal E}}, \qquad
              \sigma = \sqrt{T}\;\text{standard error}

    Parameters
    ----------
    measured : Table
        With columns ``error`` and ``standard_error``, which is NaN for theory.
    trials : int
        T, the number of draws averaged.

    Returns
    -------
    Table
        With two more columns, ``low`` and ``high``.
    """
    error = measured["error"]
    factor = np.exp(2.0 * np.sqrt(trials) * measured["standard_error"] / error)
    return Table({**measured.columns, "low": error / factor, "high": error * factor})


#: What the columns of ``with_spread`` mean.
SPREAD = {
    "low": "lower end of where single draws lie, two standard deviations below the mean",
    "high": "upper end of where single draws lie, two standard deviations above the mean",
}
