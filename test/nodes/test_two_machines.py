"""Robot and learner, or robot and hands, on two machines: a link of 50 ms that loses 2 %, and is cut for seconds.

``bench/link.py`` is the larger twin, with a cut of 30 s and cameras.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from apart import Apart
from hands_apart import HandsApart
from two_machines import TwoMachines, why_not

from hil_serl_ros.installed import config_folder
from hil_serl_ros.msg import RobotCommand, SafetyStatus

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.flaky(reruns=1), pytest.mark.timeout(320)]

DELAY, LOSS = 0.05, 0.02  # s, each way; share of the frames, each way
CUT = 5.0  # s
PERIOD = 0.1  # s, of control
START = 200  # s at most for all nodes to be up and to learn, on a busy machine
# Small batches, for a machine that tests share; the networks, and so the weights (1.6 MB), are as large as ever.
LEARNING = {"demonstrations": 1, "train_steps": 100_000, "online_step_before_learning": 20, "batch_size": 16}


@pytest.fixture(scope="module")
def machines() -> Iterator[TwoMachines]:
    if why := why_not():
        pytest.skip(why)
    machines = TwoMachines(DELAY, LOSS)
    yield machines
    machines.close()


# -------------------- the learner beyond the link --------------------
@pytest.fixture(scope="module")
def training(machines: TwoMachines, tmp_path_factory: Any) -> Apart:
    """A training run whose link was cut and mended, at its end."""
    profile = {"FASTRTPS_DEFAULT_PROFILES_FILE": str(config_folder() / "network" / "fastdds_link.xml")}
    changes = {**LEARNING, "niceness": 0}  # the learner has a machine of its own
    apart = Apart(tmp_path_factory.mktemp("training"), machines, "train", changes, environment=profile)
    try:
        apart.wait_until(lambda: apart.last("learner_status").get("weights_version", 0) > 0, START)
        apart.wait_until(lambda: acting(apart) > 0, 30)
        apart.cut()
        apart.listen(CUT)
        apart.mend()
        at_the_cut = apart.last("learner_status")["weights_version"]
        apart.wait_until(lambda: acting(apart) > at_the_cut, 60)
        apart.until = time.monotonic()
        apart.wait_until(lambda: not apart.unlogged(apart.until), 30)
    finally:
        apart.close()
    return apart


def acting(apart: Apart) -> int:
    """Version of the weights of the step that was logged last."""
    log = apart.log()
    return log[-1][1].weights_version if log else 0


def during(apart: Apart, start: float, end: float) -> list[Any]:
    """The logged steps that were sent between ``start`` and ``end`` (s, monotonic)."""
    return [message for _, message in apart.log() if start < apart.sent(message) < end]


def test_every_step_that_was_executed_is_in_the_log_once_and_in_order(training):
    assert training.unlogged(training.until) == []
    assert training.doubled() == 0
    indices = [message.index for _, message in training.log()]
    assert indices == list(range(len(indices)))
    assert len(training.executed(training.until)) > 10 * CUT  # it is no empty list that was compared


def test_during_the_cut_the_actor_goes_on_with_the_weights_that_it_has(training):
    steps = during(training, training.cut_at + DELAY, training.mended_at)
    assert len(steps) > 0.5 * CUT / PERIOD  # between them are resets
    assert len({message.weights_version for message in steps}) == 1
    assert steps[0].weights_version > 0


def test_weights_that_are_newer_than_the_cut_act_after_it(training):
    before = max(message.weights_version for message in during(training, 0, training.mended_at))
    assert max(message.weights_version for _, message in training.log()) > before


def test_what_was_missing_is_held_some_seconds_after_the_link_is_mended(training):
    missing = [at for at, message in training.log() if training.sent(message) < training.mended_at]
    assert max(missing) - training.mended_at < 5


# -------------------- the hands beyond the link --------------------
@pytest.fixture(scope="module")
def hands(machines: TwoMachines, tmp_path_factory: Any) -> Iterator[HandsApart]:
    machines.impair(DELAY, LOSS)
    hands = HandsApart(tmp_path_factory.mktemp("hands"), machines)
    yield hands
    hands.close()


def test_hands_beyond_a_link_that_loses_drive_without_a_break(hands):
    hands.drive()
    since = time.monotonic()
    hands.listen(5)
    assert len(hands.motions(since)) > 0.8 * 5 / PERIOD
    assert all(word["driver"] == RobotCommand.SOURCE_HUMAN for word in hands.of("safety_status", since))


def test_the_arm_holds_within_two_control_periods_when_the_link_to_the_hands_that_drive_is_cut(hands):
    hands.drive()
    hands.cut()
    hands.listen(CUT)
    assert max(hands.motions(hands.cut_at), default=hands.cut_at) - hands.cut_at < 2 * PERIOD
    assert hands.held_at() - hands.cut_at < 3 * PERIOD
    assert "fell silent while it drove" in hands.last("actor_status")["reason"]
    hands.mend()
    hands.listen(2)
    # The button is still held: nobody has taken over since.
    assert hands.motions(hands.mended_at) == []
    assert "take over or resume" in hands.last("actor_status")["reason"]
    hands.drive()


def test_a_stop_that_is_pressed_during_a_cut_stops_the_arm_when_the_link_is_mended(hands):
    hands.drive()
    hands.cut()
    hands.listen(0.5)
    hands.tell("pad", "press stop")
    hands.listen(CUT)  # longer than any queue of words
    assert hands.last("safety_status")["state"] == SafetyStatus.ARMED
    hands.mend()
    hands.wait_until(lambda: hands.last("safety_status")["state"] == SafetyStatus.STOPPED, 10)
    assert "pressed stop" in hands.last("safety_status")["reason"]
