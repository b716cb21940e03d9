"""The node `camera`: pictures of a source on the topics that simulated cameras have."""

from __future__ import annotations

import itertools
import shutil

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, Image

from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import image_array, nanoseconds

PROFILE = qos.receive_state(lockstep=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures")
    for index in range(4):
        cv2.imwrite(str(path / f"{index}.png"), np.full((6, 8, 3), (10 + index, 100, 200), np.uint8))
    return path


def test_pictures_are_published_as_rgb_with_camera_info_of_the_same_stamp(graph, folder):
    images = graph.subscribe(Image, "/arm/wrist/image_raw", PROFILE)
    infos = graph.subscribe(CameraInfo, "/arm/wrist/camera_info", PROFILE)
    process = graph.start(
        "camera", "-r", "__ns:=/arm", "-r", "__node:=wrist_camera", camera="wrist", source=folder, rate=50.0
    )
    graph.wait_until(lambda: len(images) >= 10 and len(infos) >= 10)
    assert {(i.encoding, i.header.frame_id, i.width, i.height) for i in images} == {
        ("rgb8", "wrist_optical_frame", 8, 6)
    }
    assert {tuple(image_array(i)[:2, 0, 0]) for i in images} == {(200, 100)}
    stamps = [nanoseconds(i.header.stamp) for i in images]
    assert all(later > earlier for earlier, later in itertools.pairwise(stamps))
    assert set(stamps) & {nanoseconds(i.header.stamp) for i in infos}
    assert all(i.width == 8 and i.height == 6 and not any(i.k) for i in infos)
    assert process.stop() == 0
    assert "Traceback" not in process.output


def test_a_folder_that_is_taken_away_is_reported_and_read_again_when_it_is_back(graph, folder, tmp_path):
    source = shutil.copytree(folder, tmp_path / "source")
    images = graph.subscribe(Image, "/gone/front/image_raw", PROFILE)
    process = graph.start("camera", "-r", "__ns:=/gone", source=source, rate=50.0)
    graph.wait_until(lambda: images)
    source.rename(tmp_path / "away")
    graph.wait_until(lambda: "gave no picture" in process.output)
    assert graph.faults("gone/camera")["no picture"] >= 1
    images.clear()
    (tmp_path / "away").rename(source)
    graph.wait_until(lambda: images)
    assert process.stop() == 0


def test_a_device_that_is_not_there_is_waited_for_with_a_warning(graph):
    process = graph.start("camera", "-r", "__ns:=/none", source="/dev/video_none")
    graph.wait_until(lambda: "is not there; it is waited for" in process.output)
    assert graph.faults("none/camera")["no picture"] >= 1
    assert process.stop() == 0


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"source": "/nowhere/film.mp4"}, "/nowhere/film.mp4"),
        ({"camera": "a/b"}, "a/b"),
        ({"camera_info": "/nowhere.yaml"}, "/nowhere.yaml"),
        ({"rate": 0.0}, "rate"),
    ],
)
def test_a_wrong_parameter_ends_the_node_with_one_sentence(graph, parameters, word):
    process = graph.start("camera", **parameters)
    assert process.wait(30) == 2
    assert len(process.output.strip().splitlines()) == 1
    assert word in process.output
