"""What the checks of spread and of local signals share."""

from __future__ import annotations

from mssl.theory import PCATheory, SSRTheory


def theory_of(method, model, n, ridge):
    """The theory of one of the three methods."""
    if method == "masked_regression":
        return SSRTheory(model, n, ridge)
    return PCATheory(model, n, standardize=method == "correlation_pca")
