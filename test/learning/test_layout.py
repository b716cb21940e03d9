"""The layout: one truth that both sides compare by its hash."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hil_serl_ros.learning.layout import ENVIRONMENT_STATE, STATE, Layout, LayoutError, Vector, panda_layout


def test_a_layout_survives_json_with_its_hash() -> None:
    images = {"wrist": (3, 128, 128), "front": (3, 128, 128)}
    layout = panda_layout(images=images, crops={"wrist": (0.0, 0.1, 0.5, 1.0)})
    again = Layout.from_json(layout.to_json())
    assert again == layout
    assert again.hash == layout.hash
    assert list(again.vectors) == list(layout.vectors) == [STATE, ENVIRONMENT_STATE]


@pytest.mark.parametrize(
    "other",
    [
        panda_layout("arrange_boxes"),
        panda_layout(environment_state=False),
        panda_layout(control_period=0.05),
        panda_layout(images={"front": (3, 64, 64)}),
        panda_layout(crops={"front": (0.0, 0.0, 0.5, 1.0)}),
        dataclasses.replace(panda_layout(), action_scale=(0.02, 0.025, 0.025)),
    ],
)
def test_any_difference_changes_the_hash(other: Layout) -> None:
    assert other.hash != panda_layout().hash


def test_the_panda_has_gym_hils_features_in_lerobots_names_and_sizes() -> None:
    layout = panda_layout(images={"front": (3, 128, 128)})
    assert layout.shapes() == {STATE: (18,), ENVIRONMENT_STATE: (3,), "observation.images.front": (3, 128, 128)}
    assert layout.action_size == 4
    assert layout.gripper_classes == ("open", "keep", "close")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"task": 1}', panda_layout().to_json().replace('"task"', '"tusk"')])
def test_what_is_not_a_layout_is_refused(text: str) -> None:
    with pytest.raises(LayoutError, match="not a layout"):
        Layout.from_json(text)


def test_a_range_without_width_is_refused() -> None:
    with pytest.raises(LayoutError, match=r"the range of a is 1\.0 to 1\.0"):
        Vector(("a",), ("m",), (1.0,), (1.0,))


def test_a_layout_without_a_state_is_refused() -> None:
    with pytest.raises(LayoutError, match="needs the feature"):
        dataclasses.replace(panda_layout(), vectors={})


def test_float_images_are_refused() -> None:
    layout = panda_layout(environment_state=False, images={"front": (3, 8, 8)})
    seen = {STATE: np.zeros(18, np.float32), "observation.images.front": np.zeros((3, 8, 8), np.float32)}
    with pytest.raises(ValueError, match="images are uint8"):
        layout.check_observation(seen)
