"""Lockstep control steps per second through the whole graph, learner idle, and each node's share: one table.

Run ``python bench/lockstep.py`` (about one minute). The peer, physics alone in one process, runs in the same call:
gym_hil's controller and ours, which are equal in trajectory. With ``--cameras front,wrist`` the policy sees 128x128
pictures of them, and gym_hil's own environment, which renders the same two, runs too (two minutes).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median

os.environ.setdefault("MUJOCO_GL", "egl")  # MuJoCo reads it when it is imported

import mujoco
import numpy as np
from graph_run import run_graph, transitions
from gym_hil.controllers import opspace

from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.world import JOINTS, World

STEPS = 200


def physics_rates() -> tuple[float, float]:
    """Control steps per second of the physics alone: ours, and with gym_hil's controller."""
    world = World(task_named("pick_cube"))
    model, data = world.model, world.data
    site, home, arm = model.site("pinch").id, np.array(world.task.home), np.arange(JOINTS)
    started = time.perf_counter()
    for _ in range(STEPS):
        world.step()
    ours = STEPS / (time.perf_counter() - started)
    started = time.perf_counter()
    for _ in range(STEPS * 50):
        data.ctrl[:JOINTS] = opspace(model, data, site, arm, pos=data.mocap_pos[0], ori=data.mocap_quat[0], joint=home)
        mujoco.mj_step(model, data)
    return ours, STEPS / (time.perf_counter() - started)


def gym_hil_rate() -> float:
    """Steps per second of gym_hil's environment with its two 128x128 pictures, in one process."""
    import gym_hil  # noqa: F401
    import gymnasium

    env = gymnasium.make("gym_hil/PandaPickCubeBase-v0", image_obs=True).unwrapped
    env.reset(seed=0)
    taken = []
    for _ in range(15):
        started = time.perf_counter()
        env.step(np.zeros(7))
        taken.append(time.perf_counter() - started)
    env.close()
    return 1 / median(taken)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=0, help="demonstrations (default: 150, or 60 with cameras)")
    parser.add_argument("--cameras", default="", help="names with commas between, of front and wrist")
    arguments = parser.parse_args()
    seen = [f"cameras=[{arguments.cameras}]", "environment_state=false"] if arguments.cameras else []
    episodes = arguments.episodes or (60 if seen else 150)
    ours, theirs = physics_rates()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        used = run_graph(folder, f"demonstrations={episodes}", "train_steps=0", "evaluate_episodes=0", *seen)
        log = transitions(folder)
    # The second half: by then the learner has started and is idle, as the row says.
    log = log[len(log) // 2 :]
    sent = np.array([m.sent.sec + m.sent.nanosec * 1e-9 for _, _, m in log])
    inside = np.diff(sent)[[m.step > 0 for _, _, m in log[1:]]]
    whole = (len(sent) - 1) / (sent[-1] - sent[0])
    print("\n| control steps per second | median | |")
    print("|---|---|---|")
    print(f"| physics alone, gym_hil's controller | {theirs:.0f} | 1.00 |")
    print(f"| physics alone, ours | {ours:.0f} | {ours / theirs:.2f} |")
    if seen:
        print(f"| gym_hil's environment alone, two cameras | {(peer := gym_hil_rate()):.1f} | {peer / theirs:.2f} |")
    rate = 1 / median(inside)
    print(f"| whole graph, operator included, learner idle, inside episodes | {rate:.0f} | {rate / theirs:.2f} |")
    print(f"| whole graph, resets included ({len(sent)} steps) | {whole:.0f} | {whole / theirs:.2f} |")
    print("\n| node | processor seconds | share |")
    print("|---|---|---|")
    total = sum(used.values())
    for node, seconds in sorted(used.items(), key=lambda item: -item[1]):
        print(f"| {node} | {seconds:.1f} | {100 * seconds / total:.0f} % |")
    print("(processor seconds include each process' start, about 2 s)")


if __name__ == "__main__":
    main()
