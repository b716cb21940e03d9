"""The folder of a reward classifier: loaded again by us, and by stock lerobot."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil

import numpy as np
import pytest
import torch

from hil_serl_ros.data.classifier_folder import load, save
from hil_serl_ros.data.labelled import LabelledEpisode
from hil_serl_ros.data.mistakes import draw_mistakes
from hil_serl_ros.learning.classifier import ClassifierError
from hil_serl_ros.learning.classifier_trainer import ClassifierSettings, train

SETTINGS = ClassifierSettings(variants=1, epochs=2, threads=1)


def episode(seed: int) -> LabelledEpisode:
    """Frames of noise, the second half of them brighter and successes."""
    pictures = np.random.default_rng(seed).integers(0, 120, (8, 2, 3, 128, 128), np.uint8)
    pictures[4:] += 100
    return LabelledEpisode(f"made {seed}", ("front", "wrist"), np.arange(8), pictures, np.arange(8) >= 4)


EPISODES = [episode(seed) for seed in range(4)]


@pytest.fixture(scope="module", params=["small", "resnet10"])
def made(request, tmp_path_factory):
    settings = dataclasses.replace(SETTINGS, encoder=request.param, encoder_seed=3)
    trained = train(EPISODES, settings)
    folder = tmp_path_factory.mktemp("classifier") / request.param
    save(folder, trained, settings)
    return request.param, trained, folder


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made[2], tmp_path / "copy")


def test_a_loaded_classifier_says_the_same_also_after_the_folder_was_moved(made, copy):
    _, trained, _ = made
    pictures = torch.from_numpy(EPISODES[0].pictures)
    loaded = load(copy)
    for ours, kept in zip(loaded.judge(pictures), trained.classifier.judge(pictures), strict=True):
        torch.testing.assert_close(ours, kept, rtol=1e-5, atol=1e-6)
    assert (loaded.cameras, loaded.picture, loaded.threshold) == (
        ("front", "wrist"),
        (3, 128, 128),
        trained.figures.threshold,
    )
    assert loaded.familiar.limit == pytest.approx(trained.classifier.familiar.limit)


def test_stock_lerobot_gives_the_same_probabilities(made, caplog):
    name, _, folder = made
    if name == "small":
        assert not (folder / "config.json").exists()
        return
    from lerobot.processor import PolicyProcessorPipeline
    from lerobot.rewards.classifier.modeling_classifier import Classifier

    with caplog.at_level(logging.WARNING):
        theirs = Classifier.from_pretrained(str(folder))
    assert "Missing key" not in caplog.text
    processor = PolicyProcessorPipeline.from_pretrained(str(folder), config_filename="classifier_preprocessor.json")
    pictures = torch.from_numpy(EPISODES[0].pictures)
    batch = processor(
        {f"observation.images.{n}": pictures[:, i].float() / 255 for i, n in enumerate(EPISODES[0].cameras)}
    )
    with torch.no_grad():
        probabilities = theirs.predict([batch[key] for key in theirs.config.input_features]).probabilities
    torch.testing.assert_close(probabilities, load(folder).judge(pictures)[0], rtol=0, atol=1e-5)


def test_a_folder_is_never_overwritten(made):
    with pytest.raises(FileExistsError):
        save(made[2], made[1], SETTINGS)


def change(folder, **changes):
    file = folder / "classifier.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_another_preprocessing_is_refused(copy):
    change(copy, preprocessing="pixels / 127.5 - 1")
    with pytest.raises(ClassifierError, match="was trained with another preprocessing"):
        load(copy)


def test_another_encoder_than_trained_with_is_refused(copy):
    change(copy, encoder_hash="0" * 64)
    with pytest.raises(ClassifierError, match="is not the one that the classifier was trained with"):
        load(copy)


def test_unreadable_folders_are_one_sentence(copy, tmp_path):
    with pytest.raises(ClassifierError, match="cannot read the classifier's"):
        load(tmp_path / "nowhere")
    change(copy, cameras=["front"])
    with pytest.raises(ClassifierError, match="is not a classifier's folder"):
        load(copy)
    (copy / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(ClassifierError, match=r"cannot read the classifier's .*model\.safetensors"):
        load(copy)


@pytest.mark.parametrize("wrong", [0, 1, 20])
def test_the_picture_of_mistakes_is_drawn_whatever_their_number(tmp_path, wrong):
    labels = np.concatenate([e.labels for e in EPISODES])
    probabilities = np.where(labels, 0.9, 0.1)
    probabilities[:wrong] = 1 - probabilities[:wrong]
    draw_mistakes(EPISODES, probabilities, 0.5, tmp_path / "mistakes.png")
    assert (tmp_path / "mistakes.png").read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [tmp_path / "mistakes.png"]
