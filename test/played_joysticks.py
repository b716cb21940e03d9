"""Gamepads that are played: no test machine has one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

NUMBERS = count(1)


class PlayedJoystick:
    """An Xbox pad as SDL gives it: right, backward and a pressed trigger are positive; triggers rest at -1."""

    def __init__(self, name: str = "Pad") -> None:
        self.name, self.number = name, next(NUMBERS)
        self.axes = [0.0, 0.0, -1.0, 0.0, 0.0, -1.0]
        self.hat = (0, 0)
        self.pressed: set[int] = set()
        self.rumbled: list[tuple[float, float, int]] = []
        self.pulled = self.closed = False

    def _there(self) -> None:
        if self.pulled:
            raise RuntimeError("Invalid joystick")  # as pygame.error, which is one

    def get_instance_id(self) -> int:
        return self.number

    def get_name(self) -> str:
        return self.name

    def get_numaxes(self) -> int:
        self._there()
        return len(self.axes)

    def get_axis(self, number: int) -> float:
        return self.axes[number]

    def get_numhats(self) -> int:
        return 1

    def get_hat(self, number: int) -> tuple[int, int]:
        return self.hat

    def get_numbuttons(self) -> int:
        return 11

    def get_button(self, number: int) -> bool:
        return number in self.pressed

    def rumble(self, low: float, high: float, duration: int) -> bool:
        self._there()
        self.rumbled.append((low, high, duration))
        return True

    def quit(self) -> None:
        self.closed = True


class PlayedJoysticks:
    """A hand that plugs and pulls them."""

    def __init__(self, *joysticks: PlayedJoystick) -> None:
        self._changes: list[PlayedJoystick | int] = list(joysticks)
        self.closed = False

    def plug(self, joystick: PlayedJoystick) -> PlayedJoystick:
        self._changes.append(joystick)
        return joystick

    def pull(self, joystick: PlayedJoystick) -> None:
        joystick.pulled = True
        self._changes.append(joystick.number)

    def changes(self) -> Iterator[PlayedJoystick | int]:
        changes, self._changes = self._changes, []
        yield from changes

    def close(self) -> None:
        self.closed = True
