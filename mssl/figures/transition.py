"""Figures of the chapter on the transition at which a signal leaves the noise."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from scipy.linalg import eigh
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.sparse.linalg import eigsh

from mssl.covariance import Diagonal, Isotropic, Spiked
from mssl.figures.random_matrices import fitted_exponent
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.style import direct_label, histogram, measured, theory_line
from mssl.figures.table import Table
from mssl.results import mean_and_error
from mssl.simulation import run_trials
from mssl.simulation_spectra import simulate_eigenpairs
from mssl.theory import SSRTheory

__all__ = [
    "critical_on_few",
    "flat_direction",
    "score_correlation",
    "single_threshold",
    "top_edge",
    "two_level",
]

CHAPTER = "transition"
RIDGE = 0.05
LOOK = "masked_regression"
#: Shade and line of the three eigenvectors.
VECTORS = {"right": (1.0, "-"), "left": (0.45, "--"), "symmetric": (0.0, ":")}


# Shared by all figures --------------------------------------------------------------------------


def two_level(d: int, quiet: float = 0.3, loud: float = 3.0) -> Diagonal:
    """Independent noise whose variance alternates between two values."""
    return Diagonal(np.tile([quiet, loud], d // 2))


def flat_direction(d: int) -> np.ndarray:
    """The unit vector with equal entries, as a column of shape (d, 1)."""
    return np.full((d, 1), d**-0.5)


def top_edge(theory: SSRTheory) -> tuple[float, float]:
    r"""Upper end :math:`\nu_+` of the bulk of M, and the root :math:`t_+` there."""
    edge = theory.spiked_ensemble.spectrum.edge_points[-1]
    return edge.position, theory.equivalent.shrinkage * edge.root


def score_correlation(theory: SSRTheory) -> float:
    r"""Squared correlation between the top score and the factor of a single spike.

    .. math:: (1 - \tau)\,\frac{\theta(u^\top y)^2}{y^\top\Sigma y}, \qquad
              \tau = \frac{t^2}{n}\mathrm{Tr}(\Sigma_0K)^2

    Parameters
    ----------
    theory : SSRTheory
        Of a model with one spike.

    Returns
    -------
    float
        0 when the spike is not detected.
    """
    spiked = theory.spiked_ensemble
    if not theory.spikes[0].detected:
        return 0.0
    outlier, ensemble = theory.outliers[0], spiked.ensemble
    s = ensemble.solve(np.array([outlier.position]))[0].real
    r = ensemble.resolvent(s, outlier.position)
    tau = s**2 * r.sigma_sigma_trace / ensemble.n_samples
    y, u = outlier.signal, spiked.directions[:, 0]
    return float((1 - tau) * spiked.strengths[0] * (u @ y) ** 2 / (y @ theory.covariance.apply(y)))


def critical_on_few(theory: SSRTheory, variance: float, count: int) -> float:
    r"""Strength at which a signal that is flat on few equal coordinates leaves the bulk.

    .. math:: \theta - \theta_\infty = \frac{\zeta g}{t_+}\,\frac{\theta}{m(g+\theta)-\theta},
              \qquad g = \sigma^2 + \kappa,\quad \zeta = \frac{\nu_+\lambda}{\kappa},\quad
              \theta_\infty = \frac{\zeta g - \lambda}{t_+} - \sigma^2

    Parameters
    ----------
    theory : SSRTheory
        Of the diagonal noise alone.
    variance : float
        :math:`\sigma^2` on the coordinates that carry the signal.
    count : int
        Their number m.

    Returns
    -------
    float
        Infinity if no strength is enough.
    """
    edge, t = top_edge(theory)
    g, zeta = variance + theory.kappa, edge * theory.equivalent.shrinkage
    spread = (zeta * g - theory.ridge) / t - variance
    # (theta - spread) (m g + (m - 1) theta) - (zeta g / t) theta = 0
    roots = np.roots(
        [count - 1.0, count * g - (count - 1) * spread - zeta * g / t, -count * g * spread]
    )
    return float(max((r.real for r in np.atleast_1d(roots) if r.real > 0), default=np.inf))


def _second_moments(x: np.ndarray) -> np.ndarray:
    """S of one sample."""
    return x.T @ x / len(x)


def _with_signal(s: np.ndarray, b: np.ndarray, power: float, u: np.ndarray, strength: float):
    r"""S after a signal is added to the noise, a change of rank two.

    .. math:: S_0 + \sqrt\theta\,(bu^\top + ub^\top) + \theta\,\frac{\lVert h\rVert^2}n\,uu^\top,
              \qquad b = X_0^\top h/n
    """
    half = np.sqrt(strength) * b + 0.5 * strength * power * u
    cross = half @ u.T
    return s + cross + cross.T


def _symmetrised(s: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """M and the diagonal of D for one S; no more of the fit is needed than diag(Q)."""
    m = np.array(s, order="F")
    m[np.diag_indices(len(m))] += ridge
    factor, _ = dpotrf(m, lower=1)
    q, failed = dpotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise np.linalg.LinAlgError("S + ridge I is not positive definite; raise the ridge.")
    weights = np.diag(q).copy()
    root = np.sqrt(weights)
    m *= root
    m *= root[:, None]
    return m, weights


def _top(s: np.ndarray, ridge: float, count: int = 1):
    """Largest eigenvalues of M, eigenvectors w of shape (d, count), and the diagonal of D."""
    m, weights = _symmetrised(s, ridge)
    d = len(m)
    if d >= 200:
        nu, w = eigsh(m, k=count, which="LA", v0=np.ones(d), ncv=max(24, 4 * count), tol=1e-6)
        order = np.argsort(-nu)
        return nu[order], w[:, order], weights
    nu, w = eigh(m, subset_by_index=(d - count, d - 1))
    return nu[::-1], w[:, ::-1], weights


def _cosines(w: np.ndarray, weights: np.ndarray, x: np.ndarray) -> dict[str, np.ndarray]:
    """Squared cosines of the three eigenvectors with unit columns x: shape (n_pairs, n_columns)."""
    root = np.sqrt(weights)[:, None]
    vectors = {"right": root * w, "left": w / root, "symmetric": w}
    return {name: (v.T @ x) ** 2 / np.sum(v * v, axis=0)[:, None] for name, v in vectors.items()}


# The moving picture -----------------------------------------------------------------------------


def _moving_unit(rng, *, d, n, strengths, bins, points) -> Table:
    base, u = two_level(d), flat_direction(d)
    noise, factor = base.sample(n, rng), rng.standard_normal((n, 1))
    law = SSRTheory(base, n, RIDGE).spiked_ensemble.spectrum
    low, high = law.edges[0], law.edges[-1]
    grid = low + (high - low) * 0.5 * (1 - np.cos(np.linspace(0, np.pi, points)))
    parts = [("density", 0.0, grid, grid, law.density(grid))]

    def draw_all(_):
        found = []
        s, b, power = _second_moments(noise), noise.T @ factor / n, np.mean(factor**2)
        for strength in strengths:
            m, weights = _symmetrised(_with_signal(s, b, power, u, strength), RIDGE)
            nu, w = eigh(m)
            found.append((nu, _cosines(w[:, -1:], weights, u)["right"][0, 0]))
        return found

    (found,) = run_trials(draw_all, 1, rng)
    highest = max(high, *(nu[-2] for nu, _ in found))
    cuts = np.linspace(min(low, *(nu[0] for nu, _ in found)), highest, bins + 1)
    for strength, (nu, overlap) in zip(strengths, found, strict=True):
        spike = SSRTheory(Spiked(base, strength, u), n, RIDGE).spikes[0]
        height = np.histogram(nu[:-1], cuts)[0] / (d * np.diff(cuts))
        place = 1 / (1 - spike.eigenvalue)
        parts.append(("bars", strength, cuts[:-1], cuts[1:], height))
        parts.append(("theory", strength, [place], [place], [spike.right_overlap]))
        parts.append(("seen", strength, nu[-1:], nu[-1:], [overlap]))
    threshold = SSRTheory(Spiked(base, 1e-9, u), n, RIDGE).spikes[0].threshold
    parts.append(("threshold", threshold, [high], [high], [0.0]))
    for factor in (1.04, 1.1, 1.5, 1.9, 2.4):
        strength = factor * threshold
        overlap = SSRTheory(Spiked(base, strength, u), n, RIDGE).spikes[0].right_overlap
        parts.append(("between", strength, [high], [high], [overlap]))
    return Table.concat(
        [
            Table({"part": part, "strength": np.full(len(left), float(strength)), "left": left,
                   "right": right, "value": value})
            for part, strength, left, right, value in parts
        ]
    )  # fmt: skip


def compute_transition_moving(run: Run) -> Table:
    """Spectrum of one draw and its top eigenvector while the strength of the signal grows."""
    strengths = run.pick(
        test=(0.2, 2.0),
        quick=(0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.25, 1.6, 2.0),
        paper=tuple(np.round(np.arange(17) * 0.125, 3)),
    )
    d = run.pick(test=60, quick=300, paper=1000)
    setting = {"d": d, "n": 3 * d // 2, "strengths": strengths, "bins": 40, "points": 120}
    return run.map("strengths", _moving_unit, [setting])


def _moving_labels(data: Table) -> list[str]:
    threshold = data.where(part="threshold")["strength"][0]
    return [
        f"strength {s:.3f}, {'above' if s > threshold else 'below'} the threshold {threshold:.3f}"
        for s in data.where(part="seen")["strength"]
    ]


@figure(
    "transition_moving",
    compute=compute_transition_moving,
    title="A signal leaves the noise",
    alt="Two panels that follow a slider on the strength of the signal. Above, a histogram of "
    "eigenvalues under the line of the limiting density, and a triangle for the largest one. "
    "Below the threshold of about 0.59 the triangle stays at the upper end of the bulk; above "
    "it moves away to the right together with a dashed line, the predicted place. Below, the "
    "predicted overlap is zero up to the threshold and then rises; the measured point follows it.",
    caption="One draw of noise with variances 0.3 and 3, and the same noise and factor at every "
    "strength of the signal. Above: eigenvalues (bars), the largest of them (triangle), the "
    "density of the noise (line) and the predicted outlier (dashed). Below: overlap of the right "
    "eigenvector with the signal, predicted (line) and in this draw (point).",
    chapter=CHAPTER,
    seed=6001,
    frames=_moving_labels,
)
def draw_transition_moving(data: Table, frame: int | None = None) -> Figure:
    """Draw one strength: the spectrum above, the overlap below."""
    seen = data.where(part="seen")
    frame = min(8, len(seen) - 1) if frame is None else frame
    strength = seen["strength"][frame]
    threshold, predicted = data.where(part="threshold"), data.where(part="theory")
    bars = data.where(part="bars", strength=strength)
    # One layout for all frames: the axes stay in place when the slider moves.
    fig = Figure(figsize=(5.2, 5.0), layout="none")
    above, below = fig.subplots(2, 1)
    fig.subplots_adjust(left=0.14, right=0.97, bottom=0.1, top=0.97, hspace=0.32)
    law = data.where(part="density")
    histogram(above, bars["left"], bars["right"], bars["value"], "density")
    theory_line(above, law["left"], law["value"], "density")
    place = predicted["left"][frame]
    if strength > threshold["strength"][0]:
        theory_line(above, [place, place], [0, 0.5], LOOK, line="--")
    above.plot(seen["left"][frame], 0.03, "v", color="black", markersize=9, zorder=4)
    above.set(
        xlabel="1/(1 $-$ eigenvalue of $\\hat A$)",
        ylabel="density",
        xlim=(0, 1.08 * max(seen["left"].max(), predicted["left"].max())),
        ylim=(0, 0.8),
    )
    # The corner of the threshold belongs to the curve.
    more = data.where(part="between")
    x = np.concatenate([predicted["strength"], threshold["strength"], more["strength"]])
    y = np.concatenate([predicted["value"], threshold["value"], more["value"]])
    order = np.argsort(x)
    theory_line(below, x[order], y[order], LOOK)
    below.plot(strength, seen["value"][frame], "o", color="black", markersize=8, zorder=4)
    below.axvline(threshold["strength"][0], color="#999999", linestyle=":", linewidth=1.4)
    below.set(xlabel="strength of the signal", ylabel="overlap with the signal", ylim=(-0.03, 0.75))
    return fig


# Eigenvalue, overlaps and score against strength -----------------------------------------------


def _strength_unit(rng, *, d, n, strength, trials) -> Table:
    base, u = two_level(d), flat_direction(d)
    model = Spiked(base, strength, u)

    def trial(generator):
        nu, w, weights = _top(_second_moments(model.sample(n, generator)), RIDGE)
        cosines = _cosines(w, weights, u)
        right = np.sqrt(weights) * w[:, 0]
        score = strength * (u[:, 0] @ right) ** 2 / (right @ model.apply(right))
        return [1 - 1 / nu[0], *(cosines[v][0, 0] for v in VECTORS), score]

    mean, error = mean_and_error(run_trials(trial, trials, rng))
    return Table(
        {
            "witness": "measured",
            "quantity": ["eigenvalue", *VECTORS, "score"],
            "strength": np.full(5, float(strength)),
            "value": mean,
            "standard_error": error,
        }
    )


def _strength_line(rng, *, d, n, strengths) -> Table:
    base, u = two_level(d), flat_direction(d)
    threshold = SSRTheory(Spiked(base, 1e-9, u), n, RIDGE).spikes[0].threshold
    rows = []
    for strength in sorted((*strengths, threshold)):
        theory = SSRTheory(Spiked(base, strength, u), n, RIDGE)
        spike = theory.spikes[0]
        rows += [
            ("eigenvalue", strength, spike.eigenvalue),
            ("score", strength, score_correlation(theory)),
        ]
        rows += [(v, strength, getattr(spike, f"{v}_overlap")) for v in VECTORS]
        best = strength * float(u[:, 0] @ (u[:, 0] / base.diagonal()))
        rows.append(("best score", strength, best / (1 + best)))
    return Table(
        {
            "witness": "line",
            "quantity": [r[0] for r in rows],
            "strength": [float(r[1]) for r in rows],
            "value": [float(r[2]) for r in rows],
            "standard_error": np.zeros(len(rows)),
        }
    )


def compute_transition_overlaps(run: Run) -> Table:
    """Largest eigenvalue, three overlaps and the score, from theory and measured."""
    d = run.pick(test=60, quick=300, paper=2000)
    trials = run.pick(test=3, quick=12, paper=40)
    strengths = run.pick(
        test=(0.3, 2.0),
        quick=(0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0),
        paper=(0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0),
    )
    line = run.pick(
        test=(0.3, 1.0, 4.0),
        quick=(
            *(0.2, 0.6, 0.62, 0.65, 0.7, 0.75, 0.8, 0.9, 1.0, 1.15),
            *(1.3, 1.5, 1.75, 2.0, 2.35, 2.7, 3.1, 3.5, 4.0),
        ),
        paper=tuple(np.linspace(0.2, 4.0, 60)),
    )
    n = 3 * d // 2
    points = run.map(
        "strengths",
        _strength_unit,
        [{"d": d, "n": n, "strength": s, "trials": trials} for s in strengths],
    )
    return Table.concat(
        [run.map("line", _strength_line, [{"d": d, "n": n, "strengths": line}]), points]
    )


@figure(
    "transition_overlaps",
    compute=compute_transition_overlaps,
    title="Eigenvalue, overlaps and score against the strength",
    alt="Three panels against the strength of the signal from 0.2 to 4. The largest eigenvalue "
    "stays at 0.85 up to the threshold near 0.59 and rises to 0.94. The overlaps are zero below "
    "it; above, that of the right eigenvector rises first and levels off at 0.6, that of the left "
    "one rises later and reaches three quarters. The squared correlation of the score rises to "
    "0.86, below the dashed line of the best linear score. Measured points lie on the lines, but "
    "above zero just below the threshold.",
    caption="Noise with variances 0.3 and 3, flat signal, d/n = 2/3, ridge 0.05. Lines: theory. "
    "Points: means over independent draws with one standard error. Top: largest eigenvalue of "
    "A_hat. Middle: overlap of the signal with the right, left and symmetrised eigenvector. "
    "Bottom: squared correlation of the score with the factor; dashed, the best linear score.",
    chapter=CHAPTER,
    seed=6002,
)
def draw_transition_overlaps(data: Table) -> Figure:
    """Draw the eigenvalue, the three overlaps and the score, one below the other."""
    fig = Figure(figsize=(5.2, 8.0))
    axes = fig.subplots(3, 1, sharex=True)
    line, seen = data.where(witness="line"), data.where(witness="measured")

    def both(ax, quantity, kind, level=1.0, style=None):
        curve, points = line.where(quantity=quantity), seen.where(quantity=quantity)
        theory_line(ax, curve["strength"], curve["value"], kind, level=level, line=style)
        measured(
            ax, points["strength"], points["value"], points["standard_error"], kind, level=level
        )

    both(axes[0], "eigenvalue", LOOK)
    axes[0].set_ylabel("largest eigenvalue")
    for name, (level, style) in VECTORS.items():
        both(axes[1], name, LOOK, level, style)
        end = line.where(quantity=name)
        direct_label(axes[1], end["strength"][-1], end["value"][-1], name, LOOK, level=level,
                     offset=(6, {"left": 5, "symmetric": -7}.get(name, 0)))  # fmt: skip
    axes[1].set_ylabel("overlap with signal")
    both(axes[2], "score", LOOK)
    best = line.where(quantity="best score")
    theory_line(axes[2], best["strength"], best["value"], "oracle", line="--")
    middle = int(np.argmin(np.abs(best["strength"] - 2.0)))
    direct_label(axes[2], best["strength"][middle], best["value"][middle], "best linear score",
                 "oracle", offset=(-6, 8), align="right")  # fmt: skip
    axes[2].set(xlabel="strength of the signal", ylabel="score: squared correlation")
    for ax in axes:
        ax.set_xlim(0, 4.9)
    return fig


# Several spikes ---------------------------------------------------------------------------------


def _angle_model(d, strengths, angle) -> Spiked:
    """Two signals at an angle; the second axis splits each noise level in halves."""
    first = flat_direction(d)[:, 0]
    other = first * np.tile([1.0, 1.0, -1.0, -1.0], d // 4)
    second = np.cos(angle) * first + np.sin(angle) * other
    return Spiked(two_level(d), strengths, np.column_stack([first, second]))


def _angle_rows(witness, degrees, values, errors):
    names = [(q, k) for q in ("place", "own", "other") for k in (1, 2)]
    return Table(
        {
            "witness": witness,
            "degrees": np.full(6, float(degrees)),
            "quantity": [q for q, _ in names],
            "eigenvector": [k for _, k in names],
            "value": np.ravel(values),
            "standard_error": np.ravel(errors),
        }
    )


def _angle_unit(rng, *, d, n, strengths, degrees, trials) -> Table:
    model = _angle_model(d, strengths, np.deg2rad(degrees))
    x = model.directions

    def trial(generator):
        nu, w, weights = _top(_second_moments(model.sample(n, generator)), RIDGE, 2)
        cosines = _cosines(w, weights, x)["left"]
        return [nu, cosines[:, 0], cosines[:, 1]]

    mean, error = mean_and_error(run_trials(trial, trials, rng))
    return _angle_rows("measured", degrees, mean, error)


def _angle_line(rng, *, d, n, strengths, degrees) -> Table:
    model = _angle_model(d, strengths, np.deg2rad(degrees))
    theory = SSRTheory(model, n, RIDGE)
    edge, _ = top_edge(theory)
    values = np.zeros((3, 2))
    values[0] = edge
    found = [o for o in theory.outliers if o.side == "above"]
    for k, outlier in enumerate(found):
        values[:, k] = [outlier.position, *(outlier.overlap(u, "left") for u in model.directions.T)]
    return _angle_rows("theory", degrees, values, np.zeros((3, 2)))


def compute_transition_several(run: Run) -> Table:
    """Two signals at an angle: the two largest eigenvalues and what their eigenvectors hold."""
    d = run.pick(test=60, quick=300, paper=1600)
    trials = run.pick(test=3, quick=16, paper=30)
    fixed = {"d": d, "n": 3 * d // 2, "strengths": (3.0, 1.5)}
    lines = run.pick(
        test=(0.0, 45.0, 90.0),
        quick=(0.0, 10.0, 20.0, 30.0, 40.0, 45.0, 50.0, 55.0, 60.0, 65.0, 75.0, 90.0),
        paper=tuple(np.linspace(0.0, 90.0, 46)),
    )
    points = run.pick(
        test=(30.0, 90.0),
        quick=(0.0, 30.0, 50.0, 60.0, 75.0, 90.0),
        paper=tuple(np.arange(0.0, 91.0, 10.0)),
    )
    return Table.concat(
        [
            run.map("line", _angle_line, [{**fixed, "degrees": a} for a in lines]),
            run.map(
                "angles", _angle_unit, [{**fixed, "degrees": a, "trials": trials} for a in points]
            ),
        ]
    )


@figure(
    "transition_several",
    compute=compute_transition_several,
    title="Two signals at an angle",
    alt="Two panels against the angle between two signals of strength 3 and 1.5. Above, the two "
    "largest eigenvalues: the first falls from 17.4 to 12.8 as the angle grows from 0 to 90 "
    "degrees; the second stays at the edge of the bulk, 6.6, up to about 45 degrees and then "
    "rises. Below, the overlap of the first left eigenvector with the stronger signal stays near "
    "0.7 and its overlap with the weaker one falls to zero; the second eigenvector's overlap with "
    "the weaker signal rises from zero after 45 degrees.",
    caption="Two signals of strength 3 and 1.5 in noise of variances 0.3 and 3, d/n = 2/3, ridge "
    "0.05. Above: 1/(1 - a) for the two largest eigenvalues a of A_hat. Below: overlaps of the "
    "two left eigenvectors with the two signals. Lines: theory. Points: means over draws with one "
    "standard error. Below the angle at which it appears, the second eigenvector is noise.",
    chapter=CHAPTER,
    seed=6003,
)
def draw_transition_several(data: Table) -> Figure:
    """Draw both eigenvalues and the overlaps of both eigenvectors against the angle."""
    fig = Figure(figsize=(5.2, 6.2))
    above, below = fig.subplots(2, 1, sharex=True)
    line, seen = data.where(witness="theory"), data.where(witness="measured")

    def both(ax, level, style, **which):
        curve, points = line.where(**which), seen.where(**which)
        theory_line(ax, curve["degrees"], curve["value"], LOOK, level=level, line=style)
        measured(
            ax, points["degrees"], points["value"], points["standard_error"], LOOK, level=level
        )
        return curve

    for k, level in ((1, 1.0), (2, 0.2)):
        curve = both(above, level, "-", quantity="place", eigenvector=k)
        direct_label(above, curve["degrees"][0], curve["value"][0], f"{k}.", LOOK,
                     level=level, offset=(22, 9))  # fmt: skip
    above.set_ylabel("1/(1 $-$ eigenvalue)")
    for k, quantity, level, style, words, at, offset in (
        (1, "own", 1.0, "-", "first with stronger", 65, (0, 12)),
        (1, "other", 1.0, "--", "first with weaker", 40, (-8, -8)),
        (2, "other", 0.2, "--", "second with weaker", 90, (-4, 12)),
    ):
        curve = both(below, level, style, quantity=quantity, eigenvector=k)
        at = int(np.argmin(np.abs(curve["degrees"] - at)))
        direct_label(below, curve["degrees"][at], curve["value"][at], words, LOOK, level=level,
                     offset=offset, align="right" if offset[0] else "center")  # fmt: skip
    below.set(
        xlabel="angle between the signals (degrees)",
        ylabel="overlap, left",
        xticks=range(0, 91, 15),
    )
    return fig


# Local and spread signals -----------------------------------------------------------------------


def _few(d, count) -> np.ndarray:
    """Unit vector that is flat on the first quiet coordinates."""
    u = np.zeros((d, 1))
    u[: 2 * count : 2] = count**-0.5
    return u


def _few_unit(rng, *, d, n, strength, count, trials) -> Table:
    u = _few(d, count)
    model = Spiked(two_level(d), strength, u)
    spike = SSRTheory(model, n, RIDGE).spikes[0]

    def trial(generator):
        _, w, weights = _top(_second_moments(model.sample(n, generator)), RIDGE)
        return [_cosines(w, weights, u)[v][0, 0] for v in ("right", "left")]

    mean, error = mean_and_error(run_trials(trial, trials, rng))
    return Table(
        {
            "witness": ["theory"] * 2 + ["measured"] * 2,
            "quantity": ["right", "left"] * 2,
            "count": np.full(4, count),
            "value": [spike.right_overlap, spike.left_overlap, *mean],
            "standard_error": [0.0, 0.0, *error],
        }
    )


def _few_thresholds(rng, *, d, n, counts) -> Table:
    noise = SSRTheory(two_level(d), n, RIDGE)
    return Table(
        {
            "witness": "theory",
            "quantity": ["quiet"] * len(counts) + ["loud"] * len(counts),
            "count": list(counts) * 2,
            "value": [critical_on_few(noise, v, m) for v in (0.3, 3.0) for m in counts],
            "standard_error": np.zeros(2 * len(counts)),
        }
    )


def compute_transition_local(run: Run) -> Table:
    """Threshold and overlaps of a signal on few coordinates."""
    d = run.pick(test=120, quick=300, paper=1600)
    trials = run.pick(test=3, quick=8, paper=40)
    n, counts = 3 * d // 2, (1, 2, 3, 4, 8, 16, 50)
    if run.scale == "test":
        counts = (1, 4, 50)
    thresholds = {"d": d, "n": n, "counts": tuple(m for m in (2, 3, 4, 6, 8, 12, 16, 24, 50))}
    fixed = {"d": d, "n": n, "strength": 1.5, "trials": trials}
    return Table.concat(
        [
            run.map("thresholds", _few_thresholds, [thresholds]),
            run.map("counts", _few_unit, [{**fixed, "count": m} for m in counts]),
        ]
    )


@figure(
    "transition_local",
    compute=compute_transition_local,
    title="Signals on few coordinates",
    alt="Two panels against the number of coordinates that carry the signal, on a logarithmic "
    "axis. Above, the threshold falls as the number grows: on quiet coordinates from 0.63 at two "
    "coordinates to 0.35, on loud ones from about 4 to 2. Below, at strength 1.5 on quiet "
    "coordinates, the overlaps of the right and left eigenvector are zero on one coordinate, then "
    "jump to about 0.7 and 0.4 on two coordinates and rise slowly to 0.9 and 0.5.",
    caption="A signal that is flat on m of the quiet (variance 0.3) or loud (variance 3) "
    "coordinates, d/n = 2/3, ridge 0.05. Above: the strength at which it leaves the bulk, from "
    "theory. Below: overlaps at strength 1.5 on quiet coordinates, theory (lines) and means over "
    "draws with one standard error (points). With these many samples and this small ridge a single "
    "coordinate is never seen.",
    chapter=CHAPTER,
    seed=6004,
)
def draw_transition_local(data: Table) -> Figure:
    """Draw thresholds above and overlaps below, against the number of coordinates."""
    fig = Figure(figsize=(5.2, 6.0))
    above, below = fig.subplots(2, 1, sharex=True)
    for name, level in (("quiet", 1.0), ("loud", 0.3)):
        curve = data.where(quantity=name)
        theory_line(above, curve["count"], curve["value"], LOOK, level=level)
        direct_label(above, curve["count"][-1], curve["value"][-1], name, LOOK, level=level,
                     offset=(0, 10), align="right")  # fmt: skip
    above.set(yscale="log", ylabel="threshold")
    above.set_yticks([0.5, 1, 2, 5], ["0.5", "1", "2", "5"])
    above.minorticks_off()
    for name in ("right", "left"):
        level, style = VECTORS[name]
        curve = data.where(witness="theory", quantity=name)
        points = data.where(witness="measured", quantity=name)
        theory_line(below, curve["count"], curve["value"], LOOK, name, level=level, line=style)
        measured(
            below, points["count"], points["value"], points["standard_error"], LOOK, level=level
        )
    below.legend(loc="lower right")
    below.set(
        xscale="log", xlabel="coordinates that carry the signal", ylabel="overlap with signal"
    )
    ticks = (1, 2, 4, 8, 16, 50)
    below.set_xticks(ticks, [str(t) for t in ticks])
    below.minorticks_off()
    return fig


# A single coordinate ----------------------------------------------------------------------------

SINGLE_RIDGE = 0.01
SINGLE_STRENGTHS = (10.0, 40.0)


def single_threshold(gamma: float, ridge: float) -> float:
    r"""Strength at which a single coordinate of white noise of variance 1 leaves the bulk upwards.

    .. math:: \frac{(1+\sqrt\gamma)(1+\kappa)^2}{\kappa^2-1-\sqrt\gamma}

    Parameters
    ----------
    gamma : float
        d/n.
    ridge : float

    Returns
    -------
    float
        Infinity if no strength is enough.
    """
    half = 0.5 * (1.0 - gamma - ridge)
    kappa = np.hypot(half, np.sqrt(ridge)) - half
    beta = 1.0 + np.sqrt(gamma)
    room = kappa**2 - beta
    return float(beta * (1.0 + kappa) ** 2 / room) if room > 0 else np.inf


def _single_lines(rng, *, gammas, ridges) -> Table:
    value = [single_threshold(g, r) for r in ridges for g in gammas]
    return _single_rows("threshold", np.repeat(ridges, len(gammas)), list(gammas) * len(ridges),
                        value, np.zeros(len(value)))  # fmt: skip


def _single_rows(witness, strength, gamma, value, error) -> Table:
    """`strength` is the ridge in the rows of the thresholds."""
    keep = np.isfinite(value)
    columns = {"strength": strength, "gamma": gamma, "value": value, "standard_error": error}
    return Table({"witness": witness, **{k: np.array(v)[keep] for k, v in columns.items()}})


def _single_overlaps(rng, *, d, strength, gammas) -> Table:
    value = []
    for gamma in gammas:
        model = Spiked(Isotropic(d), strength, np.eye(d)[:, :1])
        spike = SSRTheory(model, round(d / gamma), SINGLE_RIDGE).spikes[0]
        value.append(spike.symmetric_overlap)
    gammas = [d / round(d / g) for g in gammas]
    return _single_rows("line", [strength] * len(gammas), gammas, value, np.zeros(len(gammas)))


def _single_unit(rng, *, d, strength, gamma, trials) -> Table:
    n, one = round(d / gamma), np.eye(d)[:, :1]
    seen = simulate_eigenpairs(
        Spiked(Isotropic(d), strength, one), n, SINGLE_RIDGE, directions=one, trials=trials, rng=rng
    )
    value, error = (e.symmetric_overlaps[0, 0] for e in (seen, seen.standard_error))
    return _single_rows("measured", [strength], [d / n], [value], [error])


def compute_transition_single(run: Run) -> Table:
    """Threshold and overlap of a single loud coordinate against d/n."""
    d = run.pick(test=60, quick=600, paper=3000)
    trials = run.pick(test=3, quick=16, paper=40)
    points = run.pick(
        test=(1.0, 7.0),
        quick=(1.0, 1.5, 2.0, 3.0, 4.0, 5.5, 7.5, 10.0),
        paper=(0.7, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 10.0),
    )
    count = run.pick(test=3, quick=30, paper=120)
    line = tuple(np.geomspace(0.7, 12.0, count))
    fine = tuple(np.geomspace(0.7, 12.0, run.pick(test=20, quick=400, paper=800)))
    wide = run.pick(test=120, quick=1500, paper=6000)
    return Table.concat(
        [
            run.map("thresholds", _single_lines, [{"gammas": fine, "ridges": (SINGLE_RIDGE, 1.0)}]),
            run.map(
                "lines",
                _single_overlaps,
                [{"d": wide, "strength": s, "gammas": line} for s in SINGLE_STRENGTHS],
            ),
            run.map(
                "points",
                _single_unit,
                [
                    {"d": d, "strength": s, "gamma": g, "trials": trials}
                    for s in SINGLE_STRENGTHS
                    for g in points
                ],
            ),
        ]
    )


@figure(
    "transition_single",
    compute=compute_transition_single,
    title="A single coordinate",
    alt="Two panels against d/n from 0.7 to 12, on a logarithmic axis. Above, the threshold of a "
    "single coordinate: at ridge 0.01 there is none up to d/n of about 2.6, where the line comes "
    "down from infinity, to 8 at d/n of 4 and about 5.4 at 10; at ridge 1 it exists everywhere "
    "from 0.7 on and is lower; the line of PCA, the root of d/n, lies below both. Filled marks at "
    "strengths 10 and 40 lie above the first line and hollow ones below or left of it. Below, the "
    "squared cosine with the top eigenvector is zero on the left and rises once d/n passes the "
    "point where the threshold equals the strength; measured points follow the lines.",
    caption="One coordinate of white noise of variance 1 has variance 1 + strength. Above: the "
    "strength at which it leaves the bulk, masked regression at ridge 0.01 and 1 (theory), and "
    "PCA; marks at the two strengths of the lower panel, filled where the measured squared cosine "
    "exceeds 0.05. Dotted: the square of the golden ratio. Below: squared cosine of the coordinate "
    "with the top eigenvector of the symmetrised matrix at ridge 0.01, theory (lines) and means "
    "over draws with one standard error (points).",
    chapter=CHAPTER,
    seed=6006,
)
def draw_transition_single(data: Table) -> Figure:
    """Draw thresholds above and squared cosines below, against d/n."""
    fig = Figure(figsize=(5.2, 6.6))
    above, below = fig.subplots(2, 1, sharex=True)
    golden = (3.0 + np.sqrt(5.0)) / 2.0
    for (ridge, rows), level in zip(data.where(witness="threshold").groups("strength"), (1.0, 0.3),
                                    strict=True):  # fmt: skip
        theory_line(above, rows["gamma"], rows["value"], LOOK, f"ridge {ridge:g}", level=level,
                    line="-" if level == 1.0 else "--")  # fmt: skip
    gammas = data.where(witness="threshold")["gamma"]
    gammas = np.array([gammas.min(), gammas.max()])
    theory_line(above, gammas, np.sqrt(gammas), "pca")
    direct_label(above, 1.5, np.sqrt(1.5), "PCA", "pca", offset=(-4, 8), align="right")
    seen = data.where(witness="measured")
    for look, rows in (("full", seen["value"] > 0.05), ("none", seen["value"] <= 0.05)):
        above.plot(seen["gamma"][rows], seen["strength"][rows], "o", color="black",
                   fillstyle=look, markersize=6, zorder=4)  # fmt: skip
    above.set(yscale="log", ylim=(0.7, 100), ylabel="threshold")
    above.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    above.legend(loc="lower right")
    for strength, level in zip(SINGLE_STRENGTHS, (0.3, 1.0), strict=True):
        curve = data.where(witness="line", strength=strength)
        points = data.where(witness="measured", strength=strength)
        style = "--" if level < 1.0 else "-"
        theory_line(below, curve["gamma"], curve["value"], LOOK, f"strength {strength:g}",
                    level=level, line=style)  # fmt: skip
        measured(below, points["gamma"], points["value"], points["standard_error"], LOOK,
                 level=level)  # fmt: skip
    for ax in (above, below):
        ax.axvline(golden, color="#999999", linestyle=":", linewidth=1.4)
        ax.minorticks_off()
    below.legend(loc="upper left")
    below.set(xscale="log", xlabel="d/n", ylabel="squared cosine")
    ticks = (1, 2, 3, 4, 6, 10)
    below.set_xticks(ticks, [str(t) for t in ticks])
    below.minorticks_off()
    return fig


# Finite size ------------------------------------------------------------------------------------


def _rounding_unit(rng, *, d, ratios, trials) -> Table:
    n, base, u = 3 * d // 2, two_level(d), flat_direction(d)
    threshold = SSRTheory(Spiked(base, 1e-9, u), n, RIDGE).spikes[0].threshold

    def trial(generator):
        # The same noise and factor at every strength: differences between strengths are sharper.
        noise, factor = base.sample(n, generator), generator.standard_normal((n, 1))
        s, b, power = _second_moments(noise), noise.T @ factor / n, np.mean(factor**2)
        found = []
        for ratio in ratios:
            nu, w, weights = _top(_with_signal(s, b, power, u, ratio * threshold), RIDGE)
            found.append([_cosines(w, weights, u)["right"][0, 0], nu[0]])
        return found

    seen = np.array(run_trials(trial, trials, rng))
    mean, error = mean_and_error(seen[:, :, 0])
    scatter = seen[:, :, 1].std(axis=0, ddof=1)
    k = len(ratios)
    return Table(
        {
            "quantity": ["overlap"] * k + ["scatter"] * k,
            "d": np.full(2 * k, d),
            "trials": np.full(2 * k, trials),
            "ratio": list(ratios) * 2,
            "value": [*mean, *scatter],
            "standard_error": [*error, *(scatter / np.sqrt(2 * (trials - 1)))],
        }
    )


def _rounding_line(rng, *, d, ratios) -> Table:
    n, base, u = 3 * d // 2, two_level(d), flat_direction(d)
    threshold = SSRTheory(Spiked(base, 1e-9, u), n, RIDGE).spikes[0].threshold
    value = [
        SSRTheory(Spiked(base, r * threshold, u), n, RIDGE).spikes[0].right_overlap for r in ratios
    ]
    return Table({"quantity": "line", "d": d, "trials": 0, "ratio": list(ratios), "value": value,
                  "standard_error": np.zeros(len(ratios))})  # fmt: skip


def compute_transition_rounding(run: Run) -> Table:
    """Overlap and scatter of the largest eigenvalue around the threshold, at several sizes."""
    sizes = run.pick(
        test={60: 8, 120: 8},
        quick={126: 120, 250: 60, 500: 24, 1000: 8},
        paper={250: 2000, 500: 1000, 1000: 400, 2000: 120, 4000: 30},
    )
    ratios = run.pick(
        test=(0.5, 1.0, 2.0),
        quick=(0.5, 1.0, 1.3, 2.0),
        paper=(0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.5, 1.7, 2.0),
    )
    line = {
        "d": 1000,
        "ratios": run.pick(
            test=(0.5, 1.0, 1.5, 2.0),
            quick=(0.5, 1.0, 1.02, 1.05, 1.1, 1.2, 1.35, 1.6, 2.0),
            paper=tuple(np.linspace(0.5, 2.0, 61)),
        ),
    }
    return Table.concat(
        [
            run.map("line", _rounding_line, [line]),
            run.map(
                "sizes",
                _rounding_unit,
                [{"d": d, "ratios": ratios, "trials": t} for d, t in sizes.items()],
            ),
        ]
    )


@figure(
    "transition_rounding",
    compute=compute_transition_rounding,
    title="The transition at finite size",
    alt="Two panels. Above, overlap against strength over threshold, from one half to two: the "
    "line of the limit is zero up to one and then rises with a corner; the measured points of "
    "several sizes lie above zero at and below the threshold and come closer to the line as d "
    "grows. Below, on logarithmic axes, the overlap at the threshold and at half the threshold, "
    "and the scatter of the largest eigenvalue, fall as powers of d, with the exponents written "
    "below the panel.",
    caption="The corner at the threshold is rounded at finite d. Above: right overlap, the limit "
    "(line) and means over draws at several sizes (points, darker for larger d). Below: overlap "
    "at the threshold and at half of it, and the standard deviation of the largest eigenvalue of "
    "M at the threshold, with fitted powers of d. Bars are one standard error.",
    chapter=CHAPTER,
    seed=6005,
)
def draw_transition_rounding(data: Table) -> Figure:
    """Draw the rounded corner above and the powers of d below."""
    fig = Figure(figsize=(5.2, 7.4))
    above, below = fig.subplots(2, 1)
    line, seen = data.where(quantity="line"), data.where(quantity="overlap")
    theory_line(above, line["ratio"], line["value"], LOOK)
    sizes = seen.unique("d")
    for k, (d, rows) in enumerate(seen.groups("d")):
        level = k / max(len(sizes) - 1, 1)
        measured(
            above,
            rows["ratio"],
            rows["value"],
            rows["standard_error"],
            LOOK,
            f"d = {d}",
            level=level,
        )
    above.legend(loc="upper left")
    above.set(xlabel="strength over threshold", ylabel="overlap with signal")
    scatter = data.where(quantity="scatter")
    for rows, kind, words in (
        (scatter.where(ratio=1.0), "reference", "scatter of eigenvalue at threshold"),
        (seen.where(ratio=1.0), LOOK, "overlap at threshold"),
        (seen.where(ratio=0.5), LOOK, "overlap at half of it"),
    ):
        d, value = rows["d"].astype(float), rows["value"]
        exponent, spread, prefactor = fitted_exponent(d, value, rows["standard_error"] / value)
        level = 0.3 if words.endswith("of it") else 1.0
        power = f"{words}: $d^{{-{exponent:.2f} \\pm {spread:.2f}}}$"
        theory_line(below, d, prefactor * d**-exponent, kind, power, level=level)
        measured(below, d, value, rows["standard_error"], kind, level=level)
    below.set(xscale="log", yscale="log", xlabel="d", ylabel="value")
    below.legend(loc="upper left", bbox_to_anchor=(-0.12, -0.16))
    below.set_xticks(sizes, [str(d) for d in sizes])
    below.minorticks_off()
    return fig
