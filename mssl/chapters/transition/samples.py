"""The learned matrix of one sample, no more of it than the figures of the page need."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.sparse.linalg import eigsh

__all__ = ["second_moments", "squared_cosines", "symmetrised", "top_eigenvectors", "with_signal"]


def second_moments(x: np.ndarray) -> np.ndarray:
    """S of one sample."""
    return x.T @ x / len(x)


def with_signal(s: np.ndarray, b: np.ndarray, power: float, u: np.ndarray, strength: float):
    r"""S after a signal is added to the noise, a change of rank two.

    .. math:: S_0 + \sqrt\theta\,(bu^\top + ub^\top) + \theta\,\frac{\lVert h\rVert^2}n\,uu^\top,
              \qquad b = X_0^\top h/n
    """
    half = np.sqrt(strength) * b + 0.5 * strength * power * u
    cross = half @ u.T
    return s + cross + cross.T


def symmetrised(s: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """M and the diagonal of D for one S; no more of the fit is needed than diag(Q)."""
    m = np.array(s, order="F")
    m[np.diag_indices(len(m))] += ridge
    factor, _ = dpotrf(m, lower=1)
    q, failed = dpotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise np.linalg.LinAlgError("S + ridge I is not positive definite; raise the ridge.")
    weights = np.diag(q).copy()
    root = np.sqrt(weights)
    m *= root
    m *= root[:, None]
    return m, weights


def top_eigenvectors(s: np.ndarray, ridge: float, count: int = 1):
    """Largest eigenvalues of M, eigenvectors w of shape (d, count), and the diagonal of D."""
    m, weights = symmetrised(s, ridge)
    d = len(m)
    if d >= 200:
        nu, w = eigsh(m, k=count, which="LA", v0=np.ones(d), ncv=max(24, 4 * count), tol=1e-6)
        order = np.argsort(-nu)
        return nu[order], w[:, order], weights
    nu, w = eigh(m, subset_by_index=(d - count, d - 1))
    return nu[::-1], w[:, ::-1], weights


def squared_cosines(w: np.ndarray, weights: np.ndarray, x: np.ndarray) -> dict[str, np.ndarray]:
    """Squared cosines of the three eigenvectors with unit columns x: shape (n_pairs, n_columns)."""
    root = np.sqrt(weights)[:, None]
    vectors = {"right": root * w, "left": w / root, "symmetric": w}
    return {name: (v.T @ x) ** 2 / np.sum(v * v, axis=0)[:, None] for name, v in vectors.items()}
