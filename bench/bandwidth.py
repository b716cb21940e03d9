"""Bytes that a robot with two cameras sends to its learner and gets from it in the running realtime graph: one table.

Run ``python bench/bandwidth.py`` (four minutes). For each way to send pictures, `hil-serl train` with
``config/pick_cube_pixels.yaml`` and ``clock: realtime``; the topics between robot and learner are subscribed to raw,
and their messages' bytes are counted. What the middleware adds (headers of 1 to 2 %, heartbeats) is not in it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import rclpy
from graph_run import DOMAIN, run_graph
from rclpy.serialization import deserialize_message

from hil_serl_ros.msg import ActorStatus, LearnerStatus, Transition, Weights
from hil_serl_ros.ros import qos
from hil_serl_ros.ros.compression import FORMATS
from hil_serl_ros.ros.convert import nanoseconds
from hil_serl_ros.ros.run import executor_of

os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")  # as the graph's
TOPICS = {
    "transitions": (Transition, qos.TRANSITION),
    "actor_status": (ActorStatus, qos.LATCHED),
    "learner_status": (LearnerStatus, qos.LATCHED),
    "weights": (Weights, qos.WEIGHTS),
}


def run(compression: str, settings: list[str]) -> dict[str, list[tuple[float, bytes]]]:
    """One run of the graph: when each message of a topic came, s, and its bytes."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=int(DOMAIN))
    node = rclpy.create_node("bandwidth", context=context)
    executor = executor_of(node)
    heard: dict[str, list[tuple[float, bytes]]] = {topic: [] for topic in TOPICS}

    def hear(topic: str, data: bytes) -> None:
        heard[topic].append((time.monotonic(), data))

    for topic, (kind, profile) in TOPICS.items():
        node.create_subscription(kind, topic, partial(hear, topic), profile, raw=True)
    with tempfile.TemporaryDirectory() as name:
        settings = [*settings, f"compression={compression}"]
        work = partial(run_graph, Path(name) / "run", *settings, config="pick_cube_pixels")
        graph = threading.Thread(target=work, daemon=True)
        graph.start()
        while graph.is_alive():
            executor.spin_once(timeout_sec=0.1)
    executor.shutdown()
    rclpy.try_shutdown(context=context)
    return heard


def row(compression: str, heard: dict[str, list[tuple[float, bytes]]]) -> str:
    """What one run comes to."""
    came = [(when, deserialize_message(data, Transition), len(data)) for when, data in heard["transitions"]]
    steps = {message.index: (message, size) for _, message, size in came}  # one that was sent again is one
    messages = [steps[index][0] for index in sorted(steps)]
    stamps = np.array([nanoseconds(m.header.stamp) for m in messages]) / 1e9
    rate = 1 / np.mean(np.diff(stamps)[[m.step > 0 for m in messages[1:]]])
    size = np.mean([size for _, size in steps.values()])
    first, last = came[0][0], came[-1][0]
    status = [len(d) for t in ("actor_status", "learner_status") for when, d in heard[t] if first <= when <= last]
    weights = np.mean([len(data) for _, data in heard["weights"]])
    figures = f"{len(steps)} | {len(came) - len(steps)} | {size:,.0f} | {rate:.2f} | {rate * size / 1e6:.3f}"
    return f"| {compression} | {figures} | {sum(status) / (last - first) / 1e6:.4f} | {weights:,.0f} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demonstrations", type=int, default=8)
    arguments = parser.parse_args()
    settings = ["clock=realtime", "collect_episodes=0", "train_steps=0", "evaluate_episodes=0", "record=false"]
    # The simulated cameras make 10 frames a second.
    settings += ["max_skew=0.1", f"demonstrations={arguments.demonstrations}"]
    titles = ("pictures", "steps", "sent again", "bytes of a step", "steps/s in episodes", "MB/s in episodes")
    print(f"| {' | '.join((*titles, 'both status, MB/s', 'bytes of weights'))} |")
    print("|---|---|---|---|---|---|---|---|")
    for compression in ("raw", *FORMATS):
        print(row(compression, run(compression, settings)), flush=True)


if __name__ == "__main__":
    main()
