"""Labelled frames out of recorded steps."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hil_serl_ros.data.labelled import LabelledError, RecordedStep, check_alike, labelled_episodes


def picture(value: int, size: int = 4) -> np.ndarray:
    return np.full((3, size, size), value, np.uint8)


def step(number: int, success: bool, *, episode: int = 0, robot: str = "arm", final: bool = False) -> RecordedStep:
    """Frame ``n`` is a picture of ``n`` in ``front`` and of ``100 + n`` in ``wrist``."""

    def pictures(n: int) -> dict[str, np.ndarray]:
        return {"wrist": picture(100 + n), "front": picture(n)}

    return RecordedStep(
        robot, "run", episode, number, pictures(number), success, pictures(number + 1) if final else None
    )


def test_a_frame_has_the_success_of_the_step_that_led_to_it():
    steps = [step(0, False), step(1, True), step(2, True, final=True)]
    (episode,) = labelled_episodes(steps, {}, "run")
    assert episode.cameras == ("front", "wrist")
    assert episode.pictures[:, :, 0, 0, 0].tolist() == [[0, 100], [1, 101], [2, 102], [3, 103]]
    assert episode.labels.tolist() == [False, False, True, True]


def test_an_episode_without_an_end_has_no_last_frame():
    (episode,) = labelled_episodes([step(0, False), step(1, True)], {}, "run")
    assert episode.frames.tolist() == [0, 1]


def test_a_frame_after_a_missing_step_has_no_label():
    (episode,) = labelled_episodes([step(0, False), step(2, True), step(3, True)], {}, "run")
    assert episode.frames.tolist() == [0, 3]


def test_a_persons_labels_override_and_exclude():
    steps = [step(0, False), step(1, True), step(2, True, final=True)]
    (episode,) = labelled_episodes(steps, {("arm", 0): {0: 1, 2: 0, 3: -1}}, "run")
    assert (episode.frames.tolist(), episode.labels.tolist()) == ([0, 1, 2], [True, False, False])


def test_labels_of_another_episode_or_robot_change_nothing():
    labels = {("arm", 1): {0: 1}, ("other", 0): {0: 1}}
    (episode,) = labelled_episodes([step(0, False, final=True)], labels, "run")
    assert not episode.labels.any()


def test_robots_at_once_are_told_apart():
    steps = [step(0, True, robot="left"), step(0, False, robot="right"), step(1, True, robot="left")]
    names = [episode.name for episode in labelled_episodes(steps, {}, "run")]
    assert names == ["run left episode 0", "run right episode 0"]


def test_an_episode_in_which_all_is_excluded_is_left_out():
    assert list(labelled_episodes([step(0, False)], {("arm", 0): {0: -1}}, "run")) == []


def bare(pictures: dict[str, np.ndarray]) -> RecordedStep:
    return RecordedStep("arm", "run", 0, 0, pictures, False, None)


def test_a_log_without_pictures_is_refused():
    with pytest.raises(LabelledError, match="run holds observations without pictures"):
        list(labelled_episodes([bare({})], {}, "run"))


def test_pictures_that_change_size_are_refused():
    with pytest.raises(LabelledError, match="change from front 4x4 to front 8x8"):
        list(labelled_episodes([bare({"front": picture(0)}), bare({"front": picture(0, 8)})], {}, "run"))


def test_recordings_of_different_cameras_are_refused():
    (one,) = labelled_episodes([bare({"front": picture(0)})], {}, "one")
    (two,) = labelled_episodes([bare({"wrist": picture(0)})], {}, "two")
    with pytest.raises(LabelledError, match="differ in their cameras: one arm episode 0 has front 4x4"):
        check_alike([one, two])


def test_an_episode_that_the_operator_threw_away_is_left_out():
    thrown = [step(0, False), dataclasses.replace(step(1, True, final=True), discarded=True)]
    kept = [step(0, True, episode=1, final=True)]
    (episode,) = labelled_episodes([*thrown, *kept], {}, "run")
    assert episode.name == "run arm episode 1"
