"""Every example of every registered covariance model, by name."""

import pytest

from mssl.covariance import Covariance

__all__ = ["MODELS", "every_model"]

MODELS = {
    f"{cls.__name__}-{i}": model
    for cls in Covariance.registry()
    for i, model in enumerate(cls.examples())
}
every_model = pytest.mark.parametrize("model", list(MODELS.values()), ids=list(MODELS))
