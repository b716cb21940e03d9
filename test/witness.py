"""Writes down what is said on a robot's machine, one line of JSON a message: ``python witness.py FILE``.

For what runs on machines of their own (:mod:`two_machines`): this runs beside the robot, who asks reads the file. Times
are steady ones, and of one machine whatever the link does.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rclpy.node import Node

from hil_serl_ros.msg import ActorStatus, LearnerStatus, RobotCommand, RobotStatus, SafetyStatus
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.convert import position_array
from hil_serl_ros.ros.run import main


class Witness(Node):
    """See the module's text."""

    def __init__(self, file: Path) -> None:
        super().__init__("witness")
        self.file = file.open("w")
        state = qos.receive_state(lockstep=False)
        self.hear(RobotStatus, "robot_status", state, lambda m: {"epoch": m.epoch, "sequence": m.sequence})
        self.hear(RobotCommand, "command_executed", qos.COMMAND, _command)
        self.hear(SafetyStatus, "safety_status", qos.LATCHED, _fields("state", "reason", "driver"))
        told = _fields("mode", "epoch", "paused", "reason", "weights_version", "robot_steps", "driver", "takeover")
        self.hear(ActorStatus, "actor_status", qos.LATCHED, told)
        learned = _fields("state", "transitions", "owed", "weights_version", "updates")
        self.hear(LearnerStatus, "learner_status", qos.LATCHED, lambda m: learned(m) | {"held": _held(m)})

    def hear(self, kind: type, topic: str, profile: Any, of: Callable[[Any], dict[str, Any]]) -> None:
        """Write what ``of`` takes of each message."""

        def write(message: Any) -> None:
            self.file.write(json.dumps({"at": time.monotonic(), "topic": topic, **of(message)}) + "\n")
            self.file.flush()

        self.create_subscription(kind, topic, write, profile)


def _fields(*names: str) -> Callable[[Any], dict[str, Any]]:
    return lambda message: {name: getattr(message, name) for name in names}


def _command(command: RobotCommand) -> dict[str, Any]:
    said = _fields("epoch", "sequence", "source", "verdict")(command)
    return said | {"target": position_array(command.target).tolist()}


def _held(status: LearnerStatus) -> int:
    return sum(held.count for held in status.held)


if __name__ == "__main__":
    main(lambda: Witness(Path(sys.argv[1])))
