"""Which nodes run in this ROS domain: ``python -m hil_serl_ros.ros.discovery SECONDS`` prints their names."""

from __future__ import annotations

import subprocess
import sys
import time

import rclpy


def names(seconds: float) -> list[str]:
    """Full names of the nodes that are discovered within ``seconds``, in a process of its own.

    A child does the looking: the caller may fork afterwards, and threads of the middleware do not survive that.

    Raises:
        RuntimeError: ROS does not work on this machine; the message is its last line.
    """
    command = [sys.executable, "-m", "hil_serl_ros.ros.discovery", str(seconds)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30)
    if found.returncode != 0:
        raise RuntimeError((found.stderr.strip().splitlines() or ["no message"])[-1])
    return found.stdout.split()


def _look(seconds: float) -> None:
    rclpy.init()
    node = rclpy.create_node("discovery", start_parameter_services=False)
    seen: set[str] = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.1)
        seen |= {f"{space.rstrip('/')}/{name}" for name, space in node.get_node_names_and_namespaces()}
    print("\n".join(sorted(seen - {"/discovery"})))
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == "__main__":
    _look(float(sys.argv[1]))
