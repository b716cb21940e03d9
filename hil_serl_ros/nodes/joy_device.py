"""Node ``joy_device``: reads a gamepad where ROS's own `joy` is absent, and publishes it as that does.

It starts without any device, says so, and takes the first one that is plugged in.
"""

from __future__ import annotations

from dataclasses import dataclass

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from sensor_msgs.msg import Joy, JoyFeedback

from hil_serl_ros.env.gamepad import Gamepad, Joysticks
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.settings import setting

SEARCH_PERIOD = 0.25  # s between two looks for a gamepad while there is none


@dataclass
class DeviceSettings:
    rate: float = setting(50.0, "How often the gamepad is read and told.", unit="Hz", minimum=20.0, maximum=250.0)
    rumble: float = setting(0.5, "How long a call for help rumbles.", unit="s", minimum=0.0, maximum=5.0, dynamic=True)


class JoyDevice(Node):
    """See the module's text.

    Args:
        joysticks: where the gamepads come from; None: this machine's.
    """

    def __init__(self, joysticks: Joysticks | None = None) -> None:
        super().__init__("joy_device")

        # -------------------- parameters --------------------
        self.settings = declare(self, DeviceSettings)

        # -------------------- state --------------------
        self.gamepad = Gamepad(joysticks)
        self.name = ""  # of the device that is read; empty: none
        self.others = 0

        # -------------------- interfaces --------------------
        self.publisher = self.create_publisher(Joy, "joy", qos.TELEOP)
        self.create_subscription(JoyFeedback, "joy/set_feedback", self.on_feedback, qos.TELEOP)
        self.diagnostics = Diagnostics(self, lambda: {"device": self.name or "none", "others": self.others})
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.timer = self.create_timer(SEARCH_PERIOD, self.on_timer, clock=steady)
        self.get_logger().info("no gamepad yet; plug one in at any time, or use the page or `hil-serl keyboard`")

    # -------------------- callbacks --------------------
    def on_timer(self) -> None:
        """Read the gamepad and tell what it says."""
        reading = self.gamepad.read()
        before, self.name = self.name, self.gamepad.name
        if before and self.name != before:
            self.diagnostics.fault("unplugged", f"{before} is gone; whoever drove with it drives no more")
            self.tell(before, [], [])  # at once, not when its silence is noticed
        if self.name and self.name != before:
            self.get_logger().info(f"reading {self.name}")
        if bool(before) != bool(self.name):
            self.timer.timer_period_ns = round(1e9 * (1.0 / self.settings.rate if self.name else SEARCH_PERIOD))
            self.timer.reset()
        if self.gamepad.others > self.others:
            self.diagnostics.fault("several gamepads", f"{self.name} is read; unplug it to use another one")
        self.others = self.gamepad.others
        if reading is not None:
            self.tell(self.name, reading.axes, reading.buttons)
            self.diagnostics.event("joy")

    def tell(self, name: str, axes: list[float], buttons: list[int]) -> None:
        """Publish one message; without axes and buttons it ends the link."""
        joy = Joy(axes=axes, buttons=buttons)
        joy.header.stamp = self.get_clock().now().to_msg()
        joy.header.frame_id = name
        self.publisher.publish(joy)

    def on_feedback(self, feedback: JoyFeedback) -> None:
        """Rumble, if the gamepad can."""
        if feedback.type == JoyFeedback.TYPE_RUMBLE:
            self.gamepad.rumble(min(max(feedback.intensity, 0.0), 1.0), self.settings.rumble)

    def close(self) -> None:
        """Let go of the gamepad."""
        self.gamepad.close()


def main() -> None:
    """Run the node."""
    run_node(JoyDevice)


if __name__ == "__main__":
    main()
