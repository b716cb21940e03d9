"""Reads a LeRobotDataset v3 from its folder, offline: any one, not only ours."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from hil_serl_ros.data.dataset_extra import pixels
from hil_serl_ros.data.dataset_features import DatasetError

MAJOR = "v3."


@dataclasses.dataclass(frozen=True)
class Rows:
    """One episode: its columns by feature name, each with one entry a frame.

    Vectors are (frames, size) float32, pictures a list of uint8 (3, height, width), everything else (frames,).
    """

    number: int
    columns: dict[str, Any]

    def __len__(self) -> int:
        return len(self.columns["frame_index"])


class Table:
    """A dataset's folder.

    Attributes:
        features: lerobot's description of the columns.
        fps: frames per second.
        episodes: number of episodes.

    Raises:
        DatasetError: no LeRobotDataset, or one of another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        file = path / "meta" / "info.json"
        if not file.is_file():
            raise DatasetError(f"{path} is no LeRobotDataset: it has no meta/info.json")
        try:
            info = json.loads(file.read_text())
            version = str(info["codebase_version"])
            self.features: dict[str, dict[str, Any]] = info["features"]
            self.fps = float(info["fps"])
        except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise DatasetError(f"{file} cannot be read: {error}") from None
        if not version.startswith(MAJOR):
            raise DatasetError(
                f"{path} is a LeRobotDataset {version}; this program reads {MAJOR}x (lerobot's "
                "convert_dataset_v21_to_v30 makes one of it)"
            )
        self._info = info
        self._index = self._read_all(path / "meta" / "episodes")
        self.episodes = len(self._index)
        self._data: tuple[Path, pa.Table] | None = None

    def episode(self, position: int) -> Rows:
        """The episode at ``position`` of the dataset's list.

        Raises:
            DatasetError: its rows or pictures cannot be read, or are not all there.
        """
        entry = self._index[position]
        number, length = int(entry["episode_index"]), int(entry["length"])
        name = f"episode {number} of {self.path}"
        file = self._file("data_path", entry, "data")
        try:
            table = self._table(file)
            part = table.filter(pa.compute.equal(table["episode_index"], number)).sort_by("frame_index")
            if part.num_rows != length:
                raise DatasetError(f"{name} has {part.num_rows} rows in {file}; its description says {length}")
            columns = {key: self._column(key, part) for key in part.column_names if key in self.features}
            for key, feature in self.features.items():
                if feature["dtype"] == "video":
                    columns[key] = self._video(key, entry, columns["timestamp"])
        except (OSError, KeyError, ValueError, RuntimeError, pa.ArrowException) as error:
            if isinstance(error, DatasetError):
                raise
            raise DatasetError(f"{name} cannot be read: {' '.join(str(error).split())}") from None
        return Rows(number, columns)

    def _column(self, key: str, part: pa.Table) -> Any:
        feature, values = self.features[key], part[key].to_pylist()
        if feature["dtype"] == "image":
            return [pixels(value["bytes"]) for value in values]
        if feature["dtype"] in ("string", "language"):
            return values
        return np.array(values, np.float32 if str(feature["dtype"]).startswith("float") else feature["dtype"])

    def _video(self, key: str, entry: dict[str, Any], times: np.ndarray) -> list[np.ndarray]:
        # Imported where it is needed: it takes seconds.
        from lerobot.datasets.video_utils import decode_video_frames_pyav

        start = float(entry[f"videos/{key}/from_timestamp"])
        file = self._file("video_path", entry, f"videos/{key}", video_key=key)
        frames = decode_video_frames_pyav(file, [start + float(t) for t in times], 0.5 / self.fps, return_uint8=True)
        return list(frames.numpy())

    def _file(self, template: str, entry: dict[str, Any], prefix: str, **names: str) -> Path:
        place = {name: int(entry[f"{prefix}/{name}"]) for name in ("chunk_index", "file_index")}
        return self.path / str(self._info[template]).format(**place, **names)

    def _table(self, file: Path) -> pa.Table:
        if self._data is None or self._data[0] != file:
            self._data = (file, pq.read_table(file))
        return self._data[1]

    def _read_all(self, folder: Path) -> list[dict[str, Any]]:
        """What is known of each episode, without the statistics."""
        found: list[dict[str, Any]] = []
        for file in sorted(folder.rglob("*.parquet")):
            try:
                names = [n for n in pq.read_schema(file).names if not n.startswith("stats/")]
                found += pq.read_table(file, columns=names).to_pylist()
            except (OSError, pa.ArrowException) as error:
                raise DatasetError(f"{file} cannot be read: {error}") from None
        if not found:
            raise DatasetError(f"{self.path} holds no episode")
        return sorted(found, key=lambda entry: int(entry["episode_index"]))
