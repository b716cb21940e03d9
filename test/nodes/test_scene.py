"""The node `scene`: what rviz2 shows, made only while somebody looks."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo, Image, JointState, PointCloud2
from std_msgs.msg import Header, String
from visualization_msgs.msg import Marker, MarkerArray

from hil_serl_ros.msg import PolicyState, RobotCommand, RobotStatus, TaskState
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.camera_publisher import image_message, pinhole
from hil_serl_ros.ros.convert import pose_message, stamp_of

TF = importlib.util.find_spec("tf2_msgs") is not None
POINTS = importlib.util.find_spec("sensor_msgs_py") is not None
DOWN = np.array([0.0, 1.0, 0.0, 0.0])
KINDS = {
    "joint_states": JointState,
    "tool_pose": PoseStamped,
    "robot_status": RobotStatus,
    "command_executed": RobotCommand,
    "policy_state": PolicyState,
    "task_state": TaskState,
}


class Stage:
    """A robot of the test's own, a real `safety`, and a real `scene`."""

    def __init__(self, graph, folder) -> None:
        self.graph = graph
        graph.start("safety", workspace_low="[0.1, -0.2, 0.0]", workspace_high="[0.5, 0.2, 0.4]")
        self.scene = graph.start("scene", description_folder=folder, show_period=0.02)
        profile = qos.publish_state(lockstep=True)
        self.topics = {name: graph.node.create_publisher(kind, name, profile) for name, kind in KINDS.items()}
        self.stamp = 0

    def listeners(self) -> int:
        return sum(self.graph.node.count_subscribers(f"/{name}") for name in ("joint_states", "tool_pose"))

    def publish(self) -> None:
        """One state of a robot that a person drives while the policy calls for help."""
        self.stamp += 100_000_000
        pose = pose_message(np.array([0.3, 0.1, 0.2]), DOWN)
        made = {
            "joint_states": JointState(name=[f"panda_joint{i}" for i in range(1, 8)], position=[0.1] * 7),
            "tool_pose": PoseStamped(pose=pose),
            "robot_status": RobotStatus(target=pose, gripper=0.5),
            "command_executed": RobotCommand(
                target=pose, source=RobotCommand.SOURCE_HUMAN, verdict=RobotCommand.VERDICT_ACCEPTED
            ),
            "policy_state": PolicyState(called=True, reason="lost", value=0.25),
            "task_state": TaskState(task="pick_cube", object_names=["block"], object_poses=[pose]),
        }
        for name, message in made.items():
            message.header.stamp = stamp_of(self.stamp)
            message.header.frame_id = "panda_link0"
            self.topics[name].publish(message)


@pytest.fixture(scope="module")
def stage(graph, tmp_path_factory) -> Stage:
    stage = Stage(graph, tmp_path_factory.mktemp("description"))
    graph.wait_until(lambda: graph.node.count_publishers("/robot_description"))
    return stage


def test_who_comes_late_gets_the_robot_s_description(stage):
    heard = stage.graph.subscribe(String, "robot_description", qos.LATCHED)
    stage.graph.wait_until(lambda: heard)
    assert '<joint name="panda_joint7" type="revolute">' in heard[0].data


def test_it_listens_to_nothing_until_somebody_looks_and_then_again_to_nothing(stage):
    graph = stage.graph
    before = stage.listeners()
    subscription = graph.node.create_subscription(MarkerArray, "markers", lambda _: None, qos.SHOWN)
    graph.wait_until(lambda: stage.listeners() == before + 2)
    graph.node.destroy_subscription(subscription)
    graph.wait_until(lambda: stage.listeners() == before)


def test_the_markers_say_what_the_graph_says(stage):
    graph = stage.graph
    heard = graph.subscribe(MarkerArray, "markers", qos.SHOWN)

    def complete() -> dict[tuple[str, int], Marker]:
        shown = {(m.ns, m.id): m for m in heard[-1].markers} if heard else {}
        wanted = {("workspace", 0), ("value", 0), ("objects", 0), ("help", 0)}
        return shown if wanted <= set(shown) and "person" in shown["driver", 0].text else {}

    shown = graph.wait_until(complete, again=stage.publish)
    corners = np.array([[p.x, p.y, p.z] for p in shown["workspace", 0].points])
    np.testing.assert_allclose(corners.max(axis=0), [0.5, 0.2, 0.4])  # safety's own, no file's
    assert shown["driver", 0].text == "person drives"
    assert shown["help", 0].text == "help: lost"
    assert shown["value", 1].text == "value 0.25"
    assert shown["target", 0].pose.position.x == pytest.approx(0.3)


def test_the_joints_that_robot_state_publisher_needs_are_those_of_the_arm_and_the_gripper(stage):
    heard = stage.graph.subscribe(JointState, "shown_joint_states", qos.SHOWN)
    stage.graph.wait_until(lambda: heard and heard[-1].position[7] > 0, again=stage.publish)
    assert heard[-1].name == [*(f"panda_joint{i}" for i in range(1, 8)), "panda_right_driver_joint"]
    assert heard[-1].position[:7].tolist() == [0.1] * 7
    assert heard[-1].position[7] == pytest.approx(0.4)  # half closed


@pytest.mark.skipif(TF and POINTS, reason="both are installed here")
def test_what_is_not_installed_is_said_once_and_the_rest_runs(stage):
    stage.graph.wait_until(lambda: "is not installed" in stage.scene.output)
    assert stage.scene.output.count("tf2_msgs is not installed") == (not TF)
    assert stage.scene.output.count("sensor_msgs_py is not installed") == (not POINTS)
    assert stage.scene.code is None


@pytest.mark.skipif(not TF, reason="stock ROS 2 has tf2_msgs, the wheels do not")
def test_the_frames_are_the_tool_s_and_the_cameras_and_no_instant_comes_twice(stage):
    from tf2_msgs.msg import TFMessage

    still = stage.graph.subscribe(TFMessage, "tf_static", qos.LATCHED)
    moving = stage.graph.subscribe(TFMessage, "tf", qos.TRANSFORMS)
    stage.graph.wait_until(lambda: still and len(moving) > 3, again=stage.publish)
    frames = {t.child_frame_id: t for t in still[0].transforms}
    assert {name: t.header.frame_id for name, t in frames.items()} == {
        "front_optical_frame": "panda_link0",
        "wrist_optical_frame": "panda_tool",
    }
    (tool,) = moving[-1].transforms
    assert (tool.header.frame_id, tool.child_frame_id) == ("panda_link0", "panda_tool")
    assert tool.transform.translation.z == pytest.approx(0.2)
    stamps = [(m.transforms[0].header.stamp.sec, m.transforms[0].header.stamp.nanosec) for m in moving]
    assert len(set(stamps)) == len(stamps)


@pytest.mark.skipif(not POINTS, reason="stock ROS 2 has sensor_msgs_py, the wheels do not")
def test_points_are_made_of_a_picture_and_a_depth_of_one_instant(stage):
    graph = stage.graph
    heard = graph.subscribe(PointCloud2, "front/points", qos.SHOWN)
    profile = qos.publish_state(lockstep=False)
    kinds = {"image_raw": Image, "depth": Image, "camera_info": CameraInfo}
    topics = {name: graph.node.create_publisher(kind, f"front/{name}", profile) for name, kind in kinds.items()}
    graph.wait_until(lambda: all(topic.get_subscription_count() for topic in topics.values()))
    numbers = iter(range(1, 200))

    def header(number: int) -> Header:
        return Header(stamp=stamp_of(number * 1_000_000), frame_id="front_optical_frame")

    def publish() -> None:
        # The depth of each picture comes after the next picture: grey n is n cm away.
        number = next(numbers)
        info = pinhole(4, 3, 100.0, 1.5, 1.0)
        info.header = header(number)
        topics["camera_info"].publish(info)
        topics["image_raw"].publish(image_message(header(number), np.full((3, 4, 3), number, np.uint8)))
        depth = np.full((3, 4), 0.01 * (number - 1), np.float32)
        topics["depth"].publish(image_message(header(number - 1), depth, "32FC1"))

    graph.wait_until(lambda: len(heard) > 2, again=publish)
    for cloud in heard:
        points = np.frombuffer(cloud.data, np.float32).reshape(12, 4)
        grey = points[:, 3].copy().view(np.uint32) & 255
        np.testing.assert_allclose(points[:, 2], 0.01 * grey, rtol=1e-6)
        assert cloud.header == header(int(grey[0]))
