"""Trying things that may crash or hang, in processes of their own; ``doctor`` judges what comes out."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Tried:
    """How a piece of Python ended: its exit code was 0 or not, and the last line that it wrote."""

    ok: bool
    words: str


Probe = Callable[[str, Mapping[str, str]], Tried]


def try_python(code: str, environment: Mapping[str, str]) -> Tried:
    """Run ``code`` in a Python process of its own, with ``environment`` on top of ours, for at most 60 s."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
    except subprocess.TimeoutExpired:
        return Tried(False, "no answer within 60 s")
    if done.returncode < 0:
        return Tried(False, f"killed by signal {-done.returncode}")
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return Tried(done.returncode == 0, lines[-1] if lines else "")


TALK = """
import sys, time, rclpy
from std_msgs.msg import String
rclpy.init()
node = rclpy.create_node("doctor_" + sys.argv[1] + "_" + sys.argv[2], start_parameter_services=False)
heard, end = [], time.monotonic() + 20
mine, other = ("a", "b") if sys.argv[1] == "a" else ("b", "a")
publisher = node.create_publisher(String, "doctor_" + sys.argv[2] + mine, 10)
node.create_subscription(String, "doctor_" + sys.argv[2] + other, lambda m: heard.append(m.data), 10)
while time.monotonic() < end and "heard" not in heard:
    publisher.publish(String(data="heard" if heard else "hello"))
    rclpy.spin_once(node, timeout_sec=0.05)
for _ in range(10):  # the other one may not have heard the last word yet
    publisher.publish(String(data="heard"))
    rclpy.spin_once(node, timeout_sec=0.05)
print("heard" if heard else "heard nothing")
sys.exit(not heard)
"""


def two_processes_talk() -> Tried:
    """Start two processes that say hello to each other over DDS, for at most 20 s."""
    token = uuid.uuid4().hex[:8]
    environment = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", **os.environ}
    pair = [
        subprocess.Popen(
            [sys.executable, "-c", TALK, side, token],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for side in "ab"
    ]
    try:
        said = [process.communicate(timeout=60)[0].strip().splitlines() or ["nothing"] for process in pair]
    except subprocess.TimeoutExpired:
        return Tried(False, "no end within 60 s")
    finally:
        for process in pair:
            process.kill()
            process.wait()
    bad = [words[-1] for words, process in zip(said, pair, strict=True) if process.returncode != 0]
    return Tried(not bad, bad[0] if bad else "two processes hear each other")


def left_over_files(folder: Path, processes: Path) -> list[str]:
    """Names of the middleware's files in ``folder`` that no process in ``processes`` (/proc) maps or has open."""
    files = {
        str(path) for pattern in ("fastrtps_*", "sem.fastrtps_*", "fast_datasharing_*") for path in folder.glob(pattern)
    }
    for process in processes.glob("[0-9]*") if files else ():
        try:
            mapped = {line.split(maxsplit=5)[-1] for line in (process / "maps").read_text().splitlines()}
            opened = {os.readlink(link) for link in (process / "fd").iterdir()}
        except OSError:  # it ended meanwhile, or it is another user's
            continue
        files -= mapped | opened
    return sorted(files)
