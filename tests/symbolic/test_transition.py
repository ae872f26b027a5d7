"""The transition in symbols: closed forms and polynomials meet numbers found without them."""

import numpy as np
import pytest
import sympy as sp

from mssl.covariance import Diagonal, Isotropic, Spiked
from mssl.symbolic import gamma, isotropic_spike, kappa, two_level_threshold
from mssl.symbolic.transition import epsilon, theta
from mssl.theory import SSRTheory, solve_kappa


def test_isotropic_spike_meets_the_theory_in_numbers():
    form = isotropic_spike()
    d, n, ridge = 300, 400, 0.3
    u = np.full((d, 1), d**-0.5)
    for strength in (1.0, 2.5, 10.0):
        model = Spiked(Isotropic(d), strength, u)
        theory = SSRTheory(model, n, ridge)
        spike = theory.spikes[0]
        k = solve_kappa(Isotropic(d), n, ridge).kappa
        values = {theta: strength, gamma: d / n, kappa: k}
        # One spike in d coordinates moves D by O(1/d).
        assert spike.threshold == pytest.approx(float(form.threshold.subs(values)), rel=2e-3)
        assert spike.eigenvalue == pytest.approx(float(form.coefficient.subs(values)), rel=1e-2)
        for which in ("right", "left", "symmetric"):
            seen = getattr(spike, f"{which}_overlap")
            assert seen == pytest.approx(float(form.overlap.subs(values)), rel=1e-2)


def test_series_have_the_order_that_they_claim():
    form = isotropic_spike()
    values = {gamma: sp.Rational(1, 2)}

    def missed(exact, series, size):
        near = {theta: sp.sqrt(gamma) * (1 + epsilon)}
        gap = (exact.subs(near) - series).subs(values).subs(epsilon, size)
        return abs(float(gap))

    for exact, series, order in (
        (form.eigenvalue, form.near_eigenvalue, 4),
        (form.overlap, form.near_overlap, 3),
    ):
        ratio = missed(exact, series, 0.01) / missed(exact, series, 0.005)
        assert ratio == pytest.approx(2**order, rel=0.05)
    far = form.overlap - form.far_overlap
    ratio = far.subs({theta: 200, **values}) / far.subs({theta: 400, **values})
    assert float(ratio) == pytest.approx(8.0, rel=0.05)


@pytest.mark.parametrize(
    ("a", "b", "share", "mass", "samples", "ridge"),
    [
        (1, 4, "1/2", "1/2", 900, 0.1),
        (0.3, 3, "1/2", "1/2", 900, 0.05),
        (1, 4, "1/3", "3/4", 900, 0.02),
        (1, 10, "1/2", "0", 900, 0.3),
        (1, 10, "1/2", "1", 300, 0.3),
    ],
)
def test_the_polynomial_has_the_threshold_as_a_root(a, b, share, mass, samples, ridge):
    d = 600
    count = int(d * sp.Rational(share))
    variances = np.repeat([a, b], [count, d - count])
    squares = np.zeros(d)
    mass_number = float(sp.Rational(mass))
    squares[:count] = mass_number / count
    squares[count:] = (1 - mass_number) / (d - count)
    weak = Spiked(Diagonal(variances), 1e-9, np.sqrt(squares)[:, None])
    theory = SSRTheory(weak, samples, ridge)
    arguments = [sp.nsimplify(v, rational=True) for v in (a, b, share, mass)]
    ratio = sp.Rational(d, samples)
    found = two_level_threshold().threshold(
        *arguments, ratio, sp.Rational(repr(float(theory.kappa)))
    )
    assert theory.spiked_equivalent.thresholds[0] == pytest.approx(float(found), rel=1e-7)


def test_the_ridgeless_limit_and_its_slope():
    form = two_level_threshold()
    a, b, w, m, ratio = 1, 10, sp.Rational(1, 2), sp.Rational(3, 4), sp.Rational(2, 3)
    values = {form.a: a, form.b: b, form.w: w, form.m: m, gamma: ratio}
    limit, slope = (float(e.subs(values)) for e in (form.whitened, form.first_order))
    step = sp.Rational(1, 10**5)
    near = float(form.threshold(a, b, w, m, ratio, step, digits=30))
    assert near == pytest.approx(limit, rel=1e-4)
    assert (near - limit) / float(step) == pytest.approx(slope, rel=1e-3)


def test_bad_input_is_named():
    form = two_level_threshold()
    good = [1, 4, "1/2", "1/2", "2/3", "1/10"]
    for place, value, message in [
        (0, 4, "distinct"),
        (1, -1, "positive"),
        (2, 1, "strictly between"),
        (3, 2, "between 0 and 1"),
        (4, 0, "ratio and kappa_value must be positive"),
        (5, 0, "ratio and kappa_value must be positive"),
    ]:
        with pytest.raises(ValueError, match=message):
            form.polynomial(*[value if i == place else v for i, v in enumerate(good)])
    with pytest.raises(ValueError, match="negative ridge"):
        form.polynomial(1, 4, "1/2", "1/2", 5, "1/10")
