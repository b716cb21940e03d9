"""Replay memory: each observation stored once, a transition sampleable as soon as its next observation is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.losses import Batch
from hil_serl_ros.learning.memory import available_bytes
from hil_serl_ros.learning.normalization import Normalizer
from hil_serl_ros.learning.ring import Ring
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.step import Step, check_step
from hil_serl_ros.learning.store import Store, bytes_per_row
from hil_serl_ros.learning.vision import Vision
from hil_serl_ros.settings import SettingError


class Replay:
    """Online steps in one ring; demonstrations and interventions in another; batches half and half.

    Steps driven by the operator while training are in both, as in HIL-SERL; both refer to the same observations.

    Args:
        layout: what is observed and done.
        settings: the learner's.
        vision: how pictures are read; None makes one where the layout has pictures.

    Raises:
        SettingError: the capacities ask for more memory than there is.
    """

    def __init__(self, layout: Layout, settings: LearnerSettings, vision: Vision | None = None) -> None:
        self.layout = layout
        self.settings = settings
        self.vision = vision or (Vision(layout, settings) if layout.images else None)
        variants, encode = (self.vision.shapes(), self.vision.features) if self.vision else (None, None)
        # One more than all steps may refer to singly; an episode's last observation is a row of its own.
        rows = settings.online_buffer_capacity + settings.offline_buffer_capacity + 2
        _check_memory(rows, bytes_per_row(layout, variants))
        self.store = Store(layout, rows, variants, encode)
        self.online = Ring(layout, settings.online_buffer_capacity, self.store)
        self.offline = Ring(layout, settings.offline_buffer_capacity, self.store)
        self.normalizer = Normalizer(layout, torch.device(settings.device))
        self.random = np.random.default_rng(settings.seed)

    def add(self, step: Step) -> None:
        """Take in a step, in the order in which its robot made it.

        Raises:
            ValueError: the step is malformed; nothing was stored.
        """
        check_step(step, self.layout)
        row = self._put(step.observation)
        rings = [] if step.demonstration else [self.online]
        if step.demonstration or step.intervention:
            rings.append(self.offline)
        else:
            self.offline.follow(step, row)
        for ring in rings:
            ring.add(step, row)
        if step.final_observation is not None:
            last = self._put(step.final_observation)
            for ring in rings:
                ring.finish(step, last)
            self.store.release(last)
        self.store.release(row)

    def end(self, step: Step) -> None:
        """The step's outcome is not known: it is not learned from, but the one before it led to its observation.

        Raises:
            ValueError: the observation is malformed; nothing was stored.
        """
        self.layout.check_observation(step.observation)
        row = self._put(step.observation)
        for ring in (self.online, self.offline):
            ring.follow(step, row)
        self.online.lost += 1
        self.store.release(row)

    def _put(self, observation: Mapping[str, np.ndarray]) -> int:
        """Store an observation, held by the caller; the oldest steps make room for it."""
        while self.store.full:
            max(self.online, self.offline, key=lambda ring: ring.used).drop_oldest()
        row = self.store.put(observation)
        self.store.hold(row)
        return row

    @property
    def lost(self) -> int:
        """Online steps whose next observation never came; they are never sampled."""
        return self.online.lost

    @property
    def nbytes(self) -> int:
        """Memory that the steps and observations take when the capacities are used up."""
        return self.store.nbytes + self.online.nbytes + self.offline.nbytes

    def __len__(self) -> int:
        return len(self.online)

    def ready(self) -> bool:
        """There is something to learn from."""
        return len(self.online) + len(self.offline) > 0

    def sample(self) -> Batch:
        """A batch drawn with replacement; from one ring alone while the other is empty.

        Raises:
            ValueError: nothing to draw from.
        """
        total = self.settings.batch_size
        offline = round(total * self.settings.demonstration_share)
        if len(self.online) == 0:
            offline = total
        elif len(self.offline) == 0:
            offline = 0
        return self._batch(total - offline, offline)

    def sample_operator(self) -> Batch:
        """A batch of the operator's steps alone.

        Raises:
            ValueError: there are none.
        """
        return self._batch(0, self.settings.batch_size)

    def _batch(self, online: int, offline: int) -> Batch:
        drawn = [
            (ring, ring.draw(count, self.random))
            for ring, count in ((self.online, online), (self.offline, offline))
            if count > 0
        ]
        rows = [ring.rows(steps) for ring, steps in drawn]
        parts = [ring.gather(steps) for ring, steps in drawn]
        columns = {key: torch.from_numpy(np.concatenate([part[key] for part in parts])) for key in parts[0]}
        columns = {key: value.to(self.settings.device) for key, value in columns.items()}
        action = columns["action"]
        return Batch(
            observation=self.observations(np.concatenate([now for now, _ in rows])),
            next_observation=self.observations(np.concatenate([following for _, following in rows])),
            action=action[:, :-1].contiguous(),
            gripper=action[:, -1].long(),
            reward=columns["reward"],
            terminated=columns["terminated"],
            penalty=columns["penalty"],
            operator=columns["operator"],
        )

    def observations(self, rows: np.ndarray) -> dict[str, Tensor]:
        """The observations of store rows as the networks read them, pictures shifted at random."""
        raw = {name: torch.from_numpy(array) for name, array in self.store.gather(rows, self.random).items()}
        out = self.normalizer({name: raw[name].to(self.settings.device) for name in self.layout.vectors})
        if self.vision is not None:
            out |= {name: self.vision.batch(raw[name], self.random) for name in self.layout.images}
        return out

    def random_state(self) -> dict[str, Any]:
        """State of the sampler, plain numbers and strings."""
        return dict(self.random.bit_generator.state)

    def set_random_state(self, state: Mapping[str, Any]) -> None:
        """Go on sampling from a state that ``random_state`` gave."""
        self.random.bit_generator.state = dict(state)


def _check_memory(rows: int, each: int) -> None:
    """Refuse what would be killed hours later: memory is taken only as the rows are written."""
    there = available_bytes()
    if there is not None and rows * each > there:
        raise SettingError(
            f"online_buffer_capacity and offline_buffer_capacity need {rows * each / 1e9:.1f} GB of memory "
            f"({each / 1e3:.1f} KB a step) and {there / 1e9:.1f} GB is available: "
            f"lower them to at most {max(0, there // each - 2)} steps together"
        )
