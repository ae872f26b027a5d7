"""Checks of the claims of the chapter that holds masked regression against PCA.

The formulas of the chapter stand in :mod:`mssl.theory.noise_curves` or are typed here; what they
are held against is the package's general theory, which knows nothing of them, or a simulation.
"""

from mssl.chapters.against_pca.claims import local, spread

__all__ = ["CLAIMS"]

CLAIMS = {**spread.CLAIMS, **local.CLAIMS}
