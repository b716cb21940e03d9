"""Two sides' configurations: where they differ is named."""

from __future__ import annotations

import dataclasses

import pytest

from hil_serl_ros.learning.agreement import configuration, differences
from hil_serl_ros.learning.layout import STATE, panda_layout

LAYOUT = panda_layout("pick_cube", environment_state=True, images={"front": (3, 128, 128)}, crops={})
MINE = configuration(LAYOUT, "lockstep")


def other(**changes: object) -> str:
    return configuration(dataclasses.replace(LAYOUT, **changes), "lockstep")


def test_the_same_configuration_has_no_differences():
    assert differences(MINE, other()) == []


@pytest.mark.parametrize(
    ("theirs", "named"),
    [
        (configuration(LAYOUT, "realtime"), "clock is lockstep here, realtime there"),
        (other(task="arrange_boxes"), "task is pick_cube here, arrange_boxes there"),
        (other(control_period=0.05), "control_period is 0.1 here, 0.05 there"),
        (other(images={}), "images observation.images.front is [3, 128, 128] here, missing there"),
        (
            other(images={"observation.images.front": (3, 64, 128)}),
            "images observation.images.front[1] is 128 here, 64 there",
        ),
        (other(vectors={STATE: LAYOUT.vectors[STATE]}), "vectors observation.environment_state is there here"),
        (
            other(vectors=LAYOUT.vectors | {STATE: dataclasses.replace(LAYOUT.vectors[STATE], units=("deg",) * 18)}),
            "vectors observation.state units[0] is rad here, deg there",
        ),
        (other(continuous=("x",), action_scale=(0.025,)), "continuous has 3 elements here, 1 there"),
        ("no JSON", "of another version"),
    ],
)
def test_a_difference_is_named_with_both_sides(theirs, named):
    assert named in "; ".join(differences(MINE, theirs))


def test_a_side_that_says_nothing_differs_in_nothing():
    assert differences(MINE, "") == []
