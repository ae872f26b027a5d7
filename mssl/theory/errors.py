"""Training, test and Bayes error of a masked regression, from the population covariance."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ..covariance import Covariance
from ..covariance.base import conditional_variances
from ..exceptions import AccuracyWarning
from ..results import MaskedRisk, Risk
from ..validation import (
    covariance_model,
    mask_number,
    non_negative,
    open_unit,
    positive_integer,
)
from .bulk import Units
from .coefficients import CoefficientSpectrum
from .few_masks_errors import FewMasksErrors, solve_few_masks
from .finite_size import corrected
from .kappa import KappaSolution
from .masked import (
    MaskedErrors,
    felt_penalty,
    mask_penalty,
    masked_bayes_error_by_coordinate,
    solve_masked,
)
from .outliers import Outlier, Spike
from .spikes import SpikedEquivalent
from .state import StoredByFields

__all__ = ["SSRTheory", "bayes_error_by_coordinate"]


def bayes_error_by_coordinate(covariance: Covariance) -> np.ndarray:
    r"""Error of the best linear predictor of each coordinate from all others.

    .. math:: \mathcal E_k^\star = \frac{1}{(\Sigma^{-1})_{kk}}

    Implements :theorem:`prop-bayes`.

    Parameters
    ----------
    covariance : Covariance
        Population model with d coordinates.

    Returns
    -------
    ndarray of shape (n_features,)
        In the units of Sigma.

    Raises
    ------
    ValueError
        If `covariance` is no covariance model.

    Notes
    -----
    For a singular Sigma, the limit of :math:`\Sigma + \epsilon I`: 0 for a coordinate that follows
    from the others exactly.
    """
    return conditional_variances(covariance_model(covariance))


@dataclass(frozen=True, eq=False)
class SSRTheory(StoredByFields):
    r"""Masked self-supervised regression in the proportional limit.

    .. math:: \hat A = \arg\min_{\mathrm{diag} A = 0} \frac1n \|X - XA\|_F^2 + \lambda\|A\|_F^2

    With :math:`R = (\Sigma + \kappa)^{-1}` at the :math:`\kappa` of :func:`solve_kappa`,

    .. math:: \mathcal E_k^{\rm test} = \frac{(R\Sigma R)_{kk}}{R_{kk}^2}
              \frac{1}{1 - \mathrm{df}_2/n}, \qquad
              \mathcal E_k^{\rm train} = \Big(\frac\lambda\kappa\Big)^2\mathcal E_k^{\rm test} .

    With a mask rate p, coordinates are hidden independently, :math:`\hat A = \frac1q(I - QD^{-1})`
    with :math:`q = 1 - p`, :math:`Q = (S + \Lambda)^{-1}` and
    :math:`\Lambda = \frac pq\mathrm{diag}(S) + \lambda q^{-2}I`, and errors are those on a hidden
    coordinate at that rate; their formulas are those of :class:`MaskedErrors`. With K drawn masks
    a sample they are those of :class:`FewMasksErrors`.

    Parameters
    ----------
    covariance : Covariance
        Population model with d coordinates. A strong direction inside a `Dense` matrix is part of
        the bulk, as any eigenvalue is; the model `Spiked` makes a spike of it.
    n_samples : int
        Number of training rows n.
    ridge : float
        :math:`\lambda \ge 0`, in squared units of the rows, those of Sigma; zero means the
        ridgeless limit, on either side of n = d.
    mask_rate : float or None, default=None
        None, or 0, hides one coordinate at a time, the one predicted. A number in (0, 1) hides
        each with that probability.
    n_masks : int or None, default=None
        None, or infinity, averages over all masks. A number K trains each column on those of K
        drawn masks a sample that hide it; the mask rate must then be positive.

    Attributes
    ----------
    kappa, df1, df2 : float
        The effective ridge, in the units of the ridge, and the two degrees of freedom. With a mask
        rate the population feels the penalty :math:`\kappa\Lambda`, and
        :math:`1/\kappa = 1 - \mathrm{df}_1/n` is a factor without a unit.
    train_error, test_error, loo_error, gcv_error, bayes_error : float
        Mean over the coordinates, in squared units of the rows. Leave-one-out and generalised
        cross-validation have the test error as their limit; with masks, they correct the residual
        and not the noise that hidden inputs add (see :class:`MaskedErrors`). With drawn masks the
        training error is that on the masks of the training, leave-one-out leaves out a sample with
        its masks, and there is no generalised cross-validation.
    train_error_by_coordinate, test_error_by_coordinate, bayes_error_by_coordinate : ndarray
        Of shape (n_features,).
    train_error_finite_size, train_error_finite_size_by_coordinate : float, ndarray
        The training error with its bias of order 1/n, without masks and for Gaussian rows (see
        :func:`finite_size_train_error`).
    full_view_error, full_view_error_by_coordinate : float, ndarray of shape (n_features,)
        Error of A_hat when all other coordinates are visible.
    rescaled_error, rescaled_error_by_coordinate : float, ndarray of shape (n_features,)
        The same of :math:`q\hat A`, the mean of the masked predictor.
    coef_norm : float
        :math:`\frac1d\|\hat A\|_F^2`.
    edges : ndarray of shape (2 * n_bulks,)
        Ends of the bulks of eigenvalues of A_hat, ascending and without a unit; atoms are in
        `spectrum.atoms`.
    spikes : tuple of Spike
        One for each direction of a spiked model, in its order; none for other models.
    outliers : tuple of Outlier
        All eigenvalues outside the bulk, the largest first; `position` is that of M.
    risk : Risk
        All errors in one result, of the kind that a simulation returns.

    Raises
    ------
    ValueError
        If `covariance` is no covariance model or an argument is out of range; for ridge 0 where
        there is no limit, as :func:`solve_kappa` says. With `n_masks`, also by what takes one
        matrix for all columns: `kappa`, `df1`, `df2`, `gcv_error` and the spectrum. At ridge 0 and
        n < d, without a mask rate, also by `spikes` and `outliers` of a spiked model, as no single
        eigenvalue belongs to a spike.
    ConvergenceError
        As :func:`solve_kappa`; by what describes the spectrum, if one of its equations is not
        solved.

    Warns
    -----
    AccuracyWarning
        If `covariance` is a :class:`~mssl.covariance.Dense` matrix that is singular up to rounding
        and the ridge so small that the rounding decides.

    References
    ----------
    A. Wortsman Zurich, F. Gerace, B. Loureiro and Y. M. Lu, A random matrix theory of masked
    self-supervised regression (2026).

    E. Dobriban and S. Wager, High-dimensional asymptotics of prediction: ridge regression and
    classification, Annals of Statistics 46 (2018).

    Examples
    --------
    >>> from mssl.covariance import Isotropic
    >>> from mssl.theory import SSRTheory
    >>> theory = SSRTheory(Isotropic(100), n_samples=200, ridge=0.0)
    >>> theory.train_error, theory.test_error
    (0.5, 2.0)
    """

    covariance: Covariance
    n_samples: int
    ridge: float
    mask_rate: float | None = None
    n_masks: int | None = None

    def __post_init__(self):
        covariance_model(self.covariance)
        object.__setattr__(self, "n_samples", positive_integer(self.n_samples, "n_samples"))
        object.__setattr__(self, "ridge", non_negative(self.ridge, "ridge"))
        if self.mask_rate is not None:
            rate = open_unit(self.mask_rate, "mask_rate", zero_allowed=True)
            object.__setattr__(self, "mask_rate", rate)
        object.__setattr__(self, "n_masks", mask_number(self.n_masks, self._rate))
        self._solved  # noqa: B018 - bad settings fail here, not at the first attribute

    @property
    def _rate(self) -> float:
        return self.mask_rate or 0.0

    @cached_property
    def _solved(self) -> tuple[KappaSolution | None, MaskedErrors | FewMasksErrors]:
        model, n = self.covariance, self.n_samples
        if self.n_masks is None:
            solution, errors = solve_masked(model, n, self.ridge, self._rate)
        else:
            solution, errors = None, solve_few_masks(model, n, self.ridge, self._rate, self.n_masks)
        if doubt := model._doubt(errors.penalty):
            warnings.warn(doubt, AccuracyWarning, stacklevel=4)
        return solution, errors

    @property
    def solution(self) -> KappaSolution:
        """Solution of the fixed-point equation, an :class:`KappaSolution`.

        With a mask rate, that of the model in units of the penalty (see :func:`solve_masked`).
        ValueError with drawn masks.
        """
        solution = self._solved[0]
        if solution is None:
            raise ValueError(
                "with n_masks two scalars take the place of kappa: read errors.solution."
            )
        return solution

    @property
    def errors(self) -> MaskedErrors | FewMasksErrors:
        """The errors at all mask rates, a :class:`MaskedErrors` or :class:`FewMasksErrors`."""
        return self._solved[1]

    @property
    def keep(self) -> float:
        """q, the probability that a coordinate is visible; 1 without a mask rate."""
        return 1.0 - self._rate

    @property
    def penalty(self) -> np.ndarray:
        r""":math:`\Lambda`, ndarray of shape (n_features,): all ridge, or masks and ridge.

        In units of variance; for the mean over all masks.
        """
        return mask_penalty(self.covariance.diagonal(), self.ridge, self._rate)

    @property
    def kappa(self) -> float:
        r"""The effective ridge :math:`\kappa`, in units of variance.

        With a mask rate it is a factor without a unit.
        """
        return self.solution.kappa

    @property
    def df1(self) -> float:
        r"""Degrees of freedom :math:`\mathrm{df}_1 = \mathrm{Tr}\,\Sigma R`."""
        return self.solution.df1

    @property
    def df2(self) -> float:
        r"""Degrees of freedom :math:`\mathrm{df}_2 = \mathrm{Tr}\,(\Sigma R)^2`."""
        return self.solution.df2

    @cached_property
    def test_error_by_coordinate(self) -> np.ndarray:
        r""":math:`\mathcal E_k^{\rm test}` at the mask rate of training, of shape (n_features,).

        In units of variance.

        Implements :theorem:`thm-test-error` and :theorem:`thm-mask-error`.
        """
        return self.errors.test

    @cached_property
    def train_error_by_coordinate(self) -> np.ndarray:
        r""":math:`\mathcal E_k^{\rm train}`, ndarray of shape (n_features,).

        In units of variance.

        Implements :theorem:`thm-train-error` and :theorem:`prop-mask-train`.
        """
        return self.errors.train

    @cached_property
    def train_error_finite_size_by_coordinate(self) -> np.ndarray:
        """The same with its bias of order 1/n, ndarray of shape (n_features,).

        Implements :theorem:`prop-err-finite-size`.

        Raises
        ------
        ValueError
            With a mask rate, for which the bias is not known.
        """
        if self.mask_rate:
            raise ValueError(
                "train_error_finite_size is known without masks only: leave mask_rate out."
            )
        return corrected(self.covariance, self.solution)

    @cached_property
    def train_error_finite_size(self) -> float:
        """Mean of `train_error_finite_size_by_coordinate`."""
        return float(np.mean(self.train_error_finite_size_by_coordinate))

    @cached_property
    def bayes_error_by_coordinate(self) -> np.ndarray:
        r""":math:`1/(\Sigma^{-1})_{kk}`, or its like at the mask rate, of shape (n_features,)."""
        return masked_bayes_error_by_coordinate(self.covariance, self._rate)

    @cached_property
    def test_error(self) -> float:
        """Mean of `test_error_by_coordinate`."""
        return float(np.mean(self.test_error_by_coordinate))

    @cached_property
    def train_error(self) -> float:
        """Mean of `train_error_by_coordinate`."""
        return float(np.mean(self.train_error_by_coordinate))

    @cached_property
    def bayes_error(self) -> float:
        """Mean of `bayes_error_by_coordinate`."""
        return float(np.mean(self.bayes_error_by_coordinate))

    def error_at(self, mask_rate: float) -> float:
        """Mean error of A_hat on masks of any `mask_rate` in [0, 1); 0 shows all other coordinates.

        In units of variance; ValueError for another rate.
        """
        return float(np.mean(self.errors.error_at(mask_rate)))

    @cached_property
    def full_view_error_by_coordinate(self) -> np.ndarray:
        r"""Error of :math:`\hat A` with all others visible, ndarray of shape (n_features,)."""
        return self.errors.error_at(0.0)

    @cached_property
    def full_view_error(self) -> float:
        """Mean of `full_view_error_by_coordinate`."""
        return float(np.mean(self.full_view_error_by_coordinate))

    @property
    def rescaled_error_by_coordinate(self) -> np.ndarray:
        r"""The same of :math:`q\hat A`, ndarray of shape (n_features,)."""
        return self.errors.rescaled

    @cached_property
    def rescaled_error(self) -> float:
        """Mean of `rescaled_error_by_coordinate`."""
        return float(np.mean(self.rescaled_error_by_coordinate))

    @property
    def loo_error(self) -> float:
        """Limit of the leave-one-out error, which is the test error.

        Implements :theorem:`prop-loo`.
        """
        return self.test_error

    @property
    def gcv_error(self) -> float:
        """Limit of generalised cross-validation, which is the test error.

        ValueError with drawn masks.

        Implements :theorem:`cor-gcv`.
        """
        if self.n_masks is not None:
            raise ValueError(
                "generalised cross-validation divides by one number, while drawn masks need two: "
                "leave n_masks out, or take test_error."
            )
        return self.test_error

    @cached_property
    def coef_norm(self) -> float:
        r""":math:`\frac1d\|\hat A\|_F^2`.

        Implements :theorem:`prop-norm`.
        """
        return self.errors.coef_norm

    @cached_property
    def spiked_equivalent(self) -> SpikedEquivalent:
        """The matrix M behind the spectrum of A_hat, a :class:`SpikedEquivalent`.

        ValueError if Sigma is zero, or with drawn masks.
        """
        if self.n_masks is not None:
            raise ValueError(
                "the spectrum is known for the mean over all masks only, as drawn masks give each "
                "column a matrix of its own: leave n_masks out."
            )
        if not self.covariance.diagonal().any():
            raise ValueError("covariance must not be zero.")
        share = self.solution.rho
        return SpikedEquivalent.build(self.covariance, self.n_samples, share, self._units_of)

    def _units_of(self, model: Covariance) -> Units:
        """D and the penalty of a model, the base of this one or this one itself."""
        penalty = felt_penalty(model.diagonal(), self.kappa, self.ridge, self._rate)
        r = model.resolvent(penalty if self._rate else self.kappa)
        excess = r.signal.diagonal if np.any(penalty) else np.ones(model.d)
        return Units(r.diagonal, penalty, excess)

    @cached_property
    def spectrum(self) -> CoefficientSpectrum:
        """The law of the eigenvalues of A_hat, a :class:`CoefficientSpectrum`."""
        return CoefficientSpectrum(self.spiked_equivalent.spectrum, self.keep)

    def density(self, a: ArrayLike) -> np.ndarray:
        """Density of the eigenvalues of A_hat at real points a of any shape, of that shape.

        ValueError unless all are finite and real.
        """
        return self.spectrum.density(a)

    @property
    def edges(self) -> np.ndarray:
        r"""Ends of the bulks of :math:`\hat A`, ndarray of shape (2 * n_bulks,), ascending."""
        return self.spectrum.edges

    @property
    def outliers(self) -> tuple[Outlier, ...]:
        """All eigenvalues outside the bulks, the largest first.

        ValueError for a spiked model at ridge 0 and n < d, where the n largest eigenvalues are
        all 1; a mask rate lifts that.
        """
        return self.spiked_equivalent.outliers

    @cached_property
    def spikes(self) -> tuple[Spike, ...]:
        """A :class:`Spike` for each direction of the model, in its order.

        ValueError as for `outliers`.
        """
        return self.spiked_equivalent.describe_spikes(self.spectrum.eigenvalue)

    @property
    def risk(self) -> Risk:
        """All errors as a :class:`mssl.results.Risk`, or a `MaskedRisk` at a mask rate."""
        errors = ("train_error", "test_error", "bayes_error")
        if self.mask_rate:
            errors += ("full_view_error", "rescaled_error")
        values = {
            name + suffix: getattr(self, name + suffix)
            for name in errors
            for suffix in ("", "_by_coordinate")
        }
        return (MaskedRisk if self.mask_rate else Risk)(
            loo_error=self.loo_error,
            gcv_error=self.gcv_error if self.n_masks is None else np.nan,
            coef_norm=self.coef_norm,
            **values,
        )
