"""What a learner does with the steps of a run, one by one in the order of the log.

Node ``learner`` and ``hil-serl relearn`` both learn through this: so the same log gives the same weights. No graph is
needed, only messages.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from hil_serl_ros.data.demonstrations import Demonstrations
from hil_serl_ros.learning.trainer import Trainer
from hil_serl_ros.msg import Transition
from hil_serl_ros.ros.steps import step_of


class Lessons:
    """Feeds a trainer, and in lockstep does what it then owes.

    Args:
        trainer: what learns.
        lockstep: all updates that a step owes are done before the next step is looked at.
        weights_period: steps between two versions of the weights; lockstep only.
        updated: called after each update.
        due: called in lockstep where a version of the weights is complete; its number is ``trainer.transitions``.
        rejected: called with a sentence for each step that cannot be learned from.
    """

    def __init__(
        self,
        trainer: Trainer,
        *,
        lockstep: bool,
        weights_period: int,
        updated: Callable[[], None],
        due: Callable[[], None],
        rejected: Callable[[str], None],
    ) -> None:
        self.trainer = trainer
        self.demonstrations: Demonstrations[Transition] = Demonstrations()
        self.episodes = 0  # that have ended
        self._lockstep = lockstep
        self._weights_period = weights_period
        self._updated, self._due, self._rejected = updated, due, rejected

    def show(self, messages: Iterable[Transition]) -> None:
        """Put the good ones among demonstrations of another run into the memory, before all else."""
        loaded: Demonstrations[Transition] = Demonstrations()
        for message in messages:
            if message.mode == Transition.MODE_DEMONSTRATE:
                for step in loaded.add(message):
                    step.robot = "demonstrations"
                    try:
                        self.trainer.replay.add(step_of(step, self.trainer.layout.images))
                    except ValueError as error:
                        self._rejected(f"step {step.index} of the demonstrations is not learned from: {error}")

    def take(self, message: Transition, *, learn: bool) -> None:
        """Take in one step; with ``learn``, in lockstep, do the updates that it owes.

        Raises:
            FloatingPointError: an update gave a loss that is not finite.
        """
        shown = message.mode in (Transition.MODE_COLLECT, Transition.MODE_DEMONSTRATE)
        if shown:
            # Counted as it comes, and a demonstration learned from once it is a good one. In the classifier's examples
            # no task is done.
            self.trainer.pass_over()
        steps = self.demonstrations.add(message) if message.mode == Transition.MODE_DEMONSTRATE else [message]
        for step in [] if message.mode == Transition.MODE_COLLECT else steps:
            try:
                self._add(step, counted=shown)
            except ValueError as error:
                self._rejected(f"step {step.index} of {step.robot} is not learned from: {error}")
        self.episodes += message.terminated or message.truncated
        if learn and self._lockstep:
            self.catch_up()
            if self.trainer.transitions % self._weights_period == 0:
                self._due()

    def _add(self, message: Transition, *, counted: bool) -> None:
        try:
            step = step_of(message, self.trainer.layout.images)
        except ValueError:
            self.trainer.refuse(counted=counted)
            raise
        self.trainer.add(step, counted=counted)

    def catch_up(self) -> None:
        """In lockstep, do all updates that are owed."""
        while self._lockstep and self.trainer.owed:
            self.update()

    def update(self) -> None:
        """One update, and what is due after it.

        Raises:
            FloatingPointError: its loss is not finite.
        """
        stats = self.trainer.update()
        if not math.isfinite(stats.critic_loss + stats.actor_loss):
            # Before anything of it is published or saved.
            raise FloatingPointError(f"update {self.trainer.sac.updates} gave a loss that is not finite")
        self._updated()
