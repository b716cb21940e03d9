"""The acting policy: one path for training and evaluation, seeded, quick."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from hil_serl_ros.learning import weights
from hil_serl_ros.learning.layout import panda_layout
from hil_serl_ros.learning.policy import Policy
from hil_serl_ros.learning.sac import SAC
from hil_serl_ros.learning.settings import LearnerSettings

LAYOUT = panda_layout()
SETTINGS = LearnerSettings(latent_dim=16, hidden_dims=[32, 32], compile=False)


@pytest.fixture
def sac() -> SAC:
    return SAC(LAYOUT, SETTINGS)


def policy(sac: SAC, seed: int = 0) -> Policy:
    made = Policy(LAYOUT, SETTINGS, seed)
    made.load(*weights.pack(sac.trunk.values, sac.actor.values, sac.shape))
    return made


def observation(seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {name: random.uniform(v.minimum, v.maximum).astype(np.float32) for name, v in LAYOUT.vectors.items()}


def test_an_action_is_in_the_layouts_units(sac: SAC) -> None:
    acting = policy(sac)
    for seed in range(20):
        LAYOUT.check_action(acting.act(observation(seed)))


def test_evaluation_takes_the_mean_of_what_training_samples(sac: SAC) -> None:
    sac.actor.values["std.bias"].fill_(-6.0)
    acting = policy(sac)
    mean = acting.act(observation(), deterministic=True)
    samples = np.array([acting.act(observation()) for _ in range(400)])
    assert samples[:, :3].std(axis=0).min() > 1e-3
    np.testing.assert_allclose(samples.mean(axis=0), mean, atol=0.02)
    assert np.array_equal(acting.act(observation(), deterministic=True), mean)


def test_evaluation_draws_nothing_from_the_random_stream(sac: SAC) -> None:
    plain, interrupted = policy(sac), policy(sac)
    plain.act(observation())
    interrupted.act(observation())
    interrupted.act(observation(), deterministic=True)
    assert np.array_equal(plain.act(observation()), interrupted.act(observation()))


def test_the_same_seed_samples_the_same_actions(sac: SAC) -> None:
    first, second, other = policy(sac, 1), policy(sac, 1), policy(sac, 2)
    a, b, c = ([p.act(observation(i)) for i in range(3)] for p in (first, second, other))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_one_action_takes_little_of_a_control_period(sac: SAC) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        acting, seen = policy(sac), observation()
        taken = []
        for _ in range(50):
            begin = time.process_time()
            acting.act(seen)
            taken.append(time.process_time() - begin)
    finally:
        torch.set_num_threads(threads)
    assert sorted(taken)[10] < 0.005


def test_bad_weights_leave_the_policy_as_it_was(sac: SAC) -> None:
    acting = policy(sac)
    before = acting.act(observation(), deterministic=True)
    data, sha256 = weights.pack(sac.trunk.values, sac.actor.values, sac.shape)
    with pytest.raises(weights.WeightsError):
        acting.load(data[:-1], sha256)
    assert np.array_equal(acting.act(observation(), deterministic=True), before)
