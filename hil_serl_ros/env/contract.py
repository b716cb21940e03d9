"""The contract of a robot's node, rule by rule; docs/your_robot.md says the same in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hil_serl_ros.env import rules_of_commands, rules_of_motion, rules_of_states
from hil_serl_ros.env.probe import Broken, NoRobot, Probe
from hil_serl_ros.env.rules import NotHere, Rule

PASS, FAIL, SKIP = "pass", "FAIL", "skip"
# What moves nothing first.
RULES = (*rules_of_states.RULES, *rules_of_commands.RULES, *rules_of_motion.RULES)


@dataclass(frozen=True)
class Verdict:
    """What became of a rule: PASS, FAIL or SKIP, and what was seen or why it was not looked at."""

    rule: Rule
    result: str
    seen: str = ""


def judge(probe: Probe, *, still: bool) -> Iterator[Verdict]:
    """Look at every rule, one after the other. ``still``: without those that move the arm.

    Raises:
        NoRobot: there is nothing to look at.
    """
    probe.begin()
    if not probe.heard["robot_status"]:
        if not probe.latched:
            raise NoRobot("its robot_status says nothing: it publishes none while it has no state; look at its log")
        if still:
            raise NoRobot("it says nothing before its first reset, which --still does not ask for")
        probe.reset()
        probe.until(lambda: all(probe.heard.values()), 1.0)
    for each in RULES:
        if each.moves and still:
            yield Verdict(each, SKIP, "it moves the arm")
        elif each.clock and each.clock != ("lockstep" if probe.lockstep else "realtime"):
            yield Verdict(each, SKIP, f"it is about {each.clock}")
        else:
            yield _judged(probe, each)


def _judged(probe: Probe, each: Rule) -> Verdict:
    try:
        each.check(probe)
    except Broken as broken:
        return Verdict(each, FAIL, str(broken))
    except NotHere as reason:
        return Verdict(each, SKIP, str(reason))
    return Verdict(each, PASS)
