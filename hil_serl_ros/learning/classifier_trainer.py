"""Training of the reward classifier: split by episode, augment, balance, stop early, recommend a threshold."""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hil_serl_ros.data.labelled import LabelledEpisode
from hil_serl_ros.learning.classifier import (
    ClassifierError,
    Familiar,
    Head,
    RewardClassifier,
    encode,
    make_encoder,
)
from hil_serl_ros.learning.classifier_threshold import Figures, recommend
from hil_serl_ros.learning.classifier_tuning import Best, Draws, ranking_error, tune, varied
from hil_serl_ros.learning.encoder import Encoder, SmallEncoder, tensors_hash
from hil_serl_ros.settings import setting

CHUNK = 64  # frames encoded at once
Progress = Callable[[int, int, str], None]  # steps done, steps at most, a word on the state


@dataclass
class ClassifierSettings:
    encoder: str = setting("small", "Frozen encoder: small, resnet10, or the folder of a transformers model.")
    encoder_seed: int = setting(0, "Seed of the random weights of small and resnet10.", minimum=0)
    seed: int = setting(0, "Seed of split, augmentation, weights and batches.", minimum=0)
    device: str = setting("cpu", "Where it trains: cpu or cuda.")
    threads: int = setting(0, "Threads of torch; 0: its own choice.", minimum=0)
    validation: float = setting(0.25, "Share of the episodes that is held out.", minimum=0.05, maximum=0.5)
    variants: int = setting(4, "Shifted and re-lit variants of each training frame.", minimum=1, maximum=32)
    light: float = setting(0.1, "Largest change of brightness and contrast in a variant.", minimum=0.0, maximum=0.9)
    failures: float = setting(3.0, "Failures drawn for each success in an epoch.", minimum=0.5, maximum=20.0)
    batch_size: int = setting(64, "Frames of a batch.", unit="frames", minimum=2)
    lr: float = setting(1e-3, "AdamW's learning rate.", minimum=1e-6, maximum=0.1)
    weight_decay: float = setting(0.1, "AdamW's weight decay.", minimum=0.0, maximum=1.0)
    tune_encoder: bool = setting(False, "A small encoder learns along with the head (slow); others stay frozen.")
    tune_epochs: int = setting(12, "Epochs with a small encoder, all of them used.", unit="epochs", minimum=1)
    tune_encoder_lr: float = setting(1e-3, "Largest rate of a small encoder.", minimum=1e-6, maximum=0.1)
    tune_head_lr: float = setting(5e-4, "Largest rate of the head with a small encoder.", minimum=1e-6, maximum=0.1)
    epochs: int = setting(80, "Epochs at most with a frozen encoder.", unit="epochs", minimum=1)
    patience: int = setting(
        30,
        "Epochs without a better ranking of the held-out frames until it stops, encoder frozen.",
        unit="epochs",
        minimum=1,
    )
    precision: float = setting(0.98, "Precision that the recommended threshold shall have.", minimum=0.5, maximum=1.0)
    least: int = setting(10, "Frames of each class that are needed.", unit="frames", minimum=2)


@dataclass(frozen=True)
class Trained:
    """A classifier and how it did on the episodes held out.

    Attributes:
        validation: the held-out episodes.
        probabilities: of their frames, in their order.
        reason: why the threshold is what it is, one sentence.
        epochs: until it stopped; ``best`` is the one whose weights were kept.
    """

    classifier: RewardClassifier
    figures: Figures
    validation: tuple[LabelledEpisode, ...]
    probabilities: np.ndarray
    reason: str
    epochs: int
    best: int
    loss: float
    training_episodes: int
    training_frames: int
    training_successes: int
    seconds: float


def train(
    episodes: Sequence[LabelledEpisode],
    settings: ClassifierSettings,
    progress: Progress = lambda done, of, text: None,
) -> Trained:
    """Train on ``episodes``. The same episodes and settings give the same classifier on one machine.

    Args:
        episodes: alike in their cameras (``labelled.check_alike``).
        settings: how.
        progress: called with steps done, steps at most and a word on the state.

    Raises:
        ClassifierError: too few frames or episodes of a class, or no such encoder or device.
    """
    started = time.perf_counter()
    check_enough(episodes, settings.least)
    channels, height, width = episodes[0].pictures.shape[2:]
    picture = (int(channels), int(height), int(width))
    encoder = make_encoder(settings.encoder, picture, settings.encoder_seed, settings.device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    training, validation = split(episodes, settings.validation, settings.seed)
    labels, judged = _labels(training), _labels(validation)
    head = _head(encoder, len(episodes[0].cameras), settings.seed)
    if settings.tune_encoder and isinstance(encoder.module, SmallEncoder):
        best = _tune(encoder, head, (_pictures(training), labels), (_pictures(validation), judged), settings, progress)
        known = torch.stack(
            [_features(encoder, training), _features(encoder, training, _random(settings, 2), settings.light)]
        )
        held = _features(encoder, validation)
    else:
        known, held = _cache(encoder, training, validation, settings, progress)
        best = _fit(head, known, labels, held, judged, settings, progress)
    familiar = Familiar.fit(*(f.float().mean((-2, -1)) for f in (known.flatten(0, 1), held)))
    classifier = RewardClassifier(encoder, head, familiar, episodes[0].cameras, picture, 0.5)
    with torch.inference_mode():
        probabilities = torch.cat([torch.sigmoid(head(part.float())) for part in held.split(256)]).numpy()
    figures, reason = recommend(probabilities, judged.numpy() > 0.5, settings.precision)
    classifier.threshold = figures.threshold
    return Trained(
        classifier=classifier,
        figures=figures,
        validation=validation,
        probabilities=probabilities,
        reason=reason,
        epochs=best.epochs,
        best=best.epoch,
        loss=best.loss,
        training_episodes=len(training),
        training_frames=len(labels),
        training_successes=int(labels.sum()),
        seconds=time.perf_counter() - started,
    )


def check_enough(episodes: Sequence[LabelledEpisode], least: int) -> None:
    """Refuse what nothing can be learned from.

    Raises:
        ClassifierError: one class only, fewer than ``least`` frames of one, or all of one in a single episode.
    """
    successes = sum(int(e.labels.sum()) for e in episodes)
    frames = sum(len(e.labels) for e in episodes)
    for word, count in (("success", successes), ("failure", frames - successes)):
        if count == 0:
            raise ClassifierError(f"all {frames} frames have one label: none shows a {word}; record or label some")
        if count < least:
            raise ClassifierError(f"only {count} of {frames} frames show a {word}; {least} at least are needed")
    for word, wanted in (("success", True), ("failure", False)):
        if sum(bool((e.labels == wanted).any()) for e in episodes) < 2:
            raise ClassifierError(
                f"only one episode has frames of a {word}; it takes two, one to learn from and one to validate on"
            )


def split(
    episodes: Sequence[LabelledEpisode], share: float, seed: int
) -> tuple[tuple[LabelledEpisode, ...], tuple[LabelledEpisode, ...]]:
    """Training and validation episodes; both sides have successes and failures, no episode is on both.

    Raises:
        ClassifierError: there are too few episodes for that.
    """
    random = np.random.default_rng(seed)
    held = np.zeros(len(episodes), bool)
    good = np.array([bool(e.labels.any()) for e in episodes])
    for kind in (good, ~good):
        indices = random.permutation(np.flatnonzero(kind))
        count = round(share * len(indices))
        held[indices[: max(count, 1) if kind is good else count]] = True
    for side in (held, ~held):
        labels = np.concatenate(
            [e.labels for e, here in zip(episodes, side, strict=True) if here] or [np.zeros(0, bool)]
        )
        if labels.all() or not labels.any():
            raise ClassifierError("there are too few episodes to hold some out with both classes; record more")
    training = tuple(e for e, here in zip(episodes, held, strict=True) if not here)
    return training, tuple(e for e, here in zip(episodes, held, strict=True) if here)


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [cameras, C, h, w] over frames, and one deviation for all of a camera, of features [N, cameras, C, h, w].

    A deviation of each feature's own would blow up those that hardly change: noise, on so few frames.
    """
    total = torch.zeros(features.shape[1:])
    square = torch.zeros(features.shape[1:])
    for part in features.split(256):
        total += part.float().sum(0)
        square += part.float().square().sum(0)
    mean = total / len(features)
    deviation = (square / len(features) - mean.square()).clamp_min(0).sqrt()
    one = deviation.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-6)
    return mean, one.expand_as(deviation).contiguous()


def _labels(episodes: Sequence[LabelledEpisode]) -> Tensor:
    return torch.from_numpy(np.concatenate([e.labels for e in episodes])).float()


def _pictures(episodes: Sequence[LabelledEpisode]) -> Tensor:
    return torch.from_numpy(np.concatenate([e.pictures for e in episodes]))


def _random(settings: ClassifierSettings, stream: int) -> torch.Generator:
    return torch.Generator().manual_seed(settings.seed * 16 + stream)


def _head(encoder: Encoder, cameras: int, seed: int) -> Head:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Head(cameras, encoder.features)


def _features(
    encoder: Encoder, episodes: Sequence[LabelledEpisode], random: torch.Generator | None = None, light: float = 0.0
) -> Tensor:
    """Features [N, cameras, C, h, w] float16 of all frames; with ``random`` of shifted and re-lit ones."""
    made = []
    for episode in episodes:
        for pictures in torch.from_numpy(episode.pictures).split(CHUNK):
            shown = pictures if random is None else varied(pictures, light, random)
            made.append(encode(encoder, shown).half().cpu())
    return torch.cat(made)


def _cache(
    encoder: Encoder,
    training: Sequence[LabelledEpisode],
    validation: Sequence[LabelledEpisode],
    settings: ClassifierSettings,
    progress: Progress,
) -> tuple[Tensor, Tensor]:
    """Features of a frozen encoder: [1 + variants, N, cameras, C, h, w] to learn from, [M, ...] held out; float16."""
    random = _random(settings, 0)
    steps = 2 + settings.variants + settings.epochs
    held = _features(encoder, validation)
    known = [_features(encoder, training)]
    for index in range(settings.variants):
        progress(2 + index, steps, "encoding")
        known.append(_features(encoder, training, random, settings.light))
    return torch.stack(known), held


def _tune(
    encoder: Encoder,
    head: Head,
    frames: tuple[Tensor, Tensor],
    held: tuple[Tensor, Tensor],
    settings: ClassifierSettings,
    progress: Progress,
) -> Best:
    """Train encoder and head together."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed + 1)  # of dropout
        best = tune(
            encoder.module,
            head,
            frames,
            held,
            epochs=settings.tune_epochs,
            rates=(settings.tune_encoder_lr, settings.tune_head_lr),
            batch_size=settings.batch_size,
            weight_decay=settings.weight_decay,
            failures=settings.failures,
            light=settings.light,
            random=_random(settings, 1),
            device=torch.device(settings.device),
            report=lambda epoch, text: progress(epoch, settings.tune_epochs, text),
        )
    encoder.hash = tensors_hash(encoder.module.state_dict())
    return best


def _fit(
    head: Head,
    known: Tensor,
    labels: Tensor,
    held: Tensor,
    judged: Tensor,
    settings: ClassifierSettings,
    progress: Progress,
) -> Best:
    """Train ``head`` on a frozen encoder's features until it ranks the frames of ``held`` best.

    Args:
        known: [variants, N, cameras, C, h, w], with ``labels`` [N].
        held: [M, cameras, C, h, w], with ``judged`` [M].
    """
    device = torch.device(settings.device)
    head.to(device)
    # It learns on standardised features, and is given their mean and deviation at the end.
    mean, deviation = moments(known.flatten(0, 1))
    validation = (held - mean) / deviation
    random = _random(settings, 1)
    optimizer = torch.optim.AdamW(head.parameters(), settings.lr, weight_decay=settings.weight_decay)
    draws = Draws(labels, settings.failures, random)
    best, kept, epoch = Best(0, 0, float("inf")), copy.deepcopy(head.state_dict()), 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed + 1)  # of dropout
        for epoch in range(1, settings.epochs + 1):
            head.train()
            # Up for a few epochs, then down by a cosine: the last weights are settled ones.
            share = min(1.0, epoch / 5) * 0.5 * (1 + math.cos(math.pi * (epoch - 1) / settings.epochs))
            optimizer.param_groups[0]["lr"] = settings.lr * share
            for batch in draws.epoch().split(settings.batch_size):
                variant = torch.randint(0, len(known), (len(batch),), generator=random)
                logits = head(((known[variant, batch] - mean) / deviation).to(device))
                loss = F.binary_cross_entropy_with_logits(
                    logits, labels[batch].to(device), pos_weight=draws.weight.to(device)
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            head.eval()
            with torch.no_grad():
                out = torch.cat([head(part.float().to(device)).cpu() for part in validation.split(256)])
            now = ranking_error(out, judged)
            if now <= best.loss:
                best, kept = Best(epoch, epoch, now), copy.deepcopy(head.state_dict())
            steps = 2 + settings.variants + settings.epochs
            progress(2 + settings.variants + epoch, steps, f"validation error {now:.4f}, best {best.loss:.4f}")
            if epoch - best.epoch >= settings.patience:
                break
    head.load_state_dict(kept)
    head.cpu().eval()
    head.fold(mean, deviation)
    return dataclasses.replace(best, epochs=epoch)


def summary(trained: Trained) -> dict[str, object]:
    """What is kept of training beside the weights, JSON numbers and text."""
    figures = trained.figures
    return {
        **dataclasses.asdict(figures),
        "precision": figures.precision,
        "recall": figures.recall,
        "reason": trained.reason,
        "loss": trained.loss,
        "best_epoch": trained.best,
        "validation_episodes": [episode.name for episode in trained.validation],
        "validation_frames": len(trained.probabilities),
        "training_episodes": trained.training_episodes,
        "training_frames": trained.training_frames,
        "training_successes": trained.training_successes,
    }
