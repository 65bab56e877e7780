"""Logistic regression on frozen features, its penalty chosen without a look at the test split."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

Rows = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Candidates for C, the inverse of the L2 penalty's strength, on standardised features."""
WITHOUT_CHOICE = 1e-2
"""C where one example a class leaves nothing to choose by."""
STEPS = 200


@dataclass(frozen=True)
class Probe:
    """A fitted probe.

    Attributes:
        model: scaling and regression.
        penalty: C.
        chosen_on: ``validation``, ``cross-validation`` or ``nothing``.
    """

    model: Pipeline
    penalty: float
    chosen_on: str

    def hits(self, rows: Rows, labels: Labels) -> npt.NDArray[np.float32]:
        """1 where the answer is right, else 0 (N,)."""
        return (self.model.predict(rows) == labels).astype(np.float32)


def fit_probe(rows: Rows, labels: Labels, val: tuple[Rows, Labels] | None, *, seed: int) -> Probe:
    """Fits a probe; of equally good penalties the strongest.

    Args:
        rows: features (N,D).
        labels: (N,).
        val: features and labels on which C is chosen; None chooses by cross-validation among the rows, in as many
            parts as the rarest class has examples, at most five.
        seed: decides the parts.
    """
    parts = min(5, int(np.unique(labels, return_counts=True)[1].min()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # after so many steps it says what it has learned
        if val is None and parts < 2:
            return Probe(_pipeline(WITHOUT_CHOICE).fit(rows, labels), WITHOUT_CHOICE, "nothing")
        if val is None:
            folds = StratifiedKFold(parts, shuffle=True, random_state=seed)
            scores = [float(cross_val_score(_pipeline(c), rows, labels, cv=folds).mean()) for c in PENALTIES]
            best = PENALTIES[int(np.argmax(scores))]
            return Probe(_pipeline(best).fit(rows, labels), best, "cross-validation")
        fitted = [_pipeline(c).fit(rows, labels) for c in PENALTIES]
        best = int(np.argmax([model.score(*val) for model in fitted]))
        return Probe(fitted[best], PENALTIES[best], "validation")


def _pipeline(penalty: float) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=STEPS, tol=1e-3))
