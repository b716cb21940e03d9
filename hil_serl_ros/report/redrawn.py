"""Episodes drawn again in simulation, where none of their pictures were kept."""

from __future__ import annotations

import numpy as np

from hil_serl_ros.env.actions import Target, target_of
from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.msg import Transition
from hil_serl_ros.ros.paths import tool_names, tool_of
from hil_serl_ros.settings import SettingError
from hil_serl_ros.sim.rendering import Renderer
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.world import GRIPPER_RANGE, World

SIZE = 240  # pixels
CAMERA = "front"
LEFT, TOP, SHARE = 0.25, 0.45, 0.5  # of its picture: the table, where all happens
ASTRAY = 0.02  # m that the tool may be off its recorded path: more is another episode


class Redrawer:
    """Simulates episodes of one layout; the world and its renderer are made once, when they are needed."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._names = tool_names(layout)
        self._world: World | None = None
        self._renderer: Renderer | None = None

    def frames(self, steps: list[Transition], numbers: list[int]) -> list[np.ndarray]:
        """The frames ``numbers`` (0 is before the first step) as uint8 (SIZE, SIZE, 3), red first.

        Empty where it cannot be: a task that is not simulated, a start that is not known, no OpenGL, or a tool that
        goes astray, for a person turned it or the clock was another.
        """
        if steps[0].seed < 0:
            return []
        try:
            world = self._world = self._world or World(task_named(self._layout.task), self._layout.control_period)
            world.reset(int(steps[0].seed))
            if self._astray(world, steps[0]):
                return []
            self._renderer = self._renderer or Renderer(world, (CAMERA,), round(SIZE / SHARE), round(SIZE / SHARE))
        except (SettingError, ValueError, OSError, RuntimeError):
            return []
        return self._followed(world, self._renderer, steps, set(numbers))

    def _followed(
        self, world: World, renderer: Renderer, steps: list[Transition], wanted: set[int]
    ) -> list[np.ndarray]:
        x, y = round(LEFT * SIZE / SHARE), round(TOP * SIZE / SHARE)
        held = Target(world.target_position, world.gripper_command / GRIPPER_RANGE)
        quaternion = world.target_quaternion_wxyz
        made = []
        for number in range(len(steps) + 1):
            if number:
                held = target_of(np.array(steps[number - 1].action, np.float32), held)
                world.set_target(held.position, quaternion, held.gripper)
                world.step()
            if number < len(steps) and self._astray(world, steps[number]):
                return []
            if number in wanted:
                made.append(renderer.picture(CAMERA)[y : y + SIZE, x : x + SIZE].copy())
        return made

    def _astray(self, world: World, step: Transition) -> bool:
        recorded = tool_of(step.observation, self._names)
        return float(np.linalg.norm(world.tool_position - recorded)) > ASTRAY

    def close(self) -> None:
        """Free what OpenGL holds."""
        if self._renderer is not None:
            self._renderer.close()
