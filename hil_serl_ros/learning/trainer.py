"""Steps in, updates out, at the replay ratio: what the learner does apart from ROS."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from statistics import median

import torch

from hil_serl_ros.learning.cloning import clone
from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.losses import Batch
from hil_serl_ros.learning.replay import Replay
from hil_serl_ros.learning.sac import SAC, Stats
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.step import Step

RECENT = 50  # updates of the median time


class Trainer:
    """The replay, the algorithm and the counts that tie one to the other.

    ``updates_per_step`` updates are owed for each training step after ``online_step_before_learning``;
    demonstrations owe none.
    """

    def __init__(self, layout: Layout, settings: LearnerSettings) -> None:
        self.layout = layout
        self.settings = settings
        self.replay = Replay(layout, settings)
        self.sac = SAC(layout, settings)
        self.transitions = 0  # steps taken in, demonstrations included, refused ones too
        self.training_steps = 0  # those made while the policy acts
        self.rejected = 0
        self.stats: Stats | None = None
        self.data_seconds = 0.0  # of the last update's batches
        self._seconds: deque[float] = deque(maxlen=RECENT)

    def add(self, step: Step, *, counted: bool = False) -> None:
        """Take in one step; ``counted``: :meth:`pass_over` has counted it when it came.

        Raises:
            ValueError: it is malformed; it is counted, and not learned from.
        """
        self.transitions += not counted
        self.training_steps += not step.demonstration
        try:
            if step.outcome_known:
                self.replay.add(step)
            else:
                self.replay.end(step)
        except ValueError:
            self.rejected += 1
            raise

    def refuse(self, *, counted: bool) -> None:
        """Count a step that cannot even be read; ``counted`` as for :meth:`add`: only shown ones are counted before."""
        self.transitions += not counted
        self.training_steps += not counted
        self.rejected += 1

    def pass_over(self) -> None:
        """Count a step that is not learned from, or not yet."""
        self.transitions += 1

    @property
    def encoder_hash(self) -> str:
        """Which frozen vision encoder the weights stand on; empty: none."""
        vision = self.replay.vision
        return vision.encoder.hash if vision is not None and vision.frozen else ""

    @property
    def owed(self) -> int:
        """Updates that the replay ratio still asks for."""
        after = self.training_steps - self.settings.online_step_before_learning
        if after <= 0 or not self.replay.ready():
            return 0
        return max(0, after * self.settings.updates_per_step - self.sac.updates)

    def update(self) -> Stats:
        """Do one update."""
        if self.sac.updates == 0 and len(self.replay.offline):
            self.clone(self.settings.cloning_updates)
        started = time.perf_counter()
        self.data_seconds = 0.0
        self.stats = self.sac.update(self._sample)
        self._seconds.append(time.perf_counter() - started)
        return self.stats

    def clone(self, updates: int, told: Callable[[float], None] = lambda loss: None) -> None:
        """Fit the policy to the operator's steps by behaviour cloning; ``told`` hears the loss of each update."""
        clone(self.sac, self.replay.sample_operator, updates, told)

    def _sample(self) -> Batch:
        started = time.perf_counter()
        batch = self.replay.sample()
        self.data_seconds += time.perf_counter() - started
        return batch

    @property
    def update_seconds(self) -> float:
        """Median wall time of one recent update, s; 0 before the first."""
        return median(self._seconds) if self._seconds else 0.0

    def warm_up(self) -> None:
        """Compile the update before it is needed, on an empty batch; weights and generators are left alone."""
        rows, shape = self.settings.batch_size, self.sac.shape
        zeros = {
            name: torch.zeros(rows, vector.size, device=self.sac.device) for name, vector in self.layout.vectors.items()
        }
        for name, picture in self.layout.images.items():
            size = shape.map if shape.trained is None else picture
            zeros[name] = torch.zeros(rows, *size, device=self.sac.device)
        flat = torch.zeros(rows, device=self.sac.device)
        batch = Batch(
            observation=zeros,
            next_observation=dict(zeros),
            action=torch.zeros(rows, shape.actions, device=self.sac.device),
            gripper=torch.zeros(rows, dtype=torch.long, device=self.sac.device),
            reward=flat,
            terminated=flat,
            penalty=flat,
            operator=flat,
        )
        noise = torch.zeros(rows, shape.actions, device=self.sac.device)
        self.sac.critic_gradients(batch, noise)
        self.sac.actor_gradients(batch, noise)

    def figures(self) -> dict[str, float]:
        """What there is to say after an update: its statistics, counts and times."""
        assert self.stats is not None, "no update has been done"
        return {
            "updates": self.sac.updates,
            "transitions": self.transitions,
            "training_steps": self.training_steps,
            **self.stats._asdict(),
            "update_seconds": self.update_seconds,
            "data_seconds": self.data_seconds,
            "replay_steps": len(self.replay.online),
            "demonstration_steps": len(self.replay.offline),
        }
