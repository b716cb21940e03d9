"""The tool's path in an episode, and how far two of them are apart."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hil_serl_ros.learning.layout import STATE, Layout, panda_layout
from hil_serl_ros.msg import Observation, Transition

TOOL = ("tool_x", "tool_y", "tool_z")  # elements of the layout's state


def tool_of(message: Observation, names: Sequence[str]) -> np.ndarray:
    """The tool's position (3,) in m in the base frame; ``names`` are those of the state's elements."""
    return np.array([message.state[names.index(name)] for name in TOOL], np.float64)


def tool_names(layout: Layout | None) -> Sequence[str]:
    """Names of the state's elements; without a layout, the Panda's."""
    return (layout or panda_layout()).vectors[STATE].names


def apart(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """The largest and the mean distance in m of two paths (n, 3) at the same steps; NaN where they share none."""
    count = min(len(one), len(other))
    if not count:
        return float("nan"), float("nan")
    distances = np.linalg.norm(one[:count] - other[:count], axis=1)
    return float(distances.max()), float(distances.mean())


def compare_paths(
    file: Path, recorded: Sequence[Transition], now: Sequence[Observation], layout: Layout
) -> tuple[float, float]:
    """Write the tool's path in the ``recorded`` steps and in the observations of ``now``; as :func:`apart`."""
    before = [step.observation for step in recorded] + list(recorded[-1].final_observation)
    names = tool_names(layout)
    paths = [np.array([tool_of(message, names) for message in part]).reshape(-1, 3) for part in (before, now)]
    write_path(file, *paths)
    return apart(*paths)


def write_path(file: Path, recorded: np.ndarray, now: np.ndarray) -> None:
    """Write both paths (n, 3), m, to a CSV file, one row for each step; what one lacks is empty."""
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["step", *(f"recorded_{name}" for name in TOOL), *(f"{name}" for name in TOOL)])
        for step in range(max(len(recorded), len(now))):
            rows = [path[step].tolist() if step < len(path) else [""] * 3 for path in (recorded, now)]
            writer.writerow([step, *rows[0], *rows[1]])
