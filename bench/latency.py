"""From a robot's step to the log, and from the learner's weights to acting, in realtime: one table.

Run ``python bench/latency.py`` (about two minutes).
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import threading
from pathlib import Path

import numpy as np
import rclpy
from graph_run import DOMAIN, run_graph, transitions

from hil_serl_ros.msg import Weights
from hil_serl_ros.ros import qos


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=500)
    steps = parser.parse_args().steps
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=int(DOMAIN))
    node = rclpy.create_node("bench_latency", context=context)
    published: dict[int, float] = {}

    def on_weights(message: Weights) -> None:
        published[message.version] = message.header.stamp.sec + message.header.stamp.nanosec * 1e-9

    node.create_subscription(Weights, "weights", on_weights, qos.WEIGHTS)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)
    done = threading.Event()

    def serve() -> None:
        while not done.is_set():
            executor.spin_once(timeout_sec=0.1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        run_graph(
            folder, "clock=realtime", "demonstrations=2", f"train_steps={steps}", "evaluate_episodes=0",
            "online_step_before_learning=20",
        )  # fmt: skip
        log = transitions(folder)
    done.set()
    thread.join()
    # What was sent before the learner was up waited for it in the actor's journal; that is no latency of the graph.
    up = log[0][0] * 1e-9
    sent = [(at * 1e-9, m.sent.sec + m.sent.nanosec * 1e-9) for at, _, m in log]
    logged = 1e3 * np.array([at - left for at, left in sent if left > up])
    acting = []
    for (_, _, before), (_, _, message) in itertools.pairwise(log):
        version = message.weights_version
        if version != before.weights_version and version in published:
            # The step before was sent when the tick began that acted with these weights.
            acted = before.sent.sec + before.sent.nanosec * 1e-9
            acting.append(1e3 * (acted - published[version]))
    periods = np.diff([m.sent.sec + m.sent.nanosec * 1e-9 for _, _, m in log])
    print("\n| realtime, 10 Hz, learner busy | median | 99th percentile |")
    print("|---|---|---|")
    print(f"| transition published to logged, ms ({len(logged)}) | {_two(logged)} |")
    print(f"| weights published to the tick that acts with them, ms ({len(acting)}) | {_two(np.array(acting))} |")
    print(f"| control period, ms | {_two(1e3 * periods)} |")


def _two(values: np.ndarray) -> str:
    return f"{np.median(values):.1f} | {np.percentile(values, 99):.1f}"


if __name__ == "__main__":
    main()
