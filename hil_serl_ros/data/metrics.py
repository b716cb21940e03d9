"""Figures of a run: CSV by default, TensorBoard beside it, and console lines in lerobot's form."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter


class Table:
    """A CSV file with one row at a time, each on disk when ``add`` returns; a resumed run goes on in it."""

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        new = not path.exists() or path.stat().st_size == 0
        self._file = path.open("a", newline="", buffering=1)
        self._writer = csv.DictWriter(self._file, columns)
        if new:
            self._writer.writeheader()

    def add(self, row: Mapping[str, Any]) -> None:
        """Write one row."""
        self._writer.writerow(row)

    def close(self) -> None:
        """End the file."""
        self._file.close()


TRAINING_COLUMNS = (
    "updates",
    "transitions",
    "training_steps",
    "critic_loss",
    "gripper_loss",
    "actor_loss",
    "temperature",
    "entropy",
    "value",
    "critic_grad_norm",
    "actor_grad_norm",
    "lr",
    "update_seconds",
    "data_seconds",
    "replay_steps",
    "demonstration_steps",
)
EPISODE_COLUMNS = (
    "mode",
    "episode",
    "seed",
    "steps",
    "operator_steps",
    "episode_return",
    "success",
    "truncated",
    "robot_steps",
    "operator_steps_total",
    "weights_version",
)


def short(number: float) -> str:
    """A count as lerobot writes it: 1234 is 1K."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if number >= size:
            return f"{number / size:.0f}{letter}"
    return f"{number:.0f}"


def training_line(figures: Mapping[str, float], batch_size: int, episodes: int) -> str:
    """One line in lerobot's form: step, samples, episodes, epochs, loss, gradient norm, rate, seconds."""
    samples = figures["updates"] * batch_size
    epochs = samples / max(figures["transitions"], 1)
    return (
        f"step:{short(figures['updates'])} smpl:{short(samples)} ep:{short(episodes)} epch:{epochs:.2f} "
        f"loss:{figures['critic_loss']:.3f} grdn:{figures['critic_grad_norm']:.3f} lr:{figures['lr']:.1e} "
        f"updt_s:{figures['update_seconds']:.3f} data_s:{figures['data_seconds']:.3f}"
    )


class MetricsWriter:
    """Training figures of one run to ``metrics.csv``, ``tensorboard/`` and the console."""

    def __init__(self, folder: Path) -> None:
        self._table = Table(folder / "metrics.csv", TRAINING_COLUMNS)
        self._board = SummaryWriter(str(folder / "tensorboard"))

    def training(self, figures: Mapping[str, float], batch_size: int, episodes: int) -> None:
        """Write ``figures`` (all of ``TRAINING_COLUMNS``) and print their line."""
        self._table.add(figures)
        for name, value in figures.items():
            self._board.add_scalar(f"training/{name}", value, int(figures["updates"]))
        print(training_line(figures, batch_size, episodes), flush=True)

    def close(self) -> None:
        """End the files."""
        self._table.close()
        self._board.close()
