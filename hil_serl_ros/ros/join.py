"""Join messages of several topics that belong to one instant."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

KEPT_STAMPS = 16


class Joiner:
    """Collects named parts by stamp.

    Args:
        parts: names of the parts of one instant.
        leader: the part that says which instant it is when parts are joined by age.
        max_age_ns: None joins parts of the same stamp (lockstep). Otherwise the newest of each part is
            joined when the leader comes, if none is older than this against the leader's stamp, ns.
    """

    def __init__(self, parts: list[str], leader: str, max_age_ns: int | None = None) -> None:
        self.parts = parts
        self.leader = leader
        self.max_age_ns = max_age_ns
        self.stale = ""  # part that was missing or too old at the last leader, realtime only
        self._by_stamp: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._newest: dict[str, tuple[int, Any]] = {}

    def add(self, part: str, stamp: int, message: Any) -> dict[str, Any] | None:
        """Keep ``message`` of ``stamp`` (ns); return all parts of the instant if it is whole now, else None.

        A part that comes again for an instant that was whole makes it whole again: a repeated state is
        answered again.
        """
        if self.max_age_ns is not None:
            return self._add_newest(part, stamp, message)
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

    def _add_newest(self, part: str, stamp: int, message: Any) -> dict[str, Any] | None:
        self._newest[part] = (stamp, message)
        self.stale = ""
        if part != self.leader:
            return None
        assert self.max_age_ns is not None
        for name in self.parts:
            if name not in self._newest or abs(stamp - self._newest[name][0]) > self.max_age_ns:
                self.stale = name
                return None
        return {name: self._newest[name][1] for name in self.parts}
