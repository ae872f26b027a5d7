r"""Limits of :math:`(\Sigma + \epsilon)^{-1}` for a singular covariance, as epsilon falls to 0.

With P the projector on the kernel of Sigma, the limit of the diagonal is infinite where
:math:`P_{kk} > 0`, since such a coordinate follows from the others exactly, and that of the
pseudo-inverse elsewhere.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .._types import Array, Number, OneOrEach
from .base import Covariance, Resolvent, columns, row_products

__all__ = ["ROUNDING", "precision_diagonal", "rescaled", "settled", "spiked_limit"]

# Forming X'X/n and decomposing it moves an eigenvalue that should be 0 by up to twice the machine
# precision times the largest one (seen at 20 to 1500 coordinates, whatever their number); what is
# below eight times that is taken as 0. A wider margin would cost real small eigenvalues.
ROUNDING = 16.0 * np.finfo(float).eps


def settled(eigenvalues: np.ndarray) -> np.ndarray:
    """Computed eigenvalues, with 0 for those that rounding cannot tell from it."""
    return np.where(eigenvalues <= ROUNDING * np.max(eigenvalues), 0.0, eigenvalues)


def _indicator(values: Array) -> Array:
    return (values == 0.0).astype(float)


def _inverse(values: Array) -> Array:
    return np.divide(1.0, values, out=np.zeros(values.shape), where=values != 0.0)


def _kernel_and_inverse(model: Covariance) -> tuple[Resolvent, Resolvent] | None:
    """The projector on the kernel, and the pseudo-inverse; None if no eigenvectors are known."""
    null, inverse = model._function(_indicator), model._function(_inverse)
    return None if null is None or inverse is None else (null, inverse)


def precision_diagonal(model: Covariance, uncertainty: float = 0.0) -> np.ndarray:
    """Limit of the diagonal of the inverse, for a model with a `_function`.

    Parameters
    ----------
    model : Covariance
        Any model whose eigenvectors are known.
    uncertainty : float, default=0.0
        Size up to which an eigenvalue was taken as 0.

    Raises
    ------
    TypeError
        If the model has no `_function`.
    """
    parts = _kernel_and_inverse(model)
    if parts is None:
        raise TypeError(
            f"{model!r} must define _function, the functions of Sigma by its eigenvalues, to have "
            "a limit at a shift of zero."
        )
    null, inverse = parts
    # An eigenvalue of 0 that may as well be this large says nothing of a coordinate whose part in
    # the kernel is so small that the other eigenvalues matter more.
    hidden = null.diagonal > uncertainty * inverse.diagonal
    return np.where(hidden, np.inf, inverse.diagonal)


def spiked_limit(core: Covariance, loadings: np.ndarray) -> Resolvent | None:
    r"""Limit of :math:`(\Sigma_0 + LL^\top + \epsilon)^{-1}` for a singular :math:`\Sigma_0`.

    .. math:: R = G + \begin{pmatrix} T \\ K \end{pmatrix}^{\!\top}
              \begin{pmatrix} C - CFC & CF - I \\ FC - I & -F \end{pmatrix}
              \begin{pmatrix} T \\ K \end{pmatrix}

    with the projector N on the kernel of :math:`\Sigma_0`, its pseudo-inverse G, the unit columns
    U of L (the `loadings`) and their strengths :math:`\Theta`, :math:`T = (NU)^+`,
    :math:`K = U^\top G`,
    :math:`C = \Theta^{-1} + U^\top GU`, and F the inverse of C within the kernel of NU. It is the
    Woodbury identity for :math:`N/\epsilon + G`, in which all powers of :math:`1/\epsilon` cancel
    on vectors outside the kernel :math:`P = N - NU\,T` of the sum.

    Returns
    -------
    Resolvent or None
        Its `apply` and `sandwich` are meant for a regular sum. None when the eigenvectors of the
        core are not known.
    """
    parts = _kernel_and_inverse(core)
    if parts is None:
        return None
    null, inverse = parts
    strengths = np.sum(loadings**2, axis=0)
    used = strengths > 0.0
    unit, strengths = loadings[:, used] / np.sqrt(strengths[used]), strengths[used]
    basis, small = np.linalg.qr(null.apply(unit))
    left, lengths, right = np.linalg.svd(small)
    rank = int(np.sum(lengths > ROUNDING))  # a projection of unit columns, rounded
    lifted = basis @ left[:, :rank]
    rest = right[rank:].T
    reach = inverse.apply(unit)
    c = np.diag(1.0 / strengths) + unit.T @ reach
    f = rest @ np.linalg.solve(rest.T @ c @ rest, rest.T)
    eye = np.eye(strengths.size)
    middle = np.block([[c - c @ f @ c, c @ f - eye], [f @ c - eye, -f]])
    frame = np.hstack([lifted @ (right[:rank] / lengths[:rank, None]), reach])
    weighted = frame @ middle
    # A difference of numbers of order one, hence the tolerance.
    hidden = null.diagonal - row_products(lifted, lifted) > ROUNDING

    def sandwich(b: OneOrEach) -> Array:
        b = b * np.ones(core.d)
        scaled = b[:, None] * frame
        twice = 2.0 * inverse.apply(scaled) + weighted @ (frame.T @ scaled)
        return inverse.sandwich(b) + row_products(twice, weighted)

    return Resolvent(
        shift=0.0,
        scale=1.0,
        diagonal=np.where(hidden, np.inf, inverse.diagonal + row_products(weighted, frame)),
        apply=lambda x: inverse.apply(x) + weighted @ (frame.T @ x),
        sandwich=sandwich,
    )


def rescaled(
    resolvent: Resolvent, factors: np.ndarray, shift: OneOrEach, scale: Number
) -> Resolvent:
    """The resolvent with rows and columns multiplied by the factors.

    Its `shift` and `scale` are as given.
    """
    f = factors
    return replace(
        resolvent,
        shift=shift,
        scale=scale,
        diagonal=resolvent.diagonal * f**2,
        apply=lambda x: columns(f, x) * resolvent.apply(columns(f, x) * x),
        sandwich=lambda b: resolvent.sandwich(b * f**2) * f**2,
    )
