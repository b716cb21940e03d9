"""An encoder taught by unlabelled pictures tells where things are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hil_serl_ros.learning.encoder import Encoder, build, save
from hil_serl_ros.learning.pretraining import PretrainingSettings, pretrain

SIDE = 64


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [n, 1, 3, SIDE, SIDE] of a small square on grey, and its place [n, 2] in pixels."""
    random = np.random.default_rng(seed)
    places = random.integers(8, SIDE - 14, (count, 2))
    made = np.full((count, 1, 3, SIDE, SIDE), 60, np.uint8)
    for picture, (row, column) in zip(made, places, strict=True):
        picture[0, 0, row : row + 6, column : column + 6] = 230
    return made, places


def test_taught_features_tell_where_a_thing_is_better_than_random_ones() -> None:
    seen, places = pictures(300, 0)
    taught = pretrain(seen[:200], PretrainingSettings(pretraining_steps=200, pretraining_batch=16, threads=1))

    def error(module: torch.nn.Module) -> float:
        encoder = Encoder("small", (3, SIDE, SIDE))
        encoder.module = module
        features = encoder(torch.from_numpy(seen[:, 0])).flatten(1).numpy()
        features = np.concatenate([(features - features[:200].mean(0)) / features[:200].std(), np.ones((300, 1))], 1)
        gram = features[:200].T @ features[:200] + np.eye(features.shape[1])
        fitted = np.linalg.solve(gram, features[:200].T @ places[:200])
        return float(np.abs(features[200:] @ fitted - places[200:]).mean())

    assert error(taught) < 0.7 * error(build("small", 0))


def test_the_same_seed_teaches_the_same_encoder_and_leaves_torchs_generator_alone() -> None:
    seen, _ = pictures(20, 1)
    settings = PretrainingSettings(pretraining_steps=3, pretraining_batch=4, threads=1)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second = (pretrain(seen, settings).state_dict() for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_saved_encoder_is_the_same_one_again(tmp_path) -> None:
    seen, _ = pictures(4, 2)
    taught = pretrain(seen, PretrainingSettings(pretraining_steps=2, pretraining_batch=2, threads=1))
    save(taught, tmp_path / "encoder")
    loaded = build(str(tmp_path / "encoder"))
    for name, tensor in taught.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)


def test_one_picture_teaches_nothing_and_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        pretrain(pictures(1, 0)[0], PretrainingSettings())
