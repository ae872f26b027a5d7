"""When training learns what: phase times of masked reconstruction, and how they grow with size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from ..exceptions import ConvergenceError
from ..validation import true_or_false
from .averages import strength_nodes
from .checks import entries_of
from .data import PatchData
from .flow import Reconstruction
from .mean_field import of_equal_areas, solve, tolerance

__all__ = [
    "PhaseExponents",
    "PhaseTimes",
    "leading_order_times",
    "phase_exponents",
    "phase_times",
]

Array = np.ndarray


class _Last:
    """An event that ends an integration."""

    terminal = True

    def __init__(self, function: Callable[[float, Array], float]):
        self.function = function

    def __call__(self, t: float, y: Array) -> float:
        return self.function(t, y)


@dataclass(frozen=True)
class PhaseTimes:
    r"""When a local patch unlearns the global feature and when it learns its own.

    Attributes
    ----------
    unlearning : float or None
        :math:`\Phi` to the global feature has fallen by 1; None when it never does before
        `learning`.
    crossing : float or None
        :math:`\Phi` to the own feature starts to grow faster than that to the global one falls,
        which ends the first phase; None when it does from the start, so that there is none.
    learning : float
        Attention on the own area reaches one half.
    """

    unlearning: float | None
    crossing: float | None
    learning: float


def phase_times(data: PatchData, *, average_counts: bool = False, rtol: float = 1e-8) -> PhaseTimes:
    r"""Phase times of masked reconstruction, from the mean field.

    .. math:: \Phi_{\mathrm{global}}(t_1) = -1, \qquad
              \dot\Phi_{\mathrm{own}}(t_c) = -\dot\Phi_{\mathrm{global}}(t_c), \qquad
              A_{\mathrm{own}}(t_2) = \tfrac12

    Implements :theorem:`prop-vit-symmetry`.

    Parameters
    ----------
    data : PatchData
        With local areas of equal size.
    average_counts : bool, default=False
        As in :func:`mean_field`.
    rtol : float, default=1e-8
        Relative tolerance of the integration.

    Returns
    -------
    PhaseTimes
        In time of gradient flow.

    Raises
    ------
    ValueError
        If local areas differ in size, no strength is positive, or an option is out of its range.
    ConvergenceError
        When attention on the own area does not reach one half.

    Examples
    --------
    >>> from mssl.vit import PatchData, phase_times
    >>> phase_times(PatchData(100, 3, 28, 12, 0.5, 1.0, 0.5)).crossing is None
    True
    """
    of_equal_areas(data, "phase_times")
    average_counts = true_or_false(average_counts, "average_counts")
    rtol = tolerance(rtol)
    if data.low == data.high == 0:
        raise ValueError("phase_times needs a positive strength.")
    flow = Reconstruction(data, average_counts)

    def unlearning(t, y):
        return y[1] + 1.0

    def crossing(t, y):
        velocity = flow(y).velocity
        return (velocity[0] + velocity[1]) / scale

    @_Last
    def learning(t, y):
        return flow(y).local[0] - 0.5

    scale = np.abs(flow(np.zeros(5)).velocity[:2]).max()
    crosses = crossing(0.0, np.zeros(5)) < 0
    events = [unlearning, learning, *([crossing] if crosses else [])]
    horizon = 100 * leading_order_times(data).learning
    solution = solve(
        lambda t, y: flow(y).velocity, horizon, 5, rtol, horizon, data.high, events=events
    )
    if solution.status != 1:
        raise ConvergenceError(
            f"attention on the own area did not reach one half by time {horizon:.3g}; the areas "
            "may be too small for the mask (some local areas have hardly a visible patch)."
        )
    found = [float(t[0]) if len(t) else None for t in solution.t_events]
    # The run ended with `learning`.
    return PhaseTimes(found[0], found[2] if crosses else None, float(solution.t_events[1][0]))


def leading_order_times(data: PatchData) -> PhaseTimes:
    r"""Phase times to leading order in P, from the reduced equations.

    While both attentions are small,
    :math:`\dot\Phi_{\mathrm{own}} = b\,\mathbb E z^3 e^{z \Phi_{\mathrm{own}}}` and
    :math:`\dot\Phi_{\mathrm{global}} = -u\,\mathbb E z^3 e^{2 z \Phi_{\mathrm{global}}}`, with

    .. math:: b = \frac{\mu (1 - \mu)\, C_s}{K P}, \qquad
              u = \frac{\mu (1 - \mu)^2\, C_g^2}{K P^2},

    so that :math:`t_2 = b^{-1} \int_0^\infty d\Phi / \mathbb E z^3 e^{z\Phi}` is of order
    :math:`P^{1 - \kappa_s}` and :math:`t_1 = u^{-1} \int_0^1 d\Phi / \mathbb E z^3 e^{-2 z \Phi}`
    of order :math:`P^{2 (1 - \kappa_c)}`.

    Implements :theorem:`prop-vit-reduced` and :theorem:`cor-vit-phases`.

    Parameters
    ----------
    data : PatchData
        With local areas of equal size.

    Returns
    -------
    PhaseTimes
        `crossing` is given when :math:`u > b`, by the same reduced equations; for a single
        strength z it is :math:`(u - b)/(3 u b z^4)`, a third of :math:`t_2` when u is much larger
        than b.

    Raises
    ------
    ValueError
        If local areas differ in size.

    Notes
    -----
    The derivation for a single strength is carried out in :func:`mssl.vit.symbolic.phase_times`.
    """
    of_equal_areas(data, "leading_order_times")
    P, K, mask = data.n_patches, data.n_clusters, data.n_hidden / data.n_patches
    b = mask * (1 - mask) * data.even_local_size / (K * P)
    u = mask * (1 - mask) ** 2 * data.global_size**2 / (K * P**2)
    z, w = strength_nodes(data, 24)
    # Times are integrals over Phi; 400 nodes resolve the fall of the integrand over 40 e-folds.
    s, weight = np.polynomial.legendre.leggauss(400)

    def passage(limit, rate):
        """Integral of 1 / rate from 0 to limit."""
        x = 0.5 * limit * (s + 1)
        with np.errstate(divide="ignore", over="ignore"):  # a rate that has died out takes for ever
            return 0.5 * limit * np.sum(weight / rate(x))

    def own_rate(x):
        return b * np.sum(w * z**3 * np.exp(np.multiply.outer(x, z)), axis=-1)

    def global_rate(x):
        return u * np.sum(w * z**3 * np.exp(-2 * np.multiply.outer(x, z)), axis=-1)

    far = 40.0 / np.mean(z)
    learning = passage(far, own_rate)
    crossing = None
    if u > b:
        fine = 1e-15 * far

        # Where the rates meet, x_own is a function of x_global; both took the same time.
        def partner(x_global):
            target = global_rate(x_global)
            if own_rate(0.0) >= target:
                return 0.0
            return brentq(lambda x: own_rate(x) - target, 0.0, far, xtol=fine)

        def lag(x_global):
            return passage(partner(x_global), own_rate) - passage(x_global, global_rate)

        end = np.log(u / b) / (2 * z.min()) + 1.0 / np.mean(z)
        crossing = float(passage(brentq(lag, 0.0, end, xtol=fine), global_rate))
    unlearning = float(passage(1.0, global_rate))
    return PhaseTimes(unlearning if unlearning < learning else None, crossing, float(learning))


@dataclass(frozen=True, eq=False)
class PhaseExponents:
    r"""How phase times grow with the number of patches.

    .. math:: t \propto P^{\alpha}

    Attributes
    ----------
    n_patches : ndarray of int, shape (n_sizes,)
        P.
    unlearning, crossing, learning : ndarray of shape (n_sizes,)
        :class:`PhaseTimes`; NaN where a time does not exist.
    fitted : dict of str to float
        Slope of the logarithm of each time against log P; NaN where fewer than two exist.
    derived : dict of str to float
        :math:`2(1-\kappa_c)` for `unlearning`, :math:`1 - \kappa_s` for the other two.
    """

    n_patches: Array
    unlearning: Array
    crossing: Array
    learning: Array
    fitted: dict[str, float]
    derived: dict[str, float]


def phase_exponents(
    patches: Sequence[int],
    n_clusters: int,
    global_exponent: float,
    local_exponent: float,
    low: float,
    high: float,
    mask_rate: float,
) -> PhaseExponents:
    r"""Phase times over many sizes, with fitted and derived exponents.

    .. math:: C_g = P^{\kappa_c}, \quad C_s = P^{\kappa_s}: \qquad
              t_1 \sim P^{2 (1 - \kappa_c)}, \qquad t_c,\, t_2 \sim P^{1 - \kappa_s}

    Parameters
    ----------
    patches : sequence of int
        Numbers of patches, at least two of them.
    n_clusters, global_exponent, local_exponent, low, high, mask_rate
        As for :meth:`PatchData.from_exponents`.

    Returns
    -------
    PhaseExponents

    Raises
    ------
    ValueError
        If there are fewer than two sizes, or as :meth:`PatchData.from_exponents`.
    ConvergenceError
        As :func:`phase_times`.
    """
    patches = entries_of(patches, "patches", "a list of numbers of patches")
    if len(patches) < 2:
        raise ValueError("patches must hold at least two sizes, to fit an exponent.")
    names = ("unlearning", "crossing", "learning")
    found = [
        phase_times(
            PatchData.from_exponents(
                int(P), n_clusters, global_exponent, local_exponent, low, high, mask_rate
            )
        )
        for P in patches
    ]
    table = {name: np.array([getattr(t, name) for t in found], dtype=float) for name in names}
    fitted = {}
    for name, values in table.items():
        there = np.isfinite(values)
        logs = np.log(np.asarray(patches, dtype=float)[there])
        slope = np.polyfit(logs, np.log(values[there]), 1)[0] if there.sum() > 1 else np.nan
        fitted[name] = float(slope)
    derived = {
        "unlearning": 2 * (1 - global_exponent),
        "crossing": 1 - local_exponent,
        "learning": 1 - local_exponent,
    }
    return PhaseExponents(np.asarray(patches), **table, fitted=fitted, derived=derived)
