"""Rules that are looked at with the arm in motion: no further than two centimetres, and a reset."""

from __future__ import annotations

import numpy as np

from hil_serl_ros.env.probe import Broken, Part, Probe
from hil_serl_ros.env.rules import NotHere, Rules
from hil_serl_ros.env.rules_of_states import NEAR, RESTS
from hil_serl_ros.msg import SafetyStatus
from hil_serl_ros.ros.convert import position_array

FAR = 0.02  # m of the largest motion
STEPS = 2  # commands of it
REACHED = 0.01  # m that the tool may be off
GRIP = 0.1  # of the closure
AXES = ("x", "y", "z")

RULES = Rules()


@RULES.rule("motion", "the tool goes where it is told, along the axes of its frame, in m", moves=True)
def _motion(probe: Probe) -> None:
    probe.fresh()
    for axis in (2, 0, 1):  # up first
        start = position_array(probe.status.target)
        rest = probe.settle(start, REACHED)
        goal = start.copy()
        goal[axis] += FAR
        for parts in probe.heard.values():
            parts[:-1] = []
        probe.go(goal, STEPS)
        moved = probe.settle(rest + goal - start, REACHED) - rest
        probe.travels.append({topic: list(parts) for topic, parts in probe.heard.items()})
        probe.go(start, STEPS)
        probe.settle(rest, REACHED)
        off = moved.copy()
        off[axis] -= FAR
        if np.abs(off).max() > REACHED:
            raise Broken(f"{FAR * 1e3:.0f} mm along {AXES[axis]} made {(moved * 1e3).round().tolist()} mm")


@RULES.rule("twist", "tool_twist is the velocity of tool_pose, along the axes of the same frame, in m/s", moves=True)
def _twist(probe: Probe) -> None:
    for travel in _travels(probe, "tool_twist", "tool_pose"):
        twists = [(p.stamp, [getattr(p.message.twist.linear, axis) for axis in AXES]) for p in travel["tool_twist"]]
        poses = [position_array(part.message.pose) for part in travel["tool_pose"]]
        way, told = poses[-1] - poses[0], _integral(twists)
        if np.abs(told - way).max() > 0.4 * FAR:
            raise Broken(f"the tool went {_mm(way)} mm, and its twist says {_mm(told)} mm")


@RULES.rule("velocities", "the velocities of joint_states are those of its positions, in rad and rad/s", moves=True)
def _velocities(probe: Probe) -> None:
    for travel in _travels(probe, "joint_states"):
        parts = travel["joint_states"]
        way = np.array(parts[-1].message.position) - np.array(parts[0].message.position)
        told = _integral([(part.stamp, list(part.message.velocity)) for part in parts])
        most = int(np.abs(way).argmax())
        name = parts[0].message.name[most]
        if abs(way[most]) < 1e-3:
            raise Broken(f"the tool moved, and no joint by more than {np.abs(way).max():.4f}")
        if abs(told[most] - way[most]) > 0.5 * abs(way[most]):
            raise Broken(f"{name} went {way[most]:.3f}, and its velocity says {told[most]:.3f}")


@RULES.rule("gripper", "the closure that is held is the command's, 0 open to 1 closed", moves=True)
def _gripper(probe: Probe) -> None:
    before = probe.fresh().gripper
    other = before + GRIP if before + GRIP <= 1.0 else before - GRIP
    for closure in (other, before):
        if abs(probe.obey(probe.command(gripper=closure)).gripper - closure) > 1e-3:
            raise Broken(f"a closure of {closure:.2f} was asked for, and it holds {probe.status.gripper:.2f}")
        probe.spin(0.0 if probe.lockstep else probe.period)


def _travels(probe: Probe, *topics: str) -> list[dict[str, list[Part]]]:
    """Motions of which so much was heard that rates can be added up."""
    whole = [travel for travel in probe.travels if all(_close(travel.get(topic, []), probe.period) for topic in topics)]
    if not whole:
        raise NotHere(f"too little of {' and '.join(topics)} was heard, or not in order, while the tool moved")
    return whole


def _close(parts: list[Part], period: float) -> bool:
    gaps = np.diff([part.stamp for part in parts]) * 1e-9
    return len(gaps) > 1 and bool(gaps.min() >= 0 and gaps.max() < 1.05 * period)


def _integral(rates: list[tuple[int, list[float]]]) -> np.ndarray:
    """Of rates with stamps in ns."""
    stamps = np.array([stamp for stamp, _ in rates]) * 1e-9
    return np.trapezoid(np.array([rate for _, rate in rates]), stamps, axis=0)


def _mm(way: np.ndarray) -> list[float]:
    return (way * 1e3).round().tolist()


# -------------------- resets --------------------
@RULES.rule("reset", "reset_world counts the epoch up by one, and robot_status says so", moves=True)
def _reset(probe: Probe) -> None:
    before = probe.fresh().epoch
    answer = probe.reset()
    if not answer.success:
        raise Broken(f"it refused: {answer.message}")
    if answer.status.epoch != before + 1:
        raise Broken(f"the epoch went from {before} to {answer.status.epoch}")
    if not probe.until(lambda: probe.status.epoch == before + 1, 2.0):
        raise Broken(f"robot_status still says {probe.status.epoch} of {before + 1}")


@RULES.rule("reset holds", "after a reset it holds the tool where it is", moves=True)
def _reset_holds(probe: Probe) -> None:
    answer = probe.reset()
    if not answer.success:
        raise NotHere(f"it refused to reset: {answer.message}")
    probe.until(lambda: probe.status.epoch == answer.status.epoch, 2.0)
    probe.spin(0.1)
    away = float(np.linalg.norm(position_array(answer.status.target) - probe.tool()))
    if away > NEAR:
        raise Broken(f"the tool is {away * 1e3:.0f} mm from the target that is held")


@RULES.rule("seed", "a negative seed is refused with a sentence, and nothing is reset", moves=True)
def _seed(probe: Probe) -> None:
    before = probe.fresh().epoch
    answer = probe.reset(-1)
    if answer.success or not answer.message:
        raise Broken(f"success is {answer.success}, the message {answer.message!r}")
    if probe.fresh().epoch != before:
        raise Broken("the epoch is another one")


@RULES.rule("leave", "where a reset moves the arm, it is refused with a sentence while safety is stopped", moves=True)
def _leave(probe: Probe) -> None:
    robot = probe.publishers("robot_status")[0].node_name
    if robot not in {info.node_name for info in probe.subscribers("safety_status")}:
        raise NotHere("it does not listen to safety_status: its reset moves nothing that safety guards")
    before = probe.tool()
    probe.word = SafetyStatus.STOPPED
    probe.speak()
    probe.spin(probe.quiet)
    try:
        answer = probe.reset()
    finally:
        probe.word = SafetyStatus.ARMED
        probe.speak()
    if answer.success and float(np.linalg.norm(probe.tool() - before)) > RESTS:
        raise Broken("it moved")
    if not answer.success and not answer.message:
        raise Broken("it was refused without a sentence")
