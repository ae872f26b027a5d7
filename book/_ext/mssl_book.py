"""What this book needs beyond Jupyter Book, each with its reason."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import nbformat
from cross_references import cross_reference
from docutils import nodes
from implementations import implementations
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.read import create_nb_reader
from plain_notebooks import setup_notebooks
from sphinx.util import logging
from sphinx_proof.domain import ProofXRefRole

from mssl.chapters.ledger import claims

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

CACHES = Path("_build", "execute")
CACHES_KEPT = 3

logger = logging.getLogger(__name__)


def source_key() -> str:
    """Return a digest of everything, besides its own code, that a chapter's output depends on."""
    kinds = ("*.py", "*.mplstyle", "*.csv")
    files = [file for kind in kinds for file in sorted((ROOT / "mssl").rglob(kind))]
    files += [ROOT / "requirements.txt", HERE / "matplotlibrc"]
    digest = hashlib.sha256(platform.python_version().encode())
    for file in filter(Path.is_file, files):
        digest.update(f"\n{file.relative_to(ROOT).as_posix()}\n".encode())
        digest.update(file.read_bytes())
    digest.update(repr(claims(ROOT / "book")).encode())  # the ledger's page quotes their titles
    return digest.hexdigest()[:16]


def set_execution_cache(app, config) -> None:
    """Name the folder of executed chapters by the state of the package.

    jupyter-cache compares only a notebook's own code, so a change in the package would leave stale
    figures. Sphinx reads every chapter anew when this setting changes.
    """
    caches = Path(app.srcdir) / CACHES
    cache = caches / source_key()
    cache.mkdir(parents=True, exist_ok=True)
    cache.touch()
    config.nb_execution_cache_path = str(cache)
    by_age = sorted(caches.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for old in by_age[CACHES_KEPT:]:
        shutil.rmtree(old)


def isolate_kernels(app, config) -> None:
    """Keep the reader's own IPython and Matplotlib settings, and the date, out of the figures."""
    os.environ["MATPLOTLIBRC"] = str(HERE / "matplotlibrc")
    os.environ["IPYTHONDIR"] = str(Path(app.srcdir) / "_build" / "ipython")
    os.environ.setdefault("SOURCE_DATE_EPOCH", "1767225600")
    os.environ.setdefault("PYTHONHASHSEED", "0")
    # Chapters run side by side: threads of linear algebra on top would only wait for each other,
    # and sums in another order would change last digits.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def drop_thebe(app, pagename, templatename, context, doctree) -> None:
    """Remove the scripts of sphinx-thebe.

    Jupyter Book always loads it; its script is put in twice and then stops with an error, and the
    one thing that it does is to run code on another host.
    """

    def is_thebe(script) -> bool:
        body = getattr(script, "attributes", {}).get("body") or ""
        return "THEBE_JS_URL" in body or "sphinx-thebe" in str(getattr(script, "filename", script))

    for key in ("script_files", "css_files"):
        context[key] = [file for file in context.get(key, []) if not is_thebe(file)]


def read_notebook(app, docname: str) -> tuple[Path, nbformat.NotebookNode | None]:
    """Return the file of a chapter and the notebook in it, without outputs."""
    source = Path(app.env.doc2path(docname))
    text = source.read_text("utf-8")
    reader = create_nb_reader(str(source), app.env.myst_config, app.env.mystnb_config, text)
    return source, None if reader is None else reader.read(text)


def execute_side_by_side(app, env, docnames) -> None:
    """Run the chapters that are not in the cache, one a core, before MyST-NB looks for them.

    MyST-NB would run them one after the other. A chapter that fails is left to it, so that the
    error is told as usual.
    """
    cache = get_cache(app.config.nb_execution_cache_path)
    waiting = {}
    for docname in docnames:
        source, notebook = read_notebook(app, docname)
        if notebook is None or "kernelspec" not in notebook.metadata:
            continue
        try:
            cache.match_cache_notebook(notebook)
        except KeyError:
            waiting[source] = notebook
    if not waiting:
        return
    logger.info("running %d chapters ...", len(waiting))

    def run(source):
        return single_nb_execution(
            waiting[source],
            cwd=str(source.parent),
            timeout=app.config.nb_execution_timeout,
            allow_errors=False,
        )

    # The longest chapters first, so that none of them is left for the end; the ledger, which
    # runs every check, is short to read and long to run.
    order = sorted(waiting, key=lambda s: (s.stem != "claims", -s.stat().st_size))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        running = {pool.submit(run, source): source for source in order}
        for done in as_completed(running):
            source, result = running[done], done.result()
            if result.err is not None:
                logger.info("%s stopped with an error, told below", source.name)
                continue
            bundle = CacheBundleIn(
                waiting[source], str(source), data={"execution_seconds": result.time}
            )
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
            logger.info("ran %s in %.0f s", source.name, result.time)


def executed_notebook(app, docname: str) -> nbformat.NotebookNode:
    """Return the notebook of a chapter with the outputs of its last run."""
    _, notebook = read_notebook(app, docname)
    cache = get_cache(app.config.nb_execution_cache_path)
    return cache.merge_match_into_notebook(notebook)[1]


def say_types_in_words(app, what, name, obj, options, lines) -> None:
    """Keep the type of a property as prose.

    Napoleon makes a reference of each word of "ndarray of shape (n, d): ...", and none of them
    leads anywhere.
    """
    lines[:] = [
        line.replace(":type: ", ":Value: ", 1) if line.startswith(":type: ") else line
        for line in lines
    ]


def name_implementations(app, doctree) -> None:
    """Say below each theorem which parts of the package implement it, with links to them."""
    implemented = app.mssl_implementations = getattr(app, "mssl_implementations", None) or (
        implementations()
    )
    for theorem in list(doctree.findall(lambda node: isinstance(node, nodes.Element))):
        names = implemented.get(theorem.get("label", ""), ())
        if not names:
            continue
        line = nodes.paragraph("", "In the package: ", classes=["implemented-by"])
        for i, name in enumerate(names):
            shown = nodes.literal("", name.removeprefix("mssl."))
            link = cross_reference("py:obj", name, shown, app.env.docname)
            line += [*([nodes.Text(", ")] if i else []), link]
        line += nodes.Text(".")
        theorem.parent.insert(theorem.parent.index(theorem) + 1, line)


def setup(app):
    # In docstrings: :theorem:`label` leads to a theorem, proposition, lemma or corollary.
    app.add_role("theorem", ProofXRefRole())
    app.connect("doctree-read", name_implementations)
    app.connect("config-inited", set_execution_cache, priority=100)
    app.connect("config-inited", isolate_kernels)
    app.connect("env-before-read-docs", execute_side_by_side)
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("autodoc-process-docstring", say_types_in_words, priority=900)
    setup_notebooks(app, executed_notebook)
    app.setup_extension("installing")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
