"""A robot and its learner on two machines, for tests and benchmarks: what was said, done and logged there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rclpy.serialization import deserialize_message
from two_machines import TwoMachines

from hil_serl_ros.data.transition_log import read_log
from hil_serl_ros.graph import nodes_of
from hil_serl_ros.msg import ActorStatus, Transition

HERE = Path(__file__).parent
OFFICE = ("learner", "monitor")  # what is not on the robot's machine
RECORDED = (ActorStatus.MODE_DEMONSTRATE, ActorStatus.MODE_TRAIN)
DOMAIN = "42"  # of a network that nobody else is in
LIFETIME = 600  # s after which a forgotten node ends itself
END_WAIT = 20  # s


class Apart:
    """Nodes of one job on two machines, and a witness on the robot's.

    Args:
        folder: for the run and for what the nodes say; both machines see it, as they see the program's files.
        machines: where they run.
        job: of ``hil_serl_ros.graph``.
        changes: parameters that differ from ``config``.
        office: names of the nodes that are not the robot's.
        without: names of the job's nodes that are not started.
        environment: variables on top of ours.
    """

    def __init__(
        self,
        folder: Path,
        machines: TwoMachines,
        job: str,
        changes: dict[str, Any],
        *,
        config: str = "pick_cube",
        office: Iterable[str] = OFFICE,
        without: Iterable[str] = ("recorder",),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.folder, self.machines, self.run = folder, machines, folder / "run"
        self.run.mkdir(parents=True)
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", "ROS_HOME": str(folder)}
        self._environment |= {"ROS_DOMAIN_ID": DOMAIN, "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET", **(environment or {})}
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.said: list[dict[str, Any]] = []  # what the witness wrote, as far as it was read
        self.cut_at = self.mended_at = self.until = 0.0  # s, monotonic
        self._read = 0
        self.file = folder / "said.jsonl"
        try:
            self.start("witness", "robot", [sys.executable, str(HERE / "witness.py"), str(self.file)])
            for node in nodes_of(job, self.run, config, {"clock": "realtime", **changes}):
                if node.name not in without:
                    self.start(node.name, "office" if node.name in office else "robot", node.command())
        except BaseException:
            self.close()
            raise

    def start(self, name: str, machine: str, command: list[str]) -> None:
        """Start ``command``; its words go to a file, and :meth:`tell` writes to its standard input."""
        # `timeout` ends it even if the test run itself is killed.
        command = [*self.machines.on(machine), "timeout", "-k", "5", str(LIFETIME), *command]
        with (self.folder / f"{name}.txt").open("w") as out:
            self.processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
                env=self._environment,
                cwd=self.folder,
                start_new_session=True,
            )

    def tell(self, name: str, line: str) -> None:
        """One line for the standard input of a process."""
        pipe = self.processes[name].stdin
        assert pipe is not None
        pipe.write(f"{line}\n")
        pipe.flush()

    # -------------------- the link --------------------
    def cut(self) -> None:
        """Cut the link."""
        self.machines.cut()
        self.cut_at = time.monotonic()

    def mend(self) -> None:
        """Mend it."""
        self.mended_at = time.monotonic()
        self.machines.mend()

    # -------------------- what is said --------------------
    def read(self) -> None:
        """Read on in the witness's file."""
        if self.file.exists():
            with self.file.open("rb") as file:
                file.seek(self._read)
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._read += len(whole)
            self.said += map(json.loads, whole.splitlines())

    def of(self, topic: str, since: float = 0.0) -> list[dict[str, Any]]:
        """What was said on ``topic`` since then (s, monotonic)."""
        return [word for word in self.said if word["topic"] == topic and word["at"] >= since]

    def last(self, topic: str) -> dict[str, Any]:
        """What was said on ``topic`` last; empty: nothing."""
        return next((word for word in reversed(self.said) if word["topic"] == topic), {})

    def wait_until(self, condition: Callable[[], Any], seconds: float) -> Any:
        """What ``condition`` gives once it is true.

        Raises:
            TimeoutError: it was not so within ``seconds``; the nodes' last words are told.
        """
        end = time.monotonic() + seconds
        while True:
            self.read()
            if result := condition():
                return result
            if time.monotonic() > end:
                raise TimeoutError(f"not so within {seconds:.0f} s; the nodes said:\n{self.words()}")
            self.listen(0.05)

    def listen(self, seconds: float) -> None:
        """Let ``seconds`` pass, or less where a process ends."""
        try:
            self.processes["witness"].wait(seconds)
        except subprocess.TimeoutExpired:
            self.read()
            return
        raise RuntimeError(f"the witness has ended:\n{self.words()}")

    def words(self) -> str:
        """The last words of all."""
        return "\n".join(
            f"--- {name} ({process.poll()}):\n{(self.folder / f'{name}.txt').read_text()[-1500:]}"
            for name, process in self.processes.items()
        )

    # -------------------- what was done and logged --------------------
    def log(self) -> list[tuple[float, Transition]]:
        """What the learner logged: when (s, monotonic), and what."""
        ahead = time.time() - time.monotonic()
        records = read_log(self.run / "log")
        return [(record.log_time * 1e-9 - ahead, deserialize_message(record.data, Transition)) for record in records]

    @staticmethod
    def sent(message: Transition) -> float:
        """When the actor sent it, s, monotonic."""
        return message.sent.sec + message.sent.nanosec * 1e-9 - (time.time() - time.monotonic())

    def executed(self, until: float) -> set[tuple[int, int]]:
        """The steps that the robot says it had executed then, demonstrations and training only: epoch and number."""
        first: dict[int, int] = {}
        last: dict[int, int] = defaultdict(int)
        for word in self.of("robot_status"):
            if word["at"] > until:
                break
            first.setdefault(word["epoch"], word["sequence"])
            last[word["epoch"]] = max(last[word["epoch"]], word["sequence"])
        modes: dict[int, int] = {}  # as said first: the next mode is told before its own epoch begins
        for word in self.of("actor_status"):
            modes.setdefault(word["epoch"], word["mode"])
        counted = [epoch for epoch in first if modes.get(epoch) in RECORDED]
        return {(epoch, number) for epoch in counted for number in range(first[epoch], last[epoch])}

    def unlogged(self, until: float) -> list[tuple[int, int]]:
        """The steps that had been executed then and are not in the log."""
        return sorted(self.executed(until) - {_key(message) for _, message in self.log()})

    def doubled(self) -> int:
        """Steps that are in the log more than once."""
        return sum(count - 1 for count in Counter(_key(message) for _, message in self.log()).values())

    def close(self) -> None:
        """End the nodes as Ctrl-C does, the office's last."""
        for name in sorted(self.processes, key=lambda name: (name in OFFICE, name == "witness")):
            process = self.processes[name]
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
        for process in self.processes.values():
            try:
                process.wait(END_WAIT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if process.stdin is not None:
                process.stdin.close()


def _key(message: Transition) -> tuple[int, int]:
    return message.observation.epoch, message.observation.sequence
