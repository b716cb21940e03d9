"""Recorded steps as whole episodes: once each, in order, every one of them with its next observation."""

from __future__ import annotations

import dataclasses

from hil_serl_ros.data.dataset_step import DatasetStep

# Steps of which each begins in the observation that the one before led to; only the last one has a final observation.
Chain = list[DatasetStep]


@dataclasses.dataclass(frozen=True)
class Episode:
    """One robot's episode. A pause cuts it into several chains; each of them ends with its final observation."""

    chains: list[Chain]

    @property
    def mode(self) -> int:
        """``Transition.MODE_*``."""
        return self.chains[0][0].mode

    @property
    def success(self) -> bool:
        """The task was done, and the operator did not throw the episode away."""
        last = self.chains[-1][-1]
        return last.success and not last.discarded

    @property
    def name(self) -> str:
        """For people."""
        first = self.chains[0][0]
        return f"episode {first.episode} of robot {first.robot} in run {first.run}"


class Episodes:
    """Takes steps in the order of their log, several robots mixed, and gives back episodes when they are over.

    A chain whose end is missing (its robot died, the file was cut) has one observation too few: it is kept as
    truncated without its last step, whose observation is then the final one.

    Attributes:
        torn: chains that had to be cut so.
        lost: steps that went with it.
        doubled: steps that were there twice; each counts once.
    """

    def __init__(self) -> None:
        self.torn = self.lost = self.doubled = 0
        self._known: dict[tuple[str, str], set[int]] = {}
        self._open: dict[tuple[str, str], list[Chain]] = {}

    def add(self, step: DatasetStep) -> list[Episode]:
        """Take the next step; the episode that ended before it, if one did."""
        key = (step.robot, step.run)
        known = self._known.setdefault(key, set())
        if step.index in known:
            self.doubled += 1
            return []
        known.add(step.index)
        chains = self._open.setdefault(key, [])
        ended = self._close(key) if chains and chains[-1][-1].episode != step.episode else []
        chains = self._open.setdefault(key, [])
        if chains and step.follows(chains[-1][-1]):
            chains[-1].append(step)
        else:
            chains.append([step])
        return ended

    def end(self) -> list[Episode]:
        """All that is still open: there are no more steps."""
        return [episode for key in list(self._open) for episode in self._close(key)]

    def _close(self, key: tuple[str, str]) -> list[Episode]:
        chains = [mended for chain in self._open.pop(key) if (mended := self._mended(chain))]
        return [Episode(chains)] if chains else []

    def _mended(self, chain: Chain) -> Chain:
        if chain[-1].final is not None:
            return chain
        self.torn += 1
        self.lost += 1
        if len(chain) < 2:
            return []
        last = dataclasses.replace(chain[-2], truncated=True, final=chain[-1].observation)
        return [*chain[:-2], last]
