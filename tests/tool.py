"""The scripts in tools/, which are no package, as modules."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def tool(name, folder=ROOT):
    """The script of this name as it stands in the tools of a folder."""
    spec = spec_from_file_location(name, folder / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
