"""One setting: draw it, check it, and say what was found."""

from __future__ import annotations

import re
import signal
import time
import traceback
import warnings

import numpy as np
from threadpoolctl import threadpool_limits

from mssl.exceptions import AccuracyWarning, ConvergenceError

from . import checks, worlds

__all__ = ["examine", "one_thread", "verdict"]

# Seconds of work after which a setting counts as not finished.
PATIENCE = 60


class _Slow(Exception):
    pass


def _alarm(*_):
    raise _Slow


def is_refusal(error: BaseException) -> bool:
    """Whether an error or a warning is one clear sentence of the package, not of NumPy or SciPy."""
    if type(error) not in (ValueError, ConvergenceError, AccuracyWarning):
        return False
    text, frames = str(error), traceback.extract_tb(error.__traceback__)
    home = re.search(r"mssl[/\\]", frames[-1].filename) is not None
    return home and len(text) > 30 and text.endswith(".")


def _try(name, check, *arguments):
    """Yield (verdict, name, text) for each thing that is wrong, refused or not finished."""
    try:
        for text in check(*arguments):
            yield "wrong", name, text
    except _Slow:
        raise
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        if is_refusal(error):
            yield "refused", name, text
            return
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "mssl" in f.filename]
        where = f" ({frames[-1].filename.split('mssl/')[-1]}:{frames[-1].lineno})" if frames else ""
        yield "crashed", name, text + where


def examine(line: str, rng, *, every: bool = False) -> list:
    """Everything that is wrong with one line, as (verdict, check, text).

    Parameters
    ----------
    line : str
        A setting, as `worlds.setting` returns it.
    rng : numpy.random.Generator
        For what a check draws.
    every : bool, default=False
        All that there is, where otherwise most of what takes long is left out: a spectrum without
        fast path and the comparison with a draw are for one setting in four, and of the ways to
        see the same world otherwise one is drawn.
    """
    found, theory = [], None

    def make():
        nonlocal theory
        theory = worlds.build(line)
        return ()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found += _try("build", make)
        if theory is None:
            return found
        for name, check in checks.ERRORS.items():
            found += _try(name, check, theory)
        long, draw = rng.random(2) < 0.25
        if not (long or every or checks.is_quick(theory)):
            return found
        refused = list(_try("spectrum", checks.spectrum, theory))
        if refused:  # every other question about the spectrum would end alike
            return found + refused
        for name, check in checks.SPECTRA.items():
            found += _try(name, check, theory)
        names = list(checks.VARIANTS)
        for name in names if every else [rng.choice(names)]:
            found += _try(name, checks.VARIANTS[name], theory, rng)
        if draw or every:
            found += _try("simulation", checks.simulation, theory, rng)
    return found


def one_thread():
    """Begin a process that shares its machine with others like it."""
    threadpool_limits(1)


def verdict(task: tuple[int, int]) -> dict:
    """The record of one setting, given by the seed of its run and its index."""
    seed, index = task
    line, start = worlds.setting(seed, index), time.process_time()
    usable = hasattr(signal, "setitimer")
    if usable:
        signal.signal(signal.SIGPROF, _alarm)
        signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    try:
        found = examine(line, np.random.default_rng([seed, index, 1]))
    except _Slow:
        found = [("unfinished", "time", f"not done after {PATIENCE} seconds of work")]
    finally:
        if usable:
            signal.setitimer(signal.ITIMER_PROF, 0)
    return {"index": index, "line": line, "found": found, "seconds": time.process_time() - start}
