"""A run's folder without a run: a log of random steps, the files beside it, and what a learner made of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import yaml
from rclpy.serialization import serialize_message

from hil_serl_ros.data.checkpoint import Checkpoints
from hil_serl_ros.data.transition_log import TransitionLog
from hil_serl_ros.learning.observed import ObservationSettings
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.trainer import Trainer
from hil_serl_ros.msg import Observation, Transition
from hil_serl_ros.ros.steps import step_of

LAYOUT = ObservationSettings().layout("pick_cube")
SMALL = {
    "latent_dim": 8,
    "hidden_dims": [16, 16],
    "batch_size": 8,
    "online_step_before_learning": 6,
    "online_buffer_capacity": 64,
    "offline_buffer_capacity": 64,
    "seed": 3,
}
COLLECT, DEMONSTRATE, TRAIN = Transition.MODE_COLLECT, Transition.MODE_DEMONSTRATE, Transition.MODE_TRAIN


def observation(random: np.random.Generator) -> Observation:
    """Anywhere."""
    state = [*random.uniform(-1, 1, 14), 0.0, *random.uniform(0.2, 0.5, 3)]
    return Observation(state=state, environment_state=random.uniform(0.2, 0.5, 3).tolist())


def steps(plan: Iterable[tuple[int, int, bool]], seed: int = 0, run: str = "made") -> list[Transition]:
    """One episode for each (mode, length, success) of the plan, one after the other."""
    random = np.random.default_rng(seed)
    made: list[Transition] = []
    for episode, (mode, length, success) in enumerate(plan):
        for number in range(length):
            last = number == length - 1
            step = Transition(robot="robot", run=run, index=len(made), episode=episode, step=number, mode=mode)
            step.layout, step.seed, step.observation = LAYOUT.hash, 100 + episode, observation(random)
            step.action = [*random.uniform(-1, 1, 3).tolist(), float(random.integers(3))]
            step.intervention = mode == TRAIN and bool(random.integers(2))
            step.weights_version = len(made) // 5 * 5
            step.terminated, step.truncated, step.success = last and success, last and not success, last and success
            step.reward = float(last and success)
            step.final_observation = [observation(random)] if last else []
            made.append(step)
    return made


def write(folder: Path, made: Iterable[Transition], **changes: object) -> Path:
    """A run's folder ``folder`` with a log and parameters; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    log = TransitionLog(folder / "log")
    for number, step in enumerate(made):
        log.append(serialize_message(step), number, number)
    log.close()
    (folder / "config.yaml").write_text(yaml.safe_dump({"/**": {"ros__parameters": {"task": "pick_cube"} | SMALL}}))
    own = {"run": "made", "run_folder": str(folder), **changes}
    (folder / "parameters.yaml").write_text(yaml.safe_dump({"/**": {"ros__parameters": own}}))
    return folder


def learned(made: Iterable[Transition], given: Iterable[Transition] = (), **changes: object) -> Trainer:
    """What a lockstep learner is after these steps, said once more in the plainest words."""
    trainer = Trainer(LAYOUT, LearnerSettings(**{**SMALL, **changes}))  # type: ignore[arg-type]
    torch.set_num_threads(trainer.settings.threads)  # as a learner does: sums depend on how many there are
    held: list[Transition] = []
    for step in given:
        step.robot = "demonstrations"
        trainer.replay.add(step_of(step))
    for step in made:
        if step.mode == TRAIN:
            trainer.add(step_of(step))
        else:
            trainer.pass_over()
        if step.mode == DEMONSTRATE:
            held = [*held, step] if step.step else [step]
            if step.success and not step.discarded:
                for one in held:
                    trainer.add(step_of(one), counted=True)
        while trainer.owed:
            trainer.update()
    return trainer


def save(folder: Path, trainer: Trainer) -> Path:
    """A checkpoint of it in the run's folder, as the learner saves it."""
    counters = {"transitions": trainer.transitions, "training_steps": trainer.training_steps}
    checkpoints = Checkpoints(folder / "checkpoints", LAYOUT, trainer.settings)
    return checkpoints.save(trainer.sac.updates, trainer.sac, trainer.replay.random_state(), counters)
