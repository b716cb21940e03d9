"""``hil-serl parameters``: print the docs' page of every node's parameters, made from the code."""

from __future__ import annotations

import argparse

from hil_serl_ros.report.reference import parameter_page


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def run(arguments: argparse.Namespace) -> int:
    """Print the page."""
    print(parameter_page(), end="")
    return 0
