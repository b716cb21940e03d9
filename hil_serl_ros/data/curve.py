"""The learning curve of a run as a picture, with the human's share."""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (the backend is chosen first)

WINDOW = 20  # episodes of the running rates


def draw_curve(table: Path, picture: Path) -> None:
    """Draw ``episodes.csv`` as success rate, return and the operator's share against robot steps.

    Raises:
        OSError: the table cannot be read or the picture cannot be written.
    """
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    training = [row for row in rows if row["mode"] == "train"]
    evaluated = [row for row in rows if row["mode"] == "evaluate"]
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    if training:
        steps = _column(training, "robot_steps")
        length = _column(training, "steps")
        by_operator = _column(training, "operator_steps")
        alone = np.array([row["success"] == "True" and row["operator_steps"] == "0" for row in training], float)
        share = _running(by_operator) / _running(length)
        axes.fill_between(steps, 100 * share, color="tab:orange", alpha=0.35, lw=0, label="operator's share of steps")
        axes.plot(steps, 100 * _running(alone), color="tab:blue", lw=2, label="success without help")
        axes.plot(steps, 100 * _running(_column(training, "episode_return")), color="0.5", lw=1, ls="--", label="return x 100")
        start = steps[0] - length[0]
        if start > 0:
            axes.axvspan(0, start, color="0.9", label="demonstrations")
    if evaluated:
        good = 100 * np.mean([row["success"] == "True" for row in evaluated])
        at = float(evaluated[-1]["robot_steps"])
        axes.plot([at], [good], "D", color="tab:green", ms=9, clip_on=False, zorder=5)
        axes.annotate(
            f"greedy evaluation: {good:.1f} % of {len(evaluated)}", (at, good), xytext=(-10, -4), ha="right",
            textcoords="offset points", color="tab:green",
        )  # fmt: skip
    axes.set(xlabel="robot steps", ylabel=f"% (running over {WINDOW} episodes)", ylim=(0, 102))
    axes.set_xlim(left=0)
    axes.spines[["top", "right"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.legend(handles, labels, loc="center right", frameon=False)
    part = picture.with_suffix(".part.png")
    figure.savefig(part, dpi=120)
    plt.close(figure)
    part.replace(picture)


def _column(rows: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows])


def _running(values: np.ndarray) -> np.ndarray:
    """Mean over the last ``WINDOW`` values, fewer at the start."""
    sums = np.cumsum(np.insert(values, 0, 0.0))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - WINDOW)
    return (sums[ends] - sums[starts]) / (ends - starts)
