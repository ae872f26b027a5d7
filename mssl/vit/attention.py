"""Measures of attention: how spread, how far, how different between queries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from .data import Images, PatchData
from .model import Attention, Parameters

__all__ = [
    "AreaAttention",
    "area_attention",
    "attention_distance",
    "attention_entropy",
    "normalized_mutual_information",
]

Array = np.ndarray


def attention_entropy(attention: Array, *, by_patch: bool = False) -> float | Array:
    r"""Entropy of the attention of a query, in nats.

    .. math:: H_q = -\sum_k A_{qk} \log A_{qk}

    Parameters
    ----------
    attention : ndarray of shape (n_queries, n_keys)
        Rows are distributions over the keys.
    by_patch : bool, default=False
        Return one value for each query in place of their mean.

    Returns
    -------
    float or ndarray of shape (n_queries,)
        In nats.

    Raises
    ------
    ValueError
        If `attention` is no matrix whose rows are distributions.

    Examples
    --------
    >>> import numpy as np
    >>> attention_entropy(np.eye(4))
    0.0
    """
    A = _distributions(attention)
    entropy = -xlogy(A, A).sum(axis=1) + 0.0  # no negative zero
    return entropy if by_patch else float(entropy.mean())


def normalized_mutual_information(attention: Array, *, by_patch: bool = False) -> float | Array:
    r"""Normalised mutual information of query and key.

    .. math:: \mathrm{NMI} = \frac{I(q; k)}{\sqrt{H(q)\,H(k)}}, \qquad
              p(q) = \frac1N,\quad p(k \mid q) = A_{qk}

    It is 0 when all queries attend alike and 1 when every query has a key of its own.

    Parameters
    ----------
    attention : ndarray of shape (n_queries, n_keys)
        Rows are distributions over the keys.
    by_patch : bool, default=False
        Return the summand of each query, scaled so that their mean is the NMI.

    Returns
    -------
    float or ndarray of shape (n_queries,)

    Raises
    ------
    ValueError
        If `attention` is no matrix whose rows are distributions.

    Notes
    -----
    With a single query, or when all attention falls on a single key, there is nothing to share:
    the measure is 0.

    References
    ----------
    Park, Kim, Heo, Kim, Yun (2023), What do self-supervised vision transformers learn? ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> normalized_mutual_information(np.full((4, 4), 0.25))
    0.0
    """
    A = _distributions(attention)
    keys = A.mean(axis=0)
    ratio = np.divide(A, keys, out=np.ones_like(A), where=keys > 0)
    information = xlogy(A, ratio).sum(axis=1)
    scale = np.sqrt(np.log(len(A)) * max(-xlogy(keys, keys).sum(), 0.0))
    values = information / scale if scale > 0 else np.zeros(len(A))
    return values if by_patch else float(values.mean())


def attention_distance(
    attention: Array, positions: Array, *, by_patch: bool = False
) -> float | Array:
    r"""Mean distance between a query and the keys that it attends to.

    .. math:: d_q = \sum_k A_{qk}\, \|x_q - x_k\|

    Parameters
    ----------
    attention : ndarray of shape (n_patches, n_patches)
        Rows are distributions over the keys.
    positions : ndarray of shape (n_patches, 2)
        :attr:`mssl.vit.PatchData.positions`, or places in any other unit.
    by_patch : bool, default=False
        Return one value for each query in place of their mean.

    Returns
    -------
    float or ndarray of shape (n_patches,)
        In the unit of the positions.

    Raises
    ------
    ValueError
        If `attention` is no matrix whose rows are distributions, or `positions` are not one row a
        patch.

    References
    ----------
    N. Park and others, What do self-supervised vision transformers learn?, ICLR 2023.

    Examples
    --------
    >>> import numpy as np
    >>> attention_distance(np.eye(2), [[0, 0], [3, 4]])
    0.0
    >>> attention_distance(np.full((2, 2), 0.5), [[0, 0], [3, 4]])
    2.5
    """
    A = _distributions(attention)
    x = np.asarray(positions, dtype=float)
    if A.shape != (len(x), len(x)) or x.ndim != 2:
        raise ValueError(
            f"positions must have shape (n_patches, 2) and attention (n_patches, n_patches), got "
            f"{x.shape} and {A.shape}."
        )
    distance = np.sum(A * np.linalg.norm(x[:, None] - x, axis=2), axis=1)
    return distance if by_patch else float(distance.mean())


def _distributions(attention: Array) -> Array:
    """Check that the rows are distributions."""
    A = np.asarray(attention, dtype=float)
    if A.ndim != 2 or A.size == 0:
        raise ValueError(f"attention must be a matrix of queries by keys, got shape {A.shape}.")
    if not (A >= 0).all() or np.abs(A.sum(axis=1) - 1.0).max() > 1e-8:
        raise ValueError("attention must have rows that are not negative and sum to 1.")
    return A


@dataclass(frozen=True, eq=False)
class AreaAttention:
    """Mean attention of each patch on areas, cluster by cluster.

    Attributes
    ----------
    on_own, on_global, on_hidden : ndarray of shape (n_patches, n_clusters)
        Attention of the patch, in images of the cluster, on the visible patches of its own area,
        of the global area, and on masked patches.
    is_local : ndarray of bool, shape (n_patches, n_clusters)
        Whether the patch is in a local area of the cluster.
    """

    on_own: Array
    on_global: Array
    on_hidden: Array
    is_local: Array


def area_attention(data: PatchData, parameters: Parameters, images: Images) -> AreaAttention:
    r"""Attention by area of every patch in every cluster, averaged over images.

    .. math:: \langle A_{p, a(p)} \rangle, \qquad \langle A_{p, 0} \rangle

    Averages run over the images, first view, in which the patch is masked and its own area has a
    visible patch: the cases in which a reconstruction is asked for and possible.

    Parameters
    ----------
    data : PatchData
        Where the areas lie.
    parameters : Parameters
        State of the model.
    images : Images
        Enough of them for each patch to be masked in an image of each cluster.

    Returns
    -------
    AreaAttention
        With NaN where no image qualified.
    """
    batch = data.place(images)
    seen, scored, own = Attention.of(parameters, batch), batch.scored(), batch.areas
    b, p = np.ogrid[: own.shape[0], : own.shape[1]]
    cluster = np.eye(data.n_clusters)[images.clusters]
    counts = scored.T.astype(float) @ cluster
    counts[counts == 0] = np.nan
    on_own, on_global, on_hidden = (
        (share * scored).T @ cluster / counts
        for share in (seen.shares[own, b, p], seen.shares[0], seen.shares[-1])
    )
    return AreaAttention(on_own, on_global, on_hidden, data.areas.T > 0)
