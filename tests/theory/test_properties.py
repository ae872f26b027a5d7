"""What holds for every setting of the theory, on settings that nobody chose.

The facts and their tolerances stand in `tests/stress/checks.py`. `make stress` holds ten thousand
settings of a wider range against them; here are a few dozen that run in seconds.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mssl.covariance import Covariance
from mssl.exceptions import ConvergenceError
from mssl.theory import PCATheory, SSRTheory
from tests.stress import checks, oracle, run, worlds

EXAMPLES = [
    f"example({model.__name__!r}, {i})"
    for model in Covariance.registry()
    for i in range(len(model.examples()))
]


def assert_nothing_wrong(line, some=None, rng=None):
    """Hold a setting against some of the checks, or against all."""
    theory, found = worlds.build(line), []
    for name, check in (some or {**checks.ERRORS, **checks.SPECTRA}).items():
        found += [f"{name}: {text}" for text in check(theory, *([] if rng is None else [rng]))]
    assert not found, "\n".join([line, *found])


def powers(low, high):
    """Powers of ten, evenly in the exponent and short to print."""
    return st.integers(10 * low, 10 * high).map(lambda e: f"{10.0 ** (e / 10):.3g}")


@st.composite
def populations(draw, most=40, quick=False):
    """A model of any kind, with odd coordinates or without, and with up to ten spikes.

    A quick one has a spectrum in closed form but for one scalar equation.
    """
    d = draw(st.integers(20, most))
    seed = draw(st.integers(0, 99))
    count = draw(st.one_of(st.just(1), st.integers(1, d - 1)))
    oddity = draw(st.sampled_from(["", f"odd({{}}, {count}, {draw(powers(-3, 3))}, {seed})"]))
    quiet = draw(st.sampled_from(["", f"silent({{}}, {count}, {seed})"]))
    kinds = ["Isotropic", "Diagonal"] + ([] if quick else ["AR1", "Blocks", "Circulant"])
    kind = draw(st.sampled_from(kinds))
    if kind == "Diagonal":
        width = draw(st.sampled_from([0.1, 1.0, 2.0]))
        levels = draw(st.sampled_from(["np.ones({})", "np.resize([0.3, 3.0], {})", "many"]))
        values = f"lognormal({seed}, {d}, {width})" if levels == "many" else levels.format(d)
        line = f"Diagonal({(oddity or quiet or '{}').format(values)})"
    else:
        line = {
            "Isotropic": f"Isotropic({d}, {draw(powers(-2, 2))})",
            "AR1": f"AR1({d}, {draw(st.sampled_from([-0.9, -0.3, 0.5, 0.95]))})",
            "Blocks": f"Blocks([5] * {d // 5}, {draw(st.sampled_from([-0.2, 0.3, 0.99]))})",
            "Circulant": f"Circulant(ring({d}, {draw(st.sampled_from([0.5, 3.0]))}))",
        }[kind]
        d = 5 * (d // 5) if kind == "Blocks" else d
        if oddity and kind != "Circulant":
            line = f"Scaled({line}, {oddity.format(f'np.ones({d})')} ** 0.5)"
    if draw(st.booleans()):
        strengths = ", ".join(draw(st.lists(powers(-3, 3), min_size=1, max_size=10)))
        r = strengths.count(",") + 1
        shape = draw(st.sampled_from(["gaussian({s}, {d}, {r})", "local({s}, {d}, {r}, 2)"]))
        line = f"Spiked({line}, [{strengths}], {shape.format(s=seed, d=d, r=r)})"
    return line, d


def samples(draw, d):
    return max(1, round(d * 10.0 ** (draw(st.integers(-20, 20)) / 10)))


@st.composite
def regressions(draw, **options):
    line, d = draw(populations(**options))
    rate = draw(st.sampled_from([None, None, 0.01, 0.2, 0.6, 0.99]))
    return f"SSRTheory({line}, {samples(draw, d)}, {draw(powers(-12, 8))}, {rate})"


@st.composite
def components(draw, standardize, **options):
    line, d = draw(populations(**options).filter(lambda w: not (standardize and "silent" in w[0])))
    return f"PCATheory({line}, {samples(draw, d)}, {standardize})"


def fixed(examples):
    """The same settings in every run."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


@fixed(150)
@given(regressions())
def test_errors(line):
    assert_nothing_wrong(line, checks.ERRORS)


@fixed(24)
@given(regressions(quick=True))
def test_spectra_of_regressions(line):
    assert_nothing_wrong(line, {"spectrum": checks.spectrum, **checks.SPECTRA})


@fixed(24)
@given(st.booleans().flatmap(lambda s: components(s, quick=True)))
def test_spectra_of_components(line):
    assert_nothing_wrong(line, {"spectrum": checks.spectrum, **checks.SPECTRA})


@pytest.mark.parametrize("name", ["scaled", "units", "permuted", "dense"])
def test_the_same_world_seen_otherwise(name):
    # A matrix without structure costs a second for each setting.
    @fixed(2 if name in ("permuted", "dense") else 5)
    @given(
        st.one_of(regressions(most=24, quick=True), components(False, most=24, quick=True)),
        st.integers(0, 9),
    )
    def hold(line, seed):
        assert_nothing_wrong(line, {name: checks.VARIANTS[name]}, np.random.default_rng(seed))

    hold()


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example(example):
    d = worlds.build(example).d
    assert_nothing_wrong(f"SSRTheory({example}, {max(2, d // 2)}, 0.1)")
    assert_nothing_wrong(f"SSRTheory({example}, {2 * d + 1}, 0.01, 0.3)", checks.ERRORS)
    assert_nothing_wrong(f"PCATheory({example}, {2 * d + 1}, True)", checks.SPECTRA)


# A few coordinates that differ from the rest: fewer and more than one in twenty, loud and quiet.
ODD = [
    ("Diagonal(odd(np.ones(120), 1, 100.0, 0))", 240),
    ("Diagonal(odd(np.ones(120), 1, 0.01, 0))", 240),
    ("Diagonal(odd(np.ones(120), 5, 0.001, 1))", 70),
    ("Diagonal(odd(np.ones(120), 7, 1000.0, 2))", 240),
    ("Diagonal(silent(np.ones(120), 1, 0))", 240),
    ("Diagonal(silent(np.ones(120), 6, 0))", 70),
    ("Scaled(AR1(120, 0.5), odd(np.ones(120), 2, 30.0, 3))", 240),
    ("Spiked(Isotropic(120), [8.0], local(1, 120, 1, 2))", 240),
]


@pytest.mark.parametrize("rate", [None, 0.5])
@pytest.mark.parametrize(("model", "n"), ODD)
def test_odd_coordinates_against_a_draw(model, n, rate):
    rng = np.random.default_rng(0)
    line = f"SSRTheory({model}, {n}, 0.1, {rate})"
    assert_nothing_wrong(line)
    assert_nothing_wrong(line, {"simulation": checks.simulation}, rng)
    if rate is None and "silent" not in model:
        line = f"PCATheory({model}, {n}, True)"
        assert_nothing_wrong(line)
        assert_nothing_wrong(line, {"simulation": checks.simulation}, rng)


@pytest.mark.parametrize(
    ("n", "factor"),
    [
        (60, 0.0),
        (60, 1e3),
        (300, 1e-3),
        (300, 10.0),
        *(
            pytest.param(*other, marks=pytest.mark.long)
            for other in ((60, 1e-3), (60, 0.1), (60, 10.0), (300, 0.0), (300, 0.1), (300, 1e3))
        ),
    ],
)
def test_one_odd_coordinate_leaves_the_others_alone(n, factor):
    # The check draws coordinate and factor itself; the seeds make it meet small and large ones.
    seeds = np.random.default_rng([n, int(1e3 * factor)]).integers(0, 1000, 2)
    for seed in seeds:
        for line in (
            f"SSRTheory(Isotropic(100), {n}, 0.1)",
            f"PCATheory(AR1(100, 0.3), {n}, True)",
        ):
            some = {"one_odd_coordinate": checks.one_odd_coordinate}
            assert_nothing_wrong(line, some, np.random.default_rng(seed))


# --- the net itself ------------------------------------------------------------------------------


def test_a_setting_is_a_line_that_says_all():
    lines = [worlds.setting(3, i) for i in range(40)]
    assert lines == [worlds.setting(3, i) for i in range(40)]
    assert len(set(lines)) == 40
    for line in lines[:10]:
        assert isinstance(worlds.build(line), SSRTheory | PCATheory)
    kinds = "".join(worlds.setting(0, i) for i in range(400))
    models = [model.__name__ for model in Covariance.registry() if model.__module__[:4] == "mssl"]
    for word in (*models, "odd", "silent", "local", "flat", "gaussian", "PCATheory", "None"):
        assert word in kinds


@pytest.mark.parametrize(
    ("name", "change", "check"),
    [
        ("kappa", lambda v: v * (1 + 1e-5), "fixed_point"),
        ("df1", lambda v: v * (1 + 1e-5), "fixed_point"),
        ("test_error", lambda v: v * (1 + 1e-5), "all_errors"),
        ("train_error", lambda v: v * (1 + 1e-5), "all_errors"),
        ("coef_norm", lambda v: v * (1 + 1e-5), "all_errors"),
        ("full_view_error_by_coordinate", lambda v: v + 1e-5 * v.mean(), "all_errors"),
        ("bayes_error_by_coordinate", lambda v: v * (1 + 1e-5), "bayes"),
        ("loo_error", lambda v: v * (1 + 1e-12), "order"),
        ("edges", lambda v: v + 0.01, "support"),
        ("density", lambda f: lambda a: 1.01 * f(a), "mass"),
    ],
)
def test_a_fault_is_noticed(name, change, check):
    class Faulty(SSRTheory):
        pass

    right = SSRTheory(worlds.build("AR1(30, 0.5)"), 60, 0.3, 0.4)
    setattr(Faulty, name, property(lambda self: change(getattr(right, name))))
    theory = Faulty(right.covariance, 60, 0.3, 0.4)
    every = {**checks.ERRORS, **checks.SPECTRA}
    assert not list(every[check](right))
    assert list(every[check](theory))


def test_a_missing_eigenvalue_is_noticed_in_a_draw():
    # The law of white noise, against a draw of a world in which a fifth shares a factor.
    line = "PCATheory(Blocks([40] * 5, [0.9, 0.0, 0.0, 0.0, 0.0]), 400)"
    theory, rng = worlds.build(line), np.random.default_rng(0)
    assert not list(checks.simulation(theory, rng))
    other = worlds.build("PCATheory(Isotropic(200), 400)")
    assert other.spiked_equivalent is not None  # kept from here on
    object.__setattr__(other, "covariance", theory.covariance)
    assert list(checks.simulation(other, rng))


def test_a_refusal_is_a_sentence_of_the_package():
    with pytest.raises(ValueError, match="ridge must be positive") as caught:
        worlds.build("SSRTheory(Isotropic(5), 5, 0.0)")
    assert run.is_refusal(caught.value)
    with pytest.raises(np.linalg.LinAlgError) as caught:
        np.linalg.inv(np.zeros((2, 2)))
    assert not run.is_refusal(caught.value)
    with pytest.raises(ConvergenceError) as caught:
        raise ConvergenceError("Not a word of this comes from where the package is at home.")
    assert not run.is_refusal(caught.value)
    record = run.verdict((0, 0))
    assert record["line"] == worlds.setting(0, 0)
    assert record["index"] == 0


def test_the_oracle_keeps_quiet_coordinates():
    scales = np.geomspace(1.0, 1e-6, 12)
    even = worlds.build("AR1(12, 0.9)").dense()
    matrix = scales[:, None] * even * scales
    exact = worlds.build("AR1(12, 0.9)").resolvent(0.0).diagonal / scales**2
    inverse, accuracy = oracle.inverse(matrix)
    np.testing.assert_allclose(np.diag(inverse).astype(float), exact, rtol=1e-12)
    assert accuracy < 1e-11
    assert oracle.inverse(np.ones((3, 3)))[1] > 1e-2
