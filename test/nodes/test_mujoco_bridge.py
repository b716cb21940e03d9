"""The node `mujoco_bridge` in lockstep: one step of the world for each number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_srvs.srv import SetBool

from hil_serl_ros.msg import Reward, RobotCommand, RobotStatus, TaskState
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import image_array, nanoseconds, pose_message, position_array, quaternion_array
from hil_serl_ros.sim.rendering import Renderer
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.world import World
from hil_serl_ros.srv import ResetWorld, StepWorld

PERIOD = 100_000_000  # ns


class Bridge:
    """Commands a running bridge and hears its state."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.process = graph.start("mujoco_bridge")
        profile = qos.publish_state(lockstep=True)
        self.states = graph.subscribe(RobotStatus, "robot_status", profile)
        self.joints = graph.subscribe(JointState, "joint_states", profile)
        self.tasks = graph.subscribe(TaskState, "task_state", profile)
        self.rewards = graph.subscribe(Reward, "ground_truth", profile)
        self.clock = graph.subscribe(Clock, "/clock", profile)
        self.commands = graph.publisher(RobotCommand, "command_executed", qos.COMMAND)
        graph.wait_until(lambda: graph.node.count_publishers("robot_status"))

    def reset(self, seed: int) -> ResetWorld.Response:
        answer = self.graph.call(ResetWorld, "reset_world", ResetWorld.Request(seed=seed))
        if answer.success:
            stamp = answer.status.header.stamp
            self.graph.wait_until(lambda: all(self.newest(kind).header.stamp == stamp for kind in ("tasks", "states")))
        return answer

    def newest(self, kind: str) -> Any:
        messages = getattr(self, kind)
        return messages[-1] if messages else RobotStatus()

    def next_command(self, status: RobotStatus, motion: tuple[float, float, float] = (0, 0, 0)) -> RobotCommand:
        """A command that moves the held target by ``motion`` m."""
        command = RobotCommand(sequence=status.sequence + 1, epoch=status.epoch, gripper=status.gripper)
        command.target = pose_message(position_array(status.target) + np.array(motion), quaternion_array(status.target))
        return command

    def do(self, command: RobotCommand) -> RobotStatus:
        """Send ``command``; the state that it leads to."""
        count = len(self.states)
        self.commands.publish(command)
        return self.graph.wait_until(lambda: self.states[count:] and self.states[-1])

    def pause(self, on: bool) -> None:
        assert self.graph.call(SetBool, "pause", SetBool.Request(data=on)).success


@pytest.fixture(scope="module")
def running(graph) -> Bridge:
    return Bridge(graph)


@pytest.fixture
def bridge(running) -> Bridge:
    running.pause(False)
    running.graph.listen(0.05)
    return running


def test_each_number_is_one_control_period(bridge):
    status = bridge.reset(1).status
    for _ in range(5):
        after = bridge.do(bridge.next_command(status, (0.02, 0, 0)))
        assert after.sequence == status.sequence + 1
        assert nanoseconds(after.header.stamp) == nanoseconds(status.header.stamp) + PERIOD
        status = after


def test_the_world_stands_still_between_commands(bridge):
    bridge.reset(1)
    count = len(bridge.states)
    bridge.graph.listen(0.5)
    assert len(bridge.states) == count


def test_the_same_number_only_repeats_the_state_with_the_same_stamp(bridge):
    command = bridge.next_command(bridge.reset(1).status, (0.02, 0, 0))
    first = bridge.do(command)
    joints = bridge.graph.wait_until(lambda: bridge.joints[-1].header.stamp == first.header.stamp and bridge.joints[-1])
    command.target = pose_message(np.array([0.3, 0.2, 0.4]), np.array([1.0, 0, 0, 0]))
    assert bridge.do(command) == first
    assert bridge.joints[-1] == joints


def test_an_old_number_and_an_old_epoch_are_dropped(bridge):
    command = bridge.next_command(bridge.reset(1).status, (0.02, 0, 0))
    bridge.do(command)
    status = bridge.do(bridge.next_command(bridge.states[-1]))
    count = len(bridge.states)
    bridge.commands.publish(command)
    bridge.graph.listen(0.2)
    bridge.commands.publish(RobotCommand(sequence=status.sequence + 1, epoch=status.epoch - 1, target=status.target))
    bridge.graph.listen(0.2)
    assert len(bridge.states) == count
    faults = bridge.graph.wait_until(lambda: bridge.graph.faults("mujoco_bridge"))
    assert faults["old command"] >= 1
    assert faults["stale epoch"] >= 1


def test_a_state_after_a_reset_has_a_new_epoch_and_a_later_stamp(bridge):
    before = bridge.do(bridge.next_command(bridge.reset(1).status))
    after = bridge.reset(1).status
    assert after.epoch == before.epoch + 1
    assert nanoseconds(after.header.stamp) > nanoseconds(before.header.stamp)


def test_a_reset_is_a_function_of_its_seed_alone(bridge):
    def start(seed: int, *motions: tuple[float, float, float]) -> tuple[Any, Any, Any]:
        status = bridge.reset(seed).status
        cube = position_array(bridge.tasks[-1].object_poses[0])
        for motion in motions:
            status = bridge.do(bridge.next_command(status, motion))
        joints = bridge.graph.wait_until(
            lambda: bridge.joints[-1].header.stamp == status.header.stamp and bridge.joints[-1]
        )
        return cube.tolist(), list(joints.position), position_array(status.target).tolist()

    motions = [(0.02, 0.01, -0.02)] * 4
    first = start(5, *motions)
    other = start(6)
    assert start(5, *motions) == first
    assert other[0] != first[0]


def test_a_negative_seed_is_refused_with_a_sentence(bridge):
    epoch = bridge.reset(1).status.epoch
    answer = bridge.reset(-1)
    assert not answer.success
    assert "-1" in answer.message
    assert bridge.reset(1).status.epoch == epoch + 1


def test_the_robot_holds_the_tools_pose_after_a_reset(bridge):
    status = bridge.reset(1).status
    after = bridge.do(bridge.next_command(status))
    np.testing.assert_allclose(position_array(after.target), position_array(status.target), atol=1e-9)


def test_a_command_that_is_not_finite_never_reaches_the_robot(bridge):
    status = bridge.reset(1).status
    command = bridge.next_command(status, (float("nan"), 0, 0))
    after = bridge.do(command)
    np.testing.assert_array_equal(position_array(after.target), position_array(status.target))
    assert bridge.process.code is None


def test_a_paused_world_takes_the_command_and_makes_its_step_when_it_goes_on(bridge):
    status = bridge.reset(1).status
    bridge.pause(True)
    count = len(bridge.states)
    bridge.commands.publish(bridge.next_command(status, (0.02, 0, 0)))
    bridge.graph.listen(0.3)
    assert all(s.header.stamp == status.header.stamp for s in bridge.states[count:])
    bridge.pause(False)
    after = bridge.graph.wait_until(lambda: bridge.states[count:] and bridge.states[-1])
    assert after.sequence == status.sequence + 1
    assert nanoseconds(after.header.stamp) == nanoseconds(status.header.stamp) + PERIOD


def test_step_world_advances_with_the_target_that_is_held(bridge):
    status = bridge.reset(1).status
    answer = bridge.graph.call(StepWorld, "step_world", StepWorld.Request(steps=3))
    assert answer.success
    assert nanoseconds(answer.status.header.stamp) == nanoseconds(status.header.stamp) + 3 * PERIOD
    assert answer.status.target == status.target


@pytest.mark.parametrize("steps", [0, 1001])
def test_step_world_refuses_a_number_of_steps_out_of_its_range(bridge, steps):
    answer = bridge.graph.call(StepWorld, "step_world", StepWorld.Request(steps=steps))
    assert not answer.success
    assert str(steps) in answer.message


def test_all_parts_of_a_state_carry_one_stamp_which_is_the_clock(bridge):
    status = bridge.do(bridge.next_command(bridge.reset(1).status))
    stamp = status.header.stamp
    for kind in ("joints", "tasks", "rewards"):
        bridge.graph.wait_until(lambda kind=kind: bridge.newest(kind).header.stamp == stamp)
    bridge.graph.wait_until(lambda: bridge.clock[-1].clock == stamp)


def test_a_realtime_world_runs_at_wall_speed_and_stops_while_paused(graph):
    graph.start("mujoco_bridge", "-r", "__ns:=/real", "-r", "/clock:=/real/clock", clock="realtime")
    states = graph.subscribe(RobotStatus, "/real/robot_status", qos.publish_state(lockstep=False))
    graph.wait_until(lambda: len(states) > 5)
    begin, started = nanoseconds(states[-1].header.stamp), graph.node.get_clock().now()
    graph.listen(2.0)
    wall = (graph.node.get_clock().now() - started).nanoseconds
    simulated = nanoseconds(states[-1].header.stamp) - begin
    assert simulated == pytest.approx(wall, rel=0.15)
    stamps = np.array([nanoseconds(s.header.stamp) for s in states])
    gaps = np.diff(stamps)
    assert gaps.min() > 0
    assert (gaps % 20_000_000 == 0).all()  # instants of one grid, whenever the processor came to them
    graph.call(SetBool, "/real/pause", SetBool.Request(data=True))
    graph.listen(0.2)
    paused = states[-1].header.stamp
    graph.listen(0.3)
    assert states[-1].header.stamp == paused


# -------------------- cameras --------------------
class SeeingBridge:
    """A bridge with both cameras and depth, in a namespace, and all its frames in order of arrival."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.process = graph.start(
            "mujoco_bridge",
            *("-r", "__ns:=/seeing", "-r", "/clock:=/seeing/clock"),
            cameras="[front, wrist]",
            image_width=96,
            image_height=64,
            depth=True,
        )
        profile = qos.publish_state(lockstep=True)
        self.states = graph.subscribe(RobotStatus, "/seeing/robot_status", profile)
        self.parts = {
            (camera, topic): graph.subscribe(kind, f"/seeing/{camera}/{topic}", profile)
            for camera in ("front", "wrist")
            for topic, kind in (("image_raw", Image), ("camera_info", CameraInfo), ("depth", Image))
        }
        self.commands = graph.publisher(RobotCommand, "/seeing/command_executed", qos.COMMAND)

    def reset(self, seed: int) -> RobotStatus:
        answer = self.graph.call(ResetWorld, "/seeing/reset_world", ResetWorld.Request(seed=seed))
        return self.whole(answer.status)

    def do(self, command: RobotCommand) -> RobotStatus:
        count = len(self.states)
        self.commands.publish(command)
        return self.whole(self.graph.wait_until(lambda: self.states[count:] and self.states[-1]))

    def whole(self, status: RobotStatus) -> RobotStatus:
        """``status``, once every frame with its stamp has come."""
        stamp = status.header.stamp
        self.graph.wait_until(lambda: all(p and p[-1].header.stamp == stamp for p in self.parts.values()))
        return status

    def pictures(self) -> list[np.ndarray]:
        return [image_array(self.parts[camera, "image_raw"][-1]) for camera in ("front", "wrist")]


@pytest.fixture(scope="module")
def seeing(graph) -> SeeingBridge:
    return SeeingBridge(graph)


def moved(status: RobotStatus) -> RobotCommand:
    """The next command, some centimetres from the target that is held."""
    command = RobotCommand(sequence=status.sequence + 1, epoch=status.epoch, gripper=1.0)
    command.target = pose_message(position_array(status.target) + 0.03, quaternion_array(status.target))
    return command


def test_frames_show_the_state_whose_stamp_they_carry(seeing):
    status = seeing.reset(4)
    before = seeing.pictures()
    command = moved(status)
    seeing.do(command)
    after = seeing.pictures()
    world = World(task_named("pick_cube"))
    world.reset(4)
    renderer = Renderer(world, ("front", "wrist"), 96, 64)
    for seen, camera in zip(before, renderer.cameras, strict=True):
        np.testing.assert_array_equal(seen, renderer.picture(camera).transpose(2, 0, 1))
    world.set_target(position_array(command.target), quaternion_array(command.target), command.gripper)
    world.step()
    for earlier, seen, camera in zip(before, after, renderer.cameras, strict=True):
        assert (seen != earlier).any()
        np.testing.assert_array_equal(seen, renderer.picture(camera).transpose(2, 0, 1))
    depth = np.frombuffer(seeing.parts["front", "depth"][-1].data, np.float32).reshape(64, 96)
    np.testing.assert_array_equal(depth, renderer.picture_and_depth("front")[1])
    renderer.close()


def test_frames_have_a_size_an_encoding_an_optical_frame_and_a_calibration(seeing):
    seeing.reset(1)
    for camera in ("front", "wrist"):
        image, info, depth = (seeing.parts[camera, topic][-1] for topic in ("image_raw", "camera_info", "depth"))
        assert (image.encoding, image.width, image.height, image.step) == ("rgb8", 96, 64, 288)
        assert (depth.encoding, depth.width, depth.height, depth.step) == ("32FC1", 96, 64, 384)
        assert {m.header.frame_id for m in (image, info, depth)} == {f"{camera}_optical_frame"}
        assert (info.width, info.height, info.distortion_model, list(info.d)) == (96, 64, "plumb_bob", [0.0] * 5)
        focal = info.k[0]
        assert focal > 20
        np.testing.assert_array_equal(info.k, [focal, 0, 47.5, 0, focal, 31.5, 0, 0, 1])
        np.testing.assert_array_equal(np.reshape(info.p, (3, 4))[:, :3].ravel(), info.k)


def test_a_repeated_state_repeats_its_frames(seeing):
    command = moved(seeing.reset(1))
    seeing.do(command)
    first = {key: messages[-1] for key, messages in seeing.parts.items()}
    counts = {key: len(messages) for key, messages in seeing.parts.items()}
    seeing.commands.publish(command)
    seeing.graph.wait_until(lambda: all(len(m) > counts[key] for key, m in seeing.parts.items()))
    assert {key: messages[-1] for key, messages in seeing.parts.items()} == first


def test_a_realtime_world_renders_at_the_cameras_period_only(graph):
    arguments = ("-r", "__ns:=/slow", "-r", "/clock:=/slow/clock")
    graph.start("mujoco_bridge", *arguments, clock="realtime", cameras="[wrist]", camera_period=0.25, image_width=32)
    profile = qos.publish_state(lockstep=False)
    states = graph.subscribe(RobotStatus, "/slow/robot_status", profile)
    images = graph.subscribe(Image, "/slow/wrist/image_raw", profile)
    graph.wait_until(lambda: len(images) >= 5)
    stamps = [nanoseconds(image.header.stamp) for image in images]
    assert np.diff(stamps).min() >= 0.249e9
    assert set(stamps) <= {nanoseconds(state.header.stamp) for state in states} | {stamps[0], stamps[-1]}
    assert len(states) > 3 * len(images)


def test_an_unknown_camera_ends_the_bridge_with_one_sentence(graph):
    process = graph.start("mujoco_bridge", "-r", "__ns:=/unknown", cameras="[front, side]")
    assert process.wait() == 2
    assert process.output.splitlines()[-1] == "error: there is no camera side; the simulated ones are front, wrist"


def test_without_opengl_the_bridge_runs_blind_and_refuses_cameras_with_the_packages(graph, monkeypatch):
    broken = {**graph.environment, "MUJOCO_GL": "egl", "__EGL_VENDOR_LIBRARY_DIRS": "/nonexistent"}
    monkeypatch.setattr(graph, "environment", broken)
    process = graph.start("mujoco_bridge", "-r", "__ns:=/blind", cameras="[front]")
    assert process.wait() == 2
    assert process.output.startswith("error: the cameras cannot be rendered (egl: no device can be used); install ")
    graph.start("mujoco_bridge", "-r", "__ns:=/blind", "-r", "/clock:=/blind/clock")
    answer = graph.call(ResetWorld, "/blind/reset_world", ResetWorld.Request(seed=1))
    assert answer.success


def test_a_bridge_with_cameras_ends_cleanly(seeing):
    seeing.reset(1)
    assert seeing.process.stop() == 0
    assert "Exception" not in seeing.process.output
