"""Short names for the types that annotations share."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Number", "OneOrEach", "Points", "Scalar", "Seed"]

Array = np.ndarray
Points = NDArray[np.inexact[Any]]  # real or complex
Number = float | complex | np.inexact
OneOrEach = Number | Array  # one number for all coordinates, or one for each
Scalar: TypeAlias = Any  # one number, real or complex as those that it was made from
Seed = np.random.Generator | int
