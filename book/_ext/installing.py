"""What a reader installs: the wheel that stands beside the book, and the lines that install it."""

from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from flit_core.wheel import make_wheel_in
from known_address import address_of, is_launched
from sphinx.util.docutils import SphinxDirective, SphinxRole

ROOT = Path(__file__).resolve().parents[2]


def wheel_name() -> str:
    """Name of the wheel, with the version that pyproject.toml gives."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    return f"mssl-{version}-py3-none-any.whl"


def requirement(address: str, extra: str = "") -> str:
    """What pip is asked for: the wheel at the address of the book, or in the reader's folder."""
    name, extra = wheel_name(), f"[{extra}]" if extra else ""
    return f"mssl{extra} @ {address}/{name}" if address else f"./{name}{extra}"


def say_first_cell(app, config) -> None:
    """Let the page Rerun say what the first cell of a notebook does, as {{ first_cell }}.

    And that there are buttons to run it elsewhere, where there are.
    """
    words = "The first code cell installs the package if it is not there yet."
    if not address_of(config):
        words += f" It looks for the wheel, `{wheel_name()}`, beside the notebook."
    if is_launched(config):
        words += " The rocket at the top of the page opens the notebook on Binder or in Colab."
    config.myst_substitutions = {**config.myst_substitutions, "first_cell": words}


def write_wheel(app, exception) -> None:
    """Put the wheel beside the pages; the same sources give the same bytes."""
    if exception is not None or app.builder.format != "html":
        return
    with tempfile.TemporaryDirectory() as folder:
        content = make_wheel_in(ROOT / "pyproject.toml", Path(folder)).file.read_bytes()
    target = Path(app.outdir, wheel_name())
    for other in target.parent.glob("mssl-*.whl"):
        if other != target:
            other.unlink()
    if not target.is_file() or target.read_bytes() != content:
        target.write_bytes(content)


class WheelRole(SphinxRole):
    """A link to the wheel."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        uri = "../" * self.env.docname.count("/") + wheel_name()
        return [nodes.reference("", self.text, refuri=uri, classes=["wheel"])], []


def shell(*lines: str) -> list[nodes.Node]:
    text = "\n".join(lines)
    return [nodes.literal_block(text, text, language="bash")]


class InstallDirective(SphinxDirective):
    """The line that installs the package, with an extra and into a new environment as wanted."""

    optional_arguments = 1
    option_spec: ClassVar = {"environment": directives.flag}

    def run(self) -> list[nodes.Node]:
        wanted = requirement(address_of(self.config), *self.arguments)
        lines = [f'python -m pip install "{wanted}"']
        if "environment" in self.options:
            lines = ["python -m venv mssl-book", "source mssl-book/bin/activate", *lines]
        return shell(*lines)


class BuildDirective(SphinxDirective):
    """The lines that build the book, from its repository where it has one."""

    def run(self) -> list[nodes.Node]:
        repository = self.config.mssl_repository
        clone = [f"git clone {repository} mssl", "cd mssl"] if repository else []
        return shell(*clone, "make book", "make test")


def setup(app):
    # Where the sources are on the network; empty as long as they are nowhere.
    app.add_config_value("mssl_repository", "", "env", types=(str,))
    app.add_role("wheel", WheelRole())
    app.add_directive("install", InstallDirective)
    app.add_directive("build-book", BuildDirective)
    app.connect("config-inited", say_first_cell)
    app.connect("build-finished", write_wheel)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
