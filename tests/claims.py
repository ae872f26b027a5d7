"""The claims ledger: every theorem, proposition, lemma and corollary of the book, with its check.

Keys are the labels in the book. Each value is a function without arguments that returns a
:class:`tests.ledger.core.Check`. A label of the book without an entry here fails the tests.
"""

from __future__ import annotations

from tests.ledger import (
    against_pca,
    between,
    bridge,
    contrastive,
    error,
    mask_rate,
    not_gaussian,
    one_coordinate,
    random_matrices,
    real_data,
    spectrum,
    transition,
    vit,
)

CLAIMS = {
    **one_coordinate.CLAIMS,
    **random_matrices.CLAIMS,
    **error.CLAIMS,
    **spectrum.CLAIMS,
    **transition.CLAIMS,
    **against_pca.CLAIMS,
    **mask_rate.CLAIMS,
    **not_gaussian.CLAIMS,
    **real_data.CLAIMS,
    **vit.CLAIMS,
    **contrastive.CLAIMS,
    **between.CLAIMS,
    **bridge.CLAIMS,
}
