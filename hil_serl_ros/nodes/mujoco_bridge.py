"""Node ``mujoco_bridge``: the robot, in simulation.

It obeys `command_executed`, holds the last target otherwise, and publishes its state with one stamp.
In lockstep the world advances one control period per new command; in realtime at wall speed.
"""

from __future__ import annotations

import time
from dataclasses import astuple, dataclass

import numpy as np
from builtin_interfaces.msg import Time
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
from hil_serl_ros.ros.camera_publisher import CameraPublisher, pinhole
from hil_serl_ros.ros.convert import pose_message, position_array, quaternion_array, stamp_of
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.ros.urgency import UrgencySettings, claim
from hil_serl_ros.settings import SettingError, setting
from hil_serl_ros.sim.rendering import CAMERAS, FAST, FULL, Renderer
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.viewer import Viewer
from hil_serl_ros.sim.world import GRIPPER_RANGE, World
from hil_serl_ros.srv import ResetWorld, StepWorld

EARLY = 0.75  # publish periods after which a timer's call counts as the next one
MOST_LATE = 2  # control periods that the world catches up with
PAUSED_PERIOD = 0.5  # s between two states of a world that stands still: a sign of life, and no load on the graph
EPOCHS = 1_000_000  # of one life: after a restart no epoch comes twice, and no instant
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
    # ROS cannot tell the type of an empty list, hence the empty name.
    cameras: list[str] = setting([""], f"Cameras to render, of {', '.join(CAMERAS)}; an empty name: none.")
    image_width: int = setting(128, "Width of the rendered pictures.", unit="pixels", minimum=16, maximum=4096)
    image_height: int = setting(128, "Height of the rendered pictures.", unit="pixels", minimum=16, maximum=4096)
    depth: bool = setting(False, "Publish the cameras' depth too.")
    render_quality: str = setting(
        FAST,
        "fast: no shadows, reflections and multisampling, coarser meshes; full: as MuJoCo shows it.",
        choices=(FAST, FULL),
    )
    camera_period: float = setting(
        0.1, "Time between two frames in realtime.", unit="s", minimum=0.005, maximum=10.0, dynamic=True
    )
    viewer: bool = setting(False, "Open a window on the world where there is a display.")
    restarts: int = setting(0, "How often it was killed and started again in this run.", minimum=0, maximum=4000)


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
        self.epoch = EPOCHS * self.settings.restarts
        self.paused = False
        self.owed = False  # a command came while the lockstep world was paused; its step is still to be made
        self.rest = 0.0  # s by which the world is behind the instants, for they are no whole steps of the physics
        names = tuple(name for name in self.settings.cameras if name)
        size = self.settings.image_width, self.settings.image_height
        self.renderer = Renderer(self.world, names, *size, self.settings.render_quality) if names else None
        self.frames: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
        self.framed = -np.inf  # stamp of the last frames, s
        self.viewer = Viewer(self.world) if self.settings.viewer else None

        # -------------------- interfaces --------------------
        state = qos.publish_state(lockstep=self.lockstep)
        self.clock_publisher = self.create_publisher(ClockMessage, "/clock", state)
        self.joints = self.create_publisher(JointState, "joint_states", state)
        self.pose = self.create_publisher(PoseStamped, "tool_pose", state)
        self.twist = self.create_publisher(TwistStamped, "tool_twist", state)
        self.task_state = self.create_publisher(TaskState, "task_state", state)
        self.ground_truth = self.create_publisher(Reward, "ground_truth", state)
        self.status = self.create_publisher(RobotStatus, "robot_status", qos.robot_status(lockstep=self.lockstep))
        self.camera_publishers = {name: CameraPublisher(self, name, state, depth=self.settings.depth) for name in names}
        self.create_subscription(RobotCommand, "command_executed", self.on_command, qos.COMMAND)
        self.create_service(ResetWorld, "reset_world", self.on_reset)
        self.create_service(StepWorld, "step_world", self.on_step)
        self.create_service(SetBool, "pause", self.on_pause)
        self.diagnostics = Diagnostics(self, lambda: {"epoch": self.epoch, "sequence": self.sequence})
        if not self.lockstep:
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self.timer = self.create_timer(self.settings.publish_period, self.on_timer, clock=steady)
        self.behind = time.monotonic()  # wall time up to which the world was advanced, realtime only
        self.get_logger().info(f"{self.task.name} in {self.settings.clock}")
        claim(self, declare(self, UrgencySettings), realtime=not self.lockstep)

    # -------------------- callbacks --------------------
    def on_command(self, command: RobotCommand) -> None:
        """Take a target; in lockstep advance by one period. The same number again only repeats the state."""
        if command.epoch != self.epoch:
            self.diagnostics.fault(
                "stale epoch", f"command {command.sequence} is of another epoch; dropped: its sender missed a reset"
            )
            if self.lockstep and command.epoch < EPOCHS * self.settings.restarts:
                self.publish()  # whoever waits for the answer of the life before shall know that none comes
            return
        if command.sequence == self.sequence:
            self.publish()
            return
        if command.sequence < self.sequence:
            self.diagnostics.fault(
                "old command",
                f"command {command.sequence} came after {self.sequence}; dropped: if it goes on, two nodes command",
            )
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
        """Advance the world to wall time in whole periods: states are instants of one grid, however late they are."""
        now, period = time.monotonic(), self.settings.publish_period
        if self.paused:
            self.behind = now
            self.publish()
        elif now - self.behind > MOST_LATE * self.settings.control_period:
            self.behind = now - period  # what was missed is not caught up with
        while now - self.behind > EARLY * period:
            self.behind += period
            before = self.world.time
            self.world.advance(period + self.rest)
            self.rest += period - (self.world.time - before)
            self.publish()

    def on_reset(self, request: ResetWorld.Request, response: ResetWorld.Response) -> ResetWorld.Response:
        """See ResetWorld.srv."""
        if request.seed < 0:
            response.message = f"a seed is 0 or more; {request.seed} is not"
            return response
        self.world.reset(request.seed)
        self.epoch += 1
        self.owed = False
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
        if not self.lockstep:
            usual = self.settings.publish_period
            self.timer.timer_period_ns = round(1e9 * (max(PAUSED_PERIOD, usual) if self.paused else usual))
            self.timer.reset()
            self.behind = time.monotonic()  # the time in which it stood still is not made up for
            self.publish()  # at once, so that everybody has the instant at which it stands
        response.success = True
        return response

    def publish(self) -> RobotStatus:
        """Publish the whole state with one stamp."""
        world = self.world
        # Time never stands still over a reset: the state after it has a stamp of its own.
        nanosecond = round((world.time + self.epoch * self.settings.control_period) * 1e9)
        stamp = stamp_of(nanosecond)
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
        self.ground_truth.publish(reward)
        self.publish_frames(stamp, nanosecond * 1e-9)
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

    def publish_frames(self, stamp: Time, seconds: float) -> None:
        """Publish what the cameras see now: in lockstep with every state, in realtime when a frame is due."""
        due = self.lockstep or seconds < self.framed or seconds - self.framed >= self.settings.camera_period - 1e-6
        if self.renderer is None or not due:
            return
        for name, publisher in self.camera_publishers.items():
            # A state that is published again has the pictures that it had.
            if seconds != self.framed:
                draw = self.renderer
                self.frames[name] = draw.picture_and_depth(name) if self.settings.depth else (draw.picture(name), None)
            picture, depth = self.frames[name]
            publisher.publish(stamp, picture, pinhole(*astuple(self.renderer.intrinsics(name))), depth)
        self.framed = seconds

    def close(self) -> None:
        """Close the window and free the cameras, if there are any."""
        if self.renderer is not None:
            self.renderer.close()
        if self.viewer is not None:
            self.viewer.close()


def main() -> None:
    """Run the node."""
    run_node(MujocoBridge)


if __name__ == "__main__":
    main()
