"""What a node reports of itself."""

from __future__ import annotations

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from hil_serl_ros.ros.diagnostics import Diagnostics


@pytest.fixture
def reports(graph):
    return graph.subscribe(DiagnosticArray, "/diagnostics", 10)


def report(graph, reports, diagnostics):
    reports.clear()
    diagnostics.report()
    return graph.wait_until(lambda: reports)[-1].status[0]


def test_events_are_reported_as_rates_and_faults_as_counts(graph, reports):
    diagnostics = Diagnostics(graph.node, lambda: {"queue": 3})
    report(graph, reports, diagnostics)
    for _ in range(4):
        diagnostics.event("steps")
    diagnostics.fault("late", "it was late")
    status = report(graph, reports, diagnostics)
    values = {value.key: value.value for value in status.values}
    assert status.name == "/test"
    assert float(values["steps [Hz]"]) > 0
    assert values["late [count]"] == "1"
    assert values["queue"] == "3"
    assert diagnostics.faults("late") == 1


def test_a_node_warns_while_faults_are_being_counted_and_is_well_afterwards(graph, reports):
    diagnostics = Diagnostics(graph.node)
    assert report(graph, reports, diagnostics).level == DiagnosticStatus.OK
    diagnostics.fault("late", "it was late")
    diagnostics.fault("late", "it was late")
    status = report(graph, reports, diagnostics)
    assert (status.level, status.message) == (DiagnosticStatus.WARN, "late: 2 new")
    status = report(graph, reports, diagnostics)
    assert (status.level, status.message) == (DiagnosticStatus.OK, "ok")


def test_a_rate_that_fell_to_nothing_is_reported_as_nothing(graph, reports):
    diagnostics = Diagnostics(graph.node)
    diagnostics.event("steps")
    report(graph, reports, diagnostics)
    values = {value.key: value.value for value in report(graph, reports, diagnostics).values}
    assert values["steps [Hz]"] == "0.0"


def test_a_fault_that_repeats_is_logged_with_each_tenfold_only(graph, monkeypatch):
    said: list[str] = []
    diagnostics = Diagnostics(graph.node)
    logger = type("Logger", (), {"warning": lambda self, text: said.append(text)})()
    monkeypatch.setattr(graph.node, "get_logger", lambda: logger)
    for _ in range(120):
        diagnostics.fault("late", "it was late")
    assert said == ["it was late", "it was late (10 times now)", "it was late (100 times now)"]
