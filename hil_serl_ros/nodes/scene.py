"""Node ``scene``: what rviz2 shows. Robot description, TF, markers and point clouds, made of the graph's own topics.

It acts on nothing, listens only while somebody looks, and no other node waits for it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rcl_interfaces.msg import ParameterType
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.parameter_client import AsyncParameterClient
from rclpy.subscription import Subscription
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_msgs.msg import Header, String
from visualization_msgs.msg import Marker, MarkerArray

from hil_serl_ros.msg import PolicyState, RobotCommand, RobotStatus, TaskState
from hil_serl_ros.ros import points, qos, transforms
from hil_serl_ros.ros.cloud_publisher import CloudPublisher
from hil_serl_ros.ros.convert import pose_message
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.markers import Markers, driver_of
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.settings import SettingError, setting
from hil_serl_ros.sim.camera_frames import camera_frames
from hil_serl_ros.sim.rendering import CAMERAS
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.urdf import description_folder, driver_angle, robot_joints, write_urdf
from hil_serl_ros.sim.world import JOINTS, World

LOOK = 1.0  # s between two looks at who listens
ASK = 5  # looks between two questions to `safety` about its workspace
SILENT = 2.0  # s without a command after which nobody drives
NOWHERE = np.array([0.4, 0.0, 0.5])  # m, where texts stand while the workspace is not known
ASIDE = np.array([0.0, 0.1, 0.0])  # m from the texts to the bar of the value
HEARD: dict[str, type] = {
    "joint_states": JointState,
    "tool_pose": PoseStamped,
    "robot_status": RobotStatus,
    "command_executed": RobotCommand,
    "policy_state": PolicyState,
    "task_state": TaskState,
}


@dataclass
class SceneSettings:
    task: str = setting("pick_cube", "Task of the simulated world, whose robot and cameras are shown.")
    base_frame: str = setting("panda_link0", "Name of the robot's base frame (REP-105 style, no leading slash).")
    tool_frame: str = setting("panda_tool", "Name of the frame that stands at tool_pose.")
    simulated: bool = setting(
        True, "Publish the simulated robot's description and cameras' frames; off where a real robot's driver does."
    )
    description_folder: str = setting(
        "", "Where the URDF and its meshes are written; empty: hil_serl_ros/<task> in ROS_HOME, or in ~/.ros."
    )
    cloud_cameras: list[str] = setting(list(CAMERAS), "Cameras whose picture and depth make point clouds.")
    farthest: float = setting(3.0, "Depth beyond which there is no point.", unit="m", minimum=0.01, maximum=1000.0)
    show_period: float = setting(
        0.1,
        "Least time between two states that are shown, or two clouds.",
        unit="s",
        minimum=0.02,
        maximum=5.0,
    )


class Scene(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("scene")

        # -------------------- parameters --------------------
        self.settings = declare(self, SceneSettings)
        settings = self.settings
        try:
            task = task_named(settings.task)
        except ValueError as error:
            raise SettingError(str(error)) from None

        # -------------------- state --------------------
        self.newest: dict[str, Any] = {}
        self.commanded = -np.inf  # steady time of the last command, s
        self.box: tuple[np.ndarray, np.ndarray] | None = None  # corners of the workspace, m
        self.asked: Future | None = None
        self.looks = 0
        self.watchers = 0
        self.shown = Header()  # of the last state whose transforms were sent
        self.subscribed: list[Subscription] = []

        # -------------------- interfaces --------------------
        self.markers = Markers(settings.base_frame)
        self.marker_publisher = self.create_publisher(MarkerArray, "markers", qos.SHOWN)
        self.joint_publisher = self.create_publisher(JointState, "shown_joint_states", qos.SHOWN)
        self.transforms = transforms.TransformPublisher(self)
        self.diagnostics = Diagnostics(self, lambda: {"watchers": self.watchers})
        self.safety = AsyncParameterClient(self, "safety")
        names = [name for name in settings.cloud_cameras if name] if points.AVAILABLE else []
        self.clouds = [
            CloudPublisher(self, name, settings.show_period, settings.farthest, self.diagnostics) for name in names
        ]
        if settings.simulated:
            self.describe(World(task), Path(settings.description_folder or description_folder(task.name)))
        lacking = {"tf2_msgs": transforms.AVAILABLE, "sensor_msgs_py": points.AVAILABLE}
        for package in (name for name, there in lacking.items() if not there):
            off = "TF is" if package == "tf2_msgs" else "point clouds are"
            self.get_logger().info(f"{package} is not installed: {off} off; stock ROS 2 has it")
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.show_timer = self.create_timer(settings.show_period, self.show, clock=steady, autostart=False)
        self.look_timer = self.create_timer(LOOK, self.look, clock=steady)

    def describe(self, world: World, folder: Path) -> None:
        """Publish the robot's description and where its cameras are, for whoever comes, whenever."""
        settings = self.settings
        self.joint_names = robot_joints(world.model)
        self.model = world.model
        try:
            text = write_urdf(world.model, folder)
        except OSError as error:
            raise SettingError(f"the robot's description cannot be written: {error}; set description_folder") from None
        self.description_publisher = self.create_publisher(String, "robot_description", qos.LATCHED)
        self.description_publisher.publish(String(data=text))
        still = []
        for frame in camera_frames(world):
            header = Header(frame_id=settings.tool_frame if frame.on_tool else settings.base_frame)
            pose = pose_message(frame.position, frame.quaternion)
            still.append(transforms.transform(header, f"{frame.camera}_optical_frame", pose))
        self.transforms.send_static(still)

    # -------------------- callbacks --------------------
    def look(self) -> None:
        """See who watches: listen and show only then."""
        for cloud in self.clouds:
            cloud.look()
        shown = (self.marker_publisher, self.joint_publisher)
        watchers = sum(p.get_subscription_count() for p in shown) + self.transforms.watchers
        if watchers != self.watchers:
            self.shown = Header()  # who came late gets the state of a world that stands still, too
        self.watchers = watchers
        if watchers and not self.subscribed:
            # Best effort hears both kinds of publisher, and cannot hold a lockstep one up.
            profile = qos.receive_state(lockstep=False)
            for topic, kind in HEARD.items():
                take = lambda message, topic=topic: self.take(topic, message)  # noqa: E731
                self.subscribed.append(self.create_subscription(kind, topic, take, profile))
            self.show_timer.reset()
            self.looks = 0
        elif not watchers and self.subscribed:
            self.show_timer.cancel()
            for subscription in self.subscribed:
                self.destroy_subscription(subscription)
            self.subscribed = []
            self.newest = {}
        if watchers and self.looks % ASK == 0:
            self.ask_workspace()
        self.looks += bool(watchers)

    def take(self, topic: str, message: Any) -> None:
        """Remember the newest of each topic."""
        self.newest[topic] = message
        if topic == "command_executed":
            self.commanded = time.monotonic()

    def ask_workspace(self) -> None:
        """Ask `safety` for its workspace: what it enforces is shown, not what a file says."""
        if not self.safety.services_are_ready():
            self.box = None
            self.looks -= 1  # at the next look again
            return
        self.asked = self.safety.get_parameters(["workspace_low", "workspace_high"], self.on_workspace)

    def on_workspace(self, future: Future) -> None:
        """The answer."""
        values = future.result().values
        corners = [np.array(v.double_array_value) for v in values if v.type == ParameterType.PARAMETER_DOUBLE_ARRAY]
        if len(corners) == 2 and all(corner.shape == (3,) for corner in corners):
            self.box = corners[0], corners[1]
        else:
            self.diagnostics.fault("no workspace", "safety's answer has no workspace_low and workspace_high")

    def show(self) -> None:
        """Publish the newest of all, at a bounded rate."""
        tool = self.newest.get("tool_pose")
        if tool is not None and tool.header != self.shown:
            # The same instant twice would make tf2 complain.
            self.shown = tool.header
            header = Header(stamp=tool.header.stamp, frame_id=tool.header.frame_id or self.settings.base_frame)
            self.transforms.send([transforms.transform(header, self.settings.tool_frame, tool.pose)])
            if self.settings.simulated:
                self.show_joints()
            self.diagnostics.event("states shown")
        if self.marker_publisher.get_subscription_count():
            self.marker_publisher.publish(MarkerArray(markers=self.all_markers()))

    def show_joints(self) -> None:
        """The arm's joints with the gripper's, whose angle `joint_states` does not have: as it was commanded."""
        joints, status = self.newest.get("joint_states"), self.newest.get("robot_status")
        if joints is None or len(joints.position) != JOINTS:
            return
        whole = JointState(header=joints.header, name=self.joint_names)
        angle = driver_angle(self.model, status.gripper if status is not None else 0.0)
        whole.position = [*joints.position, angle]
        self.joint_publisher.publish(whole)

    def all_markers(self) -> list[Marker]:
        """The markers of what is known now."""
        command, status = self.newest.get("command_executed"), self.newest.get("robot_status")
        driver, why = driver_of(command, time.monotonic() - self.commanded > SILENT)
        shown: list[Marker] = []
        above = aside = NOWHERE
        if self.box is not None:
            low, high = self.box
            above = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, high[2]])
            aside = np.array([above[0], high[1], low[2]])
            shown += self.markers.workspace(low, high)
        # What the robot holds is newer than what it was told, after a reset.
        target = status.target if status is not None else command.target if command is not None else None
        if target is not None:
            shown += self.markers.target(target, driver)
        shown += self.markers.driver(driver, why, above)
        if (state := self.newest.get("policy_state")) is not None:
            shown += self.markers.help(state, above)
            shown += self.markers.value(state, aside + ASIDE)
        if (task := self.newest.get("task_state")) is not None:
            shown += self.markers.objects(task)
        return shown


def main() -> None:
    """Run the node."""
    run_node(Scene)


if __name__ == "__main__":
    main()
