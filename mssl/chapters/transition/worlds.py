"""The ridge, the signal and the theory's numbers that several figures of the page share."""

from __future__ import annotations

import numpy as np

from mssl.theory import SSRTheory

__all__ = [
    "RIDGE",
    "critical_on_few",
    "flat_direction",
    "score_correlation",
    "single_threshold",
    "top_edge",
    "white_kappa",
]

RIDGE = 0.05


def flat_direction(d: int) -> np.ndarray:
    """The unit vector with equal entries, as a column of shape (d, 1)."""
    return np.full((d, 1), d**-0.5)


def top_edge(theory: SSRTheory) -> tuple[float, float]:
    r"""Upper end :math:`\nu_+` of the bulk of M, and the root :math:`t_+` there."""
    edge = theory.spiked_equivalent.spectrum.edge_points[-1]
    return edge.position, theory.solution.rho * edge.root


def score_correlation(theory: SSRTheory) -> float:
    r"""Squared correlation between the top score and the factor of a single spike.

    .. math:: (1 - \tau)\,\frac{\theta(u^\top y)^2}{y^\top\Sigma y}, \qquad
              \tau = \frac{t^2}{n}\mathrm{Tr}(\Sigma_0K)^2

    Parameters
    ----------
    theory : SSRTheory
        Of a model with one spike.

    Returns
    -------
    float
        0 when the spike is not detected.
    """
    spiked = theory.spiked_equivalent
    if not theory.spikes[0].detected:
        return 0.0
    outlier, ensemble = theory.outliers[0], spiked.equivalent
    s = ensemble.solve(np.array([outlier.position]))[0].real
    r = ensemble.resolvent(s, outlier.position)
    tau = s**2 * r.sigma_sigma_trace / ensemble.n_samples
    y, u = outlier.signal, spiked.directions[:, 0]
    return float((1 - tau) * spiked.strengths[0] * (u @ y) ** 2 / (y @ theory.covariance.apply(y)))


def critical_on_few(theory: SSRTheory, variance: float, count: int) -> float:
    r"""Strength at which a signal that is flat on few equal coordinates leaves the bulk.

    .. math:: \theta - \theta_\infty = \frac{\xi g}{t_+}\,\frac{\theta}{m(g+\theta)-\theta},
              \qquad g = \sigma^2 + \kappa,\quad \xi = \frac{\nu_+\lambda}{\kappa},\quad
              \theta_\infty = \frac{\xi g - \lambda}{t_+} - \sigma^2

    Parameters
    ----------
    theory : SSRTheory
        Of the diagonal noise alone.
    variance : float
        :math:`\sigma^2` on the coordinates that carry the signal.
    count : int
        Their number m.

    Returns
    -------
    float
        Infinity if no strength is enough.
    """
    edge, t = top_edge(theory)
    g, xi = variance + theory.kappa, edge * theory.solution.rho
    spread = (xi * g - theory.ridge) / t - variance
    # (theta - spread) (m g + (m - 1) theta) - (xi g / t) theta = 0
    roots = np.roots(
        [count - 1.0, count * g - (count - 1) * spread - xi * g / t, -count * g * spread]
    )
    return float(max((r.real for r in np.atleast_1d(roots) if r.real > 0), default=np.inf))


def white_kappa(gamma: float, ridge: float) -> float:
    r"""The effective ridge of white noise of variance 1.

    .. math:: \kappa = \sqrt{\beta^2 + \lambda} - \beta, \qquad
              \beta = \tfrac12(1 - \gamma - \lambda)

    Parameters
    ----------
    gamma : float
        d/n.
    ridge : float
        :math:`\lambda`.

    Returns
    -------
    float
    """
    half = 0.5 * (1.0 - gamma - ridge)
    return float(np.hypot(half, np.sqrt(ridge)) - half)


def single_threshold(gamma: float, ridge: float, below: bool = False) -> float:
    r"""Strength from which a single coordinate of white noise has an eigenvalue beside the bulk.

    .. math:: \frac{\beta\,(1+\kappa)^2}{\kappa^2-\beta}, \qquad
              \beta = 1 \pm \sqrt\gamma

    Parameters
    ----------
    gamma : float
        d/n.
    ridge : float
    below : bool, default=False
        Below the bulk, with the minus sign, and not above it.

    Returns
    -------
    float
        Infinity if no strength is enough, 0 if every one is.
    """
    kappa, beta = white_kappa(gamma, ridge), 1.0 + (-1.0 if below else 1.0) * np.sqrt(gamma)
    if beta <= 0.0:
        return 0.0
    room = kappa**2 - beta
    return float(beta * (1.0 + kappa) ** 2 / room) if room > 0 else np.inf
