"""The window is refused with a sentence where it cannot be."""

from __future__ import annotations

import pytest

from hil_serl_ros.settings import SettingError
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.viewer import Viewer
from hil_serl_ros.sim.world import World


def test_without_a_display_the_viewer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(SettingError, match="there is no display"):
        Viewer(World(task_named("pick_cube")))


def test_a_display_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(SettingError, match=r"the display cannot be used: .*4711"):
        Viewer(World(task_named("pick_cube")))
