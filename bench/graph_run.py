"""Run the real graph for a benchmark, in a domain of its own, and look at its processes meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

from rclpy.serialization import deserialize_message

from hil_serl_ros.data.transition_log import read_log
from hil_serl_ros.msg import Transition

DOMAIN = os.environ.get("ROS_DOMAIN_ID", "93")


def run_graph(folder: Path, *settings: str, seconds: float = 600.0, config: str = "pick_cube") -> dict[str, float]:
    """Run ``hil-serl train`` with ``settings`` until it ends; processor seconds of each node while it ran."""
    command = [sys.executable, "-m", "hil_serl_ros.cli", "train", "--run-folder", str(folder), "--config", config]
    command += [part for setting in settings for part in ("--set", setting)]
    environment = {**os.environ, "ROS_DOMAIN_ID": DOMAIN}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    used: dict[str, float] = defaultdict(float)
    end = time.monotonic() + seconds
    while process.poll() is None:
        if time.monotonic() > end:
            process.terminate()
            raise TimeoutError(f"the graph did not end within {seconds:.0f} s; see {folder / 'output.log'}")
        for name, busy in _nodes(folder).items():
            used[name] = max(used[name], busy)
        time.sleep(0.5)
    if process.returncode != 0:
        raise RuntimeError(process.stderr.read() if process.stderr else "the graph failed")
    return dict(used)


def transitions(folder: Path) -> list[tuple[int, int, Transition]]:
    """What the run logged: (log time ns, bytes, message)."""
    return [(r.log_time, len(r.data), deserialize_message(r.data, Transition)) for r in read_log(folder / "log")]


def node_processes(folder: Path) -> dict[str, int]:
    """Process numbers of this run's nodes, by name."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0")
        except (OSError, UnicodeDecodeError):
            continue  # it ended while it was looked at
        name = next((w.rsplit(".", 1)[-1] for w in words if w.startswith("hil_serl_ros.nodes.")), None)
        if name is not None and any(str(folder) in w for w in words):
            found[name] = int(entry.name)
    return found


def _nodes(folder: Path) -> dict[str, float]:
    """Processor seconds of this run's nodes, by name."""
    ticks = os.sysconf("SC_CLK_TCK")
    used = {}
    for name, process in node_processes(folder).items():
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it ended while it was looked at
        used[name] = (int(fields[11]) + int(fields[12])) / ticks
    return used
