"""Node ``joy_teleop``: a person's hands. `sensor_msgs/Joy` in, teleop actions and labels out."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from sensor_msgs.msg import Joy

from hil_serl_ros.env.joy_mapping import JoyMapping, Wish
from hil_serl_ros.msg import TeleopAction
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.settings import setting

SILENCE = 0.5  # s of a joystick driver without a word; `joy` repeats at 20 Hz


@dataclass
class JoySettings:
    clock: str = setting(
        "lockstep", "The robot's clock; a silent joystick counts as lost in realtime.", choices=("lockstep", "realtime")
    )
    x_axis: int = setting(1, "Axis that moves along x, forward is +.", minimum=0, maximum=31)
    y_axis: int = setting(0, "Axis that moves along y, left is +.", minimum=0, maximum=31)
    z_axis: int = setting(4, "Axis that moves along z, up is +.", minimum=0, maximum=31)
    open_axis: int = setting(2, "Trigger that opens the gripper (rests at 1, pressed -1).", minimum=0, maximum=31)
    close_axis: int = setting(5, "Trigger that closes the gripper (rests at 1, pressed -1).", minimum=0, maximum=31)
    failure_button: int = setting(0, "Button that ends the episode as a failure.", minimum=0, maximum=31)
    stop_button: int = setting(1, "Button that latches the emergency stop.", minimum=0, maximum=31)
    again_button: int = setting(2, "Button that discards the episode.", minimum=0, maximum=31)
    success_button: int = setting(3, "Button that ends the episode as a success.", minimum=0, maximum=31)
    intervene_button: int = setting(5, "Button that is held while the operator drives.", minimum=0, maximum=31)
    deadzone: float = setting(0.05, "Part of an axis' range that counts as zero.", minimum=0.0, maximum=0.5)


class JoyTeleop(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("joy_teleop")

        # -------------------- parameters --------------------
        self.settings = declare(self, JoySettings)
        names = {f.name for f in dataclasses.fields(JoyMapping)}
        self.mapping = JoyMapping(**{k: v for k, v in vars(self.settings).items() if k in names})

        # -------------------- state --------------------
        self.before: Wish | None = None
        self.heard: float | None = None

        # -------------------- interfaces --------------------
        self.publisher = self.create_publisher(TeleopAction, "teleop", qos.TELEOP)
        self.create_subscription(Joy, "joy", self.on_joy, qos.TELEOP)
        self.diagnostics = Diagnostics(self, lambda: {"joystick": self.heard is not None})
        if self.settings.clock == "realtime":
            self.timer = self.create_timer(SILENCE / 2, self.on_timer, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info("waiting for a joystick on `joy`; without one, nobody can take over")

    # -------------------- callbacks --------------------
    def on_joy(self, joy: Joy) -> None:
        """Translate one message; what cannot be read is counted and moves nothing."""
        try:
            wish = self.mapping.read(joy.axes, joy.buttons)
        except ValueError as error:
            self.diagnostics.fault("bad joy", str(error))
            return
        self.heard = time.monotonic()
        action = TeleopAction(header=joy.header, connected=True, intervening=wish.intervening, gripper=wish.gripper)
        action.motion = wish.motion.astype("float32")
        events = self.events(wish) or [TeleopAction.EVENT_NONE]
        self.before = wish
        for action.event in events:
            self.publisher.publish(action)
        self.diagnostics.event("joy")

    def events(self, wish: Wish) -> list[int]:
        """What was pressed since the message before, the stop first; a held button says nothing twice."""
        before = self.before
        edges = {
            TeleopAction.EVENT_STOP: wish.stop and not (before and before.stop),
            TeleopAction.EVENT_SUCCESS: wish.success and not (before and before.success),
            TeleopAction.EVENT_FAILURE: wish.failure and not (before and before.failure),
            TeleopAction.EVENT_AGAIN: wish.again and not (before and before.again),
        }
        return [event for event, pressed in edges.items() if pressed]

    def on_timer(self) -> None:
        """A silent joystick drives nothing."""
        if self.heard is not None and time.monotonic() - self.heard > SILENCE:
            self.heard = self.before = None
            self.diagnostics.fault("joystick lost", "the joystick is silent; the operator cannot drive")
            self.publisher.publish(TeleopAction(connected=False))


def main() -> None:
    """Run the node."""
    run_node(JoyTeleop)


if __name__ == "__main__":
    main()
