"""Node ``state``: senses. It joins the robot's parts of one instant into one `Observation`.

In lockstep the parts of a step carry one stamp and are joined by it. In realtime the newest parts are
taken, one observation a control period, and a part that is older than ``max_age`` refuses the tick.
"""

from __future__ import annotations

from dataclasses import dataclass

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from sensor_msgs.msg import JointState

from hil_serl_ros.msg import Observation, RobotStatus, TaskState
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import nanoseconds
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.join import Joiner
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.settings import setting

GRIPPER_SCALE = 255.0  # closure 0..1 to gym_hil's actuator command


@dataclass
class StateSettings:
    clock: str = setting(
        "lockstep", "The robot's clock: lockstep joins by stamp, realtime by age.", choices=("lockstep", "realtime")
    )
    environment_state: bool = setting(True, "Observe the first object's position (simulation's ground truth).")
    joints: int = setting(7, "Number of joints that a JointState must have.", minimum=1, maximum=32)
    max_age: float = setting(
        0.05, "Oldest part that still joins, realtime only.", unit="s", minimum=0.001, maximum=10.0
    )


class StateNode(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("state")

        # -------------------- parameters --------------------
        self.settings = declare(self, StateSettings)
        lockstep = self.settings.clock == "lockstep"

        # -------------------- state --------------------
        parts = ["joints", "pose", "status"] + (["task"] if self.settings.environment_state else [])
        self.joiner = Joiner(parts, leader="status", max_age_ns=None if lockstep else int(self.settings.max_age * 1e9))
        self.last_stamp: int | None = None
        self.last_epoch = -1

        # -------------------- interfaces --------------------
        state = qos.receive_state(lockstep=lockstep)
        self.publisher = self.create_publisher(Observation, "observation", qos.publish_state(lockstep=lockstep))
        kinds = {
            "joints": (JointState, "joint_states"),
            "pose": (PoseStamped, "tool_pose"),
            "status": (RobotStatus, "robot_status"),
            "task": (TaskState, "task_state"),
        }
        for part in parts:
            kind, topic = kinds[part]
            self.create_subscription(kind, topic, lambda message, part=part: self.on_part(part, message), state)
        self.diagnostics = Diagnostics(self)

    # -------------------- callbacks --------------------
    def on_part(self, part: str, message: JointState | PoseStamped | RobotStatus | TaskState) -> None:
        """Keep a part; when its instant is whole, publish the observation."""
        if part == "joints":
            wrong = [n for n in (len(message.position), len(message.velocity)) if n != self.settings.joints]
            if wrong:
                self.diagnostics.fault(
                    "wrong joints", f"a JointState has {wrong[0]} joints, not {self.settings.joints}; refused"
                )
                return
        if part == "task" and not message.object_poses:
            self.diagnostics.fault("no object", "a TaskState has no object to observe; refused")
            return
        joined = self.joiner.add(part, nanoseconds(message.header.stamp), message)
        if self.joiner.stale:
            self.diagnostics.fault("stale", f"no observation: {self.joiner.stale} is missing or too old")
        if joined is not None and self.due(joined["status"]):
            self.publish(joined)

    def due(self, status: RobotStatus) -> bool:
        """One observation a control period; in lockstep every state is one, a repeated one too."""
        now = nanoseconds(status.header.stamp)
        if not status.lockstep and self.last_stamp is not None and status.epoch == self.last_epoch:
            # Half a millisecond of slack: stamps are multiples of the physics' time step.
            due = self.last_stamp + int(status.control_period * 1e9) - 500_000
            if self.last_stamp <= now < due:
                return False
        self.last_stamp, self.last_epoch = now, status.epoch
        return True

    def publish(self, parts: dict) -> None:
        """Publish one joined instant."""
        joints, status, tool = parts["joints"], parts["status"], parts["pose"].pose.position
        message = Observation(header=status.header, sequence=status.sequence, epoch=status.epoch)
        message.state = [
            *joints.position,
            *joints.velocity,
            status.gripper * GRIPPER_SCALE,
            tool.x,
            tool.y,
            tool.z,
        ]
        if "task" in parts:
            position = parts["task"].object_poses[0].position
            message.environment_state = [position.x, position.y, position.z]
        self.publisher.publish(message)
        self.diagnostics.event("observations")


def main() -> None:
    """Run the node."""
    run_node(StateNode)


if __name__ == "__main__":
    main()
