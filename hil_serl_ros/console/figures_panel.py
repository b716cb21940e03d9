"""How it goes, in figures and in curves."""

from __future__ import annotations

import math
import time
from typing import Any

from nicegui import ui

from hil_serl_ros.console.desk import RECENT, Desk

INK, LINE = "#97a1b0", "#323842"


class FiguresPanel:
    """What the nodes say now, each with its name."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._labels: dict[str, ui.label] = {}
        with ui.element("div").classes("panel figures"):
            for name in self._texts():
                ui.label(name).classes("dim")
                self._labels[name] = ui.label()
            ui.label("page to console and back").classes("dim")
            ui.html('<span id="round-trip">–</span>', sanitize=False)
        self.refresh()

    def refresh(self) -> None:
        """Show what is so now."""
        for name, text in self._texts().items():
            self._labels[name].set_text(text)

    def _texts(self) -> dict[str, str]:
        desk = self.desk
        actor, learner, policy = desk.actor, desk.learner, desk.policy
        age = f", {time.monotonic() - desk.version_at:.0f} s old" if desk.version_at else ""
        owed = f", {learner.owed} owed" if learner.owed else ""
        return {
            "success probability": number(desk.probability),
            "policy's value": f"{number(policy.value)}, critics differ by {number(policy.disagreement)}",
            "takeover": "possible" if actor.takeover else "take the seat, or plug in a gamepad",
            "robot's steps": f"{actor.robot_steps}, the person's {actor.operator_steps}",
            "learner": f"{learner.state}, {learner.updates} updates{owed}" if learner.state else "not there",
            "one update": f"{1e3 * learner.update_seconds:.0f} ms" if learner.updates else "–",
            "weights": f"of step {learner.version}{age}" if learner.state else "–",
            "replay": f"{learner.replay_steps} steps, demonstrations {learner.demonstration_steps}",
            "key to robot command": f"{number(desk.latency, 0)} ms",
        }


class CurvesPanel:
    """Success without help and with it, the person's share and the return, episode by episode."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._drawn = -1
        with ui.element("div").classes("panel"):
            ui.label(f"By episode; success of the last {RECENT} in training").classes("title")
            self.chart = ui.echart(_options()).classes("chart")

    def refresh(self) -> None:
        """Draw again if an episode has ended since."""
        if self._drawn == self.desk.changes:
            return
        self._drawn = self.desk.changes
        curves = self.desk.curves()
        self.chart.options["xAxis"]["data"] = [str(i + 1) for i in range(len(curves["return"]))]
        for series, values in zip(self.chart.options["series"], curves.values(), strict=True):
            series["data"] = [None if value is None else round(value, 3) for value in values]
        self.chart.update()


def _options() -> dict[str, Any]:
    grid = {"lineStyle": {"color": LINE}}
    value = {"type": "value", "axisLabel": {"color": INK}, "splitLine": grid}
    line = {"type": "line", "symbolSize": 5, "data": []}
    return {
        "animation": False,
        "grid": {"left": 34, "right": 34, "top": 44, "bottom": 24},
        "legend": {"textStyle": {"color": "#e6e9ee"}, "top": 0, "icon": "roundRect"},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "axisLabel": {"color": INK}, "axisLine": grid, "data": []},
        "yAxis": [value | {"min": 0, "max": 1}, value | {"splitLine": {"show": False}}],
        "series": [
            line | {"name": "success without help", "color": "#5b8def", "lineStyle": {"width": 3}},
            line | {"name": "success", "color": "#9dbcf5", "lineStyle": {"width": 1}},
            line | {"name": "person's share", "color": "#f0a92b", "areaStyle": {"opacity": 0.2}},
            line | {"name": "return", "color": INK, "yAxisIndex": 1, "lineStyle": {"type": "dashed", "width": 1}},
        ],
    }


def number(value: float, digits: int = 2) -> str:
    """A figure for people; a dash where there is none."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"
