"""``hil-serl classifier train``: from recorded runs to a reward classifier's folder."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rclpy.serialization import deserialize_message
from tqdm import tqdm

from hil_serl_ros.data.classifier_folder import save
from hil_serl_ros.data.demonstrations import DemonstrationsError, read_demonstrations
from hil_serl_ros.data.labelled import (
    LabelledEpisode,
    LabelledError,
    RecordedStep,
    check_alike,
    labelled_episodes,
)
from hil_serl_ros.data.labels import NAME, LabelsError, read_labels
from hil_serl_ros.data.mistakes import draw_mistakes
from hil_serl_ros.data.segments import LogError
from hil_serl_ros.learning.classifier import ClassifierError
from hil_serl_ros.learning.classifier_threshold import confusion
from hil_serl_ros.learning.classifier_trainer import ClassifierSettings, Trained, train
from hil_serl_ros.msg import Observation, Transition
from hil_serl_ros.ros.convert import observation_pictures
from hil_serl_ros.settings import SettingError, validate

MISTAKES = "mistakes.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    defaults = ClassifierSettings()
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders of recorded runs")
    parser.add_argument("--output", type=Path, default=Path("classifier"), help="folder to make (default: classifier)")
    parser.add_argument("--encoder", default=defaults.encoder, help="small, resnet10 or a folder (default: small)")
    parser.add_argument("--seed", type=int, default=defaults.seed, help="of everything random (default: 0)")
    parser.add_argument("--device", default=defaults.device, help="cpu or cuda (default: cpu)")
    parser.add_argument("--epochs", type=int, help="at most")
    parser.add_argument("--tune-encoder", action="store_true", help="teach a small encoder along: minutes longer")


def run(arguments: argparse.Namespace) -> int:
    """Read, train, validate, save; the exit code is 0 only if there is a classifier then."""
    try:
        settings = validate(
            ClassifierSettings(
                encoder=arguments.encoder,
                encoder_seed=arguments.seed,
                seed=arguments.seed,
                device=arguments.device,
                tune_encoder=arguments.tune_encoder,
                **({} if arguments.epochs is None else {"epochs": arguments.epochs, "tune_epochs": arguments.epochs}),
            )
        )
        output = arguments.output.resolve()
        if output.exists():
            raise ClassifierError(f"{output} exists already; choose another --output")
        episodes = [episode for folder in arguments.runs for episode in read_episodes(folder)]
        check_alike(episodes)
        trained = train_with_bar(episodes, settings)
        save(output, trained, settings)
    except (ClassifierError, LabelledError, LabelsError, DemonstrationsError, LogError, SettingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    draw_mistakes(trained.validation, trained.probabilities, trained.figures.threshold, output / MISTAKES)
    tell(trained, output)
    return 0


def read_episodes(folder: Path) -> list[LabelledEpisode]:
    """Labelled episodes of one run's folder, in the order of its log; a table of labels in it overrides.

    Raises:
        LabelledError: no pictures in it, or they cannot be read.
        DemonstrationsError: no such folder, or no log in it.
        LogError: the log cannot be read.
        LabelsError: the table of labels cannot be read.
    """
    return list(labelled_episodes(_steps(folder), read_labels(folder / NAME), folder.resolve().name))


def _steps(folder: Path) -> Iterator[RecordedStep]:
    for data in tqdm(read_demonstrations(folder), desc=f"read {folder.name}", unit=" steps", leave=False):
        message = deserialize_message(data, Transition)
        final = message.final_observation
        yield RecordedStep(
            robot=message.robot,
            run=message.run,
            episode=message.episode,
            step=message.step,
            pictures=_pictures(message.observation, folder),
            success=message.success,
            final_pictures=_pictures(final[0], folder) if final else None,
            discarded=message.discarded,
        )


def _pictures(observation: Observation, folder: Path) -> dict[str, np.ndarray]:
    try:
        return observation_pictures(observation)
    except ValueError as error:
        raise LabelledError(f"{folder} holds a picture that cannot be read: {error}") from None


def train_with_bar(episodes: list[LabelledEpisode], settings: ClassifierSettings) -> Trained:
    """``train``, with a progress bar."""
    with tqdm(total=1, desc="train", unit=" steps") as bar:

        def progress(done: int, of: int, text: str) -> None:
            bar.total = of
            bar.set_postfix_str(text, refresh=False)
            bar.update(done - bar.n)

        return train(episodes, settings, progress)


def tell(trained: Trained, folder: Path) -> None:
    """Say how good it is, and end with one plain line."""
    figures = trained.figures
    print(
        f"trained on {trained.training_frames} frames ({trained.training_successes} successes) of "
        f"{trained.training_episodes} episodes; best of {trained.epochs} epochs: {trained.best}"
    )
    print(f"{len(trained.validation)} episodes held out, {len(trained.probabilities)} frames:")
    print(confusion(figures))
    print(f"threshold {figures.threshold:.4f}: {trained.reason}")
    print(f"worst mistakes: {folder / MISTAKES}")
    print(f"classifier: {folder}")
    print(
        f"result: precision={figures.precision:.3f} recall={figures.recall:.3f} threshold={figures.threshold:.4f} "
        f"frames={trained.training_frames + len(trained.probabilities)} wall_s={trained.seconds:.0f}"
    )
