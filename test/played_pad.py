"""A gamepad's driver that is played: speaks on `joy` at 50 Hz, and does what a line of its standard input says.

``drive X`` holds the button that takes over and pushes the stick by X, ``let go`` leaves all, ``press LABEL`` presses a
button for a moment.
"""

from __future__ import annotations

import dataclasses
import os
import sys

import numpy as np
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from sensor_msgs.msg import Joy

from hil_serl_ros.env.actions import KEEP
from hil_serl_ros.env.joy_mapping import JoyMapping, Wish
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.run import main

PERIOD = 0.02  # s
PRESSED = 5  # words
REST = Wish(np.zeros(6), KEEP, False)


class PlayedPad(Node):
    """See the module's text."""

    def __init__(self) -> None:
        super().__init__("played_pad")
        self.wish = REST
        self.label, self.left = "", 0
        os.set_blocking(sys.stdin.fileno(), False)
        self.publisher = self.create_publisher(Joy, "joy", qos.TELEOP)
        self.create_timer(PERIOD, self.speak, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def speak(self) -> None:
        """One word."""
        if line := sys.stdin.readline():
            word, _, rest = line.strip().partition(" ")
            if word == "press":
                self.label, self.left = rest, PRESSED
            else:
                self.wish = Wish(np.array([0, float(rest), 0, 0, 0, 0]), KEEP, True) if word == "drive" else REST
        pressed = {self.label: True} if self.left else {}
        self.left = max(0, self.left - 1)
        axes, buttons = JoyMapping().write(dataclasses.replace(self.wish, **pressed))
        joy = Joy(axes=axes, buttons=buttons)
        joy.header.frame_id = "pad"
        self.publisher.publish(joy)


if __name__ == "__main__":
    main(PlayedPad)
