"""Worlds that are not Gaussian: covariance, moments, and what they refuse."""

import numpy as np
import pytest

from mssl.covariance import AR1, Isotropic
from mssl.rows import (
    IndependentEntries,
    MultivariateT,
    Normal,
    Rademacher,
    ScaleMixture,
    SparseGaussian,
    StudentT,
    TwoClusters,
)
from mssl.simulation import simulate_risk
from mssl.theory import SSRTheory

BASE = AR1(5, 0.6)
WORLDS = {
    "normal": IndependentEntries(BASE, Normal()),
    "signs": IndependentEntries(BASE, Rademacher()),
    "sparse": IndependentEntries(BASE, SparseGaussian(0.3)),
    "t": IndependentEntries(BASE, StudentT(12.0)),
    "mixture": ScaleMixture(BASE, [1.0, 5.0]),
    "multivariate t": MultivariateT(BASE, 12.0),
    "clusters": TwoClusters(BASE, np.arange(5.0), (0.5, 1.0)),
}


@pytest.mark.parametrize("name", WORLDS)
def test_mean_and_covariance_of_samples(name):
    world = WORLDS[name]
    x = world.sample(60_000, 1)
    second = np.einsum("ij,ik->ijk", x, x)
    error = second.std(axis=0) / np.sqrt(len(x)) + 1e-12  # a sign squared is constant
    assert np.abs((second.mean(axis=0) - world.dense()) / error).max() < 4.5
    assert np.abs(x.mean(axis=0) / (x.std(axis=0) / np.sqrt(len(x)))).max() < 4.5


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_its_covariance_in_all_but_samples(name):
    world, vector = WORLDS[name], np.arange(5.0)
    dense = world.dense()
    np.testing.assert_allclose(world.apply(vector), dense @ vector)
    np.testing.assert_allclose(world.diagonal(), dense.diagonal())
    assert world.trace() == pytest.approx(np.trace(dense))
    assert world.d == 5
    inverse = np.linalg.inv(dense + 0.3 * np.eye(5))
    np.testing.assert_allclose(world.resolvent(0.3).diagonal, inverse.diagonal())
    np.testing.assert_array_equal(world.sample(3, 4), world.sample(3, np.random.default_rng(4)))


@pytest.mark.parametrize("law", [Normal(), Rademacher(), SparseGaussian(0.2), StudentT(14.0)])
def test_moments_of_an_entry(law):
    z = law.draw((400_000,), np.random.default_rng(3))
    for power, expected in ((1, 0.0), (2, 1.0), (4, 3.0 + law.excess)):
        values = z**power
        error = values.std() / np.sqrt(len(z)) + 1e-12
        assert abs(values.mean() - expected) < 4.0 * error


def test_no_fourth_moment_is_said():
    assert StudentT(4.0).excess == np.inf
    assert StudentT(5.0).excess == pytest.approx(6.0)


@pytest.mark.parametrize("df", [2.2, 3.0, 9.0])
def test_scales_of_the_multivariate_t(df):
    scales = MultivariateT(BASE, df).scales(50_000)
    assert scales.mean() == pytest.approx(1.0, abs=1e-12)
    assert np.all(np.diff(scales) < 0)  # a large chi-squared is a small scale
    if df > 4:
        assert scales.var() == pytest.approx(2.0 / (df - 4.0), rel=2e-3)


def test_scales_are_divided_by_their_mean():
    assert ScaleMixture(BASE, [1.0, 3.0]).scales().tolist() == [0.5, 1.5]
    assert TwoClusters(BASE, np.ones(5), (1.0, 3.0)).scales == (0.5, 1.5)


def test_clusters_put_their_distance_into_the_covariance():
    world = TwoClusters(BASE, np.arange(5.0))
    expected = BASE.dense() + np.outer(np.arange(5.0), np.arange(5.0))
    np.testing.assert_allclose(world.dense(), expected)


def test_a_world_runs_through_the_simulation():
    world = IndependentEntries(AR1(60, 0.7), Rademacher())
    risk = simulate_risk(world, 120, 0.2, trials=10, rng=0, n_jobs=1)
    theory = SSRTheory(AR1(60, 0.7), 120, 0.2).test_error
    assert risk.test_error == pytest.approx(theory, rel=0.02)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StudentT(2.0), "above 2"),
        (lambda: MultivariateT(BASE, 1.5), "above 2"),
        (lambda: MultivariateT(np.eye(2), 5.0), "Dense"),
        (lambda: SparseGaussian(0.0), r"\(0, 1\]"),
        (lambda: SparseGaussian("a"), "density must be a real number"),
        (lambda: StudentT("a"), "df must be a real number"),
        (lambda: MultivariateT(BASE, "a"), "df must be a real number, got 'a'"),
        (lambda: ScaleMixture(BASE, "a"), "values must be real numbers"),
        (lambda: TwoClusters(BASE, "a"), "mean must be real numbers"),
        (lambda: MultivariateT(MultivariateT(BASE, 5.0), 5.0), "model from mssl.covariance"),
        (lambda: IndependentEntries(BASE, "signs"), "EntryLaw"),
        (lambda: ScaleMixture(BASE, [0.0, 1.0]), "positive"),
        (lambda: TwoClusters(BASE, np.zeros(5)), "not all zero"),
        (lambda: TwoClusters(BASE, np.ones(4)), "5 entries"),
        (lambda: TwoClusters(BASE, np.ones(5), (1.0, 2.0, 3.0)), "two numbers"),
        (lambda: IndependentEntries(Isotropic(3), Normal()).sample(0, 1), "at least 1"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
