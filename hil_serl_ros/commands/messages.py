"""``hil-serl messages``: print the docs' page of all messages and services, made from their files."""

from __future__ import annotations

import argparse

from hil_serl_ros.report.reference import message_page


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def run(arguments: argparse.Namespace) -> int:
    """Print the page."""
    print(message_page(), end="")
    return 0
