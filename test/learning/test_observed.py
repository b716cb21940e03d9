"""What is observed, as parameters: cameras and the part of their pictures that counts."""

from __future__ import annotations

import pytest

from hil_serl_ros.learning.observed import WHOLE, ObservationSettings, camera_names, crops_of
from hil_serl_ros.settings import SettingError


def test_regions_are_read_four_numbers_a_camera_in_the_order_of_the_cameras():
    crops = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    assert crops_of(crops, ["wrist", "front"]) == {"wrist": tuple(crops[:4]), "front": tuple(crops[4:])}
    assert crops_of([0.0], ["wrist", "front"]) == {"wrist": WHOLE, "front": WHOLE}


@pytest.mark.parametrize(
    "crops",
    [[0.1, 0.2, 0.3], [0.0, 0, 1, 1] * 2, [0.5, 0, 0.5, 1], [0, 0.6, 1, 0.5], [-0.1, 0, 1, 1], [0, 0, 1, 1.5]],
)
def test_regions_of_another_count_or_that_enclose_nothing_are_refused_in_one_sentence(crops):
    with pytest.raises(SettingError, match=r"crops.*left, top, right"):
        crops_of(crops, ["front"])


def test_names_of_cameras_are_topics_and_an_empty_text_is_no_camera():
    assert camera_names([""]) == []
    assert camera_names(["wrist", "front_2"]) == ["wrist", "front_2"]
    for names in (["front", ""], ["a/b"], ["Front"], ["front", "front"]):
        with pytest.raises(SettingError, match="cameras"):
            camera_names(names)


def test_robots_that_crop_otherwise_have_another_layout():
    def hash_of(crops: list[float]) -> str:
        return ObservationSettings(cameras=["front"], crops=crops).layout("pick_cube").hash

    assert hash_of([0.0, 0.0, 0.5, 0.5]) != hash_of([0.0, 0.0, 0.5, 0.6])
    assert hash_of([0.0, 0.0, 1.0, 1.0]) == hash_of([0.0])
