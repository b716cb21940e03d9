"""Time from the start of a killed learner's successor until it learns again: one table.

Run ``python bench/restart.py`` (about three minutes, 1.5 GB of disk for a while). The log is made here: 20,000 steps of
state, or 5,000 with two 128x128 pictures of noise, and a checkpoint that has learned from all but 20 of them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import rclpy
from graph_run import DOMAIN
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from hil_serl_ros.data.checkpoint import Checkpoints
from hil_serl_ros.data.transition_log import TransitionLog
from hil_serl_ros.learning.observed import ObservationSettings
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.trainer import Trainer
from hil_serl_ros.msg import LearnerStatus, Observation, Transition
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.run import executor_of
from hil_serl_ros.ros.steps import step_of

LENGTH = 40  # steps of an episode
REST = 20  # steps that the checkpoint has not learned from


def steps(observed: ObservationSettings, count: int) -> Iterator[Transition]:
    """Steps of a run named `run`, every fourth the operator's."""
    layout, random = observed.layout("pick_cube"), np.random.default_rng(0)

    def see() -> Observation:
        seen = Observation(state=random.uniform(0, 1, 18))
        if observed.environment_state:
            seen.environment_state = random.uniform(0, 1, 3)
        for name in observed.cameras if layout.images else ():
            data = random.integers(0, 255, 128 * 128 * 3, np.uint8).tobytes()
            seen.image_names.append(name)
            seen.images.append(Image(height=128, width=128, step=384, encoding="rgb8", data=data))
        return seen

    for index in range(count):
        step = Transition(robot="robot", run="run", index=index, episode=index // LENGTH, step=index % LENGTH)
        step.observation, step.layout, step.mode = see(), layout.hash, Transition.MODE_TRAIN
        step.action, step.intervention = [0.1, 0.0, 0.0, 1.0], index % 4 == 0
        if index % LENGTH == LENGTH - 1:
            step.truncated, step.final_observation = True, [see()]
        yield step


def prepare(folder: Path, observed: ObservationSettings, count: int) -> int:
    """Write the run; the updates of its checkpoint."""
    log = TransitionLog(folder / "log")
    settings = LearnerSettings(vision_encoder="small", online_step_before_learning=count - REST - 50)
    layout = observed.layout("pick_cube")
    trainer = Trainer(layout, settings)
    for index, message in enumerate(steps(observed, count)):
        now = time.time_ns()
        log.append(serialize_message(message), now, now)
        if index < 2 * LENGTH:
            trainer.add(step_of(message))
    log.close()
    for _ in range(50):
        trainer.update()
    counters = {"transitions": count - REST, "training_steps": count - REST}
    saved = Checkpoints(folder / "checkpoints", layout, settings)
    saved.save(trainer.sac.updates, trainer.sac, trainer.replay.random_state(), counters)
    return trainer.sac.updates


def restart(folder: Path, parameters: dict[str, str], updates: int) -> float:
    """Seconds from the start of the process to its first update."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=int(DOMAIN))
    node = rclpy.create_node("observer", context=context, start_parameter_services=False)
    executor, seen = executor_of(node), []
    node.create_subscription(LearnerStatus, "learner_status", lambda status: seen.append(status.updates), qos.LATCHED)
    command = [sys.executable, "-m", "hil_serl_ros.nodes.learner", "--ros-args", "-p", f"run_folder:={folder}"]
    command += [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]
    environment = {**os.environ, "ROS_DOMAIN_ID": DOMAIN}
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment)
    while not (seen and seen[-1] > updates):
        if process.poll() is not None:
            raise RuntimeError(f"the learner ended with exit code {process.returncode}")
        executor.spin_once(timeout_sec=0.02)
    seconds = time.perf_counter() - started
    process.kill()
    process.wait()
    node.destroy_node()
    rclpy.shutdown(context=context)
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    pixels = ObservationSettings(environment_state=False, cameras=["front", "wrist"])
    print("\n| restart of the learner until it learns again | seconds, median | must |\n|---|---|---|")
    for name, observed, count, must in (
        ("20,000 steps of state", ObservationSettings(), 20_000, 5),
        ("5,000 steps with two cameras", pixels, 5_000, 30),
    ):
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            updates = prepare(run, observed, count)
            parameters = {"restarts": "1", "online_step_before_learning": str(count - REST - 50)}
            if observed is pixels:
                parameters |= {"environment_state": "false", "cameras": "[front,wrist]"}
                first = restart(run, parameters, updates)
                print(f"| {name}, features made again (once) | {first:.1f} | {must} |", flush=True)
            taken = [restart(run, parameters, updates) for _ in range(arguments.repeats)]
            print(f"| {name} | {median(taken):.1f} ({', '.join(f'{s:.1f}' for s in taken)}) | {must} |", flush=True)


if __name__ == "__main__":
    main()
