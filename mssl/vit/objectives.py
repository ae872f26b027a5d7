"""What the model is asked to do: losses with their exact gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from ..validation import non_negative, positive, positive_integer
from .data import Batch, Images, PatchData
from .memory import keep_freed_memory
from .model import Attention, Parameters

__all__ = ["MAE", "Combined", "Contrastive", "Objective"]

Array = np.ndarray


class Objective(ABC):
    """A loss of the parameters on a batch of images.

    Attributes
    ----------
    views : int
        Masks of each image that the loss needs.
    """

    views: int = 1

    def check_batch(self, n_images: int) -> int:
        """Return `n_images`, the batch size, or raise ValueError when the loss cannot use it."""
        return positive_integer(n_images, "batch_size")

    def loss_and_gradient(
        self,
        data: PatchData,
        parameters: Parameters,
        images: Images,
        *,
        positions: bool = True,
    ) -> tuple[float, Parameters]:
        """The loss on a batch and its exact gradient.

        Parameters
        ----------
        data : PatchData
            Where the areas lie.
        parameters : Parameters
            State of the model.
        images : Images
            Batch with at least `views` masks.
        positions : bool, default=True
            False treats the positional coordinates as constants: their gradient is 0.

        Returns
        -------
        loss : float
        gradient : Parameters

        Raises
        ------
        ValueError
            If the images are too few for the loss, or have too few views.
        """
        return self.slope(parameters, data.place(images), positions=positions)

    def slope(
        self, parameters: Parameters, batch: Batch, *, positions: bool = True
    ) -> tuple[float, Parameters]:
        """The same of images that know where their areas lie, as :meth:`PatchData.place` tells.

        Parameters
        ----------
        parameters : Parameters
            State of the model.
        batch : Batch
            With at least `views` masks of each image.
        positions : bool, default=True
            As for :meth:`loss_and_gradient`.

        Returns
        -------
        loss : float
        gradient : Parameters

        Raises
        ------
        ValueError
            If the images are too few for the loss, or have too few views.
        """
        keep_freed_memory()
        seen = self.look(parameters, batch)
        loss, slopes = self._loss_and_slopes(parameters, seen)
        gradient = seen.pull_back(slopes, positions=positions, overwrite=True)
        penalty = self._penalty()
        if penalty:
            loss += 0.5 * penalty * parameters.square()
            gradient.phi[...] += penalty * parameters.phi
            if positions:
                gradient.upsilon[...] += penalty * parameters.upsilon
        return float(loss), gradient

    def loss(self, data: PatchData, parameters: Parameters, images: Images) -> float:
        """The loss on a batch, without its gradient; see :meth:`loss_and_gradient`.

        Parameters
        ----------
        data, parameters, images
            As there.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If the images are too few for the loss, or have too few views.
        """
        return self.loss_of(parameters, self.look(parameters, data.place(images)))

    def loss_of(self, parameters: Parameters, seen: Attention) -> float:
        """The loss where :meth:`look` has been taken already.

        `parameters` are those with which it was taken, `seen` is its result.
        """
        loss = self._loss_and_slopes(parameters, seen)[0]
        return float(loss + 0.5 * self._penalty() * parameters.square())

    def look(self, parameters: Parameters, batch: Batch) -> Attention:
        """Attention on the first view of a batch, from the `parameters`.

        ValueError if the images are too few for the loss, or have too few views.
        """
        self.check_batch(len(batch))
        if len(batch.visible) < self.views:
            raise ValueError(
                f"{type(self).__name__} needs {self.views} views of each image, got "
                f"{len(batch.visible)}; draw the images with views={self.views}."
            )
        return Attention.of(parameters, batch)

    @abstractmethod
    def _loss_and_slopes(self, parameters, seen: Attention) -> tuple[float, Array]:
        """The loss without its penalty, and its derivative in the shares of the first view."""

    def _penalty(self) -> float:
        """Factor of half the squared norm of W."""
        return 0.0


@dataclass(frozen=True)
class MAE(Objective):
    r"""Masked reconstruction: half the squared error on the masked patches, summed.

    .. math:: L = \frac12\, \mathbb E \sum_{p\ \mathrm{masked}} \|F_p - X_p\|^2
                = \frac12\, \mathbb E \sum_{p\ \mathrm{masked}} \sum_m
                  z_m^2 \big(A_{p,m} - [m = a(p)]\big)^2

    The second form uses that features are orthonormal; a(p) is the area of p. The derivative in a
    share is :math:`g_{p,m} = z_m^2 (A_{p,m} - [m = a(p)])` for masked p and 0 for visible p.

    Implements :theorem:`thm-vit-gradient`.

    References
    ----------
    K. He and others, Masked autoencoders are scalable vision learners, CVPR 2022.

    Y. Huang, Z. Wen, Y. Chi and Y. Liang, A theoretical analysis of self-supervised learning
    for vision transformers (2025).
    """

    def _loss_and_slopes(self, parameters, seen):
        images, hidden = seen.images, ~seen.images.visible[0]
        square = images.strengths.T[:, :, None] ** 2 / len(images)
        slopes = seen.on_areas * square
        slopes *= hidden.astype(float)
        b, p = np.divmod(np.flatnonzero(hidden), hidden.shape[1])
        m = images.areas[b, p]
        own = np.ravel_multi_index((m, b, p), slopes.shape)
        own_slopes = slopes.take(own) - square[m, b, 0]
        slopes.put(own, own_slopes)
        # The sum over areas of (A - [m = a]) g, where the subtracted part is one entry a patch.
        error = np.vdot(seen.on_areas, slopes) - own_slopes.sum()
        return 0.5 * error, slopes


@dataclass(frozen=True)
class Contrastive(Objective):
    r"""InfoNCE between two masked views of an image, with the rest of the batch as negatives.

    .. math:: L = \frac1B \sum_b \Big[ -\frac{s_{bb}}{\tau}
                  + \log \sum_{b'} e^{s_{bb'}/\tau} \Big] + \frac{\rho}{2} \|W\|_F^2,
              \qquad s_{bb'} = \bar F_b^\top\, \bar F'_{b'}, \quad
              \bar F_b = \frac1P \sum_p F_p

    :math:`\bar F_b` is the pooled output on the first view of image b and :math:`\bar F'_{b'}` that
    on the second view of image b', through which no gradient flows. Images of different clusters
    have similarity 0, as their features are orthogonal.

    Implements :theorem:`lem-vc-similarity` and :theorem:`thm-vc-gradient`.

    Parameters
    ----------
    temperature : float
        :math:`\tau > 0`, in squared units of the strengths.
    regularization : float, default=0.0
        :math:`\rho \ge 0`.

    Raises
    ------
    ValueError
        If the temperature is not positive or the regularization negative.

    Notes
    -----
    Some texts multiply InfoNCE by :math:`\tau`; here it is the plain cross-entropy. The output is
    pooled over P patches, so that the gradient in one patch's coordinates is of order 1/P: a
    learning rate that suits :class:`MAE` wants a factor of about P here, and a regularisation of
    order 1/P competes with the rest.

    References
    ----------
    A. van den Oord, Y. Li and O. Vinyals, Representation learning with contrastive predictive
    coding (2018).

    Y. Huang, Z. Wen, Y. Chi and Y. Liang, A theoretical analysis of self-supervised learning
    for vision transformers (2025).
    """

    temperature: float
    regularization: float = 0.0
    views = 2

    def __post_init__(self):
        object.__setattr__(self, "temperature", positive(self.temperature, "temperature"))
        object.__setattr__(
            self, "regularization", non_negative(self.regularization, "regularization")
        )

    def check_batch(self, n_images: int) -> int:
        """Return the batch size `n_images`, or raise ValueError: one image has no negatives."""
        n_images = super().check_batch(n_images)
        if n_images < 2:
            raise ValueError(
                "batch_size must be at least 2 for a contrastive objective, as the other images "
                "of the batch are the negatives; got 1."
            )
        return n_images

    def _loss_and_slopes(self, parameters, seen):
        images, P, tau = seen.images, len(seen.positions), self.temperature
        other = Attention.of(parameters, images, 1, positions=seen.positions)
        first = seen.on_areas.mean(axis=2).T * images.strengths
        second = other.on_areas.mean(axis=2).T * images.strengths
        same = images.clusters[:, None] == images.clusters
        logits = np.where(same, first @ second.T, 0.0) / tau
        top = logits.max(axis=1, keepdims=True)
        odds = np.exp(logits - top)
        total = odds.sum(axis=1, keepdims=True)
        loss = np.mean(top + np.log(total) - np.diagonal(logits)[:, None])
        odds /= total
        odds *= same
        slopes = (odds @ second - second) * images.strengths / (tau * P * len(images))
        return loss, slopes.T[:, :, None]

    def _penalty(self):
        return self.regularization


@dataclass(frozen=True)
class Combined(Objective):
    r"""A weighted sum of masked reconstruction and contrast, on the same images.

    .. math:: L = \alpha\, L_{\mathrm{MAE}} + \beta\, L_{\mathrm{contrastive}}

    The reconstruction is that of the first view, the one through which the contrastive gradient
    flows as well.

    Implements :theorem:`def-between-combined` and :theorem:`prop-between-gradient`.

    Parameters
    ----------
    mae, contrastive : float
        :math:`\alpha` and :math:`\beta`, not negative and not both 0.
    temperature, regularization : float
        As for :class:`Contrastive`; the penalty is part of it and is weighed by :math:`\beta`.

    Raises
    ------
    ValueError
        If a weight is negative or both are 0, or as :class:`Contrastive`.

    Notes
    -----
    Reconstruction sums over masked patches and contrast pools over patches, so that the two pull
    equally hard only when :math:`\beta/\alpha` is of order P.
    """

    mae: float
    contrastive: float
    temperature: float
    regularization: float = 0.0
    views = 2

    def __post_init__(self):
        for name in ("mae", "contrastive"):
            object.__setattr__(self, name, non_negative(getattr(self, name), name))
        if self.mae == self.contrastive == 0:
            raise ValueError("the weights mae and contrastive must not both be 0.")
        part = Contrastive(self.temperature, self.regularization)
        object.__setattr__(self, "temperature", part.temperature)
        object.__setattr__(self, "regularization", part.regularization)

    @property
    def contrastive_part(self) -> Contrastive:
        """The contrastive objective, without its weight."""
        return Contrastive(self.temperature, self.regularization)

    def check_batch(self, n_images: int) -> int:
        """Return the batch size `n_images`, or raise ValueError: one image has no negatives."""
        return self.contrastive_part.check_batch(n_images)

    def _loss_and_slopes(self, parameters, seen):
        mae, mae_slopes = MAE()._loss_and_slopes(parameters, seen)
        other, slopes = self.contrastive_part._loss_and_slopes(parameters, seen)
        mae_slopes *= self.mae
        mae_slopes += self.contrastive * slopes
        return self.mae * mae + self.contrastive * other, mae_slopes

    def _penalty(self):
        return self.contrastive * self.regularization
