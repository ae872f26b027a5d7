"""What each column of a figure's data means, in which unit, and the CSV that says so."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from types import MappingProxyType

from mssl.figures.registry import RegisteredFigure
from mssl.figures.table import Table
from mssl.figures.words import readable

__all__ = ["COLUMNS", "described", "meanings"]

#: Licence of drawings and data, as of all of the book.
LICENCE = "BSD-3-Clause"

_ATTENTION = "attention of masked local patches on {}, a share of 1"
_FEATURE = "logit of a local patch for {}"

#: The columns that mean the same in each figure. What has no unit is a pure number.
COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        # What is compared
        "curve": "which curve of the panel",
        "kind": "which of several errors, or which part of the picture",
        "law": "law of the masks",
        "method": "estimator or objective",
        "model": "covariance of the population",
        "objective": "what is trained for",
        "panel": "panel of the figure",
        "part": "part of the picture",
        "quantity": "what is measured",
        "setting": "which world or choice of parameters",
        "side": "left or right panel",
        "source": "training patches",
        "when": "time of training",
        "which": "which eigenvector or filter",
        "witness": "where the row is from: theory, a measurement, or a line to compare with",
        "world": "population or data set",
        # Sizes and parameters
        "d": "number of coordinates",
        "degrees": "angle between the signals, in degrees",
        "df": "degrees of freedom of the t distribution",
        "direction": "number of the direction, from 1",
        "eigenvector": "number of the eigenvector, from 1",
        "gamma": "coordinates a sample, d/n",
        "global_size": "number of patches of the global area",
        "lag": "distance of a coordinate from the middle one, in coordinates",
        "local_size": "number of patches of a local area",
        "masks": "number of masks drawn for each sample",
        "n": "number of samples",
        "n_patches": "number of patches of an image",
        "norm_ratio": "norm of the gradient of reconstruction over that of contrast, at the start",
        "penalty": "weight of the regularisation",
        "rate": "share of hidden coordinates; 0 stands for one at a time",
        "ratio": "noise variance of loud over quiet coordinates",
        "ridge": "ridge, in squared units of the data",
        "size": "number of patches, or coordinates, of a local area or signal",
        "splits": "number of random splits averaged",
        "strength": "variance of the signal, in squared units of the data",
        "temperature": "temperature of the contrastive loss",
        "trials": "number of independent draws averaged",
        "weight": "weight with which a coordinate predicts another",
        # Places
        "area": "number of the area of a patch, 0 for the global one",
        "border_distance": "distance from the border, in pixels",
        "column": "column in the picture, from 0",
        "frame": "number of the frame, from 0",
        "patch": "number of the patch, from 0",
        "pixel": "pixel that is predicted, or its number",
        "place": "number of the patch that looks",
        "query": "the patch that looks",
        "row": "row in the picture, from 0",
        "target_column": "column of the predicted pixel, from 0",
        "target_row": "row of the predicted pixel, from 0",
        "tile": "side of a patch, in pixels",
        "visible": "1 where a patch is visible, 0 where it is masked",
        "left": "left end of a bin, or the place on the axis",
        "right": "right end of a bin, or the place on the axis",
        # Errors
        "bayes_error": "Bayes error, in squared units of the data",
        "best": "least leave-one-out error, in squared units of the data",
        "error": "mean squared error, in squared units of the data",
        "gcv": "generalised cross-validation, in squared units of the data",
        "loo": "leave-one-out error, in squared units of the data",
        "loo_error": "leave-one-out error at its best ridge, in squared units of the data",
        "loo_standard_error": "standard error of the leave-one-out error",
        "test": "test error, in squared units of the data",
        "test_error": "held-out error, in squared units of the data",
        "low_error": "standard error of the lower end",
        "high_error": "standard error of the upper end",
        "standard_error": "one standard error of the value measured; nan for theory",
        # Spectra and overlaps
        "a": "eigenvalue of the learned matrix",
        "density": "density of the eigenvalues, per unit of an eigenvalue",
        "entry": "entry of the resolvent, in inverse squared units of the data",
        "fraction": "share of the eigenvalues below a",
        "height": "density of the eigenvalues, per unit of an eigenvalue",
        "overlap": "squared cosine with the signal",
        "spread": "one standard error of the entry",
        "zero_mass": "share of the eigenvalues that are zero",
        "zeta": "eigenvalue of M",
        # Attention
        "attention": "attention on the patch, a share of 1",
        "attention_global": _ATTENTION.format("the global area"),
        "attention_global_se": "standard error of attention_global",
        "attention_global_theory": "mean field of attention_global",
        "attention_own": _ATTENTION.format("their own area"),
        "attention_own_se": "standard error of attention_own",
        "attention_own_theory": "mean field of attention_own",
        "entropy": "entropy of a row of attention, in nats",
        "distance_se": "standard error of distance",
        "entropy_se": "standard error of entropy",
        "gap": "information gap",
        "loss": "loss a sample",
        "loss_se": "standard error of loss",
        "moment": "early or late in training",
        "nmi": "normalised mutual information of query and key",
        "nmi_se": "standard error of nmi",
        "phi_global": _FEATURE.format("the global feature"),
        "phi_global_se": "standard error of phi_global",
        "phi_other": _FEATURE.format("another local feature"),
        "phi_other_se": "standard error of phi_other",
        "phi_own": _FEATURE.format("its own feature"),
        "phi_own_se": "standard error of phi_own",
        "time": "time of training: steps times learning rate",
    }
)

_WIDTH = 96


def meanings(entry: RegisteredFigure, table: Table) -> dict[str, str]:
    """Return what each column of a figure's data means.

    Parameters
    ----------
    entry : RegisteredFigure
        What it says itself goes before ``COLUMNS``.
    table : Table

    Returns
    -------
    dict
        From the names of the columns, in their order; a column that nobody explains is empty.
    """
    return {name: entry.columns.get(name, COLUMNS.get(name, "")) for name in table.names}


def described(entry: RegisteredFigure, table: Table, scale: str) -> str:
    """Return a figure's data as CSV that says at its head what it holds.

    Parameters
    ----------
    entry : RegisteredFigure
    table : Table
    scale : {"test", "quick", "paper"}
        That of the data.

    Returns
    -------
    str
        Lines that begin with ``#``, then the table; ``Table.from_csv`` reads it back bit by bit.
    """
    head = [
        f"{readable(entry.title)}: data of the figure {entry.name}",
        f"seed {entry.seed}, scale {scale}, licence {LICENCE}",
    ]
    head += [f"{name}: {text}" for name, text in meanings(entry, table).items() if text]
    lines = [line for text in head for line in textwrap.wrap(text, _WIDTH, subsequent_indent="  ")]
    return "".join(f"# {line}\n" for line in lines) + table.to_csv()
