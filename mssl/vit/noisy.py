"""The one-layer network on noisy patches, written patch by patch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..validation import positive_integer, positive_vector
from .data import PatchData

__all__ = ["NoisyAttention", "noisy_attention"]


class NoisyAttention(NamedTuple):
    """Where a trained network looks, on fresh images.

    Attributes
    ----------
    attention : ndarray of shape (n_images, n_patches, n_patches)
        Of queries (rows) on keys.
    areas : ndarray of int of shape (n_images, n_patches)
        Area of each patch of each image; 0 is the global one.
    visible : ndarray of bool of shape (n_images, n_patches)
        True where a patch is not masked.
    positions : ndarray of shape (n_patches, n_patches)
        What attention would be without content, the softmax of the rows of Upsilon.
    """

    attention: np.ndarray
    areas: np.ndarray
    visible: np.ndarray
    positions: np.ndarray


class _Network:
    """The parameters of the one-layer network, and what it does with one batch."""

    def __init__(self, data: PatchData):
        P, M = data.n_patches, data.n_areas
        self.phi, self.ups = np.zeros((data.n_clusters, P, M)), np.zeros((P, P))

    def features(self, own):
        """Coordinates of the features, one hot by the area: (n_images, P, M)."""
        return own[:, :, None] == np.arange(self.phi.shape[2])

    def look(self, k, own, visible, x):
        """Attention, keys in the coordinates of the features, outputs."""
        keys = self.features(own) * np.where(visible, x, 0.0)[:, :, None]
        score = self.phi[k] @ keys.transpose(0, 2, 1) + self.ups
        score -= score.max()
        np.exp(score, out=score)
        score /= score @ np.ones((len(self.ups), 1))
        return score, keys, score @ keys

    def descend(self, k, pull, keys, rate, decay):
        """One step down the gradient of which `pull` is the part in the scores."""
        clusters = np.arange(len(self.phi))[:, None]
        self.phi *= decay
        self.ups *= decay
        self.phi -= rate * np.tensordot((k == clusters).astype(float), pull @ keys, 1)
        self.ups -= rate * pull.sum(axis=0)


def _contrast_slope(k, output, second, temperature):
    """Slope of the contrastive loss in the outputs of the first view; the same for all patches."""
    batch, patches = output.shape[:2]
    first = output.mean(axis=1)
    same = k[:, None] == k
    logits = np.where(same, first @ second.T, 0.0) / temperature
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    odds /= odds.sum(axis=1, keepdims=True)
    slope = ((odds * same) @ second - second) / (temperature * patches * batch)
    return slope[:, None]


def noisy_attention(
    data: PatchData,
    noise,
    objective: str,
    *,
    steps: int,
    rate: float,
    batch: int,
    rng: np.random.Generator,
    fresh: bool = False,
    temperature: float = 0.1,
    regularization: float = 1e-4,
    evaluated: int = 64,
) -> NoisyAttention:
    r"""Train the one-layer network on noisy patches and see where it looks.

    .. math:: X_p = (z_{a(p)} + \varepsilon_p)\, v_{k,a(p)}, \qquad
              \varepsilon_p \sim \mathcal N(0, v_p)

    Parameters
    ----------
    data : PatchData
        Areas, strengths and masks.
    noise : array-like of shape (n_patches,)
        The variances v, not negative, in squared units of the strengths.
    objective : {"mae", "contrastive"}
        Which loss is lowered.
    steps, rate, batch
        Gradient steps, their size, images a step.
    rng : numpy.random.Generator
        Source of images, masks and noise.
    fresh : bool, default=False
        Draw the noise anew for the second view of an image.
    temperature, regularization : float
        For "contrastive".
    evaluated : int, default=64
        Fresh images on which the trained attention is returned.

    Returns
    -------
    NoisyAttention

    Raises
    ------
    ValueError
        For another objective, noise that is negative or not one number a patch, or numbers of
        steps and images that are not positive.

    Notes
    -----
    The package's objectives take all patches of an area to be alike, which noise undoes; this is
    the same model written patch by patch. Without noise it follows :func:`mssl.vit.train`.
    """
    if objective not in ("mae", "contrastive"):
        raise ValueError(f"objective must be 'mae' or 'contrastive', got {objective!r}.")
    noise = positive_vector(noise, "noise", zero_allowed=True)
    if noise.size != data.n_patches:
        raise ValueError(
            f"noise must have one variance a patch, {data.n_patches}, but it has {noise.size}."
        )
    steps, batch = positive_integer(steps, "steps"), positive_integer(batch, "batch")
    evaluated = positive_integer(evaluated, "evaluated")
    scale, network = np.sqrt(noise), _Network(data)
    decay = 1.0 - rate * regularization if objective == "contrastive" else 1.0

    def draw(n):
        images = data.draw(n, rng, views=2)
        own = data.areas[images.clusters]
        clean = np.take_along_axis(images.strengths, own, axis=1)
        first = clean + scale * rng.normal(size=clean.shape)
        second = clean + scale * rng.normal(size=clean.shape) if fresh else first
        return images.clusters, own, images.visible, (first, second)

    for _ in range(steps):
        k, own, visible, x = draw(batch)
        attention, keys, output = network.look(k, own, visible[0], x[0])
        if objective == "mae":
            target = network.features(own) * x[0][:, :, None]
            slope = (output - target) * ~visible[0][:, :, None] / batch
        else:
            second = network.look(k, own, visible[1], x[1])[2].mean(axis=1)
            slope = _contrast_slope(k, output, second, temperature)
        # The mean of slope times key under attention is slope times output.
        pull = slope @ keys.transpose(0, 2, 1) - np.sum(slope * output, axis=2, keepdims=True)
        pull *= attention
        network.descend(k, pull, keys, rate, decay)
    k, own, visible, x = draw(evaluated)
    ups = network.ups
    positions = np.exp(ups - ups.max(axis=1, keepdims=True))
    positions /= positions.sum(axis=1, keepdims=True)
    attention = network.look(k, own, visible[0], x[0])[0]
    return NoisyAttention(attention, own, visible[0], positions)
