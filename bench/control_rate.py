"""Jitter of the control period in realtime, the learner learning and the operator's page open in a browser: one table.

Run ``python bench/control_rate.py`` (about four minutes). Chromium is used where it is installed; without it no page is
open, and the table says so. The jitter is how far the time between two commands of an episode, as `safety` published
them to the robot, is from the control period. ``--priority 0`` measures without realtime priority.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from chromium import Chromium, program
from graph_run import DOMAIN, run_graph
from rclpy.executors import ExternalShutdownException

from hil_serl_ros.msg import RobotCommand
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.run import executor_of
from hil_serl_ros.ros.talkers import with_info

PORT = 8094
CASES = {
    "10 Hz, two cameras of 128x128 that the policy sees": (
        0.1, ["cameras=[front, wrist]", "environment_state=false", "frozen_after=0", "max_skew=0.1"], "[front, wrist]"
    ),
    "30 Hz, state only": (1 / 30, [f"control_period={1 / 30}", f"publish_period={1 / 90}"], "['']"),
}  # fmt: skip


@contextlib.contextmanager
def console(cameras: str) -> Iterator[None]:
    """The node, and a page of it in a browser."""
    command = [sys.executable, "-m", "hil_serl_ros.nodes.console", "--ros-args", "-p", f"port:={PORT}"]
    process = subprocess.Popen(
        [*command, "-p", f"cameras:={cameras}"],
        env={**os.environ, "ROS_DOMAIN_ID": DOMAIN},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    closing = threading.Event()

    def look() -> None:
        with Chromium() as browser:
            for _ in range(60):
                time.sleep(1)
                try:
                    tab = browser.tab(f"http://127.0.0.1:{PORT}/")
                    tab.until("window.teleop?.state.connected", 5)
                    break
                except (OSError, RuntimeError, TimeoutError):
                    continue
            closing.wait()

    watcher = threading.Thread(target=look, daemon=True)
    if program():
        watcher.start()
    try:
        yield
    finally:
        closing.set()
        if watcher.ident:
            watcher.join(20)
        process.send_signal(signal.SIGINT)
        process.wait(20)


class Commands:
    """When `safety` published each command, by epoch and number: the middleware's own stamp, s."""

    def __init__(self) -> None:
        self.sent: dict[tuple[int, int], float] = {}
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=int(DOMAIN))
        self._node = rclpy.create_node("listener", context=self._context)
        self._node.create_subscription(RobotCommand, "command_executed", with_info(self._on_command), qos.COMMAND)
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def _spin(self) -> None:
        executor = executor_of(self._node)
        with contextlib.suppress(ExternalShutdownException):
            while self._context.ok():
                executor.spin_once(timeout_sec=0.2)

    def _on_command(self, command: RobotCommand, info: dict[str, Any]) -> None:
        self.sent.setdefault((command.epoch, command.sequence), info["source_timestamp"] * 1e-9)

    def gaps(self) -> np.ndarray:
        """Time between each two that follow each other, s."""
        self._context.try_shutdown()
        self._thread.join()
        later = {(epoch, number - 1): when for (epoch, number), when in self.sent.items()}
        return np.array([later[key] - when for key, when in self.sent.items() if key in later])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of training in each case")
    parser.add_argument("--priority", type=int, default=10, help="of the control path's threads; 0: as any other")
    arguments = parser.parse_args()
    rows = []
    for name, (period, settings, cameras) in CASES.items():
        with tempfile.TemporaryDirectory() as folder, console(cameras):
            run = Path(folder) / "run"
            steps = round(arguments.seconds / period)
            commands = Commands()
            used = run_graph(
                run, "clock=realtime", "demonstrations=2", f"train_steps={steps}", "evaluate_episodes=0",
                "online_step_before_learning=20", f"realtime_priority={arguments.priority}", *settings,
            )  # fmt: skip
            gaps = commands.gaps()
        jitter = 1e3 * np.abs(gaps - period)
        busy = " ".join(
            f"{node} {seconds:.0f}" for node, seconds in sorted(used.items(), key=lambda item: -item[1])[:4]
        )
        rows.append((name, len(gaps), 1e3 * np.median(gaps), np.median(jitter), np.percentile(jitter, 99), busy))
    print(f"\npage open in a browser: {'yes' if program() else 'no, none is installed'}\n")
    print(
        "| realtime, learner busy | commands | period, ms: median | jitter: median | 99th percentile | processor, s |"
    )
    print("|---|---|---|---|---|---|")
    for name, count, median, middle, worst, busy in rows:
        print(f"| {name} | {count} | {median:.1f} | {middle:.1f} | {worst:.1f} | {busy} |")


if __name__ == "__main__":
    main()
