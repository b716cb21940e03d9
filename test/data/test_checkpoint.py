"""Checkpoints: exact resume, whole or not at all, and at home in stock lerobot."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from hil_serl_ros.data import atomic, checkpoint
from hil_serl_ros.data.checkpoint import CheckpointError, Checkpoints, load_pretrained, resume
from hil_serl_ros.learning import lerobot_policy
from hil_serl_ros.learning.layout import ENVIRONMENT_STATE, STATE, panda_layout
from hil_serl_ros.learning.losses import Batch
from hil_serl_ros.learning.policy import Policy
from hil_serl_ros.learning.sac import SAC
from hil_serl_ros.learning.settings import LearnerSettings

LAYOUT = panda_layout()
SMALL = LearnerSettings(batch_size=16, latent_dim=8, hidden_dims=[16, 16], compile=False)


class Sampler:
    """Random batches whose generator's state can be saved, as the replay's."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)

    def __call__(self) -> Batch:
        def observe() -> dict[str, torch.Tensor]:
            return {
                STATE: torch.from_numpy(self.random.standard_normal((16, 18), np.float32)),
                ENVIRONMENT_STATE: torch.from_numpy(self.random.standard_normal((16, 3), np.float32)),
            }

        return Batch(
            observe(),
            observe(),
            torch.from_numpy(self.random.uniform(-1, 1, (16, 3)).astype(np.float32)),
            torch.from_numpy(self.random.integers(0, 3, 16)),
            torch.from_numpy(self.random.random(16, np.float32)),
            torch.zeros(16),
            torch.zeros(16),
            torch.zeros(16),
        )


def weights(sac: SAC) -> torch.Tensor:
    return torch.cat([sac.trunk.flat, sac.target.flat, sac.actor.flat, sac.log_alpha.flat])


def train(sac: SAC, sample: Sampler, updates: int) -> None:
    for _ in range(updates):
        sac.update(sample)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """lerobot's constant files, made once: importing lerobot is slow."""
    return checkpoint.lerobot_files(LAYOUT, SMALL)


@pytest.fixture
def checkpoints(tmp_path: Path, files: dict[str, bytes]) -> Checkpoints:
    made = Checkpoints(tmp_path / "checkpoints", LAYOUT, SMALL)
    made._constant = files
    return made


def test_training_resumed_from_a_checkpoint_is_training_that_never_stopped(checkpoints: Checkpoints) -> None:
    through, sample = SAC(LAYOUT, SMALL), Sampler()
    train(through, sample, 20)

    first, sample = SAC(LAYOUT, SMALL), Sampler()
    train(first, sample, 10)
    path = checkpoints.save(10, first, sample.random.bit_generator.state, {"episodes": 3})
    second, sample = SAC(LAYOUT, dataclasses.replace(SMALL, seed=5)), Sampler()
    state = resume(path, second)
    sample.random.bit_generator.state = state.sampler
    train(second, sample, 10)

    assert torch.equal(weights(second), weights(through))
    assert (second.updates, second.critic_steps) == (20, 40)
    assert (state.step, state.counters) == (10, {"episodes": 3})


def test_the_target_encoder_is_restored_apart_from_the_live_one(checkpoints: Checkpoints) -> None:
    sac = SAC(LAYOUT, SMALL)
    train(sac, Sampler(), 3)
    path = checkpoints.save(3, sac, {}, {})
    other = SAC(LAYOUT, SMALL)
    resume(path, other)
    name = "state_encoder.0.weight"
    assert torch.equal(other.target.values[name], sac.target.values[name])
    assert not torch.equal(other.target.values[name], other.trunk.values[name])


def test_last_points_to_the_newest_and_the_folders_are_lerobots(checkpoints: Checkpoints) -> None:
    sac = SAC(LAYOUT, SMALL)
    checkpoints.save(100, sac, {}, {})
    checkpoints.save(200, sac, {}, {})
    last = checkpoints.folder / "last"
    assert os.readlink(last) == "000200"
    names = sorted(p.name for p in checkpoints.folder.iterdir())
    assert names == ["000100", "000200", "last"]
    assert sorted(p.name for p in last.iterdir()) == ["SHA256SUMS", "algorithm", "pretrained_model", "training_state"]


@pytest.mark.parametrize("moment", range(1, 12))
def test_a_process_killed_while_saving_leaves_the_one_before_whole(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    sac = SAC(LAYOUT, SMALL)
    checkpoints.save(100, sac, {}, {})
    saved = weights(sac).clone()
    train(sac, Sampler(), 1)
    calls = 0

    class Killed(BaseException):
        pass

    def killed(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == moment:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "fsync", killed)
        with pytest.raises(Killed):
            checkpoints.save(200, sac, {}, {})

    other = SAC(LAYOUT, SMALL)
    resume(checkpoints.folder / "last", other)
    assert torch.equal(weights(other), saved)
    checkpoints.save(300, sac, {}, {})
    resume(checkpoints.folder / "last", other)
    assert torch.equal(weights(other), weights(sac))
    assert not list(checkpoints.folder.glob(".partial*"))


def test_a_checkpoint_is_never_overwritten(checkpoints: Checkpoints) -> None:
    first = checkpoints.save(100, SAC(LAYOUT, SMALL), {}, {})
    before = (first / "pretrained_model" / "model.safetensors").read_bytes()
    (checkpoints.folder / "last").unlink()  # a kill came between the folder and the link
    checkpoints.save(100, SAC(LAYOUT, dataclasses.replace(SMALL, seed=1)), {}, {})
    assert (checkpoints.folder / "last" / "pretrained_model" / "model.safetensors").read_bytes() == before


def test_a_checkpoint_of_other_shapes_is_refused_by_one_sentence(checkpoints: Checkpoints) -> None:
    path = checkpoints.save(1, SAC(LAYOUT, SMALL), {}, {})
    wide = SAC(LAYOUT, dataclasses.replace(SMALL, hidden_dims=[32, 16]))
    with pytest.raises(
        CheckpointError, match=r"of another network: the tensor .* has the shape \(16.*; this network's is \(32"
    ):
        resume(path, wide)


def test_a_checkpoint_of_another_layout_is_refused_by_one_sentence(checkpoints: Checkpoints) -> None:
    path = checkpoints.save(1, SAC(LAYOUT, SMALL), {}, {})
    with pytest.raises(CheckpointError, match="another layout: its task is pick_cube, this run's is arrange_boxes"):
        resume(path, SAC(panda_layout("arrange_boxes"), SMALL))


def test_a_policy_normalized_otherwise_is_refused(checkpoints: Checkpoints) -> None:
    path = checkpoints.save(1, SAC(LAYOUT, SMALL), {}, {})
    config = path / "pretrained_model" / "config.json"
    content = json.loads(config.read_text())
    content["dataset_stats"][STATE]["min"][0] -= 1
    config.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=r"normalizes observation\.state by"):
        load_pretrained(path, SAC(LAYOUT, SMALL))


def test_a_missing_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot read the checkpoint"):
        resume(tmp_path / "nothing", SAC(LAYOUT, SMALL))


def test_nothing_in_a_checkpoint_is_a_pickle(checkpoints: Checkpoints) -> None:
    path = checkpoints.save(1, SAC(LAYOUT, SMALL), {}, {})
    assert {p.suffix for p in path.rglob("*") if p.is_file()} == {".json", ".safetensors", ""}  # and SHA256SUMS


def observation(seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {name: random.uniform(v.minimum, v.maximum).astype(np.float32) for name, v in LAYOUT.vectors.items()}


def test_stock_lerobot_loads_what_we_saved_and_acts_like_us(checkpoints: Checkpoints) -> None:
    from lerobot.policies.factory import make_pre_post_processors
    from lerobot.policies.gaussian_actor.modeling_gaussian_actor import GaussianActorPolicy

    sac = SAC(LAYOUT, SMALL)
    train(sac, Sampler(), 10)
    checkpoints.save(10, sac, {}, {})
    folder = str(checkpoints.folder / "last" / "pretrained_model")
    theirs = GaussianActorPolicy.from_pretrained(folder)
    before, after = make_pre_post_processors(theirs.config, pretrained_path=folder)
    ours = Policy(LAYOUT, SMALL)
    ours.use(sac.trunk.values, sac.actor.values)
    for seed in range(5):
        raw = {name: torch.from_numpy(v).unsqueeze(0) for name, v in observation(seed).items()}
        seen = before.process_observation(raw)
        with torch.no_grad():
            mean = after.process_action(torch.tanh(theirs.forward(seen)["action_mean"]))
            gripper = theirs.discrete_critic(seen).argmax()
        action = ours.act(observation(seed), deterministic=True)
        torch.testing.assert_close(torch.from_numpy(action[:3]), mean[0], rtol=1e-5, atol=1e-6)
        assert action[3] == gripper


def test_the_configuration_and_the_processor_files_normalize_alike(checkpoints: Checkpoints) -> None:
    folder = checkpoints.save(1, SAC(LAYOUT, SMALL), {}, {}) / "pretrained_model"
    stats = json.loads((folder / "config.json").read_text())["dataset_stats"]
    tensors = load_file(next(folder.glob("*normalizer_processor.safetensors")))
    for name, ranges in lerobot_policy.dataset_stats(LAYOUT).items():
        for bound, values in ranges.items():
            assert stats[name][bound] == values
            assert torch.equal(tensors[f"{name}.{bound}"].float(), torch.tensor(values))


def test_stock_lerobot_continues_our_critics(checkpoints: Checkpoints) -> None:
    from lerobot.policies.gaussian_actor.modeling_gaussian_actor import GaussianActorPolicy
    from lerobot.rl.algorithms.sac import SACAlgorithm

    sac = SAC(LAYOUT, SMALL)
    train(sac, Sampler(), 3)
    path = checkpoints.save(3, sac, {}, {})
    policy = GaussianActorPolicy.from_pretrained(str(path / "pretrained_model"))
    theirs = SACAlgorithm.from_pretrained(path / "algorithm", policy=policy)
    batch = Sampler()()
    q = theirs._critic_forward(batch.observation, batch.action)
    from hil_serl_ros.learning import networks

    features = networks.encode(sac.trunk.values, batch.observation, sac.shape)
    torch.testing.assert_close(q, networks.critics(sac.trunk.values, features, batch.action, sac.shape))


def test_we_continue_what_lerobot_trained(tmp_path: Path) -> None:
    from lerobot.policies.gaussian_actor.modeling_gaussian_actor import GaussianActorPolicy
    from lerobot.rl.algorithms.sac import SACAlgorithm

    config = lerobot_policy.algorithm_config(LAYOUT, SMALL)
    policy = GaussianActorPolicy(config.policy_config)
    algorithm = SACAlgorithm(policy, config)
    policy.save_pretrained(tmp_path / "pretrained_model")
    algorithm.save_pretrained(tmp_path / "algorithm")

    sac = SAC(LAYOUT, SMALL)
    load_pretrained(tmp_path, sac)

    name = "state_encoder.0.weight"
    assert torch.equal(sac.trunk.values[name], policy.encoder_critic.state_encoder[0].weight)
    assert torch.equal(sac.target.values[name], sac.trunk.values[name])
    assert torch.equal(sac.trunk.values["critic1.output.bias"], algorithm.critic_ensemble.critics[1].output_layer.bias)
    before = weights(sac).clone()
    train(sac, Sampler(), 1)
    assert not torch.equal(before, weights(sac))


def test_a_policy_file_with_a_foreign_tensor_is_refused(checkpoints: Checkpoints) -> None:
    path = checkpoints.save(1, SAC(LAYOUT, SMALL), {}, {})
    model = path / "pretrained_model" / "model.safetensors"
    save_file(load_file(model) | {"other": torch.zeros(1)}, model)
    with pytest.raises(CheckpointError, match="the tensor other is not one of this network's"):
        load_pretrained(path, SAC(LAYOUT, SMALL))
