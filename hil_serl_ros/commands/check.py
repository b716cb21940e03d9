"""``hil-serl check``: whether a person can do the task through the path that their actions take in training.

What a person cannot show through it, a policy will not learn from them.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from statistics import median

from hil_serl_ros.commands.job import changes_of, run_job
from hil_serl_ros.commands.teach import CONFIG

PERIOD = 0.1  # s of a step


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--episodes", type=int, default=5, help="how often to do the task (default: 5)")
    parser.add_argument("--config", default=CONFIG, help="installed configuration or a parameter file (default: teach)")
    parser.add_argument("--port", type=int, default=8080, help="of the page (default: 8080)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="set any parameter")


def run(arguments: argparse.Namespace) -> int:
    """Let the person do the task so often; 0 if they did."""
    folder = (Path("runs") / f"check-{time.strftime('%Y%m%d-%H%M%S')}").resolve()
    asked = {"demonstrations": arguments.episodes, "interactive": False, "port": arguments.port}
    code = run_job("check", folder, arguments.config, changes_of(arguments.set) | asked | {"started": time.time()})
    can, line = verdict(folder / "episodes.csv", arguments.episodes)
    print(line)
    return code or int(not can)


def verdict(table: Path, asked: int) -> tuple[bool, str]:
    """Whether the person did it as often as ``asked``, and one line on that, from a check's ``episodes.csv``."""
    if not table.exists():
        return False, "check: it ended before the first episode did"
    with table.open() as file:
        rows = list(csv.DictReader(file))
    good = [row for row in rows if row["success"] == "True"]
    if not good:
        return False, f"check: 0 of {asked} done; see the guide on what may be wrong with the device or its mapping"
    seconds = median(PERIOD * float(row["steps"]) for row in good)
    line = f"check: {len(good)} of {asked} done in {len(rows)} tries, median {seconds:.1f} s"
    can = len(good) >= asked
    return can, f"{line}; you can teach this task" if can else f"{line}; not enough yet"
