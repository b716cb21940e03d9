"""The update: what lags, what is penalised, what repeats exactly, and how often."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from hil_serl_ros.learning import compiling, losses, networks
from hil_serl_ros.learning.layout import panda_layout
from hil_serl_ros.learning.losses import Batch
from hil_serl_ros.learning.replay import Replay
from hil_serl_ros.learning.sac import SAC, schedule
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.step import Step

LAYOUT = panda_layout()
SMALL = LearnerSettings(batch_size=16, latent_dim=8, hidden_dims=[16, 16], compile=False, online_step_before_learning=0)


def filled(settings: LearnerSettings = SMALL, steps: int = 60) -> Replay:
    """Episodes of ten random steps; every other one a demonstration."""
    memory, random = Replay(LAYOUT, settings), np.random.default_rng(0)

    def observe() -> dict[str, np.ndarray]:
        return {name: random.uniform(v.minimum, v.maximum).astype(np.float32) for name, v in LAYOUT.vectors.items()}

    for index in range(steps):
        episode, number = divmod(index, 10)
        last = number == 9
        memory.add(
            Step(
                index=index,
                episode=episode,
                step=number,
                observation=observe(),
                action=np.append(random.uniform(-1, 1, 3), random.integers(3)).astype(np.float32),
                reward=float(last),
                terminated=last,
                truncated=False,
                intervention=episode % 2 == 1,
                demonstration=episode % 2 == 1,
                discrete_penalty=-0.02 * (number == 3),
                final_observation=observe() if last else None,
            )
        )
    return memory


def weights(sac: SAC) -> torch.Tensor:
    return torch.cat([sac.trunk.flat, sac.target.flat, sac.actor.flat, sac.log_alpha.flat]).clone()


def train(sac: SAC, memory: Replay, updates: int) -> torch.Tensor:
    for _ in range(updates):
        sac.update(memory.sample)
    return weights(sac)


def test_the_same_seed_gives_the_same_weights_bit_for_bit() -> None:
    first, second = (train(SAC(LAYOUT, SMALL), filled(), 5) for _ in range(2))
    assert torch.equal(first, second)


def test_another_seed_gives_other_weights() -> None:
    other = dataclasses.replace(SMALL, seed=1)
    assert not torch.equal(train(SAC(LAYOUT, SMALL), filled(), 2), train(SAC(LAYOUT, other), filled(other), 2))


def test_the_learner_does_not_touch_torchs_global_random_state() -> None:
    before = torch.get_rng_state()
    train(SAC(LAYOUT, SMALL), filled(), 2)
    assert torch.equal(before, torch.get_rng_state())


def test_every_trainable_part_of_the_target_lags_the_encoder_too() -> None:
    sac, memory = SAC(LAYOUT, SMALL), filled()
    start = {name: t.clone() for name, t in sac.trunk.values.items()}
    sac.update_critic(memory.sample())
    for name, live in sac.trunk.values.items():
        moved = live - start[name]
        assert moved.abs().max() > 0, f"{name} does not learn"
        expected = start[name] + SMALL.critic_target_update_weight * moved
        torch.testing.assert_close(sac.target.values[name], expected, rtol=0, atol=1e-7)


def test_the_targets_are_computed_by_the_lagging_encoder() -> None:
    sac, batch = SAC(LAYOUT, SMALL), filled().sample()
    noise = sac.noise(SMALL.batch_size)
    before = sac.critic_gradients(batch, noise)[0].critic
    sac.target.values["state_encoder.0.weight"].add_(1.0)
    assert sac.critic_gradients(batch, noise)[0].critic != before


def test_the_targets_do_not_move_with_the_live_encoder_at_a_fixed_action() -> None:
    sac, batch = SAC(LAYOUT, SMALL), filled().sample()
    args = (sac.target.values, sac.actor.values, sac.log_alpha.values["log_alpha"], batch, sac.noise(16))
    changed = {name: t.clone() for name, t in sac.trunk.values.items()}
    # The live encoder chooses the next action; with an actor that ignores it, the target may not see it.
    for name in ("mean.weight", "std.weight"):
        sac.actor.values[name].zero_()
    for name in ("gripper.output.weight", "gripper.output.bias"):
        changed[name].zero_()
    kwargs = {"shape": sac.shape, "discount": 0.97, "backup_entropy": False}
    before = losses.targets(changed, *args, **kwargs)
    changed["state_encoder.0.weight"].add_(1.0)
    after = losses.targets(changed, *args, **kwargs)
    assert torch.equal(before[0], after[0])
    assert torch.equal(before[1], after[1])


def wanted(sac: SAC, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    return losses.targets(
        sac.trunk.values,
        sac.target.values,
        sac.actor.values,
        sac.log_alpha.values["log_alpha"],
        batch,
        torch.zeros(len(batch.reward), 3),
        shape=sac.shape,
        discount=0.97,
        backup_entropy=False,
    )


def test_a_terminal_state_has_no_value_after_it_and_a_time_limit_has() -> None:
    sac, batch = SAC(LAYOUT, SMALL), filled().sample()
    ended = wanted(sac, batch._replace(terminated=torch.ones(16)))
    going_on = wanted(sac, batch._replace(terminated=torch.zeros(16)))
    assert torch.equal(ended[0], batch.reward)
    assert torch.equal(ended[1], batch.reward + batch.penalty)
    assert (going_on[0] != batch.reward).all()


def test_the_grippers_penalty_lowers_its_target_and_only_its() -> None:
    sac, batch = SAC(LAYOUT, SMALL), filled().sample()
    free = wanted(sac, batch._replace(penalty=torch.zeros(16)))
    fined = wanted(sac, batch._replace(penalty=torch.full((16,), -0.02)))
    torch.testing.assert_close(fined[1], free[1] - 0.02)
    assert torch.equal(fined[0], free[0])


def test_every_critic_step_of_an_update_feels_the_grippers_penalty(monkeypatch: pytest.MonkeyPatch) -> None:
    sac, memory = SAC(LAYOUT, SMALL), filled()
    seen: list[float] = []
    original = sac.critic_gradients

    def spy(batch: Batch, noise: torch.Tensor):  # type: ignore[no-untyped-def]
        out, gradients = original(batch, noise)
        free, _ = original(batch._replace(penalty=torch.zeros_like(batch.penalty)), noise)
        seen.append((out.gripper - free.gripper).abs().item())
        return out, gradients

    monkeypatch.setattr(sac, "critic_gradients", spy)
    sac.update(lambda: memory.sample()._replace(penalty=torch.full((16,), -0.02)))
    assert len(seen) == 2
    assert min(seen) > 0


def test_one_update_is_two_critic_steps_on_two_batches_and_one_actor_step() -> None:
    sac, memory, batches = SAC(LAYOUT, SMALL), filled(), []

    def sample() -> Batch:
        batches.append(memory.sample())
        return batches[-1]

    for _ in range(3):
        sac.update(sample)
    assert len(batches) == 6
    assert not torch.equal(batches[0].reward, batches[1].reward) or not torch.equal(
        batches[0].action, batches[1].action
    )
    assert sac.critic_steps == sac.optimizers["critic"].count == 6
    assert sac.updates == sac.optimizers["actor"].count == 3


def test_the_actors_loss_does_not_move_the_encoder() -> None:
    sac, memory = SAC(LAYOUT, SMALL), filled()
    before = sac.trunk.flat.clone()
    sac.update_actor(memory.sample())
    assert torch.equal(before, sac.trunk.flat)


def test_the_actor_climbs_the_critics_mean() -> None:
    batch = filled().sample()
    mean = SAC(LAYOUT, SMALL)
    least = SAC(LAYOUT, dataclasses.replace(SMALL, actor_objective="min"))
    noise = torch.zeros(16, 3)
    with torch.no_grad():
        features = networks.encode(mean.trunk.values, batch.observation, mean.shape)
        action, log_prob = networks.squash(*networks.actor(mean.actor.values, features, mean.shape), noise)
        q = networks.critics(mean.trunk.values, features, action, mean.shape)
        entropy = (SMALL.temperature_init * log_prob).mean()
    assert mean.actor_gradients(batch, noise)[0].actor.item() == pytest.approx((entropy - q.mean()).item(), rel=1e-5)
    assert least.actor_gradients(batch, noise)[0].actor.item() == pytest.approx(
        (entropy - q.amin(0).mean()).item(), rel=1e-5
    )


def test_the_temperature_rises_when_the_entropy_is_below_its_target() -> None:
    sac = SAC(LAYOUT, dataclasses.replace(SMALL, target_entropy=5.0))
    before = sac.log_alpha.flat[0].item()
    sac.update(filled().sample)
    assert sac.log_alpha.flat[0].item() > before


def test_a_step_is_no_longer_than_the_clipped_gradient() -> None:
    sac = SAC(LAYOUT, dataclasses.replace(SMALL, grad_clip_norm=1e-3))
    _, norm = sac.update_critic(filled().sample())
    assert norm > 1e-3
    assert torch.linalg.vector_norm(sac.trunk.flat.grad).item() == pytest.approx(1e-3, rel=1e-2)


def test_the_rate_warms_up_falls_by_a_cosine_and_stays() -> None:
    settings = dataclasses.replace(SMALL, warmup_updates=10, cosine_updates=100, final_lr_share=0.1)
    shares = [schedule(settings, n) for n in (0, 9, 10, 60, 110, 500)]
    assert shares == pytest.approx([0.1, 1.0, 1.0, 0.55, 0.1, 0.1])
    assert schedule(SMALL, 0) == schedule(SMALL, 10**6) == 1.0


def test_the_scheduled_rate_reaches_every_optimizer() -> None:
    sac = SAC(LAYOUT, dataclasses.replace(SMALL, warmup_updates=4, actor_lr=1e-3))
    stats = sac.update(filled().sample)
    assert stats.lr == pytest.approx(SMALL.critic_lr / 4)
    assert sac.optimizers["actor"].rate == pytest.approx(1e-3 / 4)


def test_bfloat16_stays_near_float32() -> None:
    batch, noise = filled().sample(), torch.zeros(16, 3)
    exact = SAC(LAYOUT, SMALL).critic_gradients(batch, noise)[0]
    rounded = SAC(LAYOUT, dataclasses.replace(SMALL, mixed_precision="bf16")).critic_gradients(batch, noise)[0]
    assert exact.total != rounded.total
    assert rounded.total.item() == pytest.approx(exact.total.item(), rel=0.05)


def test_without_a_compiler_the_learner_warns_once_and_runs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(compiling, "compiler", lambda: None)
    sac = SAC(LAYOUT, dataclasses.replace(SMALL, compile=True))
    sac.update(filled().sample)
    assert [r.getMessage() for r in caplog.records] == [
        "No C++ compiler (g++ or clang++) found: the learner runs uncompiled and slower."
    ]


def test_cameras_of_two_sizes_are_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="must have one picture size"):
        SAC(panda_layout(images={"front": (3, 128, 128), "wrist": (3, 64, 64)}), SMALL)
