r"""Weighted PCA: masked regression measures the noise, and the weights follow from it.

.. math:: v_k = \frac{1/D_k - \lambda}{1 - \frac dn + \frac\lambda n \sum_j D_j}, \qquad
          w_k = \frac{1}{v_k\,(v_k + c)}, \quad c = \frac nd\,\theta, \qquad
          \hat u_k \propto \Big(\frac{v_k}{v_k + c}\Big)^{1/2} e_k

with the D of masked regression and the eigenvector e of :math:`W^{1/2}SW^{1/2}`.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.sparse.linalg import LinearOperator
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ._eigenpairs import largest_eigenpairs
from .exceptions import ConvergenceError
from .regression import MaskedRegression
from .regression.fitted import validated
from .validation import first_few, non_negative, positive, positive_integer

__all__ = ["WeightedPCA"]

_LEAST_NOISE = 1e-6  # share of the variance of a feature that counts as noise at least
_LANCZOS = 400  # smaller side of X from which a few eigenvectors come cheaper by iterations


class WeightedPCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    r"""Principal components with the weights that unequal noise asks for, learned from the data.

    .. math:: W^{1/2} S\,W^{1/2}\,e = z\,e, \qquad w_k = \frac{1}{v_k\,(v_k + c)}, \qquad
              \hat u_k \propto \Big(\frac{v_k}{v_k + c}\Big)^{1/2} e_k, \qquad
              c = \frac nd\,\hat\theta(z)

    Implements :theorem:`thm-near-attains`, with the noise of :theorem:`prop-near-noise`.

    Data are never centred: subtract the means of the columns first, or put scikit-learn's
    ``StandardScaler(with_std=False)`` before it in a pipeline.

    Parameters
    ----------
    n_components : int, default=1
        Number of directions, at most n_samples and n_features.
    ridge : float, default=0.1
        The ridge :math:`\lambda \ge 0` of the masked regression that measures the noise, of columns
        divided by their root mean square; without a unit. It must be positive when there are
        not more samples than features.
    max_iter : int, default=50
        Largest number of times that the weights of a component are renewed.
    tol : float, default=1e-4
        The weights stand still where the strength moves by less than this part of itself.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The directions :math:`\hat u`, the strongest first, of length 1; not orthogonal. The
        largest entry of each is positive.
    noise_variance_by_feature_ : ndarray of shape (n_features,)
        v, in squared units of X.
    weights_ : ndarray of shape (n_components, n_features)
        w, in one over the squared units of the variances.
    strengths_ : ndarray of shape (n_components,)
        :math:`\hat\theta`, the variance that each direction adds, in squared units of X; 0 where
        the eigenvalue is not above the edge that noise has in the limit.
    overlaps_ : ndarray of shape (n_components,)
        The squared cosine of each component with its direction that is to be expected, if the
        noise is independent from feature to feature; 0 where nothing stands out.
    n_iter_ : int
        How often the weights were renewed, the largest number of all components.
    n_features_in_ : int
        Number of features of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, when X had names.

    See Also
    --------
    mssl.theory.WeightedPCATheory : What becomes of a direction under given weights.
    mssl.theory.bayes_limit : The best that any method can do.

    Notes
    -----
    **Noise.** With independent noise of variances g the D of masked regression is
    :math:`(\kappa/\lambda)/(g + \kappa)`, and :math:`\lambda/\kappa` is
    :math:`1 - \frac dn + \frac\lambda n\sum D`. Solved for g this is v, for any number of samples:
    without a ridge and n > d it is :math:`1/D` over 1 - d/n, under a large ridge the mean squares
    of the columns. It is the part of a feature that the others do not predict, so that strong
    common factors do not count as noise; the smaller the ridge the less of them, and the more
    scatter has v. That of log v by sampling has the variance

    .. math:: \frac{2}{n - \mathrm{df}_2}, \qquad
              \mathrm{df}_2 = \sum_k \Big(\frac{v_k}{v_k + \kappa}\Big)^2,

    and the logarithms are drawn to their mean by this part of the variance that they have, so that
    noise of equal variance leaves equal weights.

    **Weights.** For a direction spread over many features these weights, with
    :math:`c = \theta n/d`, have the lowest threshold and, with the factors of :math:`\hat u`, the
    largest overlap of all, those of the Bayes limit. The strength is read from the eigenvalue z:

    .. math:: z = \frac1e + \frac dn\Big\langle\frac{1}{v + c - e}\Big\rangle, \qquad
              \frac1\theta = \Big\langle\frac{e}{v\,(v + c - e)}\Big\rangle .

    Where z is inside the bulk there is no strength; c is then the one with the lowest threshold,
    :math:`(\alpha/\langle v^{-2}\rangle)^{1/2}` with :math:`\alpha = n/d`.

    **Scores.** `transform` returns the coordinates along the components by least squares weighted
    by 1/v. `inverse_transform` multiplies them by the components.

    **In noise alone** the largest eigenvalue lies above the edge in part of the draws, half of them
    with a hundred features, and a strength of up to twice the threshold is then read from it.
    :func:`~mssl.estimation.estimate_spikes` tests whether there is any direction.

    **When not to use it.** The noise must be nearly independent from feature to feature, and the
    direction spread over many of them. Where strong groups of features vary together, the groups
    come first, and a direction across all features is better seen by correlation PCA. A direction
    on a single feature is taken for its noise; PCA sees it. A direction on a few quiet features
    among loud ones is better seen by the right eigenvectors of masked regression; the estimate here
    is made for directions that may be large on loud features too, and loses up to 0.15 of squared
    cosine. In other units of single features the components are others, as with PCA.

    Examples
    --------
    >>> import numpy as np
    >>> from mssl import WeightedPCA
    >>> rng = np.random.default_rng(0)
    >>> u, noise = np.full(100, 0.1), np.tile([0.5, 8.0], 50)
    >>> X = 2 * rng.standard_normal((300, 1)) * u + rng.standard_normal((300, 100)) * noise**0.5
    >>> model = WeightedPCA().fit(X)
    >>> bool((model.components_ @ u)[0] ** 2 > 0.7), bool(abs(model.strengths_[0] - 4) < 1)
    (True, True)
    """

    def __init__(self, n_components=1, ridge=0.1, max_iter=50, tol=1e-4):
        self.n_components = n_components
        self.ridge = ridge
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, X, y=None):
        r"""Measure the noise, and find weights and directions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least two samples, one per row.
        y : None
            Ignored.

        Returns
        -------
        self : WeightedPCA
            The fitted estimator.

        Raises
        ------
        ValueError
            If X has NaN, infinite or masked entries, fewer than two rows, a column of zeros or
            fewer directions than `n_components`, or if a parameter is out of range.
        ConvergenceError
            If the weights of a component do not come to rest.
        """
        ridge, tol = non_negative(self.ridge, "ridge"), positive(self.tol, "tol")
        max_iter = positive_integer(self.max_iter, "max_iter")
        X = validated(self, X, reset=True)
        most = min(X.shape)
        if positive_integer(self.n_components, "n_components", minimum=0) not in range(1, most + 1):
            raise ValueError(
                f"n_components must lie between 1 and {most}, the smaller side of X, got "
                f"{self.n_components}."
            )
        scales = _root_mean_squares(X)
        unit = float(np.median(scales))
        measured, freedom = _measured_noise(X / scales, ridge)
        noise = _settled(measured * (scales / unit) ** 2, freedom)
        problem = _Problem(X / unit, noise)
        found = [problem.component(j, max_iter, tol) for j in range(int(self.n_components))]
        directions, shifts, strengths, overlaps, steps = map(np.array, zip(*found, strict=True))
        self.components_ = directions
        self.noise_variance_by_feature_ = noise * unit**2
        self.weights_ = 1.0 / (noise * (noise + shifts[:, None])) / unit**4
        self.strengths_ = strengths * unit**2
        self.overlaps_ = overlaps
        self.n_iter_ = int(steps.max())
        weighted = directions / noise
        self._filters = np.linalg.lstsq(weighted @ directions.T, weighted, rcond=None)[0].T
        return self

    def transform(self, X):
        r"""Coordinates of rows along the components, by least squares weighted by 1/v.

        .. math:: X\,V^{-1}\hat U\,(\hat U^\top V^{-1}\hat U)^{-1}

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            In the unit of X.

        Raises
        ------
        ValueError
            If X has NaN, infinite or masked entries or other columns than in `fit`.
        """
        check_is_fitted(self)
        return validated(self, X, reset=False) @ self._filters

    def inverse_transform(self, X):
        r"""Rows that have given coordinates along the components.

        .. math:: X\,\hat U^\top

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            The coordinates, in any unit.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            In that unit.

        Raises
        ------
        ValueError
            If `X` has another number of columns.
        """
        check_is_fitted(self)
        scores = np.asarray(X, dtype=float)
        if scores.ndim != 2 or scores.shape[1] != len(self.components_):
            raise ValueError(
                f"X must have shape (n_samples, {len(self.components_)}), got {scores.shape}."
            )
        return scores @ self.components_

    @property
    def _n_features_out(self):
        return len(self.components_)


def _root_mean_squares(X) -> np.ndarray:
    peaks = np.abs(X).max(axis=0)
    if not np.all(peaks > 0):
        raise ValueError(
            f"features {first_few(np.flatnonzero(peaks == 0))} are zero in every sample, and have "
            "no noise to be weighted by; leave them out."
        )
    return peaks * np.sqrt(np.mean((X / peaks) ** 2, axis=0))


def _measured_noise(X, ridge) -> tuple[np.ndarray, float]:
    """The part of each standardised column that the others do not predict; degrees of freedom."""
    n, d = X.shape
    D = MaskedRegression(ridge=ridge).fit(X).D_
    free = 1.0 - d / n + ridge / n * np.sum(D)
    noise = np.maximum((1.0 / D - ridge) / free, _LEAST_NOISE)
    share = noise / (noise + ridge / free)
    freedom = max(n - float(np.sum(share**2)), 1.0)
    # Of the d features only the others predict, which leaves a little more free.
    return noise / (1.0 + share / freedom), freedom


def _settled(noise, freedom) -> np.ndarray:
    """Logarithms drawn to their mean by the part of their scatter that sampling makes."""
    logarithms = np.log(noise)
    middle, spread = logarithms.mean(), logarithms.var()
    kept = max(0.0, 1.0 - 2.0 / freedom / spread) if spread > 0 else 0.0
    return np.exp(middle + kept * (logarithms - middle))


class _Problem:
    """The weighted eigenproblems of one data matrix, in a unit of moderate size."""

    def __init__(self, X, noise):
        self.X, self.noise = X, noise
        self.gamma = X.shape[1] / X.shape[0]
        self.start = np.random.default_rng(0).standard_normal(min(X.shape))
        # At the threshold: the weights that detect the weakest direction.
        self.least = 1.0 / np.sqrt(self.gamma * np.mean(noise**-2.0))

    def component(self, index, max_iter, tol):
        """Direction, c, strength, expected overlap and steps of the component with this index."""
        c, noise = self.least, self.noise
        for step in range(1, max_iter + 1):
            value, vector = self.eigenpair(index, c)
            e = self.inside(value, c)
            if e is None and c == self.least:
                return self.read(vector, c), c, 0.0, 0.0, step
            if e is None:  # weights for a strength that they do not confirm
                c = self.least
                vector = self.eigenpair(index, c)[1]
                return self.read(vector, c), c, 0.0, 0.0, step + 1
            strength = 1.0 / np.mean(e / (noise * (noise + c - e)))
            last, c = c, strength / self.gamma
            if abs(c - last) <= tol * c:
                told = max(last - e, 0.0)
                overlap = float(np.mean(told / (noise + told)))
                return self.read(vector, last), last, strength, overlap, step
        raise ConvergenceError(
            f"the weights of component {index} did not come to rest in {max_iter} iterations; "
            "raise max_iter or tol, or lower n_components."
        )

    def read(self, vector, c):
        """The direction that an eigenvector stands for, of length 1, its largest entry positive."""
        u = np.sqrt(self.noise / (self.noise + c)) * vector
        return u * (np.sign(u[np.argmax(np.abs(u))]) / np.linalg.norm(u))

    def inside(self, value, c):
        """The e of an eigenvalue above the bulk, or None where it is not above."""
        v = self.noise + c
        top = float(v.min())

        def excess(e):
            return self.gamma * float(np.mean((e / (v - e)) ** 2)) - 1.0

        def place(e):
            return 1.0 / e + self.gamma * float(np.mean(1.0 / (v - e))) - value

        edge = brentq(excess, 0.0, top * (1.0 - 1e-12), xtol=1e-15 * top, rtol=1e-14)
        if place(edge) >= 0:
            return None
        return float(brentq(place, 0.5 / value, edge, xtol=1e-15 * top, rtol=1e-14))

    def eigenpair(self, index, c):
        """The eigenvalue with this index, from the top, of weighted coordinates; its vector."""
        n, d = self.X.shape
        rows = self.X / np.sqrt(n * self.noise * (self.noise + c))
        side = rows.T if n < d else rows
        products = LinearOperator(
            (min(n, d),) * 2, matvec=lambda x: side.T @ (side @ x), dtype=float
        )
        values, vectors = largest_eigenpairs(
            products,
            index + 1,
            lanczos_from=_LANCZOS,
            start=self.start,
            whole=lambda: side.T @ side,
        )
        value, vector = float(values[-1]), vectors[:, -1]
        if not value > 1e-13 * np.sum(rows**2):
            raise ValueError(
                f"X has {index} directions that are not rounding noise; lower n_components to "
                "that number."
            )
        return value, rows.T @ vector / np.sqrt(value) if n < d else vector
