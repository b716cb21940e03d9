"""``hil-serl security``: an SROS2 policy file of the graph that runs now (see docs/security.md)."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import rclpy

from hil_serl_ros.data.atomic import write_file
from hil_serl_ros.ros.security import Rights, joined, policy, read, rights_of
from hil_serl_ros.settings import SettingError

OWN = "security"  # this command's own node


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("file", type=Path, help="policy to write; what it allows already stays allowed")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to look (default: 10)")


def run(arguments: argparse.Namespace) -> int:
    """Look, and write.

    Raises:
        SettingError: no node runs, or the file is there and is no policy.
    """
    file: Path = arguments.file
    try:
        before = read(file.read_text()) if file.is_file() else {}
    except ValueError as error:
        raise SettingError(f"{file} cannot be added to: {error}") from None
    found = look(arguments.seconds)
    if not found:
        raise SettingError("no node runs in this ROS domain; start the job (and check ROS_DOMAIN_ID), then look again")
    rights = {name: joined(before.get(name, {}), found.get(name, {})) for name in before | found}
    write_file(file, policy(rights))
    print(f"{file}: {len(rights)} nodes, of which {len(found)} run now")
    return 0


def look(seconds: float) -> dict[str, Rights]:
    """What each visible node uses that is discovered within ``seconds``."""
    rclpy.init()
    node = rclpy.create_node(OWN, start_parameter_services=False)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.1)
    found = {}
    for name, space in node.get_node_names_and_namespaces():
        if not name.startswith("_") and name != OWN:
            found[f"{space.rstrip('/')}/{name}"] = rights_of(node, name, space)
    node.destroy_node()
    rclpy.try_shutdown()
    return found
