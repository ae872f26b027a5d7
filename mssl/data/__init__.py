r"""Real data for the book: patches of photographs, handwritten digits and share prices.

The population of the patches is every :math:`s \times s` patch of scikit-learn's two sample
photographs, each equally likely. It is finite, so that its covariance, and every error of a linear
predictor under it, are exact sums and not estimates.

Digits and prices come with other packages and are finite tables of N rows. Training rows are drawn
from a table without replacement and the rows that are left over are the test, so no statement
about an error needs a model of the data:

.. math::

    \mathcal E = \frac1d \sum_k \big[(I - \hat A)^\top \tilde S\,(I - \hat A)\big]_{kk}, \qquad
    \tilde S = \frac1{N - n} \sum_{i\ \text{left over}} x_i x_i^\top .
"""

from .patches import (
    PatchPopulation,
    border_distance,
    image_patches,
    patch_covariance,
    patch_population,
    sample_patches,
)
from .splits import DATA_SETS, held_out_error, real_data, split_moment, split_rows
from .tables import RealTable, digits, prices

__all__ = [
    "DATA_SETS",
    "PatchPopulation",
    "RealTable",
    "border_distance",
    "digits",
    "held_out_error",
    "image_patches",
    "patch_covariance",
    "patch_population",
    "prices",
    "real_data",
    "sample_patches",
    "split_moment",
    "split_rows",
]
