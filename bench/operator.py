"""How well the scripted operator does each task alone, and from states that a bad policy leaves: one table.

Run ``python bench/operator.py`` (ten minutes on a free core; ``--episodes 20`` for a glance).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

from hil_serl_ros.sim.operator import CLOSE, KEEP, OPEN, STEP, Brain
from hil_serl_ros.sim.tasks import TASKS, task_named
from hil_serl_ros.sim.world import World

SEEDS_FROM = 50_000  # far from training's


@dataclass
class Row:
    """One line of the table: episodes of one task."""

    task: str
    start: str
    episodes: int
    successes: int
    steps: list[int]
    rate: float

    def __str__(self) -> str:
        """As a row in Markdown."""
        success, mean = f"{self.successes} of {self.episodes}", np.mean(self.steps)
        return f"| {self.task} | {self.start} | {success} | {mean:.1f} | {np.max(self.steps)} | {self.rate:.0f} |"


def command(world: World, delta: np.ndarray, gripper: int) -> None:
    """Apply one action with the semantics of the whole graph."""
    closure = {OPEN: 0.0, KEEP: world.gripper_command / 255.0, CLOSE: 1.0}[gripper]
    world.set_target(world.target_position + STEP * delta, world.target_quaternion_wxyz, closure)
    world.step()


def mess(world: World, random: np.random.Generator, steps: int) -> None:
    """What an untrained policy does: it drifts one way with noise, and moves its fingers now and then."""
    drift = random.uniform(-0.7, 0.7, 3)
    for _ in range(steps):
        if world.outcome().terminated:
            return
        gripper = KEEP if random.random() < 0.8 else int(random.integers(3))
        command(world, np.clip(drift + random.normal(0.0, 0.5, 3), -1.0, 1.0), gripper)


def episode(world: World, expert: Brain, seed: int, mess_steps: int) -> tuple[bool, int]:
    """Whether the operator succeeded, and in how many of its own steps (none where the mess ended the episode)."""
    world.reset(seed)
    mess(world, np.random.default_rng(seed), mess_steps)
    expert.reset()
    for step in range(world.task.max_episode_steps):
        outcome = world.outcome()
        if outcome.terminated:
            return outcome.success, step
        action = expert.act(
            world.tool_position,
            world.gripper_command / 255.0,
            world.object_positions,
            world.goal_positions,
            world.target_position,
        )
        command(world, action.delta, action.gripper)
    return world.outcome().success, world.task.max_episode_steps


def measure(name: str, episodes: int, mess_steps: int) -> Row:
    """Run ``episodes`` of a task; those that the mess itself ended are left out."""
    world = World(task_named(name))
    expert = world.task.brain()
    successes, counted, steps = 0, 0, []
    begin, ticks = time.perf_counter(), world.time
    for seed in range(SEEDS_FROM, SEEDS_FROM + episodes):
        success, length = episode(world, expert, seed, mess_steps)
        if length == 0:
            continue
        counted += 1
        successes += success
        if success:
            steps.append(length)
        elif mess_steps == 0:
            print(f"{name}: seed {seed} failed after {length} steps")
    rate = (world.time - ticks) / world.control_period / (time.perf_counter() - begin)
    start = f"after {mess_steps} random steps" if mess_steps else "reset"
    return Row(name, start, counted, successes, steps or [0], rate)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=200, help="episodes a row")
    parser.add_argument("--task", action="append", help="one of the simulated tasks; all when not given")
    parser.add_argument("--mess", type=int, action="append", help="random steps before; 0 and 25 when not given")
    arguments = parser.parse_args()
    print("| task | from | success | steps, mean | most | control steps/s |\n|---|---|---|---|---|---|")
    for name in arguments.task or TASKS:
        for mess_steps in arguments.mess or [0, 25]:
            print(measure(name, arguments.episodes, mess_steps), flush=True)


if __name__ == "__main__":
    main()
