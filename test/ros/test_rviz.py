"""The ready configuration of rviz2 and the launch file fit the node `scene`."""

from __future__ import annotations

import re

import pytest
import yaml

from hil_serl_ros.installed import config_folder
from hil_serl_ros.nodes.scene import SceneSettings

CONFIG = yaml.safe_load((config_folder() / "hil_serl.rviz").read_text())["Visualization Manager"]
TOPICS = {
    "RobotModel": {"/robot_description"},
    "MarkerArray": {"/markers"},
    "PointCloud2": {"/front/points", "/wrist/points"},
    "Image": {"/front/image_raw", "/wrist/image_raw"},
}


def topics(display: dict) -> set[str]:
    return {display[key]["Value"] for key in ("Topic", "Description Topic") if key in display}


def test_rviz2_shows_the_topics_that_there_are():
    shown: dict[str, set[str]] = {}
    for display in CONFIG["Displays"]:
        shown.setdefault(display["Class"].removeprefix("rviz_default_plugins/"), set()).update(topics(display))
    assert {kind: names for kind, names in shown.items() if names} == TOPICS


def test_its_fixed_frame_is_the_base_and_it_names_the_tool_s_and_the_cameras_frames():
    settings = SceneSettings()
    assert CONFIG["Global Options"]["Fixed Frame"] == settings.base_frame
    (tf,) = [display for display in CONFIG["Displays"] if display["Class"].endswith("/TF")]
    for frame in (settings.base_frame, settings.tool_frame, "front_optical_frame", "wrist_optical_frame"):
        assert re.fullmatch(tf["Filter (whitelist)"], frame)


def test_all_topics_that_it_shows_are_remapped_into_the_robot_s_namespace():
    pytest.importorskip("launch_ros", reason="stock ROS 2 has launch, the wheels do not")
    from hil_serl_ros.ros.rviz_launching import SHARED, SHARED_PICTURES

    assert {f"/{name}" for name in (*SHARED, *SHARED_PICTURES)} == set.union(*TOPICS.values()) | {"/tf", "/tf_static"}
