"""The simulated robot and its tasks, and the scripted operator's brain. No ROS, no window."""

from __future__ import annotations

import os


def _import_mujoco() -> None:
    """Import MuJoCo without the OpenGL that MUJOCO_GL names, if that is broken: physics needs none.

    Who draws is told later, in a sentence, see ``gl.py``.
    """
    try:
        import mujoco
    # What PyOpenGL and MuJoCo raise for a library that is missing or a name that is wrong: almost anything.
    except (ImportError, AttributeError, RuntimeError, OSError, TypeError):
        named = os.environ.pop("MUJOCO_GL")
        import mujoco  # noqa: F401

        os.environ["MUJOCO_GL"] = named


if os.environ.get("MUJOCO_GL"):
    _import_mujoco()
