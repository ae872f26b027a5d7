"""Speed, accuracy and memory of the spectra, against closed forms, exact roots and other packages.

Sides of a ratio are run in turn in one process, in seconds of CPU time and with one BLAS thread.
RMTool (`rmtool`) and `freealg` are not needed by this package; where they are not installed, their
lines are left out. freealg takes minutes for what it is asked and is run once. Nothing here fails
because a machine is slow.
"""

import multiprocessing
import resource
import warnings
from time import process_time

import numpy as np
import pytest
from measure import interleaved, report
from threadpoolctl import threadpool_limits

from mssl.covariance import Diagonal, Isotropic
from mssl.theory import PCATheory, SSRTheory

pytestmark = pytest.mark.bench

# Three atoms of equal weight, and d / n.
ATOMS, RATIO = (0.5, 2.0, 7.0), 0.2


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(limits=1, user_api="blas"):
        yield


def _bare(x, ratio):
    """The Marchenko-Pastur density, as one would write it down."""
    low, high = (1 - np.sqrt(ratio)) ** 2, (1 + np.sqrt(ratio)) ** 2
    return np.sqrt(np.maximum((high - x) * (x - low), 0.0)) / (2.0 * np.pi * ratio * x)


def _roots(x, atoms, ratio):
    r"""Density by the roots of the polynomial in the companion transform v.

    .. math:: (1 + xv)\prod_i(1 + t_iv) = \frac{\gamma v}{k}\sum_i t_i\prod_{j\ne i}(1 + t_jv)
    """
    v = np.polynomial.Polynomial([0.0, 1.0])
    factors = [1.0 + t * v for t in atoms]
    product = np.prod(factors)
    rest = sum(
        t * np.prod([f for j, f in enumerate(factors) if j != i]) for i, t in enumerate(atoms)
    )
    right = ratio / len(atoms) * v * rest
    heights = [max(0.0, ((1.0 + place * v) * product - right).roots().imag.max()) for place in x]
    return np.array(heights) / (np.pi * ratio)


def _points(theory, count):
    """Points inside all bulks, none of them next to an edge."""
    bulks = theory.edges.reshape(-1, 2)
    inside = [np.linspace(a, b, count // len(bulks) + 2)[1:-1] for a, b in bulks]
    return np.concatenate(inside)


def test_marchenko_pastur_against_formula(benchmark, capsys):
    theory = PCATheory(Isotropic(1000), 2000)
    x = np.linspace(0.01, 3.5, 100_000)
    np.testing.assert_allclose(theory.density(x), _bare(x, 0.5), atol=1e-12)
    benchmark.pedantic(theory.density, args=(x,), rounds=20, warmup_rounds=2)
    ours, bare = interleaved(lambda: theory.density(x), lambda: _bare(x, 0.5), rounds=100)
    text = "Marchenko-Pastur density / bare formula, 1e5 points"
    report(benchmark, capsys, text, ours / bare, 1.5, "at most")


def test_three_atoms_against_roots(benchmark, capsys):
    d = 999
    theory = PCATheory(Diagonal(np.repeat(ATOMS, d // 3)), round(d / RATIO))
    x = _points(theory, 1000)
    benchmark.pedantic(theory.density, args=(x,), rounds=5, warmup_rounds=1)
    exact = _roots(x, ATOMS, d / theory.n_samples)
    error = np.max(np.abs(theory.density(x) - exact))
    text = "three atoms, 1000 points: largest error against the roots of the polynomial"
    report(benchmark, capsys, text, error, 1e-9, "at most")
    ours, roots = interleaved(lambda: theory.density(x), lambda: _roots(x, ATOMS, RATIO), rounds=3)
    text = "roots of the polynomial, point by point / density, three atoms, 1000 points"
    report(benchmark, capsys, text, roots / ours, 1, "at least")


def test_three_atoms_against_rmtool(benchmark, capsys):
    rmtool = pytest.importorskip("rmtool")
    d = 999
    theory = PCATheory(Diagonal(np.repeat(ATOMS, d // 3)), round(d / RATIO))
    x = _points(theory, 1000)
    polynomial = rmtool.AtimesWish(rmtool.atomLmz(["1/2", 2, 7], ["1/3"] * 3), "1/5")

    def peer():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it leaves the choice among four roots to its user
            return rmtool.Lmz2pdf(polynomial, x).best_density()

    exact = _roots(x, ATOMS, d / theory.n_samples)
    error, theirs = (np.max(np.abs(y - exact)) for y in (theory.density(x), peer()))
    benchmark.pedantic(theory.density, args=(x,), rounds=5, warmup_rounds=1)
    with capsys.disabled():
        print(f"\nlargest error, three atoms: {error:.1e}, of RMTool {theirs:.1e}")
    ours, other = interleaved(lambda: theory.density(x), peer, rounds=3)
    text = "RMTool, its polynomial given / density, three atoms, 1000 points"
    report(benchmark, capsys, text, other / ours, 1, "at least")


def test_200_atoms_against_freealg(benchmark, capsys):
    distributions = pytest.importorskip("freealg.distributions")
    atoms = np.exp(np.random.default_rng(0).normal(0.0, 0.5, size=200))
    ratio, d = 0.5, 200
    theory = PCATheory(Diagonal(atoms), round(d / ratio))
    x = _points(theory, 1000)
    benchmark.pedantic(theory.density, args=(x,), rounds=3, warmup_rounds=1)
    start = process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = distributions.CompoundFreePoisson(atoms, np.full(d, 1.0 / d), ratio)
        theirs = np.asarray(peer.density(x)) / ratio
    slow = process_time() - start
    (fast,) = interleaved(lambda: theory.density(x), rounds=3)
    # The equation itself judges both: v = -1 / (x - gamma <t / (1 + t v)>).
    v = ratio * theory.spectrum.stieltjes(x) + (ratio - 1.0) / x
    ours = v.imag / (np.pi * ratio)
    residual = np.max(np.abs(v * (x - ratio * np.mean(atoms / (1 + np.outer(v, atoms)), 1)) + 1))
    mass = theory.spectrum.cdf(theory.edges[-1])
    with capsys.disabled():
        print(
            f"\n200 atoms: residual of the equation {residual:.1e}, mass - 1 = {mass - 1:.1e}, "
            f"freealg off by up to {np.nanmax(np.abs(theirs - ours)):.2g}, "
            f"median {np.nanmedian(np.abs(theirs - ours)):.1e}"
        )
    assert residual < 1e-10
    assert np.all(v.imag > 0)
    np.testing.assert_allclose(theory.density(x), ours, atol=1e-12)
    text = "freealg / density, 200 atoms, 1000 points"
    report(benchmark, capsys, text, slow / fast, 100, "at least")


def _large_density(connection):
    """CPU seconds and peak memory, in bytes, of a process that does nothing else."""
    variances = np.exp(np.random.default_rng(0).normal(0.0, 0.7, size=100_000))
    theory = SSRTheory(Diagonal(variances), 150_000, 0.1)
    start = process_time()
    values = theory.density(np.linspace(-2.0, 0.95, 500))
    seconds = process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    connection.send((seconds, peak, bool(np.isfinite(values).all() and values.max() > 0)))


def test_many_variances(benchmark, capsys):
    context = multiprocessing.get_context("spawn")

    def work():
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_large_density, args=(sender,))
        process.start()
        sender.close()
        result = receiver.recv()
        process.join()
        return result

    seconds, peak, good = benchmark.pedantic(work, rounds=1)
    assert good
    text = "500 points of the density of A_hat, 1e5 distinct variances: "
    report(benchmark, capsys, text + "CPU seconds", seconds, 10, "at most")
    report(benchmark, capsys, text + "peak GB of the whole process", peak / 1e9, 1, "at most")
