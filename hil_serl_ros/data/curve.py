"""The learning curve of a run as a picture, with the human's share."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

WINDOW = 20  # episodes of the running means
SIZE = (8.0, 5.4)  # inches
DPI = 120
ROBOT, HUMAN, JUDGED = "tab:blue", "tab:orange", "tab:green"


def draw_curve(table: Path, picture: Path) -> None:
    """Draw ``episodes.csv`` as success, operator's share and return against robot steps; whole or not at all.

    Raises:
        OSError: the table cannot be read or the picture cannot be written.
    """
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    figure = Figure(figsize=SIZE, layout="constrained")
    FigureCanvasAgg(figure)  # no display, and no state that other figures share
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.2))
    shown = [row for row in rows if row["mode"] == "demonstrate"]
    trained = [row for row in rows if row["mode"] == "train"]
    judged = [row for row in rows if row["mode"] == "evaluate"]
    if trained:
        _draw_training(above, below, trained)
    if judged:
        _draw_evaluation(above, judged)
    if shown:
        end = _column(shown, "robot_steps")[-1]
        above.fill_between([0, end], [100, 100], color=HUMAN, alpha=0.35, lw=0)
        words = f"{len(shown)} demon-\nstrations"
        above.annotate(words, (end / 2, 50), ha="center", va="center", color="0.3", fontsize="small")
    above.set(ylabel=f"% of the last {WINDOW} episodes", ylim=(0, 104), yticks=range(0, 101, 20))
    below.set(xlabel="robot steps", ylabel="return")
    below.set_xlim(left=0)
    below.margins(y=0.15)
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="0.9")
        axes.set_axisbelow(True)
    handles, labels = above.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper center", ncols=len(handles), frameon=False)
    part = picture.with_suffix(".part.png")
    figure.savefig(part, dpi=DPI)
    part.replace(picture)


def _draw_training(above: Any, below: Any, rows: list[dict[str, str]]) -> None:
    # A row counts the robot's steps at the end of its episode; the curve starts where its first episode did.
    steps, length = _column(rows, "robot_steps"), _column(rows, "steps")
    operator, returns = _column(rows, "operator_steps"), _column(rows, "episode_return")
    success = np.array([row["success"] == "True" for row in rows], float)
    alone = success * (operator == 0)
    share = _running(operator) / np.maximum(_running(length), 1e-9)
    x = np.insert(steps, 0, steps[0] - length[0])

    def from_start(values: np.ndarray) -> np.ndarray:
        return np.insert(values, 0, values[0])

    above.fill_between(x, 100 * from_start(share), color=HUMAN, alpha=0.35, lw=0, label="steps that the operator drove")
    above.plot(x, 100 * from_start(_running(success)), color=ROBOT, lw=1, alpha=0.55, label="success")
    above.plot(x, 100 * from_start(_running(alone)), color=ROBOT, lw=2.2, label="success without help")
    below.plot(steps, returns, ".", color=ROBOT, ms=3, alpha=0.4)
    below.plot(x, from_start(_running(returns)), color=ROBOT, lw=1.5)


def _draw_evaluation(axes: Any, rows: list[dict[str, str]]) -> None:
    """One mark for each version of the weights that was evaluated."""
    for at in sorted({float(row["robot_steps"]) for row in rows}):
        here = [row for row in rows if float(row["robot_steps"]) == at]
        good = sum(row["success"] == "True" for row in here)
        height = 100 * good / len(here)
        axes.plot([at], [height], "D", color=JUDGED, ms=9, clip_on=False, zorder=5)
        far = -80 if height > 50 else 80  # points from the mark: clear of the curve that ends there
        axes.annotate(
            f"greedy evaluation\n{good} of {len(here)}",
            (at, height),
            xytext=(0, far),
            textcoords="offset points",
            ha="right",
            va="center",
            color=JUDGED,
            fontweight="bold",
            arrowprops={"arrowstyle": "-", "color": JUDGED, "shrinkB": 6, "relpos": (1, 0.5)},
        )


def _column(rows: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows])


def _running(values: np.ndarray) -> np.ndarray:
    """Mean over the last ``WINDOW`` values, fewer at the start."""
    sums = np.cumsum(np.insert(values, 0, 0.0))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - WINDOW)
    return (sums[ends] - sums[starts]) / (ends - starts)
