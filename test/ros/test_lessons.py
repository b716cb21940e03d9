"""What the learner makes of messages with pictures: raw, compressed, and such as are none."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from compressing import compressed_step
from made_episodes import PICTURES, episode
from rclpy.serialization import deserialize_message, serialize_message

from hil_serl_ros.data.dataset_step import TRAIN
from hil_serl_ros.data.transition_log import TransitionLog, read_log
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.trainer import Trainer
from hil_serl_ros.msg import Transition
from hil_serl_ros.ros import convert
from hil_serl_ros.ros.dataset_steps import transition_of
from hil_serl_ros.ros.lessons import Lessons

SMALL = LearnerSettings(
    latent_dim=8,
    hidden_dims=[16, 16],
    batch_size=8,
    online_buffer_capacity=32,
    offline_buffer_capacity=32,
    feature_variants=0,  # the pictures themselves are kept
    online_step_before_learning=1000,
)


class Learner:
    """Lessons, and what became of them."""

    def __init__(self) -> None:
        self.trainer = Trainer(PICTURES, SMALL)
        self.rejected: list[str] = []
        self.versions: list[int] = []
        self.lessons = Lessons(
            self.trainer,
            lockstep=True,
            weights_period=1,
            updated=lambda: None,
            due=lambda: self.versions.append(self.trainer.transitions),
            rejected=self.rejected.append,
        )

    def take(self, messages: Iterable[Transition]) -> Learner:
        for message in messages:
            self.lessons.take(message, learn=True)
        return self

    def memory(self) -> dict[str, np.ndarray]:
        """All that the replay keeps of observations."""
        return {name: array.copy() for name, array in self.trainer.replay.store._arrays.items()}


def steps() -> list[Transition]:
    """A demonstration and an episode of training."""
    made = [*episode(PICTURES), *episode(PICTURES, number=1, index=4, length=6, ends="cut", mode=TRAIN)]
    return [transition_of(step) for step in made]


def logged(folder: Path, messages: Iterable[Transition]) -> list[Transition]:
    """The messages, out of a log on disk."""
    log = TransitionLog(folder)
    for number, message in enumerate(messages):
        log.append(serialize_message(message), number, number)
    log.close()
    return [deserialize_message(record.data, Transition) for record in read_log(folder)]


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_log_of_compressed_pictures_rebuilds_the_same_memory(tmp_path, kind):
    messages = [compressed_step(message, kind) for message in steps()]
    before = Learner().take(messages).memory()
    after = Learner().take(logged(tmp_path / "log", messages)).memory()
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_what_is_learned_from_png_is_what_is_learned_from_raw_pictures():
    raw, png = Learner().take(steps()).memory(), Learner().take(map(compressed_step, steps())).memory()
    assert all(np.array_equal(raw[name], png[name]) for name in raw)
    assert any(array.any() for name, array in raw.items() if name in PICTURES.images)


def test_a_step_whose_picture_cannot_be_read_is_counted_and_not_learned_from_nor_the_one_before_it():
    messages = [compressed_step(message) for message in steps()]
    messages[6].observation.compressed_images[0].data = b"nonsense"
    learner = Learner().take(messages)
    assert learner.rejected == ["step 6 of arm is not learned from: 8 bytes are no png picture"]
    assert learner.trainer.rejected == 1
    assert len(Learner().take(steps()).trainer.replay.online) == 6
    assert len(learner.trainer.replay.online) == 4  # what step 5 led to is not known
    # In lockstep the actor waits for the weights of each step's number.
    assert learner.versions == list(range(1, len(messages) + 1))
    assert learner.trainer.training_steps == Learner().take(steps()).trainer.training_steps


def test_a_compressed_picture_of_another_size_than_the_layouts_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(convert, "decode", lambda *_: pytest.fail("it was decoded"))
    messages = [compressed_step(message) for message in steps()]
    for step, seen in ((5, messages[5].observation), (9, messages[9].final_observation[0])):
        file = bytearray(seen.compressed_images[0].data)
        file[16:24] = struct.pack(">II", 4000, 4000)
        seen.compressed_images[0].data = bytes(file)
        learner = Learner().take(messages[step : step + 1])
        assert learner.rejected == [
            f"step {step} of arm is not learned from: the compressed image of front is 4000x4000, not 64x64"
        ]


def test_a_shown_step_whose_picture_cannot_be_read_is_counted_once():
    messages = [compressed_step(message) for message in steps()]
    messages[1].observation.compressed_images[0].data = b"nonsense"
    learner = Learner().take(messages)
    assert learner.versions == list(range(1, len(messages) + 1))
    assert learner.trainer.rejected == 1


def test_of_given_demonstrations_a_step_whose_picture_cannot_be_read_is_left_out_and_the_one_before_it():
    messages = [compressed_step(message) for message in steps()[:4]]
    messages[2].observation.compressed_images[1].format = "tiff"
    learner = Learner()
    learner.lessons.show(messages)
    assert learner.rejected == [
        "step 2 of the demonstrations is not learned from: image format 'tiff' of wrist is none of png, jpeg"
    ]
    assert len(learner.trainer.replay.offline) == 2
