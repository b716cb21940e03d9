"""A checkpoint held against a learner's weights."""

from __future__ import annotations

import logged_run
import pytest
import torch
from logged_run import TRAIN
from safetensors.torch import load_file, save_file

from hil_serl_ros.data.checkpoint import CheckpointError
from hil_serl_ros.data.same_weights import checkpoint_folders, compare

MODEL = "pretrained_model/model.safetensors"


@pytest.fixture
def trainer():
    return logged_run.learned(logged_run.steps([(TRAIN, 10, True)]))


def test_the_learners_own_checkpoint_has_the_same_weights(tmp_path, trainer):
    found = compare(logged_run.save(tmp_path, trainer), trainer.sac)
    assert found.same
    assert found.different == []
    assert str(found) == f"checkpoint 000004: same weights, sha256 {found.sha256}"


@pytest.mark.parametrize("part", ["pretrained_model", "algorithm"])
def test_one_flipped_bit_is_found_and_its_tensor_named(tmp_path, trainer, part):
    path = logged_run.save(tmp_path, trainer)
    file = path / part / "model.safetensors"
    tensors = load_file(file)
    name = sorted(tensors)[0]
    tensors[name].view(-1).view(torch.int32)[0] ^= 1
    save_file(tensors, file)
    found = compare(path, trainer.sac)
    assert not found.same
    assert found.different == [f"{part} {name}"]
    assert 0 < found.largest < 1e-6
    assert f"1 tensors differ, by at most {found.largest:.3g}, first {part} {name}" in str(found)


def test_another_network_differs_without_end(tmp_path, trainer):
    path = logged_run.save(tmp_path, trainer)
    other = logged_run.learned(logged_run.steps([(TRAIN, 10, True)]), latent_dim=9)
    assert compare(path, other.sac).largest == float("inf")


@pytest.mark.parametrize("content", [None, b"", b"nothing of that kind"])
def test_a_checkpoint_that_cannot_be_read_is_named(tmp_path, trainer, content):
    path = logged_run.save(tmp_path, trainer)
    (path / MODEL).unlink()
    if content is not None:
        (path / MODEL).write_bytes(content)
    with pytest.raises(CheckpointError, match=str(path / MODEL)):
        compare(path, trainer.sac)


def test_a_tensor_that_is_missing_is_named(tmp_path, trainer):
    path = logged_run.save(tmp_path, trainer)
    tensors = load_file(path / MODEL)
    name = sorted(tensors)[0]
    del tensors[name]
    save_file(tensors, path / MODEL)
    with pytest.raises(CheckpointError, match=f"has no pretrained_model {name}"):
        compare(path, trainer.sac)


def test_checkpoints_are_found_by_their_number_and_damaged_ones_are_not(tmp_path):
    for name in ("000100", "000020", "000030.damaged"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    assert list(checkpoint_folders(tmp_path)) == [20, 100]
