"""Checks of the claims of the chapter "One coordinate at a time"."""

from __future__ import annotations

import numpy as np
import sympy as sp
from sklearn.linear_model import Ridge

from mssl.chapters.ledger.checks import NUMERICAL, SIMULATION, Check, identity, numerical, worst
from mssl.covariance import AR1, Dense
from mssl.regression import MaskedRegression
from mssl.symbolic import closed_form
from mssl.symbolic.derivation import Identity

# (n, d, ridge): more samples than coordinates, as many, and fewer; then least squares.
SHAPES = ((40, 7, 0.3), (9, 9, 0.05), (6, 15, 0.2), (20, 6, 0.0))


def _data(n, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + rng.standard_normal((n, 1))


def _separate_fits(X, ridge):
    """Each coordinate regressed on the others by orthogonal factorisation, without Q.

    The penalty enters as extra rows, so that nothing of the closed form is used.
    """
    n, d = X.shape
    A = np.zeros((d, d))
    for k in range(d):
        others = np.arange(d) != k
        design = np.vstack([X[:, others] / np.sqrt(n), np.sqrt(ridge) * np.eye(d - 1)])
        target = np.concatenate([X[:, k] / np.sqrt(n), np.zeros(d - 1)])
        A[others, k] = np.linalg.lstsq(design, target)[0]
    return A


def _resolvent(X, ridge):
    n, d = X.shape
    return np.linalg.inv(X.T @ X / n + ridge * np.eye(d))


def _over_shapes(compare, setting):
    """The worst of one numerical comparison over all shapes."""
    pairs = [compare(_data(n, d, seed=n), ridge) for n, d, ridge in SHAPES]
    return worst(*[numerical(found, expected, setting) for found, expected in pairs])


def check_closed_form():
    def columns(X, ridge):
        Q, fits = _resolvent(X, ridge), _separate_fits(X, ridge)
        package = MaskedRegression(ridge=ridge).fit(X).coef_
        return np.stack([np.eye(len(Q)) - Q / np.diag(Q), package]), np.stack([fits, fits])

    def others(X, ridge):
        # The only solution: every other admissible matrix costs this much more.
        n, d = X.shape
        A, shifted = np.eye(d) - _resolvent(X, ridge) / np.diag(_resolvent(X, ridge)), X.T @ X / n
        shifted = shifted + ridge * np.eye(d)
        H = np.random.default_rng(d).standard_normal((20, d, d)) * (1 - np.eye(d))

        def objective(B):
            fit = np.sum((X - X @ B) ** 2, axis=(-2, -1)) / n
            return fit + ridge * np.sum(B**2, axis=(-2, -1))

        more = objective(A + H) - objective(A)
        return more, np.einsum("tjk,jl,tlk->t", H, shifted, H)

    setting = (
        "all columns against separate fits, the cost of 20 others; "
        "(40, 7), (9, 9), (6, 15), and (20, 6) at ridge 0"
    )
    return worst(*[_over_shapes(columns, setting), _over_shapes(others, setting)])


def check_minimum():
    def compare(X, ridge):
        A = _separate_fits(X, ridge)
        values = np.mean((X - X @ A) ** 2, axis=0) + ridge * np.sum(A**2, axis=0)
        return 1.0 / np.diag(_resolvent(X, ridge)) - ridge, values

    return _over_shapes(compare, "objective at the separate fits; four shapes (n, d)")


def check_partitioned():
    size, inside, outside = 3, [0, 1], [2]
    M = sp.Matrix(size, size, lambda i, j: sp.Symbol(f"m{min(i, j)}{max(i, j)}", real=True))
    inverse = M.adjugate() / M.det()
    B = M.extract(outside, outside)
    C = M.extract(inside, inside) - M.extract(inside, outside) * B.inv() * M.extract(
        outside, inside
    )
    U = inverse[:, inside]
    padded = sp.zeros(size, size)
    padded[2, 2] = 1 / B[0, 0]
    parts = [
        inverse.extract(inside, inside) * C - sp.eye(2),
        inverse.extract(outside, inside) + B.inv() * M.extract(outside, inside) * U[inside, :],
        inverse - padded - U * C * U.T,
    ]
    scalar = [c.residual() for c in closed_form(3).claims if isinstance(c, Identity)]
    return identity(
        [*(part.applyfunc(sp.cancel) for part in parts), *scalar, sp.Integer(_wrong_blocks())],
        "generic symmetric 3 x 3 matrix, blocks of one and of two coordinates; numbers at d = 7",
    )


def _wrong_blocks():
    """Statements of the partitioned inverse that fail for sets of any size, out of order."""
    factor = np.random.default_rng(5).standard_normal((7, 9))
    M, wrong = factor @ factor.T, 0
    inverse = np.linalg.inv(M)
    for K in ([4], [6, 1], [5, 0, 3], [2, 6, 0, 1, 3]):
        rest = [i for i in range(7) if i not in K]
        inner = np.linalg.inv(M[np.ix_(rest, rest)])
        C = M[np.ix_(K, K)] - M[np.ix_(K, rest)] @ inner @ M[np.ix_(rest, K)]
        U, padded = inverse[:, K], np.zeros((7, 7))
        padded[np.ix_(rest, rest)] = inner
        pairs = (
            (U[K], np.linalg.inv(C)),
            (U[rest], -inner @ M[np.ix_(rest, K)] @ np.linalg.inv(C)),
            (inverse, padded + U @ C @ U.T),
        )
        wrong += sum(not np.allclose(*pair, rtol=1e-9, atol=1e-9) for pair in pairs)
    return wrong


def check_residual():
    def compare(X, ridge):
        n = len(X)
        A, Q = _separate_fits(X, ridge), _resolvent(X, ridge)
        fresh = _data(5, X.shape[1], seed=99)
        residual = X - X @ A
        off = ~np.eye(X.shape[1], dtype=bool)
        found = np.concatenate(
            [(fresh @ Q / np.diag(Q)).ravel(), (ridge * A)[off], 1 / np.diag(Q) - ridge]
        )
        products = X.T @ residual / n
        expected = np.concatenate([(fresh - fresh @ A).ravel(), products[off], np.diag(products)])
        return found, expected

    return _over_shapes(compare, "fresh rows and all products X'r_k, against the separate fits")


def check_symmetrised():
    checks = []
    for n, d, ridge in SHAPES:
        X = _data(n, d, seed=n)
        A, D = _separate_fits(X, ridge), np.diag(_resolvent(X, ridge))
        root = np.sqrt(D)
        symmetrised = A / root[:, None] * root
        values = np.linalg.eigvals(A)  # a general solver, which does not assume real values
        expected, W = np.linalg.eigh(0.5 * (symmetrised + symmetrised.T))
        right, left = root[:, None] * W, W / root[:, None]
        scale = np.abs(expected).max()
        off = [
            np.abs(symmetrised - symmetrised.T).max(),
            np.abs(np.sort(values.real) - expected).max(),
            np.abs(values.imag).max(),
            abs(values.sum()),
            max(values.real.max() - 1.0, 0.0),
            np.abs(A @ right - right * expected).max() / np.abs(right).max(),
            np.abs(A.T @ left - left * expected).max() / np.abs(left).max(),
        ]
        setting = "symmetry, spectrum by a general solver, eigenvectors, bound 1, trace; 4 shapes"
        checks.append(Check(NUMERICAL, float(np.max(off) / scale), "relative", 1e-8, setting))
    return worst(*checks)


def check_loo():
    checks = []
    for n, d, ridge in ((12, 5, 0.1), (9, 9, 0.05), (6, 10, 0.3), (12, 5, 0.0)):
        X = _data(n, d, seed=d)
        refits = np.empty_like(X)
        for i in range(n):
            kept = np.delete(X, i, axis=0)
            # Dividing n ridge by n - 1 rows keeps the penalty of the sum of squares.
            refits[i] = X[i] - X[i] @ _separate_fits(kept, n * ridge / (n - 1))
        Q = _resolvent(X, ridge)
        P, D = X @ Q, np.diag(Q)
        h = (np.sum(P * X, axis=1)[:, None] - P**2 / D) / n
        package = MaskedRegression(ridge=ridge).fit(X).loo_residuals(X)
        setting = "n refits of every coordinate, 0 <= h < 1; (12, 5), (9, 9), (6, 10), ridge 0 too"
        found = np.stack([P / D / (1.0 - h), package])
        checks.append(numerical(found, np.stack([refits, refits]), setting))
        checks.append(numerical(h, np.clip(h, 0.0, np.nextafter(1.0, 0.0)), setting))
    return worst(*checks)


def _batched(X, ridge):
    """I - A and leave-one-out mean squares of many small problems, X of shape (trials, n, d)."""
    n, d = X.shape[1:]
    Q = np.linalg.inv(np.swapaxes(X, 1, 2) @ X / n + ridge * np.eye(d))
    D = np.einsum("tkk->tk", Q)
    P = X @ Q
    h = (np.einsum("tik,tik->ti", P, X)[:, :, None] - P**2 / D[:, None, :]) / n
    left_out = P / D[:, None, :] / (1.0 - h)
    return Q / D[:, None, :], np.mean(left_out**2, axis=1)


def check_loo_unbiased():
    # Few rows and a large ridge, so that one row less and n/(n - 1) both show in the error.
    n, ridge, trials, model = 5, 1.0, 100_000, AR1(4, 0.7)
    rng = np.random.default_rng(7)

    def draw(rows):
        scale = rng.choice([0.5, 1.5], size=(trials, rows, 1))  # rows need not be Gaussian
        return scale * model.sample(trials * rows, rng).reshape(trials, rows, model.d)

    _, loo = _batched(draw(n), ridge)
    B, _ = _batched(draw(n - 1), n * ridge / (n - 1))
    test = 1.25 * np.einsum("tjk,jl,tlk->tk", B, model.dense(), B)  # E scale^2 = 1.25
    gap = loo.mean(axis=0) - test.mean(axis=0)
    se = np.sqrt((loo.var(axis=0, ddof=1) + test.var(axis=0, ddof=1)) / trials)
    return Check(
        SIMULATION,
        float(np.abs(gap / se).max()),
        "standard errors",
        4.0,
        f"AR(1) 0.7 with rows of two scales, d = {model.d}, n = {n}, each coordinate; "
        f"{trials} independent trials a side",
    )


def check_gcv():
    def compare(X, ridge):
        n, d = X.shape
        mean_leverage = np.empty(d)
        for k in range(d):
            Z = np.delete(X, k, axis=1)
            hat = Z @ np.linalg.solve(Z.T @ Z + n * ridge * np.eye(d - 1), Z.T)
            mean_leverage[k] = np.trace(hat) / n
        Q = _resolvent(X, ridge)
        formula = (d - ridge * np.trace(Q) - 1.0 + ridge * np.diag(Q @ Q) / np.diag(Q)) / n
        train = np.mean((X - X @ _separate_fits(X, ridge)) ** 2, axis=0)
        model = MaskedRegression(ridge=ridge).fit(X)
        found = np.concatenate([formula, model.gcv_error_by_feature_])
        return found, np.concatenate([mean_leverage, train / (1.0 - mean_leverage) ** 2])

    return _over_shapes(compare, "traces of explicit hat matrices, and the package's GCV")


def check_bayes():
    sigma = Dense.examples()[0].dense()
    d = len(sigma)
    precision = np.linalg.inv(sigma)
    best = np.eye(d) - precision / np.diag(precision)
    expected = np.zeros((d, d))
    for k in range(d):
        others = np.arange(d) != k
        expected[others, k] = np.linalg.solve(sigma[np.ix_(others, others)], sigma[others, k])
    error = np.einsum("jk,jl,lk->k", np.eye(d) - expected, sigma, np.eye(d) - expected)
    shift = np.random.default_rng(3).standard_normal((d, d))
    np.fill_diagonal(shift, 0.0)
    other = np.eye(d) - expected - shift
    total = np.einsum("jk,jl,lk->k", other, sigma, other)
    excess = np.einsum("jk,jl,lk->k", shift, sigma, shift)
    setting = "d normal equations at d = 18; errors, and the excess of another predictor"
    return worst(
        *[
            numerical(best, expected, setting),
            numerical(1.0 / np.diag(precision), error, setting),
            numerical(1.0 / np.diag(precision) + excess, total, setting),
        ]
    )


def check_partial():
    sigma = Dense.examples()[0].dense()
    d = len(sigma)
    precision = np.linalg.inv(sigma)
    best = np.eye(d) - precision / np.diag(precision)
    found, expected = [], []
    for j, k in ((0, 1), (2, 9), (17, 4)):
        pair = [j, k]
        rest = [i for i in range(d) if i not in pair]
        weights = np.linalg.solve(sigma[np.ix_(rest, rest)], sigma[np.ix_(rest, pair)])
        cov = sigma[np.ix_(pair, pair)] - sigma[np.ix_(pair, rest)] @ weights
        rho = cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1])
        expected += [rho, rho * np.sqrt(precision[j, j] / precision[k, k]), rho**2]
        scaled = -precision[j, k] / np.sqrt(precision[j, j] * precision[k, k])
        found += [scaled, best[j, k], best[j, k] * best[k, j]]
    return numerical(found, expected, "three pairs at d = 18, both regressed on the other sixteen")


def check_ease():
    def compare(X, ridge):
        n, d = X.shape
        P = np.linalg.inv(X.T @ X + n * ridge * np.eye(d))
        ease = P / -np.diag(P)
        np.fill_diagonal(ease, 0.0)
        volumes = np.zeros((d, d))
        for k in range(d):
            others = np.arange(d) != k
            model = Ridge(alpha=n * ridge, fit_intercept=False).fit(X[:, others], X[:, k])
            volumes[others, k] = model.coef_
        # EASE's own problem, on the sum of squares: one column after the other.
        problem = np.zeros((d, d))
        for k in range(d):
            others = np.arange(d) != k
            design = np.vstack([X[:, others], np.sqrt(n * ridge) * np.eye(d - 1)])
            problem[others, k] = np.linalg.lstsq(design, np.append(X[:, k], np.zeros(d - 1)))[0]
        coef = MaskedRegression(ridge=ridge).fit(X).coef_
        return np.stack([coef] * 3), np.stack([ease, problem, volumes])

    setting = "EASE's inverse and problem, and d scikit-learn fits; four shapes (n, d)"
    return _over_shapes(compare, setting)


CLAIMS = {
    "lem-partitioned": check_partitioned,
    "thm-closed-form": check_closed_form,
    "cor-minimum": check_minimum,
    "prop-residual": check_residual,
    "prop-symmetrised": check_symmetrised,
    "thm-loo": check_loo,
    "prop-loo-unbiased": check_loo_unbiased,
    "prop-gcv": check_gcv,
    "prop-bayes": check_bayes,
    "prop-partial": check_partial,
    "prop-ease": check_ease,
}
