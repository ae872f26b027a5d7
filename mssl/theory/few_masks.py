r"""Training on K drawn masks a sample: the two scalars behind the resolvent of a column.

Column k is trained on those masks that hide k. A sample gives :math:`\kappa` of them, with the
law Binomial(K, p), so :math:`N = nKp` rows in all, and the rows of one sample share its entries:
with Z the rows of a sample and Q the resolvent without it,

.. math::

   \frac1N ZQZ^\top \simeq a\,I + b\,\mathbf 1\mathbf 1^\top, \qquad
   a = \frac{pq}N\mathrm{Tr}\,VQ, \qquad b = \frac{q^2}N\mathrm{Tr}\,\Sigma Q,
   \qquad V = \mathrm{diag}(\Sigma) .
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import binom

from .._types import Array
from ..covariance import Covariance, Resolvent
from ..exceptions import ConvergenceError
from ..validation import (
    covariance_model,
    first_few,
    non_negative,
    open_unit,
    positive_integer,
)

__all__ = ["FewMasksSolution", "HiddenCounts", "Response", "solve_two_scalars"]

# Standard deviations from the mean beyond which a number of hiding masks does not count.
WIDE = 12.0
# Newton's method ends at this relative step, or, at this relative residual, if no step is shorter.
STEP, RESIDUAL = 1e-13, 1e-9
# Longest step in a logarithm.
FAR = 8.0


@dataclass(frozen=True, eq=False)
class HiddenCounts:
    r"""How many of the masks of a sample hide one coordinate.

    .. math:: \kappa \sim \mathrm{Binomial}(K, p), \qquad
              \omega_\kappa = \frac nN\,\mathbb P(\kappa) = \frac{\mathbb P(\kappa)}{Kp}

    Attributes
    ----------
    counts : ndarray of shape (n_counts,)
        The values :math:`\kappa \ge 1` that have a noticeable probability.
    weights : ndarray of shape (n_counts,)
        :math:`\omega_\kappa`, so that the sum of :math:`\kappa\,\omega_\kappa` is 1.
    rate : float
        p, the mask rate.
    """

    counts: Array
    weights: Array
    rate: float

    @classmethod
    def of(cls, n_masks: int, mask_rate: float) -> HiddenCounts:
        """The law for `n_masks` a sample at a `mask_rate` in (0, 1); ValueError for others."""
        K = positive_integer(n_masks, "n_masks")
        rate = open_unit(mask_rate, "mask_rate")
        mean, spread = K * rate, WIDE * (1.0 + np.sqrt(K * rate * (1.0 - rate)))
        low, high = max(1, int(mean - spread)), min(K, int(mean + spread) + 1)
        counts = np.arange(low, high + 1)
        return cls(counts.astype(float), binom.pmf(counts, K, rate) / mean, rate)

    def respond(self, a: float, b: float, unit: float) -> Response:
        """The :class:`Response` to scalars `a` and `b`, all in units of `unit`."""
        k, w = self.counts, self.weights
        common, single = 1.0 / (unit + a + b * k), 1.0 / (unit + a)
        q, p = 1.0 - self.rate, self.rate
        return Response(
            together=float(q * q * np.sum(w * k * common)),
            apart=float(p * q * np.sum(w * (common + (k - 1.0) * single))),
            curvature=np.array(
                [
                    [np.sum(w * (common**2 + (k - 1.0) * single**2)), np.sum(w * k * common**2)],
                    [np.sum(w * k * common**2), np.sum(w * k * k * common**2)],
                ]
            ),
        )


@dataclass(frozen=True, eq=False)
class Response:
    r"""The means over :math:`\kappa` that the theory needs.

    The matrix :math:`M = (sI + aI + b\,\mathbf 1\mathbf 1^\top)^{-1}` takes residuals of a sample
    that was left out to those of one that was not, divided by the unit s. It has the eigenvalue
    :math:`\mu_1 = 1/(s + a + \kappa b)` once and :math:`\mu_0 = 1/(s + a)` otherwise.

    Attributes
    ----------
    together : float
        :math:`c_S = q^2\sum\omega_\kappa\,\kappa\,\mu_1`.
    apart : float
        :math:`c_D = pq\sum\omega_\kappa\,[\mu_1 + (\kappa - 1)\mu_0]`.
    curvature : ndarray of shape (2, 2)
        :math:`\Pi_{00} = \sum\omega_\kappa[\mu_1^2 + (\kappa - 1)\mu_0^2]`,
        :math:`\Pi_{01} = \Pi_{10} = \sum\omega_\kappa\,\kappa\,\mu_1^2`,
        :math:`\Pi_{11} = \sum\omega_\kappa\,\kappa^2\mu_1^2`.
    """

    together: float
    apart: float
    curvature: Array


@dataclass(frozen=True, eq=False)
class FewMasksSolution:
    r"""The deterministic equivalent of the resolvent of a column, for K drawn masks a sample.

    .. math:: Q \simeq (c_S\Sigma + c_DV + \lambda I)^{-1} = \frac1{c_S}R, \qquad
              R = (\Sigma + \Lambda)^{-1}, \qquad \Lambda = \frac{c_DV + \lambda I}{c_S}

    Attributes
    ----------
    n_rows : float
        :math:`N = nKp`, the mean number of rows that train a column.
    ridge : float
        :math:`\lambda`, in squared units of the rows.
    law : HiddenCounts
        Of the number of masks of a sample that hide a coordinate.
    variances : ndarray of shape (n_features,)
        V, the diagonal of Sigma.
    unit : float
        s, in whose units the scalars are kept: 1 with more rows than coordinates, else
        :math:`\lambda`, so that they have a limit as it falls to 0.
    scalars : ndarray of shape (2,)
        :math:`sa` and :math:`sb`.
    response : Response
        The means over the number of masks, in the same units.
    penalty : ndarray of shape (n_features,)
        :math:`\Lambda`, which the population feels, in the units of Sigma.
    resolvent : Resolvent
        R.
    """

    n_rows: float
    ridge: float
    law: HiddenCounts
    variances: Array
    unit: float
    scalars: Array
    response: Response
    penalty: Array
    resolvent: Resolvent

    @property
    def a(self) -> float:
        r""":math:`\frac{pq}N\mathrm{Tr}\,VQ`; infinite at ridge 0 with fewer rows than d."""
        return float(self.scalars[0] / self.unit) if self.unit else np.inf

    @property
    def b(self) -> float:
        r""":math:`\frac{q^2}N\mathrm{Tr}\,\Sigma Q`; infinite where a is."""
        return float(self.scalars[1] / self.unit) if self.unit else np.inf

    @property
    def c_S(self) -> float:
        """The factor of Sigma; 0 where a is infinite."""
        return self.unit * self.response.together

    @property
    def c_D(self) -> float:
        """The factor of V; 0 where a is infinite."""
        return self.unit * self.response.apart

    @property
    def _shares(self) -> Array:
        """pq/N and q^2/N, divided by c_S once, of what is summed over R."""
        p, q = self.law.rate, 1.0 - self.law.rate
        return np.array([p * q, q * q]) / (self.n_rows * self.response.together)

    @cached_property
    def image(self) -> Array:
        """The scalars that the equations make of these; at the solution the same."""
        r = self.resolvent
        return self._shares * np.array([np.sum(self.variances * r.diagonal), r.sigma_trace])

    @cached_property
    def _spread(self) -> Array:
        """Diagonal of R V R."""
        return self.resolvent.sandwich(self.variances)

    def traces(self, weights: Array) -> Array:
        r"""What a diagonal matrix B does to the two scalars, an ndarray of shape (2,).

        .. math:: a_B = \frac{pq}N\mathrm{Tr}\,VQBQ, \qquad
                  b_B = \frac{q^2}N\mathrm{Tr}\,\Sigma QBQ, \qquad B = \mathrm{diag}(weights)
        """
        sums = np.array(
            [np.sum(weights * self._spread), np.sum(weights * self.resolvent.sigma_sandwich)]
        )
        return self._shares * sums / self.response.together

    @cached_property
    def gain(self) -> Array:
        r"""The matrix G of the second-order rule, which is the Jacobian of `image`.

        .. math:: G = \begin{pmatrix} pq\,a_V & pq\,b_V \\ q^2a_\Sigma & q^2b_\Sigma \end{pmatrix}
                  \begin{pmatrix} \Pi_{00} & \Pi_{01} \\ \Pi_{10} & \Pi_{11} \end{pmatrix}

        Its entries are not negative and its eigenvalues below 1; ndarray of shape (2, 2).
        """
        p, q, r = self.law.rate, 1.0 - self.law.rate, self.resolvent
        apart, cross = self.traces(self.variances)
        together = self._shares[1] * r.sigma_sigma_trace / self.response.together
        sums = np.array([[p * q * apart, p * q * cross], [p * q * cross, q * q * together]])
        return sums @ self.response.curvature


def solve_two_scalars(
    covariance: Covariance,
    n_samples: int,
    ridge: float,
    mask_rate: float,
    n_masks: int,
    *,
    max_iter: int = 200,
) -> FewMasksSolution:
    r"""Solve the two equations for a and b.

    .. math:: a = \frac{pq}N\mathrm{Tr}\,V(c_S\Sigma + c_DV + \lambda)^{-1}, \qquad
              b = \frac{q^2}N\mathrm{Tr}\,\Sigma(c_S\Sigma + c_DV + \lambda)^{-1}

    with :math:`c_S, c_D` the functions of a and b in ``Response``.

    Parameters
    ----------
    covariance : Covariance
        Population model with d coordinates.
    n_samples : int
        Number of samples n.
    ridge : float
        :math:`\lambda \ge 0`, in squared units of the rows. Zero asks for the ridgeless limit.
    mask_rate : float
        p in (0, 1).
    n_masks : int
        K, masks drawn for each sample.
    max_iter : int, default=200
        Bound on the steps.

    Returns
    -------
    FewMasksSolution

    Raises
    ------
    ValueError
        If `covariance` is no covariance model or zero, a number is out of range, or the ridge is 0
        where nKp is d, or with more rows and a coordinate without variance.
    ConvergenceError
        When max_iter steps were not enough.

    Notes
    -----
    The right sides increase with a and b, and less than in proportion, so there is one solution and
    repeated insertion reaches it from anywhere: in logarithms no step is longer than the last. The
    steps are those of Newton's method, in logarithms, wherever these make the residual smaller.
    """
    covariance_model(covariance)
    n, lam = positive_integer(n_samples, "n_samples"), non_negative(ridge, "ridge")
    law = HiddenCounts.of(n_masks, mask_rate)
    max_iter = positive_integer(max_iter, "max_iter")
    variances, rows = covariance.diagonal(), n * n_masks * law.rate
    unit, floor = _units(variances, rows, lam)

    def at(logarithms: Array) -> FewMasksSolution:
        scalars = np.exp(logarithms)
        response = law.respond(scalars[0], scalars[1], unit)
        penalty = (response.apart * variances + floor) / response.together
        resolvent = covariance.resolvent(penalty)
        return FewMasksSolution(
            rows, lam, law, variances, unit, scalars, response, penalty, resolvent
        )

    place = _start(law, variances, rows, floor)
    state, last = at(place), np.inf
    for _ in range(max_iter):
        distance = np.log(state.image) - place
        step = _newton_step(state, distance)
        length, away = float(np.max(np.abs(step))), float(np.max(np.abs(distance)))
        if length <= STEP or (away <= RESIDUAL and length > 0.5 * last):
            return state  # what is left is rounding
        trial = at(place + step)
        if not np.max(np.abs(np.log(trial.image) - place - step)) < away and away > RESIDUAL:
            step = distance
            trial = at(place + step)
        place, state, last = place + step, trial, length
    raise ConvergenceError(
        f"the two scalars did not converge in {max_iter} steps for n_samples = {n}, n_masks = "
        f"{n_masks}, ridge = {lam:g}: n_samples * n_masks * mask_rate is close to the number of "
        "coordinates and the ridge is tiny; raise the ridge or max_iter."
    )


def _start(law: HiddenCounts, variances: Array, rows: float, floor: float) -> Array:
    """Logarithms of scalars that are about the largest possible."""
    p, q, d = law.rate, 1.0 - law.rate, variances.size
    alone = np.sum(variances) / rows * np.array([p * q, q * q])  # without c_S and c_D
    if rows <= d:
        return np.log(alone / floor)
    many = d / (rows - d)  # without the ridge
    return np.log(np.minimum(alone / floor, many) if floor else np.full(2, many))


def _newton_step(state: FewMasksSolution, distance: Array) -> Array:
    """A step of Newton's method for the logarithms; all of the distance where there is none."""
    slope = state.gain * state.scalars / state.image[:, None]
    try:
        step = np.linalg.solve(np.eye(2) - slope, distance)
    except np.linalg.LinAlgError:
        return distance
    return np.clip(step, -FAR, FAR) if np.isfinite(step).all() else distance


def _units(variances: Array, rows: float, ridge: float) -> tuple[float, float]:
    """The unit of the scalars, and the penalty in it; ValueError where there is no limit."""
    if not variances.any():
        raise ValueError("covariance must not be zero.")
    if rows < variances.size or (rows == variances.size and ridge > 0.0):
        return ridge, 1.0
    if rows == variances.size:
        raise ValueError(
            "ridge must be positive when n_samples * n_masks * mask_rate equals the number of "
            f"coordinates ({variances.size}): the ridgeless test error is infinite there."
        )
    if ridge == 0.0 and np.any(variances <= 0.0):
        where = first_few(np.flatnonzero(variances <= 0.0))
        raise ValueError(
            f"ridge must be positive here: coordinates {where} have no variance and no penalty."
        )
    return 1.0, ridge
