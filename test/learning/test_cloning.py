"""Behaviour cloning: the policy does what the operator did, and SAC goes on from it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from hil_serl_ros.learning.layout import ENVIRONMENT_STATE, STATE, panda_layout
from hil_serl_ros.learning.policy import Policy
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.step import Step
from hil_serl_ros.learning.trainer import Trainer

LAYOUT = panda_layout()
SMALL = LearnerSettings(batch_size=32, latent_dim=16, hidden_dims=[32, 32], online_step_before_learning=0)
FAST = dataclasses.replace(SMALL, critic_lr=3e-3, actor_lr=3e-3)


def shown(step: int, random: np.random.Generator, *, demonstration: bool = True) -> Step:
    """The operator goes towards x of the cube, and closes the gripper where it is to the left."""
    state = random.uniform(-0.5, 0.5, 18).astype(np.float32)
    cube = np.array([random.uniform(0.3, 0.5), random.uniform(-0.15, 0.15), 0.02], np.float32)
    action = np.array([10 * (cube[0] - 0.4), 0.2, -0.3, 2 if cube[1] > 0 else 1], np.float32)
    if not demonstration:
        action = np.array([-1, -1, 1, 0], np.float32)
    seen = {STATE: state, ENVIRONMENT_STATE: cube}
    return Step(step, 0, step, seen, action, 0.0, False, False, demonstration=demonstration)


def trainer(settings: LearnerSettings) -> Trainer:
    made, random = Trainer(LAYOUT, settings), np.random.default_rng(0)
    for index in range(200):
        made.add(shown(index, random))
    for index in range(200, 300):
        made.add(shown(index, random, demonstration=False))
    return made


def errors(made: Trainer) -> tuple[float, float]:
    """Mean distance of the motion from the operator's, and share of other gripper classes, on new steps."""
    policy = Policy(LAYOUT, made.settings)
    policy.use(made.sac.trunk.values, made.sac.actor.values)
    random = np.random.default_rng(1)
    steps = [shown(index, random) for index in range(100)]
    acts = np.stack([policy.act(step.observation, deterministic=True) for step in steps])
    wanted = np.stack([step.action for step in steps])
    return float(np.abs(acts - wanted)[:, :3].mean()), float((acts[:, 3] != wanted[:, 3]).mean())


def test_a_cloned_policy_does_what_the_operator_would() -> None:
    made = trainer(FAST)
    before = errors(made)
    made.clone(600)
    motion, gripper = errors(made)
    assert before[0] > 0.25
    assert motion < 0.1
    assert gripper < 0.1


def test_what_the_policy_did_by_itself_is_not_cloned() -> None:
    made = trainer(FAST)
    assert (made.replay.sample_operator().operator == 1).all()


def test_targets_follow_the_cloned_encoder_and_the_critics_stay() -> None:
    made = trainer(FAST)
    critics = {name: t.clone() for name, t in made.sac.trunk.values.items() if name.startswith("critic")}
    made.clone(5)
    assert torch.equal(made.sac.target.flat, made.sac.trunk.flat)
    assert all(torch.equal(tensor, made.sac.trunk.values[name]) for name, tensor in critics.items())
    assert critics


def test_a_warm_start_is_made_once_before_the_first_update() -> None:
    plain, warm = trainer(SMALL), trainer(dataclasses.replace(SMALL, cloning_updates=50))
    heard: list[float] = []
    original = warm.clone

    def counted(updates: int) -> None:
        original(updates, heard.append)

    warm.clone = counted  # type: ignore[method-assign]
    for made in (plain, warm):
        made.update()
        made.update()
    assert len(heard) == 50
    assert errors(warm)[0] < errors(plain)[0]


def test_the_same_seed_clones_the_same_weights() -> None:
    first, second = trainer(SMALL), trainer(SMALL)
    for made in (first, second):
        made.clone(10)
    assert torch.equal(first.sac.actor.flat, second.sac.actor.flat)
    assert torch.equal(first.sac.trunk.flat, second.sac.trunk.flat)


def test_there_is_nothing_to_clone_without_the_operators_steps() -> None:
    made = Trainer(LAYOUT, SMALL)
    with pytest.raises(ValueError, match="no step to sample"):
        made.clone(1)
