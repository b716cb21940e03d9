"""Weights as bytes: what goes in comes out, and nothing else gets in."""

from __future__ import annotations

import hashlib
import pickle

import pytest
import torch
from safetensors.torch import load, save

from hil_serl_ros.learning import weights
from hil_serl_ros.learning.layout import panda_layout
from hil_serl_ros.learning.sac import SAC
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.weights import WeightsError

LAYOUT = panda_layout()
SETTINGS = LearnerSettings(latent_dim=8, hidden_dims=[16, 16], compile=False)


def learner(seed: int = 0) -> SAC:
    import dataclasses

    return SAC(LAYOUT, dataclasses.replace(SETTINGS, seed=seed))


def packed(sac: SAC) -> tuple[bytes, str]:
    return weights.pack(sac.trunk.values, sac.actor.values, sac.shape)


def put(data: bytes, sac: SAC, sha256: str | None = None) -> None:
    weights.apply(data, sha256 or hashlib.sha256(data).hexdigest(), sac.trunk.values, sac.actor.values, sac.shape)


def test_weights_arrive_as_they_left() -> None:
    sender, receiver = learner(0), learner(1)
    put(*[packed(sender)[0], receiver])
    assert packed(receiver) == packed(sender)
    assert torch.equal(receiver.actor.flat, sender.actor.flat)


def test_the_critics_travel_too_so_that_the_actor_knows_its_chances() -> None:
    sender, receiver = learner(0), learner(1)
    put(packed(sender)[0], receiver)
    for name, values in sender.trunk.values.items():
        assert torch.equal(values, receiver.trunk.values[name]), name


def test_the_targets_stay_at_home() -> None:
    names = load(packed(learner())[0]).keys()
    assert {name.split(".")[0] for name in names} == {"encoder_critic", "actor", "discrete_critic", "critic_ensemble"}


def test_weights_without_critics_act() -> None:
    sender, receiver = learner(0), learner(1)
    tensors = {name: t for name, t in load(packed(sender)[0]).items() if not name.startswith("critic_ensemble")}
    put(save(tensors), receiver)
    assert torch.equal(receiver.actor.flat, sender.actor.flat)


def test_half_of_the_critics_is_refused() -> None:
    tensors = load(packed(learner())[0])
    del tensors["critic_ensemble.critics.1.output_layer.bias"]
    with pytest.raises(WeightsError, match=r"critic_ensemble\.critics\.1\.output_layer\.bias is missing"):
        put(save(tensors), learner(1))


def test_another_hash_is_refused() -> None:
    with pytest.raises(WeightsError, match="SHA-256 is"):
        put(packed(learner())[0], learner(), sha256="0" * 64)


def test_a_pickle_is_refused_and_not_executed() -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return pytest.fail, ("executed",)

    with pytest.raises(WeightsError, match="not a safetensors file"):
        put(pickle.dumps(Bomb()), learner())


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(WeightsError, match="at most"):
        put(bytes(weights.MAX_BYTES + 1), learner())


def test_a_tensor_of_another_shape_is_refused_and_nothing_is_changed() -> None:
    receiver = learner(1)
    before = receiver.trunk.flat.clone()
    tensors = load(packed(learner())[0])
    tensors["actor.mean_layer.bias"] = torch.zeros(4)
    with pytest.raises(WeightsError, match=r"actor\.mean_layer\.bias has the shape \(4,\); this network's is \(3,\)"):
        put(save(tensors), receiver)
    assert torch.equal(receiver.trunk.flat, before)


def test_a_number_that_is_not_finite_is_refused() -> None:
    sac = learner()
    sac.actor.values["mean.bias"][0] = float("nan")
    with pytest.raises(WeightsError, match="not finite"):
        put(packed(sac)[0], learner())
