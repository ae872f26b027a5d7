"""Checks of the claims of the chapter "When the signal appears"."""

from mssl.chapters.transition.claims import below, one_spike, several, thresholds

__all__ = ["CLAIMS"]

CLAIMS = {**one_spike.CLAIMS, **thresholds.CLAIMS, **several.CLAIMS, **below.CLAIMS}
