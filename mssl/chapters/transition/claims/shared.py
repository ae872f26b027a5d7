"""The bulk, draws and predictions that several checks share."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import brentq, minimize_scalar
from scipy.sparse.linalg import eigsh

from mssl.chapters.transition.worlds import white_kappa
from mssl.regression import MaskedRegression
from mssl.theory import solve_kappa

RIDGE = 0.05


class Bulk:
    """phi, K and the functions of the chapter, written out for diagonal noise."""

    def __init__(self, noise, weights, n, ridge):
        self.noise, self.weights, self.n, self.ridge = noise, weights, n, ridge

    @classmethod
    def of(cls, model, n, ridge):
        """The bulk of the noise that lies under a model's signals."""
        e = solve_kappa(model, n, ridge)
        weights = e.kappa / ridge * model.resolvent(e.kappa).diagonal
        return cls(model.base.diagonal(), weights, n, ridge)

    def k(self, t, z):
        """The diagonal of K."""
        return 1.0 / (z / self.weights - self.ridge - t * self.noise)

    def phi(self, t, z):
        """phi(t, z), which is 1 on the curve of positions."""
        return t - t * np.sum(self.noise * self.k(t, z)) / self.n

    def place(self, t):
        """z(t), the only z above all poles with phi = 1."""
        pole = np.max(self.weights * (self.ridge + t * self.noise))
        return brentq(lambda z: self.phi(t, z) - 1, pole * (1 + 1e-12), pole * 1e9, xtol=1e-13)

    @property
    def edge(self):
        """t and z at the upper end of the bulk, where z(t) is smallest."""
        found = minimize_scalar(
            self.place, bounds=(1.001, 20), method="bounded", options={"xatol": 1e-9}
        )
        return found.x, found.fun

    def form(self, t, z, strengths, directions):
        """E(z) of the chapter, times nothing: t Theta^1/2 U'KU Theta^1/2."""
        root = np.sqrt(strengths)
        k = self.k(t, z)[:, None]
        return t * root[:, None] * (directions.T @ (k * directions)) * root

    def outlier(self, strengths, directions, rank=0):
        """t, z and y of the outlier of that rank above the bulk, of any number of spikes."""
        top, edge = self.edge
        if np.linalg.eigvalsh(self.form(top, edge, strengths, directions))[-1 - rank] <= 1:
            return None

        def excess(t):
            form = self.form(t, self.place(t), strengths, directions)
            return np.linalg.eigvalsh(form)[-1 - rank] - 1

        t = brentq(excess, 1 + 1e-6, top, xtol=1e-13)
        z = self.place(t)
        f = np.linalg.eigh(self.form(t, z, strengths, directions))[1][:, -1 - rank]
        return t, z, self.k(t, z) * (directions @ (np.sqrt(strengths) * f))

    def overlap(self, t, z, y, sigma_y, x, b):
        """Squared cosine of an outlier's eigenvector with x, in the metric b."""
        k = self.k(t, z)
        tau = t**2 * np.sum((self.noise * k) ** 2) / self.n
        c = t**2 * np.sum(self.noise * k * b * k) / self.n / (1 - tau)
        return (x @ y) ** 2 / (y @ (b * y) + c * (y @ sigma_y))


def pairs(model, n, ridge, trials, seed, ranks=(0,)):
    """Position of M, then right, left and symmetric squared cosines with every direction.

    Means and standard errors over draws, of shape (n_ranks, 1 + 3 n_directions); rank 0 is the
    largest eigenvalue and -1 the smallest.
    """
    u, rows = model.directions, []
    for generator in np.random.default_rng(seed).spawn(trials):
        x = model.sample(n, generator)
        weights = MaskedRegression(ridge=ridge).fit(x).D_
        m = x * np.sqrt(weights / n)
        m = m.T @ m + ridge * np.diag(weights)
        if min(ranks) < 0:
            nu, w = eigh(m)
        elif model.d < 450:
            nu, w = eigh(m, subset_by_index=(model.d - 1 - max(ranks), model.d - 1))
        else:
            nu, w = eigsh(m, k=max(ranks) + 1, which="LA", v0=np.ones(model.d))
        pick = [-1 - rank for rank in ranks]
        nu, w, root = nu[pick], w[:, pick], np.sqrt(weights)[:, None]
        cosines = [(v.T @ u) ** 2 / np.sum(v * v, axis=0)[:, None] for v in (root * w, w / root, w)]
        rows.append(np.hstack([nu[:, None], *cosines]))
    return np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / np.sqrt(trials)


def prediction(model, n, ridge=RIDGE, rank=0):
    """Position, overlaps with every direction (right, left, symmetric), and the score."""
    bulk = Bulk.of(model, n, ridge)
    found = bulk.outlier(model.strengths, model.directions, rank)
    if found is None:
        raise ValueError(f"No outlier of rank {rank} stands above the bulk; make it stronger.")
    t, z, y = found
    sigma_y, d = model.apply(y), bulk.weights
    overlaps = [
        bulk.overlap(t, z, y, sigma_y, x * shape, b)
        for shape, b in ((1.0, np.ones_like(d)), (1 / d, d**-2), (d**-0.5, 1 / d))
        for x in model.directions.T
    ]
    tau = t**2 * np.sum((bulk.noise * bulk.k(t, z)) ** 2) / n
    u = model.directions[:, 0]
    score = (1 - tau) * model.strengths[0] * (u @ y) ** 2 / (y @ sigma_y)
    return z, overlaps, score


def values(x, ridge):
    """Eigenvalues of A_hat."""
    fitted = MaskedRegression(ridge=ridge).fit(x)
    root = np.sqrt(fitted.D_)
    return np.linalg.eigvalsh(fitted.coef_ * root / root[:, None])


def alone(gamma, ridge, strength):
    """Positions of M in units of D_0, t, and overlaps (right, left, symmetric) of a coordinate.

    From the quadratic equation of t, for white noise of variance 1; all outliers of any side.
    """
    kappa = white_kappa(gamma, ridge)
    lift = (1 + strength + kappa) / (1 + kappa)
    roots = np.roots(
        [
            lift - 1 - strength,
            lift * (gamma + ridge - 1) - ridge + 1 + strength,
            ridge - lift * ridge,
        ]
    )
    found = []
    for t in roots[np.abs(roots - 1) < np.sqrt(gamma)]:
        tau = (t - 1) ** 2 / gamma
        noise = tau / (1 - tau) * (1 + strength)
        place = (t * (1 + strength) + ridge) / lift * kappa / ridge / (1 + kappa)
        overlaps = [1 / (1 + noise * lift**-p) for p in (0, 2, 1)]
        found.append((t, place, overlaps))
    return sorted(found, reverse=True)


def alone_below(gamma, ridge, strength):
    """Those of `alone` that lie below the bulk."""
    return [found for found in alone(gamma, ridge, strength) if found[0] < 1]
