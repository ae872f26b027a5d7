"""The theory of masked self-supervised learning, as formulas, numbers and measurements."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .imputation import MaskedImputer
    from .regression import MaskedRegression, MaskedRegressionCV
    from .theory import PCATheory, SSRTheory

__all__ = [
    "MaskedImputer",
    "MaskedRegression",
    "MaskedRegressionCV",
    "PCATheory",
    "SSRTheory",
    "__version__",
]

__version__ = "0.1.0"

_HOMES = {
    "MaskedImputer": "imputation",
    "MaskedRegression": "regression",
    "MaskedRegressionCV": "regression",
    "PCATheory": "theory",
    "SSRTheory": "theory",
}


def __getattr__(name: str):
    """Import on first use: one part of the package need not wait for what another one needs."""
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    if not name.startswith("_"):
        try:
            return import_module(f".{name}", __name__)
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
