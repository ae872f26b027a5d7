"""What `import mssl` offers, and that it does so without loading everything."""

import subprocess
import sys

import pytest

import mssl


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
