"""Masked regression by brute force, to hold the estimators against; it shares no code with them.

Every coefficient vector is a fit of one column on the others, and every leave-one-out value a
refit without the row. `Exact` does so with 250 decimal digits, `refit` in double precision by
a QR factorisation of the data over the roots of the penalty.
"""

from dataclasses import dataclass
from decimal import Decimal, getcontext, localcontext
from functools import cached_property

import mpmath
import numpy as np
from scipy.linalg import qr, solve_triangular

DIGITS = 250


def decimals(matrix):
    """Rows of exact decimals, as every double is one."""
    return [[Decimal(float(entry)) for entry in row] for row in np.atleast_2d(matrix)]


def floats(matrix):
    return np.array([[float(entry) for entry in row] for row in matrix])


def solve(matrix, right):
    """Gauss with pivots; ZeroDivisionError if the matrix is singular to nearly all digits."""
    m = len(matrix)
    rows = [list(a) + list(b) for a, b in zip(matrix, right, strict=True)]
    largest = max((abs(entry) for row in matrix for entry in row), default=Decimal(0))
    for j in range(m):
        p = max(range(j, m), key=lambda i: abs(rows[i][j]))
        rows[j], rows[p] = rows[p], rows[j]
        if abs(rows[j][j]) <= largest * Decimal(10) ** (20 - getcontext().prec):
            raise ZeroDivisionError
        for i in range(j + 1, m):
            factor = rows[i][j] / rows[j][j]
            if factor:
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[j], strict=True)]
    for j in reversed(range(m)):
        pivot = rows[j][j]
        rows[j] = [a / pivot for a in rows[j]]
        for i in range(j):
            factor = rows[i][j]
            if factor:
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[j], strict=True)]
    return [row[m:] for row in rows]


def gram(left, right):
    columns = list(zip(*right, strict=True))
    return [
        [sum((a * b for a, b in zip(x, y, strict=True)), Decimal(0)) for y in columns]
        for x in zip(*left, strict=True)
    ]


def identity(m):
    return [[Decimal(int(i == j)) for j in range(m)] for i in range(m)]


@dataclass
class Exact:
    """All that the estimators say about X at one ridge and mask rate, with many digits."""

    X: np.ndarray
    ridge: float
    mask_rate: float = 0.0

    def __post_init__(self):
        self.n, self.d = self.X.shape
        with localcontext(prec=DIGITS):
            self.rows = decimals(self.X)
            self.keep = 1 - Decimal(float(self.mask_rate))
            self.lam = Decimal(float(self.ridge))
            self.S = [[s / self.n for s in row] for row in gram(self.rows, self.rows)]

    def fit(self, rows, k, extra=()):
        """Column k on the others over some rows: its coefficients, and solutions for `extra`."""
        q, others = self.keep, [j for j in range(self.d) if j != k]
        S = [[s / self.n for s in row] for row in gram(rows, rows)]
        matrix = [
            [q * S[j][m] * (1 if j == m else q) + (self.lam if j == m else 0) for m in others]
            for j in others
        ]
        right = [[q * S[j][k], *(S[j][m] for m in extra)] for j in others]
        return others, solve(matrix, right)

    @cached_property
    def columns(self):
        """For each k: coefficients, 1 - trace(hat)/n."""
        found = []
        with localcontext(prec=DIGITS):
            for k in range(self.d):
                others = [j for j in range(self.d) if j != k]
                _, solved = self.fit(self.rows, k, others)
                a = [Decimal(0)] * self.d
                for j, row in zip(others, solved, strict=True):
                    a[j] = row[0]
                trace = sum((solved[i][1 + i] for i in range(len(others))), Decimal(0))
                found.append((a, 1 - trace / self.n))
        return found

    def _residual(self, x, a, k):
        return x[k] - sum((x[j] * a[j] for j in range(self.d)), Decimal(0))

    @cached_property
    def coef(self):
        return floats([a for a, _ in self.columns]).reshape(self.d, self.d).T

    @cached_property
    def D(self):
        """Of the inverse of S + tau diag S + ridge/q^2, by its Schur complement."""
        with localcontext(prec=DIGITS):
            q, D = self.keep, []
            for k, (a, _) in enumerate(self.columns):
                explained = q * sum((self.S[k][j] * a[j] for j in range(self.d)), Decimal(0))
                D.append(1 / (self.S[k][k] / q + self.lam / q**2 - explained))
        return np.array([float(value) for value in D])

    @cached_property
    def residuals(self):
        """Of the training rows, as decimals."""
        with localcontext(prec=DIGITS):
            return [
                [self._residual(x, a, k) for k, (a, _) in enumerate(self.columns)]
                for x in self.rows
            ]

    @cached_property
    def train(self):
        with localcontext(prec=DIGITS):
            q, error = self.keep, []
            for k, (a, _) in enumerate(self.columns):
                mean = [q * value for value in a]
                total = sum(self._residual(x, mean, k) ** 2 for x in self.rows) / self.n
                total += q * (1 - q) * sum(self.S[j][j] * a[j] ** 2 for j in range(self.d))
                error.append(float(total))
        return np.array(error)

    @cached_property
    def gcv(self):
        with localcontext(prec=DIGITS):
            return np.array(
                [
                    float(sum(row[k] ** 2 for row in self.residuals) / self.n / room**2)
                    for k, (_, room) in enumerate(self.columns)
                ]
            )

    @cached_property
    def left_out(self):
        """Residual of each row from a refit to the others; NaN where that is undefined."""
        values = np.full(self.X.shape, np.nan)
        with localcontext(prec=DIGITS):
            for i, x in enumerate(self.rows):
                rest = [row for j, row in enumerate(self.rows) if j != i]
                for k in range(self.d):
                    try:
                        others, solved = self.fit(rest, k)
                    except ZeroDivisionError:
                        continue
                    values[i, k] = float(
                        x[k] - sum(x[j] * row[0] for j, row in zip(others, solved, strict=True))
                    )
        return values

    def predictions(self, new):
        with localcontext(prec=DIGITS):
            return floats(
                [
                    [sum(x[j] * a[j] for j in range(self.d)) for a, _ in self.columns]
                    for x in decimals(new)
                ]
            )

    def score(self, new):
        with localcontext(prec=DIGITS):
            missed = total = Decimal(0)
            for x in decimals(new):
                missed += sum(self._residual(x, a, k) ** 2 for k, (a, _) in enumerate(self.columns))
                total += sum(entry**2 for entry in x)
            return float(1 - missed / total)

    # What `mssl.estimation` says, without a mask rate

    @cached_property
    def zeta(self):
        """x'Q x/n of each row with the row itself left out of Q, as decimals."""
        with localcontext(prec=DIGITS):
            values = []
            for i, x in enumerate(self.rows):
                rest = [row for j, row in enumerate(self.rows) if j != i]
                matrix = [[s / self.n for s in row] for row in gram(rest, rest)]
                for j in range(self.d):
                    matrix[j][j] += self.lam
                solved = solve(matrix, [[entry] for entry in x])
                values.append(
                    sum(entry * row[0] for entry, row in zip(x, solved, strict=True)) / self.n
                )
        return values

    @cached_property
    def spectral(self):
        """df1, df2, kappa of equal scales and the inflation, from XX'/n, as floats."""
        with localcontext(prec=DIGITS):
            n, turned = self.n, [list(column) for column in zip(*self.rows, strict=True)]
            matrix = [[s / n for s in row] for row in gram(turned, turned)]
            for i in range(n):
                matrix[i][i] += self.lam
            W = [[self.lam * w for w in row] for row in solve(matrix, identity(n))]
            W2 = gram(W, W)
            trace, square = sum(W[i][i] for i in range(n)), sum(W2[i][i] for i in range(n))
            fourth = sum(w * w for row in W2 for w in row)
            kappa = n * self.lam / trace
            df2 = n * (1 - trace**2 / n / square)  # the derivative of kappa is n Tr W^2 / (Tr W)^2
            inflation = float(n * fourth / square**2 * (1 + df2 / n)) ** 0.5
            return float(n - trace), float(df2), float(kappa), inflation


def refit(X, k, penalty):
    """Column k on the others in double precision, by QR of the data over the penalty's root."""
    others = np.arange(X.shape[1]) != k
    tall = np.vstack([X[:, others], np.sqrt(penalty) * np.eye(X.shape[1] - 1)])
    right = np.r_[X[:, k], np.zeros(X.shape[1] - 1)]
    order = np.argsort(-np.abs(tall).max(axis=1), kind="stable")
    Q, R, pivots = qr(tall[order], mode="economic", pivoting=True)
    a = np.zeros(X.shape[1])
    a[np.flatnonzero(others)[pivots]] = solve_triangular(R, Q.T @ right[order])
    return a


def refits(X, ridge):
    """Coefficients and leave-one-out residuals in double precision."""
    n, d = X.shape
    coef = np.column_stack([refit(X, k, n * ridge) for k in range(d)])
    left_out = np.empty_like(X)
    for i in range(n):
        rest = np.delete(X, i, axis=0)
        for k in range(d):
            left_out[i, k] = X[i, k] - X[i] @ refit(rest, k, n * ridge)
    return coef, left_out


def with_mpmath(X, ridge, digits=60):
    """Coefficients from normal equations in mpmath, column by column."""
    n, d = X.shape
    coef = np.zeros((d, d))
    with mpmath.workdps(digits):
        for k in range(d):
            others = [j for j in range(d) if j != k]
            Z = mpmath.matrix([[float(X[i, j]) for j in others] for i in range(n)])
            y = mpmath.matrix([float(x) for x in X[:, k]])
            matrix = Z.T * Z + n * mpmath.mpf(float(ridge)) * mpmath.eye(d - 1)
            coef[others, k] = [float(a) for a in mpmath.lu_solve(matrix, Z.T * y)]
    return coef
