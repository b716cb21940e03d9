"""The nodes of the control path come before all others in realtime, where the system lets them."""

from __future__ import annotations

from dataclasses import dataclass

from rclpy.node import Node

from hil_serl_ros.scheduling import claim_processor
from hil_serl_ros.settings import setting


@dataclass
class UrgencySettings:
    realtime_priority: int = setting(
        10,
        "Priority (SCHED_RR) that the node asks for, one more where it is quick; realtime only, 0: none.",
        minimum=0,
        maximum=90,
    )


def claim(node: Node, settings: UrgencySettings, *, realtime: bool, quick: bool = False) -> None:
    """Ask for the priority, and say so if there is none to be had. At the end of a node's start: threads inherit it.

    A ``quick`` node only passes messages on: it comes before those that compute or render.
    """
    if realtime and settings.realtime_priority and not claim_processor(settings.realtime_priority + quick):
        node.get_logger().info(
            "this user may not have realtime priority: beside busy programs steps may be late (docs/troubleshooting.md)"
        )
