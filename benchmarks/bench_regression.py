"""Speed and memory of `mssl.regression` against LAPACK's floor and scikit-learn.

The two sides of a ratio are run in turn, round by round, in one process, with one BLAS thread and
in seconds of CPU time, so that other work on the machine disturbs neither; `all` threads are
measured by the clock and want a quiet machine. Nothing here fails because a machine is slow.
"""

import os
import tracemalloc
from time import perf_counter, process_time

import numpy as np
import pytest
from measure import interleaved, report
from scipy.linalg.blas import dsyrk
from scipy.linalg.lapack import dpotrf, dpotri
from sklearn.linear_model import Ridge, RidgeCV
from threadpoolctl import threadpool_limits

from mssl.regression import MaskedRegression, MaskedRegressionCV

pytestmark = pytest.mark.bench


def _data(n, d):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, d)) + rng.standard_normal((n, 1))


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(limits=1, user_api="blas"):
        yield


def _floor(X, ridge):
    """Gram product (half of it, syrk), potrf and potri, all by one BLAS, and nothing else."""
    a, trans = (X, 1) if X.flags.f_contiguous else (X.T, 0)
    S = dsyrk(1.0 / len(X), a, trans=trans, lower=1)
    np.einsum("kk->k", S)[...] += ridge
    factor, _ = dpotrf(S, lower=1, clean=0, overwrite_a=1)
    return dpotri(factor, lower=1, overwrite_c=1)[0]


def _against_peer(fit, peer, X, every):
    """Seconds of one peer fit for each feature, over the mean seconds of `fit` in between."""
    fit()
    ours, theirs = [], 0.0
    for k in range(X.shape[1]):
        others = np.delete(X, k, axis=1)
        start = process_time()
        peer.fit(others, X[:, k])
        theirs += process_time() - start
        if k % every == 0:
            start = process_time()
            fit()
            ours.append(process_time() - start)
    return theirs / np.mean(ours)


@pytest.mark.parametrize("order", ["C", "F"])
def test_fit_against_floor(benchmark, capsys, order):
    X = np.asarray(_data(2000, 1000), order=order)
    model = MaskedRegression(ridge=0.1)
    benchmark.pedantic(model.fit, args=(X,), rounds=5, warmup_rounds=1)
    ours, floor = interleaved(lambda: model.fit(X), lambda: _floor(X, 0.1), rounds=10)
    text = f"fit / (Gram + potrf + potri), d=1000 n=2000, X in {order} order, one BLAS thread"
    report(benchmark, capsys, text, ours / floor, 1.5, "at most")


def test_fit_against_floor_on_all_threads(benchmark, capsys):
    X = _data(2000, 1000)
    model = MaskedRegression(ridge=0.1)
    with threadpool_limits(limits=os.cpu_count(), user_api="blas"):
        benchmark.pedantic(model.fit, args=(X,), rounds=3, warmup_rounds=1)
        functions = (lambda: model.fit(X), lambda: _floor(X, 0.1))
        ours, floor = interleaved(*functions, rounds=20, clock=perf_counter)
    text = "fit / (Gram + potrf + potri), d=1000 n=2000, all BLAS threads, by the clock"
    report(benchmark, capsys, text, ours / floor, 1.5, "at most")


def test_errors_against_fit(benchmark, capsys):
    X = _data(2000, 1000)
    model = MaskedRegression(ridge=0.1)
    benchmark.pedantic(lambda: model.fit(X).loo_error_, rounds=5, warmup_rounds=1)
    both, fit = interleaved(lambda: model.fit(X).loo_error_, lambda: model.fit(X), rounds=7)
    text = "fit with train, LOO and GCV errors / fit alone, d=1000 n=2000"
    report(benchmark, capsys, text, both / fit, 4, "at most")


@pytest.mark.parametrize(("n", "d", "errors"), [(2000, 1000, False), (2000, 1000, True)])
def test_memory(benchmark, capsys, n, d, errors):
    X = _data(n, d)

    def work():
        model = MaskedRegression(ridge=0.1).fit(X)
        return model.loo_error_ if errors else model

    work()
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    benchmark.pedantic(work, rounds=3)
    text = f"peak memory beyond X in d x d arrays, {'fit and errors' if errors else 'fit'}"
    report(benchmark, capsys, text, peak / (8 * d * d), 2, "at most")


def test_fit_against_separate_ridges(benchmark, capsys):
    X = _data(1000, 500)
    model, peer = MaskedRegression(ridge=0.1), Ridge(alpha=1000 * 0.1, fit_intercept=False)
    benchmark.pedantic(model.fit, args=(X,), rounds=10, warmup_rounds=2)
    ratio = _against_peer(lambda: model.fit(X), peer, X, every=20)
    text = "d scikit-learn Ridge fits / fit, d=500 n=1000, one BLAS thread"
    report(benchmark, capsys, text, ratio, 300, "at least")


@pytest.mark.parametrize("rate", [0.15, 0.5, 0.75])
def test_drawn_masks_by_the_clock(benchmark, capsys, rate):
    model = MaskedRegression(ridge=0.1, mask_rate=rate, n_masks=8, rng=0)
    X = _data(1500, 1000)
    with threadpool_limits(limits=os.cpu_count(), user_api="blas"):
        start = perf_counter()
        benchmark.pedantic(model.fit, args=(X,), rounds=1)
    text = f"seconds to train on 8 drawn masks a sample, rate {rate}, d=1000 n=1500, all threads"
    report(benchmark, capsys, text, perf_counter() - start, 60, "at most")


def test_dual_against_primal(benchmark, capsys):
    X = _data(500, 2000)
    model = MaskedRegression(ridge=0.1)
    benchmark.pedantic(model.fit, args=(X,), rounds=5, warmup_rounds=1)
    ours, primal = interleaved(lambda: model.fit(X), lambda: _floor(X, 0.1), rounds=5)
    text = "primal inverse / dual fit, d=2000 n=500"
    report(benchmark, capsys, text, primal / ours, 3, "at least")


def test_path_against_ridgecv(benchmark, capsys):
    X = _data(400, 200)
    ridges = np.logspace(-3, 2, 10)
    model = MaskedRegressionCV(ridges=ridges)
    peer = RidgeCV(alphas=len(X) * ridges, fit_intercept=False)
    benchmark.pedantic(model.fit, args=(X,), rounds=10, warmup_rounds=2)
    ratio = _against_peer(lambda: model.fit(X), peer, X, every=10)
    text = "d RidgeCV fits / MaskedRegressionCV, d=200 n=400, 10 ridges, one BLAS thread"
    report(benchmark, capsys, text, ratio, 50, "at least")
