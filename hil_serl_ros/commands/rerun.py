"""``hil-serl rerun``: run a logged episode again in simulation, under any version of the run's weights."""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from hil_serl_ros.commands import again
from hil_serl_ros.data.run_settings import why_other_weights
from hil_serl_ros.msg import Transition
from hil_serl_ros.ros.relearned import FOLDER, checkpoint_versions, relearn_versions, take_from_checkpoint
from hil_serl_ros.ros.relearning import run_index
from hil_serl_ros.settings import SettingError

LOGGED = "logged"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    again.add_arguments(parser, "rerun")
    parser.add_argument(
        "--weights",
        default=LOGGED,
        metavar="VERSION",
        help="version of the weights: the number of steps learned from; logged (default): those that acted, and the "
        "person's steps as they were",
    )
    parser.add_argument("--greedy", action="store_true", help="the mean action, without the episode's exploration")


def run(arguments: argparse.Namespace) -> int:
    """Learn the weights again, then run the graph until the episode is over; the exit code."""
    episode = again.episode_of(arguments)
    version = _version(arguments.weights)
    if version is None:
        if any(step.mode != Transition.MODE_TRAIN for step in episode.steps):
            raise SettingError(
                f"in episode {episode.number} a person showed something, and no policy acted: choose by --weights"
            )
        versions = {int(step.weights_version) for step in episode.steps}
    else:
        versions = {version}
    ready = checkpoint_versions(episode.settings)
    if not episode.settings.lockstep:
        versions = {_nearest(version, ready)}
    elif max(versions) > len(episode.index.places):
        steps = f"{episode.index.folder} has {len(episode.index.places)} steps"
        raise SettingError(f"there is no version {max(versions)} of the weights: {steps}")
    hands = version is None
    version = -1 if hands else min(versions)
    changes = {"clock": "lockstep", "greedy": arguments.greedy, "hands": hands, **again.SIMULATED}
    changes |= {"version": version, "max_episode_steps": again.limit_of(arguments)}

    def prepare(folder: Path) -> None:
        if version in ready:
            take_from_checkpoint(ready[version], version, episode.settings.layout, folder / FOLDER)
            print(f"weights of {version} steps, from the checkpoint {ready[version]}")
        else:
            _relearn(episode, versions, folder / FOLDER)

    return again.start("rerun", episode, arguments, changes, prepare)


def _relearn(episode: again.Episode, versions: set[int], folder: Path) -> None:
    for reason in why_other_weights(episode.settings):
        print(f"note: the weights may not be the very ones: {reason}")
    index = run_index(episode.settings)
    with tqdm(total=max(versions), desc="relearn", unit=" steps", leave=False) as bar:
        for _ in relearn_versions(episode.settings, index, versions, folder):
            bar.update()
    print(f"weights of {', '.join(map(str, sorted(versions)))} steps, learned again from the log")


def _nearest(version: int | None, ready: dict[int, Path]) -> int:
    """The version nearest to ``version`` that a run in realtime has kept."""
    there = f"those of its checkpoints are, {', '.join(map(str, sorted(ready))) or 'but it has none'}"
    if version is None or not ready:
        raise SettingError(f"the run's clock was realtime: not every version of its weights can be had again, {there}")
    nearest = min(ready, key=lambda steps: (abs(steps - version), steps))
    if nearest != version:
        print(f"note: the run's clock was realtime; the version nearest to {version} that it kept is {nearest}")
    return nearest


def _version(word: str) -> int | None:
    """A version's number; None: those that were logged."""
    if word == LOGGED:
        return None
    if not word.isdigit():
        raise SettingError(f"--weights {word} is no version; it is a number of steps, or {LOGGED}")
    return int(word)
