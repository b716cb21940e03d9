"""``labels.csv`` beside a run's log: what a person says about recorded frames. It overrides the recorded labels.

One line per frame: ``robot,episode,frame,label``. Frame 0 is the first transition's observation, the frame after the
last transition's observation is the episode's final observation.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path

NAME = "labels.csv"
SUCCESS, FAILURE, EXCLUDED = 1, 0, -1
LABELS = (SUCCESS, FAILURE, EXCLUDED)
COLUMNS = ["robot", "episode", "frame", "label"]

Episode = tuple[str, int]  # robot, number


class LabelsError(ValueError):
    """A table of labels that cannot be read or written; the message is one sentence that names the line."""


def read_labels(path: Path) -> dict[Episode, dict[int, int]]:
    """The table at ``path`` by (robot, episode) and frame: 1 success, 0 failure, -1 excluded.

    A table that is not there holds no labels.

    Raises:
        LabelsError: not such a table, or a line in it is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise LabelsError(f"{path} is not a table of labels: it is not UTF-8 text") from None
    except OSError as error:
        raise LabelsError(f"{path} cannot be read: {error.strerror}") from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    table: dict[Episode, dict[int, int]] = {}
    try:
        if (header := next(rows, [])) != COLUMNS:
            raise LabelsError(f"{path} line 1 is {','.join(header)!r}; it must be {','.join(COLUMNS)!r}")
        for row in rows:
            if row:
                robot, episode, frame, label = _numbers(row, f"{path} line {rows.line_num}")
                frames = table.setdefault((robot, episode), {})
                if frame in frames:
                    raise LabelsError(f"{path} line {rows.line_num} labels frame {frame} of {robot} {episode} again")
                frames[frame] = label
    except csv.Error as error:
        raise LabelsError(f"{path} line {rows.line_num} is not CSV: {error}") from None
    return table


def write_labels(path: Path, table: Mapping[Episode, Mapping[int, int]]) -> None:
    """Replace the table at ``path``: whenever the process is killed, the old one is there or the new one.

    Raises:
        ValueError: a label that is none of 1, 0, -1; nothing is written.
        LabelsError: the disk refuses; the old table stays as it is.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for (robot, episode), frames in sorted(table.items()):
        for frame, label in sorted(frames.items()):
            if label not in LABELS:
                raise ValueError(f"label {label} of {robot} {episode} frame {frame} is none of 1, 0, -1")
            writer.writerow([robot, episode, frame, label])
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise LabelsError(f"{path} cannot be written: {error.strerror}") from None


def _numbers(row: list[str], where: str) -> tuple[str, int, int, int]:
    if len(row) != len(COLUMNS):
        raise LabelsError(f"{where} has {len(row)} columns, not {len(COLUMNS)} ({', '.join(COLUMNS)})")
    try:
        episode, frame, label = (int(text) for text in row[1:])
    except ValueError:
        raise LabelsError(f"{where}: episode, frame and label must be whole numbers, not {','.join(row[1:])}") from None
    if not row[0] or episode < 0 or frame < 0:
        raise LabelsError(f"{where}: the robot must have a name, episode and frame must not be negative")
    if label not in LABELS:
        raise LabelsError(f"{where}: label {label} is none of 1 (success), 0 (failure), -1 (excluded)")
    return row[0], episode, frame, label
