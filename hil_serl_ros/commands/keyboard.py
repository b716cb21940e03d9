"""``hil-serl keyboard``: drive a running graph from this terminal's keyboard, also over SSH."""

from __future__ import annotations

import argparse
import os


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none: the graph is the one in this ROS domain."""


def run(arguments: argparse.Namespace) -> int:
    """Read the keyboard until Esc; the exit code."""
    # As `hil-serl` starts its graphs.
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    from hil_serl_ros.nodes.keyboard_teleop import main

    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0
