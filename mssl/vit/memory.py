"""Freed memory that stays with the process."""

from __future__ import annotations

from functools import cache

import numpy as np

__all__ = ["keep_freed_memory"]


@cache
def keep_freed_memory() -> None:
    """Let arrays of up to 16 MiB reuse freed memory, of which 32 MiB may then lie idle.

    A step of training frees a few arrays of some megabytes and the next one asks for them again.
    The C library of most Linux systems gives such blocks back in between, and fetching them anew,
    page by page, can take longer than the arithmetic of the step.

    Notes
    -----
    That library (glibc) takes the largest block that was mapped by itself and freed as the size
    below which blocks come from its own pool, and twice that as the idle memory it holds, see
    ``M_MMAP_THRESHOLD`` in the manual of ``mallopt``. So one untouched block, freed at once, is
    enough. Where the C library is another one, or the environment fixes the thresholds, nothing
    happens.
    """
    np.empty(2**21)
