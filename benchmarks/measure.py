"""How the benchmarks take the time of two sides in turn, and how they print a ratio."""

from time import process_time

import numpy as np


def interleaved(*functions, rounds, clock=process_time):
    """Fewest seconds of each function; the order turns round, the first round is not counted."""
    times = np.empty((rounds + 1, len(functions)))
    for number, row in enumerate(times):
        order = range(len(functions))
        for j in order if number % 2 else reversed(order):
            start = clock()
            functions[j]()
            row[j] = clock() - start
    return times[1:].min(axis=0)


def report(benchmark, capsys, text, value, bound, better):
    """Print one number with its bound and keep it in pytest-benchmark's record."""
    benchmark.extra_info[text] = value
    verdict = "met" if (value <= bound if better == "at most" else value >= bound) else "MISSED"
    with capsys.disabled():
        print(f"\n{text}: {value:.3g} ({better} {bound:g}: {verdict})")
