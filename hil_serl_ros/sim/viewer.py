"""A window on the simulated world, where there is a display."""

from __future__ import annotations

import os

from hil_serl_ros.settings import SettingError
from hil_serl_ros.sim.world import World


class Viewer:
    """MuJoCo's own passive viewer.

    Raises:
        SettingError: there is no display, or it cannot be used.
    """

    def __init__(self, world: World) -> None:
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise SettingError("viewer: there is no display (DISPLAY and WAYLAND_DISPLAY are not set)")
        import mujoco.viewer

        try:
            self._window = mujoco.viewer.launch_passive(world.model, world.data)
        except Exception as error:  # GLFW raises its own kinds
            raise SettingError(f"viewer: the window cannot be opened: {error}") from error

    def sync(self) -> None:
        """Show the world's state now."""
        if self._window.is_running():
            self._window.sync()

    def close(self) -> None:
        """Close the window."""
        self._window.close()
