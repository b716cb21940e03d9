"""``hil-serl classifier label``: label a run's recorded frames by eye, in a browser."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from hil_serl_ros.console.filmstrip import FilmError, films, transitions
from hil_serl_ros.console.label_page import LabelPage
from hil_serl_ros.console.serving import PortTaken, serve
from hil_serl_ros.data.demonstrations import DemonstrationsError
from hil_serl_ros.data.labels import NAME, LabelsError
from hil_serl_ros.data.segments import LogError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of a recorded run; labels.csv goes into it")
    parser.add_argument("--port", type=int, default=8081, help="of the page, on this machine only (default: 8081)")
    parser.add_argument("--open", action="store_true", help="open a browser too")


def run(arguments: argparse.Namespace) -> int:
    """Show the page until it is done; the exit code."""
    folder = arguments.folder
    try:
        found = films(tqdm(transitions(folder), desc=f"read {folder.name}", unit=" steps", leave=False))
        page = LabelPage(found, folder / NAME, folder.resolve().name)
        page.add_routes()
        serve(page.show, f"Label {page.name}", arguments.port, open_browser=arguments.open)
    except (DemonstrationsError, FilmError, LabelsError, LogError, PortTaken) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    state = page.labelling
    print(f"{state.done} of {len(state.keys)} episodes labelled; labels: {page.path}")
    return 0
