"""Many robots at 10 Hz into one learner that learns: what is lost, and how late a step is held.

Run ``python bench/fleet.py`` (about two minutes). The robots are load: each is a real outbox with its journal and real
messages (state only) that also takes the weights; they share a few processes. The learner is the real node. A step's
latency is from its publication (``Transition.sent``, before it is journalled) to the moment at which the learner has it
and writes it (the log's time); both are the machine's one wall clock. A step that is sent again keeps its time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import rclpy
from graph_run import DOMAIN, transitions
from rclpy.experimental.events_executor import EventsExecutor

from hil_serl_ros.data.journal import Journal
from hil_serl_ros.installed import config_folder
from hil_serl_ros.learning.agreement import configuration
from hil_serl_ros.learning.observed import ObservationSettings
from hil_serl_ros.msg import ActorStatus, Observation, Transition, Weights
from hil_serl_ros.robots import check_robots
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.outbox import Outbox

LAYOUT = ObservationSettings().layout("pick_cube")
EPISODE = 50  # steps
DEMONSTRATION = 50  # steps of each robot that are shown first
WAIT = 120.0  # s for the learner to be up, and for the last steps to be held
RUN = "fleet"


class Robot:
    """One robot's outbox; its steps are random numbers."""

    def __init__(self, node: rclpy.node.Node, name: str, folder: Path) -> None:
        self.random = np.random.default_rng(abs(hash(name)) % 2**32)
        agreed = configuration(LAYOUT, "realtime")
        self.outbox = Outbox(node, Journal(folder / name), name, RUN, agreed)
        status = node.create_publisher(ActorStatus, "actor_status", qos.LATCHED)
        said = ActorStatus(robot=name, run=RUN, configuration=agreed, mode=ActorStatus.MODE_TRAIN)
        said.started = self.outbox.started
        status.publish(said)
        self.status = status
        self.weights = 0
        node.create_subscription(Weights, "weights", self.on_weights, qos.WEIGHTS, raw=True)

    def on_weights(self, data: bytes) -> None:
        self.weights += len(data)

    def observation(self) -> Observation:
        state = self.random.normal(size=18).astype(np.float32)
        return Observation(state=state.tolist(), environment_state=[0.4, 0.0, 0.02])

    def step(self) -> None:
        index = self.outbox.sent
        step = Transition(episode=index // EPISODE, step=index % EPISODE, layout=LAYOUT.hash)
        shown = index < DEMONSTRATION
        step.mode = Transition.MODE_DEMONSTRATE if shown else Transition.MODE_TRAIN
        step.observation, step.intervention = self.observation(), shown
        step.action = [*self.random.uniform(-1, 1, 3).tolist(), float(self.random.integers(3))]
        if index % EPISODE == EPISODE - 1:
            step.terminated = step.success = True
            step.reward = 1.0
            step.final_observation = [self.observation()]
        self.outbox.send(step)


def play(names: list[str], folder: Path, seconds: float, rate: float, ready: object, results: object) -> None:
    """One process: some robots, spread evenly over the period."""
    remap = [a for topic in ("weights", "learner_status") for a in ("-r", f"{topic}:=/{topic}")]
    rclpy.init(args=["--ros-args", *remap])
    nodes = [
        rclpy.create_node("policy_actor", namespace=f"/{name}", start_parameter_services=False, enable_rosout=False)
        for name in names
    ]
    robots = [Robot(node, name, folder) for node, name in zip(nodes, names, strict=True)]
    executor = EventsExecutor()
    for node in nodes:
        executor.add_node(node)
    end = time.monotonic() + WAIT
    while not all(robot.outbox.learner is not None and robot.weights for robot in robots):
        if time.monotonic() > end:
            raise TimeoutError("the learner does not speak")
        executor.spin_once(timeout_sec=0.05)
    ready.wait()  # type: ignore[attr-defined]
    start = time.monotonic()
    begun = time.process_time()
    due = [start + k / len(robots) / rate for k in range(len(robots))]
    late: list[float] = []
    while (now := time.monotonic()) < start + seconds:
        k = min(range(len(robots)), key=due.__getitem__)
        if now >= due[k]:
            late.append(now - due[k])
            robots[k].step()
            due[k] += 1 / rate
        else:
            executor.spin_once(timeout_sec=due[k] - now)
    busy = (time.process_time() - begun) / seconds
    end = time.monotonic() + WAIT
    while any(robot.outbox.held < robot.outbox.sent for robot in robots) and time.monotonic() < end:
        executor.spin_once(timeout_sec=0.05)
    sent = {robot.outbox.robot: robot.outbox.sent for robot in robots}
    again = sum(robot.outbox.resent for robot in robots)
    weights = sum(robot.weights for robot in robots)
    results.put((sent, again, busy, float(np.percentile(late, 99)), weights))  # type: ignore[attr-defined]
    results.close()  # type: ignore[attr-defined]
    results.join_thread()  # type: ignore[attr-defined]
    os._exit(0)  # without waiting for the middleware's threads


def learner(folder: Path, names: list[str]) -> subprocess.Popen[bytes]:
    """The real node, as `hil-serl train --robots` starts it."""
    arguments = ["--params-file", str(config_folder() / "pick_cube.yaml"), "-p", f"run_folder:={folder}"]
    arguments += ["-p", f"run:={RUN}", "-p", "clock:=realtime", "-p", f"robots:={json.dumps(names)}"]
    command = [sys.executable, "-m", "hil_serl_ros.nodes.learner", "--ros-args", *arguments]
    return subprocess.Popen(command, stdout=(folder.parent / "learner.txt").open("wb"), stderr=subprocess.STDOUT)


def busy(process: int) -> dict[str, float]:
    """Processor seconds of a process until now: of the thread that learns, and of all others."""
    ticks = os.sysconf("SC_CLK_TCK")
    used: dict[str, float] = defaultdict(float)
    for task in Path(f"/proc/{process}/task").iterdir():
        fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
        used["learns" if task.name == str(process) else "serves"] += (int(fields[11]) + int(fields[12])) / ticks
    return used


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--robots", type=int, default=32)
    parser.add_argument("--processes", type=int, default=4, help="that the robots share")
    parser.add_argument("--rate", type=float, default=10.0, help="steps of each robot, Hz")
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    os.environ["ROS_DOMAIN_ID"] = DOMAIN
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    names = [f"robot_{k}" for k in range(options.robots)]
    check_robots(names, "realtime")
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        folder.mkdir()
        node = learner(folder, names)
        ready, results = spawn.Barrier(options.processes + 1), spawn.Queue()
        workers = []
        for k in range(options.processes):
            arguments = (names[k :: options.processes], Path(name) / "journal", options.seconds, options.rate)
            workers.append(spawn.Process(target=play, args=(*arguments, ready, results), daemon=True))
            workers[-1].start()
        try:
            ready.wait(WAIT + 30)
            before, at = busy(node.pid), time.monotonic()
            time.sleep(options.seconds)
            after, seconds = busy(node.pid), time.monotonic() - at
            answers = [results.get(timeout=WAIT + 30) for _ in workers]
        finally:
            node.terminate()
            node.wait(30)
            print((Path(name) / "learner.txt").read_text()[-600:] if node.returncode else "", end="")
        log = transitions(folder)
        rows = (folder / "metrics.csv").read_text().splitlines()
    sent = {robot: count for answer in answers for robot, count in answer[0].items()}
    held: dict[str, list[int]] = defaultdict(list)
    for _, _, message in log:
        held[message.robot].append(message.index)
    lost = sum(len(set(range(count)) - set(held[robot])) for robot, count in sent.items())
    doubled = sum(len(indices) - len(set(indices)) for indices in held.values())
    latency = 1e3 * np.array([at * 1e-9 - m.sent.sec - m.sent.nanosec * 1e-9 for at, _, m in log])
    of = {
        "robots": f"{options.robots} at {options.rate:g} Hz, in {options.processes} processes, {options.seconds:g} s",
        "steps sent": sum(sent.values()),
        "held in the log": len(log),
        "lost": lost,
        "doubled": doubled,
        "sent again": sum(answer[1] for answer in answers),
        "latency, median": f"{np.median(latency):.1f} ms",
        "latency, 99 %": f"{np.percentile(latency, 99):.1f} ms",
        "latency, worst": f"{latency.max():.1f} ms",
        "bytes a step": f"{np.mean([size for _, size, _ in log]):.0f}",
        "updates meanwhile (last row of metrics)": rows[-1].split(",")[0] if len(rows) > 1 else "under 250",
        "learner, thread that learns": f"{100 * (after['learns'] - before['learns']) / seconds:.0f} % of a core",
        "learner, threads that serve": f"{100 * (after['serves'] - before['serves']) / seconds:.0f} % of a core",
        "all robots' processes": f"{100 * sum(answer[2] for answer in answers):.0f} % of a core",
        "a robot's step later than due, 99 %": f"{1e3 * max(answer[3] for answer in answers):.1f} ms",
        "weights to each robot": f"{sum(a[4] for a in answers) / options.robots / options.seconds / 1e3:.0f} kB/s",
    }
    print("| what | measured |\n|---|---|")
    for what, value in of.items():
        print(f"| {what} | {value} |")
    if lost or doubled:
        sys.exit(1)


if __name__ == "__main__":
    main()
