"""Attention: how a one-layer vision transformer learns from masked and from paired images.

The same images go through two objectives: masked reconstruction (:class:`MAE`) and agreement
between two masked views (:class:`Contrastive`). :func:`train` measures what gradient descent does,
:func:`mean_field` foretells it, and both return a :class:`History`.
"""

from .attention import (
    AreaAttention,
    area_attention,
    attention_distance,
    attention_entropy,
    normalized_mutual_information,
)
from .contrast import contrast_rates, critical_temperature, strength_moments
from .data import Batch, Images, PatchData
from .history import History, Readout
from .keys import Keys
from .mean_field import mean_field
from .model import Attention, Parameters, attend, position_weights
from .noisy import NoisyAttention, noisy_attention
from .objectives import MAE, Combined, Contrastive, Objective
from .phases import (
    PhaseExponents,
    PhaseTimes,
    leading_order_times,
    phase_exponents,
    phase_times,
)
from .training import DivergenceError, TrainingHistory, train

__all__ = [
    "MAE",
    "AreaAttention",
    "Attention",
    "Batch",
    "Combined",
    "Contrastive",
    "DivergenceError",
    "History",
    "Images",
    "Keys",
    "NoisyAttention",
    "Objective",
    "Parameters",
    "PatchData",
    "PhaseExponents",
    "PhaseTimes",
    "Readout",
    "TrainingHistory",
    "area_attention",
    "attend",
    "attention_distance",
    "attention_entropy",
    "contrast_rates",
    "critical_temperature",
    "leading_order_times",
    "mean_field",
    "noisy_attention",
    "normalized_mutual_information",
    "phase_exponents",
    "phase_times",
    "position_weights",
    "strength_moments",
    "train",
]
