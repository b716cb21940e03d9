"""How good a classifier is at a threshold, and which threshold to recommend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Figures:
    """Counts on validation at a threshold; a success judged as such is a true positive."""

    threshold: float
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int

    @property
    def precision(self) -> float:
        """Of what was judged a success, the share that is one; 0 where nothing was."""
        return self.true_positives / max(self.true_positives + self.false_positives, 1)

    @property
    def recall(self) -> float:
        """Of the successes, the share that was judged one."""
        return self.true_positives / max(self.true_positives + self.false_negatives, 1)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.precision * self.recall / max(self.precision + self.recall, 1e-12)


def recommend(probabilities: np.ndarray, labels: np.ndarray, precision: float) -> tuple[Figures, str]:
    """The threshold with at least ``precision`` at the best recall, else that of the best F1; and why.

    Among neighbours of equal count it lies halfway between the frames' probabilities.
    """
    values = np.unique(probabilities)
    candidates = np.append((values[1:] + values[:-1]) / 2, max(values[-1] - 1e-6, 0.0)) if len(values) > 1 else values
    every = [figures_at(probabilities, labels, float(threshold)) for threshold in candidates]
    precise = [f for f in every if f.precision >= precision and f.true_positives]
    if precise:
        chosen = max(precise, key=lambda f: (f.recall, f.precision, f.threshold))
        return chosen, f"the best recall with a precision of at least {precision:g} on the held-out episodes"
    chosen = max(every, key=lambda f: (f.f1, f.threshold))
    return chosen, f"no threshold reaches a precision of {precision:g} on the held-out episodes; this has the best F1"


def figures_at(probabilities: np.ndarray, labels: np.ndarray, threshold: float) -> Figures:
    """Counts at ``threshold`` of probabilities [N] against labels [N] bool."""
    positive = probabilities >= threshold
    return Figures(
        threshold=threshold,
        true_positives=int((positive & labels).sum()),
        false_positives=int((positive & ~labels).sum()),
        true_negatives=int((~positive & ~labels).sum()),
        false_negatives=int((~positive & labels).sum()),
    )


def confusion(figures: Figures) -> str:
    """The confusion table, for people."""
    return (
        f"{'':<18}{'judged success':>16}{'judged failure':>16}\n"
        f"{'is a success':<18}{figures.true_positives:>16}{figures.false_negatives:>16}\n"
        f"{'is a failure':<18}{figures.false_positives:>16}{figures.true_negatives:>16}"
    )
