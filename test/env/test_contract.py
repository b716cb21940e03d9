"""The contract of a robot's node: those that keep it pass, and each that breaks one rule fails that rule alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rclpy

from hil_serl_ros.env.contract import FAIL, RULES, SKIP, Verdict, judge
from hil_serl_ros.env.probe import NoRobot, Probe
from hil_serl_ros.ros.run import executor_of

BOTH = ("lockstep", "realtime")


def looked_at(graph: Any, space: str, *, still: bool = False) -> list[Verdict]:
    """What becomes of each rule for the robot in ``space``."""
    node = rclpy.create_node("conformance", namespace=space, context=graph.node.context, start_parameter_services=False)
    executor = executor_of(node)
    try:
        return list(judge(Probe(node, executor, quiet=0.15), still=still))
    finally:
        executor.shutdown()
        node.destroy_node()


def broken(verdicts: list[Verdict]) -> dict[str, str]:
    return {verdict.rule.name: verdict.seen for verdict in verdicts if verdict.result == FAIL}


def skipped(verdicts: list[Verdict]) -> set[str]:
    return {verdict.rule.name for verdict in verdicts if verdict.result == SKIP}


@pytest.mark.parametrize("clock", BOTH)
def test_the_simulated_robot_keeps_the_contract(graph, clock):
    space = f"/bridge_{clock}"
    bridge = graph.start("mujoco_bridge", "-r", f"__ns:={space}", "-r", f"/clock:={space}/clock", clock=clock)
    verdicts = looked_at(graph, space)
    assert broken(verdicts) == {}
    assert skipped(verdicts) == {"leave"} | {rule.name for rule in RULES if rule.clock not in ("", clock)}
    assert bridge.stop() == 0


def test_the_node_of_a_cartesian_controller_keeps_the_contract(graph):
    own = ("-r", "__ns:=/cartesian")
    arm = graph.play("played_arm", *own)
    robot = graph.start(
        "cartesian_robot",
        *own,
        base_frame="base",
        max_state_age=0.25,
        reset_routine="waypoints",
        reset_waypoints=[0.4, 0.0, 0.25, 0.0],
        scene_ready="none",
    )
    verdicts = looked_at(graph, "/cartesian")
    assert broken(verdicts) == {}
    assert skipped(verdicts) == {rule.name for rule in RULES if rule.clock == "lockstep"}
    for process in (arm, robot):
        assert process.stop() == 0, process.output


def test_still_moves_nothing_and_says_what_it_left_out(graph):
    space = "/still"
    bridge = graph.start("mujoco_bridge", "-r", f"__ns:={space}", "-r", f"/clock:={space}/clock", clock="realtime")
    verdicts = looked_at(graph, space, still=True)
    assert broken(verdicts) == {}
    left = {verdict.rule.name for verdict in verdicts if verdict.seen == "it moves the arm"}
    assert left == {rule.name for rule in RULES if rule.moves}
    assert {"motion", "reset", "gripper"} <= left
    assert bridge.stop() == 0


FAULTS = [
    ("no twist", "lockstep", "topics"),
    ("requested", "lockstep", "last word"),
    ("best effort", "lockstep", "quality"),
    ("apart", "lockstep", "one stamp"),
    ("status first", "lockstep", "status last"),
    ("slash", "lockstep", "frame"),
    ("names", "lockstep", "joints"),
    ("norm", "lockstep", "tool"),
    ("no period", "lockstep", "status"),
    ("number", "lockstep", "number"),
    ("again", "lockstep", "same number"),
    ("old", "lockstep", "old number"),
    ("any epoch", "lockstep", "epoch"),
    ("nan", "lockstep", "not finite"),
    ("two steps", "lockstep", "one step"),
    ("no repeat", "lockstep", "repeats"),
    ("mirrored", "lockstep", "motion"),
    ("twist of the tool", "lockstep", "twist"),
    ("degrees", "lockstep", "velocities"),
    ("gripper", "lockstep", "gripper"),
    ("same epoch", "lockstep", "reset"),
    ("far", "lockstep", "reset holds"),
    ("seed", "lockstep", "seed"),
    ("moves when stopped", "lockstep", "leave"),
    ("rare", "realtime", "rate"),
    ("slow clock", "realtime", "wall speed"),
    ("back", "realtime", "time"),
    ("wanders", "realtime", "hold"),
]


@pytest.fixture(scope="module")
def robots(graph) -> Iterator[Callable[[str], None]]:
    """Robots of a clock: one for each fault, and one that has none, in namespaces of their own."""
    processes: dict[str, Any] = {}

    def there(clock: str) -> None:
        if clock not in processes:
            names = [f"right_{clock}", *(name_of(fault) for fault, kept, _ in FAULTS if kept == clock)]
            processes[clock] = graph.play("wrong_robot", faults=names, clock=clock)
            graph.wait_until(lambda: all(graph.node.count_publishers(f"/{name}/robot_status") for name in names))

    yield there
    for process in processes.values():
        assert process.stop() == 0, process.output


def name_of(fault: str) -> str:
    return fault.replace(" ", "_")


@pytest.mark.parametrize("clock", BOTH)
def test_a_robot_that_breaks_no_rule_fails_none(graph, robots, clock):
    robots(clock)
    verdicts = looked_at(graph, f"/right_{clock}")
    assert broken(verdicts) == {}
    assert skipped(verdicts) == {rule.name for rule in RULES if rule.clock not in ("", clock)}


@pytest.mark.parametrize(("fault", "clock", "rule"), FAULTS)
def test_a_robot_that_breaks_one_rule_fails_that_rule_alone(graph, robots, fault, clock, rule):
    robots(clock)
    seen = broken(looked_at(graph, f"/{name_of(fault)}"))
    assert set(seen) == {rule}, seen


def test_every_rule_has_a_robot_that_breaks_it():
    assert {rule for _, _, rule in FAULTS} | {"stands still"} == {rule.name for rule in RULES}


def test_where_safety_runs_it_does_not_command(graph):
    graph.start("safety", "-r", "__ns:=/guarded", armed_at_start=True)
    graph.start("mujoco_bridge", "-r", "__ns:=/guarded", "-r", "/clock:=/guarded/clock")
    graph.wait_until(lambda: graph.node.count_publishers("/guarded/command_executed"))
    graph.wait_until(lambda: graph.node.count_publishers("/guarded/robot_status"))
    with pytest.raises(NoRobot, match="safety publishes command_executed"):
        looked_at(graph, "/guarded")


def test_where_there_is_no_robot_it_says_so(graph, monkeypatch):
    monkeypatch.setattr("hil_serl_ros.env.probe.DISCOVERY", 1.0)
    with pytest.raises(NoRobot, match="nobody publishes robot_status in the namespace /nowhere"):
        looked_at(graph, "/nowhere")
