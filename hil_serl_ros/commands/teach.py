"""``hil-serl teach``: a person teaches the simulated arm in real time, from a web page, a gamepad or the keyboard."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from hil_serl_ros.commands.job import changes_of, run_job
from hil_serl_ros.settings import SettingError

CONFIG = "teach"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--config", default=CONFIG, help="installed configuration or a parameter file (default: teach)")
    parser.add_argument("--run-folder", type=Path, help="where the run goes (default: runs/teach-<time>)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --run-folder")
    parser.add_argument("--port", type=int, default=8080, help="of the page (default: 8080)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="set any parameter")


def run(arguments: argparse.Namespace) -> int:
    """Run the graph until Ctrl-C; the exit code."""
    if arguments.resume and arguments.run_folder is None:
        raise SettingError("--resume needs --run-folder, the folder of the run to go on with")
    folder = (arguments.run_folder or Path("runs") / f"teach-{time.strftime('%Y%m%d-%H%M%S')}").resolve()
    changes = changes_of(arguments.set) | {"started": time.time(), "port": arguments.port, "resume": arguments.resume}
    return run_job("teach", folder, arguments.config, changes, resume=arguments.resume)
