"""Checks of the claims of the chapter on the error of a masked predictor.

The theory is a limit. At a finite size the mean of a measurement differs from it by about c/n,
which is as large as the scatter of one trial. So the checks measure the gap at n and at 2n and
look at ``2 gap(2n) - gap(n)``, in which c/n cancels, in units of its standard error. Copies of one
small population stand for larger sizes: kappa and the limit of each coordinate are then the same at
n and at 2n. The formulas of the chapter are evaluated here from the matrix, without the package.
"""

from mssl.chapters.error.claims import best, lemmas, limits, ridgeless

__all__ = ["CLAIMS"]

CLAIMS = {**lemmas.CLAIMS, **limits.CLAIMS, **ridgeless.CLAIMS, **best.CLAIMS}
