"""The step that is on its way: written down before its command leaves, so that it outlives the actor that is killed.

The actor that is started again asks for the same command once more. It is numbered, so `safety` and the robot answer
what became of it, and the step is as whole as any other.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.serialization import deserialize_message, serialize_message

from hil_serl_ros.env.actions import Target
from hil_serl_ros.env.ros_env import Pending, RosEnv
from hil_serl_ros.msg import RobotCommand, Transition

HEAD = struct.Struct("<IQII")  # CRC-32 of what follows it, index of the step, lengths of transition and command
NUMBERS = 8  # float64: what was asked for (4), and position and gripper that were held


class InFlight:
    """One step in one file of the robot's journal."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

    def leave(self, transition: Transition, pending: Pending) -> None:
        """Write down the step ``transition`` (all that is known before it is executed) and its command.

        Raises:
            OSError: the disk refuses; the command must not leave.
        """
        step, command = serialize_message(transition), serialize_message(pending.command)
        numbers = np.array([*pending.requested, *pending.held.position, pending.held.gripper], np.float64)
        body = step + command + numbers.tobytes()
        rest = HEAD.pack(0, transition.index, len(step), len(command))[4:] + body
        if os.pwrite(self._file, struct.pack("<I", zlib.crc32(rest)) + rest, 0) < len(rest) + 4:
            raise OSError(errno.ENOSPC, "the step that is on its way cannot be written down: no space left on device")

    def found(self, index: int) -> tuple[Transition, Pending] | None:
        """The step ``index`` that a killed actor had on its way, and its command; None: there is none."""
        content = os.pread(self._file, os.fstat(self._file).st_size, 0)
        if len(content) < HEAD.size:
            return None
        crc, written, first, second = HEAD.unpack_from(content)
        end = HEAD.size + first + second + 8 * NUMBERS
        if written != index or len(content) < end or zlib.crc32(content[4:end]) != crc:
            return None
        step, command = content[HEAD.size :][:first], content[HEAD.size + first :][:second]
        numbers = np.frombuffer(content, np.float64, NUMBERS, HEAD.size + first + second)
        held = Target(numbers[4:7].copy(), float(numbers[7]))
        requested = numbers[:4].astype(np.float32)
        return deserialize_message(step, Transition), Pending(
            deserialize_message(command, RobotCommand), requested, held
        )

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def complete(env: RosEnv, transition: Transition, pending: Pending) -> Transition:
    """Find out what became of the step; its episode ends with it, cut as by a time limit unless the task was done.

    Raises:
        LinkLost: the robot does not know any more: its world is another one.
        ValueError: what is observed is not the layout's.
    """
    _, reward, terminated, _, info = env.finish(pending)
    fill(transition, reward, info)
    transition.terminated, transition.truncated = terminated, not terminated
    transition.success = info["is_success"]
    transition.final_observation = [env.message]
    return transition


def fill(transition: Transition, reward: float, info: dict[str, Any]) -> None:
    """What the robot's answer says of a step. One that `safety` held was nobody's: nothing in it is to be imitated."""
    transition.action, transition.reward = info["executed_action"], reward
    transition.discrete_penalty = info["discrete_penalty"]
    transition.intervention = transition.intervention and info["verdict"] != RobotCommand.VERDICT_HELD
