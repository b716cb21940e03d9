"""The keys that are held, from what a terminal says: some tell of releases, a plain one only repeats what it types."""

from __future__ import annotations

from hil_serl_ros.env.keys import GRIPPER, HELP, MOTION

# A plain terminal tells nothing of Shift, Ctrl and releases: other keys mean the same, by the code of those.
PLAIN = {
    "PageUp": "ShiftRight",
    "PageDown": "ShiftLeft",
    "KeyO": "ControlRight",
    "KeyC": "ControlLeft",
    "KeyY": "KeyO",
}
PLAIN_HELP = (
    *((keys, text) for keys, text in HELP if "⇧" not in keys and "Ctrl" not in keys and "U O" not in keys),
    ("Page up, Page down", "up, down"),
    ("O, C", "open, close the gripper"),
    ("L J, I K, U Y", "roll, pitch, yaw"),
)
REPEATING = frozenset({*MOTION, *GRIPPER})


class HeldKeys:
    """Which keys are held, by KeyboardEvent.code.

    Args:
        releases: the terminal tells of them. Otherwise a key that moves something is held for ``hold`` after it was
            typed, and goes on while it repeats; another one for ``press``, so that its repeats are no second press.
        hold: s; longer than the time between two repeats.
        press: s; longer than the time before the first repeat.
    """

    def __init__(self, releases: bool, hold: float = 0.15, press: float = 0.7) -> None:
        self.releases = releases
        self._hold, self._press = hold, press
        self._until: dict[str, float] = {}

    def typed(self, code: str, now: float) -> None:
        """It was pressed, or repeats."""
        if self.releases:
            self._until[code] = float("inf")
        else:
            code = PLAIN.get(code, code)
            self._until[code] = now + (self._hold if code in REPEATING else self._press)

    def released(self, code: str) -> None:
        """It was let go."""
        self._until.pop(code, None)

    def release_all(self) -> None:
        """Nobody is at the keyboard any more."""
        self._until.clear()

    def held(self, now: float) -> set[str]:
        """Those that are held at ``now`` (s, monotonic)."""
        self._until = {code: until for code, until in self._until.items() if now < until}
        return set(self._until)
