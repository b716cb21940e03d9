"""The tasks that can be simulated, under our names and gym_hil's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

OBJECT_HEIGHT = 0.02  # m of an object's centre above the floor: half its edge
LIFTED = 0.1  # m that the cube must rise
PLACED = 0.03  # m of an object's centre from its goal's
MARGIN = 0.05  # m that an object may leave the sampling box by


@dataclass(frozen=True)
class Outcome:
    """Judgement of one state by ground truth."""

    reward: float
    success: bool
    terminated: bool


@dataclass(frozen=True)
class Task:
    """One task of gym_hil's scenes. Lengths in m in the base frame, joints in rad.

    Attributes:
        name: ours.
        gym_id: gym_hil's environment without wrappers.
        scene: file in gym_hil's assets.
        home: joint positions at the start, (7,).
        workspace_low, workspace_high: corners that targets are kept in, (3,).
        bounds_low, bounds_high: an object whose centre leaves them in x-y ends the episode, (2,).
        objects: names of the movable bodies; each has a free joint.
        goals: names of the places, one for each object; empty: the task is to lift the only object.
        max_episode_steps: time limit in control periods.
    """

    name: str
    gym_id: str
    scene: str
    home: tuple[float, ...]
    workspace_low: tuple[float, float, float]
    workspace_high: tuple[float, float, float]
    bounds_low: tuple[float, float]
    bounds_high: tuple[float, float]
    objects: tuple[str, ...]
    goals: tuple[str, ...]
    max_episode_steps: int

    def start(self, random: np.random.Generator) -> np.ndarray:
        """Positions of the objects at the start, (n, 3) m."""
        if not self.goals:
            return np.array([[*random.uniform((0.3, -0.15), (0.5, 0.15)), OBJECT_HEIGHT]])
        count = len(self.objects)
        y = random.permutation(np.linspace(-0.3, 0.3, count))
        return np.column_stack([np.full(count, 0.3), y, np.full(count, OBJECT_HEIGHT)])

    def outcome(self, objects: np.ndarray, goals: np.ndarray, start_height: float) -> Outcome:
        """Judge object positions (n, 3) against goals (n, 3) or, without goals, the first one's height at the start.

        gym_hil's sparse rewards: 1 where the cube is lifted by more than 0.1 m, or where each box lies
        within 3 cm of its place; the first object's leaving the bounds ends the episode too.
        """
        if len(goals):
            success = bool((np.linalg.norm(objects - goals, axis=1) < PLACED).all())
        else:
            success = bool(objects[0, 2] - start_height > LIFTED)
        lost = bool((objects[0, :2] < self.bounds_low).any() or (objects[0, :2] > self.bounds_high).any())
        return Outcome(float(success), success, success or lost)


_PICK = Task(
    name="pick_cube",
    gym_id="gym_hil/PandaPickCubeBase-v0",
    scene="scene.xml",
    home=(0.0, 0.195, 0.0, -2.43, 0.0, 2.62, 0.785),
    workspace_low=(0.2, -0.3, 0.0),
    workspace_high=(0.6, 0.3, 0.5),
    bounds_low=(0.3 - MARGIN, -0.15 - MARGIN),
    bounds_high=(0.5 + MARGIN, 0.15 + MARGIN),
    objects=("block",),
    goals=(),
    max_episode_steps=100,
)
_ARRANGE = Task(
    name="arrange_boxes",
    gym_id="gym_hil/PandaArrangeBoxesBase-v0",
    scene="arrange_boxes_scene.xml",
    home=(0.0, -0.785, 0.0, -2.35, 0.0, 1.57, float(np.pi / 4)),
    workspace_low=(0.2, -0.5, 0.0),
    workspace_high=(0.6, 0.5, 0.5),
    bounds_low=(0.3 - 0.3 - MARGIN, -0.15 - 0.3 - MARGIN),
    bounds_high=(0.5 + 0.3 + MARGIN, 0.15 + 0.3 + MARGIN),
    objects=tuple(f"block{i}" for i in range(1, 6)),
    goals=tuple(f"target{i}" for i in range(1, 6)),
    # gym_hil's 100 steps of at most 25 mm cannot carry five boxes; a good operator needs about 200.
    max_episode_steps=300,
)

TASKS = {task.name: task for task in (_PICK, _ARRANGE)}
# gym_hil's names give our random starts: its own default, one fixed cube whatever the seed, teaches nothing.
ALIASES = {
    "PandaPickCubeBase-v0": "pick_cube",
    "PandaPickCube-v0": "pick_cube",
    "PandaArrangeBoxesBase-v0": "arrange_boxes",
    "PandaArrangeBoxes-v0": "arrange_boxes",
}


def task_named(name: str) -> Task:
    """The task of a name: ``pick_cube``, ``arrange_boxes``, or gym_hil's with or without its ``gym_hil/``.

    ``PandaPickCubeBase-v0`` and ``PandaPickCube-v0`` give ``pick_cube``: the cube anywhere in the sampling
    box, by seed, which is gym_hil with ``random_block_position``. ``PandaArrangeBoxesBase-v0`` and
    ``PandaArrangeBoxes-v0`` give ``arrange_boxes``. What gym_hil's wrapped environments add (the gripper
    penalty, the action's scale) is the graph's business here.

    Raises:
        ValueError: there is none; the one sentence lists the names.
    """
    short = name.removeprefix("gym_hil/")
    short = ALIASES.get(short, short)
    if short not in TASKS:
        raise ValueError(f"there is no task {name}; choose one of {', '.join([*TASKS, *ALIASES])}")
    return TASKS[short]
