"""One theory for ridge and masks against numbers stored when there were two."""

import json
from pathlib import Path

import numpy as np
import pytest

from mssl.theory import SSRTheory
from tests.models import MODELS

STORED = json.loads((Path(__file__).parents[1] / "data" / "theory_values.json").read_text("utf-8"))
NAMES = (
    "kappa",
    "df1",
    "df2",
    "train_error",
    "test_error",
    "bayes_error",
    "full_view_error",
    "rescaled_error",
    "coef_norm",
)


@pytest.mark.parametrize(
    "setting", STORED["settings"], ids=lambda s: f"{s['model']}-{s['n']}-{s['rate']}"
)
def test_values_are_those_that_were_stored(setting):
    theory = SSRTheory(MODELS[setting["model"]], setting["n"], setting["ridge"], setting["rate"])
    known = setting["values"][: len(NAMES)]
    values = [getattr(theory, name) for name in NAMES]
    np.testing.assert_allclose(values, known, rtol=1e-12, atol=1e-24)
    edges = setting["values"][len(NAMES) :]
    if edges:
        np.testing.assert_allclose(theory.edges[[0, -1]], edges, rtol=1e-12, atol=1e-12)
