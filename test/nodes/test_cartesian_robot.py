"""The node `cartesian_robot` before a played arm: MuJoCo's Panda behind a Cartesian controller of another package."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, String
from std_srvs.srv import Trigger

from hil_serl_ros.msg import ResetStatus, RobotCommand, RobotStatus, SafetyStatus, TeleopAction
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import nanoseconds, pose_message, position_array, quaternion_array
from hil_serl_ros.srv import ResetWorld

JOINTS = [f"panda_joint{i}" for i in range(1, 8)]
START = [0.40, 0.05, 0.25]  # m, the last waypoint
SPEED = 0.1  # m/s of the way back
# The machine may be busy: no driver is that late on a machine that drives an arm.
OWN = {
    "max_state_age": 0.25,
    "base_frame": "base",
    "gripper_states": "arm/gripper_states",
    "gripper_joint": "gripper_joint",
}


class Cell:
    """A played arm with its node; the test stands for `safety` and for the person."""

    def __init__(self, graph: Any, space: str, **parameters: object) -> None:
        self.graph, self.space = graph, space
        own = ("-r", f"__ns:={space}")
        self.arm = graph.play("played_arm", *own)
        self.robot = graph.start("cartesian_robot", *own, **(OWN | parameters))
        state = qos.receive_state(lockstep=False)
        self.states = graph.subscribe(RobotStatus, f"{space}/robot_status", state)
        self.joints = graph.subscribe(JointState, f"{space}/joint_states", state)
        self.poses = graph.subscribe(PoseStamped, f"{space}/tool_pose", state)
        self.twists = graph.subscribe(TwistStamped, f"{space}/tool_twist", state)
        self.resets = graph.subscribe(ResetStatus, f"{space}/reset_status", qos.LATCHED)
        self.targets = graph.subscribe(PoseStamped, f"{space}/arm/target_pose", qos.TRANSITION)  # each of them
        self.grips = graph.subscribe(Float64MultiArray, f"{space}/arm/gripper_command", qos.TARGET)
        self.commands = graph.publisher(RobotCommand, f"{space}/command_executed", qos.COMMAND)
        self.safety = graph.publisher(SafetyStatus, f"{space}/safety_status", qos.LATCHED)
        self.teleop = graph.publisher(TeleopAction, f"{space}/teleop", qos.TELEOP)
        self.plays = graph.publisher(String, f"{space}/play", 10)
        self.word = SafetyStatus.ARMED
        graph.node.create_timer(0.5, self.tell, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.tell()
        graph.wait_until(lambda: self.states)

    def tell(self) -> None:
        """The word of safety."""
        self.safety.publish(SafetyStatus(state=self.word, reason="by the test"))

    def play(self, wrong: str) -> None:
        """Let something go wrong with the arm."""
        self.plays.publish(String(data=wrong))

    @property
    def status(self) -> RobotStatus:
        return self.states[-1]

    @property
    def tool(self) -> np.ndarray:
        return position_array(self.poses[-1].pose)

    def fresh(self, seconds: float = 0.1) -> RobotStatus:
        """The newest status, none of before."""
        self.states.clear()
        self.graph.listen(seconds)
        return self.graph.wait_until(lambda: self.states and self.status)

    def fresh_or_none(self, seconds: float) -> list[RobotStatus]:
        """What states come within so long."""
        self.states.clear()
        self.graph.listen(seconds)
        return self.states

    def send(self, *motion: float, gripper: float | None = None) -> RobotCommand:
        """A command ``motion`` m from the target that is held; it is obeyed."""
        before = self.fresh(0.0)
        command = RobotCommand(sequence=before.sequence + 1, epoch=before.epoch)
        command.gripper = before.gripper if gripper is None else gripper
        away = np.array([*motion, *[0.0] * (3 - len(motion))])
        command.target = pose_message(position_array(before.target) + away, quaternion_array(before.target))
        self.commands.publish(command)
        self.graph.wait_until(lambda: self.status.sequence == command.sequence)
        return command

    def rest(self) -> None:
        """Wait until the tool is at the target that is held."""
        self.graph.wait_until(lambda: np.linalg.norm(self.tool - position_array(self.status.target)) < 0.01)
        self.graph.listen(0.3)

    def ask_reset(self) -> Any:
        """A reset that goes on."""
        client = self.graph.node.create_client(ResetWorld, f"{self.space}/reset_world")
        self.graph.wait_until(client.service_is_ready)
        return client.call_async(ResetWorld.Request(seed=1))

    def doing(self, words: str) -> Callable[[], bool]:
        """Whether the reset says ``words`` now."""
        return lambda: bool(self.resets) and words in self.resets[-1].doing


def answer(graph: Any, future: Any, seconds: float = 20) -> ResetWorld.Response:
    return graph.wait_until(lambda: future.done() and future.result(), seconds)


@pytest.fixture(scope="module")
def running(graph) -> Cell:
    return Cell(
        graph,
        "/cell",
        reset_routine="waypoints",
        reset_waypoints=[0.45, -0.05, 0.30, 1.0, *START, 0.0],
        reset_speed=SPEED,
        scene_ready="none",
    )


@pytest.fixture
def cell(running) -> Iterator[Cell]:
    running.play("")
    running.word = SafetyStatus.ARMED
    running.tell()
    running.fresh()
    yield running
    assert running.robot.code is None, running.robot.output


# -------------------- the state --------------------
def test_nothing_goes_to_the_arm_before_something_was_asked_for(cell):
    assert cell.targets == []
    assert cell.grips == []


def test_the_named_joints_are_picked_out_of_the_drivers_and_put_in_order(cell):
    joints = cell.joints[-1]
    assert list(joints.name) == JOINTS
    assert len(joints.position) == len(joints.velocity) == 7
    np.testing.assert_allclose(joints.position, [0.0, 0.195, 0.0, -2.43, 0.0, 2.62, 0.785], atol=0.02)


def test_all_parts_of_a_state_carry_one_stamp_and_one_frame(cell):
    cell.graph.listen(0.3)
    stamps = [
        {nanoseconds(m.header.stamp) for m in parts[-10:]}
        for parts in (cell.states, cell.joints, cell.poses, cell.twists)
    ]
    assert len(set.intersection(*stamps)) >= 7
    for parts in (cell.states, cell.joints, cell.poses, cell.twists):
        assert parts[-1].header.frame_id == "base"


def test_the_gripper_holds_at_the_start_what_it_says_of_itself(cell):
    assert cell.status.gripper == 0.0


# -------------------- commands --------------------
def test_the_controllers_target_goes_to_a_commands_in_small_steps(cell):
    cell.send(0.0, 0.0, 0.0)
    cell.rest()
    cell.targets.clear()
    command = cell.send(0.0, 0.0, 0.025)
    goal = position_array(command.target)
    cell.graph.wait_until(lambda: np.allclose(position_array(cell.targets[-1].pose), goal))
    led = np.array([position_array(target.pose) for target in cell.targets])
    # 2.5 mm each; after a late call of the timer the target is late and makes no more than two steps in one.
    assert np.linalg.norm(np.diff(led, axis=0), axis=1).max() < 0.0051
    assert len(np.unique(led[:, 2])) >= 6
    assert cell.targets[-1].header.frame_id == "base"
    cell.rest()
    assert cell.tool[2] == pytest.approx(goal[2], abs=0.01)


def test_the_twist_is_the_tools_velocity_along_the_base_frames_axes(cell):
    cell.send()
    cell.rest()
    cell.twists.clear()
    for _ in range(4):
        cell.send(0.0, 0.02, 0.0)
        cell.graph.listen(0.08)
    fastest = max((t.twist.linear for t in cell.twists), key=lambda v: abs(v.y))
    assert fastest.y > 0.08
    assert abs(fastest.x) < 0.5 * fastest.y
    for _ in range(4):
        cell.send(0.0, -0.02, 0.0)


def test_the_grippers_command_is_in_its_own_unit(cell):
    cell.grips.clear()
    cell.send(gripper=1.0)
    cell.graph.wait_until(lambda: cell.grips and cell.grips[-1].data[0] == 0.0)
    cell.send(gripper=0.25)
    cell.graph.wait_until(lambda: cell.grips[-1].data[0] == 0.75)
    cell.send(gripper=0.0)


def test_a_command_that_is_not_finite_or_of_another_frame_leaves_the_target(cell):
    before = position_array(cell.send().target)
    for wrong in ("nan", "frame", "closure"):
        status = cell.fresh(0.0)
        command = RobotCommand(sequence=status.sequence + 1, epoch=status.epoch, target=status.target)
        command.target.position.x += 0.01
        if wrong == "nan":
            command.target.position.x = float("nan")
        if wrong == "closure":
            command.gripper = 1.5
        command.header.frame_id = "elsewhere" if wrong == "frame" else "base"
        cell.commands.publish(command)
        after = cell.graph.wait_until(lambda n=command.sequence: cell.status.sequence == n and cell.status)
        np.testing.assert_array_equal(position_array(after.target), before)


def test_the_target_never_leads_a_tool_that_cannot_follow_by_more_than_is_set(cell):
    cell.send()
    cell.rest()
    cell.play("limp")
    for _ in range(4):
        cell.send(0.0, 0.0, 0.025)
        cell.graph.listen(0.1)
    cell.graph.listen(0.2)
    lead = np.linalg.norm(position_array(cell.targets[-1].pose) - cell.tool)
    assert lead == pytest.approx(0.05, abs=2e-3)
    cell.graph.wait_until(lambda: "behind its target" in cell.robot.output)
    cell.play("")
    for _ in range(4):
        cell.send(0.0, 0.0, -0.025)
    cell.rest()


# -------------------- a driver that fails --------------------
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("silent", "no new joint state from the driver"),
        ("hang", "no new joint state from the driver"),
        ("nan", "number that is not finite"),
        ("frame", "in the frame 'elsewhere', not 'base'"),
    ],
)
def test_while_the_drivers_state_is_bad_none_is_published_and_the_arm_holds(cell, wrong, said):
    cell.send()
    cell.play(wrong)
    cell.graph.listen(0.5)
    for parts in (cell.states, cell.poses, cell.joints, cell.targets):
        parts.clear()
    cell.graph.listen(0.4)
    assert [len(parts) for parts in (cell.states, cell.poses, cell.joints, cell.targets)] == [0, 0, 0, 0]
    cell.graph.wait_until(lambda: said in cell.robot.output)
    cell.play("")
    cell.graph.wait_until(lambda: cell.states)


def test_after_a_short_silence_it_goes_on_in_the_same_epoch(cell):
    cell.send()
    cell.rest()
    epoch = cell.status.epoch
    cell.play("silent")
    cell.graph.wait_until(lambda: not cell.fresh_or_none(0.3))
    cell.play("")
    assert cell.fresh().epoch == epoch


def test_an_arm_that_was_moved_meanwhile_is_held_where_it_is_in_a_new_epoch(cell):
    cell.send()
    cell.rest()
    before, tool = cell.fresh(), cell.tool
    cell.play("shove")
    cell.play("silent")
    cell.graph.listen(2.0)
    cell.targets.clear()
    cell.play("limp")
    after = cell.fresh(0.3)
    assert after.epoch == before.epoch + 1
    assert after.sequence == before.sequence
    assert cell.tool[1] - tool[1] == pytest.approx(0.1, abs=0.02)
    np.testing.assert_allclose(position_array(after.target), cell.tool, atol=0.01)
    np.testing.assert_allclose(position_array(cell.targets[0].pose), cell.tool, atol=0.01)


# -------------------- a reset --------------------
def test_a_reset_goes_from_waypoint_to_waypoint_no_faster_than_set_and_begins_an_epoch(cell):
    cell.send(gripper=0.0)
    cell.rest()
    before = cell.fresh()
    cell.grips.clear()
    cell.targets.clear()
    cell.resets.clear()
    response = answer(cell.graph, cell.ask_reset())
    assert response.success, response.message
    assert response.status.epoch == before.epoch + 1
    np.testing.assert_allclose(position_array(response.status.target), START, atol=1e-6)
    cell.graph.wait_until(lambda: cell.status.epoch == response.status.epoch)
    np.testing.assert_allclose(cell.tool, START, atol=0.02)
    assert {0.0, 1.0} <= {grip.data[0] for grip in cell.grips}  # closed at the first one, open at the second
    led = np.array([position_array(target.pose) for target in cell.targets])
    stamps = np.array([nanoseconds(target.header.stamp) for target in cell.targets]) * 1e-9
    steps = np.linalg.norm(np.diff(led, axis=0), axis=1)
    assert steps.sum() / (stamps[-1] - stamps[0]) < SPEED
    assert steps.max() < 2.1 * SPEED * 0.01
    said = [reset.doing for reset in cell.resets]
    assert "on the way back, to waypoint 1 of 2" in said
    assert not cell.resets[-1].running


def test_who_asks_while_a_reset_goes_on_gets_its_answer(cell):
    first = cell.ask_reset()
    cell.graph.wait_until(cell.doing("waypoint 1"))
    second = cell.ask_reset()
    one, other = answer(cell.graph, first), answer(cell.graph, second)
    assert one == other
    assert one.success


def test_a_stop_ends_the_way_back_at_once_and_the_reset_is_refused(cell):
    before = cell.fresh()
    future = cell.ask_reset()
    cell.graph.wait_until(cell.doing("waypoint 1"))
    cell.graph.listen(0.4)
    cell.word = SafetyStatus.STOPPED
    cell.tell()
    response = answer(cell.graph, future)
    stopped = position_array(cell.targets[-1].pose)
    assert not response.success
    assert response.message == "the way back was not taken to its end: stopped: by the test"
    assert cell.fresh(0.5).epoch == before.epoch + 1  # it has moved: everybody measures anew
    np.testing.assert_allclose(position_array(cell.targets[-1].pose), stopped, atol=0.005)
    np.testing.assert_allclose(position_array(cell.status.target), stopped, atol=0.005)


def test_without_the_leave_of_safety_it_does_not_move(cell):
    before, tool = cell.fresh(), cell.tool
    cell.word = SafetyStatus.DISARMED
    cell.tell()
    cell.graph.listen(0.1)
    response = answer(cell.graph, cell.ask_reset())
    assert "not armed: by the test" in response.message
    assert cell.fresh().epoch == before.epoch
    np.testing.assert_allclose(cell.tool, tool, atol=0.005)


def test_commands_of_before_and_in_a_reset_are_dropped(cell):
    before = cell.fresh()
    future = cell.ask_reset()
    cell.graph.wait_until(cell.doing("waypoint"))
    command = RobotCommand(sequence=before.sequence + 1, epoch=before.epoch, target=before.target)
    cell.commands.publish(command)
    assert answer(cell.graph, future).success
    cell.commands.publish(command)
    assert cell.fresh(0.2).sequence == before.sequence


def test_an_arm_that_does_not_come_to_its_start_is_the_persons(cell):
    cell.play("limp")
    cell.resets.clear()
    future = cell.ask_reset()
    cell.graph.wait_until(cell.doing("did not come to waypoint 1 of 2"), 30)
    assert cell.resets[-1].asks
    cell.teleop.publish(TeleopAction(source="pad", connected=True, event=TeleopAction.EVENT_RESUME))
    assert answer(cell.graph, future).success
    np.testing.assert_allclose(position_array(cell.fresh().target), cell.tool, atol=0.06)


def test_a_negative_seed_is_refused_with_a_sentence(cell):
    response = cell.graph.call(ResetWorld, "/cell/reset_world", ResetWorld.Request(seed=-1))
    assert not response.success
    assert "-1" in response.message


# -------------------- others --------------------
@pytest.fixture
def other(graph) -> Iterator[Callable[..., Cell]]:
    """Another cell, of this test alone."""
    cells: list[Cell] = []

    def make(space: str, **parameters: object) -> Cell:
        cells.append(Cell(graph, space, **parameters))
        return cells[-1]

    yield make
    for process in [process for cell in cells for process in (cell.arm, cell.robot)]:
        assert process.stop() == 0, process.output


@pytest.fixture
def space() -> str:
    """A namespace that nobody has used: a second try does not meet the first one's robots."""
    return f"/cell_{next(_spaces)}"


_spaces = itertools.count()


def test_a_scene_that_is_not_ready_is_the_persons_and_their_word_is_waited_for(graph, other, space):
    asked: list[Any] = []

    def look(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        asked.append(request)
        response.message = "the cube is missing"
        return response

    graph.node.create_service(Trigger, f"{space}/scene_ready", look)
    cell = other(space, scene_ready="service", reset_routine="none")
    future = cell.ask_reset()
    graph.wait_until(cell.doing("the scene is not ready: the cube is missing"))
    graph.listen(1.5)
    assert not future.done()
    assert len(asked) == 1
    assert graph.call(Trigger, f"{space}/scene_is_ready", Trigger.Request()).success
    response = answer(graph, future)
    assert response.success
    assert response.status.epoch == 1
    assert not graph.call(Trigger, f"{space}/scene_is_ready", Trigger.Request()).success


def test_somebodys_own_way_back_has_the_arm_for_itself(graph, other, space):
    seen: list[int] = []

    def bring_back(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        seen.append(graph.node.count_publishers(f"{space}/arm/target_pose"))
        response.success = True
        return response

    graph.node.create_service(Trigger, f"{space}/reset_routine", bring_back)
    cell = other(space, scene_ready="none", reset_routine="service")
    cell.send(0.0, 0.0, 0.01)
    before = cell.fresh()
    assert graph.node.count_publishers(f"{space}/arm/target_pose") == 1
    response = answer(graph, cell.ask_reset())
    assert response.success, response.message
    assert seen == [0]
    assert response.status.epoch == before.epoch + 1
    graph.wait_until(lambda: graph.node.count_publishers(f"{space}/arm/target_pose") == 1)
    cell.targets.clear()
    graph.listen(0.2)
    assert cell.targets == []  # the controller keeps what it was told by the other


def test_a_dry_run_moves_nothing_and_shows_where_it_would_go(graph, other, space):
    cell = other(space, dry_run=True, reset_routine="waypoints", reset_waypoints=[*START, 0.0], scene_ready="none")
    would = graph.subscribe(PoseStamped, f"{space}/dry_run/target_pose", qos.TARGET)
    grips = graph.subscribe(Float64MultiArray, f"{space}/dry_run/gripper_command", qos.TARGET)
    graph.wait_until(lambda: graph.node.count_publishers(f"{space}/dry_run/target_pose"))
    tool = cell.tool
    for _ in range(4):
        cell.send(0.0, 0.0, 0.025, gripper=1.0)
    graph.wait_until(lambda: would and position_array(would[-1].pose)[2] > tool[2] + 0.09)
    graph.wait_until(lambda: grips and grips[-1].data[0] == 0.0)
    assert graph.node.count_publishers(f"{space}/arm/target_pose") == 0
    assert cell.fresh().gripper == 1.0
    response = answer(graph, cell.ask_reset())
    assert response.success
    np.testing.assert_allclose(position_array(would[-1].pose), START, atol=0.01)
    np.testing.assert_allclose(position_array(cell.fresh().target), cell.tool, atol=1e-3)  # where the arm really is
    np.testing.assert_allclose(cell.tool, tool, atol=1e-3)
    assert "a dry run: nothing moves" in cell.robot.output
