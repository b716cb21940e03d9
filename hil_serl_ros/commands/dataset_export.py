"""``hil-serl dataset export``: a run's log, or episode bags, as a LeRobotDataset."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from rclpy.serialization import deserialize_message
from tqdm import tqdm

from hil_serl_ros.data.dataset_episodes import Episode, Episodes
from hil_serl_ros.data.dataset_features import DatasetError
from hil_serl_ros.data.dataset_source import Source, files_of, layout_of
from hil_serl_ros.data.dataset_step import MODES, DatasetStep, check
from hil_serl_ros.data.dataset_writer import new_dataset
from hil_serl_ros.data.segments import LogError
from hil_serl_ros.learning.layout import Layout, LayoutError
from hil_serl_ros.msg import Transition
from hil_serl_ros.ros.dataset_steps import dataset_step_of

NAMES = {number: name for name, number in MODES.items()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("source", type=Path, metavar="RUN", help="folder of a run or a log, a bag, or a folder of bags")
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder to make")
    parser.add_argument("--modes", nargs="+", choices=sorted(MODES), help="only episodes of these (default: all)")
    parser.add_argument("--success", action="store_true", help="only episodes in which the task was done")
    parser.add_argument("--images", action="store_true", help="pictures as PNG, without loss (default: video)")
    parser.add_argument("--layout", type=Path, help="layout.json of the run (default: beside or above RUN)")


@dataclasses.dataclass
class Counts:
    """What became of the episodes."""

    modes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    successes: int = 0
    left_out: int = 0
    refused: list[str] = dataclasses.field(default_factory=list)
    source: Source = dataclasses.field(default_factory=lambda: Source([]))

    def tell(self) -> None:
        """Say what could not be read or does not fit."""
        for fault in self.source.faults + self.refused:
            print(f"warning: {fault}", file=sys.stderr)


def run(arguments: argparse.Namespace) -> int:
    """Write the dataset; the exit code is 0 only if it is there then."""
    counts, episodes = Counts(), Episodes()
    try:
        counts.source = Source(files_of(arguments.source))
        frames = _export(arguments, counts, episodes)
    except (DatasetError, LogError) as error:
        counts.tell()
        print(f"error: {error}", file=sys.stderr)
        return 2
    counts.tell()
    if episodes.torn:
        print(f"{episodes.torn} torn episodes end early, as truncated; {episodes.lost} steps had no next observation")
    modes = ", ".join(f"{count} {mode}" for mode, count in sorted(counts.modes.items()))
    print(
        f"exported {counts.modes.total()} episodes ({modes}; {counts.successes} successes; {counts.left_out} not asked "
        f"for), {frames} frames: {arguments.dataset}"
    )
    return 0


def _export(arguments: argparse.Namespace, counts: Counts, episodes: Episodes) -> int:
    """Read, choose, write; the number of frames."""
    layout = _layout(arguments)
    with (
        tqdm(total=counts.source.size, desc="export", unit="B", unit_scale=True, leave=False) as bar,
        new_dataset(arguments.dataset, layout, robot="panda", videos=not arguments.images) as writer,
    ):
        for episode in _wanted(_episodes(_steps(counts, bar), episodes), layout, arguments, counts):
            writer.add(episode)
            counts.modes[NAMES.get(episode.mode, str(episode.mode))] += 1
            counts.successes += episode.success
    return writer.frames


def _layout(arguments: argparse.Namespace) -> Layout:
    if arguments.layout is None:
        return layout_of(arguments.source)
    try:
        return Layout.from_json(arguments.layout.read_text())
    except LayoutError as error:
        raise DatasetError(f"{arguments.layout}: {error}") from None


def _steps(counts: Counts, bar: tqdm) -> Iterator[DatasetStep]:
    for number, data in enumerate(counts.source.read()):
        bar.update(len(data))
        try:
            yield dataset_step_of(deserialize_message(data, Transition))
        except (ValueError, RuntimeError) as error:  # bytes that are no message; a picture that is none
            counts.refused.append(f"transition {number} of {counts.source.files[0].parent} cannot be read: {error}")


def _episodes(steps: Iterable[DatasetStep], episodes: Episodes) -> Iterator[Episode]:
    for step in steps:
        yield from episodes.add(step)
    yield from episodes.end()


def _wanted(
    episodes: Iterable[Episode], layout: Layout, arguments: argparse.Namespace, counts: Counts
) -> Iterator[Episode]:
    """The episodes that were asked for and are sound."""
    modes, layout_hash = {MODES[name] for name in arguments.modes or MODES}, layout.hash
    for episode in episodes:
        if episode.mode not in modes or (arguments.success and not episode.success):
            counts.left_out += 1
            continue
        try:
            for chain in episode.chains:
                for step in chain:
                    check(step, layout, layout_hash)
        except ValueError as error:
            counts.refused.append(f"{episode.name} is left out: step {step.step}: {error}")
            continue
        yield episode
