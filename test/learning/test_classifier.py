"""The reward classifier: its training, and what it refuses."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from hil_serl_ros.data.labelled import LabelledEpisode
from hil_serl_ros.learning import classifier_tuning
from hil_serl_ros.learning.classifier import ClassifierError, Head, encode
from hil_serl_ros.learning.classifier_threshold import figures_at, recommend
from hil_serl_ros.learning.classifier_trainer import (
    ClassifierSettings,
    check_enough,
    split,
    train,
)
from hil_serl_ros.learning.classifier_tuning import relit
from hil_serl_ros.learning.classifier_verdict import Verdict
from hil_serl_ros.learning.encoder import Encoder

QUICK = ClassifierSettings(tune_encoder=True, tune_epochs=4, threads=1)
FROZEN = ClassifierSettings(variants=1, epochs=12, patience=12, threads=1)
SIZE = 96


def block_episode(seed: int, frames: int = 12, *, success: bool = True) -> LabelledEpisode:
    """A bright block on a noisy floor that rises in ``front`` and grows in ``wrist``: a success when it is high."""
    random = np.random.default_rng(seed)
    pictures = random.integers(60, 90, (frames, 2, 3, SIZE, SIZE), np.uint8)
    pictures[:, 1, 0] += 80  # a red floor, seen by the wrist
    labels = np.zeros(frames, bool)
    x = int(random.integers(20, 60))
    for i in range(frames):
        labels[i] = success and i >= frames // 2
        row = 10 if labels[i] else 60
        pictures[i, 0, 0, row : row + 16, x : x + 16] = 250
        pictures[i, 1, 2, 30 : 30 + (40 if labels[i] else 10), x : x + 20] = 240
    return LabelledEpisode(f"made {seed}", ("front", "wrist"), np.arange(frames), pictures, labels)


@pytest.fixture(scope="module")
def episodes() -> list[LabelledEpisode]:
    return [block_episode(seed, success=seed % 3 != 2) for seed in range(9)]


@pytest.fixture(scope="module", params=[QUICK, FROZEN], ids=["tuned", "frozen"])
def trained(request, episodes):
    return train(episodes, request.param)


def seen(episode: LabelledEpisode, index: int) -> dict[str, np.ndarray]:
    return dict(zip(episode.cameras, episode.pictures[index], strict=True))


def test_it_learns_to_tell_success_on_episodes_that_it_has_not_seen(trained):
    new = block_episode(1000)
    told = [trained.classifier(seen(new, i))[0] >= trained.classifier.threshold for i in range(len(new.labels))]
    assert told == new.labels.tolist()


@pytest.mark.parametrize("settings", [QUICK, FROZEN], ids=["tuned", "frozen"])
def test_it_is_deterministic_for_a_seed(episodes, settings):
    settings = dataclasses.replace(settings, epochs=2, tune_epochs=1)
    trained, again = train(episodes, settings), train(episodes, settings)
    assert np.array_equal(again.probabilities, trained.probabilities)
    assert again.figures == trained.figures


def test_running_reads_pictures_as_training_did(trained):
    """The same frame, judged in validation and by the running classifier, through one preprocessing."""
    start = 0
    for episode in trained.validation:
        for index in range(len(episode.labels)):
            probability, _ = trained.classifier(seen(episode, index))
            assert probability == pytest.approx(trained.probabilities[start + index], abs=2e-3)  # features are halves
        start += len(episode.labels)


def test_a_head_that_learned_on_standardised_features_reads_raw_ones_after_folding():
    torch.manual_seed(0)
    head = Head(2, (4, 3, 3)).eval()
    features, mean, deviation = torch.randn(5, 2, 4, 3, 3), torch.randn(2, 4, 3, 3), torch.rand(2, 4, 3, 3) + 0.5
    expected = head((features - mean) / deviation)
    head.fold(mean, deviation)
    torch.testing.assert_close(head(features), expected, rtol=1e-4, atol=1e-5)


def test_cameras_are_encoded_in_their_order():
    encoder = Encoder("small", (3, SIZE, SIZE))
    pictures = torch.randint(0, 255, (3, 2, 3, SIZE, SIZE), dtype=torch.uint8)
    torch.testing.assert_close(encode(encoder, pictures)[:, 1], encoder(pictures[:, 1]), rtol=1e-4, atol=1e-5)


# -------------------- splitting --------------------
@pytest.mark.parametrize("seed", range(10))
def test_no_episode_is_on_both_sides_and_both_have_both_classes(episodes, seed):
    training, validation = split(episodes, 0.25, seed)
    assert not {e.name for e in training} & {e.name for e in validation}
    assert len(training) + len(validation) == len(episodes)
    for side in (training, validation):
        labels = np.concatenate([e.labels for e in side])
        assert labels.any()
        assert not labels.all()


def labelled(*labels: list[int]) -> list[LabelledEpisode]:
    return [
        LabelledEpisode(
            str(i), ("front",), np.arange(len(y)), np.zeros((len(y), 1, 3, 8, 8), np.uint8), np.array(y, bool)
        )
        for i, y in enumerate(labels)
    ]


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ([[0] * 30, [0] * 30], "all 60 frames have one label: none shows a success"),
        ([[1] * 30, [1] * 30], "all 60 frames have one label: none shows a failure"),
        ([[0] * 30 + [1] * 2, [0] * 30 + [1] * 3], "only 5 of 65 frames show a success; 10 at least are needed"),
        ([[0] * 30 + [1] * 20, [0] * 30], "only one episode has frames of a success"),
    ],
)
def test_what_nothing_can_be_learned_from_is_refused(labels, sentence):
    with pytest.raises(ClassifierError, match=sentence):
        check_enough(labelled(*labels), 10)


def test_a_gpu_that_is_not_there_is_refused(episodes, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ClassifierError, match="there is no device cuda"):
        train(episodes, dataclasses.replace(QUICK, device="cuda"))


def test_an_unknown_encoder_is_refused(episodes):
    with pytest.raises(ClassifierError, match="there is no encoder resnet11"):
        train(episodes, dataclasses.replace(QUICK, encoder="resnet11"))


# -------------------- threshold --------------------
def test_the_threshold_is_the_precise_one_with_the_best_recall():
    probabilities = np.array([0.1, 0.3, 0.6, 0.7, 0.8, 0.9])
    labels = np.array([0, 0, 0, 1, 1, 1], bool)
    figures, reason = recommend(probabilities, labels, 0.98)
    assert (figures.precision, figures.recall) == (1.0, 1.0)
    assert figures.threshold == pytest.approx(0.65)  # halfway, not on a frame
    assert "precision of at least 0.98" in reason


def test_without_a_precise_threshold_the_best_f1_is_recommended_and_said():
    probabilities = np.array([0.9, 0.8, 0.7, 0.2])
    labels = np.array([0, 1, 1, 0], bool)
    figures, reason = recommend(probabilities, labels, 0.98)
    assert figures.f1 == pytest.approx(0.8)
    assert "best F1" in reason


def test_counts_at_a_threshold():
    figures = figures_at(np.array([0.9, 0.2, 0.8, 0.1]), np.array([1, 1, 0, 0], bool), 0.5)
    counts = (figures.true_positives, figures.false_negatives, figures.false_positives, figures.true_negatives)
    assert counts == (1, 1, 1, 1)


def test_light_changes_are_clipped_and_not_wrapped():
    pictures = torch.tensor([[250, 128, 3]], dtype=torch.uint8)
    brighter = relit(pictures, torch.tensor([1.0]), torch.tensor([0.1]))
    darker = relit(pictures, torch.tensor([1.0]), torch.tensor([-0.1]))
    assert brighter.tolist() == [[255, 154, 28]]
    assert darker.tolist() == [[224, 102, 0]]


# -------------------- unlike its training data --------------------
def test_what_it_was_trained_on_is_familiar(trained):
    new = block_episode(1001)
    assert all(trained.classifier(seen(new, i))[1] <= trained.classifier.familiar.limit for i in range(12))


@pytest.mark.parametrize("kind", ["black", "noise", "shuffled", "bright"])
def test_pictures_of_another_kind_are_strange(trained, kind):
    good = seen(block_episode(1002), 3)
    pictures = {
        "black": {name: np.zeros_like(p) for name, p in good.items()},
        "noise": {n: np.random.default_rng(0).integers(0, 255, p.shape, np.uint8) for n, p in good.items()},
        "shuffled": {"front": good["wrist"], "wrist": good["front"]},
        "bright": {name: np.full_like(p, 255) for name, p in good.items()},
    }[kind]
    assert trained.classifier(pictures)[1] > trained.classifier.familiar.limit


def test_one_strange_camera_is_enough(trained):
    good = seen(block_episode(1003), 3)
    assert trained.classifier(good | {"wrist": np.zeros_like(good["wrist"])})[1] > trained.classifier.familiar.limit


def test_other_cameras_and_sizes_are_refused_in_one_sentence(trained):
    good = seen(block_episode(1004), 0)
    with pytest.raises(ClassifierError, match=r"trained on the cameras front, wrist; the observation has front$"):
        trained.classifier({"front": good["front"]})
    with pytest.raises(ClassifierError, match="the observation has no picture"):
        trained.classifier({})
    with pytest.raises(ClassifierError, match="trained on pictures of 96x96; wrist is 64x32"):
        trained.classifier(good | {"wrist": np.zeros((3, 32, 64), np.uint8)})


# -------------------- verdict --------------------
def verdicts(consecutive: int, *observations: tuple[int, int, bool]) -> list[bool]:
    verdict = Verdict(consecutive)
    return [verdict.update(*observation) for observation in observations]


def test_a_success_takes_so_many_positives_in_a_row():
    assert verdicts(2, (0, 1, True), (0, 2, False), (0, 3, True), (0, 4, True), (0, 5, True)) == [
        False,
        False,
        False,
        True,
        True,
    ]


def test_a_repeated_observation_is_not_counted_twice():
    assert verdicts(2, (0, 1, True), (0, 1, True), (0, 1, True), (0, 2, True), (0, 2, True)) == [
        False,
        False,
        False,
        True,
        True,
    ]


def test_a_reset_starts_the_count_anew():
    assert verdicts(2, (0, 1, True), (1, 2, True), (1, 3, True)) == [False, False, True]


def test_a_stamp_that_goes_back_starts_the_count_anew():
    assert verdicts(2, (0, 5, True), (0, 3, True), (0, 4, True)) == [False, False, True]


def test_balanced_epochs_draw_so_many_failures_for_each_success(episodes, monkeypatch):
    """3 successes to a failure drawn: the loss's weight says how many were drawn."""
    weights = []
    real = torch.nn.functional.binary_cross_entropy_with_logits

    def spy(logits, labels, pos_weight):
        weights.append(float(pos_weight))
        return real(logits, labels, pos_weight=pos_weight)

    monkeypatch.setattr(classifier_tuning.F, "binary_cross_entropy_with_logits", spy)
    train(episodes, dataclasses.replace(QUICK, failures=1.0, tune_epochs=1))
    assert weights[0] == pytest.approx(1.0)
