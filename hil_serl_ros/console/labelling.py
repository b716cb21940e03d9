"""What the keys of the label page do to labels, without a page."""

from __future__ import annotations

from collections.abc import Mapping

from hil_serl_ros.data.labels import EXCLUDED, FAILURE, SUCCESS, Episode


class Labelling:
    """Labels of some episodes, a cursor on one frame of one of them, and undo.

    Args:
        recorded: per episode, in the order of showing, the label of each frame (1 success, 0 failure) as recorded:
            the starting point. Each has a frame at least.
        given: labels that a person gave before; those of episodes and frames that are not shown are kept.
    """

    def __init__(
        self, recorded: Mapping[Episode, list[int]], given: Mapping[Episode, Mapping[int, int]] | None = None
    ) -> None:
        self._recorded = {key: list(labels) for key, labels in recorded.items()}
        self.given: dict[Episode, dict[int, int]] = {key: dict(labels) for key, labels in (given or {}).items()}
        self.keys = list(self._recorded)
        self._undo: list[tuple[Episode, dict[int, int] | None, int]] = []
        self._mark: int | None = None
        self.index = 0  # of the episode shown
        self.frame = 0  # of the frame shown
        self.go_to(next((i for i, key in enumerate(self.keys) if not self.is_labelled(key)), 0))

    @property
    def key(self) -> Episode:
        """The episode shown."""
        return self.keys[self.index]

    @property
    def done(self) -> int:
        """How many of the episodes a person has labelled."""
        return sum(self.is_labelled(key) for key in self.keys)

    def is_labelled(self, key: Episode) -> bool:
        """Whether a person has labelled ``key``."""
        return key in self.given

    def labels(self, key: Episode) -> list[int]:
        """The label of each frame: the person's where there is one, else the recorded one."""
        given = self.given.get(key, {})
        return [given.get(frame, label) for frame, label in enumerate(self._recorded[key])]

    # -------------------- moving --------------------
    def go_to(self, index: int) -> None:
        """Show an episode at its first success, or at its end; beyond either end of the list it stays within."""
        self.index = min(max(index, 0), len(self.keys) - 1)
        labels = self.labels(self.key)
        self.frame = labels.index(SUCCESS) if SUCCESS in labels else len(labels) - 1
        self._mark = None

    def show(self, frame: int) -> None:
        """Show a frame of the episode, the nearest that there is."""
        self.frame = min(max(frame, 0), len(self._recorded[self.key]) - 1)

    # -------------------- labelling --------------------
    def accept(self) -> None:
        """The labels are right as shown; show the next episode that is not labelled, else the next one."""
        self._give(self.labels(self.key))
        after = [*range(self.index + 1, len(self.keys)), *range(self.index)]
        self.go_to(next((i for i in after if not self.is_labelled(self.keys[i])), self.index + 1))

    def success_from_here(self) -> None:
        """From the frame shown to the end success, before it failure."""
        labels = self.labels(self.key)
        self._give([SUCCESS if frame >= self.frame else FAILURE for frame in range(len(labels))])

    def all_failure(self) -> None:
        """The whole episode is failure."""
        self._give([FAILURE] * len(self.labels(self.key)))

    def exclude(self) -> None:
        """The frame shown is left out, and is one end of the range of ``exclude_range``."""
        self._exclude(self.frame, self.frame)
        self._mark = self.frame

    def exclude_range(self) -> None:
        """All frames from the one excluded last in this episode to the one shown are left out."""
        mark = self.frame if self._mark is None else self._mark
        self._exclude(min(mark, self.frame), max(mark, self.frame))

    def undo(self) -> bool:
        """Take the last change of a label back and show its episode; False if there is none."""
        if not self._undo:
            return False
        key, before, frame = self._undo.pop()
        if before is None:
            del self.given[key]
        else:
            self.given[key] = before
        self.index, self.frame, self._mark = self.keys.index(key), frame, None
        return True

    def _exclude(self, first: int, last: int) -> None:
        self._give([EXCLUDED if first <= f <= last else label for f, label in enumerate(self.labels(self.key))])

    def _give(self, labels: list[int]) -> None:
        before = self.given.get(self.key)
        self._undo.append((self.key, None if before is None else dict(before), self.frame))
        self.given[self.key] = (before or {}) | dict(enumerate(labels))
