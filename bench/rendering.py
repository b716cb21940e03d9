"""Time to render the two cameras at 128x128, ours against gym_hil's own, of the same scene: one table.

Run ``python bench/rendering.py`` (about two minutes). Each contender draws in a process of its own, in turns; the
processor time counts all of its threads. ``--size`` and ``--rounds`` change the pictures' size and the turns.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from statistics import median

PICTURES = {"gym_hil": 2, "ours, full": 2, "ours, fast": 10}  # drawn in one turn
CAMERAS = ("front", "wrist")
SEED = 3


def drawing(contender: str, size: int) -> Callable[[str], object]:
    """A function that draws one camera, named as ours."""
    if contender == "gym_hil":
        os.environ.setdefault("MUJOCO_GL", "egl")
        import gym_hil  # noqa: F401
        import gymnasium
        from gym_hil.mujoco_gym_env import GymRenderingSpec

        spec = GymRenderingSpec(height=size, width=size)
        env = gymnasium.make("gym_hil/PandaPickCubeBase-v0", image_obs=True, render_spec=spec).unwrapped
        env.reset(seed=SEED)
        numbers = dict(zip(CAMERAS, env.camera_id, strict=True))

        def draw(camera: str) -> object:
            env._viewer.update_scene(env.data, camera=numbers[camera])
            return env._viewer.render()

        return draw
    from hil_serl_ros.sim.rendering import Renderer
    from hil_serl_ros.sim.tasks import task_named
    from hil_serl_ros.sim.world import World

    world = World(task_named("pick_cube"))
    world.reset(SEED)
    return Renderer(world, CAMERAS, size, size, contender.split()[-1]).picture


def serve(contender: str, size: int, pipe: Connection) -> None:
    """Draw ``n`` pictures of each camera for each ``n`` that comes; answer with wall and processor seconds of one."""
    draw = drawing(contender, size)
    for camera in CAMERAS:
        draw(camera)
    pipe.send("ready")
    while number := pipe.recv():
        taken = {}
        for camera in CAMERAS:
            wall, busy = time.perf_counter(), time.process_time()
            for _ in range(number):
                draw(camera)
            taken[camera] = ((time.perf_counter() - wall) / number, (time.process_time() - busy) / number)
        pipe.send(taken)
    os._exit(0)  # EGL's own end, after Python's, prints errors


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    start = multiprocessing.get_context("spawn")
    pipes: dict[str, Connection] = {}
    for contender in PICTURES:
        pipes[contender], theirs = start.Pipe()
        start.Process(target=serve, args=(contender, arguments.size, theirs), daemon=True).start()
        theirs.close()
        pipes[contender].recv()
    taken: dict[str, list[dict[str, tuple[float, float]]]] = {contender: [] for contender in PICTURES}
    for _ in range(arguments.rounds):
        for contender, pipe in pipes.items():
            pipe.send(PICTURES[contender])
            taken[contender].append(pipe.recv())
    for pipe in pipes.values():
        pipe.send(0)
    columns = ("front, ms", "wrist, ms", "both, ms", "both, times faster", "both, processor ms", "times less")
    print(f"\n| {arguments.size}x{arguments.size} | {' | '.join(columns)} |\n|{'---|' * 7}")
    base_wall = base_busy = 0.0
    for contender, turns in taken.items():
        front, wrist = (1e3 * median(turn[camera][0] for turn in turns) for camera in CAMERAS)
        wall, busy = (1e3 * median(sum(turn[camera][i] for camera in CAMERAS) for turn in turns) for i in (0, 1))
        base_wall, base_busy = base_wall or wall, base_busy or busy
        ratios = f"{base_wall / wall:.1f} | {busy:.0f} | {base_busy / busy:.1f}"
        print(f"| {contender} | {front:.0f} | {wrist:.0f} | {wall:.0f} | {ratios} |")


if __name__ == "__main__":
    main()
