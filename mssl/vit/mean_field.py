r"""What gradient flow does when single patches average out: five ordinary differential equations.

With :math:`\Upsilon = 0` and areas of one size, symmetry leaves three numbers for a local patch,
its :math:`\Phi` to its own, to the global and to any other local feature, and two for a global
patch, so that :math:`P = 10^8` patches cost no more than a hundred. Contrast alone leaves two
numbers, the same for every patch.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp

from ..exceptions import ConvergenceError
from ..validation import finite_vector, positive, true_or_false
from .checks import of_kind
from .data import PatchData
from .flow import SPANS, UnresolvedError, flow_of
from .history import History, Readout
from .objectives import Combined, Contrastive, Objective

__all__ = ["mean_field"]

Array = np.ndarray

# Order of the five unknowns: local patch to own, global, other; global patch to own, other.
# Where all patches are alike, two of them stand for all: these two, and these for the five.
_TWO, _FIVE = [3, 4], [1, 0, 1, 0, 1]

_CALLS = 20_000  # of a velocity; a course takes some thousand
_LEAST_RTOL = 100 * np.finfo(float).eps


def mean_field(
    data: PatchData,
    objective: Objective,
    times,
    *,
    average_counts: bool = False,
    batch_size: int | None = None,
    rtol: float = 1e-8,
) -> History:
    r"""Mean-field course of training from W = 0, with :math:`\Upsilon` frozen at 0.

    Masked reconstruction. Each (patch, cluster) evolves alone; for a patch of area a,

    .. math::

        \frac{d\Phi_m}{dt} = -\frac{\mu}{K}\, \mathbb E_z\big[ A_m z_m (g_m - T) \big], \qquad
        g_m = z_m^2 (A_m - [m = a]), \quad T = \sum_m A_m g_m,

    .. math::

        A_m = \frac{w_m}{\sum_{m'} w_{m'} + \mu P}, \qquad w_m = n_m\, e^{z_m \Phi_m},

    with :math:`\mu` the masked fraction and :math:`n_m` the number of visible patches of area m.

    Contrast. All patches stay alike, so that :math:`A_m` and two unknowns,
    :math:`\Phi_{\mathrm{global}}` and :math:`\Phi_{\mathrm{local}}`, are common to them. With
    :math:`\bar A_m` the mean of :math:`A_m` over all patches and :math:`u_m = z_m \bar A_m`,

    .. math::

        \frac{d\Phi_m}{dt} = -\frac1K\, \mathbb E_z\big[ A_m z_m (g_m - T) \big]
        - \rho\,\Phi_m, \qquad
        g_m = \frac{z_m}{P\tau}\Big( \frac{e^{s/\tau} u_m
        + \frac{B-1}{K}\, \mathbb E_{z'} e^{s'/\tau} u'_m}{Z} - u_m \Big),

    .. math::

        Z = e^{s/\tau} + (B-1)\Big[ 1 - \frac1K + \frac1K\, \mathbb E_{z'} e^{s'/\tau} \Big],
        \qquad s = \sum_m u_m^2, \quad s' = \sum_m u_m u'_m .

    Of a sum of both, the velocity is the weighted sum. Reconstruction parts the patches, and the
    unknowns are five: to the own, the global and another local feature for a local patch, to the
    global and a local one for a global patch.

    Implements :theorem:`prop-vit-symmetry` and :theorem:`thm-vc-equal`.

    Parameters
    ----------
    data : PatchData
        With local areas of equal size; only its sizes matter, so that any P is possible.
    objective : Objective
        :class:`MAE`, :class:`Contrastive` or :class:`Combined`.
    times : array-like of shape (n_times,)
        Increasing times of gradient flow, steps times learning rate, from 0 on.
    average_counts : bool, default=False
        Reconstruction: average over the number of visible patches in the own, the global and one
        other area, given that the query is masked (hypergeometric), in place of putting
        :math:`n_m = (1-\mu) C_m`. It matters when areas are small. With one strength,
        :math:`L = U`, nothing else is approximate.
    batch_size : int, optional
        Contrast: B, the number of images in a batch. By default the limit of many negatives,
        with the loss given relative to log B.
    rtol : float, default=1e-8
        Relative tolerance of the integration.

    Returns
    -------
    History
        Where there is a single local area, `phi_other` of the local patches is NaN.

    Raises
    ------
    ValueError
        For unequal local areas, times that do not increase from 0 or later, counts averaged where
        a query never sees its own area, or a temperature so small beside the range of similarities
        that averages over strengths are not resolved.
    ConvergenceError
        When the integration fails, or takes too many steps.

    Notes
    -----
    Assumptions, beyond :math:`\Upsilon = 0` and small steps on large batches:

    * sums over many local areas are replaced by their means over z; the global and two local
      areas, in reconstruction by a global patch one, are averaged exactly (Gauss-Legendre). One of
      the two is the own area of a local patch;
    * in contrast, the visible counts are at their means, so that both views of an image have the
      same pooled output; the sum over negatives is replaced by its mean; and the similarity of an
      image is a function of its global strength alone, as each single local area contributes only
      :math:`u_m^2 \sim (C_s/P)^2` to it.

    In contrast a patch's own area is averaged like any other local one. At equal
    :math:`\Phi` all patches then have equal velocities, as in training, and not just nearly so.

    With counts averaged, attention is that of queries whose own area has a visible patch, as in
    :func:`train`; the loss counts all queries.
    """
    of_equal_areas(data, "mean_field")
    of_kind(objective, Objective, "objective", "MAE, Contrastive or Combined, with its values")
    average_counts = true_or_false(average_counts, "average_counts")
    rtol = tolerance(rtol)
    times = finite_vector(times, "times")
    if times[0] < 0 or np.any(np.diff(times) <= 0):
        raise ValueError("times must increase strictly and start at 0 or later.")
    span, temperature = 0.0, getattr(objective, "temperature", 0.0)
    for n_nodes in SPANS:
        flow = flow_of(data, objective, average_counts, batch_size, n_nodes)
        try:
            alike = _keeps_patches_alike(objective)
            states, looks = _course(flow, alike, times, rtol, data.high)
            break
        except UnresolvedError as unresolved:
            span = unresolved.span
    else:
        raise ValueError(
            f"temperature = {temperature:g} is too small for averages over strengths: "
            f"exp(similarity / temperature) varies by exp({span:.3g}) between them. A temperature "
            f"of at least {data.high**2 / max(SPANS.values()):.2g} always does; train has no such "
            "bound."
        )
    if data.n_local == 1:
        states[:, 2] = np.nan
    return History(
        times=times,
        loss=np.array([look.loss for look in looks]),
        local_patches=Readout(*states[:, [0, 1, 2]].T, *np.array([k.local for k in looks]).T),
        global_patches=Readout(
            *states[:, [3, 3, 4]].T, *np.array([look.globe for look in looks]).T
        ),
    )


def _course(
    flow: Callable, alike: bool, times: Array, rtol: float, high: float
) -> tuple[Array, list]:
    """States at the given times, of shape (n_times, 5), and what the flow says of each."""
    if alike:
        two = _integrate(lambda x: flow(x[_FIVE]).velocity[_TWO], 2, times, rtol, high)
        states = two[:, _FIVE]
    else:
        states = _integrate(lambda y: flow(y).velocity, 5, times, rtol, high)
    return states, [flow(y) for y in states]


def _keeps_patches_alike(objective: Objective) -> bool:
    """Whether the objective sees nothing but the pooled output."""
    return isinstance(objective, Contrastive) or (
        isinstance(objective, Combined) and objective.mae == 0
    )


def _integrate(speed: Callable, n_unknowns: int, times: Array, rtol: float, high) -> Array:
    """States at the given times from 0, ndarray of shape (n_times, n_unknowns)."""
    end = times[-1]
    if end == 0:
        return np.zeros((1, n_unknowns))
    # In units of the last time, as the solver has no steps near the smallest numbers.
    solution = solve(
        lambda s, y: end * speed(y), 1.0, n_unknowns, rtol, end, high, t_eval=times / end
    )
    return solution.y.T


def solve(rate: Callable, span: float, n_unknowns: int, rtol: float, end: float, high, **options):
    """What `solve_ivp` finds for a `rate` of change from 0, or ConvergenceError.

    It runs to time `span` with `n_unknowns` and the relative tolerance `rtol`; `end` is the time to
    name in the error, `high` the largest strength, and `options` go to the solver.
    """
    scale = 1.0 / max(high, 1.0)  # of Phi, as weights are exp(z Phi)
    advice = f"the mean field could not be integrated to time {end:g}"
    calls = 0

    def limited(t, y):
        nonlocal calls
        calls += 1
        if calls > _CALLS:
            raise ConvergenceError(f"{advice} in {_CALLS} evaluations; end earlier, or raise rtol.")
        with np.errstate(over="ignore", invalid="ignore"):
            velocity = rate(t, y)
        if not np.isfinite(velocity).all():
            raise ConvergenceError(
                f"{advice}, as its velocities overflow; end earlier, or lower the regularization."
            )
        return velocity

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "lsoda")  # it is said below
        solution = solve_ivp(
            limited,
            (0.0, span),
            np.zeros(n_unknowns),
            method="LSODA",
            rtol=rtol,
            atol=1e-2 * rtol * scale,
            **options,
        )
    if not solution.success or not np.isfinite(solution.y).all():
        raise ConvergenceError(f"{advice} ({solution.message}); end earlier, or raise rtol.")
    return solution


def tolerance(rtol) -> float:
    """Return `rtol`, a relative tolerance that the solver can hold, or raise ValueError."""
    if positive(rtol, "rtol") < _LEAST_RTOL:
        raise ValueError(f"rtol must be at least {_LEAST_RTOL:g}, 100 roundings, got {rtol:g}.")
    return float(rtol)


def of_equal_areas(data: PatchData, caller: str) -> PatchData:
    """Return data with local areas of one size and strengths whose powers exist.

    ValueError, which names the `caller`, for other data.
    """
    of_kind(data, PatchData, "data", "a PatchData")
    if not isinstance(data.local_size, int):
        raise ValueError(f"{caller} needs local areas of equal size; use train for unequal ones.")
    if not 1e-30 <= data.high <= 1e30 and data.high != 0:
        raise ValueError(
            f"{caller} takes powers of the strengths, which lie beyond the range of numbers for "
            f"high = {data.high:g}; take strengths of moderate size."
        )
    return data
