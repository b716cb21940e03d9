"""The gamepad that was plugged in first, read with SDL in the layout of ROS's own node `joy`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

ENVIRONMENT = {
    "SDL_VIDEODRIVER": "dummy",  # SDL tells of joysticks through its event queue, which needs a display, not a window
    "SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS": "1",  # that window never has the focus
    "SDL_JOYSTICK_HIDAPI": "0",  # the kernel's drivers number axes and buttons, as in config/joy
    "SDL_NO_SIGNAL_HANDLERS": "1",  # rclpy has them
    "PYGAME_HIDE_SUPPORT_PROMPT": "1",
}


@dataclass(frozen=True)
class Reading:
    """All axes in [-1, 1] and all buttons, 0 or 1.

    Left and forward are positive, triggers rest at 1 and reach -1; a cross is two axes after the others.
    """

    axes: list[float]
    buttons: list[int]


class Joystick(Protocol):
    """What is used of ``pygame.joystick.Joystick``; any call raises RuntimeError when the device is gone."""

    def get_instance_id(self) -> int: ...
    def get_name(self) -> str: ...
    def get_numaxes(self) -> int: ...
    def get_axis(self, number: int, /) -> float: ...
    def get_numhats(self) -> int: ...
    def get_hat(self, number: int, /) -> tuple[int, int]: ...
    def get_numbuttons(self) -> int: ...
    def get_button(self, number: int, /) -> bool: ...
    def rumble(self, low: float, high: float, duration: int, /) -> bool: ...
    def quit(self) -> None: ...


class Joysticks(Protocol):
    """The devices as they come and go."""

    def changes(self) -> Iterator[Joystick | int]:
        """Since the last call: those that were plugged in, and the instance ids of those that were pulled."""

    def close(self) -> None:
        """Let go of all."""


class Sdl:
    """The real ones, through pygame; it changes this process's environment."""

    def __init__(self) -> None:
        os.environ.update(ENVIRONMENT)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "pkg_resources is deprecated")  # pygame 2.6.1 finds its data with it
            import pygame
        self._pygame: Any = pygame
        pygame.display.init()
        pygame.joystick.init()

    def changes(self) -> Iterator[Joystick | int]:
        """See :class:`Joysticks`."""
        for event in self._pygame.event.get():
            if event.type == self._pygame.JOYDEVICEADDED:
                try:
                    yield self._pygame.joystick.Joystick(event.device_index)
                except self._pygame.error:
                    continue  # gone again already
            elif event.type == self._pygame.JOYDEVICEREMOVED:
                yield event.instance_id

    def close(self) -> None:
        """See :class:`Joysticks`."""
        self._pygame.quit()


class Gamepad:
    """Reads the first gamepad of those that are plugged in; when it is pulled, the next one.

    Args:
        joysticks: where they come from.
    """

    def __init__(self, joysticks: Joysticks | None = None) -> None:
        self._joysticks = Sdl() if joysticks is None else joysticks
        self._open: dict[int, Joystick] = {}

    @property
    def name(self) -> str:
        """Of the one that is read; empty: none is there."""
        return next((joystick.get_name() or "gamepad" for joystick in self._open.values()), "")

    @property
    def others(self) -> int:
        """How many more are there, not read."""
        return max(len(self._open) - 1, 0)

    def read(self) -> Reading | None:
        """What it says now; None without one."""
        for change in self._joysticks.changes():
            if isinstance(change, int):
                self._forget(change)
            else:
                self._open[change.get_instance_id()] = change
        for number, joystick in list(self._open.items()):
            try:
                return _read(joystick)
            except RuntimeError:  # pygame.error: pulled, and SDL has not said so yet
                self._forget(number)
        return None

    def _forget(self, number: int) -> None:
        joystick = self._open.pop(number, None)
        if joystick is not None:
            joystick.quit()

    def rumble(self, intensity: float, seconds: float) -> bool:
        """Rumble so strongly, 0 to 1; False where there is nothing that can."""
        for joystick in self._open.values():
            try:
                return joystick.rumble(intensity, intensity, round(1000 * seconds))
            except RuntimeError:
                return False
        return False

    def close(self) -> None:
        """Let go of all."""
        self._open.clear()
        self._joysticks.close()


def _read(joystick: Joystick) -> Reading:
    # SDL says right and backward are positive; `joy` turns that round, but for a cross' up.
    axes = [min(max(0.0 - joystick.get_axis(n), -1.0), 1.0) for n in range(joystick.get_numaxes())]
    for n in range(joystick.get_numhats()):
        right, up = joystick.get_hat(n)
        axes += [0.0 - right, 0.0 + up]
    return Reading(axes, [int(joystick.get_button(n)) for n in range(joystick.get_numbuttons())])
