"""What must be true of a theory, whatever its setting.

Each check takes a theory and yields sentences, one for each thing that is not true. A check that
does not apply yields nothing. Tolerances stand beside their reasons.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from mssl import AccuracyWarning
from mssl.covariance import AR1, Circulant, Dense, Diagonal, Isotropic, Scaled, Spiked
from mssl.theory import PCATheory, SSRTheory, split_spikes

from . import oracle

__all__ = ["ERRORS", "SPECTRA", "VARIANTS", "is_quick", "simulation", "spectrum"]

# Relative accuracy that is asked of errors where the problem itself is well conditioned.
DIGITS = 1e-6


def _penalty(theory):
    """The penalty that the population feels, from the definition."""
    variances = theory.covariance.diagonal()
    if not theory.mask_rate:
        return np.full(variances.size, theory.kappa)
    keep = 1.0 - theory.mask_rate
    return theory.kappa * (theory.mask_rate / keep * variances + theory.ridge / keep**2)


def _compare(name, got, expected, rtol, atol=0.0):
    got, expected = np.asarray(got, dtype=float), np.asarray(expected, dtype=float)
    bad = ~(np.abs(got - expected) <= rtol * np.abs(expected) + atol)
    if bad.any():
        k = int(np.argmax(np.where(bad, np.abs(got - expected), -1.0))) if got.ndim else None
        where, a, b = ("", got, expected) if k is None else (f"[{k}]", got[k], expected[k])
        yield f"{name}{where} is {float(a):.9g} where {float(b):.9g} is due (rtol {rtol:.1g})"


def _is_ssr(theory) -> bool:
    return isinstance(theory, SSRTheory)


# --- errors -------------------------------------------------------------------------------------


def fixed_point(theory):
    """kappa solves its equation, as told by the dense matrix alone."""
    if not _is_ssr(theory):
        return
    model, n, kappa = theory.covariance, theory.n_samples, theory.kappa
    found = oracle.errors(model.dense(), n, _penalty(theory))
    if found is None or kappa == 0:
        return
    unit = 1.0 if theory.mask_rate else theory.ridge
    lift = 1.0 - found.df2 / n
    step = (kappa * (1.0 - found.df1 / n) - unit) / lift / kappa
    # df1 is known to its accuracy; what that means for kappa is divided by the slope.
    room = DIGITS + (found.accuracy + 1e-15) * (1.0 + found.df1 / n) / lift
    if not abs(step) <= room:
        yield f"kappa = {kappa:.9g} is off by a relative {step:.2g} (allowed {room:.1g})"
    yield from _compare("df1", theory.df1, found.df1, DIGITS + found.accuracy)
    yield from _compare("df2", theory.df2, found.df2, DIGITS + 2 * found.accuracy)


def _is_known(sigma, n, penalty, found):
    """Whether the entries of the matrix, as rounded as they are, tell the errors at all."""
    noise = np.random.default_rng(0).choice([-1.0, 1.0], sigma.shape) * np.finfo(float).eps
    again = oracle.errors(sigma * (1.0 + np.tril(noise) + np.tril(noise, -1).T), n, penalty)
    if again is None or not (found.residual >= 0).all():
        return False
    return bool(np.all(np.abs(again.residual - found.residual) <= 1e-7 * found.residual))


def all_errors(theory):
    """Every error against quadratic forms of the dense inverse, which cannot cancel."""
    if not _is_ssr(theory):
        return
    sigma, n = theory.covariance.dense(), theory.n_samples
    found = oracle.errors(sigma, n, _penalty(theory))
    if found is None or not _is_known(sigma, n, _penalty(theory), found):
        return
    variances = np.diag(sigma)
    rate = theory.mask_rate or 0.0
    keep, tau = 1.0 - rate, rate / (1.0 - rate)
    # 1 - df2/n is a difference: its own rounding is that of df2/n over what is left.
    rtol = DIGITS + 10 * (found.accuracy + 1e-14) * (1.0 + found.df2 / n) / (1.0 - found.df2 / n)
    if rtol > 0.1:
        return
    rho = theory.solution.rho
    test = found.residual + tau * found.noise
    train = rho**2 * found.residual + tau * found.noise
    c = 1.0 / keep
    full = (
        c * c * found.residual + 2.0 * c * (1.0 - c) * found.alignment + (1.0 - c) ** 2 * variances
    )
    for name, expected in {
        "test_error": test,
        "train_error": train,
        "rescaled_error": found.residual,
        "full_view_error": full if rate else found.residual,
    }.items():
        # The middle term of `full` is negative: rounding is that of its parts.
        size = (
            np.mean(np.abs(expected))
            if name != "full_view_error"
            else np.mean(c * c * found.residual + (1.0 - c) ** 2 * variances)
        )
        yield from _compare(
            name, getattr(theory, name), np.mean(expected), rtol, rtol * 1e-3 * size
        )
        by_coordinate = getattr(theory, f"{name}_by_coordinate")
        yield from _compare(f"{name}_by_coordinate", by_coordinate, expected, rtol, 1e-9 * size)
    yield from _compare("coef_norm", theory.coef_norm, np.mean(found.norm) / keep**2, rtol, 1e-300)


def bayes(theory):
    """The floor: the best linear predictor with Sigma known."""
    if not _is_ssr(theory):
        return
    sigma = theory.covariance.dense()
    rate = theory.mask_rate or 0.0
    variances = np.diag(sigma)
    moving = np.flatnonzero(variances > 0)
    part = sigma[np.ix_(moving, moving)]
    shift = rate / (1.0 - rate) * np.diag(part)
    r, accuracy = oracle.inverse(part + np.diag(shift))
    errors = theory.bayes_error_by_coordinate
    if not (errors >= 0).all():
        yield f"bayes_error_by_coordinate has the entry {errors.min():.3g}"
    excess = errors.max(initial=0.0) and np.max(errors - theory.test_error_by_coordinate)
    if excess > DIGITS * np.max(errors):
        yield f"some coordinate's Bayes error exceeds its test error by {excess:.3g}"
    if r is None or accuracy > 1e-8:
        return
    expected = np.zeros(len(sigma))
    expected[moving] = np.diag(part @ r) / np.diag(r)
    yield from _compare(
        "bayes_error_by_coordinate", errors, expected, DIGITS, 1e-12 * variances.max()
    )
    yield from _compare("bayes_error", theory.bayes_error, np.mean(expected), DIGITS)


def order(theory):
    """Inequalities that hold for each setting."""
    if not _is_ssr(theory):
        return
    room = 1.0 + 1e-9
    n, d = theory.n_samples, theory.covariance.d
    if not 0.0 <= theory.train_error <= room * theory.test_error:
        yield f"train_error = {theory.train_error:.6g}, test_error = {theory.test_error:.6g}"
    if not 0.0 <= theory.df2 <= room * theory.df1 <= room * room * min(n, d):
        yield f"df2 = {theory.df2:.6g}, df1 = {theory.df1:.6g} for n = {n}, d = {d}"
    if not theory.mask_rate and theory.kappa < theory.ridge / room:
        yield f"kappa = {theory.kappa:.9g} is below the ridge"
    if theory.coef_norm < 0:
        yield f"coef_norm = {theory.coef_norm:.3g} is negative"
    for name in ("loo_error", "gcv_error"):
        if getattr(theory, name) != theory.test_error:
            yield f"{name} is not the test error"


def monotone(theory):
    """Ridge up: kappa, loss and training error up, df1 and norm down. Samples up: kappa down."""
    if not _is_ssr(theory):
        return
    room = 1.0 + 1e-7
    more = SSRTheory(
        theory.covariance, theory.n_samples, 3.0 * theory.ridge + 1e-12, theory.mask_rate
    )
    for name, sign in (("kappa", 1), ("df1", -1), ("train_error", 1), ("coef_norm", -1)):
        if name == "kappa" and theory.mask_rate:
            continue  # in units of the penalty, which grows as well
        low, high = (getattr(t, name) for t in ((theory, more) if sign > 0 else (more, theory)))
        if not low <= high * room + 1e-300:
            yield f"{name} moves the wrong way with the ridge: {low:.9g} > {high:.9g}"
    if theory.ridge == 0 and theory.n_samples <= theory.covariance.d <= 2 * theory.n_samples:
        return
    twice = SSRTheory(theory.covariance, 2 * theory.n_samples, theory.ridge, theory.mask_rate)
    if not twice.kappa <= theory.kappa * room:
        yield f"kappa grows with n: {theory.kappa:.9g} to {twice.kappa:.9g}"
    if not twice.df1 >= theory.df1 / room:
        yield f"df1 falls with n: {theory.df1:.9g} to {twice.df1:.9g}"


def limits(theory):
    """Nothing is predicted at an infinite ridge; a tiny mask rate is none."""
    if not _is_ssr(theory):
        return
    model, n = theory.covariance, theory.n_samples
    mean = model.trace() / model.d
    top = max(float(np.linalg.eigvalsh(model.dense())[-1]), model.trace() / n)
    ridge = 1e6 * top
    far = SSRTheory(model, n, ridge, theory.mask_rate)
    scale = 1.0 - (theory.mask_rate or 0.0)
    # Relative to the variance the gain is at most the coefficients times the top of Sigma.
    yield from _compare("test_error at a ridge of 1e6", far.test_error, mean, 1e-4)
    yield from _compare("train_error at a ridge of 1e6", far.train_error, mean, 1e-4)
    if not 0.0 <= far.coef_norm <= 1e-4 / scale**2:
        yield f"coef_norm = {far.coef_norm:.3g} at a ridge of 1e6"
    if theory.mask_rate and theory.ridge >= 1e-6 * mean:
        rate = 1e-9 * min(1.0, theory.ridge / model.diagonal().max())
        if rate > 1e-300:
            none, tiny = (SSRTheory(model, n, theory.ridge, p) for p in (None, rate))
            names = ["test_error", "train_error", "full_view_error"]
            # Without a ridge, nearly dependent coordinates feel the smallest rate.
            scale = 1.0 / np.sqrt(np.maximum(model.diagonal(), 1e-300))
            if np.linalg.eigvalsh(model.dense() * scale[:, None] * scale)[0] > 1e-3:
                names.append("bayes_error")
            for name in names:
                yield from _compare(
                    f"{name} at the mask rate {rate:.2g}",
                    getattr(tiny, name),
                    getattr(none, name),
                    1e-5,
                    1e-12 * mean,
                )


# --- spectra ------------------------------------------------------------------------------------


def _changed(theory):
    """How many coordinates or directions are not part of the bulk as they are."""
    ensemble, base = theory.spiked_equivalent, split_spikes(theory.covariance)[0]
    while isinstance(base, Scaled):
        base = base.base
    # With fewer samples than coordinates a process has the D of its interior up to both ends.
    ends = 2 if isinstance(base, AR1) and theory.n_samples < base.d else 0
    return ensemble.strengths.size + max(ensemble.local.size, ends)


def _nu(theory, a):
    """Eigenvalues of M for those that are reported."""
    if not _is_ssr(theory):
        return np.asarray(a, dtype=float)
    with np.errstate(divide="ignore"):
        return 1.0 / (1.0 - theory.spectrum.keep * np.asarray(a, dtype=float))


def is_quick(theory):
    """Whether Sigma and D commute, so that a point of the spectrum is a sum over coordinates."""
    base = split_spikes(theory.covariance)[0]
    core = base
    while isinstance(core, Scaled):
        core = core.base
    if isinstance(core, Diagonal | Isotropic):
        return True
    plain = not _is_ssr(theory) and not theory.standardize and core is base
    return plain or isinstance(base, Circulant)


def spectrum(theory):
    """There is one; what it is worth is for the other checks to say."""
    if not np.isfinite(theory.edges).all():
        yield f"edges are {theory.edges}"


def _nodes(theory, low, high, angle):
    """Places in a bulk and their speed, in an angle in which edges of either kind are smooth.

    The angle is that of nu or of its logarithm, or of the reported eigenvalue in a narrow bulk.
    """
    a, b = _nu(theory, low), _nu(theory, high)
    if not (np.isfinite(b) and b > a):
        return np.full(angle.shape, 0.5 * (low + high)), np.zeros(angle.shape)
    if a > 0 and b < 1.001 * a:
        half = 0.5 * (high - low)
        return low + half * (1.0 - np.cos(angle)), half * np.sin(angle)
    if a > 0:
        y = 0.5 * np.log(a * b) - 0.5 * np.log(b / a) * np.cos(angle)
        nu, speed = np.exp(y), 0.5 * np.log(b / a) * np.sin(angle) * np.exp(y)
    else:
        nu, speed = 0.5 * b * (1 - np.cos(angle)), 0.5 * b * np.sin(angle)
    if not _is_ssr(theory):
        return nu, speed
    return theory.spectrum.eigenvalue(nu), speed / nu**2 / theory.spectrum.keep


def mass(theory):
    """Bulks, by quadrature of the density, atoms and infinite mass add up to one."""
    spectrum = theory.spectrum
    total = spectrum.moment(0)
    if not abs(total - 1.0) <= 3e-6:
        yield f"moment(0) = {total:.9f}"
    atoms = sum(atom.mass for atom in spectrum.atoms)
    edges = np.asarray(theory.edges)
    if edges.size % 2 or not (np.diff(edges) >= 0).all():
        yield f"edges do not ascend in pairs: {edges[:8]}"
        return
    low, high = edges.reshape(-1, 2).T
    if np.any((high > low) & (high - low < 1e4 * np.finfo(float).eps * np.abs(high))):
        return  # reported eigenvalues are too coarse there to be summed over
    infinite = 0.0 if _is_ssr(theory) else spectrum.infinite_mass
    sums = []
    for points in (300, 1200):
        angle = np.pi * (np.arange(points) + 0.5) / points
        part = 0.0
        for low, high in edges.reshape(-1, 2)[:60]:
            place, speed = _nodes(theory, low, high, angle)
            part += np.sum(theory.density(place) * speed) * np.pi / points
        sums.append(part)
    if edges.size <= 120 and abs(sums[1] - sums[0]) < 1e-4:
        total = sums[1] + atoms + infinite
        if not abs(total - 1.0) <= 5e-4:
            yield f"density and atoms add up to {total:.6f}"


def first_moment(theory):
    """Tr A_hat is 0, correlation PCA has mean 1, covariance PCA that of Sigma."""
    spectrum, model = theory.spectrum, theory.covariance
    k, d = _changed(theory), model.d
    if _is_ssr(theory):
        keep = spectrum.keep
        inverse = 1.0 - keep * spectrum.moment(1)
        if k == 0:
            # The series of the density is good to 2e-6 of its mass, at each 1/nu.
            top = float(np.max(1.0 - keep * np.r_[theory.edges, 0.0]))
            if not abs(inverse - 1.0) <= 1e-5 + 3e-6 * top:
                yield f"the mean of A_hat's law is {spectrum.moment(1):.3g}, not 0"
            return
        if theory.spiked_equivalent.equivalent.rho == 0:
            return  # n eigenvalues are all 1/q there, and no outlier is told from them
        nu = np.array([o.position for o in theory.outliers])
        ends = _nu(theory, theory.edges)
        between = (nu > ends.min(initial=np.inf)) & (nu < ends.max(initial=-np.inf))
        # Each direction or odd coordinate moves one eigenvalue by what interlacing allows.
        places = np.r_[theory.edges, [atom.position for atom in spectrum.atoms], 0.0]
        room = (1.0 + 3.0 * np.max(1.0 - keep * places)) * k / d
        room += sum(_moved(theory, place) for place in nu[between]) / d
        total = inverse + np.sum(1.0 / nu[~between]) / d
        if not abs(total - 1.0) <= room + 1e-5:
            yield f"bulk and outliers have the mean {1 - total:.3g}, not 0 (allowed {room:.2g})"
        return
    base = theory.spiked_equivalent.equivalent.covariance
    if theory.standardize:
        # 1 without spikes; else what they leave of each variance, up to 1 where they are local.
        expected = float(np.mean(base.diagonal() / model.diagonal()))
        yield from _compare(
            "mean of correlation PCA", spectrum.moment(1), expected, 1e-5, 1.5 * k / d
        )
        return
    yield from _compare("mean of the law", spectrum.moment(1), base.trace() / d, 1e-5)


def _moved(theory, nu):
    """How far 1/nu of an eigenvalue between two bulks may be from where it was in one of them."""
    bulks = _nu(theory, theory.edges).reshape(-1, 2)
    atoms = _nu(theory, [atom.position for atom in theory.spectrum.atoms])
    low = np.r_[bulks[bulks[:, 1] <= nu, 0], atoms[atoms <= nu]].max(initial=0.0)
    high = np.r_[bulks[bulks[:, 0] >= nu, 1], atoms[atoms >= nu]].min(initial=np.inf)
    return max(1.0 / low - 1.0 / nu if low else 0.0, 1.0 / nu - 1.0 / high)


def second_moment(theory):
    """(1/d) Tr A_hat^2 and (1/d) Tr S^2 against their own formulas."""
    spectrum, model = theory.spectrum, theory.covariance
    k, n = _changed(theory), theory.n_samples
    if not _is_ssr(theory):
        if theory.standardize and k:
            return
        base = theory.spiked_equivalent.equivalent.covariance.dense()
        if theory.standardize:
            scale = np.sqrt(np.diag(base))
            base = base / scale[:, None] / scale
        yield from _compare(
            "second moment", spectrum.moment(2), oracle.second_moment(base, n), 3e-5
        )
        return
    if k:
        return
    found = oracle.errors(model.dense(), n, _penalty(theory))
    if found is None or found.accuracy / (1.0 - found.df2 / n) > 1e-8:
        return
    low = np.max(1.0 - spectrum.keep * np.r_[theory.edges, 0.0])
    yield from _compare(
        "second moment",
        spectrum.keep**2 * spectrum.moment(2),
        found.second,
        1e-4,
        1e-6 * (1.0 + low * low),
    )


def support(theory):
    """Density inside, none outside; no eigenvalue of A_hat above 1/q; atoms where they belong."""
    spectrum = theory.spectrum
    bulks = np.asarray(theory.edges).reshape(-1, 2)
    top = 1.0 / spectrum.keep if _is_ssr(theory) else np.inf
    if bulks.size and bulks.max() > top * (1 + 1e-12):
        yield f"an edge at {bulks.max():.6g} is above 1/q"
    for i, (low, high) in enumerate(bulks[:40]):
        wide = high - low
        if wide <= 1e-9 * max(abs(low), abs(high), 1e-300):
            continue
        inside = low + wide * np.array([0.01, 0.5, 0.99])
        values = np.asarray(theory.density(inside))
        if not (values > 0).all():
            yield f"the density is {values} inside the bulk [{low:.6g}, {high:.6g}]"
        step = 1e-6 * wide
        # Half of the gap to the neighbour at most.
        before = low - min(step, 0.5 * (low - bulks[i - 1, 1]) if i else step)
        after = high + min(step, 0.5 * (bulks[i + 1, 0] - high) if i + 1 < len(bulks) else step)
        after = min(after, top)
        values = np.asarray(theory.density(np.array([before, after])))
        if np.any(values > 1e-3 / wide):
            yield f"the density is {values} outside the bulk [{low:.6g}, {high:.6g}]"
    variances = theory.covariance.diagonal()
    zeros = int(np.sum(variances == 0))
    if zeros:
        found = sum(atom.mass for atom in spectrum.atoms if abs(atom.position) <= 1e-9)
        if not found >= zeros / variances.size - 1e-9:
            places = [(float(f"{a.position:.4g}"), a.mass) for a in spectrum.atoms]
            yield f"{zeros} coordinates without variance, atoms {places}"


def spikes(theory):
    """Thresholds, order and size of what the spikes report."""
    strengths = split_spikes(theory.covariance)[1]
    if strengths.size == 0 or theory.spiked_equivalent.equivalent.rho == 0:
        return
    found = theory.spikes
    if [s.strength for s in found] != list(strengths):
        yield "spikes are not in the order of the model"
    # A bulk that a few loud coordinates make hides no spike.
    bulks = np.asarray(theory.edges).reshape(-1, 2)
    held = np.diff(theory.spectrum.cdf(bulks)).ravel()
    top = bulks[held > 0.05, 1].max(initial=-np.inf)
    for spike in found:
        yield from _of_one_spike(theory, spike, top)
    # Above that edge a few loud coordinates may have bulks, in which an eigenvalue can lie.
    swallowing = np.any(bulks[:, 0] > top)
    split = theory.spiked_equivalent
    # Where a direction is partly on loud coordinates, an outlier may be theirs and its own at once.
    shared = split.directions[:, split.own :].T @ split.directions[:, : split.own]
    alone = not swallowing and split.local.size == 0 and not np.any(shared**2 > 0.01)
    if len(found) == 1 and alone:
        spike = found[0]
        clear = abs(spike.strength / spike.threshold - 1.0) > 1e-6
        if clear and spike.detected != (spike.strength > spike.threshold):
            yield f"detected: {spike.detected} at {spike.strength:.5g} of {spike.threshold:.5g}"


def _of_one_spike(theory, spike, top):
    names = (
        ("right_overlap", "left_overlap", "symmetric_overlap") if _is_ssr(theory) else ("overlap",)
    )
    if not spike.threshold > 0:
        yield f"threshold {spike.threshold:.3g}"
    for name in names:
        if not -1e-9 <= getattr(spike, name) <= 1.0 + 1e-9:
            yield f"{name} = {getattr(spike, name):.6g}"
    if spike.detected and spike.eigenvalue < top:
        yield f"a detected eigenvalue {spike.eigenvalue:.6g} below the edge {top:.6g}"
    if not spike.detected and any(getattr(spike, name) for name in names):
        yield "an overlap without an eigenvalue"


def pca_outliers(theory):
    """Outliers of covariance PCA from the population's own eigenvalues."""
    ensemble = theory.spiked_equivalent
    if _is_ssr(theory) or theory.standardize or ensemble.strengths.size == 0:
        return
    base, n = ensemble.equivalent.covariance.dense(), theory.n_samples
    sigma = theory.covariance.dense()
    expected = oracle.population_outliers(sigma, base, n)
    top = theory.edges[-1]
    clear = [e for e in expected if e[0] > top * (1.0 + 1e-6)]
    got = [o for o in theory.outliers if o.position > top * (1.0 + 1e-6)]
    if len(got) != len(clear):
        yield f"{len(got)} outliers above the bulk where {len(clear)} are due"
        return
    levels = np.linalg.eigvalsh(sigma)
    # Population eigenvalues are known to eps of the largest; psi' tells what becomes of that.
    for outlier, (place, slope, alpha, vector) in zip(got, clear, strict=True):
        rtol = 1e-8 + 1e-12 * sigma.trace() / place
        # Eigenvalues that are closer than 1/d count as one.
        near = [abs(place - e[0]) <= 2.0 * place / len(sigma) for e in clear]
        yield from _compare(
            "outlier", outlier.position, place, rtol if sum(near) == 1 else 2.0 / len(sigma)
        )
        if sum(near) > 1:
            continue
        # A vector is known to the rounding of the matrix over the distance to the next eigenvalue.
        turned = 10.0 * np.finfo(float).eps * levels[-1] / np.sort(np.abs(levels - alpha))[1]
        for j, u in enumerate(ensemble.directions.T):
            overlap = alpha * slope / place * (u @ vector) ** 2
            yield from _compare(
                f"overlap with direction {j}", outlier.overlap(u), overlap, 1e-5, 1e-7 + turned
            )


# --- the same world seen otherwise ---------------------------------------------------------------


def _again(theory, model, n=None, ridge=None) -> Any:
    n = theory.n_samples if n is None else n
    if _is_ssr(theory):
        return SSRTheory(model, n, theory.ridge if ridge is None else ridge, theory.mask_rate)
    return PCATheory(model, n, theory.standardize)


def _same_law(name, got, expected, tolerance):
    """Two theories with one law: its ends, its shares, and its gaps where they are wide."""
    a, b = _nu(got, got.edges), _nu(expected, expected.edges)
    if not (a.size and b.size):
        if a.size != b.size:
            yield f"{name}: {a.size // 2} bulks where there are {b.size // 2}"
        return
    ends = [0, -1] if np.isfinite(b[-1]) else [0]
    yield from _compare(f"{name}: nu of the ends", a[ends], b[ends], tolerance, 1e-9 * b[ends[-1]])
    p = (np.arange(40) + 0.5) / 40
    place = expected.spectrum.quantile(p)
    wide = 1e-6 * (1.0 + np.abs(place))
    low, high = got.spectrum.cdf(place - wide), got.spectrum.cdf(place + wide)
    off = np.maximum(low - p, p - high)
    # At an atom a whole interval of shares has one quantile.
    atom = expected.spectrum.cdf(place + wide) - expected.spectrum.cdf(place - wide) > 1e-3
    off = np.where(atom, 0.0, off)
    if not off.max() <= 1e-4:
        k = int(np.argmax(off))
        yield (f"{name}: shares {low[k]:.5f} to {high[k]:.5f} at {place[k]:.6g}, {p[k]:.5f} is due")
    for mine, other, who in ((a, b, "second"), (b, a, "first")):
        for low, high in zip(mine[1:-1:2], mine[2:-1:2], strict=True):
            inner = (other > low - 0.02 * high) & (other < high + 0.02 * high)
            if high > 1.05 * low and not inner.any():
                yield f"{name}: the gap of nu from {low:.6g} to {high:.6g} is only in the {who} law"
                return


def scaled(theory, rng):
    """In other units of the whole, the same law; errors in the square of the units."""
    factor = 10.0 ** rng.uniform(-4, 4)
    model = Scaled(theory.covariance, np.sqrt(factor))
    if _is_ssr(theory):
        other = _again(theory, model, ridge=theory.ridge * factor)
        for name in ("test_error", "train_error", "bayes_error", "full_view_error"):
            yield from _compare(
                f"{name} in other units",
                getattr(other, name) / factor,
                getattr(theory, name),
                1e-6,
                1e-13 * theory.covariance.trace() / theory.covariance.d,
            )
        yield from _same_law("other units", other, theory, 1e-6)
        return
    other = _again(theory, model)
    if theory.standardize:
        yield from _same_law("other units", other, theory, 1e-6)
        return
    ends = [0, -1]
    yield from _compare("ends in other units", other.edges[ends] / factor, theory.edges[ends], 1e-6)


def units(theory, rng):
    """Correlation PCA does not see units of single coordinates."""
    if _is_ssr(theory):
        return
    model = theory.covariance
    if isinstance(model, Circulant | Spiked) and model.d > 60:
        return
    if (model.diagonal() <= 0).any():
        return
    plain = PCATheory(model, theory.n_samples, True)
    count = int(rng.integers(1, model.d + 1)) if rng.random() < 0.5 else 1
    scales = np.ones(model.d)
    scales[rng.permutation(model.d)[:count]] = 10.0 ** rng.uniform(-1.5, 1.5, count)
    other = PCATheory(Scaled(model, scales), theory.n_samples, True)
    k = _changed(plain) + _changed(other)
    if k == 0:
        yield from _same_law("other units of coordinates", other, plain, 1e-6)
        return
    yield from _compare(
        "top edge in other units", other.edges[-1], plain.edges[-1], 5.0 * k / model.d
    )


def permuted(theory, rng):
    """The order of the coordinates means nothing."""
    model = theory.covariance
    if model.d > 48:
        return
    order = rng.permutation(model.d)
    if isinstance(model, Diagonal):
        plain, other = model, Diagonal(model.variances[order])
    else:
        sigma = model.dense()
        plain, other = Dense(sigma), Dense(sigma[np.ix_(order, order)])
    first, second = _again(theory, plain), _again(theory, other)
    yield from _same_law("permuted", second, first, 1e-5)
    if _is_ssr(theory):
        size = np.mean(first.test_error_by_coordinate)
        yield from _compare(
            "permuted test errors",
            second.test_error_by_coordinate,
            first.test_error_by_coordinate[order],
            1e-6,
            1e-8 * size,
        )


def dense(theory, rng):
    """A structured model and the matrix it stands for."""
    model = theory.covariance
    if isinstance(model, Dense) or model.d > 48:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error", AccuracyWarning)
        try:
            other = _again(theory, Dense(model.dense()))
        except AccuracyWarning:  # a matrix does not know that its small eigenvalues are 0
            return
    if _is_ssr(theory):
        for name in ("test_error", "train_error", "coef_norm"):
            yield from _compare(
                f"{name} of the matrix", getattr(other, name), getattr(theory, name), 1e-5, 1e-12
            )
    if _changed(theory) == 0 and _changed(other) == 0:
        yield from _same_law("as a matrix", other, theory, 1e-5)


def one_odd_coordinate(theory, rng):
    """A coordinate of any variance in a large world moves the others by no more than O(1/d)."""
    model, n = theory.covariance, theory.n_samples
    # Elsewhere all coordinates hang together, and one of them can matter.
    plain = isinstance(model, Isotropic) or (isinstance(model, AR1) and abs(model.rho) < 0.8)
    if not plain and isinstance(model, Diagonal):
        plain = model.variances.min() > 0.01 * model.variances.max()
    d = model.d
    if not plain or min(n, d) < 50:
        return
    j = int(rng.integers(d))
    factor = 10.0 ** rng.uniform(-3, 3)
    scales = np.ones(d)
    scales[j] = np.sqrt(factor)
    if isinstance(model, Diagonal) and rng.random() < 0.3:
        variances = model.variances.copy()
        variances[j], factor = 0.0, 0.0
        other = Diagonal(variances)
    else:
        other = Scaled(model, scales)
    u = np.ones((d, 1))
    u[j] = 0.0
    u /= np.linalg.norm(u)
    weak = 1e-3 * model.trace() / d
    first, second = (_again(theory, Spiked(m, weak, u)) for m in (model, other))
    lift = 1.0
    if _is_ssr(theory):
        lift = 1.0 - first.df2 / n
        if lift < 0.1:
            return
        rest = np.delete(np.arange(d), j)
        yield from _compare(
            f"mean test error of the others (coordinate {j} times {factor:.3g})",
            np.mean(second.test_error_by_coordinate[rest]),
            np.mean(first.test_error_by_coordinate[rest]),
            20.0 / min(n, d) / lift,
        )
    if theory.spiked_equivalent.equivalent.rho < 1e-6:
        return
    yield from _compare(
        f"threshold of a flat direction (coordinate {j} times {factor:.3g})",
        second.spikes[0].threshold,
        first.spikes[0].threshold,
        30.0 / min(n, d) / lift,
    )
    a, b = _nu(theory, second.edges), _nu(theory, first.edges)
    if b.size == 2:
        # The bulk of all others: an eigenvalue of the odd coordinate is not part of it.
        bulks = a.reshape(-1, 2)
        law = second.spectrum
        held = np.diff(law.cdf(second.edges).reshape(-1, 2)).ravel()
        main = bulks[int(np.argmax(held))]
        yield from _compare(
            f"nu of the edges (coordinate {j} times {factor:.3g})",
            main,
            b,
            4.0 * min(n, d) ** (-2 / 3) / lift,
            # With n next to d the root of the lowest edge is itself of order 1/d.
            b[-1] / min(n, d) ** 2,
        )


# --- against a draw ------------------------------------------------------------------------------


def _draw(theory, rng):
    """Eigenvalues nu of M of one sample, by the definition of the estimator."""
    model, n = theory.covariance, theory.n_samples
    sigma = model.dense()
    values, vectors = np.linalg.eigh(sigma)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    x = rng.standard_normal((n, model.d)) @ root.T
    x[:, np.diag(sigma) == 0] = 0.0
    s = x.T @ x / n
    if not _is_ssr(theory):
        if theory.standardize:
            scale = 1.0 / np.sqrt(np.diag(s))
            s = s * scale[:, None] * scale
        return np.maximum(np.linalg.eigvalsh(s), 0.0)
    keep = 1.0 - (theory.mask_rate or 0.0)
    penalty = (1.0 - keep) / keep * np.diag(s) + theory.ridge / keep**2
    q, _ = oracle.inverse(s + np.diag(penalty))
    if q is None:
        return None
    root = 1.0 / np.sqrt(np.diag(q))
    return 1.0 / np.maximum(
        np.linalg.eigvalsh(np.asarray(q * root[:, None] * root, float))[::-1], 1e-18
    )


def simulation(theory, rng):
    """One draw: its eigenvalues lie where the law has mass, and wherever it has."""
    model, n, d = theory.covariance, theory.n_samples, theory.covariance.d
    small = min(n, d)
    if small < 60 or d < 120:
        return
    shrinkage = theory.spiked_equivalent.equivalent.rho
    if abs(n / d - 1.0) < 0.2 and not (_is_ssr(theory) and shrinkage > 0.2):
        return  # at a hard edge single eigenvalues fluctuate by as much as they are
    if _is_ssr(theory) and not theory.mask_rate and theory.ridge < 1e-9 * model.trace() / d:
        return
    nu = _draw(theory, rng)
    if nu is None:
        return
    # D fluctuates by sqrt(2/n) on each coordinate, edges by d^(-2/3); four of them.
    tau = 4.0 * np.sqrt(2.0 / small)
    law = theory.spectrum
    bulks = [tuple(b) for b in _nu(theory, theory.edges).reshape(-1, 2)]
    bulks += [(float(p), float(p)) for p in _nu(theory, [a.position for a in law.atoms])]
    with np.errstate(divide="ignore"):
        bulks = [(np.log(a), np.log(b)) for a, b in bulks]
    outliers = np.log([o.position for o in theory.outliers]) if shrinkage else np.empty(0)
    yield from _strangers(nu, bulks, outliers, tau)
    yield from _empty_bulks(theory, nu, bulks, tau)
    yield from _shares(theory, nu, tau)


def _log_sample(nu):
    return np.log(nu[nu > 1e-9 * np.max(nu)])


def _strangers(nu, bulks, outliers, tau):
    """Eigenvalues of a draw far from everything, and outliers far from all of them."""
    sample = _log_sample(nu)

    def alone(y):
        return all(y < a - 2 * tau or y > b + 2 * tau for a, b in bulks)

    for y in filter(alone, sample):
        if not np.any(np.abs(outliers - y) < tau):
            yield f"a draw has the eigenvalue nu = {np.exp(y):.5g} far from all bulks and outliers"
            break
    for y in filter(alone, outliers):
        if not np.any(np.abs(sample - y) < tau):
            yield f"a draw has no eigenvalue near the outlier nu = {np.exp(y):.5g}"


def _cdf(theory, y):
    """The law's share up to the logarithm of nu."""
    nu = np.exp(y)
    law = theory.spectrum
    return law.cdf((1.0 - 1.0 / nu) / law.keep if _is_ssr(theory) else nu)


def _empty_bulks(theory, nu, bulks, tau):
    sample, floor = _log_sample(nu), np.log(1e-9 * np.max(nu))
    # Each direction, and each coordinate whose D it changes, may take one eigenvalue out of a bulk.
    moved = theory.spiked_equivalent.strengths.size + theory.spiked_equivalent.local.size
    for a, b in bulks:
        if not np.isfinite(a) or not np.isfinite(b) or a < floor:
            continue
        held = theory.covariance.d * float(_cdf(theory, b + 1e-9) - _cdf(theory, a - 1e-9))
        if held > moved + 0.5 and not np.any((sample > a - tau) & (sample < b + tau)):
            yield (
                f"a draw has no eigenvalue near the bulk nu in [{np.exp(a):.5g}, {np.exp(b):.5g}], "
                f"which should hold {held:.2f}"
            )
            return


def _shares(theory, nu, tau):
    """Levy distance: rigidity leaves a few eigenvalues, each spike or odd coordinate one more."""
    n, d = theory.n_samples, theory.covariance.d
    if not np.all(nu > 1e-9 * np.max(nu)):
        return
    sample = np.log(nu)
    room = (6.0 + 2.0 * _changed(theory)) / d + 1.0 / min(n, d)
    steps = np.arange(1, d + 1) / d
    below, above = _cdf(theory, sample - tau) - room, _cdf(theory, sample + tau) + room
    if np.any(steps - 1.0 / d > above) or np.any(steps < below):
        k = int(np.argmax(np.maximum(steps - above, below - steps)))
        yield (
            f"a draw has a share {steps[k]:.4f} up to nu = {nu[k]:.5g}, the law "
            f"{float(_cdf(theory, sample[k])):.4f}"
        )


ERRORS = {f.__name__: f for f in (fixed_point, all_errors, bayes, order, monotone, limits)}
SPECTRA = {
    f.__name__: f for f in (mass, first_moment, second_moment, support, spikes, pca_outliers)
}
VARIANTS = {f.__name__: f for f in (scaled, units, permuted, dense, one_odd_coordinate)}
