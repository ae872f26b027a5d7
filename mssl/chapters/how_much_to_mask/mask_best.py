"""The best mask rate: the figure ``mask_best``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mssl.chapters.how_much_to_mask.worlds import unequal_world
from mssl.covariance import Blocks, Circulant, Covariance
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, measured, theory_line
from mssl.figures.table import Table, table_of
from mssl.theory import SSRTheory, optimal_masking, optimal_ridge, solve_masked


def one_factor_rate(d: int, gamma: float, rho: float) -> float:
    r"""Best mask rate without a ridge when all correlations are rho, to leading order in d.

    .. math:: \frac{\tau}{\sqrt d} \to \big(\gamma\rho(1 - \rho)^3\big)^{1/4}
    """
    tau = (gamma * rho * (1.0 - rho) ** 3) ** 0.25 * np.sqrt(d)
    return tau / (1.0 + tau)


_curves = table_of("panel", "curve", "x", "y")


def _family_unit(rng, *, d, n, ridges, rates) -> Table:
    model, rows = unequal_world(d), []
    for ridge in ridges:
        for rate in rates:
            if rate == 0.0:
                error = SSRTheory(model, n, ridge).test_error
            else:
                error = solve_masked(model, n, ridge, rate)[1].evaluate("rescaled")
            rows.append((f"ridge {ridge:g}", rate, error))
    rows.append(("no masks", 0.0, optimal_ridge(model, n).test_error))
    pair = optimal_masking(model, n)
    rows.append(("best pair", pair.mask_rate, pair.error))
    return _curves("error", *zip(*rows, strict=True))


FACTOR, CHAINS = 0.5, (0.5, 0.8, 0.95)


def _rates_unit(rng, *, d, ratios) -> Table:
    rows = []
    worlds: dict[str, Covariance] = {"one factor": Blocks([d], FACTOR)}
    distance = np.minimum(np.arange(d), d - np.arange(d))
    for rho in CHAINS:
        worlds[f"chain {rho:g}"] = Circulant(rho**distance)
    for name, model in worlds.items():
        for ratio in ratios:
            # Equal variances: the best rate replaces the best ridge, tau = lambda*.
            best = optimal_ridge(model, round(ratio * d)).ridge
            rows.append((name, ratio, best / (1.0 + best)))
    rows += [("one factor, formula", r, one_factor_rate(d, 1 / r, FACTOR)) for r in ratios]
    return _curves("rate", *zip(*rows, strict=True))


def compute_mask_best(run: Run) -> Table:
    """Error over the rate for several ridges, and best rates over n/d."""
    d = run.pick(test=24, quick=120, paper=400)
    points = run.pick(test=4, quick=13, paper=40)
    left = run.map(
        "family",
        _family_unit,
        [
            {
                "d": d,
                "n": 2 * d,
                "ridges": (0.0, 0.1, 0.5),
                "rates": [0.0, 0.01, 0.03, *np.linspace(0.06, 0.9, points).tolist()],
            }
        ],
    )
    size = run.pick(test=24, quick=144, paper=144)
    ratios = np.geomspace(0.3, 8.0, run.pick(test=3, quick=9, paper=25)).tolist()
    return Table.concat([left, run.map("rates", _rates_unit, [{"d": size, "ratios": ratios}])])


@figure(
    "mask_best",
    compute=compute_mask_best,
    title="The best mask rate",
    alt="Left: error of the rescaled predictor against the mask rate for three ridges in a world "
    "of unequal variances. The curve of ridge zero dips lowest, at a small rate, below a "
    "dashed line that no ridge without masks passes; large ridges gain nothing. Right: best rate "
    "against the number of samples per coordinate for four worlds. All fall; the one-factor world "
    "stays far above the three chains, and among the chains the rate falls with the correlation.",
    caption="All from theory. Left: chain with unequal variances, $n = 2\\,d$; the dashed line is "
    "the best error without masks over all ridges, the diamond the best pair. Right: best rate "
    "without a ridge, $d = 144$, for chains of three correlations and for one factor that all "
    "coordinates share (correlation one half); dotted: the formula for many coordinates.",
    chapter="how_much_to_mask",
    seed=17004,
    columns={
        "x": "mask rate, or samples a coordinate n/d, as the panel says",
        "y": "test error, in squared units of the data, or best mask rate",
    },
)
def draw_mask_best(data: Table) -> Figure:
    """Draw errors on the left and rates on the right."""
    fig = Figure(figsize=(5.8, 3.3))
    left, right = fig.subplots(1, 2)
    rows = data.where(panel="error")
    curves = [c for c in rows.unique("curve") if c.startswith("ridge")]
    for curve, look in zip(curves, ("test", "train", "ar1"), strict=True):
        own = rows.where(curve=curve)
        theory_line(left, own["x"], own["y"], look, curve)
    plain = rows.where(curve="no masks")["y"][0]
    theory_line(left, [0, 0.9], [plain, plain], "reference", "best ridge, no masks")
    best = rows.where(curve="best pair")
    measured(left, best["x"], best["y"], None, "best_ridge", "best pair")
    top = 1.6 * best["y"][0]
    left.set(xlabel="mask rate $p$", ylabel=r"error of $q\hat A$", ylim=(0.9 * best["y"][0], top))
    rows = data.where(panel="rate")
    looks = {"one factor": ("best_ridge", "-"), "one factor, formula": ("best_ridge", ":")}
    for curve, line in zip([f"chain {r:g}" for r in CHAINS], ("-", "--", "-."), strict=True):
        looks[curve] = ("test", line)
    for curve, (look, line) in looks.items():
        own = rows.where(curve=curve)
        theory_line(right, own["x"], own["y"], look, line=line)
        if "formula" not in curve:
            k = 0 if curve in ("chain 0.8", "chain 0.95") else len(own) // 2
            shift = 4.0 if k == 0 else 9.0
            direct_label(right, own["x"][k], own["y"][k], curve, look, offset=(2.0, shift))
    right.set(xscale="log", ylim=(0, 1), xlabel="samples per coordinate")
    right.set_ylabel("best mask rate, no ridge")
    right.set_xticks([0.3, 1, 3, 8], ["0.3", "1", "3", "8"])
    right.minorticks_off()
    fig.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig
