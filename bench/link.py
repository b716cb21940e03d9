"""A robot and its learner on two machines, over links that are late, lose and are cut: one table.

Run ``python bench/link.py`` as root (about twenty minutes; ``--seconds 20 --cut 10`` for eight). Two network namespaces
stand for the machines (``test/two_machines.py``): real nodes, real Fast DDS over UDP, each frame carried, late or lost
one by one. A scripted operator shows and corrects; the learner learns. Nothing is lost if each step that the robot said
it had executed is in the learner's log, once and in order.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "test"))
from apart import Apart
from hands_apart import HandsApart
from two_machines import TwoMachines, why_not

from hil_serl_ros.env.safety_settings import SafetySettings
from hil_serl_ros.installed import config_folder
from hil_serl_ros.sim.tasks import task_named

START = 240.0  # s for all nodes to be up and to learn
SETTLED = 10.0  # s from the first weights to the first look
ON_ITS_WAY = 2.0  # s
DRAINED = 60.0  # s for what a cut held back
HANDS = 5  # cuts while a person drives
PERIOD = 0.1  # s, of control
PROFILE = {"FASTRTPS_DEFAULT_PROFILES_FILE": str(config_folder() / "network" / "fastdds_link.xml")}
LEARNING = {"demonstrations": 3, "train_steps": 100_000, "online_step_before_learning": 20, "niceness": 0}
CAMERAS = {
    "cameras": ["front", "wrist"], "environment_state": False, "frozen_after": 0, "online_buffer_capacity": 4000,
    "offline_buffer_capacity": 4000,
}  # fmt: skip


@dataclass
class Condition:
    """One link, and what goes over it."""

    name: str
    delay: float = 0.0
    loss: float = 0.0
    rate: float = 0.0  # bytes/s
    cut: float = 0.0  # s
    environment: dict[str, str] = field(default_factory=lambda: dict(PROFILE))
    changes: dict[str, Any] = field(default_factory=dict)


def conditions(cut: float) -> list[Condition]:
    """The columns of the table."""
    bad = {"delay": 0.05, "loss": 0.02}
    return [
        Condition("clean"),
        Condition("50 ms, 2 %", **bad),
        Condition("50 ms, 2 %, without the file", **bad, environment={}),
        Condition("50 ms, 2 %, 10 Mbit/s", **bad, rate=1.25e6),
        Condition(f"50 ms, 2 %, cut of {cut:.0f} s", **bad, cut=cut),
        Condition("clean, two cameras", changes=CAMERAS),
        Condition("clean, two cameras, without the file", changes=CAMERAS, environment={}),
        Condition(f"50 ms, 2 %, two cameras, cut of {cut:.0f} s", **bad, cut=cut, changes=CAMERAS),
    ]


def measure(condition: Condition, folder: Path, seconds: float, batch: int) -> dict[str, str]:
    """The rows of one column."""
    machines = TwoMachines(condition.delay, condition.loss, condition.rate)
    changes = {**LEARNING, "batch_size": batch, **condition.changes}
    apart = Apart(folder, machines, "train", changes, environment=condition.environment)
    try:
        apart.wait_until(lambda: apart.last("learner_status").get("weights_version", 0) > 0, START)
        apart.listen(SETTLED)
        since, sent = time.monotonic(), {name: machines.sent(name) for name in ("robot", "office")}
        apart.listen(seconds)
        passed = time.monotonic() - since
        rates = {name: (machines.sent(name) - before) / passed for name, before in sent.items()}
        rows: dict[str, str] = {}
        if condition.cut:
            apart.cut()
            apart.listen(condition.cut)
            apart.mend()
            apart.listen(DRAINED / 4)
        apart.until = time.monotonic()
        apart.wait_until(lambda: not apart.unlogged(apart.until), DRAINED)
    finally:
        apart.close()
        machines.close()
    log = apart.log()
    rows["executed"] = str(len(apart.executed(apart.until)))
    rows["in the log"] = (
        f"{len(log)}, {'in order' if [m.index for _, m in log] == list(range(len(log))) else 'OUT OF ORDER'}"
    )
    rows["lost"], rows["doubled"] = str(len(apart.unlogged(apart.until))), str(apart.doubled())
    # What was on its way when the link was cut comes after the cut: its latency is the cut's.
    window = [(at, message) for at, message in log if since < apart.sent(message) < since + passed - ON_ITS_WAY]
    latency = [1e3 * (at - apart.sent(message)) for at, message in window]
    rows["published to logged, median, 99 %, worst, ms"] = _three(latency)
    rows |= _weights(apart, window)
    rows |= _cut(apart, log) if condition.cut else {}
    rows["the link carries, robot to learner, kB/s"] = f"{rates['robot'] / 1e3:.0f}"
    rows["learner to robot, kB/s"] = f"{rates['office'] / 1e3:.0f}"
    return rows | _arm(apart, since)


def _three(values: list[float]) -> str:
    if not values:
        return "none"
    return f"{np.median(values):.0f}, {np.percentile(values, 99):.0f}, {max(values):.0f}"


def _weights(apart: Apart, window: list[Any]) -> dict[str, str]:
    """How old the weights were with which the robot acted: since the learner's word that they were published."""
    told: dict[int, float] = {}
    for word in apart.of("learner_status"):
        told.setdefault(word["weights_version"], word["at"])
    ages = [apart.sent(m) - told[m.weights_version] for _, m in window if m.weights_version in told]
    versions = len({message.weights_version for _, message in window})
    worst = f"{np.median(ages):.1f}, {max(ages):.1f}" if ages else "none"
    return {"weights' age when they act, median, worst, s": worst, "versions that acted": str(versions)}


def _cut(apart: Apart, log: list[Any]) -> dict[str, str]:
    """What became of a cut."""
    cut, mended = apart.cut_at, apart.mended_at
    within = [message for _, message in log if cut + 0.1 < apart.sent(message) < mended]
    before = max(message.weights_version for message in within)
    newer = [apart.sent(message) for _, message in log if message.weights_version > before]
    held = [at for at, message in log if apart.sent(message) < mended]
    heard = next(word["at"] for word in apart.of("learner_status", mended))
    return {
        "steps in the cut, versions that acted in it": f"{len(within)}, {len({m.weights_version for m in within})}",
        "mended to the learner heard again, s": f"{heard - mended:.1f}",
        "mended to all held, s": f"{max(held) - mended:.1f}",
        "mended to newer weights acting, s": f"{min(newer) - mended:.1f}" if newer else "never",
    }


def _arm(apart: Apart, since: float) -> dict[str, str]:
    """Whether the arm kept to what `safety` allows, and whether it held for anybody's silence."""
    low, high = (
        np.array(corner) for corner in (task_named("pick_cube").workspace_low, task_named("pick_cube").workspace_high)
    )
    commands = apart.of("command_executed")
    places = np.array([word["target"] for word in commands])
    steps = [
        float(np.linalg.norm(np.subtract(after["target"], before["target"])))
        for before, after in itertools.pairwise(commands)
        if (after["epoch"], after["sequence"]) == (before["epoch"], before["sequence"] + 1)
    ]
    inside = bool(((places >= low - 1e-6) & (places <= high + 1e-6)).all())
    allowed = SafetySettings().max_speed * PERIOD
    held = sum(word["verdict"] == 3 for word in apart.of("command_executed", since))
    return {
        "largest motion of a period, of what safety allows": f"{100 * max(steps) / allowed:.0f} %",
        "inside the workspace": "always" if inside else "NO",
        "commands refused": str(held),
    }


def hands(folder: Path) -> dict[str, str]:
    """A person drives from the other machine, and the link is cut."""
    machines = TwoMachines(0.05, 0.02)
    apart = HandsApart(folder, machines, PROFILE)
    motion, told, after = [], [], 0
    try:
        for _ in range(HANDS):
            apart.drive()
            apart.listen(1)
            apart.cut()
            apart.listen(3)
            motion.append(1e3 * (max(apart.motions(apart.cut_at), default=apart.cut_at) - apart.cut_at))
            told.append(1e3 * (apart.held_at() - apart.cut_at))
            apart.mend()
            apart.listen(3)
            after += len(apart.motions(apart.mended_at))
    finally:
        apart.close()
        machines.close()
    return {
        f"hands beyond the link, {HANDS} cuts: last motion after the cut, median, worst, ms": _two(motion),
        "safety says that nobody drives, median, worst, ms": _two(told),
        "motions after the link was mended, nobody having taken over": str(after),
    }


def _two(values: list[float]) -> str:
    return f"{np.median(values):.0f}, {max(values):.0f}"


def main() -> int:
    """Measure and print; the exit code is 1 if a step was lost or doubled, or the arm moved by itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="that a link is looked at before a cut")
    parser.add_argument("--cut", type=float, default=30.0, help="length of a cut, s")
    parser.add_argument("--batch", type=int, default=32, help="of the learner: two cores stand for two machines")
    parser.add_argument(
        "--only", type=int, nargs="*", help="numbers of the conditions, from 0; none: all, and the hands"
    )
    arguments = parser.parse_args()
    if why := why_not():
        print(f"there can be no two machines here: {why}", file=sys.stderr)
        return 2
    chosen = [c for k, c in enumerate(conditions(arguments.cut)) if arguments.only is None or k in arguments.only]
    columns: list[dict[str, str]] = []
    with tempfile.TemporaryDirectory() as name:
        for k, condition in enumerate(chosen):
            columns.append(measure(condition, Path(name) / str(k), arguments.seconds, arguments.batch))
            print(f"{condition.name}: {columns[-1]}", file=sys.stderr, flush=True)
        driven = hands(Path(name) / "hands") if arguments.only is None else {}
    names = list(dict.fromkeys(row for column in columns for row in column))
    print(f"| what | {' | '.join(condition.name for condition in chosen)} |")
    print("|---|" + "---|" * len(chosen))
    for row in names:
        print(f"| {row} | {' | '.join(column.get(row, '-') for column in columns)} |")
    for row, value in driven.items():
        print(f"| {row} | {' | '.join(value if c.cut and not c.changes else '-' for c in chosen)} |")
    bad = any(column["lost"] != "0" or column["doubled"] != "0" or "OUT" in column["in the log"] for column in columns)
    moved = driven.get("motions after the link was mended, nobody having taken over", "0") != "0"
    return int(bad or moved)


if __name__ == "__main__":
    sys.exit(main())
