"""The node `state`: the robot's parts of one instant become one observation."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Pose, PoseStamped
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header

from hil_serl_ros.msg import Observation, RobotStatus, TaskState
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.camera_publisher import image_message
from hil_serl_ros.ros.compression import encode
from hil_serl_ros.ros.convert import image_array, nanoseconds, observation_arrays, pose_message, stamp_of

PERIOD = 100_000_000  # ns
KINDS = {
    "joint_states": JointState,
    "tool_pose": PoseStamped,
    "task_state": TaskState,
    "robot_status": RobotStatus,
}


class Robot:
    """The robot's topics before a running `state`, and the listener behind it."""

    def __init__(self, graph: Any, space: str, *, lockstep: bool, **parameters: object) -> None:
        self.graph = graph
        self.lockstep = lockstep
        self.clock = "lockstep" if lockstep else "realtime"
        self.process = graph.start("state", "-r", f"__ns:=/{space}", clock=self.clock, **parameters)
        profile = qos.publish_state(lockstep=lockstep)
        self.seen = graph.subscribe(Observation, f"/{space}/observation", profile)
        self.topics = {name: graph.publisher(kind, f"/{space}/{name}", profile) for name, kind in KINDS.items()}
        graph.wait_until(lambda: graph.node.count_publishers(f"/{space}/observation"))
        self.stamp = 0

    def parts(self, stamp: int, sequence: int = 1, joints: int = 7) -> dict[str, Any]:
        header = Header(stamp=stamp_of(stamp), frame_id="base")
        upright = np.array([1.0, 0, 0, 0])
        task = TaskState(header=header, object_poses=[pose_message(np.array([0.4, 0.1, 0.02]), upright)])
        status = RobotStatus(header=header, sequence=sequence, epoch=3, gripper=1.0, control_period=0.1)
        status.lockstep = self.lockstep
        pose = PoseStamped(header=header, pose=pose_message(np.array([0.5, 0.2, 0.3]), upright))
        joint_state = JointState(header=header, position=[0.1] * joints, velocity=[0.2] * joints)
        return {"joint_states": joint_state, "tool_pose": pose, "task_state": task, "robot_status": status}

    def publish(self, stamp: int, *leave_out: str, **changes: Any) -> None:
        for name, message in self.parts(stamp, **changes).items():
            if name not in leave_out:
                self.topics[name].publish(message)

    def after(self, count: int) -> list[Observation]:
        """All observations, once ``count`` have come, and a moment later."""
        self.graph.wait_until(lambda: len(self.seen) >= count)
        self.graph.listen(0.2)
        return self.seen

    def faults(self) -> dict[str, int]:
        return self.graph.faults(self.topics["joint_states"].topic_name.split("/")[1] + "/state")


@pytest.fixture(scope="module")
def running(graph) -> Robot:
    return Robot(graph, "lockstep", lockstep=True)


@pytest.fixture
def robot(running) -> Robot:
    running.seen.clear()
    running.stamp += 10 * PERIOD
    return running


def test_the_parts_of_one_stamp_become_one_observation(robot):
    robot.publish(robot.stamp, sequence=5)
    (observation,) = robot.after(1)
    assert nanoseconds(observation.header.stamp) == robot.stamp
    assert (observation.sequence, observation.epoch, observation.header.frame_id) == (5, 3, "base")
    expected = [0.1] * 7 + [0.2] * 7 + [255.0, 0.5, 0.2, 0.3]
    np.testing.assert_allclose(observation.state, np.array(expected, np.float32))
    np.testing.assert_allclose(observation.environment_state, np.array([0.4, 0.1, 0.02], np.float32))


@pytest.mark.parametrize("late", list(KINDS))
def test_parts_may_come_in_any_order(robot, late):
    robot.publish(robot.stamp, late)
    robot.graph.listen(0.1)
    assert robot.seen == []
    robot.topics[late].publish(robot.parts(robot.stamp)[late])
    assert len(robot.after(1)) == 1


def test_parts_of_different_stamps_are_never_joined(robot):
    robot.publish(robot.stamp, "tool_pose")
    robot.publish(robot.stamp + PERIOD, "joint_states")
    robot.graph.listen(0.3)
    assert robot.seen == []


def test_a_repeated_state_is_answered_again(robot):
    robot.publish(robot.stamp)
    first = robot.after(1)[0]
    robot.publish(robot.stamp)
    assert robot.after(2) == [first, first]


def test_a_wrong_number_of_joints_is_refused_and_counted(robot):
    robot.publish(robot.stamp, joints=6)
    robot.publish(robot.stamp + PERIOD)
    observation = robot.after(1)
    assert [nanoseconds(o.header.stamp) for o in observation] == [robot.stamp + PERIOD]
    assert robot.graph.wait_until(lambda: robot.faults().get("wrong joints", 0) >= 1)


def test_a_task_without_an_object_is_refused(robot):
    empty = TaskState(header=robot.parts(robot.stamp)["task_state"].header)
    robot.publish(robot.stamp, "task_state")
    robot.topics["task_state"].publish(empty)
    robot.graph.listen(0.3)
    assert robot.seen == []
    assert robot.faults()["no object"] >= 1


@pytest.fixture(scope="module")
def real(graph) -> Robot:
    """A state in realtime that has seen its first instant."""
    robot = Robot(graph, "realtime", lockstep=False, max_age=0.15)
    robot.stamp = 0

    def again() -> None:
        robot.stamp += PERIOD
        robot.publish(robot.stamp)

    graph.wait_until(lambda: robot.seen, again=again)
    return robot


def test_in_realtime_one_observation_a_control_period_is_published(real):
    real.graph.listen(0.2)
    real.seen.clear()
    start = real.stamp + 10 * PERIOD
    for tick in range(51):  # one each 20 ms: a second
        stamp = start + tick * PERIOD // 5
        real.publish(stamp)
        real.graph.listen(0.02)
    real.stamp = stamp
    stamps = [nanoseconds(o.header.stamp) for o in real.after(8)]
    # Best effort: a sample may be lost, never doubled.
    assert 8 <= len(stamps) <= 11
    assert all(later - earlier >= PERIOD for earlier, later in itertools.pairwise(stamps))


def test_in_realtime_states_that_do_not_fit_the_control_period_make_it_no_longer_on_average(real):
    real.graph.listen(0.2)
    real.seen.clear()
    start = real.stamp + 10 * PERIOD
    for tick in range(106):  # one each 19 ms: two seconds; each sixth would be 114 ms after the one before
        real.stamp = start + tick * PERIOD * 19 // 100
        real.publish(real.stamp)
        real.graph.listen(0.005)
    stamps = [nanoseconds(o.header.stamp) for o in real.after(19)]
    assert 19 <= len(stamps) <= 21
    assert np.mean(np.diff(stamps)) < 1.06 * PERIOD  # one may be lost
    assert np.diff(stamps).max() <= 2 * PERIOD


def test_in_realtime_a_part_that_is_too_old_refuses_the_observation_and_is_counted(real):
    real.graph.listen(0.2)
    real.seen.clear()
    for _ in range(5):
        real.stamp += 2 * PERIOD
        real.publish(real.stamp, "tool_pose")  # its last one is 0.2 s old at least
        real.graph.listen(0.05)
    assert real.seen == []
    assert real.graph.wait_until(lambda: real.faults().get("stale", 0) >= 1)
    assert "is missing or too old" in real.process.output


def test_without_ground_truth_only_the_robot_is_observed(graph):
    process = graph.start("state", "-r", "__ns:=/bare", environment_state=False)
    seen = graph.subscribe(Observation, "/bare/observation", qos.publish_state(lockstep=True))
    profile = qos.publish_state(lockstep=True)
    topics = {n: graph.publisher(k, f"/bare/{n}", profile) for n, k in KINDS.items() if n != "task_state"}
    header = Header(stamp=stamp_of(PERIOD))
    topics["joint_states"].publish(JointState(header=header, position=[0.0] * 7, velocity=[0.0] * 7))
    topics["tool_pose"].publish(PoseStamped(header=header, pose=Pose()))
    topics["robot_status"].publish(RobotStatus(header=header, lockstep=True))
    graph.wait_until(lambda: seen)
    assert len(seen[0].environment_state) == 0
    assert process.code is None


NOISE = np.random.default_rng(0)


def image(stamp: int, height: int = 8, width: int = 8, encoding: str = "rgb8", value: int | None = None) -> Image:
    pixels = NOISE.integers(0, 256, (height, width, 3), np.uint8)
    if value is not None:
        pixels[:] = value
    picture = image_message(Header(stamp=stamp_of(stamp), frame_id="front_optical_frame"), pixels)
    picture.encoding = encoding
    return picture


class Seeing(Robot):
    """A state with the cameras `wrist` and `front`, in this order, and their publishers."""

    def __init__(self, graph: Any, space: str, *, lockstep: bool, **parameters: object) -> None:
        sizes = {"image_width": 8, "image_height": 8}
        super().__init__(graph, space, lockstep=lockstep, cameras="[wrist, front]", **sizes, **parameters)
        profile = qos.publish_state(lockstep=lockstep)
        self.cameras = {c: graph.publisher(Image, f"/{space}/{c}/image_raw", profile) for c in ("wrist", "front")}

    def tick(self, stamp: int, **frames: Image | None) -> None:
        """Frames of one instant, then the robot's parts; None is a frame that does not come."""
        for camera, publisher in self.cameras.items():
            frame = frames.get(camera, image(stamp))
            if frame is not None:
                publisher.publish(frame)
        if not self.lockstep:
            self.graph.listen(0.05)  # frames and joints race in realtime; the newest that has come is taken
        self.publish(stamp)


@pytest.fixture(scope="module")
def seeing_state(graph) -> Seeing:
    crops = "[0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 1.0, 1.0]"  # the wrist's left upper quarter
    return Seeing(graph, "seeing", lockstep=True, crops=crops)


@pytest.fixture
def seeing(seeing_state) -> Seeing:
    """With one good instant behind it."""
    seeing_state.stamp += 10 * PERIOD
    before = len(seeing_state.seen)
    wrist = image(seeing_state.stamp, 16, 16)
    seeing_state.tick(seeing_state.stamp, wrist=wrist)
    seeing_state.after(before + 1)
    seeing_state.seen.clear()
    seeing_state.stamp += PERIOD
    return seeing_state


def test_frames_of_the_stamp_are_observed_cropped_and_in_the_order_of_their_names(seeing):
    front, wrist = image(seeing.stamp), image(seeing.stamp, 16, 16)
    seeing.tick(seeing.stamp, front=front, wrist=wrist)
    (observation,) = seeing.after(1)
    assert list(observation.image_names) == ["front", "wrist"]
    arrays = observation_arrays(observation)
    np.testing.assert_array_equal(arrays["observation.images.front"], image_array(front))
    np.testing.assert_array_equal(arrays["observation.images.wrist"], image_array(wrist)[:, :8, :8])
    assert observation.images[0] == front


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_picture_is_compressed_once_cropped_and_with_its_cameras_header(graph, kind):
    crops = "[0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 1.0, 1.0]"
    robot = Seeing(graph, f"compressing_{kind}", lockstep=True, crops=crops, compression=kind, compression_quality=80)
    front, wrist = image(PERIOD), image(PERIOD, 16, 16)
    robot.tick(PERIOD, front=front, wrist=wrist)
    (observation,) = robot.after(1)
    assert len(observation.images) == 0
    assert list(observation.image_names) == ["front", "wrist"]
    expected = [image_array(front), image_array(wrist)[:, :8, :8]]
    for file, pixels, arrived in zip(observation.compressed_images, expected, (front, wrist), strict=True):
        assert (file.format, file.header) == (kind, arrived.header)
        assert bytes(file.data) == encode(pixels.transpose(1, 2, 0), kind, 80)


def test_no_observation_is_made_without_the_frame_of_its_stamp_and_the_camera_is_named(seeing):
    seeing.tick(seeing.stamp, front=None, wrist=image(seeing.stamp, 16, 16))
    seeing.graph.wait_until(lambda: "no observation: front did not come" in seeing.process.output)
    assert seeing.seen == []


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("unknown encoding", {"encoding": "16UC1"}),
        ("changed", {"height": 9}),
        ("changed", {"encoding": "bgr8"}),
        ("black", {"value": 7}),
        ("stamp went back", {"back": 5 * PERIOD}),
        ("wrong size", {"cut": 1}),
    ],
)
def test_a_bad_frame_gives_one_counted_warning_and_no_observation(seeing, kind, changes):
    changes = dict(changes)
    stamp = seeing.stamp - changes.pop("back", 0)
    cut = changes.pop("cut", 0)
    bad = image(stamp, **changes)
    bad.data = bad.data[: len(bad.data) - cut]
    seeing.tick(seeing.stamp, front=bad, wrist=image(seeing.stamp, 16, 16))
    assert seeing.graph.wait_until(lambda: seeing.faults().get(f"front: {kind}", 0) >= 1)
    assert "no observation: camera front: " in seeing.process.output
    assert seeing.seen == []
    seeing.stamp += PERIOD
    seeing.tick(seeing.stamp, wrist=image(seeing.stamp, 16, 16))
    assert len(seeing.after(1)) == 1


@pytest.fixture(scope="module")
def watching(graph) -> Seeing:
    """A state in realtime that has seen its first instant."""
    robot = Seeing(graph, "watching", lockstep=False, max_age=0.15, max_skew=0.04, frozen_after=3)

    def again() -> None:
        robot.stamp += PERIOD
        robot.tick(robot.stamp)

    graph.wait_until(lambda: robot.seen, again=again)
    return robot


def observed(robot: Seeing, **frames: Any) -> list[Observation]:
    """Observations of three ticks whose frames are made of the tick's stamp: best effort may lose one."""
    robot.seen.clear()
    for _ in range(3):
        robot.stamp += PERIOD
        robot.tick(robot.stamp, **{camera: make(robot.stamp) for camera, make in frames.items()})
    robot.graph.listen(0.1)
    return robot.seen


def test_in_realtime_the_frame_nearest_to_the_joints_is_taken_and_its_skew_reported(watching):
    assert observed(watching, front=lambda stamp: image(stamp + 30_000_000))
    assert {nanoseconds(o.images[0].header.stamp) - nanoseconds(o.header.stamp) for o in watching.seen} == {30_000_000}
    reports: list[DiagnosticArray] = []
    subscription = watching.graph.node.create_subscription(DiagnosticArray, "/diagnostics", reports.append, 10)
    key = "front worst skew [ms]"
    figures = watching.graph.wait_until(
        lambda: [
            v.value for r in reports for s in r.status if s.name == "/watching/state" for v in s.values if v.key == key
        ]
    )
    watching.graph.node.destroy_subscription(subscription)
    assert figures[0] == "30.0"


def test_in_realtime_a_camera_that_stopped_or_is_skewed_refuses_the_observation(watching):
    assert observed(watching, front=lambda stamp: None) == []
    assert observed(watching, front=lambda stamp: image(stamp + PERIOD // 2)) == []  # the one before is as far
    sentence = "no observation: front is missing or too old"
    watching.graph.wait_until(
        lambda: sentence in watching.process.output, again=lambda: observed(watching, front=lambda stamp: None)
    )
    assert observed(watching)


def test_in_realtime_a_camera_that_repeats_one_picture_is_refused_and_comes_back(watching):
    def hung(stamp: int) -> Image:
        return image(stamp, value=99)

    observed(watching, front=hung)
    observed(watching, front=hung)
    assert observed(watching, front=hung) == []
    assert watching.faults()["front: frozen"] >= 1
    assert observed(watching)


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"cameras": "[front]", "crops": "[0.1, 0.2, 0.3]"}, "3 numbers for 1 cameras"),
        ({"cameras": "[front]", "crops": "[0.5, 0.0, 0.4, 1.0]"}, "enclose nothing"),
        ({"cameras": "[front, front]"}, "twice"),
        ({"compression": "webp"}, "choose one of raw, png, jpeg"),
        ({"compression_quality": 0}, "the least allowed is 1"),
    ],
)
def test_wrong_cameras_end_the_node_with_one_sentence(graph, parameters, word):
    process = graph.start("state", **parameters)
    assert process.wait(30) == 2
    assert len(process.output.strip().splitlines()) == 1
    assert word in process.output
