"""Node ``joy_teleop``: a person's hands on a gamepad or 3D mouse. `sensor_msgs/Joy` in, teleop actions out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from sensor_msgs.msg import Joy, JoyFeedback

from hil_serl_ros.env.hands import Hands, own_name
from hil_serl_ros.env.joy_mapping import mapping_named
from hil_serl_ros.msg import ActorStatus, PolicyState, SafetyStatus, TeleopAction
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.diagnostics import Diagnostics
from hil_serl_ros.ros.parameters import declare
from hil_serl_ros.ros.run import main as run_node
from hil_serl_ros.ros.talkers import Talkers, with_info
from hil_serl_ros.ros.urgency import UrgencySettings, claim
from hil_serl_ros.settings import setting


@dataclass
class JoySettings:
    clock: str = setting(
        "lockstep", "The robot's clock; a silent joystick counts as lost in realtime.", choices=("lockstep", "realtime")
    )
    mapping: str = setting(
        "xbox", "Axes and buttons: xbox, playstation, logitech, spacemouse, or a file (see config/joy)."
    )
    max_silence: float = setting(
        0.15,
        "Silence after which the joystick is lost, and a second one forgotten; drivers repeat at 20 Hz or more.",
        unit="s",
        minimum=0.02,
        maximum=5.0,
    )


class JoyTeleop(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("joy_teleop")

        # -------------------- parameters --------------------
        self.settings = declare(self, JoySettings)
        self.mapping = mapping_named(self.settings.mapping)

        # -------------------- state --------------------
        self.hands = Hands(own_name("joy"), toggle=self.mapping.intervene == "toggle")
        self.talkers = Talkers(self.settings.max_silence)
        self.heard: float | None = None  # when the joystick last spoke to drive, s
        self.called = False

        # -------------------- interfaces --------------------
        self.publisher = self.create_publisher(TeleopAction, "teleop", qos.TELEOP)
        self.rumble = self.create_publisher(JoyFeedback, "joy/set_feedback", qos.TELEOP)
        self.create_subscription(Joy, "joy", with_info(self.on_joy), qos.TELEOP)
        self.create_subscription(ActorStatus, "actor_status", self.on_actor, qos.LATCHED)
        self.create_subscription(SafetyStatus, "safety_status", self.on_safety, qos.LATCHED)
        self.create_subscription(PolicyState, "policy_state", self.on_policy, qos.POLICY_STATE)
        self.diagnostics = Diagnostics(self, lambda: {"joystick": self.heard is not None})
        if self.settings.clock == "realtime":
            period = self.settings.max_silence / 4
            self.timer = self.create_timer(period, self.on_timer, clock=Clock(clock_type=ClockType.STEADY_TIME))
            self.timer.cancel()  # it looks while there is a joystick that can fall silent
        self.get_logger().info("waiting for a joystick on `joy`; without one, nobody can take over")
        claim(self, declare(self, UrgencySettings), realtime=self.settings.clock == "realtime", quick=True)

    # -------------------- callbacks --------------------
    def on_joy(self, joy: Joy, info: dict[str, Any]) -> None:
        """Translate one message. What may not drive ends the link and is counted; its stop still counts."""
        talker = self.talkers.hear(joy.header.frame_id, info["publication_sequence_number"], time.monotonic())
        talker.held = self.mapping.stops(joy.axes, joy.buttons)
        if len(self.talkers.present) > 1:
            # Their words would take turns, and so would the arm.
            names = " and ".join(t.name or "one without a name" for t in self.talkers.present)
            self.refuse(joy, "two joysticks", f"several speak on `joy` ({names}); none drives until one is left")
        elif not joy.axes and not joy.buttons:
            self.refuse(joy, "joystick lost", f"{talker.name or 'the joystick'} was pulled; the operator cannot drive")
        else:
            try:
                wish = self.mapping.read(joy.axes, joy.buttons)
            except ValueError as error:
                self.refuse(joy, "bad joy", str(error))
                return
            if self.heard is None and self.settings.clock == "realtime":
                self.timer.reset()
            self.heard = talker.heard
            for word in self.hands.words(wish, joy.header.stamp):
                self.publisher.publish(word)
            self.diagnostics.event("joy")

    def refuse(self, joy: Joy, fault: str, sentence: str) -> None:
        """Count it; whoever drove with this device drives no more, and may still stop the arm."""
        self.lose(fault, sentence)
        for word in self.hands.only_stop(any(talker.held for talker in self.talkers.present), joy.header.stamp):
            self.publisher.publish(word)

    def lose(self, fault: str, sentence: str) -> None:
        """Count it and end the link, if there is one."""
        self.diagnostics.fault(fault, sentence)
        if self.heard is not None:
            self.heard = None
            if self.settings.clock == "realtime":
                self.timer.cancel()
            self.publisher.publish(self.hands.gone())

    def on_timer(self) -> None:
        """A silent joystick drives nothing."""
        if self.heard is not None and time.monotonic() - self.heard > self.settings.max_silence:
            self.lose("joystick lost", "the joystick is silent; the operator cannot drive")

    def on_actor(self, status: ActorStatus) -> None:
        """Know what the pause button means."""
        self.hands.paused = status.paused

    def on_safety(self, status: SafetyStatus) -> None:
        """Know whether a stop was heard."""
        self.hands.stopped = status.state == SafetyStatus.STOPPED

    def on_policy(self, state: PolicyState) -> None:
        """Call the person through their hands when the policy begins to ask."""
        if state.called and not self.called:
            self.rumble.publish(JoyFeedback(type=JoyFeedback.TYPE_RUMBLE, id=0, intensity=1.0))
        self.called = state.called


def main() -> None:
    """Run the node."""
    run_node(JoyTeleop)


if __name__ == "__main__":
    main()
