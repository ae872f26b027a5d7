"""A masked predictor of image patches, and its error: the figure ``landing_headline``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from mssl.chapters.drawing import draw_filters
from mssl.chapters.error.patches_error import draw_patch_errors, patch_errors_by_samples
from mssl.chapters.one_coordinate.receptive_fields import compute_receptive_fields
from mssl.figures.registry import figure
from mssl.figures.runs import Run
from mssl.figures.table import Table


def compute_landing_headline(run: Run) -> Table:
    """Receptive fields of three pixels, and the error on real patches against n."""
    fields = compute_receptive_fields(run).where(source="all patches")
    errors = patch_errors_by_samples(run)
    n_fields, n_errors = len(fields), len(errors)
    nothing = np.full

    return Table.concat(
        [
            Table(
                {
                    "panel": nothing(n_fields, "field"),
                    "witness": fields["pixel"],
                    "row": fields["row"],
                    "column": fields["column"],
                    "target_row": fields["target_row"],
                    "target_column": fields["target_column"],
                    "weight": fields["weight"],
                    "n": nothing(n_fields, -1),
                    "error": nothing(n_fields, np.nan),
                    "standard_error": nothing(n_fields, np.nan),
                    "bayes_error": nothing(n_fields, np.nan),
                }
            ),
            Table(
                {
                    "panel": nothing(n_errors, "error"),
                    "witness": errors["witness"],
                    "row": nothing(n_errors, -1),
                    "column": nothing(n_errors, -1),
                    "target_row": nothing(n_errors, -1),
                    "target_column": nothing(n_errors, -1),
                    "weight": nothing(n_errors, np.nan),
                    "n": errors["n"],
                    "error": errors["error"],
                    "standard_error": errors["standard_error"],
                    "bayes_error": errors["bayes_error"],
                }
            ),
        ]
    )


#: Entries of the legend for a reader who has not met the words of the chapters.
NAMES = (
    "theory for Gaussian data",
    "theory for photographs",
    "photographs, measured",
    "Gaussian data, measured",
    "least error of a linear rule",
)


@figure(
    "landing_headline",
    compute=compute_landing_headline,
    title="A masked predictor of image patches, and its error",
    alt="On the left, three small images show the weights with which a pixel at the centre, at "
    "the edge and in the corner of a patch is predicted from the others: strong and positive on "
    "its direct neighbours, weakly negative two pixels away. On the right, the error on new "
    "patches falls with the number of patches towards the least error of a linear rule. Points "
    "measured on "
    "photographs lie on the solid line of theory, those on Gaussian data on the dashed one below.",
    caption="Left: what masked regression learns from two photographs, as the weights that "
    "predict one hidden pixel (outlined) from all others. Right: its mean squared error on new "
    "patches, in units of the variance of a pixel. Lines are theory, points measurements. Gaussian "
    "data have the covariance of the patches; photographs need a theory that knows that some "
    "patches have much contrast and others little. Dotted: the least error of any linear rule. The "
    "ridge is the same for all, so the curves level off a little above it.",
    chapter="landing",
    seed=4008,
    missing=("standard_error", "weight", "error", "bayes_error"),
)
def draw_landing_headline(data: Table) -> Figure:
    """Draw three filters in a column beside the error against n."""
    fig = Figure(figsize=(7.2, 4.2))
    mosaic = fig.subplot_mosaic([["a", "e"], ["b", "e"], ["c", "e"]], width_ratios=(1.0, 3.4))
    filters = data.where(panel="field")
    draw_filters([mosaic[key] for key in "abc"], filters, "witness")
    errors = data.where(panel="error")
    ax = mosaic["e"]
    draw_patch_errors(ax, errors, "n", NAMES)
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0)))
    ax.set(xlabel="patches that were learned from", title="error on new patches of photographs")
    ax.legend(loc="upper right")
    return fig
