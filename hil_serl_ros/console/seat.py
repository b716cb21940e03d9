"""Who drives: of all open pages one has the seat, the others watch."""

from __future__ import annotations

from dataclasses import dataclass

DRIVING_SILENCE = 0.2  # s of the page that drives, then it is lost
IDLE_SILENCE = 2.0  # s of the page that has the seat and does not drive


@dataclass(frozen=True)
class Holder:
    """A page in the seat: its session, what people call it, and since when it sits (s, monotonic)."""

    page: str
    name: str
    since: float


class Seat:
    """One driver at a time: the first page that asks sits until it leaves, is lost, or gives it up.

    Times are in seconds of one monotonic clock.
    """

    def __init__(self, driving_silence: float = DRIVING_SILENCE, idle_silence: float = IDLE_SILENCE) -> None:
        self.driving_silence, self.idle_silence = driving_silence, idle_silence
        self.holder: Holder | None = None
        self.driving = False
        self._heard = 0.0

    def take(self, page: str, name: str, now: float) -> bool:
        """Whether ``page`` sits now: it did already, or the seat was free."""
        if self.holder is None:
            self.holder, self.driving, self._heard = Holder(page, name, now), False, now
        return self.has(page)

    def has(self, page: str) -> bool:
        """Whether ``page`` sits."""
        return self.holder is not None and self.holder.page == page

    def hear(self, page: str, driving: bool, now: float) -> None:
        """``page`` spoke and does or does not drive; nothing if it does not sit."""
        if self.has(page):
            self.driving, self._heard = driving, now

    def leave(self, page: str) -> bool:
        """``page`` gives the seat up or is gone; whether it sat."""
        if not self.has(page):
            return False
        self.holder, self.driving = None, False
        return True

    def deadline(self) -> float | None:
        """When the page that sits is lost unless it speaks; None while the seat is free."""
        if self.holder is None:
            return None
        return self._heard + (self.driving_silence if self.driving else self.idle_silence)

    def lost(self, now: float) -> Holder | None:
        """Free the seat of a page that has been silent for too long; that page."""
        deadline, holder = self.deadline(), self.holder
        if deadline is None or now < deadline:
            return None
        self.holder, self.driving = None, False
        return holder
