"""The rows of a LeRobotDataset as steps of our layout, checked; what does not fit is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hil_serl_ros.data.dataset_extra import Extra, seen_of
from hil_serl_ros.data.dataset_features import (
    ACTION,
    DONE,
    INTERVENTION,
    PENALTY,
    REWARD,
    SUCCESS,
    TERMINATED,
    TRUNCATED,
    DatasetError,
)
from hil_serl_ros.data.dataset_step import DEMONSTRATE, DatasetStep, Seen, check
from hil_serl_ros.data.dataset_table import Rows, Table
from hil_serl_ros.learning.agreement import configuration, differences
from hil_serl_ros.learning.layout import Layout

RATE_TOLERANCE = 0.01  # of the rate
ROBOT = "dataset"  # as which the steps of somebody else's dataset are logged


@dataclasses.dataclass(frozen=True)
class Choices:
    """How somebody else's dataset is read.

    Attributes:
        resize: pictures of another size are scaled.
        all_successes: the dataset has no rewards; every episode of it is a success in its last step.
        rename: feature of the dataset -> name in the layout.
    """

    resize: bool = False
    all_successes: bool = False
    rename: dict[str, str] = dataclasses.field(default_factory=dict)


class Importer:
    """Reads a dataset.

    A dataset that was exported from here gives back the very steps. Of another one every episode becomes a
    demonstration: its last step is terminated if it says so (``next.terminated``, or a reward of 1 or more with
    ``next.done``), else the episode was cut off there. A dataset without the observation after the last action has
    one too few: a terminated step gets its own observation again, which is never used; of an episode that was cut off
    the last action goes, and its observation is the final one.

    Attributes:
        layout: of the steps.
        count: episodes.

    Raises:
        DatasetError: other features, shapes or rate; each difference named.
    """

    def __init__(self, path: Path, layout: Layout | None, choices: Choices) -> None:
        self._table = Table(path)
        self._choices = choices
        self._extra = Extra(path) if Extra.is_in(path) else None
        if self._extra is None and layout is None:
            raise DatasetError(f"{path} was not exported from here; say by --config what the robot observes and does")
        self.layout = layout or self._extra.layout  # type: ignore[union-attr]
        if self._extra is not None and self._extra.layout.hash != self.layout.hash:
            mine, theirs = configuration(self.layout, ""), configuration(self._extra.layout, "")
            raise DatasetError(f"{path} is of another layout (there): {'; '.join(differences(mine, theirs))}")
        self._hash = self.layout.hash
        self.count = self._table.episodes
        self._names = {choices.rename.get(name, name): name for name in self._table.features}
        self._check_features()

    def steps(self, position: int, index: int, run: str) -> list[DatasetStep]:
        """The steps of the episode at ``position``, sound ones.

        Args:
            position: in the dataset's list.
            index: ``Transition.index`` of the first one, where the dataset does not know it.
            run: name of the run, where the dataset does not know it.

        Raises:
            DatasetError: naming episode, frame and fault.
        """
        rows = self._table.episode(position)
        values = [self._values(rows, frame) for frame in range(len(rows))]
        made = self._own(rows, values) if self._extra is not None else self._foreign(rows, values, index, run)
        for step in made:
            try:
                check(step, self.layout, self._hash)
            except ValueError as error:
                raise DatasetError(f"episode {rows.number}, frame {step.step}: {error}") from None
        return made

    # -------------------- what must fit --------------------
    def _check_features(self) -> None:
        faults = []
        rate = 1.0 / self.layout.control_period
        if abs(self._table.fps - rate) > RATE_TOLERANCE * rate:
            faults.append(f"it has {self._table.fps:g} frames a second; the robot makes {rate:g} steps")
        wanted: dict[str, tuple[int, ...]] = self.layout.shapes() | {ACTION: (self.layout.action_size,)}
        rewards = () if self._choices.all_successes else (REWARD,)
        missing = [name for name in (*wanted, *rewards) if name not in self._names]
        if missing:
            faults.append(f"it lacks {', '.join(missing)} (it has {', '.join(sorted(self._names))})")
        for name, shape in wanted.items():
            if name in self._names and (fault := self._shape_fault(name, shape)):
                faults.append(fault)
        if faults:
            raise DatasetError(f"{self._table.path} does not fit: {'; '.join(faults)}")

    def _shape_fault(self, name: str, shape: tuple[int, ...]) -> str:
        feature = self._table.features[self._names[name]]
        found = tuple(int(size) for size in feature["shape"])
        if name not in self.layout.images:
            return "" if found == shape else f"{name} has {_words(found)}; the layout says {_words(shape)}"
        if len(found) != 3:
            return f"{name} is no picture"
        found = found if found[0] in (1, 3) else (found[2], found[0], found[1])
        if found[0] != shape[0]:
            return f"{name} has {found[0]} colours; the layout says {shape[0]}"
        if found != shape and not self._choices.resize:
            return (
                f"{name} is {found[2]}x{found[1]} pixels; the layout says {shape[2]}x{shape[1]} (--resize scales them)"
            )
        return ""

    # -------------------- rows to steps --------------------
    def _values(self, rows: Rows, frame: int) -> dict[str, np.ndarray]:
        """The observation of a frame under the layout's names."""
        values = {}
        for name, shape in self.layout.shapes().items():
            value = rows.columns[self._names[name]][frame]
            if name not in self.layout.images:
                values[name] = np.array(value, np.float32)
                continue
            try:
                values[name] = _fit(_picture(value), shape)
            except ValueError as error:
                raise DatasetError(f"episode {rows.number}, frame {frame}: {name} {error}") from None
        return values

    def _number(self, rows: Rows, name: str, frame: int, default: Any) -> Any:
        column = rows.columns.get(self._names.get(name, ""))
        return default if column is None else column[frame].item()

    def _own(self, rows: Rows, values: list[dict[str, np.ndarray]]) -> list[DatasetStep]:
        assert self._extra is not None
        steps = []
        for frame, value in enumerate(values):
            kept = self._extra.step(rows.number, frame)
            ends = bool(rows.columns[DONE][frame])
            plain = ("robot", "run", "index", "episode", "step", "mode", "discarded", "weights_version", "seed", "sent")
            steps.append(
                DatasetStep(
                    **{name: kept[name] for name in plain},
                    layout=self._hash,
                    observation=seen_of(kept, value, self.layout),
                    action=rows.columns[ACTION][frame],
                    reward=self._number(rows, REWARD, frame, 0.0),
                    discrete_penalty=self._number(rows, PENALTY, frame, 0.0),
                    terminated=self._number(rows, TERMINATED, frame, False),
                    truncated=self._number(rows, TRUNCATED, frame, False),
                    success=self._number(rows, SUCCESS, frame, False),
                    intervention=self._number(rows, INTERVENTION, frame, False),
                    final=self._extra.final(rows.number) if ends else None,
                )
            )
        return steps

    def _foreign(self, rows: Rows, values: list[dict[str, np.ndarray]], index: int, run: str) -> list[DatasetStep]:
        period = round(self.layout.control_period * 1e9)
        # The value after a terminated step is never asked for.
        length, terminated = self._end(rows)
        follows = values[length] if length < len(values) else values[-1]
        steps = []
        for frame in range(length):
            last = frame == length - 1
            reward = float(self._number(rows, REWARD, frame, 0.0))
            if self._choices.all_successes:
                reward = float(last)
            success = self._number(rows, SUCCESS, frame, reward >= 1.0) if not self._choices.all_successes else last
            steps.append(
                DatasetStep(
                    robot=ROBOT,
                    run=run,
                    index=index + frame,
                    episode=rows.number,
                    step=frame,
                    layout=self._hash,
                    mode=DEMONSTRATE,
                    observation=Seen(values[frame], stamp=frame * period),
                    action=np.array(rows.columns[self._names[ACTION]][frame], np.float32),
                    reward=reward,
                    discrete_penalty=float(self._number(rows, PENALTY, frame, 0.0)),
                    terminated=last and terminated,
                    truncated=last and not terminated,
                    discarded=False,
                    success=bool(success),
                    intervention=bool(self._number(rows, INTERVENTION, frame, True)),
                    weights_version=0,
                    seed=-1,
                    sent=0,
                    final=Seen(follows, stamp=length * period) if last else None,
                )
            )
        return steps

    def _end(self, rows: Rows) -> tuple[int, bool]:
        """How many frames of an episode are steps, and whether the last of them is a terminal one."""
        count = len(rows)
        if self._choices.all_successes:
            return count, True
        for frame in range(count):
            done = self._number(rows, DONE, frame, frame == count - 1)
            good = self._number(rows, REWARD, frame, 0.0) >= 1.0 or self._number(rows, SUCCESS, frame, False)
            terminal = self._number(rows, TERMINATED, frame, done and good)
            if terminal:
                return frame + 1, True
            if done:
                count = frame + 1
                break
        # Cut off: without the observation after it the last action teaches nothing.
        return (count if count < len(rows) else count - 1), False


def _picture(value: np.ndarray) -> np.ndarray:
    """uint8 (colours, height, width) out of a stored picture, which may be numbers from 0 to 1, or colours last."""
    picture = np.asarray(value)
    if picture.shape[0] not in (1, 3):
        picture = picture.transpose(2, 0, 1)
    if picture.dtype == np.uint8:
        return picture
    if not (np.isfinite(picture).all() and picture.min() >= 0.0 and picture.max() <= 1.0):
        low, high = picture.min(), picture.max()
        raise ValueError(f"holds numbers from {low:g} to {high:g}; they must be uint8, or from 0 to 1")
    return np.round(picture * 255.0).astype(np.uint8)


def _fit(picture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """uint8 (3, height, width) of the wanted size."""
    if picture.shape == shape:
        return picture
    size = (shape[2], shape[1])
    return cv2.resize(picture.transpose(1, 2, 0), size, interpolation=cv2.INTER_AREA).transpose(2, 0, 1)


def _words(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} elements" if len(shape) == 1 else "x".join(map(str, shape))


def all_steps(importer: Importer, run: str) -> Iterator[tuple[int, list[DatasetStep] | DatasetError]]:
    """Each episode's steps by its position, or why it cannot be had."""
    index = 0
    for position in range(importer.count):
        try:
            steps = importer.steps(position, index, run)
        except DatasetError as error:
            yield position, error
            continue
        index += len(steps)
        yield position, steps
