"""Message passing for one spike in independent noise: the algorithm at the Bayes limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..exceptions import ConvergenceError
from ..validation import as_generator, finite_vector, positive, positive_integer
from .directions import Directions
from .units import checked_rows, noise_of_columns

__all__ = ["AMPSpike", "amp_spike"]

_NOTHING = 1e-10  # squared length of the estimate below which it has died out


@dataclass(frozen=True, eq=False)
class AMPSpike(Directions):
    r"""A direction found by message passing, and what it says about itself.

    .. math:: \hat u/g, \qquad \hat u/\sqrt g, \qquad \hat u

    Attributes
    ----------
    filter, symmetric, pattern : ndarray of shape (n_features,)
        The three above, with :math:`\hat u` of length 1: what maps a row to its score, the
        direction in whitened coordinates, and the direction itself.
    scores : ndarray of shape (n_samples,)
        Posterior means of the scores :math:`v_i`, which have mean 0 and variance 1.
    overlap : float
        The squared cosine with u that the algorithm expects of itself; 0 where no direction was
        found.
    path : ndarray of shape (n_iter,)
        The same after each iteration.
    n_iter : int
        Iterations until the estimate stood still.
    """

    scores: np.ndarray
    overlap: float
    path: np.ndarray
    n_iter: int


def amp_spike(
    X,
    noise_variances,
    strength: float,
    *,
    rng=None,
    start=None,
    max_iter: int = 1000,
    tol: float = 1e-6,
) -> AMPSpike:
    r"""Approximate message passing for rows of covariance diag(g) + theta u u'.

    .. math::

       \hat v \leftarrow \frac{\sqrt\theta\,X(\hat u/g) - c\,\hat v}{1 + a}, \qquad
       \hat u_k \leftarrow \frac{\sqrt\theta\,(X^\top\hat v)_k - b\,\hat u_k}{d\,g_k +
       \theta\|\hat v\|^2},

    .. math::

       a = \theta\sum_k \hat u_k^2/g_k, \qquad
       b = \frac{n\,\theta}{1 + a}, \qquad
       c = \sum_k \frac{\theta}{d\,g_k + \theta\|\hat v\|^2}

    Implements :theorem:`prop-near-amp`.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Finite rows of mean zero, one a sample.
    noise_variances : array-like of shape (n_features,)
        g, positive, in squared units of X.
    strength : float
        :math:`\theta > 0`, in squared units of X.
    rng : numpy.random.Generator or int, optional
        Source of a random start, or its seed.
    start : array-like of shape (n_features,), optional
        An estimate of u to start from, in place of a random one. One that knows the part m of u
        has the squared length m, as a posterior mean does.
    max_iter : int, default=1000
        Largest number of iterations.
    tol : float, default=1e-6
        Iterations end where :math:`\hat u` moves by less than this part of its length.

    Returns
    -------
    AMPSpike

    Raises
    ------
    ValueError
        If X is not finite, an argument is out of range, or not one of `rng` and `start` is given.
    ConvergenceError
        If the iterations did not converge, as may happen close to the threshold: in few
        coordinates the direction may then be lost in the noise and the estimate wander.

    Notes
    -----
    The model is :math:`x_{ik} = \sqrt\theta\,v_i u_k + \sqrt{g_k}\,z_{ik}` with :math:`v_i` of law
    N(0, 1) and :math:`u_k` of N(0, 1/d). Given all :math:`u_k`, the score has precision 1 + a and
    the mean :math:`\sqrt\theta \sum_k x_{ik}u_k/g_k` over it; given all scores, the same holds for
    :math:`u_k` with precision :math:`d + \theta\|v\|^2/g_k`. Belief propagation sends to
    :math:`v_i` what is known of :math:`u_k` *without* row i. Row i moves :math:`\hat u_k` by
    :math:`\sqrt\theta\,x_{ik}\hat v_i/g_k` times the variance of :math:`u_k`,
    :math:`g_k/(d g_k + \theta\|\hat v\|^2)`. Putting this back into the sum over k and replacing
    :math:`x_{ik}^2` by its mean :math:`g_k` gives :math:`c\,\hat v_i`, with the scores of the step
    before; the same in the other direction gives b, from the variance 1/(1 + a) of a score. These
    two are the Onsager terms. Without them the noise of X would be counted again in each step.

    Where it stands still, :math:`\|\hat v\|^2/n + 1/(1 + a) = 1` in the limit, and both steps say
    that :math:`\hat u` is :math:`(g/(g + c))^{1/2}` times an eigenvector of S with the weights
    :math:`1/(g(g + c))`, where now :math:`c = \theta n/d`: see :func:`mssl.theory.optimal_weights`.

    Its squared cosine with u after each step follows
    :func:`mssl.theory.state_evolution`, and ends at that of :func:`mssl.theory.bayes_limit`.
    Below the threshold the estimate dies out; the overlap is then 0 and the direction has no
    meaning. X in other units, cX, with the variances and the strength multiplied by
    :math:`c^2`, has the same result.

    References
    ----------
    T. Lesieur, F. Krzakala and L. Zdeborova, Constrained low-rank matrix estimation: phase
    transitions, approximate message passing and applications, Journal of Statistical Mechanics
    (2017).

    Examples
    --------
    >>> import numpy as np
    >>> from mssl.baselines import amp_spike
    >>> rng = np.random.default_rng(0)
    >>> u = rng.standard_normal(200) / 200**0.5
    >>> noise = np.tile([0.5, 4.0], 100)
    >>> X = 2 * rng.standard_normal((600, 1)) * u + rng.standard_normal((600, 200)) * noise**0.5
    >>> found = amp_spike(X, noise, 4.0, rng=0)
    >>> bool(found.overlaps(u)[2] > 0.75)
    True
    """
    X = checked_rows(X)
    n, d = X.shape
    g = noise_of_columns(noise_variances, d)
    theta, tol = positive(strength, "strength"), positive(tol, "tol")
    max_iter, u = positive_integer(max_iter, "max_iter"), _start(rng, start, d)
    given, unit = g, float(np.sqrt(np.median(g)))
    X, g, theta = X / unit, g / unit / unit, theta / unit / unit
    if not (np.isfinite(X).all() and np.isfinite(theta) and np.all((g > 0) & np.isfinite(g))):
        raise ValueError(
            "X, noise_variances and strength differ too much in size; give all three in one unit."
        )
    v, taken, path = np.zeros(n), 0.0, []
    for step in range(1, max_iter + 1):
        inner = 1.0 + theta * np.sum(u**2 / g)
        v = (np.sqrt(theta) * (X @ (u / g)) - taken * v) / inner
        precision = d * g + theta * (v @ v)
        last, u = u, (np.sqrt(theta) * (X.T @ v) - n * theta / inner * u) / precision
        taken = theta * np.sum(1.0 / precision)
        path.append(float(u @ u))
        if not np.isfinite(path[-1]):
            break
        if path[-1] < _NOTHING or np.sum((u - last) ** 2) <= tol**2 * path[-1]:
            return _result(u, given, v, path, step)
    raise ConvergenceError(
        f"message passing did not converge in {max_iter} iterations; raise max_iter, or give the "
        "variances and the strength of the data."
    )


def _start(rng, start, d) -> np.ndarray:
    if (rng is None) == (start is None):
        raise ValueError("give one of rng, for a random start, and start.")
    if start is None:
        return as_generator(rng).standard_normal(d) * np.sqrt(0.5 / d)
    u = finite_vector(start, "start")
    if u.shape != (d,) or not u.any():
        raise ValueError(f"start must hold {d} numbers, one a column of X, that are not all 0.")
    return u


def _result(u, g, v, path, steps) -> AMPSpike:
    found = path[-1] >= _NOTHING
    unit = u / np.linalg.norm(u)
    return AMPSpike(
        filter=unit / g,
        symmetric=unit / np.sqrt(g),
        pattern=unit,
        scores=v,
        overlap=path[-1] if found else 0.0,
        path=np.array(path),
        n_iter=steps,
    )
