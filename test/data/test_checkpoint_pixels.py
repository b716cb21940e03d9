"""Checkpoints of policies that see: the vision encoder goes with them, for us and for stock lerobot."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from lerobot.policies.factory import make_pre_post_processors
from lerobot.policies.gaussian_actor.modeling_gaussian_actor import GaussianActorPolicy
from safetensors.torch import load_file

from hil_serl_ros.data.checkpoint import (
    CheckpointError,
    Checkpoints,
    load_pretrained,
    read_policy,
    resume,
    with_saved_encoder,
)
from hil_serl_ros.learning import lerobot_names, lerobot_policy, networks
from hil_serl_ros.learning.encoder import build, save
from hil_serl_ros.learning.layout import STATE, panda_layout
from hil_serl_ros.learning.parameters import FlatParameters
from hil_serl_ros.learning.policy import Policy
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.step import Step
from hil_serl_ros.learning.trainer import Trainer

SIDE = 48
LAYOUT = panda_layout(environment_state=False, images=dict.fromkeys(("front", "wrist"), (3, SIDE, SIDE)))
SETTINGS = LearnerSettings(
    batch_size=8,
    latent_dim=8,
    hidden_dims=[16, 16],
    online_buffer_capacity=32,
    offline_buffer_capacity=32,
    online_step_before_learning=0,
    image_embedding_pooling_dim=3,
    vision_encoder_seed=7,
)
FROZEN_SMALL = SETTINGS
TRAINED_SMALL = dataclasses.replace(SETTINGS, freeze_vision_encoder=False)
FROZEN_RESNET = dataclasses.replace(SETTINGS, vision_encoder="resnet10")
TRAINED_RESNET = dataclasses.replace(FROZEN_RESNET, freeze_vision_encoder=False)
ALL = pytest.mark.parametrize(
    "settings",
    [FROZEN_SMALL, TRAINED_SMALL, FROZEN_RESNET, TRAINED_RESNET],
    ids=["small frozen", "small trained", "resnet10 frozen", "resnet10 trained"],
)


def observation(seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    pictures = {name: random.integers(0, 256, shape, np.uint8) for name, shape in LAYOUT.images.items()}
    state = LAYOUT.vectors[STATE]
    return {STATE: random.uniform(state.minimum, state.maximum).astype(np.float32), **pictures}


def step(index: int) -> Step:
    end = index % 5 == 4
    return Step(
        index=index,
        episode=index // 5,
        step=index % 5,
        observation=observation(index),
        action=np.array([0.1, -0.2, 0.3, index % 3], np.float32),
        reward=float(end),
        terminated=end,
        truncated=False,
        intervention=index % 2 == 0,
        final_observation=observation(1000 + index) if end else None,
    )


def learn(trainer: Trainer, first: int, last: int) -> None:
    for index in range(first, last):
        trainer.add(step(index))
        while trainer.owed:
            trainer.update()


def saved(trainer: Trainer, folder: Path) -> Path:
    checkpoints = Checkpoints(folder, LAYOUT, trainer.settings)
    return checkpoints.save(trainer.sac.updates, trainer.sac, trainer.replay.random_state(), {})


def weights(trainer: Trainer) -> torch.Tensor:
    sac = trainer.sac
    return torch.cat([sac.trunk.flat, sac.target.flat, sac.actor.flat, sac.log_alpha.flat])


def acting(path: Path) -> Policy:
    """The policy as the evaluating actor builds it."""
    settings, tensors = read_policy(path, LAYOUT)
    shape, cpu = networks.shape_of(LAYOUT, settings), torch.device("cpu")
    trunk = FlatParameters(networks.trunk_shapes(shape), cpu)
    actor = FlatParameters(networks.actor_shapes(shape), cpu)
    lerobot_names.load_policy(tensors, trunk.values, actor.values, shape)
    policy = Policy(LAYOUT, settings)
    policy.use(trunk.values, actor.values)
    return policy


def here(trainer: Trainer) -> Policy:
    """The policy with the learner's own tensors."""
    policy = Policy(LAYOUT, trainer.settings)
    policy.use(trainer.sac.trunk.values, trainer.sac.actor.values)
    return policy


@ALL
def test_stock_lerobot_loads_a_policy_that_sees_and_acts_like_us(settings: LearnerSettings, tmp_path: Path) -> None:
    trainer = Trainer(LAYOUT, settings)
    learn(trainer, 0, 8)
    folder = str(saved(trainer, tmp_path / "checkpoints") / "pretrained_model")
    theirs = GaussianActorPolicy.from_pretrained(folder)
    before, after = make_pre_post_processors(theirs.config, pretrained_path=folder)
    ours, from_file = here(trainer), acting(Path(folder))
    actions = []
    for seed in range(5):
        raw = {name: torch.from_numpy(v).unsqueeze(0) for name, v in observation(seed).items()}
        seen = before.process_observation({n: t.float() / 255 if n in LAYOUT.images else t for n, t in raw.items()})
        with torch.no_grad():
            mean = after.process_action(torch.tanh(theirs.forward(seen)["action_mean"]))
            gripper = theirs.discrete_critic(seen).argmax()
        action = ours.act(observation(seed), deterministic=True)
        torch.testing.assert_close(torch.from_numpy(action[:3]), mean[0], rtol=1e-4, atol=1e-5)
        assert action[3] == gripper
        assert np.array_equal(from_file.act(observation(seed), deterministic=True), action)
        actions.append(action)
    assert np.std(actions, axis=0)[:3].max() > 1e-3  # what is seen matters


@pytest.mark.parametrize(
    "settings", [FROZEN_SMALL, TRAINED_SMALL, FROZEN_RESNET], ids=["small frozen", "small trained", "resnet10 frozen"]
)
def test_training_from_pixels_resumed_is_training_that_never_stopped(settings: LearnerSettings, tmp_path: Path) -> None:
    through = Trainer(LAYOUT, settings)
    learn(through, 0, 10)

    first = Trainer(LAYOUT, settings)
    learn(first, 0, 7)
    path = saved(first, tmp_path / "checkpoints")
    # Another seed: neither the name nor the seed of the first encoder is needed.
    second = Trainer(LAYOUT, with_saved_encoder(dataclasses.replace(settings, vision_encoder_seed=99), path))
    state = resume(path, second.sac)
    for index in range(7):
        second.add(step(index))  # the learner's log
    second.replay.set_random_state(state.sampler)
    learn(second, 7, 10)

    assert torch.equal(weights(second), weights(through))
    again = saved(second, tmp_path / "again")
    seen = observation(1)
    assert np.array_equal(acting(again / "pretrained_model").act(seen, True), here(through).act(seen, True))


def test_a_policy_acts_without_the_folder_that_its_encoder_came_from(tmp_path: Path) -> None:
    save(build("small", 3), tmp_path / "taught")
    trainer = Trainer(LAYOUT, dataclasses.replace(SETTINGS, vision_encoder=str(tmp_path / "taught")))
    learn(trainer, 0, 6)
    path = saved(trainer, tmp_path / "checkpoints") / "pretrained_model"
    wanted = here(trainer).act(observation(0), deterministic=True)
    shutil.rmtree(tmp_path / "taught")
    assert json.loads((path / "config.json").read_text())["vision_encoder_name"] is None
    assert np.array_equal(acting(path).act(observation(0), deterministic=True), wanted)


def test_a_checkpoint_that_was_moved_still_finds_its_encoder(tmp_path: Path) -> None:
    trainer = Trainer(LAYOUT, FROZEN_RESNET)
    path = saved(trainer, tmp_path / "checkpoints")
    named = Path(json.loads((path / "pretrained_model" / "config.json").read_text())["vision_encoder_name"])
    assert named == path / "pretrained_model" / "vision_encoder"
    algorithm = json.loads((path / "algorithm" / "config.json").read_text())
    assert algorithm["policy_config"]["vision_encoder_name"] == str(named)
    moved = path.rename(tmp_path / "elsewhere")
    wanted = here(trainer).act(observation(0), deterministic=True)
    assert np.array_equal(acting(moved / "pretrained_model").act(observation(0), deterministic=True), wanted)


def test_the_file_holds_the_encoder_with_its_buffers(tmp_path: Path) -> None:
    trainer = Trainer(LAYOUT, FROZEN_RESNET)
    tensors = load_file(saved(trainer, tmp_path) / "pretrained_model" / "model.safetensors")
    encoder = build("resnet10", 7).state_dict()
    assert any(name.endswith("running_mean") for name in encoder)
    for name, tensor in encoder.items():
        assert torch.equal(tensors[f"encoder_critic.image_encoder.{name}"], tensor)


def test_critics_are_not_continued_on_another_frozen_encoder(tmp_path: Path) -> None:
    path = saved(Trainer(LAYOUT, FROZEN_SMALL), tmp_path / "checkpoints")
    other = Trainer(LAYOUT, dataclasses.replace(FROZEN_SMALL, vision_encoder_seed=8))
    with pytest.raises(CheckpointError, match="stands on another vision encoder than small: set vision_encoder to /"):
        resume(path, other.sac)


@pytest.mark.parametrize("settings", [FROZEN_SMALL, FROZEN_RESNET], ids=["small", "resnet10"])
def test_we_continue_a_policy_that_sees_of_lerobots(settings: LearnerSettings, tmp_path: Path) -> None:
    if settings.vision_encoder != "small":
        build("resnet10", 7).image_enc_layers.save_pretrained(tmp_path / "encoder")
        settings = dataclasses.replace(settings, vision_encoder=str(tmp_path / "encoder"))
    policy = GaussianActorPolicy(lerobot_policy.policy_config(LAYOUT, settings))
    policy.save_pretrained(tmp_path / "pretrained_model")
    trainer = Trainer(LAYOUT, with_saved_encoder(settings, tmp_path))
    load_pretrained(tmp_path, trainer.sac)
    learn(trainer, 0, 4)
    assert torch.isfinite(weights(trainer)).all()
    assert trainer.replay.vision is not None
    theirs = {n.removeprefix("encoder_critic.image_encoder."): t for n, t in policy.state_dict().items()}
    for name, tensor in trainer.replay.vision.encoder.module.state_dict().items():
        assert torch.equal(tensor, theirs[name])


def test_a_broken_encoder_in_a_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    path = saved(Trainer(LAYOUT, FROZEN_RESNET), tmp_path / "checkpoints") / "pretrained_model"
    shutil.rmtree(path / "vision_encoder")
    with pytest.raises(CheckpointError, match="has no usable vision encoder: there is no encoder"):
        read_policy(path, LAYOUT)
