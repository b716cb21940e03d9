"""Node ``mujoco_bridge``: the robot, in simulation.

It obeys `command_executed`, holds the last target otherwise, and publishes its state with one stamp.
In lockstep the world advances one control period per new command; in realtime at wall speed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import JointState
from std_msgs.msg import Header
from std_srvs.srv import SetBool

from hil_serl_ros.msg import Reward, RobotCommand, RobotStatus, TaskState
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import pose_message, position_array, quaternion_array, stamp_of
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.settings import SettingError, setting
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.viewer import Viewer
from hil_serl_ros.sim.world import GRIPPER_RANGE, World
from hil_serl_ros.srv import ResetWorld, StepWorld

JOINT_NAMES = [f"panda_joint{i}" for i in range(1, 8)]


@dataclass
class BridgeSettings:
    task: str = setting("pick_cube", "Task of the simulated world: pick_cube, arrange_boxes, or gym_hil's name of one.")
    clock: str = setting(
        "lockstep",
        "lockstep advances one control period per command, as fast as it can; realtime runs at wall speed.",
        choices=("lockstep", "realtime"),
    )
    control_period: float = setting(0.1, "Time between two commands.", unit="s", minimum=0.01, maximum=1.0)
    physics_timestep: float = setting(0.002, "Time step of the physics.", unit="s", minimum=0.0005, maximum=0.01)
    publish_period: float = setting(0.02, "Time between two states in realtime.", unit="s", minimum=0.005, maximum=1.0)
    base_frame: str = setting("panda_link0", "Name of the robot's base frame (REP-105 style, no leading slash).")
    viewer: bool = setting(False, "Open a window on the world where there is a display.")


class MujocoBridge(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("mujoco_bridge")

        # -------------------- parameters --------------------
        self.settings = declare(self, BridgeSettings)
        try:
            self.task = task_named(self.settings.task)
        except ValueError as error:
            raise SettingError(str(error)) from None
        self.lockstep = self.settings.clock == "lockstep"

        # -------------------- state --------------------
        self.world = World(self.task, self.settings.control_period, self.settings.physics_timestep)
        self.sequence = 0
        self.epoch = 0
        self.paused = False
        self.owed = False  # a command came while the lockstep world was paused; its step is still to be made
        self.behind = time.monotonic()  # wall time up to which the world was advanced, realtime only
        self.viewer = Viewer(self.world) if self.settings.viewer else None

        # -------------------- interfaces --------------------
        state = qos.publish_state(lockstep=self.lockstep)
        self.clock_publisher = self.create_publisher(ClockMessage, "/clock", state)
        self.joints = self.create_publisher(JointState, "joint_states", state)
        self.pose = self.create_publisher(PoseStamped, "tool_pose", state)
        self.twist = self.create_publisher(TwistStamped, "tool_twist", state)
        self.task_state = self.create_publisher(TaskState, "task_state", state)
        self.reward = self.create_publisher(Reward, "reward", state)
        self.status = self.create_publisher(RobotStatus, "robot_status", qos.robot_status(lockstep=self.lockstep))
        self.create_subscription(RobotCommand, "command_executed", self.on_command, qos.COMMAND)
        self.create_service(ResetWorld, "reset_world", self.on_reset)
        self.create_service(StepWorld, "step_world", self.on_step)
        self.create_service(SetBool, "pause", self.on_pause)
        self.diagnostics = Diagnostics(self, lambda: {"epoch": self.epoch, "sequence": self.sequence})
        if not self.lockstep:
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self.timer = self.create_timer(self.settings.publish_period, self.on_timer, clock=steady)
        self.get_logger().info(f"{self.task.name} in {self.settings.clock}")

    # -------------------- callbacks --------------------
    def on_command(self, command: RobotCommand) -> None:
        """Take a target; in lockstep advance by one period. The same number again only repeats the state."""
        if command.epoch != self.epoch:
            self.diagnostics.fault("stale epoch", f"command {command.sequence} is of another epoch; dropped")
            return
        if command.sequence == self.sequence:
            self.publish()
            return
        if command.sequence < self.sequence:
            self.diagnostics.fault("old command", f"command {command.sequence} came after {self.sequence}; dropped")
            return
        try:
            self.world.set_target(position_array(command.target), quaternion_array(command.target), command.gripper)
        except ValueError as error:
            self.diagnostics.fault("bad command", f"command {command.sequence} refused, holding: {error}")
        self.sequence = command.sequence
        self.diagnostics.event("commands")
        self.owed = self.lockstep
        self.step_if_owed()

    def step_if_owed(self) -> None:
        """Make the step of the last command, unless the world is paused: then when it goes on."""
        if self.owed and not self.paused:
            self.owed = False
            self.world.step()
            self.publish()

    def on_timer(self) -> None:
        """Advance the world to wall time, at most a few periods at once, and publish."""
        now = time.monotonic()
        late = now - self.behind
        if self.paused or late > 10 * self.settings.control_period:
            self.behind = now
            late = 0.0
        ticks = int(late / self.settings.physics_timestep)
        if ticks:
            self.world.advance(ticks * self.settings.physics_timestep)
            self.behind += ticks * self.settings.physics_timestep
        self.publish()

    def on_reset(self, request: ResetWorld.Request, response: ResetWorld.Response) -> ResetWorld.Response:
        """See ResetWorld.srv."""
        if request.seed < 0:
            response.message = f"a seed is 0 or more; {request.seed} is not"
            return response
        self.world.reset(request.seed)
        self.epoch += 1
        self.owed = False
        self.behind = time.monotonic()
        response.success = True
        response.status = self.publish()
        return response

    def on_step(self, request: StepWorld.Request, response: StepWorld.Response) -> StepWorld.Response:
        """See StepWorld.srv."""
        if not 1 <= request.steps <= 1000:
            response.message = f"steps is 1 to 1000; {request.steps} is not"
        elif not self.lockstep and not self.paused:
            response.message = "a realtime world advances by itself; pause it first"
        else:
            self.owed = False
            for _ in range(request.steps):
                self.world.step()
            response.success = True
            response.status = self.publish()
        return response

    def on_pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """Stop or go on; commands are still taken while paused."""
        self.paused = request.data
        self.step_if_owed()
        response.success = True
        return response

    def publish(self) -> RobotStatus:
        """Publish the whole state with one stamp."""
        world = self.world
        # Time never stands still over a reset: the state after it has a stamp of its own.
        stamp = stamp_of(round((world.time + self.epoch * self.settings.control_period) * 1e9))
        header = Header(stamp=stamp, frame_id=self.settings.base_frame)
        self.clock_publisher.publish(ClockMessage(clock=stamp))
        joints = JointState(header=header, name=JOINT_NAMES)
        joints.position = world.joint_positions.tolist()
        joints.velocity = world.joint_velocities.tolist()
        joints.effort = world.joint_efforts.tolist()
        self.joints.publish(joints)
        self.pose.publish(
            PoseStamped(header=header, pose=pose_message(world.tool_position, world.tool_quaternion_wxyz))
        )
        twist = TwistStamped(header=header)
        linear, angular = twist.twist.linear, twist.twist.angular
        linear.x, linear.y, linear.z = world.tool_linear_velocity.tolist()
        angular.x, angular.y, angular.z = world.tool_angular_velocity.tolist()
        self.twist.publish(twist)
        task = TaskState(header=header, task=self.task.name, object_names=list(world.object_names))
        for position, quaternion in zip(world.object_positions, world.object_quaternions_wxyz, strict=True):
            task.object_poses.append(pose_message(position, quaternion))
        task.goal_poses = [pose_message(goal, np.array([1.0, 0, 0, 0])) for goal in world.goal_positions]
        self.task_state.publish(task)
        outcome = world.outcome()
        reward = Reward(header=header, reward=outcome.reward, success=outcome.success, terminated=outcome.terminated)
        reward.probability = float(outcome.success)
        self.reward.publish(reward)
        status = RobotStatus(header=header, sequence=self.sequence, epoch=self.epoch, lockstep=self.lockstep)
        status.target = pose_message(world.target_position, world.target_quaternion_wxyz)
        status.gripper = world.gripper_command / GRIPPER_RANGE
        status.control_period = self.settings.control_period
        # The status goes last: who has it has the rest, or will.
        self.status.publish(status)
        self.diagnostics.event("states")
        if self.viewer is not None:
            self.viewer.sync()
        return status

    def close(self) -> None:
        """Close the window, if there is one."""
        if self.viewer is not None:
            self.viewer.close()


def main() -> None:
    """Run the node."""
    run_node(MujocoBridge)


if __name__ == "__main__":
    main()
