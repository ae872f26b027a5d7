"""Symbolic derivations of attention: claims hold exactly, formulas meet the mean field."""

from functools import cache
from typing import Any, cast

import numpy as np
import pytest
import sympy as sp

from mssl.symbolic import Identity
from mssl.vit import MAE, Contrastive, PatchData, leading_order_times
from mssl.vit import symbolic as vs
from mssl.vit.flow import Contrast, Reconstruction

DATA = PatchData(1000, 4, 400, 30, 0.8, 0.8, 0.3)


@cache
def derived(name):
    return cast("Any", vs.derivations()[name]())  # each kind has its own fields


def at_data(expression, data=DATA, **more):
    """Value of an expression for given data."""
    values = {
        "c": sp.Rational(data.global_size, data.n_patches),
        "s": sp.Rational(data.local_size, data.n_patches),
        "mu": sp.Rational(data.n_hidden, data.n_patches),
        "P": data.n_patches,
        "K": data.n_clusters,
        "z": data.high,
    } | more
    return float(expression.subs({x: values[x.name] for x in expression.free_symbols}))


@pytest.mark.parametrize("name", vs.derivations())
def test_every_claim_holds_exactly(name):
    claims = derived(name).claims
    assert claims
    assert [claim.name for claim in claims if not claim.holds()] == []


@pytest.mark.parametrize("name", vs.derivations())
def test_a_disturbed_claim_is_refused(name):
    for claim in derived(name).claims:
        wrong = Identity(claim.name, claim.left, claim.right + sp.Rational(1, 97))
        assert not wrong.holds(), claim.name


def test_reconstruction_starts_at_its_growth_rates():
    velocity = Reconstruction(DATA, average_counts=False)(np.zeros(5)).velocity
    rates = derived("growth_rates")
    assert velocity[0] == pytest.approx(at_data(rates.own), rel=1e-12)
    assert velocity[1] == pytest.approx(at_data(rates.globe), rel=1e-12)


def test_the_ratio_of_growth_rates_is_the_information_gap():
    rates = derived("growth_rates")
    expected = (1 - DATA.mask_rate) * DATA.n_patches**DATA.information_gap
    assert at_data(rates.leading_ratio) == pytest.approx(expected, rel=1e-12)
    assert at_data(
        rates.gap, kappa_c=DATA.global_exponent, kappa_s=DATA.local_exponent
    ) == pytest.approx(DATA.information_gap, rel=1e-12)


@pytest.mark.parametrize("gap", [0.4, -0.1])
def test_growth_rates_approach_their_leading_order(gap):
    rates, errors = derived("growth_rates"), []
    for P in (10**4, 10**12):
        kappa_c = 0.75
        kappa_s = 1 - gap - 2 * (1 - kappa_c)
        values = {"c": P ** (kappa_c - 1), "s": P ** (kappa_s - 1), "mu": 0.5, "K": 3, "z": 0.7}
        exact = [at_data(r, **values) for r in (rates.own, rates.globe)]
        leading = [at_data(r, **values) for r in (rates.leading_own, rates.leading_globe)]
        errors.append(np.abs(np.divide(exact, leading) - 1))
    assert (errors[1] < 0.2 * errors[0]).all()


def test_contrast_starts_at_its_growth_rates():
    tau = 0.2
    velocity = Contrast(DATA, Contrastive(tau), None)(np.zeros(5)).velocity
    rates = derived("contrastive_growth_rates")
    similarity = at_data(rates.similarity)
    pi = np.exp(similarity / tau) / (DATA.n_clusters - 1 + np.exp(similarity / tau))
    assert at_data(rates.share, tau=tau) == pytest.approx(pi, rel=1e-12)
    globe = at_data(rates.globe, tau=tau, pi_c=pi)
    local = at_data(rates.local, tau=tau, pi_c=pi)
    np.testing.assert_allclose(velocity, [local, globe, local, globe, local], rtol=1e-11)
    assert globe > 0


def test_phase_times_are_those_of_the_mean_field():
    data = PatchData.from_exponents(10**6, 3, 0.9, 0.4, 0.8, 0.8, 0.25)
    times, numbers = derived("phase_times"), leading_order_times(data)
    u, b = at_data(times.u, data), at_data(times.b, data)
    for name in ("unlearning", "crossing", "learning"):
        expected = at_data(getattr(times, name), data, u=u, b=b)
        assert getattr(numbers, name) == pytest.approx(expected, rel=1e-6)


def test_definition_grows_from_the_data_it_is_given():
    data = PatchData(3, 1, 2, 1, 0.5, 1.0, 0.34)
    images = data.draw(1, 0)
    written = vs.definition(data, MAE(), images)
    assert written.loss.free_symbols <= {
        *written.phi.ravel(),
        *written.upsilon.ravel(),
        *written.strengths.ravel(),
    }
    with pytest.raises(ValueError, match="knows MAE, Contrastive and Combined"):
        vs.definition(data, object(), images)
