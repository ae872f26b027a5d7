"""Velocities of the first step, measured batch by batch."""

from __future__ import annotations

import numpy as np

from mssl.chapters.vit_between.worlds import BATCH, TEMPERATURE
from mssl.vit import MAE, Contrastive, Parameters, PatchData

__all__ = ["start_velocities"]


def _local_slopes(data: PatchData, gradient: Parameters) -> tuple[float, float]:
    """Velocities of local patches to own and global feature, from a gradient."""
    areas = data.areas.T
    own = np.take_along_axis(gradient.phi, areas[:, :, None], axis=2)[:, :, 0]
    return -own[areas > 0].mean(), -gradient.phi[:, :, 0][areas > 0].mean()


def start_velocities(data: PatchData, rng, batches: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Velocities batch by batch, (batches, 4), and the two mean gradients of each half."""
    zero, parts = Parameters.zeros(data), (MAE(), Contrastive(TEMPERATURE))
    size = zero.phi.size + zero.upsilon.size
    rows, totals = [], [np.zeros((2, size)), np.zeros((2, size))]
    for index in range(batches):
        batch = data.draw(BATCH, rng, views=2)
        row = []
        for j, part in enumerate(parts):
            slope = part.loss_and_gradient(data, zero, batch)[1]
            row += _local_slopes(data, slope)
            flat = np.concatenate([slope.phi.ravel(), slope.upsilon.ravel()])
            totals[index % 2][j] += flat
        rows.append(row)
    return np.array(rows), totals
