"""Random nodes of a training run are killed at random moments, and its log is compared with what the robot executed.

Run ``python bench/kills.py`` (about ten minutes: 100 kills). An observer of its own hears what the robot says that it
executed; each of those steps must be in the learner's log once, and nothing else. The run must reach its end.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

import rclpy
from graph_run import DOMAIN, node_processes, transitions

from hil_serl_ros.msg import ActorStatus, RobotStatus, Transition
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.run import executor_of

RECORDED = {ActorStatus.MODE_DEMONSTRATE, ActorStatus.MODE_TRAIN}


class Observer:
    """Hears the robot and the actor."""

    def __init__(self) -> None:
        os.environ["ROS_DOMAIN_ID"] = DOMAIN
        rclpy.init()
        self.node = rclpy.create_node("observer", start_parameter_services=False)
        self.executed: dict[int, int] = defaultdict(int)  # epoch to the number of its last executed command
        self.first: dict[int, int] = {}  # epoch to the number of the command before its first
        self.modes: dict[int, int] = {}  # epoch to the actor's mode
        self.steps = 0
        self.node.create_subscription(RobotStatus, "robot_status", self.on_robot, qos.robot_status(lockstep=True))
        self.node.create_subscription(ActorStatus, "actor_status", self.on_actor, qos.LATCHED)
        self.executor = executor_of(self.node)
        self.ending = False
        self.thread = threading.Thread(target=self.spin)
        self.thread.start()

    def on_robot(self, status: RobotStatus) -> None:
        self.first.setdefault(status.epoch, status.sequence)
        self.executed[status.epoch] = max(self.executed[status.epoch], status.sequence)

    def on_actor(self, status: ActorStatus) -> None:
        self.modes[status.epoch] = status.mode
        self.steps = status.robot_steps

    def spin(self) -> None:
        while not self.ending:
            self.executor.spin_once(timeout_sec=0.1)

    def close(self) -> None:
        self.ending = True
        self.thread.join()


def main() -> int:
    """Kill, compare and print; the exit code is 1 if anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--pause", type=float, default=4.0, help="mean time between two kills, s")
    parser.add_argument("--steps", type=int, default=3000, help="robot steps of the run")
    parser.add_argument("--episodes", type=int, default=20, help="greedy episodes at the end")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the run goes (default: a temporary folder)")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp()) / "run"
    choose = random.Random(arguments.seed)
    observer = Observer()
    command = [sys.executable, "-m", "hil_serl_ros.cli", "train", "--run-folder", str(folder)]
    settings = {"train_steps": arguments.steps, "evaluate_episodes": arguments.episodes, "save_freq": 250}
    command += [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    words: list[str] = []
    reader = threading.Thread(target=lambda: words.extend(process.stdout or ()))
    reader.start()
    killed: Counter[str] = Counter()
    while process.poll() is None and killed.total() < arguments.kills:
        time.sleep(choose.expovariate(1 / arguments.pause))
        found = node_processes(folder)
        if observer.steps and found:
            name = choose.choice(sorted(found))
            os.kill(found[name], signal.SIGKILL)
            killed[name] += 1
            print(
                f"{time.monotonic() - started:6.0f} s  {killed.total():3}  {name} at step {observer.steps}", flush=True
            )
    process.wait()
    reader.join()
    observer.close()
    logged = [message for _, _, message in transitions(folder)]
    return report(observer, logged, killed, words, time.monotonic() - started)


def report(observer: Observer, logged: list[Transition], killed: Counter[str], words: list[str], seconds: float) -> int:
    """Compare what was executed with what was logged."""
    steps = Counter((m.observation.epoch, m.observation.sequence) for m in logged)
    doubled = sum(count - 1 for count in steps.values())
    executed = {
        (epoch, number)
        for epoch, last in observer.executed.items()
        if observer.modes.get(epoch) in RECORDED
        for number in range(observer.first[epoch], last)
    }
    lost = sorted(executed - set(steps))
    unseen = sorted(set(steps) - executed)
    order = [m.index for m in logged] == list(range(len(logged)))
    result = next((word.strip() for word in reversed(words) if word.startswith("result: ")), "no result")
    print("\n| what | |\n|---|---|")
    print(f"| kills | {killed.total()} ({', '.join(f'{n} {c}' for n, c in sorted(killed.items()))}) |")
    print(f"| steps that the robot said it executed | {len(executed)} |")
    print(f"| steps in the log | {len(logged)}, {'in order' if order else 'OUT OF ORDER'} |")
    print(f"| executed, not in the log | {len(lost)} {lost[:5]} |")
    print(f"| twice in the log | {doubled} |")
    print(f"| in the log, not heard as executed | {len(unseen)} {unseen[:5]} |")
    print(f"| how it ended, after {seconds:.0f} s | {result} |")
    return int(bool(lost or doubled or not order or result == "no result"))


if __name__ == "__main__":
    sys.exit(main())
