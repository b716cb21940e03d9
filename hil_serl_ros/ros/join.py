"""Join messages of several topics that belong to one instant."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

KEPT_STAMPS = 16
KEPT_FRAMES = 8


class Joiner:
    """Collects named parts by stamp.

    Args:
        parts: names of the parts of one instant.
        leader: the part that says which instant it is when parts are joined by age.
        max_age_ns: None joins parts of the same stamp (lockstep). Otherwise the newest of each part is
            joined when the leader comes, if none is older than this against the leader's stamp, ns.
        max_skew_ns: parts that have a clock of their own (cameras), and how far from the leader's stamp each
            may be, ns. Of these a few are kept and the nearest is joined, not the newest. Only with ``max_age_ns``.
    """

    def __init__(
        self, parts: list[str], leader: str, max_age_ns: int | None = None, max_skew_ns: dict[str, int] | None = None
    ) -> None:
        self.parts = parts
        self.leader = leader
        self.max_age_ns = max_age_ns
        self.stale = ""  # part that was missing or too old at the last leader, realtime only
        self._max_skew_ns = max_skew_ns or {}
        self._by_stamp: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._recent: dict[str, deque[tuple[int, Any]]] = {
            part: deque(maxlen=KEPT_FRAMES if part in self._max_skew_ns else 1) for part in parts
        }

    def add(self, part: str, stamp: int, message: Any) -> dict[str, Any] | None:
        """Keep ``message`` of ``stamp`` (ns); return all parts of the instant if it is whole now, else None.

        A part that comes again for an instant that was whole makes it whole again: a repeated state is
        answered again.
        """
        if self.max_age_ns is not None:
            return self._add_recent(part, stamp, message)
        instant = self._by_stamp.setdefault(stamp, {})
        if part == self.leader and part in instant:
            # The robot repeats this instant; its parts may come in any order, so answer at once and
            # let the repeated parts only overwrite.
            instant[part] = message
            return dict(instant) if len(instant) == len(self.parts) else None
        known = part in instant
        instant[part] = message
        while len(self._by_stamp) > KEPT_STAMPS:
            self._by_stamp.popitem(last=False)
        return dict(instant) if len(instant) == len(self.parts) and not known else None

    def forget(self, part: str, stamp: int) -> None:
        """Join nothing that ``part`` has said: a bad one came. By stamp, only what it said of that instant goes."""
        if self.max_age_ns is not None:
            self._recent[part].clear()
        elif stamp in self._by_stamp:
            self._by_stamp[stamp].pop(part, None)

    def waiting(self) -> tuple[int, list[str]] | None:
        """The newest instant that has its leader and is not whole, as stamp (ns) and missing parts; by stamp only."""
        for stamp in reversed(self._by_stamp):
            instant = self._by_stamp[stamp]
            if self.leader in instant:
                missing = [part for part in self.parts if part not in instant]
                return (stamp, missing) if missing else None
        return None

    def _add_recent(self, part: str, stamp: int, message: Any) -> dict[str, Any] | None:
        recent = self._recent[part]
        if recent and recent[-1][0] == stamp:
            recent.pop()  # the same instant again: it shall not push others out
        recent.append((stamp, message))
        self.stale = ""
        if part != self.leader:
            return None
        assert self.max_age_ns is not None
        joined = {}
        for name in self.parts:
            if not self._recent[name]:
                self.stale = name
                return None
            nearest, message = min(self._recent[name], key=lambda kept: abs(stamp - kept[0]))
            if abs(stamp - nearest) > self._max_skew_ns.get(name, self.max_age_ns):
                self.stale = name
                return None
            joined[name] = message
        return joined
