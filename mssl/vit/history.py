"""What is watched along training, in a measurement and in the mean field alike."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

__all__ = ["History", "Readout"]

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Readout:
    r"""Averages over the query patches of one kind, local or global.

    .. math:: A_{\mathrm{own}} + A_{\mathrm{global}} + A_{\mathrm{other}} + A_{\mathrm{hidden}} = 1

    For a global patch the own area is the global one: `phi_own` and `phi_global` are then the same
    numbers, so are `attention_own` and `attention_global`, and only one of the latter counts in
    the sum.

    Attributes
    ----------
    phi_own, phi_global, phi_other : ndarray of shape (n_times,)
        :math:`\Phi` of the patch to the feature of its own area, of the global area, and to a
        local area other than its own (mean over those).
    attention_own, attention_global, attention_other, attention_hidden : ndarray, (n_times,)
        Attention on the visible patches of the own area, of the global area, of all other local
        areas together, and on masked patches.
    """

    phi_own: Array
    phi_global: Array
    phi_other: Array
    attention_own: Array
    attention_global: Array
    attention_other: Array
    attention_hidden: Array

    @classmethod
    def stack(cls, readouts: list[Readout]) -> Readout:
        """Join readouts of single moments into one along time."""
        return cls(*(np.array([getattr(r, f.name) for r in readouts]) for f in fields(cls)))


@dataclass(frozen=True, eq=False)
class History:
    """The course of a training run or of its mean field.

    Attributes
    ----------
    times : ndarray of shape (n_times,)
        Time of gradient flow: the number of steps times the learning rate.
    loss : ndarray of shape (n_times,)
        The objective.
    local_patches, global_patches : Readout
        Averages over local and over global query patches.
    """

    times: Array
    loss: Array
    local_patches: Readout
    global_patches: Readout

    @property
    def phi_own(self) -> Array:
        """`phi_own` of the local patches."""
        return self.local_patches.phi_own

    @property
    def phi_global(self) -> Array:
        """`phi_global` of the local patches."""
        return self.local_patches.phi_global

    @property
    def phi_other(self) -> Array:
        """`phi_other` of the local patches."""
        return self.local_patches.phi_other

    @property
    def attention_own(self) -> Array:
        """`attention_own` of the local patches."""
        return self.local_patches.attention_own

    @property
    def attention_global(self) -> Array:
        """`attention_global` of the local patches."""
        return self.local_patches.attention_global
