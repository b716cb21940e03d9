"""`hil-serl conformance`: a line for each rule, and an exit code."""

from __future__ import annotations

import io

import pytest

from hil_serl_ros.cli import main
from hil_serl_ros.env.contract import RULES


@pytest.fixture(scope="module")
def robots(graph) -> None:
    """One that keeps the contract, and one whose frame has a slash."""
    graph.play("wrong_robot", faults=["right", "slash"], clock="realtime")
    graph.wait_until(lambda: graph.node.count_publishers("/slash/robot_status"))
    graph.wait_until(lambda: graph.node.count_publishers("/right/robot_status"))


def test_a_robot_that_keeps_it_gets_a_line_for_each_rule_and_exit_code_0(robots, capfd):
    assert main(["conformance", "--namespace", "/right", "--still"]) == 0
    lines = capfd.readouterr().out.splitlines()
    for rule in RULES:
        (line,) = [line for line in lines if f"  {rule.name} " in line and rule.sentence in line]
        assert line[:4] in ("pass", "skip")
        assert (line[:4] == "skip") == (rule.moves or rule.clock == "lockstep")
    moving = sum(rule.moves or rule.clock == "lockstep" for rule in RULES)
    assert lines[-1] == f"conformance: {len(RULES) - moving} pass, {moving} skip"


def test_a_robot_that_breaks_a_rule_gets_what_was_seen_and_exit_code_1(robots, capfd):
    assert main(["conformance", "--namespace", "/slash", "--yes"]) == 1
    output = capfd.readouterr().out
    assert "FAIL  frame" in output
    assert "-> there are the frames '/base', 'base'" in output
    assert "1 FAIL" in output.splitlines()[-1]


def test_it_does_not_move_an_arm_where_nobody_can_be_asked(capfd, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["conformance"]) == 2
    told = capfd.readouterr()
    assert "2 cm up, forward and to the left" in told.out
    assert told.err == "error: it moves the arm, and nobody is there to ask: say --yes, or --still\n"


def test_where_there_is_nothing_to_look_at_the_exit_code_is_2(domain, capfd, monkeypatch):
    monkeypatch.setattr("hil_serl_ros.env.probe.DISCOVERY", 1.0)
    assert main(["conformance", "--namespace", "/nowhere", "--still"]) == 2
    assert "nobody publishes robot_status in the namespace /nowhere" in capfd.readouterr().err
