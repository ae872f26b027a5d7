"""The best linear predictor of hidden coordinates, for any law of masks.

The equations stand in the text of :mod:`mssl.regression`.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from mssl.masks import MaskLaw
from mssl.validation import non_negative, real_copy

from .estimators import MaskedRegression

__all__ = ["best_predictor", "hidden_error", "masked_regression"]

Array = np.ndarray


def _check_law(law):
    if not isinstance(law, MaskLaw):
        raise ValueError(
            f"law must be a mask law such as Bernoulli(0.5), got {type(law).__name__}."
        )
    return law


def _moment(second_moment):
    matrix = real_copy(second_moment, "second_moment")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
        raise ValueError(
            "second_moment must be a finite, square matrix such as X.T @ X / n, "
            f"got shape {matrix.shape}."
        )
    gap = np.abs(matrix - matrix.T)
    if gap.size and gap.max() > 1e-8 * np.abs(matrix).max():
        i, j = np.unravel_index(gap.argmax(), gap.shape)
        raise ValueError(
            f"second_moment must be symmetric, but entries ({i}, {j}) and ({j}, {i}) differ by "
            f"{gap.max():.3g}."
        )
    return matrix


def _solve(matrix, right):
    """Solve a positive definite system, or say that it is not one."""
    try:
        factor = cho_factor(matrix, lower=True, check_finite=False)
    except LinAlgError:
        factor = None
    tolerance = len(matrix) * np.finfo(float).eps * matrix.diagonal()
    if factor is None or np.any(factor[0].diagonal() ** 2 <= tolerance):
        raise ValueError(
            "the second moment, masked and penalised, is singular to working precision; "
            "use a larger ridge or drop redundant coordinates."
        )
    return cho_solve(factor, right, check_finite=False)


def best_predictor(second_moment, law: MaskLaw, ridge: float = 0.0) -> Array:
    r"""The linear predictor of hidden coordinates that is best for a law of masks.

    .. math:: (S \circ W_k + \lambda I)\,a_k = s_k \circ w_k, \qquad k = 1, \dots, d

    Implements :theorem:`prop-mask-normal`.

    Parameters
    ----------
    second_moment : array-like of shape (n_features, n_features)
        S, of a sample or of a population; symmetric.
    law : MaskLaw
        What is hidden.
    ridge : float, default=0.0
        :math:`\lambda \ge 0`, in the units of S.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        Column k predicts coordinate k from the visible ones, the hidden ones being 0.

    Raises
    ------
    ValueError
        If S is not a finite, symmetric matrix, `law` is no mask law or does not fit its size, the
        ridge is negative, or the equations are singular to working precision.

    Notes
    -----
    **Cost.** For laws with the same moments everywhere (:class:`~mssl.masks.OneAtATime`,
    :class:`~mssl.masks.Bernoulli`, :class:`~mssl.masks.Exactly`) one inverse, of about
    :math:`d^3` operations (:mod:`mssl.regression` has the proof). Otherwise d systems,
    about :math:`d^4/3` operations: a second for 200 coordinates, a minute for 600.

    Coordinates that are never visible together with a hidden k have coefficient 0 in column k.
    """
    S, ridge = _moment(second_moment), non_negative(ridge, "ridge")
    d = _check_law(law).check(len(S))
    moments = law.exchangeable_moments(d)
    if moments is None:
        return _column_by_column(S, law, ridge)
    once, twice = moments
    variances = S.diagonal()
    if twice == 0.0:  # a single coordinate is visible at a time
        scale = once * variances + ridge
        if np.any(scale <= 0.0):
            raise ValueError("ridge must be positive when a coordinate has no variance.")
        A = once * S / scale[:, None]
    else:
        keep = twice / once
        matrix = S + np.diag((1.0 - keep) / keep * variances + ridge / twice)
        Q = _solve(matrix, np.eye(d))
        A = -Q / (keep * Q.diagonal())
    np.fill_diagonal(A, 0.0)
    return A


def _column_by_column(S, law, ridge):
    d = len(S)
    A = np.zeros((d, d))
    for k in range(d):
        second = law.visible_moments(d, k)
        seen = np.flatnonzero(second.diagonal() > 0.0)
        if seen.size == 0:
            continue
        matrix = (S * second)[np.ix_(seen, seen)]
        matrix[np.diag_indices(seen.size)] += ridge
        A[seen, k] = _solve(matrix, S[seen, k] * second.diagonal()[seen])
    return A


def hidden_error(coef, second_moment, law: MaskLaw) -> Array:
    r"""Mean squared error on each coordinate when it is hidden, averaged over masks exactly.

    .. math:: \mathcal E_k = S_{kk} - 2\,(s_k \circ w_k)^\top a_k + a_k^\top (S \circ W_k)\, a_k

    Parameters
    ----------
    coef : array-like of shape (n_features, n_features)
        A; column k predicts coordinate k.
    second_moment : array-like of shape (n_features, n_features)
        That of a sample gives the training error, that of the population the test error.
    law : MaskLaw
        What is hidden.

    Returns
    -------
    ndarray of shape (n_features,)
        In the units of S.

    Raises
    ------
    ValueError
        If S is not a finite, symmetric matrix, A not a finite one of its shape, or `law` is no mask
        law or does not fit its size.
    """
    S = _moment(second_moment)
    d = _check_law(law).check(len(S))
    A = real_copy(coef, "coef")
    if A.shape != S.shape:
        raise ValueError(f"coef must have shape {S.shape}, got {A.shape}.")
    if not np.isfinite(A).all():
        raise ValueError("coef must be finite, but it holds NaN or infinite entries.")
    np.fill_diagonal(A, 0.0)  # a hidden coordinate is 0 and cannot predict itself
    moments = law.exchangeable_moments(d)
    if moments is not None:
        once, twice = moments
        product = S @ A
        linear = once * np.einsum("jk,jk->k", S, A)
        square = twice * np.einsum("jk,jk->k", A, product)
        square += (once - twice) * np.einsum("j,jk->k", S.diagonal(), A * A)
    else:
        linear, square = np.empty(d), np.empty(d)
        for k in range(d):
            second = law.visible_moments(d, k)
            linear[k] = (S[:, k] * second.diagonal()) @ A[:, k]
            square[k] = A[:, k] @ (S * second) @ A[:, k]
    return S.diagonal() - 2.0 * linear + square


def masked_regression(X, law: MaskLaw, ridge: float = 1.0) -> np.ndarray:
    r"""Learn the best linear predictor of hidden coordinates, for any law of masks.

    .. math:: (S \circ W_k + \lambda I)\,a_k = s_k \circ w_k, \qquad S = \tfrac1n X^\top X

    Implements :theorem:`prop-mask-normal` and :theorem:`thm-mask-closed`.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        At least two samples, one per row.
    law : MaskLaw
        What is hidden, from :mod:`mssl.masks`.
    ridge : float, default=1.0
        The penalty :math:`\lambda \ge 0`, in units of X squared.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        Column k predicts feature k from the visible ones, the hidden ones being 0.

    Raises
    ------
    ValueError
        If X has NaN, infinite or masked entries or fewer than two rows, `law` is no mask law or
        does not fit the number of features, the ridge is negative, or the problem is singular to
        working precision.

    Notes
    -----
    A law with moments :math:`w^{(1)}, w^{(2)}` that are the same for all coordinates (see
    :mod:`mssl.regression`) is fitted by :class:`MaskedRegression`, at the rate
    :math:`1 - w^{(2)}/w^{(1)}` and the ridge :math:`\lambda w^{(2)}/w^{(1)2}`, by whichever route
    is shorter; other laws column by column.

    Examples
    --------
    >>> import numpy as np
    >>> from mssl.masks import ContiguousBlocks, Exactly
    >>> from mssl.regression import masked_regression
    >>> X = np.random.default_rng(0).standard_normal((30, 6))
    >>> masked_regression(X, Exactly(2), ridge=0.1).shape
    (6, 6)
    >>> A = masked_regression(X, ContiguousBlocks(2), ridge=0.1)
    >>> bool(np.all(A.diagonal() == 0))
    True
    """
    ridge = non_negative(ridge, "ridge")
    model = MaskedRegression(ridge)
    X = model._validate(X, reset=True)
    d = X.shape[1]
    moments = _check_law(law).exchangeable_moments(law.check(d))
    if moments is None or moments[1] == 0.0:
        return best_predictor(X.T @ X / len(X), law, ridge)
    once, twice = moments
    if once == twice:
        return model.fit(X).coef_
    return MaskedRegression(ridge * twice / once**2, 1.0 - twice / once).fit(X).coef_
