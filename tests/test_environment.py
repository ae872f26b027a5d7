"""The lock, environment.yml and pyproject.toml agree, and this environment is the lock."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.tool import tool

ROOT = Path(__file__).resolve().parents[1]
LOCK_TEXT = (ROOT / "requirements.txt").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


lock_tool = tool("lock")
PINS = [Requirement(line) for line in lock_tool.pins(LOCK_TEXT)]


def wanted():
    """All requirements of the project: its own, those of its extras and of its build."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    lists = [PROJECT["project"]["dependencies"], *extras, PROJECT["build-system"]["requires"]]
    return [line for requirements in lists for line in requirements]


def applies(pin):
    return pin.marker is None or pin.marker.evaluate()


def test_every_pin_is_exact_and_hashed():
    entries = re.split(r"\n(?=[A-Za-z0-9])", LOCK_TEXT.split("make lock\n", 1)[1])
    assert len(entries) == len(PINS) > 50
    for entry, pin in zip(entries, PINS, strict=True):
        assert re.fullmatch(r"==[^*]+", str(pin.specifier)), pin
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), pin


def test_the_lock_names_no_host_and_no_path():
    for text in (LOCK_TEXT, (ROOT / "environment.yml").read_text("utf-8")):
        assert not re.search(r"://|--(extra-)?index|--find-links|(^|\s)/", text)


@pytest.mark.parametrize("requirement", wanted())
def test_the_lock_satisfies_pyproject(requirement):
    requirement = Requirement(requirement)
    name = canonicalize_name(requirement.name)
    found = [pin for pin in PINS if canonicalize_name(pin.name) == name]
    assert found, f"{name} is not in requirements.txt: run `make lock`"
    for pin in found:
        (version,) = (part.version for part in pin.specifier)
        assert requirement.specifier.contains(version), pin


def test_conda_has_the_pins_of_the_lock():
    text = (ROOT / "environment.yml").read_text("utf-8")
    assert text == lock_tool.conda_environment(LOCK_TEXT), "run `make lock`"
    dependencies = yaml.safe_load(text)["dependencies"]
    (pip,) = (item["pip"] for item in dependencies if isinstance(item, dict))
    assert pip == [*lock_tool.pins(LOCK_TEXT), "-e ."]


def test_conda_and_pyproject_ask_for_the_same_python():
    text = (ROOT / "environment.yml").read_text("utf-8")
    (python,) = re.findall(r"- python(\S+)", text)
    assert python == PROJECT["project"]["requires-python"]


@pytest.mark.parametrize("pin", [pin for pin in PINS if applies(pin)], ids=lambda pin: pin.name)
def test_this_environment_is_the_lock(pin):
    assert pin.specifier.contains(importlib.metadata.version(pin.name), prereleases=True)
