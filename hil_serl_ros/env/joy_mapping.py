"""A gamepad's axes and buttons as the operator's wishes, and back (for the scripted operator).

Each device has a file in ``config/joy``. The operator stands behind the robot: stick forward is +x, stick left is
+y, up is +z (REP-103). The default is gym_hil's layout on an Xbox pad as the ROS ``joy`` package numbers it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from hil_serl_ros.env.actions import CLOSE, KEEP, OPEN
from hil_serl_ros.installed import config_folder
from hil_serl_ros.settings import SettingError

MOTIONS = ("x", "y", "z", "roll", "pitch", "yaw")
LABELS = ("success", "failure", "again", "pause", "stop", "reset", "demonstrate")
INTERVENE = ("hold", "toggle", "motion")
FEW_BUTTONS = 2  # a 3D mouse has no button to spare for a stop


@dataclass(frozen=True)
class Wish:
    """What the hands ask for: motion (6,) in [-1, 1] (x y z roll pitch yaw), gripper class, buttons held."""

    motion: np.ndarray
    gripper: int
    intervening: bool
    success: bool = False
    failure: bool = False
    again: bool = False
    stop: bool = False
    pause: bool = False
    reset: bool = False
    demonstrate: bool = False


@dataclass(frozen=True)
class JoyMapping:
    """Numbers of the axes and buttons of one kind of device.

    Attributes:
        name: for messages.
        axes, buttons: how many the device has; another count is another device, but with ``more`` there may be more.
        motion: of x y z roll pitch yaw, those that an axis moves: its number and the sign of its positive direction.
        pairs: those that two buttons move: the number of the one for -1, then of the one for 1.
        open, close: "axis" and number of a trigger that rests at 1 and is -1 when pressed, or "button" and number.
        labels: button numbers by the label's name.
        intervene: whether the operator drives while the button is held, since it was pressed (toggle), or while the
            device is moved (motion, without a button).
        button: that intervenes; -1: none.
        deadzone: part of an axis' range that counts as zero.
        scale: motion of a stick that is pushed to its end, 0 to 1.
        more: see ``axes``.
    """

    name: str = "xbox"
    axes: int = 8
    buttons: int = 11
    motion: Mapping[str, tuple[int, int]] = field(
        default_factory=lambda: {"x": (1, 1), "y": (0, 1), "z": (4, 1), "roll": (6, -1), "pitch": (7, 1), "yaw": (3, 1)}
    )
    open: tuple[str, int] = ("axis", 2)
    close: tuple[str, int] = ("axis", 5)
    labels: Mapping[str, int] = field(default_factory=lambda: dict(zip(LABELS, (3, 0, 2, 7, 1, 6, 4), strict=True)))
    intervene: str = "hold"
    button: int = 5
    deadzone: float = 0.05
    scale: float = 1.0
    more: bool = False
    pairs: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def read(self, axes: Sequence[float], buttons: Sequence[float]) -> Wish:
        """The wish in one ``sensor_msgs/Joy``; a button is pressed above a half.

        Raises:
            ValueError: another count of axes or buttons than the device has, or a number that is not finite.
        """
        if not self._fits(axes, buttons):
            raise ValueError(
                f"the joystick has {len(axes)} axes and {len(buttons)} buttons; the mapping {self.name} is for "
                f"{self.axes} and {self.buttons}: choose the device's own mapping"
            )
        sticks = np.array([axes[number] * sign for number, sign in self.motion.values()], np.float64)
        if not np.isfinite(sticks).all():
            raise ValueError(f"the joystick's axes are not finite: {list(axes)}")
        beyond = np.maximum(np.minimum(np.abs(sticks), 1) - self.deadzone, 0) / (1 - self.deadzone)
        motion = np.zeros(6)
        motion[[MOTIONS.index(name) for name in self.motion]] = np.sign(sticks) * beyond * self.scale
        for name, (minus, plus) in self.pairs.items():
            pressed = int(buttons[plus] > 0.5) - int(buttons[minus] > 0.5)
            motion[MOTIONS.index(name)] = pressed * self.scale
        closing, opening = _pressed(self.close, axes, buttons), _pressed(self.open, axes, buttons)
        gripper = KEEP if closing == opening else (CLOSE if closing else OPEN)
        held = {name: bool(buttons[number] > 0.5) for name, number in self.labels.items()}
        intervening = self.button >= 0 and bool(buttons[self.button] > 0.5)
        if self.intervene == "motion":
            intervening = intervening or bool(motion.any()) or gripper != KEEP
        return Wish(motion, gripper, intervening, **held)

    def stops(self, axes: Sequence[float], buttons: Sequence[float]) -> bool:
        """Whether the stop is pressed, also in a message that :meth:`read` refuses for a stick that is not finite."""
        return "stop" in self.labels and self._fits(axes, buttons) and bool(buttons[self.labels["stop"]] > 0.5)

    def _fits(self, axes: Sequence[float], buttons: Sequence[float]) -> bool:
        counts, mine = (len(axes), len(buttons)), (self.axes, self.buttons)
        return counts == mine or (self.more and counts[0] >= mine[0] and counts[1] >= mine[1])

    def write(self, wish: Wish) -> tuple[list[float], list[int]]:
        """Axes and buttons that :meth:`read` turns into ``wish`` again, up to float32; a pair knows -1, 0 and 1."""
        axes, buttons = [0.0] * self.axes, [0] * self.buttons
        for (kind, number), wanted in ((self.open, OPEN), (self.close, CLOSE)):
            if kind == "axis":
                axes[number] = -1.0 if wish.gripper == wanted else 1.0
            else:
                buttons[number] = int(wish.gripper == wanted)
        for name, (number, sign) in self.motion.items():
            value = float(wish.motion[MOTIONS.index(name)]) / self.scale
            pushed = np.sign(value) * (np.abs(value) * (1 - self.deadzone) + self.deadzone)
            axes[number] = sign * float(pushed) if value else 0.0  # never -0.0
        for name, (minus, plus) in self.pairs.items():
            value = float(wish.motion[MOTIONS.index(name)])
            buttons[minus], buttons[plus] = int(value < 0), int(value > 0)
        for name, number in self.labels.items():
            buttons[number] = int(getattr(wish, name))
        if self.button >= 0:
            buttons[self.button] = int(wish.intervening)
        return axes, buttons


def _pressed(where: tuple[str, int], axes: Sequence[float], buttons: Sequence[float]) -> bool:
    # Triggers rest at 1 and reach -1 when pressed; drivers say 0 before the first touch.
    kind, number = where
    return bool(axes[number] < -0.5) if kind == "axis" else bool(buttons[number] > 0.5)


def mapping_named(name: str) -> JoyMapping:
    """A mapping by name from the installed ``config/joy``, or from a file.

    Raises:
        SettingError: no such mapping, or one that makes no sense; the sentence says what is known.
    """
    folder = config_folder() / "joy"
    file = next((path for path in (folder / f"{name}.yaml", Path(name)) if path.is_file()), None)
    if file is None:
        known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
        raise SettingError(f"there is no joystick mapping {name}; installed are {known}, or give a file's path")
    try:
        return _parsed(file.stem, yaml.safe_load(file.read_text()))
    except (yaml.YAMLError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise SettingError(f"{file} is no joystick mapping: {' '.join(str(error).split())}") from None


def _parsed(name: str, data: dict[str, Any]) -> JoyMapping:
    known = {"axes", "buttons", "motion", "open", "close", "labels", "intervene", "button", "deadzone", "scale", "more"}
    if unknown := set(data) - known:
        raise ValueError(f"{', '.join(sorted(unknown))} is unknown; it may hold {', '.join(sorted(known))}")
    moves, labels = data["motion"], data.get("labels", {})
    pairs = {key: _two(move["buttons"]) for key, move in moves.items() if isinstance(move, dict)}
    motion = {key: _two(move) for key, move in moves.items() if key not in pairs}
    mapping = JoyMapping(
        name,
        _whole(data["axes"]),
        _whole(data["buttons"]),
        motion,
        _trigger(data["open"]),
        _trigger(data["close"]),
        labels={key: _whole(number) for key, number in labels.items()},
        button=_whole(data.get("button", -1)),
        pairs=pairs,
        **{key: data[key] for key in ("intervene", "deadzone", "scale", "more") if key in data},
    )
    _check(mapping)
    return mapping


def _check(mapping: JoyMapping) -> None:
    """Refuse what would drive or label by mistake, or leave the person without a stop."""
    if not {*mapping.motion, *mapping.pairs} <= set(MOTIONS) or not set(mapping.labels) <= set(LABELS):
        raise ValueError(f"motion is of {MOTIONS}, labels of {LABELS}")
    if mapping.intervene not in INTERVENE or (mapping.button < 0 and mapping.intervene != "motion"):
        raise ValueError(f"intervene is one of {INTERVENE}; hold and toggle need a button")
    if not all(sign in (-1, 1) for _, sign in mapping.motion.values()):
        raise ValueError("a sign is 1 or -1")
    if not (0 <= mapping.deadzone <= 0.5 and 0 < mapping.scale <= 1):
        raise ValueError("deadzone is 0 to 0.5 and scale above 0 to 1")
    triggers = (mapping.open, mapping.close)
    axes = [number for number, _ in mapping.motion.values()] + [n for kind, n in triggers if kind == "axis"]
    buttons = [*mapping.labels.values(), *(n for pair in mapping.pairs.values() for n in pair)]
    buttons += [n for kind, n in triggers if kind == "button"] + ([mapping.button] if mapping.button != -1 else [])
    for what, numbers, count in (("axis", axes, mapping.axes), ("button", buttons, mapping.buttons)):
        if wrong := [n for n in numbers if not 0 <= n < count]:
            raise ValueError(f"{what} {wrong[0]} is none that the device has: it has 0 to {count - 1}")
        if twice := {n for n in numbers if numbers.count(n) > 1}:
            raise ValueError(f"{what} {min(twice)} means two things")
    if mapping.buttons > FEW_BUTTONS and "stop" not in mapping.labels:
        raise ValueError(f"a device with more than {FEW_BUTTONS} buttons needs a label `stop`")


def _trigger(data: dict[str, Any]) -> tuple[str, int]:
    ((kind, number),) = data.items()
    if kind not in ("axis", "button"):
        raise ValueError("open and close are each `axis: N` or `button: N`")
    return kind, _whole(number)


def _two(data: Sequence[Any]) -> tuple[int, int]:
    first, second = data
    return _whole(first), _whole(second)


def _whole(number: Any) -> int:
    if type(number) is not int:
        raise ValueError(f"{number} is no whole number")
    return number
