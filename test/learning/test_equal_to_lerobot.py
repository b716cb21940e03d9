"""Our losses and gradients are lerobot's on the same weights and batch, where lerobot's are right."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from lerobot.policies.gaussian_actor.modeling_gaussian_actor import GaussianActorPolicy
from lerobot.rl.algorithms.sac import SACAlgorithm

from hil_serl_ros.learning import lerobot_names, lerobot_policy
from hil_serl_ros.learning.encoder import ENCODER_ALIASES, VISION, build, normalised
from hil_serl_ros.learning.layout import Layout, panda_layout
from hil_serl_ros.learning.losses import Batch
from hil_serl_ros.learning.normalization import Normalizer
from hil_serl_ros.learning.sac import SAC
from hil_serl_ros.learning.settings import LearnerSettings

LAYOUT = panda_layout()
SETTINGS = LearnerSettings(
    latent_dim=24,
    hidden_dims=[32, 40],
    compile=False,
    actor_objective="min",
    temperature_init=0.3,
    mixed_precision="none",
)
ROWS = 64


SIDE = 48  # pixels: quick
PIXELS = panda_layout(environment_state=False, images=dict.fromkeys(("front", "wrist"), (3, SIDE, SIDE)))


class Case(NamedTuple):
    """What is compared."""

    layout: Layout
    settings: LearnerSettings


@pytest.fixture(params=["state", "state, entropy", "small frozen", "small trained", "resnet10 frozen"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    if request.param.startswith("state"):
        return Case(LAYOUT, dataclasses.replace(SETTINGS, backup_entropy="entropy" in request.param))
    name, what = request.param.split()
    if name == "resnet10":
        name = str(tmp_path / "encoder")
        build("resnet10", 7).image_enc_layers.save_pretrained(name)
    pixels = {"vision_encoder": name, "freeze_vision_encoder": what == "frozen", "image_embedding_pooling_dim": 3}
    return Case(PIXELS, dataclasses.replace(SETTINGS, **pixels))  # type: ignore[arg-type]


def pair(case: Case) -> tuple[SAC, SACAlgorithm]:
    """Our learner and lerobot's with the same weights; targets differ from the live heads, encoders do not."""
    layout, settings = case
    sac = SAC(layout, settings)
    with torch.no_grad():
        for name, tensor in sac.target.values.items():
            if name.startswith(("critic", "gripper")):
                tensor.add_(0.05 * torch.randn(tensor.shape, generator=sac.generator))
    config = lerobot_policy.algorithm_config(layout, settings)
    policy = GaussianActorPolicy(config.policy_config)
    tensors = lerobot_names.policy_tensors(sac.trunk.values, sac.actor.values, sac.shape)
    if layout.images:
        frozen = build(settings.vision_encoder).state_dict()
        tensors = {f"{ENCODER_ALIASES[0]}{VISION}{name}": tensor for name, tensor in frozen.items()} | tensors
    missing, superfluous = policy.load_state_dict(tensors, strict=False)
    assert not superfluous
    assert all(name.startswith(ENCODER_ALIASES[1:]) for name in missing)  # the same encoder by its other names
    algorithm = SACAlgorithm(policy, config)
    theirs = lerobot_names.algorithm_tensors(
        sac.trunk.values, sac.target.values, sac.log_alpha.values["log_alpha"], sac.shape
    )
    algorithm.load_state_dict(theirs)
    for module in (policy, algorithm.critic_ensemble, algorithm.critic_target, algorithm.discrete_critic_target):
        module.eval()  # no dropout; batch normalisation as it acts
    return sac, algorithm


def random_batch(layout: Layout, seed: int = 0) -> Batch:
    """A batch as the replay gives it, with terminal steps and gripper penalties in it; pictures normalised."""
    g = torch.Generator().manual_seed(seed)

    def observation() -> dict[str, torch.Tensor]:
        return {name: torch.randn(ROWS, *shape, generator=g) for name, shape in layout.shapes().items()}

    return Batch(
        observation=observation(),
        next_observation=observation(),
        action=torch.rand(ROWS, 3, generator=g) * 2 - 1,
        gripper=torch.randint(0, 3, (ROWS,), generator=g),
        reward=torch.rand(ROWS, generator=g),
        terminated=(torch.rand(ROWS, generator=g) < 0.2).float(),
        penalty=-0.02 * (torch.rand(ROWS, generator=g) < 0.3).float(),
        operator=(torch.rand(ROWS, generator=g) < 0.5).float(),
    )


def as_ours(batch: Batch, case: Case) -> Batch:
    """The same batch with a frozen encoder's features in the pictures' stead."""
    layout, settings = case
    if not layout.images or not settings.freeze_vision_encoder:
        return batch
    encoder = build(settings.vision_encoder)

    def look(observation: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            return {n: encoder(t) if n in layout.images else t for n, t in observation.items()}

    seen = {"observation": look(batch.observation), "next_observation": look(batch.next_observation)}
    return batch._replace(**seen)


def as_lerobot(batch: Batch) -> dict[str, Any]:
    """The same batch under lerobot's keys."""
    return {
        "state": batch.observation,
        "next_state": batch.next_observation,
        "action": torch.cat([batch.action, batch.gripper.float().unsqueeze(1)], dim=1),
        "reward": batch.reward,
        "done": batch.terminated,
        "complementary_info": {"discrete_penalty": batch.penalty},
    }


def fixed_noise(monkeypatch: pytest.MonkeyPatch, noise: torch.Tensor) -> None:
    """Make lerobot's sampler use ``noise``."""
    monkeypatch.setattr("torch.distributions.multivariate_normal._standard_normal", lambda *_, **__: noise)


def named_gradients(sac: SAC, trunk: Any = None, actor: Any = None) -> dict[str, torch.Tensor]:
    """Gradients under lerobot's names."""
    zero = {name: torch.zeros_like(t) for name, t in sac.trunk.values.items()}
    trunk = dict(zip(sac.trunk.leaves, trunk, strict=True)) if trunk else zero
    actor = dict(zip(sac.actor.leaves, actor, strict=True)) if actor else dict(sac.actor.values)
    log_alpha = sac.log_alpha.values["log_alpha"]
    return lerobot_names.policy_tensors(trunk, actor, sac.shape) | lerobot_names.algorithm_tensors(
        trunk, zero, log_alpha, sac.shape
    )


def test_critic_and_gripper_losses_and_gradients_are_lerobots(monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    sac, lerobot = pair(case)
    batch, noise = random_batch(case.layout), torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(1))
    fixed_noise(monkeypatch, noise)

    ours, gradients = sac.critic_gradients(as_ours(batch, case), noise)
    forward = lerobot._prepare_forward_batch(as_lerobot(batch))
    critic = lerobot._compute_loss_critic(forward)
    gripper = lerobot._compute_loss_discrete_critic(forward)
    (critic + gripper).backward()

    assert ours.critic.item() == pytest.approx(critic.item(), rel=1e-5)
    assert ours.gripper.item() == pytest.approx(gripper.item(), rel=1e-5)
    mine = named_gradients(sac, trunk=gradients)
    theirs = {f"critic_ensemble.{n}": p for n, p in lerobot.critic_ensemble.named_parameters()}
    theirs |= {f"discrete_critic.{n}": p for n, p in lerobot.policy.discrete_critic.named_parameters()}
    theirs = {name: parameter.grad for name, parameter in theirs.items() if parameter.requires_grad}
    for name, gradient in theirs.items():
        if ".encoder." in name:
            name = "encoder_critic." + name.split(".encoder.", 1)[1]
        torch.testing.assert_close(mine[name], gradient, rtol=1e-4, atol=1e-6, msg=lambda m, n=name: f"{n}: {m}")
    assert len(theirs) > 30
    trained = not case.settings.freeze_vision_encoder
    assert any(VISION in name for name in theirs) == any(VISION in name for name in mine) == trained


def test_actor_and_temperature_losses_and_gradients_are_lerobots(monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    sac, lerobot = pair(case)
    batch, noise = random_batch(case.layout, 2), torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(3))
    fixed_noise(monkeypatch, noise)

    ours, gradients = sac.actor_gradients(as_ours(batch, case), noise)
    forward = lerobot._prepare_forward_batch(as_lerobot(batch))
    actor = lerobot._compute_loss_actor(forward)
    actor.backward()
    lerobot.log_alpha.grad = None
    temperature = lerobot._compute_loss_temperature(forward)
    temperature.backward()

    assert ours.actor.item() == pytest.approx(actor.item(), rel=1e-5)
    assert ours.temperature.item() == pytest.approx(temperature.item(), rel=1e-5)
    torch.testing.assert_close(gradients[-1], lerobot.log_alpha.grad, rtol=1e-5, atol=1e-7)
    mine = named_gradients(sac, actor=gradients[:-1])
    for name, parameter in lerobot.policy.actor.named_parameters():
        if not name.startswith("encoder."):
            torch.testing.assert_close(mine[f"actor.{name}"], parameter.grad, rtol=1e-4, atol=1e-6)


def test_normalization_is_that_of_lerobots_processor() -> None:
    random = np.random.default_rng(0)
    raw = {name: torch.from_numpy(random.normal(0, 2, v.size).astype(np.float32)) for name, v in LAYOUT.vectors.items()}
    preprocessor, _ = lerobot_policy.processors(LAYOUT, SETTINGS)
    theirs = preprocessor.process_observation({name: t.unsqueeze(0) for name, t in raw.items()})
    ours = Normalizer(LAYOUT, torch.device("cpu"))({name: t.unsqueeze(0) for name, t in raw.items()})
    for name in LAYOUT.vectors:
        assert torch.equal(ours[name], theirs[name])


def test_pictures_are_normalised_as_by_lerobots_processor() -> None:
    pictures = torch.randint(0, 256, (2, 3, SIDE, SIDE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    preprocessor, _ = lerobot_policy.processors(PIXELS, SETTINGS)
    name = next(iter(PIXELS.images))
    theirs = preprocessor.process_observation({name: pictures.float() / 255})[name]
    torch.testing.assert_close(normalised(pictures), theirs, rtol=1e-5, atol=1e-5)


def test_lerobots_postprocessor_leaves_the_action_as_it_is() -> None:
    _, postprocessor = lerobot_policy.processors(LAYOUT, SETTINGS)
    action = torch.tensor([[-1.0, 0.25, 1.0]])
    torch.testing.assert_close(postprocessor.process_action(action), action)
