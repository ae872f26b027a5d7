"""The formulas of the text in plain linear algebra, with nothing of the package.

Inverses are made of matrices with unit diagonal, in extended precision where they are badly
conditioned, so that quiet coordinates keep their digits beside loud ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Errors", "errors", "inverse", "second_moment"]


def _cholesky_inverse(matrix):
    """The inverse of a positive definite matrix, in the precision of its entries."""
    size = len(matrix)
    factor = np.array(matrix)
    for k in range(size):
        pivot = factor[k, k]
        if not pivot > 0:
            return None
        factor[k:, k] /= np.sqrt(pivot)
        factor[k + 1 :, k + 1 :] -= np.multiply.outer(factor[k + 1 :, k], factor[k + 1 :, k])
    root = np.eye(size, dtype=matrix.dtype)  # becomes the inverse of the factor
    for k in range(size):
        root[k, : k + 1] /= factor[k, k]
        root[k + 1 :, : k + 1] -= np.multiply.outer(factor[k + 1 :, k], root[k, : k + 1])
    return root.T @ root


def inverse(matrix: np.ndarray) -> tuple[np.ndarray | None, float]:
    """The inverse of a positive definite matrix and its relative accuracy; None if singular."""
    scale = np.sqrt(np.diag(matrix))
    if not (scale > 0).all():
        return None, np.inf
    even = matrix / scale[:, None] / scale
    try:
        rough = np.linalg.inv(even)
    except np.linalg.LinAlgError:
        return None, np.inf
    condition = float(np.linalg.norm(even, 1) * np.linalg.norm(rough, 1))
    # The entries themselves are rounded to double precision.
    accuracy = 4.0 * np.finfo(float).eps * condition
    if condition > 1e4:
        wide = np.asarray(matrix, dtype=np.longdouble)
        wide_scale = np.sqrt(np.diag(wide))
        rough = _cholesky_inverse(wide / wide_scale[:, None] / wide_scale)
        if rough is None:
            return None, np.inf
        scale = wide_scale
    return rough / scale[:, None] / scale, accuracy


@dataclass
class Errors:
    """What a penalty K makes of a population Sigma; vectors have one entry a coordinate."""

    accuracy: float
    df1: float
    df2: float
    residual: np.ndarray  # b' Sigma b for b = Q e_k / Q_kk
    alignment: np.ndarray  # (Sigma b)_k
    norm: np.ndarray  # |b|^2 - 1
    noise: np.ndarray  # b' V b - V_k, with V = diag(Sigma)
    second: float  # (1/d) Tr (q A)^2


def errors(sigma: np.ndarray, n: int, penalty: np.ndarray) -> Errors | None:
    """All functionals of R = (Sigma + K)^-1 that the errors are made of."""
    r, accuracy = inverse(sigma + np.diag(penalty))
    if r is None:
        return None
    d = len(sigma)
    variances = np.diag(sigma)
    w = sigma @ r
    df1, df2 = np.trace(w), np.sum(w * w.T)
    lift = 1.0 - df2 / n
    own = np.diag(r)
    b = r / own  # column k is Q e_k / Q_kk
    unlifted = np.sum(b * (sigma @ b), axis=0)
    rest = b * b
    rest[np.diag_indices(d)] = 0.0  # the entry 1 that each norm would lose again

    def weighted(weights):
        trace = np.sum(sigma * ((r * weights) @ r))  # Tr Sigma R B R
        return weights @ rest + trace / n / lift * unlifted

    norm, noise = weighted(np.ones(d)), weighted(variances)
    inner = (r / own) @ r  # R B R with B = 1 / R_kk
    spread = np.sum(sigma * inner) / n / lift
    # The mean of (1 - q a)^2 is 1 + (1/d) Tr (q A)^2; the diagonal of the first part is that 1.
    cross = np.sum(rest * own[None, :] / own[:, None]) / d
    second = cross + spread * np.mean(unlifted * own)
    return Errors(
        accuracy,
        float(df1),
        float(df2),
        np.asarray(unlifted / lift, dtype=float),
        np.asarray(np.diag(w) / own, dtype=float),
        np.asarray(norm, dtype=float),
        np.asarray(noise, dtype=float),
        float(second),
    )


def second_moment(sigma: np.ndarray, n: int) -> float:
    """(1/d) E Tr S^2 in the limit."""
    d = len(sigma)
    return float(np.sum(sigma * sigma) / d + np.trace(sigma) ** 2 / (n * d))


def population_outliers(sigma, base, n):
    """Eigenvalues of a spiked sample covariance beyond its bulk, with population vectors.

    An eigenvalue alpha of Sigma that the base does not have is seen at psi(alpha) =
    alpha (1 + (1/n) Tr base (alpha - base)^-1) where psi increases.

    Returns
    -------
    list of (position, psi', alpha, vector)
    """
    levels = np.linalg.eigvalsh(base)
    values, vectors = np.linalg.eigh(sigma)
    found = []
    for alpha, v in zip(values, vectors.T, strict=True):
        if alpha <= levels[-1] * (1.0 + 1e-9):
            continue
        gap = alpha - levels
        slope = 1.0 - np.sum((levels / gap) ** 2) / n
        if slope > 0:
            found.append((alpha * (1.0 + np.sum(levels / gap) / n), slope, alpha, v))
    return found[::-1]
