"""A ROS graph for tests: real nodes as processes, in a domain that nobody else on this machine uses."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# A busy machine is slow, which is no defect; pytest-timeout ends what hangs.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")

LIFETIME = 400  # s after which a forgotten node ends itself
STOP_WAIT = 20  # s for a clean end before a node is killed
ASK_AGAIN = 4.0  # s without an answer of a service


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what depends on the machine's load.

    Real nodes over DDS have the processor for themselves (``alone``), all other tests run side by side. Where the
    machine was slow for a moment such a test gets a second try; the summary names it (RERUN).
    """
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "domain" in fixtures:
            item.add_marker(pytest.mark.flaky(reruns=1))
        if "graph" in fixtures and not item.get_closest_marker("patient"):
            item.add_marker(pytest.mark.alone)
    # The longest files first: at the end no worker waits for another one's minutes.
    items.sort(key=lambda item: "domain" not in getattr(item, "fixturenames", ()))


class NodeProcess:
    """One node as a process of its own, with its output in a file."""

    def __init__(
        self, name: str, program: list[str], arguments: list[str], environment: dict[str, str], file: Path
    ) -> None:
        self.name = name
        self.folder = file.with_suffix("")  # it works in an empty folder of its own
        self.folder.mkdir()
        self._file = file
        # `timeout` ends the node even if the test run itself is killed.
        command = ["timeout", "-k", "5", str(LIFETIME), sys.executable, *program]
        with file.open("w") as out:
            self._process = subprocess.Popen(
                [*command, "--ros-args", *arguments],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.folder,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """All that it said so far."""
        return self._file.read_text(errors="replace")

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float = 60) -> int:
        """Its exit code, once it has ended by itself."""
        return self._process.wait(seconds)

    def kill(self) -> None:
        """End it as a power cut would, and remove the shared memory that only it had."""
        mapped = _shared_memory(self._process.pid)
        self.signal(signal.SIGKILL)
        self._process.wait(5)
        for file in mapped - {other for pid in _processes() for other in _shared_memory(pid)}:
            for part in (file, Path(f"{file}_el")):
                part.unlink(missing_ok=True)

    def stop(self) -> int:
        """End it as Ctrl-C does; its exit code."""
        if self.code is None:
            self.signal(signal.SIGINT)
            try:
                self._process.wait(STOP_WAIT)
            except subprocess.TimeoutExpired:
                self.tell_where()
                self.kill()
        return self._process.returncode

    def tell_where(self) -> None:
        """Let faulthandler write into the output where each thread of the node is."""
        for pid in _processes():
            if pid != self._process.pid and os.getsid(pid) == self._process.pid:
                os.kill(pid, signal.SIGABRT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)

    def signal(self, number: int) -> None:
        """Send a signal to the node."""
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _shared_memory(leader: int) -> set[Path]:
    """Fast DDS segments that the processes of a session have mapped; a port's segment belongs to the machine."""
    found = set()
    for pid in _processes():
        try:
            if os.getsid(pid) == leader or pid == leader:
                maps = Path(f"/proc/{pid}/maps").read_text()
                found |= {Path(line.split()[-1]) for line in maps.splitlines() if "/dev/shm/fastrtps_" in line}
        except OSError:
            continue
    return {path for path in found if "port" not in path.name}


class Graph:
    """A node in the test's process, and real ones beside it.

    Nothing here sleeps: :meth:`wait_until` serves callbacks until a condition holds.
    """

    def __init__(self, domain: int, folder: Path) -> None:
        import rclpy

        from hil_serl_ros.ros.run import executor_of

        self.domain = domain
        self.folder = folder
        self.environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
        self.environment["OMP_NUM_THREADS"] = "1"
        self.environment["ROS_HOME"] = str(folder)  # logs, and what a node keeps of its own
        self.processes: list[NodeProcess] = []
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = rclpy.create_node("test", context=self._context, start_parameter_services=False)
        self.executor = executor_of(self.node)

    def start(self, name: str, *arguments: str, **parameters: object) -> NodeProcess:
        """Start the node ``name`` with ROS parameters, and further ROS arguments."""
        return self._start(name, ["-m", f"hil_serl_ros.nodes.{name}"], arguments, parameters)

    def play(self, name: str, *arguments: str, **parameters: object) -> NodeProcess:
        """Start the script ``name`` of this folder, which plays what is not ours, as :meth:`start` does."""
        return self._start(name, [str(Path(__file__).parent / f"{name}.py")], arguments, parameters)

    def _start(
        self, name: str, program: list[str], arguments: tuple[str, ...], parameters: dict[str, object]
    ) -> NodeProcess:
        values = [a for key, value in parameters.items() for a in ("-p", f"{key}:={_yaml(value)}")]
        file = self.folder / f"{name}-{len(self.processes)}.txt"
        process = NodeProcess(name, program, [*values, *arguments], self.environment, file)
        self.processes.append(process)
        return process

    def wait_until(
        self, condition: Callable[[], Any], seconds: float = 40, again: Callable[[], object] | None = None
    ) -> Any:
        """What ``condition`` gives once it is true, ``again`` called each 0.2 s meanwhile; fails after ``seconds``."""
        end = time.monotonic() + seconds
        due = 0.0
        while not (result := condition()):
            now = time.monotonic()
            if now > end:
                said = "\n".join(f"--- {p.name} ({p.code}):\n{p.output}" for p in self.processes)
                pytest.fail(f"not so within {seconds} s; the nodes said:\n{said}")
            if again is not None and now >= due:
                again()
                due = now + 0.2
            self.executor.spin_once(timeout_sec=0.02)
        return result

    def listen(self, seconds: float) -> None:
        """Serve callbacks for ``seconds``: to see that something does not happen, or how often it does."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)

    def subscribe(self, kind: type, topic: str, profile: Any) -> list[Any]:
        """A list to which each message of ``topic`` is appended."""
        messages: list[Any] = []
        self.node.create_subscription(kind, topic, messages.append, profile)
        return messages

    def publisher(self, kind: type, topic: str, profile: Any) -> Any:
        """A publisher that the nodes started so far listen to."""
        publisher = self.node.create_publisher(kind, topic, profile)
        self.wait_until(publisher.get_subscription_count)
        return publisher

    def call(self, kind: type, name: str, request: Any) -> Any:
        """The answer of a service; asked again now and then, for a node that was killed seems to be there a while."""
        client = self.node.create_client(kind, name)
        self.wait_until(client.service_is_ready)
        futures = [client.call_async(request)]
        asked = time.monotonic()

        def answered() -> Any:
            nonlocal asked
            if time.monotonic() - asked > ASK_AGAIN:
                asked = time.monotonic()
                futures.append(client.call_async(request))
            return next((future for future in futures if future.done()), None)

        answer = self.wait_until(answered).result()
        self.node.destroy_client(client)
        return answer

    def faults(self, name: str) -> dict[str, int]:
        """What the node ``name`` counted as faults until its next report on /diagnostics."""
        from diagnostic_msgs.msg import DiagnosticArray

        reports: list[Any] = []
        subscription = self.node.create_subscription(DiagnosticArray, "/diagnostics", reports.append, 10)
        status = self.wait_until(lambda: next((s for r in reports for s in r.status if s.name == f"/{name}"), None))
        self.node.destroy_subscription(subscription)
        counts = {v.key: v.value for v in status.values}
        return {key.removesuffix(" [count]"): int(n) for key, n in counts.items() if key.endswith(" [count]")}

    def close(self) -> None:
        """End everything."""
        import rclpy

        for process in self.processes:
            if process.code is None:
                process.signal(signal.SIGINT)
        for process in self.processes:
            process.stop()
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_modules = itertools.count()


@pytest.fixture(scope="module")
def domain() -> Iterator[int]:
    """A ROS domain from 1 to 101 that no other test run holds: a locked file says so while it is used.

    Each module has another one: what the module before left behind, if only for the moment, is not heard.
    """
    offset = os.getpid() + 7 * next(_modules)
    for number in (1 + (offset + i) % 101 for i in range(101)):
        with (Path(tempfile.gettempdir()) / f"hil_serl_ros_domain_{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            before = {name: os.environ.get(name) for name in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE")}
            os.environ.update(ROS_DOMAIN_ID=str(number), ROS_AUTOMATIC_DISCOVERY_RANGE="LOCALHOST")
            yield number
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name)
                else:
                    os.environ[name] = value
            return
    pytest.fail("every ROS domain from 1 to 101 is in use by another test run")


@pytest.fixture(scope="module")
def graph(domain: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """A ROS graph of the module's own; whatever was started in it is ended."""
    graph = Graph(domain, tmp_path_factory.mktemp("graph"))
    try:
        yield graph
    finally:
        graph.close()
