"""``hil-serl urdf``: write the simulated robot's URDF and meshes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hil_serl_ros.settings import SettingError
from hil_serl_ros.sim.tasks import task_named
from hil_serl_ros.sim.urdf import write_urdf
from hil_serl_ros.sim.world import World


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--task", default="pick_cube", help="task whose scene has the robot (default: pick_cube)")
    parser.add_argument(
        "--output", type=Path, default=Path("robot_description"), metavar="FOLDER", help="default: robot_description"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write them; the exit code."""
    try:
        task = task_named(arguments.task)
    except ValueError as error:
        raise SettingError(str(error)) from None
    try:
        write_urdf(World(task).model, arguments.output)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    count = len(list((arguments.output / "meshes").glob("*.stl")))
    print(f"wrote {arguments.output / 'robot.urdf'} and {count} meshes")
    return 0
