r"""Theory against cosines that others measured and published; the file names its source.

Their rows are N(0, diag(gamma) + u u'), with gamma = 0.25 + 2.25 Beta(1, 2) in 2000 coordinates.
The theory takes the limit: gamma at the quantiles of its law and u spread evenly, so that sums over
coordinates are means over the law. With means over 20 seeds nothing else is allowed for than three
of their standard errors.

Which of our vectors is which of their methods:

* *diagonal deletion*: the eigenvectors of S without its diagonal are those of A_hat at a large
  ridge, where D no longer differs between coordinates.
* *heteropca* fills the deleted diagonal with that of the learned component. Its entries are
  u_k^2, of order 1/d, so that the limit is that of diagonal deletion.
* *estimated whitening*: columns divided by the square roots of diag(S), the first component w of
  the result, taken back to the units of X by multiplying with these roots. In the limit diag(S) is
  gamma, and what comes back is the `pattern` of correlation PCA, gamma^1/2 w. With rows
  N(0, I + theta v v'), theta = E 1/gamma and v along gamma^-1/2 u, the cosine of w with v is known,
  and that of the pattern with u follows. It is also that of the left eigenvector of A_hat at a
  small ridge where n > d, as D is then in proportion to 1/gamma.
* *pca*: both published rows are below its threshold, where the limit is 0 and what they show are
  chance cosines. These are at most of the order d^-1/6 that they reach at the threshold.
"""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta

import mssl
from mssl.baselines import leading_directions
from mssl.covariance import Diagonal, Spiked
from mssl.theory import PCATheory, SSRTheory

ROOM = Path(mssl.__file__).parent / "chapters" / "how_near_the_limit"
FILE = ROOM / "published_cosines.csv"
SEEDS, SIZE = 20, 2000
D = 250


def published(*methods):
    """Rows (method, samples a coordinate, cosine, standard error)."""
    lines = [x for x in FILE.read_text("utf-8").splitlines() if not x.startswith("#")]
    return [
        (row["method"], float(row["alpha"]), float(row["cosine"]), float(row["sd"]) / SEEDS**0.5)
        for row in csv.DictReader(lines)
        if row["method"] in methods
    ]


GAMMA = 0.25 + 2.25 * beta(1, 2).ppf((np.arange(D) + 0.5) / D)
WORLD = Spiked(Diagonal(GAMMA), 1.0, np.full((D, 1), D**-0.5))


def whitened_cosine(samples):
    """Cosine with u of gamma^1/2 w, w the first component of whitened rows."""
    strength, ratio = np.mean(1.0 / GAMMA), 1.0 / samples
    assert strength > ratio**0.5
    square = (1.0 - ratio / strength**2) / (1.0 + ratio / strength)
    along, across = square / strength, (1.0 - square) * np.mean(GAMMA)
    return np.sqrt(along / (along + across))


def test_the_file_holds_what_is_compared():
    counts = {m: len(published(m)) for m in ("pca", "diagonal_deletion_pca", "heteropca")}
    assert counts == {"pca": 2, "diagonal_deletion_pca": 5, "heteropca": 4}
    assert len(published("estimated_whitening_pca")) == 5


@pytest.mark.parametrize(
    ("method", "samples", "cosine", "error"), published("diagonal_deletion_pca", "heteropca")
)
def test_diagonal_deletion_is_masked_regression_at_a_large_ridge(method, samples, cosine, error):
    spike = SSRTheory(WORLD, round(samples * D), 1000.0).spikes[0]
    assert spike.detected
    assert abs(spike.right_overlap**0.5 - cosine) < 3 * error
    assert abs(spike.left_overlap - spike.right_overlap) < 1e-3


@pytest.mark.parametrize(
    ("method", "samples", "cosine", "error"), published("estimated_whitening_pca")
)
def test_estimated_whitening_is_the_pattern_of_correlation_pca(method, samples, cosine, error):
    assert abs(whitened_cosine(samples) - cosine) < 3 * error
    if samples > 1.0:
        spike = SSRTheory(WORLD, round(samples * D), 1e-4).spikes[0]
        assert abs(spike.left_overlap**0.5 - cosine) < 3 * error
        assert abs(spike.left_overlap**0.5 - whitened_cosine(samples)) < 1e-3


def test_our_own_pattern_of_correlation_pca_has_this_cosine():
    rng, d, samples = np.random.default_rng(12), 400, 4
    gamma = 0.25 + 2.25 * beta(1, 2).ppf((np.arange(d) + 0.5) / d)
    u = np.full(d, d**-0.5)
    world = Spiked(Diagonal(gamma), 1.0, u[:, None])
    found = [
        leading_directions(world.sample(samples * d, rng), "correlation_pca")[0].overlaps(u)[2]
        ** 0.5
        for _ in range(12)
    ]
    assert abs(np.mean(found) - whitened_cosine(samples)) < 3 * np.std(found, ddof=1) / 12**0.5


@pytest.mark.parametrize(("method", "samples", "cosine", "error"), published("pca"))
def test_pca_is_below_its_threshold_where_the_others_are_above(method, samples, cosine, error):
    n = round(samples * D)
    spike = PCATheory(WORLD, n).spikes[0]
    assert not spike.detected
    assert spike.overlap == 0.0
    assert spike.threshold > 1.0
    assert cosine - 3 * error < SIZE ** (-1 / 6)
    assert SSRTheory(WORLD, n, 1000.0).spikes[0].threshold < 1.0


def test_nothing_beats_the_published_best():
    """Message passing that knows gamma is at the Bayes limit, of ten seeds."""
    for _, samples, cosine, error in published("amp"):
        assert whitened_cosine(samples) < cosine + 3 * error * np.sqrt(SEEDS / 10)
