"""Node ``scripted_operator``: stands in for the person, in simulation, tests and benchmarks.

It sees ground truth and speaks `sensor_msgs/Joy`, so the whole human path is exercised. It demonstrates
when the actor records demonstrations, and takes over in training when the policy stalls. For the reward
classifier it shows success and failure, and says by its keys which is which.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from sensor_msgs.msg import Joy

from hil_serl_ros.env.actions import KEEP
from hil_serl_ros.env.joy_mapping import JoyMapping, Wish
from hil_serl_ros.msg import ActorStatus, PolicyState, Reward, RobotStatus, TaskState
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import nanoseconds, position_array
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.join import Joiner
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.ros.urgency import UrgencySettings, claim
from hil_serl_ros.settings import SettingError, setting
from hil_serl_ros.sim.examples import Examples
from hil_serl_ros.sim.operator import TakeoverRule, TakeoverSettings
from hil_serl_ros.sim.tasks import task_named

KEPT_CALLS = 64  # words of the policy


@dataclass
class OperatorSettings:
    task: str = setting("pick_cube", "Task that the operator knows how to do.")
    clock: str = setting("lockstep", "The robot's clock.", choices=("lockstep", "realtime"))
    seed: int = setting(0, "Seed of the operator's whims.", minimum=0)


class ScriptedOperator(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("scripted_operator")

        # -------------------- parameters --------------------
        self.settings = declare(self, OperatorSettings)
        takeover = declare(self, TakeoverSettings)
        try:
            task = task_named(self.settings.task)
        except ValueError as error:
            raise SettingError(str(error)) from None
        lockstep = self.settings.clock == "lockstep"

        # -------------------- state --------------------
        self.expert = task.brain()
        self.rule = TakeoverRule(takeover, self.settings.seed)
        self.examples = Examples(task)
        self.mapping = JoyMapping()
        self.joiner = Joiner(
            ["pose", "task", "reward", "status"], leader="status", max_age_ns=None if lockstep else 10**8
        )
        self.actor: ActorStatus | None = None
        self.pending: dict | None = None  # an instant that waits for the actor's word on its epoch
        self.epoch: int | None = None
        self.succeeded = False
        self.labelled = False  # success, by the key pressed last in this episode
        self.pressed = False  # the button that takes over
        self.counted: int | None = None  # stamp of the last step that the rule counted, ns
        self.said: tuple[int, Joy] | None = None  # the answer to the last instant
        self.calls: OrderedDict[int, bool] = OrderedDict()  # by stamp of the observation, ns

        # -------------------- interfaces --------------------
        state = qos.receive_state(lockstep=lockstep)
        self.publisher = self.create_publisher(Joy, "joy", qos.TELEOP)
        kinds = {
            "pose": (PoseStamped, "tool_pose"),
            "task": (TaskState, "task_state"),
            "reward": (Reward, "ground_truth"),
            "status": (RobotStatus, "robot_status"),
        }
        for part, (kind, topic) in kinds.items():
            self.create_subscription(kind, topic, lambda message, part=part: self.on_part(part, message), state)
        self.create_subscription(ActorStatus, "actor_status", self.on_actor, qos.LATCHED)
        if takeover.only_when_called:
            self.create_subscription(PolicyState, "policy_state", self.on_policy, qos.POLICY_STATE)
        self.diagnostics = Diagnostics(self, lambda: {"driving": self.rule.driving})
        claim(self, declare(self, UrgencySettings), realtime=not lockstep)

    # -------------------- callbacks --------------------
    def on_actor(self, status: ActorStatus) -> None:
        """Learn what the actor does; an instant may be waiting for it."""
        self.actor = status
        if self.pending is not None:
            parts, self.pending = self.pending, None
            self.answer(parts)

    def on_policy(self, state: PolicyState) -> None:
        """Learn whether the policy asks for help; an instant may be waiting for it."""
        self.calls[nanoseconds(state.header.stamp)] = state.called
        while len(self.calls) > KEPT_CALLS:
            self.calls.popitem(last=False)
        if self.pending is not None:
            parts, self.pending = self.pending, None
            self.answer(parts)

    def is_called(self, status: RobotStatus) -> bool:
        """The policy asked for help at the instant before (in realtime: when it spoke last) of this episode."""
        if status.epoch != self.epoch or self.said is None or not self.calls:
            return False
        return self.calls.get(self.said[0], False) if status.lockstep else self.calls[next(reversed(self.calls))]

    def waits(self, status: RobotStatus) -> bool:
        """In lockstep, the word of the policy on the instant before has not come: the actor says it before it acts."""
        training = self.actor is not None and self.actor.mode == ActorStatus.MODE_TRAIN
        asked = training and self.rule.settings.only_when_called and status.lockstep and status.epoch == self.epoch
        if not asked or self.said is None:
            return False
        return self.said[0] != nanoseconds(status.header.stamp) and self.said[0] not in self.calls

    def on_part(self, part: str, message: PoseStamped | TaskState | Reward | RobotStatus) -> None:
        """Collect an instant, then answer it."""
        parts = self.joiner.add(part, nanoseconds(message.header.stamp), message)
        if parts is not None:
            self.answer(parts)

    def answer(self, parts: dict) -> None:
        """Say what the hands do at this instant; the same instant again gets the same answer."""
        status: RobotStatus = parts["status"]
        if self.actor is None or self.actor.epoch != status.epoch or self.waits(status):
            self.pending = parts
            return
        stamp = nanoseconds(status.header.stamp)
        if self.said is None or self.said[0] != stamp:
            self.said = (stamp, self.decide(parts, self.actor.mode, called=self.is_called(status)))
        self.publisher.publish(self.said[1])
        self.diagnostics.event("joy")

    def is_step(self, status: RobotStatus) -> bool:
        """A control period has passed since the last step that was counted; in realtime states come more often."""
        now, period = nanoseconds(status.header.stamp), int(status.control_period * 1e9) - 500_000
        if not status.lockstep and self.counted is not None and now - self.counted < period:
            return False
        self.counted = now
        return True

    def decide(self, parts: dict, mode: int, *, called: bool) -> Joy:
        """Look at the world and decide what to press."""
        status, task = parts["status"], parts["task"]
        if status.epoch != self.epoch:
            # The episode before ended with what its last instant showed.
            if mode == ActorStatus.MODE_TRAIN:
                self.rule.begin(self.succeeded)
            self.expert.reset()
            if mode == ActorStatus.MODE_COLLECT and self.actor is not None:
                self.examples.begin(self.settings.seed, self.actor.episode)
            self.labelled = False
            self.epoch = status.epoch
            self.counted = None
        self.succeeded = parts["reward"].success
        paused = self.actor is not None and self.actor.paused
        intervening = mode in (ActorStatus.MODE_DEMONSTRATE, ActorStatus.MODE_COLLECT)
        wish = Wish(np.zeros(6), KEEP, intervening)
        if mode in (ActorStatus.MODE_DEMONSTRATE, ActorStatus.MODE_TRAIN, ActorStatus.MODE_COLLECT):
            objects = np.array([position_array(pose) for pose in task.object_poses])
            goals = np.array([position_array(pose) for pose in task.goal_poses]).reshape(-1, 3)
            tool = position_array(parts["pose"].pose)
            if mode == ActorStatus.MODE_TRAIN:
                intervening = self.rule.update(called) if self.is_step(status) else self.rule.driving
                intervening = intervening or paused
            if intervening:
                hand = self.examples if mode == ActorStatus.MODE_COLLECT else self.expert
                action = hand.act(tool, status.gripper, objects, goals, position_array(status.target))
                motion = np.zeros(6)
                motion[:3] = action.delta
                wish = Wish(motion, action.gripper, True)
            if mode != ActorStatus.MODE_TRAIN and self.succeeded != self.labelled:
                # The key is pressed when it becomes a success, and when it is none any more.
                self.labelled = self.succeeded
                wish = dataclasses.replace(wish, success=self.labelled, failure=not self.labelled)
        if paused and self.pressed:
            # After a lost link a button that is still held drives no more: let go, then take over again.
            wish = Wish(np.zeros(6), KEEP, False)
        self.pressed = wish.intervening
        axes, buttons = self.mapping.write(wish)
        return Joy(header=status.header, axes=axes, buttons=buttons)


def main() -> None:
    """Run the node."""
    run_node(ScriptedOperator)


if __name__ == "__main__":
    main()
