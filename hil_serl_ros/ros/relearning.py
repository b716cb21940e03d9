"""Learn again from a run's log, as its learner did: the same steps in the same order through the same `Lessons`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from rclpy.serialization import deserialize_message

from hil_serl_ros.data.checkpoint import Checkpoints
from hil_serl_ros.data.demonstrations import DemonstrationsError
from hil_serl_ros.data.log_index import LogIndex, Place, log_index
from hil_serl_ros.data.run_settings import RunSettings
from hil_serl_ros.data.segments import LogError
from hil_serl_ros.learning.encoder import EncoderError
from hil_serl_ros.learning.trainer import Trainer
from hil_serl_ros.msg import Transition
from hil_serl_ros.ros.lessons import Lessons
from hil_serl_ros.settings import SettingError


def run_index(settings: RunSettings) -> LogIndex:
    """The log of a run, each of whose steps is this run's.

    Raises:
        SettingError: there is no log, it is of another version, or a step is another run's or of another layout; the
            file and the place are named.
    """
    try:
        index = log_index(settings.folder)
    except (DemonstrationsError, LogError) as error:
        raise SettingError(str(error)) from None
    for place in index.places:
        if place.name.run != settings.node.run:
            raise SettingError(f"{place} is a step of run {place.name.run}, not of {settings.node.run}")
        if place.name.layout != settings.layout.hash:
            raise SettingError(f"{place} was made for another layout (task, features or units) than the run's")
    return index


def given_demonstrations(settings: RunSettings) -> list[Transition]:
    """The steps in the folder of demonstrations that the run was started with, if one was.

    Raises:
        SettingError: the folder is gone, or holds no demonstrations of the run's layout.
    """
    folder = settings.node.demonstrations_folder
    if not folder:
        return []
    try:
        index = log_index(Path(folder))
    except (DemonstrationsError, LogError) as error:
        raise SettingError(f"demonstrations_folder: {error}") from None
    for place in index.places:
        if place.name.layout != settings.layout.hash:
            raise SettingError(f"{place} was made for another layout (task, features or units) than the run's")
    return [decoded(place) for place in index.places]


def decoded(place: Place) -> Transition:
    """The step at a place of a log.

    Raises:
        SettingError: its bytes cannot be read.
    """
    try:
        message: Transition = deserialize_message(place.read(), Transition)
    except (RuntimeError, ValueError) as error:
        raise SettingError(f"{place} cannot be read: {error}") from None
    return message


class Relearning:
    """A learner without a graph.

    Args:
        settings: of the run, or others to ask what would have been.
        updated: called after each update.
        due: called where a version of the weights is complete, which is ``trainer.transitions``.

    Attributes:
        rejected: why steps were not learned from, one sentence for each.

    Raises:
        SettingError: settings that this machine cannot serve: encoder, device, memory, demonstrations.
    """

    def __init__(
        self,
        settings: RunSettings,
        updated: Callable[[], None] = lambda: None,
        due: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.rejected: list[str] = []
        torch.set_num_threads(settings.learning.threads)  # sums depend on how many there are
        try:
            self.trainer = Trainer(settings.layout, settings.learning)
        except EncoderError as error:
            raise SettingError(f"vision_encoder: {error}") from None
        self.lessons = Lessons(
            self.trainer,
            lockstep=True,
            weights_period=settings.node.weights_period,
            updated=updated,
            due=due,
            rejected=self.rejected.append,
        )
        self.lessons.show(given_demonstrations(settings))

    def through(self, index: LogIndex, until: int | None = None) -> Iterator[Place]:
        """Learn from the steps one by one, the first ``until`` of them; yields each place when it is learned from.

        Raises:
            SettingError: a step cannot be read.
            FloatingPointError: a loss is not finite.
        """
        for place in index.places[:until]:
            self.lessons.take(decoded(place), learn=True)
            yield place

    def save(self, folder: Path) -> Path:
        """Write a checkpoint as the learner does below ``folder``; its path."""
        trainer = self.trainer
        counters = {"transitions": trainer.transitions, "training_steps": trainer.training_steps}
        checkpoints = Checkpoints(folder, self.settings.layout, self.settings.learning)
        return checkpoints.save(trainer.sac.updates, trainer.sac, trainer.replay.random_state(), counters)
