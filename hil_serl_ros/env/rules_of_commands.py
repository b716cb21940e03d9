"""Rules about what a robot's node makes of a command. What must not be obeyed asks for a millimetre."""

from __future__ import annotations

import numpy as np

from hil_serl_ros.env.probe import Broken, Probe
from hil_serl_ros.env.rules import Rules
from hil_serl_ros.msg import RobotCommand, RobotStatus
from hil_serl_ros.ros.convert import nanoseconds, position_array, quaternion_array

WRONG = 0.001  # m

RULES = Rules()


@RULES.rule("number", "a command with the next number is taken: robot_status has its number, target and closure")
def _number(probe: Probe) -> None:
    probe.fresh()
    command = probe.command()
    status = probe.obey(command)
    if status.sequence != command.sequence:
        raise Broken(f"command {command.sequence} made it {status.sequence}")
    if not _same(status, command):
        raise Broken("target or closure are not the command's")


@RULES.rule("same number", "the same number again asks for nothing")
def _same_number(probe: Probe) -> None:
    command = probe.command()
    probe.obey(command)
    again = probe.command(0, 0, WRONG)
    again.sequence = probe.status.sequence
    _check_ignored(probe, again)


@RULES.rule("old number", "a number that is lower than the last one is dropped")
def _old_number(probe: Probe) -> None:
    for _ in range(2):
        probe.obey(probe.command())
    old = probe.command(0, 0, WRONG)
    old.sequence = probe.status.sequence - 1
    _check_ignored(probe, old)


@RULES.rule("epoch", "a command of another epoch is dropped, of the one before and of one to come")
def _epoch(probe: Probe) -> None:
    probe.fresh()
    for other in (-1, 1):
        command = probe.command(0, 0, WRONG)
        command.epoch = (command.epoch + other) % 2**32
        _check_ignored(probe, command)


@RULES.rule("not finite", "a command with a number that is not finite leaves target and closure as they are")
def _not_finite(probe: Probe) -> None:
    for spoil in (_nan_position, _nan_orientation, _nan_closure):
        before = probe.fresh()
        command = probe.command(0, 0, WRONG)
        spoil(command)
        probe.commands.publish(command)
        probe.spin(probe.quiet)
        after = probe.fresh()
        if not np.array_equal(_numbers(after), _numbers(before)):
            raise Broken(f"{spoil.__doc__}: it holds {_numbers(after).round(4).tolist()}")
    probe.obey(probe.command())


def _nan_position(command: RobotCommand) -> None:
    """a position that is NaN"""
    command.target.position.x = float("nan")


def _nan_orientation(command: RobotCommand) -> None:
    """an orientation that is NaN"""
    command.target.orientation.w = float("nan")


def _nan_closure(command: RobotCommand) -> None:
    """a closure that is infinite"""
    command.gripper = float("inf")


@RULES.rule("one step", "each number makes one control period, and no more", clock="lockstep")
def _one_step(probe: Probe) -> None:
    before = probe.fresh()
    for _ in range(3):
        after = probe.obey(probe.command())
        probe.spin(0.05)
        passed = (nanoseconds(after.header.stamp) - nanoseconds(before.header.stamp)) * 1e-9
        if abs(passed - probe.period) > 1e-6:
            raise Broken(f"a command made {passed:.4f} s of {probe.period} s")
        before = after


@RULES.rule(
    "repeats", "the same number again repeats the state with its stamp, for whoever missed it", clock="lockstep"
)
def _repeats(probe: Probe) -> None:
    command = probe.command()
    command.sequence = probe.obey(command).sequence
    probe.spin(0.1)
    before = {topic: len(parts) for topic, parts in probe.heard.items()}
    stamp = nanoseconds(probe.status.header.stamp)
    probe.commands.publish(command)
    if not probe.until(lambda: all(len(probe.heard[topic]) > before[topic] for topic in before), 1.0):
        missing = [topic for topic in before if len(probe.heard[topic]) == before[topic]]
        raise Broken(f"{', '.join(missing)} did not come again")
    if nanoseconds(probe.status.header.stamp) != stamp:
        raise Broken("it has another stamp")


def _check_ignored(probe: Probe, command: RobotCommand) -> None:
    before = probe.fresh()
    probe.commands.publish(command)
    probe.spin(probe.quiet)
    after = probe.fresh()
    if after.sequence != before.sequence:
        raise Broken(f"its number went from {before.sequence} to {after.sequence}")
    if not np.array_equal(_numbers(after), _numbers(before)):
        raise Broken("it was obeyed: the target is another one")


def _numbers(status: RobotStatus | RobotCommand) -> np.ndarray:
    return np.array([*position_array(status.target), *quaternion_array(status.target), status.gripper])


def _same(status: RobotStatus, command: RobotCommand) -> bool:
    return bool(np.allclose(_numbers(status), _numbers(command), atol=1e-6))
