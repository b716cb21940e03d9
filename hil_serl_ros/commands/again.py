"""What ``replay`` and ``rerun`` share: an episode of a run, and a graph under the run's own configuration."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil_serl_ros.commands.job import changes_of, run_job
from hil_serl_ros.data.demonstrations import DemonstrationsError
from hil_serl_ros.data.extract import write_extract
from hil_serl_ros.data.log_index import LogIndex, Place, log_index
from hil_serl_ros.data.run_settings import CONFIG, RunSettings, node_parameters, run_settings, shared_parameters
from hil_serl_ros.data.segments import LogError
from hil_serl_ros.msg import Transition
from hil_serl_ros.ros.recorded import recorded_steps
from hil_serl_ros.settings import SettingError

# Nothing but this episode is done, nobody's hands are waited for, and nothing is learned.
ONLY_THIS = {
    "collect_episodes": 0,
    "demonstrations": 0,
    "train_steps": 0,
    "evaluate_episodes": 0,
    "demonstrations_folder": "",
    "checkpoint": "",
    "reward": "ground_truth",
    "evaluation_reward": "ground_truth",
    "require_operator": False,
    "interactive": False,
    "resume": False,
}
# A simulated arm needs nobody to arm it, and nobody's word in lockstep.
SIMULATED = {"armed_at_start": True, "operator": False}


@dataclass(frozen=True)
class Episode:
    """One logged episode: its run's settings and log, its own steps and where they are."""

    settings: RunSettings
    index: LogIndex
    robot: str
    number: int
    places: list[Place]
    steps: list[Transition]


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """Declare what both commands take."""
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of a run")
    parser.add_argument("episode", type=int, metavar="EPISODE", help="number of the episode in the run's log, from 0")
    parser.add_argument("--robot", help="whose episode (default: the log's only robot)")
    parser.add_argument("--run-folder", type=Path, help=f"folder to make for it (default: runs/{name}-<time>)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="set any parameter")


def episode_of(arguments: argparse.Namespace) -> Episode:
    """The episode that the command names.

    Raises:
        SettingError: no such run, log, robot or whole episode; the sentence names file and place.
    """
    settings = run_settings(arguments.folder)
    try:
        index = log_index(arguments.folder)
        robots = index.robots()
        if arguments.robot is None and len(robots) > 1:
            raise SettingError(f"the log has steps of several robots ({', '.join(robots)}); choose one by --robot")
        robot = arguments.robot or robots[0]
        steps = recorded_steps(index, robot, arguments.episode)
    except (DemonstrationsError, LogError) as error:
        raise SettingError(str(error)) from None
    except ValueError as error:
        raise error if isinstance(error, SettingError) else SettingError(str(error)) from None
    places = index.episode(robot, arguments.episode)
    for place in places:
        if place.name.layout != settings.layout.hash:
            raise SettingError(f"{place} was made for another layout (task, features or units) than the run's")
    return Episode(settings, index, robot, arguments.episode, places, steps)


def start(
    job: str,
    episode: Episode,
    arguments: argparse.Namespace,
    changes: dict[str, Any],
    prepare: Callable[[Path], None] = lambda folder: None,
) -> int:
    """Run the graph of ``job`` in a new folder that holds the episode's steps; its exit code."""
    name = f"{job.split('_')[0]}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = (arguments.run_folder or Path("runs") / name).resolve()
    run = arguments.folder.resolve()
    own = shared_parameters(run) | ONLY_THIS | {"robot": episode.robot, "started": time.time()}
    own |= changes | {"episode": episode.number} | changes_of(arguments.set)

    def prepared(made: Path) -> None:
        write_extract(made, episode.places)
        prepare(made)

    return run_job(job, folder, str(run / CONFIG), own, prepare=prepared)


def limit_of(arguments: argparse.Namespace) -> int:
    """The run's own time limit of an episode, steps; 0: the task's."""
    return int(node_parameters(arguments.folder, "policy_actor").get("max_episode_steps", 0))
