"""Figures of a run: CSV by default, TensorBoard beside it, and console lines in lerobot's form."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from hil_serl_ros.data.board import Board
from hil_serl_ros.data.rows import read_rows
from hil_serl_ros.data.table import Table

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
    "robot",
)


EVALUATION_HEAD = ("| policy | success | steps, mean | return, mean |", "|---|---|---|---|")


def evaluation_row(name: str, table: Path) -> str:
    """A row of the table of policies, out of the ``episodes.csv`` of an evaluation."""
    rows = [row for row in read_rows(table) if row["mode"] == "evaluate"]
    good = sum(row["success"] == "True" for row in rows)
    steps, returns = (fmean(float(row[column]) for row in rows) for column in ("steps", "episode_return"))
    return f"| {name} | {good}/{len(rows)} | {steps:.1f} | {returns:.3f} |"


def short(number: float) -> str:
    """A count as lerobot writes it: 1234 is 1K."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if number >= size:
            return f"{number / size:.0f}{letter}"
    return f"{number:.0f}"


def training_line(figures: Mapping[str, float], batch_size: int, episodes: int) -> str:
    """One line in lerobot's form: step, samples, episodes, epochs, loss, gradient norm, rate, seconds.

    As in lerobot's ``MetricsTracker``, ``ep`` and ``epch`` say how often the data were gone through: samples
    drawn until now over the steps of one episode, and over all steps.
    """
    samples = figures["updates"] * batch_size
    epochs = samples / max(figures["transitions"], 1)
    return (
        f"step:{short(figures['updates'])} smpl:{short(samples)} ep:{short(epochs * episodes)} epch:{epochs:.2f} "
        f"loss:{figures['critic_loss']:.3f} grdn:{figures['critic_grad_norm']:.3f} lr:{figures['lr']:0.1e} "
        f"updt_s:{figures['update_seconds']:.3f} data_s:{figures['data_seconds']:.3f}"
    )


def evaluation_line(mean_return: float, success_rate: float, seconds: float) -> str:
    """One line in lerobot's form. ``success_rate`` is from 0 to 1, ``seconds`` those of one episode."""
    return f"∑rwrd:{mean_return:.3f} success:{100 * success_rate:.1f}% eval_s:{seconds:.3f}"


class MetricsWriter:
    """Training figures of one run to ``metrics.csv``, ``tensorboard/learning`` and the console.

    A resumed run goes on in them; what it does again after its checkpoint replaces what was there.
    """

    def __init__(self, folder: Path) -> None:
        self._table = Table(folder / "metrics.csv", TRAINING_COLUMNS, key="updates")
        self._board = Board(folder / "tensorboard" / "learning")

    def training(self, figures: Mapping[str, float], batch_size: int, episodes: int) -> None:
        """Write ``figures`` (all of ``TRAINING_COLUMNS``) and print their line."""
        self._table.add(figures)
        values = {f"training/{name}": value for name, value in figures.items() if name != "updates"}
        self._board.add(values, int(figures["updates"]))
        print(training_line(figures, batch_size, episodes), flush=True)

    def close(self) -> None:
        """End the files."""
        self._table.close()
        self._board.close()


class EpisodeWriter:
    """Finished episodes to ``episodes.csv``, and those that count as robot time to ``tensorboard/episodes`` too."""

    def __init__(self, folder: Path) -> None:
        self._table = Table(folder / "episodes.csv", EPISODE_COLUMNS)
        self._board = Board(folder / "tensorboard" / "episodes")

    def rows(self) -> list[dict[str, str]]:
        """What is written, as text by column."""
        return self._table.rows()

    def add(self, row: Mapping[str, Any]) -> None:
        """Write ``row`` (all of ``EPISODE_COLUMNS``)."""
        self._table.add(row)
        if row["mode"] != "evaluate":
            values = {
                "episodes/success": float(row["success"]),
                "episodes/return": float(row["episode_return"]),
                "episodes/steps": float(row["steps"]),
                "episodes/operator_share": row["operator_steps"] / max(row["steps"], 1),
            }
            self._board.add(values, int(row["robot_steps"]))

    def close(self) -> None:
        """End the files."""
        self._table.close()
        self._board.close()
