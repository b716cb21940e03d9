"""When the policy asks for help: before it fails, by what its critics say of its own actions."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from hil_serl_ros.settings import setting

USUAL_FROM = 5  # unaided successes from which on it is known how far critics differ where all goes well


@dataclass
class HelpSettings:
    help_patience: int = setting(
        20,
        "Steps without a rise of the value after which the policy asks for help.",
        unit="steps",
        minimum=1,
        dynamic=True,
    )
    help_rise: float = setting(
        0.02,
        "Rise of the value that counts as getting somewhere; success is worth 1.",
        minimum=0.0,
        maximum=1.0,
        dynamic=True,
    )
    help_drop: float = setting(
        0.4, "Fall of the value, by all critics, that asks for help.", minimum=0.01, maximum=2.0, dynamic=True
    )
    help_doubt: float = setting(
        4.0, "So many times further apart than in usual successes the critics ask for help.", minimum=1.0, dynamic=True
    )
    help_pause: int = setting(
        80,
        "Steps after a call in which the policy does not call again: it tries by itself.",
        unit="steps",
        minimum=0,
        dynamic=True,
    )
    help_window: int = setting(20, "Recent unaided successes that are the usual ones.", unit="episodes", minimum=1)


class HelpRule:
    """Judges each step of an episode; deterministic.

    A value is discounted success to come: it rises towards 1 while the policy gets nearer. A call begins when it has
    not risen for a while, has fallen, or the critics contradict each other as they do not where all goes well; it ends
    when the value is higher than ever in this episode, or half of a fall is regained. Untrained critics are flat and
    agree on nothing, so early on it is the patience that calls. Between two calls it tries by itself for a while: it
    learns from its own failures too, and a person is not asked for in each episode.
    """

    def __init__(self, settings: HelpSettings) -> None:
        self.settings = settings
        self.called = False
        self.reason = ""
        self._usual: deque[float] = deque(maxlen=settings.help_window)
        self._quiet = settings.help_pause  # steps since the last call
        self._begin()

    def _begin(self) -> None:
        self._stop(-math.inf)
        self._widest = 0.0
        self._aided = False

    def _stop(self, best: float) -> None:
        self.called, self.reason = False, ""
        self._best = self._lowest = best
        self._since = 0

    def begin(self, *, succeeded: bool) -> None:
        """An episode begins; ``succeeded`` is how the one before ended."""
        if succeeded and not self._aided and self._widest > 0.0:
            self._usual.append(self._widest)
        self._begin()

    def update(self, value: float, disagreement: float, *, aided: bool) -> bool:
        """One step: whether the person is asked for.

        Args:
            value: of the policy's own action, by the lowest critic; NaN: no critics, no call.
            disagreement: how far the highest critic is above it.
            aided: the person drives this step.
        """
        self._aided = self._aided or aided
        if math.isnan(value):
            return False
        self._widest = max(self._widest, disagreement)
        self._quiet += 1
        if value >= self._best + self.settings.help_rise:
            self._stop(value)
            return False
        self._since += not aided
        if self.called:
            self._lowest = min(self._lowest, value)
            fall = self._best - self._lowest
            if fall >= self.settings.help_drop and value >= self._best - fall / 2:
                self._stop(value)
        elif self._quiet > self.settings.help_pause:
            self.reason = self._why(value, disagreement)
            self.called, self._lowest = bool(self.reason), value
        if self.called:
            self._quiet = 0
        return self.called

    def _why(self, value: float, disagreement: float) -> str:
        settings = self.settings
        if self._since >= settings.help_patience:
            return f"it has got nowhere for {self._since} steps"
        if value + disagreement < self._best - settings.help_drop:
            return f"its chances fell from {self._best:.2f} to {value:.2f}"
        usual = sum(self._usual) / len(self._usual) if len(self._usual) >= USUAL_FROM else math.inf
        if disagreement > settings.help_doubt * usual:
            return f"its critics differ by {disagreement:.2f}, {disagreement / usual:.0f} times more than usual"
        return ""
