"""``hil-serl report``: one page about a run, whole in one file."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from hil_serl_ros.data.atomic import write_file
from hil_serl_ros.report.facts import gather
from hil_serl_ros.report.page import page
from hil_serl_ros.settings import SettingError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of a run, finished or not")
    parser.add_argument("--out", type=Path, metavar="FILE", help="page to write (default: RUN/report.html)")


def run(arguments: argparse.Namespace) -> int:
    """Write the page; the exit code."""
    started = time.monotonic()
    out = arguments.out or arguments.folder / "report.html"
    facts = gather(arguments.folder)
    text = page(facts)
    if not out.parent.is_dir():
        raise SettingError(f"there is no folder {out.parent} to write the page to")
    write_file(out, text)
    for sentence in facts.missing:
        print(f"missing: {sentence}")
    print(f"result: {out} ({len(text) / 1e6:.1f} MB) wall_s={time.monotonic() - started:.0f}")
    return 0
