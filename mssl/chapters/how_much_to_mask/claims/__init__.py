"""Checks of the claims of the chapter on how much to mask."""

from mssl.chapters.how_much_to_mask.claims import errors, thresholds

__all__ = ["CLAIMS"]

CLAIMS = {**errors.CLAIMS, **thresholds.CLAIMS}
