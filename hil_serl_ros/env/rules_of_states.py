"""Rules about what a robot's node publishes, and what it holds while nobody commands it."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Pose
from rclpy.qos import ReliabilityPolicy

from hil_serl_ros.env.probe import LOOK, PARTS, Broken, Probe
from hil_serl_ros.env.rules import Rules
from hil_serl_ros.ros.convert import position_array, quaternion_array

RESTS = 0.005  # m that a tool at rest may move
NEAR = 0.03  # m between the tool and the target that is held, at rest
LONGEST_GAP = 1.8  # control periods without a state after which `safety` holds (max_silence)

RULES = Rules()


# -------------------- what is there --------------------
@RULES.rule("topics", "it publishes joint_states, tool_pose, tool_twist and robot_status, and nobody else does")
def _topics(probe: Probe) -> None:
    for topic, kind in PARTS.items():
        publishers = probe.publishers(topic)
        if len(publishers) != 1:
            raise Broken(f"{len(publishers)} publish {topic}")
        wanted = f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"
        if publishers[0].topic_type != wanted:
            raise Broken(f"{topic} is a {publishers[0].topic_type}, not a {wanted}")


@RULES.rule("last word", "it listens to command_executed, and never to command: only what safety let pass is obeyed")
def _last_word(probe: Probe) -> None:
    if not [info for info in probe.subscribers("command_executed") if info.node_name != probe.node.get_name()]:
        raise Broken("nobody listens to command_executed")
    if listeners := probe.subscribers("command"):
        raise Broken(f"{listeners[0].node_name} listens to command")


@RULES.rule("quality", "no state may be lost: all are reliable, and robot_status is latched", clock="lockstep")
def _quality(probe: Probe) -> None:
    for topic in PARTS:
        for info in probe.publishers(topic):
            if info.qos_profile.reliability != ReliabilityPolicy.RELIABLE:
                raise Broken(f"{topic} is best effort")
    if not probe.latched:
        raise Broken("robot_status is volatile")


# -------------------- states --------------------
@RULES.rule(
    "rate", f"at least two states a control period, and no gap of more than {LONGEST_GAP} of them", clock="realtime"
)
def _rate(probe: Probe) -> None:
    came = [part.came for part in probe.watched["robot_status"]]
    if len(came) < 2 * LOOK / probe.period * 0.9:
        raise Broken(f"{len(came)} in {LOOK:.0f} s, with a control period of {probe.period} s")
    gap = float(np.diff(came).max())
    if gap > LONGEST_GAP * probe.period:
        raise Broken(f"a gap of {gap:.2f} s")


@RULES.rule("stands still", "between two commands time stands still: no state that is new", clock="lockstep")
def _stands_still(probe: Probe) -> None:
    before = probe.fresh().header.stamp
    probe.spin(probe.quiet)
    if probe.status.header.stamp != before:
        raise Broken("a new state came without a command")


@RULES.rule("one stamp", "joint_states, tool_pose, tool_twist and robot_status of one instant carry one stamp")
def _one_stamp(probe: Probe) -> None:
    heard = probe.watched
    wanted = {part.stamp for part in heard["robot_status"]}
    inner = set(sorted(wanted)[2:-2]) if not probe.lockstep else wanted
    for topic, parts in heard.items():
        there = {part.stamp for part in parts}
        # Best effort: some may be lost on the way.
        if len(inner & there) < 0.7 * len(inner):
            raise Broken(f"of {len(inner)} stamps of robot_status {topic} has {len(inner & there)}")


@RULES.rule("status last", "of one instant robot_status is published last: who has it has the rest")
def _status_last(probe: Probe) -> None:
    heard = probe.watched
    last = {part.stamp: part.sent for part in heard["robot_status"]}
    for topic in set(PARTS) - {"robot_status"}:
        late = [part for part in heard.get(topic, []) if part.sent > last.get(part.stamp, part.sent)]
        if len(late) > 0.1 * len(last):  # a repeated state may come between
            raise Broken(f"{topic} was sent after robot_status {len(late)} times")


@RULES.rule("time", "stamps never go back")
def _time(probe: Probe) -> None:
    for topic, parts in probe.watched.items():
        stamps = np.array([part.stamp for part in parts])
        if len(stamps) > 1 and np.diff(stamps).min() < 0:
            raise Broken(f"{topic} went back by {-np.diff(stamps).min() * 1e-9:.3f} s")


@RULES.rule("wall speed", "stamps go on as fast as the wall's clock", clock="realtime")
def _wall_speed(probe: Probe) -> None:
    parts = probe.watched["robot_status"]
    if len(parts) < 2:
        raise Broken("there were no two states")
    passed, came = (parts[-1].stamp - parts[0].stamp) * 1e-9, parts[-1].came - parts[0].came
    if abs(passed - came) > 0.1 * LOOK:
        raise Broken(f"by its stamps {passed:.2f} s passed in {came:.2f} s")


@RULES.rule("frame", "every header has one frame, the robot's base, without a leading slash")
def _frame(probe: Probe) -> None:
    frames = {part.message.header.frame_id for parts in probe.watched.values() for part in parts}
    if len(frames) != 1:
        raise Broken(f"there are the frames {', '.join(sorted(map(repr, frames)))}")
    if not (frame := frames.pop()) or frame.startswith("/"):
        raise Broken(f"the frame is {frame!r}")


@RULES.rule("joints", "joint_states has a position and a velocity for each name, always the same names, all finite")
def _joints(probe: Probe) -> None:
    parts = probe.watched.get("joint_states")
    if not parts:
        raise Broken("there are no joint_states")
    names = list(parts[0].message.name)
    if not names or len(set(names)) < len(names):
        raise Broken(f"the names are {', '.join(names) or 'none'}")
    for message in (part.message for part in parts):
        counts = len(message.position), len(message.velocity)
        if list(message.name) != names or counts != (len(names), len(names)):
            raise Broken(f"{len(message.name)} names have {counts[0]} positions and {counts[1]} velocities")
        if not np.isfinite([*message.position, *message.velocity]).all():
            raise Broken("a number is not finite")


@RULES.rule("tool", "tool_pose is finite, in m, with a quaternion of norm 1")
def _tool(probe: Probe) -> None:
    for part in probe.watched.get("tool_pose", []):
        _check_pose(part.message.pose)


@RULES.rule("status", "robot_status has a control period of 0.01 to 1 s, a closure of 0 to 1, and a pose for a target")
def _status(probe: Probe) -> None:
    for status in (part.message for part in probe.watched["robot_status"]):
        if not 0.01 <= status.control_period <= 1.0:
            raise Broken(f"control_period is {status.control_period}")
        if not 0.0 <= status.gripper <= 1.0:
            raise Broken(f"gripper is {status.gripper}")
        _check_pose(status.target)


def _check_pose(pose: Pose) -> None:
    numbers = [*position_array(pose), *quaternion_array(pose)]
    norm = float(np.linalg.norm(quaternion_array(pose)))
    if not np.isfinite(numbers).all():
        raise Broken("a number is not finite")
    if np.abs(position_array(pose)).max() > 10.0:
        raise Broken(f"a position is {position_array(pose).round(3).tolist()}")
    if abs(norm - 1.0) > 1e-3:
        raise Broken(f"a quaternion has the norm {norm:.3f}")


# -------------------- holding --------------------
@RULES.rule("hold", "without a command it holds: the target stays as it is, and the tool rests near it")
def _hold(probe: Probe) -> None:
    probe.settle(position_array(probe.fresh().target), NEAR)
    heard = probe.listen(LOOK)
    targets = np.array([position_array(part.message.target) for part in heard["robot_status"]])
    tools = np.array([position_array(part.message.pose) for part in heard.get("tool_pose", [])])
    if len(targets) == 0 or len(tools) == 0:
        raise Broken("there was no state")
    if (drift := float(np.ptp(targets, axis=0).max())) > 1e-6:
        raise Broken(f"the target went {drift * 1e3:.1f} mm")
    if (drift := float(np.ptp(tools, axis=0).max())) > RESTS:
        raise Broken(f"the tool went {drift * 1e3:.1f} mm")
    if (away := float(np.linalg.norm(tools[-1] - targets[-1]))) > NEAR:
        raise Broken(f"the tool is {away * 1e3:.0f} mm from the target: is it another point, or in another frame?")
