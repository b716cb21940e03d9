"""Node ``camera``: a real camera on the topics that the simulated ones have.

One camera a process: a device, a network stream, a video file or a folder of images, through OpenCV. Each picture is
published as it arrives, with the time of its arrival. A camera that is unplugged is opened again when it is back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from hil_serl_ros.env.calibration import Calibration, read_calibration
from hil_serl_ros.env.video import Video, VideoSource
from hil_serl_ros.learning.observed import camera_names
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.camera_publisher import image_message
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.settings import SettingError, setting


@dataclass
class CameraSettings:
    camera: str = setting("front", "Name of the camera: the prefix of its topics.")
    source: str = setting("0", "Device (0 or /dev/video0), stream (rtsp://...), video file or folder of images.")
    width: int = setting(640, "Width asked of a device; 0: its own.", unit="px", minimum=0, maximum=10_000)
    height: int = setting(480, "Height asked of a device; 0: its own.", unit="px", minimum=0, maximum=10_000)
    rate: float = setting(30.0, "Pictures a second, at most.", unit="Hz", minimum=0.1, maximum=1000.0)
    exposure: float = setting(
        0.0, "Exposure in the driver's unit (V4L2: 0.1 ms); 0.0 is automatic.", minimum=-100.0, maximum=1e6
    )
    loop: bool = setting(True, "A file or folder starts again at its end.")
    camera_info: str = setting("", "Calibration file of ROS's camera_calibration; empty: intrinsics not known.")
    frame_id: str = setting("", "Frame of the pictures; empty: <camera>_optical_frame.")


class CameraNode(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("camera")

        # -------------------- parameters --------------------
        self.settings = declare(self, CameraSettings)
        camera = self.settings.camera
        if not camera_names([camera]):
            raise SettingError("camera = '' names no camera")
        self.calibration = read_calibration(self.settings.camera_info)
        self.frame = self.settings.frame_id or f"{camera}_optical_frame"
        shared = {name: getattr(self.settings, name) for name in VideoSource.__dataclass_fields__}
        self.video = Video(VideoSource(**shared), self.on_picture, self.on_fault)

        # -------------------- interfaces --------------------
        # A real camera keeps real time: lockstep is a simulation's.
        profile = qos.publish_state(lockstep=False)
        self.images = self.create_publisher(Image, f"{camera}/image_raw", profile)
        self.infos = self.create_publisher(CameraInfo, f"{camera}/camera_info", profile)
        self.diagnostics = Diagnostics(self, lambda: {"reading": self.video.reading})
        self.get_logger().info(f"camera {camera} from {self.settings.source}")
        self.video.start()

    # -------------------- callbacks, in the video's thread --------------------
    def on_picture(self, pixels: np.ndarray) -> None:
        """Publish one picture, (height, width, 3) uint8 RGB, at the time of its arrival."""
        header = Header(stamp=self.get_clock().now().to_msg(), frame_id=self.frame)
        height, width = pixels.shape[:2]
        calibration = self.calibration
        if calibration.width and (calibration.width, calibration.height) != (width, height):
            made = f"{calibration.width}x{calibration.height}"
            self.on_fault("calibration", f"the calibration is of {made} pictures, not {width}x{height}; not published")
            calibration = Calibration()
        info = CameraInfo(header=header, width=width, height=height, distortion_model=calibration.model)
        info.d, info.k, info.r, info.p = calibration.d, calibration.k, calibration.r, calibration.p
        try:
            self.infos.publish(info)
            self.images.publish(image_message(header, pixels))
        except rclpy_implementation.RCLError:
            # A signal ends the context under this thread; what then fails is no fault.
            if self.context.ok():
                raise
            return
        self.diagnostics.event("frames")

    def on_fault(self, name: str, sentence: str) -> None:
        """Count what the source does wrong."""
        if self.context.ok():
            self.diagnostics.fault(name, sentence)

    def close(self) -> None:
        """End the thread before the process."""
        self.video.close()


def main() -> None:
    """Run the node."""
    run_node(CameraNode)


if __name__ == "__main__":
    main()
