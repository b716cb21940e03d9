"""The person as the episode loop sees them: hands, labels, and whether the loop may go on at all."""

from __future__ import annotations

from hil_serl_ros.env.modes import Schedule
from hil_serl_ros.env.teleop import Teleop
from hil_serl_ros.msg import SafetyStatus, TeleopAction

CUTS = (TeleopAction.EVENT_RESET, TeleopAction.EVENT_AGAIN)


class Person:
    """Hears the devices and `safety`.

    Args:
        schedule: of the modes, into which a demonstration that is asked for goes.
        patience: silence after which a device is lost, s; None: never (lockstep).
    """

    def __init__(self, schedule: Schedule, patience: float | None) -> None:
        self.teleop = Teleop(patience)
        self.paused = False
        self.cut = False  # asked to begin the episode anew since :meth:`begin`
        self._kept: list[int] = []  # labels, for the next :meth:`attend`
        self._schedule = schedule
        self._safety: SafetyStatus | None = None

    def on_safety(self, status: SafetyStatus) -> None:
        """Take one word of `safety`."""
        self._safety = status

    def begin(self) -> None:
        """An episode begins: what was pressed before it has no meaning for it."""
        self.attend()
        self.cut = False

    def attend(self) -> list[int]:
        """Heed what was pressed; the labels among it, in order, each once."""
        self.wait()
        events, self._kept = self._kept, []
        return events

    def wait(self) -> None:
        """Heed what was pressed while the loop waits: a label counts when it goes on."""
        self.teleop.watch()
        events = self.teleop.take_events()
        for event in events:
            if event in (TeleopAction.EVENT_PAUSE, TeleopAction.EVENT_RESUME):
                self.paused = event == TeleopAction.EVENT_PAUSE
            self.cut |= event in CUTS
            if event == TeleopAction.EVENT_DEMONSTRATE:
                self._schedule.demonstrate_next()
        self._kept += events

    @property
    def leave(self) -> bool:
        """The episode shall end here: another mode was asked for, or it again."""
        return self._schedule.interrupted or self.cut

    @property
    def reason(self) -> str:
        """Why the loop must not go on, one sentence; empty: it may."""
        if self._safety is not None and self._safety.state != SafetyStatus.ARMED:
            word = "stopped" if self._safety.state == SafetyStatus.STOPPED else "not armed"
            return f"{word}: {self._safety.reason}"
        if self.teleop.lost:
            return f"{self.teleop.lost}; take over or resume"
        return "the operator paused it" if self.paused else ""
