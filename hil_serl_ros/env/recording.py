"""The steps that are kept: each written down before its command leaves, and sent when what became of it is known."""

from __future__ import annotations

from pathlib import Path

from hil_serl_ros.data.journal import Journal
from hil_serl_ros.env.in_flight import InFlight, complete
from hil_serl_ros.env.link import LinkLost
from hil_serl_ros.env.modes import RECORDED
from hil_serl_ros.env.ros_env import Pending, RosEnv
from hil_serl_ros.env.tally import Tally
from hil_serl_ros.msg import Transition
from hil_serl_ros.ros.outbox import Outbox


class Recording:
    """One robot's steps in its ``folder`` of the run's journal.

    Args:
        outbox: by which they leave.
        tally: counts the operator's.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path, journal: Journal, outbox: Outbox, tally: Tally) -> None:
        self._journal, self._outbox, self._tally = journal, outbox, tally
        self._in_flight = InFlight(folder / "in_flight.bin")
        self._begun: Transition | None = None  # the step that is on its way

    def begin(self, transition: Transition) -> None:
        """All of ``transition`` that is known before it is executed is there; in some modes nothing is kept."""
        self._outbox.name(transition)
        self._begun = transition if transition.mode in RECORDED else None

    def leaving(self, pending: Pending) -> None:
        """Its command is about to leave.

        Raises:
            OSError: the disk refuses; the command must not leave.
        """
        if self._begun is not None:
            self._begun.action = pending.requested
            self._in_flight.leave(self._begun, pending)

    def end(self, transition: Transition) -> None:
        """What became of it is known."""
        if self._begun is not None:
            self._outbox.send(transition)
            self._tally.operator_steps += transition.intervention
            self._begun = None

    def cut(self, env: RosEnv) -> None:
        """Its episode ends in it. It may have been executed: it is kept, its outcome known or not."""
        if self._begun is not None:
            self._begun.truncated, self._begun.final_observation = True, env.after(self._begun.observation)
            self.end(self._begun)

    def left(self) -> tuple[Transition, Pending] | None:
        """The step that a killed actor had on its way, and its command."""
        return self._in_flight.found(self._outbox.sent)

    def complete(self, env: RosEnv, transition: Transition, pending: Pending) -> None:
        """Find out what became of a step of :meth:`left`, and keep it.

        Raises:
            LinkLost, ValueError: nobody knows; it is kept all the same.
        """
        self._begun = transition
        try:
            self.end(complete(env, transition, pending))
        except (LinkLost, ValueError):
            self.cut(env)
            raise

    def close(self) -> None:
        """Leave the journal whole."""
        self._in_flight.close()
        self._journal.close()
