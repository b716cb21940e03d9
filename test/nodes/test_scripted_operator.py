"""The node `scripted_operator` over DDS: when its hands are on the stick."""

from __future__ import annotations

from typing import Any

import pytest
from geometry_msgs.msg import Pose, PoseStamped
from sensor_msgs.msg import Joy

from hil_serl_ros.env.joy_mapping import JoyMapping
from hil_serl_ros.msg import ActorStatus, PolicyState, Reward, RobotStatus, TaskState
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import stamp_of

PERIOD = 100_000_000  # ns


class World:
    """A robot, its actor and its policy, played: one instant after the other."""

    def __init__(self, graph: Any, **parameters: object) -> None:
        self.graph = graph
        self.now = 0
        graph.start("scripted_operator", **parameters)
        state = qos.publish_state(lockstep=True)
        topics = (PoseStamped, "tool_pose"), (TaskState, "task_state"), (Reward, "ground_truth")
        self.parts = [graph.publisher(kind, topic, state) for kind, topic in topics]
        self.status = graph.publisher(RobotStatus, "robot_status", qos.robot_status(lockstep=True))
        self.actor = graph.publisher(ActorStatus, "actor_status", qos.LATCHED)
        self.policy = graph.publisher(PolicyState, "policy_state", qos.POLICY_STATE)
        self.joy = graph.subscribe(Joy, "joy", qos.TELEOP)
        graph.wait_until(lambda: graph.node.count_publishers("joy"))

    def says(self, **status: object) -> None:
        self.actor.publish(ActorStatus(epoch=1, **status))

    def show(self) -> None:
        """The next instant."""
        self.now += PERIOD
        stamp = stamp_of(self.now)
        for publisher in self.parts:
            message = publisher.msg_type()
            message.header.stamp = stamp
            if isinstance(message, TaskState):
                message.object_names, message.object_poses = ["cube"], [Pose()]
            publisher.publish(message)
        status = RobotStatus(epoch=1, lockstep=True, control_period=0.1)
        status.header.stamp = stamp
        self.status.publish(status)

    def pressed(self) -> bool:
        """Whether the answer to the instant holds the button that takes over."""
        answer = lambda: next((j for j in self.joy if j.header.stamp == stamp_of(self.now)), None)  # noqa: E731
        joy = self.graph.wait_until(answer)
        return JoyMapping().read(joy.axes, joy.buttons).intervening


@pytest.fixture(scope="module")
def world(graph) -> World:
    return World(graph, only_when_called=True, least_help=1)


def answers(world: World, count: int) -> list[bool]:
    held = []
    for _ in range(count):
        world.show()
        held.append(world.pressed())
    return held


def test_it_holds_the_button_while_it_demonstrates(world):
    world.says(mode=ActorStatus.MODE_DEMONSTRATE)
    assert answers(world, 4) == [True] * 4


def test_where_the_arm_holds_it_lets_go_and_takes_over_again(world):
    # A button that is held over a lost link drives no more: without this a realtime run would wait for ever.
    world.says(mode=ActorStatus.MODE_DEMONSTRATE, paused=True)
    held = []
    world.graph.wait_until(lambda: held.extend(answers(world, 1)) or held[-2:] == [True, False])
    assert answers(world, 4) == [True, False, True, False]


def test_when_called_it_drives_once_the_policy_has_spoken_and_not_before(world):
    world.says(mode=ActorStatus.MODE_TRAIN)
    held = []
    for called in (False, True, True, False):
        before = stamp_of(world.now)
        world.show()
        world.graph.listen(0.2)
        assert all(joy.header.stamp != stamp_of(world.now) for joy in world.joy)
        word = PolicyState(epoch=1, called=called)
        word.header.stamp = before
        world.policy.publish(word)
        held.append(world.pressed())
    assert held == [False, True, True, False]
