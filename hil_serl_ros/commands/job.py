"""Start the nodes of one job and wait for its end; what every command that runs the graph does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from hil_serl_ros.data.run_folder import RunFolder
from hil_serl_ros.graph import JOBS, config_file, nodes_of
from hil_serl_ros.known import check_names
from hil_serl_ros.settings import SettingError

LINGER = 25.0  # s; a graph that has just ended may be seen until its lease ends, 20 s


def run_job(
    job: str,
    folder: Path,
    config: str,
    changes: dict[str, Any],
    *,
    resume: bool = False,
    prepare: Callable[[Path], None] = lambda folder: None,
) -> int:
    """Run the graph of ``job`` in the run's ``folder``; its exit code. ``prepare`` puts what it needs there first.

    Raises:
        SettingError: another graph runs in this ROS domain, or a name or a value that is unknown.
        RunFolderError: the folder cannot be this run's.
    """
    from hil_serl_ros.supervise import supervise

    config_file(config)  # before anything is written
    environment = {"ROS_AUTOMATIC_DISCOVERY_RANGE": os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")}
    os.environ.update(environment)
    strangers, end = _strangers(job), time.monotonic() + LINGER
    if strangers:
        print(f"waiting for another graph to end ({', '.join(strangers)}) ...", flush=True)
    while strangers and time.monotonic() < end:
        strangers = _strangers(job)
    if strangers:
        domain = os.environ.get("ROS_DOMAIN_ID", "0")
        raise SettingError(
            f"another graph runs in ROS domain {domain} ({', '.join(strangers)}); "
            "stop it, or set ROS_DOMAIN_ID to another number from 0 to 101"
        )
    with RunFolder(folder, resume=resume) as run:
        prepare(run.path)
        nodes = nodes_of(job, run.path, config, changes)
        return supervise(nodes, run.path / "output.log", environment, ())


def _strangers(job: str) -> list[str]:
    """Nodes that are there already under the names of the ``job``'s own."""
    from hil_serl_ros.ros import discovery

    return sorted({name for name in discovery.names(1.5) if name.rsplit("/", 1)[-1] in JOBS[job]})


def changes_of(pairs: list[str]) -> dict[str, Any]:
    """Parameters by name from ``NAME=VALUE`` words, the values read as YAML.

    Raises:
        SettingError: a word that is not of that form, or a parameter that no node has.
    """
    changes = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise SettingError(f"--set {pair} is not NAME=VALUE")
        try:
            changes[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise SettingError(f"--set {pair}: the value cannot be read as YAML") from None
    check_names(changes, "--set")
    return changes
