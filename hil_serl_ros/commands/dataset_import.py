"""``hil-serl dataset import``: a LeRobotDataset as a log of transitions, for ``hil-serl train --demonstrations``."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from pathlib import Path

import yaml
from rclpy.serialization import serialize_message
from tqdm import tqdm

from hil_serl_ros.commands.job import changes_of
from hil_serl_ros.data.dataset_features import DatasetError
from hil_serl_ros.data.dataset_folder import new_folder
from hil_serl_ros.data.dataset_import import Choices, Importer, all_steps
from hil_serl_ros.data.dataset_step import DEMONSTRATE
from hil_serl_ros.data.run_folder import LAYOUT
from hil_serl_ros.data.transition_log import TransitionLog
from hil_serl_ros.graph import config_file
from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.observed import ObservationSettings
from hil_serl_ros.ros.dataset_steps import transition_of
from hil_serl_ros.settings import SettingError, validate
from hil_serl_ros.sim.tasks import name_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder of a LeRobotDataset v3")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="to make, for train --demonstrations FOLDER")
    parser.add_argument("--config", help="what the robot observes and does (default: as exported from here)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="set any parameter of it")
    parser.add_argument("--rename", action="append", default=[], metavar="THEIRS=OURS", help="name of a feature")
    parser.add_argument("--resize", action="store_true", help="scale pictures of another size")
    parser.add_argument(
        "--all-successes", action="store_true", help="no rewards in it: each episode's last step is a success"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the log; the exit code is 0 only if it is there then."""
    kept = steps_kept = successes = demonstrations = 0
    refused: list[str] = []
    try:
        choices = Choices(arguments.resize, arguments.all_successes, _names(arguments.rename))
        importer = Importer(arguments.dataset, _layout(arguments), choices)
        with new_folder(arguments.folder) as folder:
            log = TransitionLog(folder / "log")
            (folder / LAYOUT).write_text(importer.layout.to_json())
            episodes = all_steps(importer, arguments.dataset.resolve().name)
            for position, steps in tqdm(episodes, "import", importer.count, leave=False, unit=" episodes"):
                if isinstance(steps, DatasetError):
                    refused.append(str(steps))
                    continue
                if not steps:
                    refused.append(f"episode {position} has no step with its next observation")
                    continue
                for step in steps:
                    log.append(serialize_message(transition_of(step)), time.time_ns(), step.observation.stamp)
                kept, steps_kept = kept + 1, steps_kept + len(steps)
                demonstrations += steps[0].mode == DEMONSTRATE
                good = steps[-1].success and not steps[-1].discarded
                successes += good and steps[0].mode == DEMONSTRATE
            log.close()
            if not kept:
                raise DatasetError(f"no episode of {arguments.dataset} can be used; the first: {refused[0]}")
    except DatasetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for fault in refused:
        print(f"warning: left out: {fault}", file=sys.stderr)
    print(
        f"imported {kept} episodes, {steps_kept} steps; {successes} of {demonstrations} demonstrations are successes, "
        f"which is what is learned from: {arguments.folder}"
    )
    return 0


def _names(words: list[str]) -> dict[str, str]:
    for word in words:
        if "=" not in word:
            raise SettingError(f"--rename {word} must be THEIRS=OURS")
    return {word.split("=", 1)[0]: word.split("=", 1)[1] for word in words}


def _layout(arguments: argparse.Namespace) -> Layout | None:
    """The layout of a configuration, as the nodes make it; None where none is named."""
    if arguments.config is None:
        if arguments.set:
            raise SettingError("--set needs --config, what it changes")
        return None
    file = config_file(arguments.config)
    try:
        content = yaml.safe_load(file.read_text()) or {}
        shared = dict(content.get("/**", {}).get("ros__parameters", {})) | changes_of(arguments.set)
    except (yaml.YAMLError, AttributeError) as error:
        raise SettingError(f"{file} is not a ROS parameter file: {' '.join(str(error).split())}") from None
    known = {field.name for field in dataclasses.fields(ObservationSettings)}
    observed = validate(ObservationSettings(**{name: value for name, value in shared.items() if name in known}))
    return observed.layout(name_of(shared.get("task", "pick_cube")))
