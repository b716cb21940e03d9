"""The figures of a run as pictures for a page: SVG, which prints at any size."""

from __future__ import annotations

import io
import itertools
import tempfile
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from hil_serl_ros.data.curve import HUMAN, ROBOT, draw_curve
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.report.facts import Facts, Row

BINS = 12  # of the person's share
GREY = "0.45"


def learning_curve(facts: Facts) -> bytes:
    """``draw_curve``'s PNG of the episodes; empty where there is none to draw."""
    if not any(row["mode"] in ("train", "evaluate", "demonstrate") for row in facts.episodes):
        return b""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "curve.png"
        draw_curve(facts.folder / "episodes.csv", picture)
        return picture.read_bytes()


def share_curve(facts: Facts) -> bytes:
    """SVG: of each stretch of robot steps in training, the share that the person drove; empty: no training."""
    trained = facts.mode("train")
    if not trained:
        return b""
    ends, lengths, driven = (_column(trained, name) for name in ("robot_steps", "steps", "operator_steps"))
    edges = np.linspace(ends[0] - lengths[0], ends[-1], min(BINS, len(trained)) + 1)
    # An episode's steps lie before its end; its driven ones are spread over it.
    share = np.zeros(len(edges) - 1)
    for number, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = np.clip(np.minimum(ends, high) - np.maximum(ends - lengths, low), 0, None)
        share[number] = (inside * driven / np.maximum(lengths, 1)).sum() / max(inside.sum(), 1e-9)
    figure = Figure(figsize=(8.0, 1.9), layout="constrained")
    axes = figure.subplots()
    axes.bar(edges[:-1], 100 * share, np.diff(edges) * 0.94, align="edge", color=HUMAN, alpha=0.75)
    axes.set(xlabel="robot steps", ylabel="% by the person", ylim=(0, max(10, 105 * share.max())))
    _plain(axes)
    return _svg(figure)


def learner_curves(facts: Facts, settings: LearnerSettings | None) -> bytes:
    """SVG: what the learner's table holds, against its updates; empty: it has no row."""
    rows = facts.metrics
    if not rows:
        return b""
    updates = _column(rows, "updates")
    panels: list[tuple[str, list[tuple[str, np.ndarray]], bool]] = [
        ("loss", [(name.split("_")[0], _column(rows, name)) for name in ("critic_loss", "gripper_loss")], True),
        ("value of the batch (Q)", [("", _column(rows, "value"))], False),
        ("temperature", [("", _column(rows, "temperature"))], True),
        ("entropy", [("", _column(rows, "entropy"))], False),
        ("updates per second", [("", 1 / np.maximum(_column(rows, "update_seconds"), 1e-9))], False),
    ]
    if settings is not None:
        due = np.maximum(0, _column(rows, "training_steps") - settings.online_step_before_learning)
        owed = np.maximum(0, due * settings.updates_per_step - updates)
        panels.append(("updates owed", [("", owed)], False))
    figure = Figure(figsize=(8.0, 3.9), layout="constrained")
    for place, (title, lines, logarithmic) in enumerate(panels):
        axes = figure.add_subplot(2, 3, place + 1)
        for number, (label, values) in enumerate(lines):
            axes.plot(updates, values, "-o" if len(rows) < 12 else "-", ms=2.5, lw=1.4, color=(ROBOT, GREY)[number])
            if label:
                axes.plot([], [], color=(ROBOT, GREY)[number], label=label)
        if logarithmic and all((values > 0).all() for _, values in lines):
            axes.set_yscale("log")
        if len(lines) > 1:
            axes.legend(frameon=False, fontsize="x-small")
        axes.set_title(title, fontsize="small")
        axes.tick_params(labelsize="x-small")
        if place >= len(panels) - 3:
            axes.set_xlabel("updates", fontsize="x-small")
        _plain(axes)
    return _svg(figure)


def path_plot(tool: np.ndarray, by_hand: np.ndarray) -> bytes:
    """SVG of a tool's path (n, 3) in m, seen from above and from the side; ``by_hand`` [n - 1] bool per step."""
    figure = Figure(figsize=(5.6, 2.2), layout="constrained")
    views = figure.subplots(1, 2)
    for axes, other, name in zip(views, (1, 2), ("from above", "from the side"), strict=True):
        for step in range(len(tool) - 1):
            color = HUMAN if by_hand[step] else ROBOT
            axes.plot(tool[step : step + 2, 0], tool[step : step + 2, other], color=color, lw=1.6)
        axes.plot(*tool[0, [0, other]], "o", color="0.3", ms=4)
        axes.plot(*tool[-1, [0, other]], "s", color="0.3", ms=4)
        axes.set_title(name, fontsize="x-small")
        axes.set_xlabel("x, m", fontsize="x-small")
        axes.set_ylabel("xyz"[other] + ", m", fontsize="x-small")
        axes.tick_params(labelsize="xx-small")
        axes.set_aspect("equal", adjustable="datalim")
        _plain(axes)
    return _svg(figure)


def _column(rows: list[Row], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows])


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)


def _svg(figure: Figure) -> bytes:
    FigureCanvasSVG(figure)  # no display, and no state that other figures share
    out = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "hil_serl_ros"}):  # the same figures give the same bytes
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()
