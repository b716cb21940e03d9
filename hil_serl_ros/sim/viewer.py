"""A window on the simulated world, where there is a display."""

from __future__ import annotations

import os
import warnings

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
        import glfw
        import mujoco.viewer

        # Asked first: MuJoCo's window, refused by the display, ends the whole process.
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            usable = glfw.init()
        if not usable:
            reason = "; ".join(str(warning.message) for warning in said) or "GLFW does not say why"
            raise SettingError(f"viewer: the display cannot be used: {reason}")
        self._window = mujoco.viewer.launch_passive(world.model, world.data)

    def sync(self) -> None:
        """Show the world's state now."""
        if self._window.is_running():
            self._window.sync()

    def close(self) -> None:
        """Close the window."""
        self._window.close()
