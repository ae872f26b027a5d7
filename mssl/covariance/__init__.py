"""Population models: the world that the theory, the simulations and the chapters share.

A model knows its covariance matrix only through a few functionals (see :class:`Covariance`), so
that a structured one works at a million coordinates.
"""

from .ar1 import AR1
from .base import Covariance, Population, Resolvent
from .blocks import Blocks
from .circulant import Circulant
from .dense import Dense
from .diagonal import Diagonal, Isotropic
from .scaled import Scaled
from .spiked import Spiked

__all__ = [
    "AR1",
    "Blocks",
    "Circulant",
    "Covariance",
    "Dense",
    "Diagonal",
    "Isotropic",
    "Population",
    "Resolvent",
    "Scaled",
    "Spiked",
]
