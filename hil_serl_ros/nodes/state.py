"""Node ``state``: senses. It joins the robot's parts of one instant into one `Observation`.

In lockstep the parts of a step carry one stamp and are joined by it, frames too. In realtime the newest parts are
taken, one observation a control period, and a part that is older than ``max_age`` refuses the tick; of each camera
the frame nearest to the joints' stamp is taken, and one further away than ``max_skew`` refuses the tick.
Frames are cropped, resized and compressed here, once: who acts, judges, learns and records gets the very same picture.
A bad one gives a counted warning and no observation: the arm holds.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from geometry_msgs.msg import PoseStamped
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image, JointState

from hil_serl_ros.env.frames import frame_of
from hil_serl_ros.env.images import BadFrame, FrameGuard, Region, fit, fits_already, pixels_of
from hil_serl_ros.learning.observed import ObservationSettings, camera_names, crops_of
from hil_serl_ros.msg import Observation, RobotStatus, TaskState
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.camera_publisher import image_message
from hil_serl_ros.ros.compression import FORMATS, encode
from hil_serl_ros.ros.convert import nanoseconds
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.join import Joiner
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.ros.urgency import UrgencySettings, claim
from hil_serl_ros.settings import setting

GRIPPER_SCALE = 255.0  # closure 0..1 to gym_hil's actuator command
SLACK = 0.1  # control periods by which a state may be early for an observation
PATIENCE = 1.0  # s after which a lockstep instant that lacks a part is reported
NAMED_NS = 1_000_000_000  # for so long a refused frame explains that its camera is stale


@dataclass
class StateSettings:
    clock: str = setting(
        "lockstep", "The robot's clock: lockstep joins by stamp, realtime by age.", choices=("lockstep", "realtime")
    )
    joints: int = setting(7, "Number of joints that a JointState must have.", minimum=1, maximum=32)
    max_age: float = setting(
        0.05, "Oldest part that still joins, realtime only.", unit="s", minimum=0.001, maximum=10.0
    )
    max_skew: float = setting(
        0.05, "Largest time between a frame and the joints, realtime only.", unit="s", minimum=0.001, maximum=10.0
    )
    frozen_after: int = setting(
        5,
        "So many identical pictures are a camera that hangs, realtime only; 0 does not look (a simulated camera).",
        unit="frames",
        minimum=0,
        maximum=100_000,
    )
    compression: str = setting(
        "raw", "Pictures in an observation: as they are, png without loss, or jpeg.", choices=("raw", *FORMATS)
    )
    compression_quality: int = setting(90, "Quality of jpeg, 1 to 100.", minimum=1, maximum=100)


class StateNode(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("state")

        # -------------------- parameters --------------------
        self.settings = declare(self, StateSettings)
        lockstep = self.settings.clock == "lockstep"
        self.observed = declare(self, ObservationSettings)
        self.cameras = camera_names(self.observed.cameras)
        self.regions = {name: Region(*crop) for name, crop in crops_of(self.observed.crops, self.cameras).items()}

        # -------------------- state --------------------
        parts = ["joints", "pose", "status"] + (["task"] if self.observed.environment_state else [])
        max_age = None if lockstep else int(self.settings.max_age * 1e9)
        skew = dict.fromkeys(self.cameras, int(self.settings.max_skew * 1e9))
        self.joiner = Joiner([*parts, *self.cameras], leader="status", max_age_ns=max_age, max_skew_ns=skew)
        frozen_after = 0 if lockstep else self.settings.frozen_after
        self.judges = {camera: FrameGuard(camera, frozen_after) for camera in self.cameras}
        self.refused: dict[str, int] = {}  # cameras whose last frame was bad, and its stamp, ns
        self.skews: dict[str, tuple[float, float]] = {}  # per camera, of the last observation and the worst, ms
        self.waiting: tuple[int, list[str]] | None = None
        self.next_stamp = 0  # ns, when the next observation is due, realtime only
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
        for camera in self.cameras:
            topic = f"{camera}/image_raw"
            self.create_subscription(Image, topic, lambda message, camera=camera: self.on_frame(camera, message), state)
        self.diagnostics = Diagnostics(self, self.figures)
        if lockstep:
            self.timer = self.create_timer(PATIENCE, self.on_timer, clock=Clock(clock_type=ClockType.STEADY_TIME))
        claim(self, declare(self, UrgencySettings), realtime=not lockstep, quick=True)

    # -------------------- callbacks --------------------
    def on_part(self, part: str, message: JointState | PoseStamped | RobotStatus | TaskState) -> None:
        """Keep a part; when its instant is whole, publish the observation."""
        if part == "joints":
            wrong = [n for n in (len(message.position), len(message.velocity)) if n != self.settings.joints]
            if wrong:
                self.diagnostics.fault(
                    "wrong joints",
                    f"a JointState has {wrong[0]} joints, not {self.settings.joints}; refused: "
                    "set the parameter `joints` to the robot's number",
                )
                return
        if part == "task" and not message.object_poses:
            self.diagnostics.fault(
                "no object", "a TaskState has no object to observe; refused: set `environment_state` to false"
            )
            return
        self.join(part, message)

    def on_frame(self, camera: str, message: Image) -> None:
        """Keep a good frame; a bad one is refused, and what its camera sent before is not used either."""
        frame = frame_of(message)
        self.diagnostics.event(f"{camera} frames")
        try:
            self.judges[camera].check(frame)
        except BadFrame as bad:
            self.refused[camera] = frame.stamp
            self.joiner.forget(camera, frame.stamp)
            self.diagnostics.fault(f"{camera}: {bad.kind}", f"no observation: {bad}")
            return
        self.refused.pop(camera, None)
        self.join(camera, message)

    def join(self, part: str, message: JointState | PoseStamped | RobotStatus | TaskState | Image) -> None:
        """Add a part; publish what it makes whole."""
        stamp = nanoseconds(message.header.stamp)
        joined = self.joiner.add(part, stamp, message)
        # A camera whose last frame was refused has been named with the reason already; but it may have died since.
        stale = self.joiner.stale
        if stale and (stale not in self.refused or stamp - self.refused[stale] > NAMED_NS):
            self.diagnostics.fault(
                "stale", f"no observation: {stale} is missing or too old; is its node running, and at its rate?"
            )
        if joined is not None and self.due(joined["status"]):
            self.publish(joined)

    def on_timer(self) -> None:
        """Lockstep only: say which part an instant has waited for, or the world would stand still without a word."""
        waiting = self.joiner.waiting()
        if waiting is not None and waiting == self.waiting:
            named = [camera for camera in waiting[1] if self.refused.pop(camera, None) is not None]
            if not named:
                self.diagnostics.fault(
                    "missing", f"no observation: {', '.join(waiting[1])} did not come; is its node running?"
                )
        self.waiting = waiting

    def figures(self) -> dict[str, object]:
        """Skew of each camera, for the diagnostics."""
        figures: dict[str, object] = {}
        for camera, (last, worst) in self.skews.items():
            figures |= {f"{camera} skew [ms]": round(last, 1), f"{camera} worst skew [ms]": round(worst, 1)}
        return figures

    def due(self, status: RobotStatus) -> bool:
        """One observation a control period; in lockstep every state is one, a repeated one too."""
        if status.lockstep:
            return True
        now, period = nanoseconds(status.header.stamp), round(status.control_period * 1e9)
        early = self.next_stamp - now
        if status.epoch == self.last_epoch and SLACK * period < early <= period:
            return False
        # Due times are a grid: a state that comes late does not make the next ones late.
        goes_on = status.epoch == self.last_epoch and abs(early) < period
        self.next_stamp = (self.next_stamp if goes_on else now) + period
        self.last_epoch = status.epoch
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
        message.image_names = sorted(self.cameras)
        pictures = [self.picture(camera, parts[camera]) for camera in message.image_names]
        if self.settings.compression == "raw":
            message.images = pictures
        else:
            message.compressed_images = [self.compressed(picture) for picture in pictures]
        for camera in self.cameras:
            skew = (nanoseconds(parts[camera].header.stamp) - nanoseconds(status.header.stamp)) / 1e6
            worst = self.skews.get(camera, (0.0, 0.0))[1]
            self.skews[camera] = (skew, max(worst, skew, key=abs))
        self.publisher.publish(message)
        self.diagnostics.event("observations")

    def picture(self, camera: str, message: Image) -> Image:
        """What the policy sees of a frame; one that fits already is passed on without a copy."""
        frame, region = frame_of(message), self.regions[camera]
        size = (self.observed.image_width, self.observed.image_height)
        if fits_already(frame, region, *size):
            return message
        return image_message(message.header, fit(pixels_of(frame), region, *size))

    def compressed(self, picture: Image) -> CompressedImage:
        """The picture as a file; the same pixels give the same bytes."""
        kind, quality = self.settings.compression, self.settings.compression_quality
        file = CompressedImage(header=picture.header, format=kind)
        file.data = array("B", encode(pixels_of(frame_of(picture)), kind, quality))
        return file


def main() -> None:
    """Run the node."""
    run_node(StateNode)


if __name__ == "__main__":
    main()
