"""The tasks that can be simulated: each is one entry in ``TASKS``. docs/your_task.md shows how to add one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hil_serl_ros.sim.operator import PLACED, Brain, Expert

OBJECT_HEIGHT = 0.02  # m of an object's centre above the floor: half its edge
LIFTED = 0.1  # m that the cube must rise
MARGIN = 0.05  # m that an object may leave the sampling box by


@dataclass(frozen=True)
class Outcome:
    """Judgement of one state by ground truth."""

    reward: float
    success: bool
    terminated: bool


@dataclass(frozen=True)
class Task:
    """One simulated task. Lengths in m in the base frame, joints in rad.

    Attributes:
        name: ours.
        scene: file in gym_hil's assets, or an absolute path.
        objects: names of the movable bodies; each has a free joint of the same name.
        start: positions of the objects at the start, (n, 3), from a random generator.
        done: whether the task is done, from where the objects and the goals are and where the objects started, (n, 3)
            each; no goals are (0, 3).
        bounds_low, bounds_high: the first object's leaving them in x-y ends the episode, (2,).
        goals: names of the places, where there are some.
        home: joint positions at the start, (7,).
        workspace_low, workspace_high: corners that targets are kept in, (3,).
        max_episode_steps: time limit in control periods.
        brain: makes a scripted operator's brain.
        aliases: gym_hil's names.
    """

    name: str
    scene: str
    objects: tuple[str, ...]
    start: Callable[[np.random.Generator], np.ndarray]
    done: Callable[[np.ndarray, np.ndarray, np.ndarray], bool]
    bounds_low: tuple[float, float]
    bounds_high: tuple[float, float]
    goals: tuple[str, ...] = ()
    home: tuple[float, ...] = (0.0, 0.195, 0.0, -2.43, 0.0, 2.62, 0.785)
    workspace_low: tuple[float, float, float] = (0.2, -0.3, 0.0)
    workspace_high: tuple[float, float, float] = (0.6, 0.3, 0.5)
    max_episode_steps: int = 100
    brain: Callable[[], Brain] = Expert
    aliases: tuple[str, ...] = ()

    def outcome(self, objects: np.ndarray, goals: np.ndarray, starts: np.ndarray) -> Outcome:
        """Judge a state: a reward of 1 where it is done; the first object's leaving the bounds ends the episode too."""
        success = bool(self.done(objects, goals, starts))
        lost = bool((objects[0, :2] < self.bounds_low).any() or (objects[0, :2] > self.bounds_high).any())
        return Outcome(float(success), success, success or lost)


# -------------------- starts and judgements --------------------
def somewhere(random: np.random.Generator) -> np.ndarray:
    """One object anywhere in gym_hil's sampling box."""
    return np.array([[*random.uniform((0.3, -0.15), (0.5, 0.15)), OBJECT_HEIGHT]])


def shuffled_row(random: np.random.Generator) -> np.ndarray:
    """Five objects in a row, in any order."""
    y = random.permutation(np.linspace(-0.3, 0.3, 5))
    return np.column_stack([np.full(5, 0.3), y, np.full(5, OBJECT_HEIGHT)])


def lifted(objects: np.ndarray, goals: np.ndarray, starts: np.ndarray) -> bool:
    """The first object is more than 0.1 m above its start: gym_hil's judgement."""
    return bool(objects[0, 2] - starts[0, 2] > LIFTED)


def placed(objects: np.ndarray, goals: np.ndarray, starts: np.ndarray) -> bool:
    """Each object lies within 3 cm of its own goal: gym_hil's judgement."""
    return bool((np.linalg.norm(objects - goals, axis=1) < PLACED).all())


# -------------------- the tasks --------------------
_PICK = Task(
    name="pick_cube",
    scene="scene.xml",
    objects=("block",),
    start=somewhere,
    done=lifted,
    bounds_low=(0.3 - MARGIN, -0.15 - MARGIN),
    bounds_high=(0.5 + MARGIN, 0.15 + MARGIN),
    # gym_hil's own default, one fixed cube whatever the seed, teaches nothing: its names give our random starts.
    aliases=("PandaPickCubeBase-v0", "PandaPickCube-v0"),
)
_ARRANGE = Task(
    name="arrange_boxes",
    scene="arrange_boxes_scene.xml",
    objects=tuple(f"block{i}" for i in range(1, 6)),
    start=shuffled_row,
    done=placed,
    bounds_low=(0.3 - 0.3 - MARGIN, -0.15 - 0.3 - MARGIN),
    bounds_high=(0.5 + 0.3 + MARGIN, 0.15 + 0.3 + MARGIN),
    goals=tuple(f"target{i}" for i in range(1, 6)),
    home=(0.0, -0.785, 0.0, -2.35, 0.0, 1.57, float(np.pi / 4)),
    workspace_low=(0.2, -0.5, 0.0),
    workspace_high=(0.6, 0.5, 0.5),
    # gym_hil's 100 steps of at most 25 mm cannot carry five boxes; a good operator needs about 200.
    max_episode_steps=300,
    aliases=("PandaArrangeBoxesBase-v0", "PandaArrangeBoxes-v0"),
)

TASKS = {task.name: task for task in (_PICK, _ARRANGE)}


def task_named(name: str) -> Task:
    """The simulated task of a name: ``pick_cube``, ``arrange_boxes``, or gym_hil's with or without its ``gym_hil/``.

    ``PandaPickCubeBase-v0`` and ``PandaPickCube-v0`` give ``pick_cube``: the cube anywhere in the sampling
    box, by seed, which is gym_hil with ``random_block_position``. ``PandaArrangeBoxesBase-v0`` and
    ``PandaArrangeBoxes-v0`` give ``arrange_boxes``. What gym_hil's wrapped environments add (the gripper
    penalty, the action's scale) is the graph's business here.

    Raises:
        ValueError: there is none; the one sentence lists the names.
    """
    known = {alias: task for task in TASKS.values() for alias in (task.name, *task.aliases)}
    task = known.get(name.removeprefix("gym_hil/"))
    if task is None:
        names = [*TASKS, *(alias for task in TASKS.values() for alias in task.aliases)]
        raise ValueError(f"there is no task {name}; choose one of {', '.join(names)}")
    return task


def name_of(name: str) -> str:
    """Ours of a simulated task; any other name is a task of a real robot, and stays as it is."""
    try:
        return task_named(name).name
    except ValueError:
        return name


def time_limit(name: str) -> int:
    """Control periods of an episode of a task; 0: it is a real robot's, and somebody else says it."""
    return TASKS[name_of(name)].max_episode_steps if name_of(name) in TASKS else 0
