"""What `import mssl` offers, and that it does so without loading everything."""

import ast
import re
import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import mssl
from tests.tool import tool

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PACKAGE = ROOT / "mssl"


def parts():
    """The modules and packages right below `mssl`, read from the folder."""
    names = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    names |= {path.stem for path in PACKAGE.glob("*.py")}
    return {name for name in names if not name.startswith("_")}


def test_every_public_name_is_there():
    for name in mssl.__all__:
        assert getattr(mssl, name) is not None
        assert name in dir(mssl)


def test_dir_shows_the_face_and_every_part_and_nothing_else():
    shown = {name for name in dir(mssl) if not name.startswith("__")}
    assert shown == parts() | {name for name in mssl.__all__ if not name.startswith("__")}
    assert not parts() & set(mssl.__all__), "a name of the face hides a module"


def test_editors_see_what_python_sees():
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = (node for node in block.body if isinstance(node, ast.ImportFrom))
    seen = {alias.name for node in imports for alias in node.names}
    assert seen == parts() | set(mssl.__all__) - {"__version__"}


def test_the_wheel_says_that_the_package_is_typed(tmp_path):
    from flit_core.wheel import make_wheel_in

    assert files("mssl").joinpath("py.typed").is_file()
    wheel = make_wheel_in(ROOT / "pyproject.toml", tmp_path).file
    assert "mssl/py.typed" in zipfile.ZipFile(wheel).namelist()


def test_a_name_that_is_not_there_is_named():
    with pytest.raises(AttributeError, match="module 'mssl' has no attribute 'nonsense'"):
        _ = mssl.nonsense


def test_parts_load_on_first_use():
    code = (
        "import sys, mssl; dir(mssl); "
        "early = [name for name in ('numpy', 'scipy', 'mssl.theory') if name in sys.modules]; "
        "print(early, mssl.theory.SSRTheory is mssl.SSRTheory, mssl.MaskedRegression.__name__)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["[]", "True", "MaskedRegression"]


@pytest.mark.parametrize("page", ["README.md", "book/api.md"])
def test_the_map_of_the_house_is_what_the_modules_say(page):
    house_map = tool("house_map")
    assert {Path(place).stem for place in house_map.parts()} == parts()
    text = (ROOT / page).read_text("utf-8")
    assert house_map.with_map(text) == text, "run `make map`"


def test_the_example_of_the_readme_runs_and_theory_is_near(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    names = {}
    exec(compile(example, README.name, "exec"), names)
    measured, theory = map(float, re.findall(r" (0\.\d+)", capsys.readouterr().out))
    assert measured == pytest.approx(theory, rel=0.05)
    visible = ~np.isnan(names["X_missing"])
    assert not visible.all()
    np.testing.assert_array_equal(names["filled"][visible], names["X"][visible])
    assert np.isfinite(names["filled"]).all()
