"""Checks of the claims of the chapter on other distributions and unknown covariances."""

from mssl.chapters.not_gaussian.claims import estimates, forms

__all__ = ["CLAIMS"]

CLAIMS = {**forms.CLAIMS, **estimates.CLAIMS}
