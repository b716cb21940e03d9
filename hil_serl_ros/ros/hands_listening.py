"""Hears the hands of a person who may be on another machine."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node

from hil_serl_ros.msg import TeleopAction
from hil_serl_ros.ros import qos

Heard = Callable[[TeleopAction], None]


def listen_to_hands(node: Node, on_word: Heard, on_event: Heard, *, lockstep: bool) -> None:
    """Give each message of topic `teleop` to ``on_word``, and those with an event to ``on_event``.

    In realtime the hands are heard as they speak: each word replaces the one before, and a reliable reader would hold
    all later ones back until a lost one has come, longer than hands may be silent. Only what is pressed must arrive. In
    lockstep every word is waited for.
    """

    def pressed(message: TeleopAction) -> None:
        if message.event != TeleopAction.EVENT_NONE:
            on_event(message)

    def both(message: TeleopAction) -> None:
        pressed(message)
        on_word(message)

    if lockstep:
        node.create_subscription(TeleopAction, "teleop", both, qos.TELEOP)
    else:
        node.create_subscription(TeleopAction, "teleop", on_word, qos.HANDS)
        node.create_subscription(TeleopAction, "teleop", pressed, qos.TELEOP)
