"""Checks of the claims of the chapter on the spectrum of the learned matrix."""

from mssl.chapters.spectrum.claims import law, resolvent

__all__ = ["CLAIMS"]

CLAIMS = {**resolvent.CLAIMS, **law.CLAIMS}
