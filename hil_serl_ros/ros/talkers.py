"""Who speaks on a topic now. ROS counts a publisher that was killed until its lease ends, 20 s later."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass
class Talker:
    """One publisher.

    Attributes:
        name: as its messages say.
        number: of its latest message, counted by the publisher; None where the middleware does not tell.
        heard: when that came, s.
        held: whether what the listener looks for was held in it.
    """

    name: str
    number: int | None
    heard: float
    held: bool = False


class Talkers:
    """Tells the publishers of one topic apart that were heard within ``silence`` s.

    rclpy of Jazzy gives no publisher's id with a message, but each publisher numbers its own: numbers that go up and
    down again are two publishers, also where both call themselves alike.
    """

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self.present: list[Talker] = []

    def hear(self, name: str, number: int | None, now: float) -> Talker:
        """Who it was that sent message ``number`` at ``now`` (s, monotonic)."""
        self.present = [talker for talker in self.present if now - talker.heard <= self._silence]
        same = [t for t in self.present if t.name == name and _follows(number, t.number)]
        talker = max(same, key=lambda t: t.number or 0, default=None)
        if talker is None:
            talker = Talker(name, number, now)
            self.present.append(talker)
        talker.number, talker.heard = number, now
        return talker


def _follows(number: int | None, before: int | None) -> bool:
    return number is None or before is None or number > before


def with_info(callback: Callable[[Any, dict[str, Any]], None]) -> Callable[..., None]:
    """``callback`` of a message and its info, for ``create_subscription`` under any executor.

    rclpy asks a callback's signature whether it takes both, and its events executor then hands over one pair.
    """

    def either(*given: Any) -> None:
        message, info = given if len(given) == 2 else given[0]
        callback(message, info)

    either.__signature__ = inspect.signature(callback)  # type: ignore[attr-defined]
    return either
