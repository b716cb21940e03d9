"""Processor time of an idle graph: nobody asks anything of the arm, the simulated robot is paused.

Run ``python bench/idle.py [--job teach] [--seconds 60] [--awake]``. It starts the job in realtime,
calls the bridge's service `pause`, lets it settle, and reads each process's own clock in /proc. The table says for each
node how much of one core it took, and how often a second its threads woke up.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import rclpy
from graph_run import DOMAIN, node_processes
from std_srvs.srv import SetBool

SETTLE = 8.0  # s after the pause; discovery and the learner's warming up are no idling
READY = 180.0  # s


def used(process: int) -> tuple[float, int]:
    """Processor seconds of a process, and how often its threads went to sleep."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    switches = 0
    for thread in Path(f"/proc/{process}/task").iterdir():
        lines = (thread / "status").read_text().splitlines()
        switches += next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), switches


def pause(data: bool) -> None:
    """Call the bridge's service, once it is there, and leave the graph."""
    rclpy.init(domain_id=int(DOMAIN))
    node = rclpy.create_node("idle", start_parameter_services=False)
    client = node.create_client(SetBool, "pause")
    if not client.wait_for_service(READY):
        raise TimeoutError("no service pause: the bridge does not run")
    future = client.call_async(SetBool.Request(data=data))
    rclpy.spin_until_future_complete(node, future, timeout_sec=READY)
    rclpy.shutdown()


def settled(folder: Path, seconds: float) -> dict[str, int]:
    """Processes by node, once their sum takes no more than a start's end does; at most ``seconds`` are waited."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        processes = node_processes(folder)
        before = sum(used(process)[0] for process in processes.values())
        time.sleep(SETTLE)
        now = sum(used(process)[0] for process in processes.values())
        if processes == node_processes(folder) and now - before < 0.1 * SETTLE:
            break
    return node_processes(folder)


def main() -> int:
    """Measure and print; the exit code is 1 if a node ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--job", default="teach", help="job of hil_serl_ros/graph.py")
    parser.add_argument("--config", default="teach")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--awake", action="store_true", help="do not pause the bridge")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp()) / "run"
    command = [sys.executable, "-m", "hil_serl_ros.cli", "train", "--job", arguments.job, "--config", arguments.config]
    command += ["--run-folder", str(folder), "--set", "clock=realtime"]
    command += [part for pair in arguments.set for part in ("--set", pair)]
    environment = {**os.environ, "ROS_DOMAIN_ID": DOMAIN, "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    os.environ.update(environment)
    with (folder.parent / "said.txt").open("w") as said:
        graph = subprocess.Popen(command, env=environment, stdout=said, stderr=said, start_new_session=True)
    try:
        pause(not arguments.awake)
        processes = settled(folder, READY)
        before, since = {name: used(process) for name, process in processes.items()}, time.monotonic()
        time.sleep(arguments.seconds)
        seconds = time.monotonic() - since
        after = {name: used(process) for name, process in node_processes(folder).items()}
    finally:
        os.killpg(graph.pid, signal.SIGINT)
        graph.wait(60)
    print(f"job {arguments.job}, bridge {'awake' if arguments.awake else 'paused'}, {seconds:.0f} s, load before it")
    print(f"{'node':18} {'% of a core':>11} {'wakes/s':>8}")
    total = 0.0
    for name in sorted(before, key=lambda name: before[name][0] - after.get(name, before[name])[0]):
        share = 100 * (after[name][0] - before[name][0]) / seconds if name in after else float("nan")
        wakes = (after[name][1] - before[name][1]) / seconds if name in after else float("nan")
        total += share
        print(f"{name:18} {share:11.2f} {wakes:8.0f}")
    print(f"{'all':18} {total:11.2f}")
    return 0 if before.keys() == after.keys() else 1


if __name__ == "__main__":
    sys.exit(main())
