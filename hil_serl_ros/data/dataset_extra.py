"""What a LeRobotDataset has no column for, in a folder of its own beside lerobot's: nothing of a step is lost.

<dataset>/hil_serl/info.json       version and layout
                   steps.parquet   one row for each frame: robot, run, numbers, stamps, mode, seed, weights' version
                   finals.parquet  one row for each episode of the dataset: the observation after its last action

lerobot's own tools look at none of it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from hil_serl_ros.data.dataset_features import DatasetError
from hil_serl_ros.data.dataset_step import DatasetStep, Seen
from hil_serl_ros.learning.layout import Layout, LayoutError

FOLDER = "hil_serl"
VERSION = 1
STEPS, FINALS, INFO = "steps.parquet", "finals.parquet", "info.json"
WHERE = {"episode_index": pa.int64(), "frame_index": pa.int64()}
STEP = {
    "robot": pa.string(),
    "run": pa.string(),
    "index": pa.int64(),
    "episode": pa.int64(),
    "step": pa.int64(),
    "mode": pa.int64(),
    "discarded": pa.bool_(),
    "weights_version": pa.int64(),
    "seed": pa.int64(),
    "sent": pa.int64(),
}
SEEN = {
    "stamp": pa.int64(),
    "frame": pa.string(),
    "sequence": pa.int64(),
    "epoch": pa.int64(),
    "image_stamps": pa.list_(pa.int64()),  # in the order of the layout's images
    "image_frames": pa.list_(pa.string()),
}


def seen_columns(seen: Seen, layout: Layout) -> dict[str, Any]:
    """What ``SEEN`` keeps of an observation."""
    return {
        "stamp": seen.stamp,
        "frame": seen.frame,
        "sequence": seen.sequence,
        "epoch": seen.epoch,
        "image_stamps": [seen.image_stamps.get(name, seen.stamp) for name in layout.images],
        "image_frames": [seen.image_frames.get(name, "") for name in layout.images],
    }


def seen_of(columns: dict[str, Any], values: dict[str, np.ndarray], layout: Layout) -> Seen:
    """The observation of which ``seen_columns`` kept ``columns``."""
    plain = {name: columns[name] for name in ("stamp", "frame", "sequence", "epoch")}
    stamps = dict(zip(layout.images, columns["image_stamps"], strict=True))
    frames = dict(zip(layout.images, columns["image_frames"], strict=True))
    return Seen(values, **plain, image_stamps=stamps, image_frames=frames)


class ExtraWriter:
    """Collects the rows of a dataset that is being written; ``save`` writes them."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._steps: list[dict[str, Any]] = []
        self._finals: list[dict[str, Any]] = []

    def add(self, episode: int, steps: Iterable[DatasetStep]) -> None:
        """The steps of the dataset's episode number ``episode``."""
        for frame, step in enumerate(steps):
            row = {"episode_index": episode, "frame_index": frame}
            row |= {name: getattr(step, name) for name in STEP} | seen_columns(step.observation, self._layout)
            self._steps.append(row)
            if step.final is not None:
                final = {name: step.final.values[name].tolist() for name in self._layout.vectors}
                final |= {name: png(step.final.values[name]) for name in self._layout.images}
                self._finals.append({"episode_index": episode} | seen_columns(step.final, self._layout) | final)

    def save(self, dataset: Path) -> None:
        """Write all of it into the folder of the dataset."""
        folder = dataset / FOLDER
        folder.mkdir()
        values = {name: pa.list_(pa.float32()) for name in self._layout.vectors}
        values |= {name: pa.binary() for name in self._layout.images}
        tables = ((STEPS, self._steps, WHERE | STEP | SEEN), (FINALS, self._finals, _FINAL_WHERE | SEEN | values))
        for name, rows, schema in tables:
            pq.write_table(pa.Table.from_pylist(rows, pa.schema(schema)), folder / name)
        content = {"version": VERSION, "layout": json.loads(self._layout.to_json())}
        (folder / INFO).write_text(json.dumps(content, indent=2))


_FINAL_WHERE = {"episode_index": pa.int64()}


class Extra:
    """What ``ExtraWriter`` kept of a dataset.

    Attributes:
        layout: of the steps.

    Raises:
        DatasetError: of another version, or it cannot be read.
    """

    def __init__(self, dataset: Path) -> None:
        folder = dataset / FOLDER
        try:
            content = json.loads((folder / INFO).read_text())
            if content["version"] != VERSION:
                raise DatasetError(f"{folder / INFO} is of version {content['version']}; this program reads {VERSION}")
            self.layout = Layout.from_json(json.dumps(content["layout"]))
            steps = pq.read_table(folder / STEPS).to_pylist()
            finals = pq.read_table(folder / FINALS).to_pylist()
        except (OSError, KeyError, TypeError, json.JSONDecodeError, pa.ArrowException, LayoutError) as error:
            raise DatasetError(f"{folder} cannot be read: {error}") from None
        self._steps = {(row["episode_index"], row["frame_index"]): row for row in steps}
        self._finals = {row["episode_index"]: row for row in finals}

    @staticmethod
    def is_in(dataset: Path) -> bool:
        """Whether a dataset was exported from here; one that lerobot's tools made out of it is not."""
        return (dataset / FOLDER / INFO).is_file()

    def step(self, episode: int, frame: int) -> dict[str, Any]:
        """The row of a frame.

        Raises:
            DatasetError: it has none.
        """
        try:
            return self._steps[episode, frame]
        except KeyError:
            raise DatasetError(f"{FOLDER}/{STEPS} knows nothing of frame {frame} of episode {episode}") from None

    def final(self, episode: int) -> Seen:
        """The observation after an episode's last action.

        Raises:
            DatasetError: it has none.
        """
        try:
            row = self._finals[episode]
        except KeyError:
            raise DatasetError(f"{FOLDER}/{FINALS} knows nothing of episode {episode}") from None
        values = {name: np.array(row[name], np.float32) for name in self.layout.vectors}
        values |= {name: pixels(row[name]) for name in self.layout.images}
        return seen_of(row, values, self.layout)


def png(picture: np.ndarray) -> bytes:
    """uint8 (channels, height, width) as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture.transpose(1, 2, 0)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def pixels(file: bytes) -> np.ndarray:
    """A PNG or JPEG file as uint8 (3, height, width), red first."""
    with Image.open(io.BytesIO(file)) as image:
        return np.ascontiguousarray(np.asarray(image.convert("RGB")).transpose(2, 0, 1))
