"""Checks of the claims of the chapter "Random matrices in one chapter"."""

from mssl.chapters.random_matrices.claims import equivalents, fixed_point, tools

__all__ = ["CLAIMS"]

CLAIMS = {**tools.CLAIMS, **fixed_point.CLAIMS, **equivalents.CLAIMS}
