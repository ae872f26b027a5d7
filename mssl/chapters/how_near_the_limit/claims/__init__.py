"""Checks of the claims of the chapter on the best that any method can do.

The formulas of the chapter are typed here; what they are held against is the package's general
theory, which knows no shares, or draws.
"""

from mssl.chapters.how_near_the_limit.claims import learned, limits

__all__ = ["CLAIMS"]

CLAIMS = {**limits.CLAIMS, **learned.CLAIMS}
