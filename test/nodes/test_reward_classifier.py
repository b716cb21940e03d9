"""The node `reward_classifier`: one reward for each observation that it can judge, none for any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compressing import compressed
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from hil_serl_ros.data.classifier_folder import save
from hil_serl_ros.data.labelled import LabelledEpisode
from hil_serl_ros.learning.classifier_trainer import ClassifierSettings, train
from hil_serl_ros.msg import Observation, Reward
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import nanoseconds, stamp_of

SIZE = 96
GOOD, BAD = 60, 0  # how much brighter the pictures are
CAMERAS = ("front", "wrist")


def pictures(brightness: int, seed: int = 0) -> np.ndarray:
    """[cameras, 3, H, W] of noise; the cameras see different colours."""
    made = np.random.default_rng(seed).integers(20, 60, (2, 3, SIZE, SIZE), np.uint8)
    made[1, 0] += 100
    made[:, 2] += np.uint8(2 * brightness)
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A classifier to which blue pictures are successes."""
    settings = ClassifierSettings(variants=1, epochs=10, threads=1)
    episodes = []
    for seed in range(6):
        frames = np.stack([pictures(GOOD if i >= 6 else BAD, 100 * seed + i) for i in range(12)])
        episodes.append(LabelledEpisode(str(seed), CAMERAS, np.arange(12), frames, np.arange(12) >= 6))
    path = tmp_path_factory.mktemp("classifier") / "made"
    save(path, train(episodes, settings), settings)
    return path


class Eyes:
    """The node, an observation's publisher before it and a listener behind it."""

    def __init__(self, graph: Any, space: str, folder: Any, **parameters: object) -> None:
        self.graph, self.space = graph, space
        self.process = graph.start("reward_classifier", "-r", f"__ns:=/{space}", classifier=folder, **parameters)
        profile = qos.publish_state(lockstep=True)
        self.rewards = graph.subscribe(Reward, f"/{space}/reward", qos.receive_state(lockstep=True))
        self.observations = graph.publisher(Observation, f"/{space}/observation", profile)
        graph.wait_until(lambda: graph.node.count_publishers(f"/{space}/reward"))
        self.stamp, self.epoch = 0, 0

    def publish(
        self,
        shown: np.ndarray,
        *,
        cameras: tuple[str, ...] = CAMERAS,
        tool_z: float = 0.3,
        change: Callable[[Observation], Observation] = lambda message: message,
    ) -> None:
        """An observation of pictures [cameras, 3, H, W] at the present stamp."""
        message = Observation(header=Header(stamp=stamp_of(self.stamp)), epoch=self.epoch)
        message.state = [0.0] * 17 + [tool_z]
        message.image_names = list(cameras)
        for picture in shown[: len(cameras)]:
            _, height, width = picture.shape
            data = picture.transpose(1, 2, 0).tobytes()
            message.images.append(Image(height=height, width=width, step=3 * width, encoding="rgb8", data=data))
        self.observations.publish(change(message))

    def judge(self, shown: np.ndarray, **options: Any) -> Reward:
        """The answer to a new observation."""
        self.stamp += 100_000_000
        self.rewards.clear()
        self.publish(shown, **options)
        (answer,) = self.graph.wait_until(lambda: list(self.rewards))
        assert nanoseconds(answer.header.stamp) == self.stamp
        return answer


@pytest.fixture(scope="module")
def running(graph, folder) -> Eyes:
    return Eyes(graph, "plain", folder)


@pytest.fixture
def eyes(running) -> Eyes:
    running.epoch += 1
    return running


def test_the_second_success_in_a_row_is_rewarded(eyes):
    answers = [eyes.judge(pictures(b, 7)) for b in (BAD, GOOD, GOOD, BAD)]
    assert [(a.reward, a.success, a.terminated) for a in answers] == [
        (0.0, False, False),
        (0.0, False, False),
        (1.0, True, True),
        (0.0, False, False),
    ]
    assert answers[1].probability > 0.5 > answers[0].probability


def test_a_repeated_observation_gets_the_same_answer_and_is_not_counted_twice(eyes):
    first = eyes.judge(pictures(GOOD))
    for _ in range(3):
        eyes.publish(pictures(GOOD))
    eyes.graph.wait_until(lambda: len(eyes.rewards) == 4)
    assert eyes.rewards == [first] * 4
    assert not first.success


def test_a_reset_starts_the_count_anew(eyes):
    eyes.judge(pictures(GOOD))
    eyes.epoch += 1
    assert not eyes.judge(pictures(GOOD)).success


def test_black_pictures_are_reported_and_never_a_success(eyes):
    before = eyes.graph.faults(f"{eyes.space}/reward_classifier").get("unlike the training data", 0)
    for _ in range(3):
        assert not eyes.judge(np.zeros((2, 3, SIZE, SIZE), np.uint8)).success
    assert eyes.graph.wait_until(
        lambda: eyes.graph.faults(f"{eyes.space}/reward_classifier").get("unlike the training data", 0) >= before + 3
    )


@pytest.mark.parametrize(
    ("size", "cameras", "sentence"),
    [
        (SIZE, ("front",), "trained on the cameras front, wrist; the observation has front; no reward"),
        (SIZE, ("front", "side"), "the observation has front, side"),
        (64, CAMERAS, "trained on pictures of 96x96; front is 64x64"),
    ],
)
def test_pictures_that_it_was_not_trained_for_get_no_reward(graph, folder, size, cameras, sentence):
    eyes = Eyes(graph, f"refuse{size}_{len(cameras)}_{cameras[-1]}", folder)
    eyes.publish(pictures(GOOD)[:, :, :size, :size], cameras=cameras)
    graph.wait_until(lambda: sentence in eyes.process.output)
    assert graph.faults(f"{eyes.space}/reward_classifier")["refused"] >= 1
    assert eyes.rewards == []
    assert eyes.process.code is None


def test_compressed_pictures_are_judged_as_raw_ones_are(eyes):
    raw = eyes.judge(pictures(GOOD, 7))
    eyes.epoch += 1
    assert eyes.judge(pictures(GOOD, 7), change=compressed).probability == raw.probability


def test_bytes_that_are_no_picture_of_the_right_size_get_no_reward(eyes):
    def torn(message: Observation) -> Observation:
        message = compressed(message, "jpeg")
        message.compressed_images[0].data = message.compressed_images[0].data[:-50]
        return message

    eyes.rewards.clear()
    eyes.stamp += 100_000_000
    eyes.publish(pictures(GOOD), change=torn)
    eyes.graph.wait_until(lambda: "a jpeg picture of 96x96 is not whole; no reward" in eyes.process.output)
    eyes.publish(pictures(GOOD)[:, :, :64, :64], change=compressed)
    eyes.graph.wait_until(lambda: eyes.graph.faults(f"{eyes.space}/reward_classifier").get("refused", 0) >= 2)
    assert eyes.rewards == []
    eyes.epoch += 1
    assert eyes.judge(pictures(GOOD)).probability > 0.5


def test_a_condition_on_the_robots_state_must_hold_too(graph, folder):
    eyes = Eyes(graph, "condition", folder, condition_element="tool_z", condition_minimum=0.2, consecutive=1)
    assert not eyes.judge(pictures(GOOD), tool_z=0.1).success
    assert eyes.judge(pictures(GOOD), tool_z=0.3).success


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"classifier": "nowhere"}, "cannot read the classifier's nowhere/classifier.json"),
        ({"condition_element": "tool"}, "there is no state tool; choose one of joint1"),
        ({"condition_minimum": 2.0, "condition_maximum": 1.0}, "condition_minimum is above condition_maximum"),
    ],
)
def test_wrong_settings_end_it_with_one_sentence(graph, folder, parameters, sentence):
    process = graph.start("reward_classifier", **({"classifier": folder} | parameters))
    assert process.wait() == 2
    assert sentence in process.output
