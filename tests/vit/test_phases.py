"""Phase times against their leading order and its closed forms."""

import numpy as np
import pytest

from mssl.exceptions import ConvergenceError
from mssl.vit import (
    PatchData,
    PhaseTimes,
    leading_order_times,
    phase_exponents,
    phase_times,
    phases,
)

POSITIVE = PatchData(100, 3, 60, 5, 0.5, 1.0, 0.5)
NEGATIVE = PatchData(100, 3, 28, 12, 0.5, 1.0, 0.5)
STRONG = PatchData(100, 3, 60, 5, 1e160, 1e160, 0.5)


@pytest.mark.parametrize("local_exponent", [0.3, 0.5])
def test_exponents_of_phase_times(local_exponent):
    """Fitted over the largest sizes, where powers of P have taken over."""
    found = phase_exponents([10**6, 10**7, 10**8], 3, 0.9, local_exponent, 0.5, 1.0, 0.5)
    for name, exponent in found.derived.items():
        assert found.fitted[name] == pytest.approx(exponent, abs=0.02), name


def test_phase_times_approach_their_leading_order():
    gaps = []
    for P in (10**4, 10**6, 10**8):
        data = PatchData.from_exponents(P, 3, 0.85, 0.3, 0.5, 1.0, 0.5)
        exact, leading = phase_times(data), leading_order_times(data)
        names = ("unlearning", "crossing", "learning")
        gaps.append([getattr(exact, n) / getattr(leading, n) - 1 for n in names])
    gaps = np.abs(gaps)
    assert (gaps[-1] < 0.05).all()
    assert (gaps[-1] < gaps[0]).all()


def test_leading_order_has_its_closed_form_at_one_strength():
    data = PatchData.from_exponents(10**6, 3, 0.9, 0.4, 0.8, 0.8, 0.25)
    mask, z = data.n_hidden / 10**6, 0.8
    b = mask * (1 - mask) * data.even_local_size / (3 * 10**6)
    a = mask * (1 - mask) ** 2 * data.global_size**2 / (3 * 10**12)
    found = leading_order_times(data)
    assert found.learning == pytest.approx(1 / (b * z**4), rel=1e-9)
    assert found.unlearning == pytest.approx((np.exp(2 * z) - 1) / (2 * a * z**4), rel=1e-9)
    assert found.crossing == pytest.approx((a - b) / (3 * a * b * z**4), rel=1e-6)


def test_a_negative_gap_has_no_first_phase():
    assert phase_times(NEGATIVE).crossing is None
    assert leading_order_times(NEGATIVE).crossing is None
    crossing = phase_times(POSITIVE).crossing
    assert crossing is not None
    assert crossing > 0


def test_a_phase_that_does_not_come_in_time_is_reported(monkeypatch):
    soon = PhaseTimes(unlearning=None, crossing=None, learning=1e-3)
    monkeypatch.setattr(phases, "leading_order_times", lambda data: soon)
    with pytest.raises(ConvergenceError, match=r"did not reach one half by time 0\.1"):
        phase_times(NEGATIVE)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: phase_times([100, 3]), r"data must be a PatchData, got \[100, 3\]"),
        (lambda: leading_order_times(None), "data must be a PatchData, got None"),
        (lambda: phase_times(POSITIVE, rtol=0), "rtol must be positive and finite, got 0"),
        (lambda: phase_times(POSITIVE, rtol="a"), "rtol must be a real number, got 'a'"),
        (
            lambda: phase_exponents(100, 3, 0.9, 0.4, 0.5, 1, 0.5),
            "patches must be a list of numbers of patches, got 100",
        ),
        (lambda: phase_exponents([100], 3, 0.9, 0.4, 0.5, 1, 0.5), "at least two sizes"),
        (lambda: phase_times(POSITIVE, rtol=1e-300), r"at least 2\.22.*e-14"),
        (lambda: phase_times(STRONG), "strengths of moderate size"),
        (lambda: leading_order_times(STRONG), "strengths of moderate size"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
