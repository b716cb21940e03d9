"""What the operator's keys make of a step."""

from __future__ import annotations

import pytest

from hil_serl_ros.env.labels import collected, counted, label
from hil_serl_ros.env.modes import COLLECT, DEMONSTRATE, EVALUATE, TRAIN
from hil_serl_ros.msg import TeleopAction

SUCCESS, FAILURE, AGAIN, NONE = (
    TeleopAction.EVENT_SUCCESS,
    TeleopAction.EVENT_FAILURE,
    TeleopAction.EVENT_AGAIN,
    TeleopAction.EVENT_NONE,
)


@pytest.mark.parametrize(
    ("mode", "judge", "counts"),
    [
        (TRAIN, "reward", [SUCCESS, AGAIN]),
        (DEMONSTRATE, "", [SUCCESS, AGAIN]),
        (COLLECT, "", []),
        (EVALUATE, "ground_truth", [AGAIN]),
        (EVALUATE, "", [SUCCESS, AGAIN]),
    ],
)
def test_no_key_makes_a_success_of_an_evaluation_that_somebody_else_judges(mode, judge, counts):
    assert counted([SUCCESS, AGAIN], mode, judge) == counts


@pytest.mark.parametrize(
    ("event", "after"),
    [
        (SUCCESS, (1.0, True, False, True)),
        (FAILURE, (0.0, True, False, False)),
        (AGAIN, (0.5, False, True, False)),
        (NONE, (0.5, False, False, False)),
    ],
)
def test_a_key_decides_reward_and_end_of_a_step(event: int, after: tuple) -> None:
    assert label(event, 0.5, False, False, False) == after


def test_a_collected_label_holds_until_the_other_key_is_pressed() -> None:
    seen, labelled = [], False
    for events in ([], [SUCCESS], [], [], [FAILURE], [], [SUCCESS, FAILURE]):
        labelled = collected(events, labelled)
        seen.append(labelled)
    assert seen == [False, True, True, True, False, False, False]


def test_discarding_is_no_label_of_a_frame() -> None:
    assert collected([AGAIN], True)
