"""Pictures in the memory and in the batch: kept once, encoded once, shifted independently, scaled in one place."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from hil_serl_ros.learning import encoder as encoders
from hil_serl_ros.learning import networks, weights
from hil_serl_ros.learning.encoder import PAD, Encoder, EncoderError, build, feature_shape, normalised, save, shifted
from hil_serl_ros.learning.layout import STATE, panda_layout
from hil_serl_ros.learning.policy import Policy
from hil_serl_ros.learning.replay import Replay
from hil_serl_ros.learning.sac import SAC
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.step import Step
from hil_serl_ros.learning.vision import Vision

FRONT, WRIST = "observation.images.front", "observation.images.wrist"
SIDE = 48  # the least that the small encoder reads well: 2x2 features... and quick
LAYOUT = panda_layout(environment_state=False, images=dict.fromkeys(("front", "wrist"), (3, SIDE, SIDE)))
CACHED = LearnerSettings(
    batch_size=8, latent_dim=8, hidden_dims=[16, 16], online_buffer_capacity=32, offline_buffer_capacity=32
)
PICTURES = dataclasses.replace(CACHED, feature_variants=0)
TRAINED = dataclasses.replace(CACHED, freeze_vision_encoder=False)


def observation(seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    pictures = {name: random.integers(0, 256, shape, np.uint8) for name, shape in LAYOUT.images.items()}
    return {STATE: random.normal(0, 1, 18).astype(np.float32), **pictures}


def step(index: int, end: bool = False, **more: bool) -> Step:
    return Step(
        index=index,
        episode=0,
        step=index,
        observation=observation(index),
        action=np.array([0.1, 0.2, 0.3, 1], np.float32),
        reward=float(index),
        terminated=end,
        truncated=False,
        final_observation=observation(1000 + index) if end else None,
        **more,
    )


def filled(chosen: LearnerSettings, steps: int = 6) -> Replay:
    memory = Replay(LAYOUT, chosen)
    for i in range(steps):
        memory.add(step(i, end=i == steps - 1, intervention=i % 2 == 1))
    return memory


# -------------------- pictures, once each --------------------
def test_a_picture_is_kept_once_though_its_step_is_in_both_rings() -> None:
    memory = filled(PICTURES)
    assert memory.store.capacity - len(memory.store._free) == 6 + 1  # one for each step, and the episode's last
    first = memory.online.rows(memory.online.sampleable()[1:2])[0]
    assert memory.offline.rows(memory.offline.sampleable()[:1])[0] == first
    kept = memory.store.gather(first, np.random.default_rng(0))[FRONT]
    assert kept.dtype == np.uint8
    assert np.array_equal(kept[0], observation(1)[FRONT])


def test_features_are_computed_once_for_each_observation(monkeypatch: pytest.MonkeyPatch) -> None:
    memory, seen = Replay(LAYOUT, CACHED), []
    original = Encoder.__call__
    monkeypatch.setattr(Encoder, "__call__", lambda self, x: seen.append(len(x)) or original(self, x))
    for i in range(4):
        memory.add(step(i, end=i == 3, intervention=True))
    for _ in range(3):
        memory.sample()
    assert seen == [2 * 3] * 5  # two cameras in three variants, of four observations and the final one


@pytest.mark.parametrize(
    ("chosen", "most"),
    [
        (dataclasses.replace(PICTURES, vision_encoder="small"), 100_000),
        (dataclasses.replace(CACHED, vision_encoder="resnet10", feature_variants=3), 200_000),
    ],
)
def test_a_stored_step_with_two_cameras_takes_no_more_memory_than_promised(chosen: LearnerSettings, most: int) -> None:
    layout = panda_layout(environment_state=False, images=dict.fromkeys(("front", "wrist"), (3, 128, 128)))
    steps = 500
    chosen = dataclasses.replace(chosen, online_buffer_capacity=steps - 16, offline_buffer_capacity=16)
    assert Replay(layout, chosen).nbytes / steps <= most


# -------------------- features --------------------
def test_cached_features_are_those_of_encoding_afresh_with_the_same_shifts() -> None:
    vision, seen = Vision(LAYOUT, CACHED), observation(0)
    shifts = vision.offsets(2 * 3, np.random.default_rng([CACHED.seed, 1])).reshape(2, 3, 2)
    made = vision.features(seen)
    for camera, name in enumerate(LAYOUT.images):
        assert made[name].shape == (3, *feature_shape("small", (3, SIDE, SIDE)))
        for variant in range(3):
            moved = shifted(torch.from_numpy(seen[name])[None], shifts[camera, variant][None])
            with torch.no_grad():
                afresh = build("small")(normalised(moved))[0]
            torch.testing.assert_close(torch.from_numpy(made[name][variant]).float(), afresh, rtol=2e-3, atol=1e-3)


def test_an_observation_and_its_successor_draw_their_variants_independently() -> None:
    variants = 4
    memory = filled(dataclasses.replace(CACHED, feature_variants=variants, batch_size=400))
    marks = memory.store._arrays[FRONT]
    marks[:] = np.arange(variants, dtype=np.float16)[None, :, None, None, None]
    batch = memory.sample()
    now, following = (o[FRONT][:, 0, 0, 0].long() for o in (batch.observation, batch.next_observation))
    together = torch.bincount(now * variants + following, minlength=variants**2)
    assert together.min() > 400 / variants**2 / 3  # all 16 pairs occur, not only the like ones


def test_one_pictures_variants_differ_and_two_cameras_are_shifted_apart() -> None:
    vision = Vision(LAYOUT, CACHED)
    picture = observation(0)[FRONT]
    made = vision.features({STATE: np.zeros(18, np.float32), FRONT: picture, WRIST: picture})
    assert not np.array_equal(made[FRONT][0], made[FRONT][1])
    assert not np.array_equal(made[FRONT], made[WRIST])


def test_pictures_that_are_not_cached_are_shifted_anew_in_each_batch() -> None:
    memory = filled(PICTURES, steps=1)
    first, second = memory.sample(), memory.sample()
    assert not torch.equal(first.observation[FRONT], second.observation[FRONT])
    assert not torch.equal(first.observation[FRONT][0], first.observation[FRONT][1])


# -------------------- shifts and scale --------------------
@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 9), st.integers(1, 9), st.lists(st.tuples(*[st.integers(0, 2 * PAD)] * 2), min_size=1, max_size=4)
)
def test_a_shift_is_a_crop_of_the_picture_with_its_edges_repeated(
    height: int, width: int, offsets: list[tuple[int, int]]
) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (len(offsets), 3, height, width), np.uint8)
    made = shifted(torch.from_numpy(pictures), torch.tensor(offsets))
    assert made.dtype == torch.uint8
    for picture, (row, column), got in zip(pictures, offsets, made, strict=True):
        padded = np.pad(picture, ((0, 0), (PAD, PAD), (PAD, PAD)), mode="edge")
        assert np.array_equal(got.numpy(), padded[:, row : row + height, column : column + width])


def test_a_shift_of_the_padding_leaves_the_picture_where_it_is() -> None:
    picture = torch.from_numpy(observation(0)[FRONT])[None]
    assert torch.equal(shifted(picture, torch.tensor([[PAD, PAD]])), picture)


def test_pictures_are_scaled_once_for_demonstrations_online_data_and_acting_alike() -> None:
    white = {name: np.full(shape, 255, np.uint8) for name, shape in LAYOUT.images.items()}
    whitest = (1 - torch.tensor(encoders.MEAN)) / torch.tensor(encoders.STD)
    memory = Replay(LAYOUT, dataclasses.replace(TRAINED, batch_size=4))
    for demonstration in (True, False):
        seen = {STATE: np.zeros(18, np.float32), **white}
        memory.add(
            dataclasses.replace(
                step(0, end=True, demonstration=demonstration, intervention=demonstration),
                observation=seen,
                final_observation=seen,
            )
        )
    batch = memory.sample()
    assert memory.vision is not None
    acting = memory.vision.acting(white)
    for pictures in (batch.observation[FRONT], batch.next_observation[WRIST], acting[FRONT]):
        torch.testing.assert_close(pictures, whitest.view(1, 3, 1, 1).expand_as(pictures))


# -------------------- what learns --------------------
@pytest.mark.parametrize("chosen", [CACHED, PICTURES, TRAINED], ids=["cached", "pictures", "trained"])
def test_the_learner_learns_from_pictures_bit_for_bit_alike_from_one_seed(chosen: LearnerSettings) -> None:
    def trained() -> torch.Tensor:
        sac, memory = SAC(LAYOUT, chosen), filled(chosen)
        for _ in range(2):
            sac.update(memory.sample)
        return torch.cat([sac.trunk.flat, sac.target.flat, sac.actor.flat])

    first = trained()
    assert torch.isfinite(first).all()
    assert torch.equal(first, trained())


def test_a_trained_encoder_has_a_gradient_learns_and_its_target_lags() -> None:
    sac, memory = SAC(LAYOUT, TRAINED), filled(TRAINED)
    names = [name for name in sac.trunk.values if name.startswith(networks.VISION)]
    assert len(names) == 8
    before = {name: sac.trunk.values[name].clone() for name in names}
    for name in names:
        original = dict(build("small").named_parameters())[name.removeprefix(networks.VISION)]
        assert torch.equal(before[name], original.detach())
    sac.update_critic(memory.sample())
    gradients = sac.trunk.views(sac.trunk.flat.grad)
    for name in names:
        assert gradients[name].abs().max() > 0, f"{name} gets no gradient"
        moved = sac.trunk.values[name] - before[name]
        lags = before[name] + TRAINED.critic_target_update_weight * moved
        torch.testing.assert_close(sac.target.values[name], lags, rtol=0, atol=1e-7)


def test_the_targets_are_computed_by_the_lagging_vision_encoder() -> None:
    sac, batch = SAC(LAYOUT, TRAINED), filled(TRAINED).sample()
    noise = sac.noise(8)
    before = sac.critic_gradients(batch, noise)[0].critic
    sac.target.values[f"{networks.VISION}image_enc_layers.0.weight"].add_(0.1)
    assert sac.critic_gradients(batch, noise)[0].critic != before


def test_a_trained_encoder_travels_with_the_weights_and_a_frozen_one_stays() -> None:
    seen = observation(3)
    for chosen, travels in ((TRAINED, True), (CACHED, False)):
        sac = SAC(LAYOUT, chosen)
        sac.update(filled(chosen).sample)
        data, sha256 = weights.pack(sac.trunk.values, sac.actor.values, sac.shape)
        assert any("image_encoder." in name for name in weights.unpack(data, sha256)) == travels
        here, there = Policy(LAYOUT, chosen), Policy(LAYOUT, chosen)
        here.use(sac.trunk.values, sac.actor.values)
        there.load(data, sha256)
        assert np.array_equal(here.act(seen, deterministic=True), there.act(seen, deterministic=True))


def test_the_actor_encodes_all_cameras_once_a_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, seen = Policy(LAYOUT, CACHED), []
    original = Encoder.__call__
    monkeypatch.setattr(Encoder, "__call__", lambda self, x: seen.append(len(x)) or original(self, x))
    policy.act(observation(0))
    assert seen == [2]


def test_the_learned_spatial_averages_are_lerobots() -> None:
    sac = SAC(LAYOUT, CACHED)
    name = "observation_images_front"
    seen = torch.randn(5, *sac.shape.map, generator=torch.Generator().manual_seed(0))
    kernel = sac.trunk.values[f"{name}.kernel"]
    pooled = (seen.unsqueeze(-1) * kernel.unsqueeze(0)).sum(dim=(2, 3)).flatten(1)
    p = sac.trunk.values
    naive = F.linear(pooled, p[f"{name}.0.weight"], p[f"{name}.0.bias"])
    naive = torch.tanh(F.layer_norm(naive, (8,), p[f"{name}.1.weight"], p[f"{name}.1.bias"]))
    torch.testing.assert_close(networks.look(sac.trunk.values, seen, name, sac.shape), naive, rtol=1e-4, atol=1e-5)


# -------------------- encoders --------------------
@pytest.mark.parametrize("name", ["small", "resnet10"])
def test_an_encoder_of_one_seed_is_one_encoder(name: str) -> None:
    picture = (3, SIDE, SIDE)
    assert Encoder(name, picture, 1).hash == Encoder(name, picture, 1).hash != Encoder(name, picture, 2).hash
    before = torch.get_rng_state()
    build(name, 3)
    assert torch.equal(before, torch.get_rng_state())


def test_a_small_encoder_comes_back_from_its_folder(tmp_path: Path) -> None:
    picture = (3, SIDE, SIDE)
    save(build("small", 5), tmp_path / "e")
    assert Encoder(str(tmp_path / "e"), picture).hash == Encoder("small", picture, 5).hash


def test_a_missing_a_broken_or_a_too_coarse_encoder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="there is no encoder resnet11: choose small, resnet10 or"):
        build("resnet11")
    save(build("small"), tmp_path / "e")
    (tmp_path / "e" / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        build(str(tmp_path / "e"))
    with pytest.raises(EncoderError, match=r"cannot read pictures of \(3, 16, 16\)"):
        Encoder("small", (3, 16, 16))
