"""Laws of masks so small that all their masks can be written down, each with its probability."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from mssl.masks import Bernoulli, ContiguousBlocks, Exactly, ImageSquares, OneAtATime

__all__ = ["all_masks", "every_law"]

LAWS = [
    (OneAtATime(), 5),
    (OneAtATime(), 2),
    (Bernoulli(0.35), 6),
    (Exactly(1), 6),
    (Exactly(3), 6),
    (Exactly(5), 6),
    (ContiguousBlocks(2), 6),
    (ContiguousBlocks(3, copies=2), 6),
    (ContiguousBlocks(2, cyclic=False), 5),
    (ImageSquares((2, 3), 1, copies=2), 6),
    (ImageSquares((2, 3), 2), 6),
]
every_law = pytest.mark.parametrize(("law", "d"), LAWS, ids=lambda v: str(v))


def runs(d, length, cyclic):
    starts = range(d if cyclic else d - length + 1)
    return [frozenset((s + j) % d for j in range(length)) for s in starts]


def squares(shape, side):
    return [
        frozenset((r + i) * shape[1] + c + j for i in range(side) for j in range(side))
        for r in range(shape[0] - side + 1)
        for c in range(shape[1] - side + 1)
    ]


def probability(law, hidden, d):
    """Probability that exactly this set is hidden, each law in its own words."""
    if isinstance(law, OneAtATime):
        return float(len(hidden) == 1) / d
    if isinstance(law, Bernoulli):
        return law.mask_rate ** len(hidden) * (1 - law.mask_rate) ** (d - len(hidden))
    if isinstance(law, Exactly):
        sets = binom.pmf(law.hidden, d, 0.5) * 2**d  # d choose h
        return float(len(hidden) == law.hidden) / sets
    if isinstance(law, ContiguousBlocks):
        places = runs(d, law.length, law.cyclic)
    else:
        places = squares(law.shape, law.side)
    unions = [frozenset().union(*parts) for parts in product(places, repeat=law.copies)]
    return sum(union == hidden for union in unions) / len(unions)


def all_masks(law, d):
    """Every mask with its probability."""
    for visible in product([0.0, 1.0], repeat=d):
        hidden = frozenset(np.flatnonzero(np.array(visible) == 0.0).tolist())
        weight = probability(law, hidden, d)
        if weight > 0:
            yield np.array(visible), weight
