"""What a rule of the contract is: a sentence about a robot's node, and a function that looks whether it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hil_serl_ros.env.probe import Probe

Check = Callable[[Probe], None]


@dataclass(frozen=True)
class Rule:
    """One rule: ``moves`` the arm or not; ``clock`` it is about, empty: both.

    ``check`` raises :class:`~hil_serl_ros.env.probe.Broken` with what it saw, or :class:`NotHere`.
    """

    name: str
    sentence: str
    check: Check
    moves: bool
    clock: str


class NotHere(RuntimeError):
    """A rule does not concern this robot; the message says why."""


class Rules(list[Rule]):
    """Rules in the order in which they are written down."""

    def rule(self, name: str, sentence: str, *, moves: bool = False, clock: str = "") -> Callable[[Check], Check]:
        """Make a rule of a function."""

        def add(check: Check) -> Check:
            self.append(Rule(name, sentence, check, moves, clock))
            return check

        return add
