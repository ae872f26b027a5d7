"""A model of fifteen lines is covered at once by the contract, by stress and in figures."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from mssl.covariance import Covariance, Resolvent
from mssl.figures import FigureRegistry, figure, table_of, write
from mssl.figures.style import measured, theory_line
from mssl.simulation import simulate_risk
from mssl.theory import SSRTheory
from tests.covariance.contract import CovarianceContract, registry_restored
from tests.stress import run, worlds


def twin(x):
    """Exchange the entries of each pair of neighbours."""
    return x.reshape(-1, 2, *x.shape[1:])[:, ::-1].reshape(x.shape)


with registry_restored():  # or other tests, which take all models there are, would depend on it

    @dataclass(frozen=True, eq=False, repr=False)
    class Twins(Covariance):
        """Coordinates 2k and 2k + 1 have the correlation rho; all have variance 1."""

        d: int
        rho: float = 0.6

        @classmethod
        def examples(cls):
            return [cls(20), cls(24, -0.4)]

        def diagonal(self):
            return np.ones(self.d)

        def apply(self, x):
            return x + self.rho * twin(x)

        def colour(self, z):
            plus, minus = np.sqrt(1 + self.rho), np.sqrt(1 - self.rho)
            return (plus + minus) / 2 * z + (plus - minus) / 2 * twin(z.T).T

        def _resolvent(self, shift, scale):
            own, cross = scale + shift * np.ones(self.d), scale * self.rho
            r, c = (v / (own * twin(own) - cross**2) for v in (twin(own), -cross))
            return Resolvent(
                shift, scale, r,
                apply=lambda x: (r * x.T + c * twin(x).T).T,
                sandwich=lambda b: r**2 * b + c**2 * twin(b * np.ones(self.d)),
            )  # fmt: skip


class TestTwins(CovarianceContract):
    """The contract, inherited."""

    models = Twins.examples()


@pytest.fixture
def registered():
    with registry_restored() as models:
        models.append(Twins)
        yield


def test_the_model_is_not_registered_for_others():
    assert Twins not in Covariance.registry()
    with pytest.raises(KeyError):
        worlds.example("Twins", 0)


@pytest.mark.usefixtures("registered")
def test_the_registry_hands_it_to_every_test():
    asked = []

    class Asked:
        def parametrize(self, name, models, ids):
            asked.extend(models)

    CovarianceContract().pytest_generate_tests(Asked())
    assert [type(model) for model in asked][-2:] == [Twins, Twins]
    assert {type(model) for model in asked} == set(Covariance.registry())


@pytest.mark.usefixtures("registered")
def test_stress_draws_it_and_finds_nothing():
    line = next(line for i in range(10_000) if "Twins" in (line := worlds.setting(0, i)))
    lines = [
        line,
        "SSRTheory(example('Twins', 0), 15, 0.3, 0.4)",
        "PCATheory(example('Twins', 1), 60)",
    ]
    for i, line in enumerate(lines):
        assert run.examine(line, np.random.default_rng(i), every=True) == []


@pytest.mark.usefixtures("registered")
def test_stress_finds_a_fault_in_it(monkeypatch):
    right = Twins._resolvent

    def without_the_other(self, shift, scale):
        r = right(self, shift, scale)
        return replace(r, sandwich=lambda b: r.diagonal**2 * b)

    monkeypatch.setattr(Twins, "_resolvent", without_the_other)
    found = run.examine("SSRTheory(example('Twins', 0), 60, 0.3)", np.random.default_rng(0))
    assert {verdict for verdict, _, _ in found} >= {"wrong"}


@pytest.mark.usefixtures("registered")
def test_a_figure_is_drawn_with_it(tmp_path):
    """As a page would: theory and measurement of every model in the registry, each a unit."""

    def unit(rng, kind, n):
        model = worlds.example(kind, 0)
        risk = simulate_risk(model, n, 0.3, trials=20, rng=rng, n_jobs=1)
        theory = SSRTheory(model, n, 0.3).test_error
        assert risk.standard_error is not None
        return row([kind], n, theory, risk.test_error, risk.standard_error.test_error)

    def compute(run):
        kinds = [model.__name__ for model in Covariance.registry()[-2:]]
        return run.map("risk", unit, [{"kind": k, "n": n} for k in kinds for n in (15, 30, 60)])

    registry, row = FigureRegistry(), table_of("model", "n", "theory", "error", "se")

    @figure(
        "twins",
        compute=compute,
        registry=registry,
        title="The error on twins",
        alt="Two lines fall from the left to the right, with measured points on them.",
        caption="The test error of masked regression on two kinds of coordinates, against n.",
        chapter="error",
        seed=1,
    )
    def draw(data):
        fig = Figure()
        ax = fig.subplots()
        for _, part in data.groups("model"):
            theory_line(ax, part["n"], part["theory"], "test")
            measured(ax, part["n"], part["error"], part["se"], "test")
        return fig

    entry = registry.get("twins")
    table = entry.data("test")
    mine = table.where(model="Twins")
    assert list(mine["n"]) == [15, 30, 60]
    assert (np.abs(mine["error"] - mine["theory"]) < 4 * mine["se"] + 0.1 * mine["theory"]).all()
    assert {path.suffix for path in write(entry, table, tmp_path, scale="test")} == {
        ".csv",
        ".pdf",
        ".png",
        ".svg",
    }
