"""What `import mssl` offers, and that it does so without loading everything."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mssl

README = Path(__file__).resolve().parents[1] / "README.md"


def test_every_public_name_is_there():
    for name in mssl.__all__:
        assert getattr(mssl, name) is not None
        assert name in dir(mssl)


def test_a_name_that_is_not_there_is_named():
    with pytest.raises(AttributeError, match="module 'mssl' has no attribute 'nonsense'"):
        _ = mssl.nonsense


def test_parts_load_on_first_use():
    code = (
        "import sys, mssl; early = 'scipy' in sys.modules; "
        "print(early, mssl.theory.SSRTheory is mssl.SSRTheory, mssl.MaskedRegression.__name__)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "True", "MaskedRegression"]


def test_the_example_of_the_readme_runs_and_theory_is_near(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    names = {}
    exec(compile(example, README.name, "exec"), names)
    measured, theory = map(float, re.findall(r" (0\.\d+)", capsys.readouterr().out))
    assert measured == pytest.approx(theory, rel=0.05)
    visible = ~np.isnan(names["holed"])
    assert not visible.all()
    np.testing.assert_array_equal(names["filled"][visible], names["X"][visible])
    assert np.isfinite(names["filled"]).all()
