"""What the policy sees and does: features by lerobot's names, their sizes, units and fixed ranges."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

STATE = "observation.state"
ENVIRONMENT_STATE = "observation.environment_state"
IMAGE_PREFIX = "observation.images."
GRIPPER_CLASSES = ("open", "keep", "close")


class LayoutError(ValueError):
    """A layout that contradicts itself; the message is one sentence for the user."""


@dataclasses.dataclass(frozen=True)
class Vector:
    """A feature of float32 numbers.

    ``minimum`` and ``maximum`` are fixed bounds of each element; the policy sees
    ``2 (x - minimum) / (maximum - minimum) - 1`` (lerobot's MIN_MAX). Values beyond are not clipped.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    minimum: tuple[float, ...]
    maximum: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.units) == len(self.minimum) == len(self.maximum) > 0:
            raise LayoutError(f"a vector feature needs one name, unit, minimum and maximum per element: {self}")
        for name, low, high in zip(self.names, self.minimum, self.maximum, strict=True):
            if not (np.isfinite(low) and np.isfinite(high) and low < high):
                raise LayoutError(f"the range of {name} is {low} to {high}; its minimum must be below its maximum")

    @property
    def size(self) -> int:
        """Number of elements."""
        return len(self.names)


@dataclasses.dataclass(frozen=True)
class Layout:
    """Everything that robot, actor, learner and checkpoint must agree on; they compare ``hash``.

    ``vectors`` maps lerobot's feature name to its elements, in the order that the encoder reads them.
    ``images`` maps lerobot's feature name to (channels, height, width) of uint8 pixels. The action is
    ``continuous`` elements in [-1, 1] (each times ``action_scale`` per control period) and then the gripper class.
    ``crops`` maps an image feature to what of the camera's picture it shows: left, top, right, bottom as fractions;
    none is all of it.
    """

    task: str
    control_period: float
    vectors: dict[str, Vector]
    images: dict[str, tuple[int, int, int]]
    continuous: tuple[str, ...]
    action_scale: tuple[float, ...]
    gripper_classes: tuple[str, ...] = GRIPPER_CLASSES
    crops: dict[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if STATE not in self.vectors:
            raise LayoutError(f"a layout needs the feature {STATE}")
        if unknown := set(self.vectors) - {STATE, ENVIRONMENT_STATE}:
            raise LayoutError(f"unknown vector features: {', '.join(sorted(unknown))}")
        for name, shape in self.images.items():
            if not name.startswith(IMAGE_PREFIX) or len(shape) != 3 or min(shape) < 1:
                raise LayoutError(f"image feature {name} {shape} must be {IMAGE_PREFIX}NAME (channels, height, width)")
        if len(self.continuous) != len(self.action_scale) or not self.continuous:
            raise LayoutError("an action needs at least one continuous element and one scale for each")
        if len(self.gripper_classes) < 2:
            raise LayoutError("an action needs at least two gripper classes")
        if not (np.isfinite(self.control_period) and self.control_period > 0):
            raise LayoutError(f"the control period {self.control_period} s must be positive")

    @property
    def action_size(self) -> int:
        """Elements of a stored action: the continuous ones and the gripper class."""
        return len(self.continuous) + 1

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each observation feature by name."""
        return {name: (vector.size,) for name, vector in self.vectors.items()} | dict(self.images)

    def to_json(self) -> str:
        """Canonical JSON text: the same layout always gives the same characters."""
        data = dataclasses.asdict(self)
        if not self.crops:
            del data["crops"]  # a layout of whole pictures is what it was before there were crops
        return json.dumps(data, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Layout:
        """Read what ``to_json`` wrote.

        Raises:
            LayoutError: the text is not a layout.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            vectors = {k: Vector(**{f: tuple(x) for f, x in v.items()}) for k, v in data.pop("vectors").items()}
            images = {k: (int(v[0]), int(v[1]), int(v[2])) for k, v in data.pop("images").items()}
            crops = {k: tuple(float(x) for x in v) for k, v in data.pop("crops", {}).items()}
            rest: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
            # The encoder's order is fixed here, not by the order of JSON keys.
            ordered = {k: vectors[k] for k in (STATE, ENVIRONMENT_STATE) if k in vectors}
            return cls(vectors=ordered | vectors, images=dict(sorted(images.items())), crops=crops, **rest)
        except (TypeError, KeyError, IndexError, AttributeError, json.JSONDecodeError) as error:
            raise LayoutError(f"this is not a layout: {error}") from error

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def check_observation(self, observation: Mapping[str, np.ndarray]) -> None:
        """Refuse an observation that has other keys, shapes or types, or numbers that are not finite.

        Raises:
            ValueError: naming the fault.
        """
        shapes = self.shapes()
        if observation.keys() != shapes.keys():
            raise ValueError(f"observation has the features {sorted(observation)}; the layout says {sorted(shapes)}")
        for name, shape in shapes.items():
            array = observation[name]
            if array.shape != shape:
                raise ValueError(f"{name} has the shape {array.shape}; the layout says {shape}")
            if name in self.images:
                if array.dtype != np.uint8:
                    raise ValueError(f"{name} is {array.dtype}; images are uint8")
            elif not np.isfinite(array).all():
                raise ValueError(f"{name} holds a number that is not finite")

    def check_action(self, action: np.ndarray) -> None:
        """Refuse an action that is not (continuous elements in [-1, 1], gripper class).

        Raises:
            ValueError: naming the fault.
        """
        if action.shape != (self.action_size,):
            raise ValueError(f"action has the shape {action.shape}; the layout says ({self.action_size},)")
        if not np.isfinite(action).all():
            raise ValueError("action holds a number that is not finite")
        if np.abs(action[:-1]).max() > 1.0 + 1e-6:
            raise ValueError(f"action {action[:-1].tolist()} lies outside [-1, 1]")
        if action[-1] not in range(len(self.gripper_classes)):
            raise ValueError(f"gripper class {action[-1]} is not one of 0 to {len(self.gripper_classes) - 1}")


_JOINTS = tuple(f"joint{i}" for i in range(1, 8))
# The arm's own limits (Franka's data sheet): small inputs, for the tool's position says most of it again.
_JOINT_MINIMUM = (-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973)
_JOINT_MAXIMUM = (2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973)
_VELOCITY = (2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61)
# Where the tool works, so that a centimetre is a large input.
_TOOL_MINIMUM = (0.25, -0.2, 0.0)
_TOOL_MAXIMUM = (0.55, 0.2, 0.2)


def panda_layout(
    task: str = "pick_cube",
    *,
    environment_state: bool = True,
    images: Mapping[str, tuple[int, int, int]] | None = None,
    crops: Mapping[str, tuple[float, ...]] | None = None,
    control_period: float = 0.1,
) -> Layout:
    """The Franka Panda of gym_hil: its features, units and fixed ranges.

    Args:
        task: name of the task, part of the layout's hash.
        environment_state: the policy sees the first object's position (state-only work).
        images: camera name to (channels, height, width).
        crops: camera name to what is kept of its picture, where that is not all.
        control_period: seconds between two actions.
    """
    vectors = {
        STATE: Vector(
            names=(
                *_JOINTS,
                *(f"{j}_velocity" for j in _JOINTS),
                "gripper_command",
                "tool_x",
                "tool_y",
                "tool_z",
            ),
            units=("rad",) * 7 + ("rad/s",) * 7 + ("0-255",) + ("m",) * 3,
            minimum=(*_JOINT_MINIMUM, *(-v for v in _VELOCITY), 0.0, *_TOOL_MINIMUM),
            maximum=(*_JOINT_MAXIMUM, *_VELOCITY, 255.0, *_TOOL_MAXIMUM),
        )
    }
    if environment_state:
        vectors[ENVIRONMENT_STATE] = Vector(
            names=("object_x", "object_y", "object_z"),
            units=("m",) * 3,
            minimum=_TOOL_MINIMUM,
            maximum=_TOOL_MAXIMUM,
        )
    return Layout(
        task=task,
        control_period=control_period,
        vectors=vectors,
        images={IMAGE_PREFIX + name: tuple(shape) for name, shape in sorted((images or {}).items())},  # type: ignore[misc]
        continuous=("x", "y", "z"),
        action_scale=(0.025, 0.025, 0.025),
        crops={IMAGE_PREFIX + name: tuple(crop) for name, crop in sorted((crops or {}).items())},
    )
