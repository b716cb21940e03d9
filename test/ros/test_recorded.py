"""A recorded episode out of a log: only its own steps are decoded."""

from __future__ import annotations

import logged_run
import numpy as np
import pytest
from logged_run import TRAIN

from hil_serl_ros.ros import recorded
from hil_serl_ros.ros.recorded import recorded_episode


@pytest.fixture
def made():
    return logged_run.steps([(TRAIN, 4, True), (TRAIN, 6, False), (TRAIN, 3, True)])


def test_an_episode_has_its_seed_and_its_executed_actions(tmp_path, made):
    found = recorded_episode(logged_run.write(tmp_path, made), "robot", 1)
    assert found.seed == 101
    assert np.array_equal(found.actions, np.array([step.action for step in made[4:10]], np.float32))


def test_the_other_episodes_are_not_decoded(tmp_path, made, monkeypatch):
    folder, decoded = logged_run.write(tmp_path, made), []
    real = recorded.deserialize_message
    monkeypatch.setattr(recorded, "deserialize_message", lambda *what: decoded.append(0) or real(*what))
    recorded_episode(folder, "robot", 1)
    assert len(decoded) == 6


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda made: made[:4], "there is no episode 1 of robot robot"),
        (lambda made: made[5:], "step 0 is missing before"),
        (lambda made: [*made[:6], *made[7:]], "step 2 is missing before"),
        (lambda made: [], "holds"),
    ],
)
def test_an_episode_that_is_not_whole_is_one_sentence(tmp_path, made, spoil, words):
    with pytest.raises(ValueError, match=words):
        recorded_episode(logged_run.write(tmp_path, spoil(made)), "robot", 1)


def test_an_episode_whose_start_is_not_known_cannot_be_done_again(tmp_path, made):
    made[4].seed = -1
    with pytest.raises(ValueError, match="the seed of its world is not known"):
        recorded_episode(logged_run.write(tmp_path, made), "robot", 1)


def test_a_log_that_cannot_be_read_is_one_sentence_for_the_service_that_asks(tmp_path, made):
    folder = logged_run.write(tmp_path, made)
    (folder / "log" / "000001.mcap").write_bytes(b"nothing of that kind")
    with pytest.raises(ValueError, match=r"000001.mcap is not an MCAP file"):
        recorded_episode(folder, "robot", 1)
