"""One visit of the operator's page for ``console_drive.py``: the graph behind it, its visitors, and the table of it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from chromium import Chromium
from console_eyes import Eyes
from console_person import Person

START = 120.0  # s for the whole graph on a loaded machine
SIZE = 1280, 1090  # of the window, pixels
LATE = 0.3  # s that the arm may move after a stop on a loaded machine; bench/stops.py measures it


class Failed(Exception):
    """What was seen is not what must be; the text is what was seen."""


class Visit:
    """One visit of the page, and the table of it."""

    def __init__(self, eyes: Eyes, browser: Chromium, address: str, pictures: Path | None) -> None:
        self.eyes, self.browser, self.address, self.pictures = eyes, browser, address, pictures
        self.rows: list[tuple[str, str, bool]] = []
        self.sits = False  # from the row on that takes the seat
        self.visitors: list[Person] = []
        self.person = self.visitor()

    def visitor(self) -> Person:
        """Somebody who opens the page."""
        tab = self.browser.tab(self.address)
        tab.do("Emulation.setDeviceMetricsOverride", width=SIZE[0], height=SIZE[1], deviceScaleFactor=1, mobile=False)
        tab.do("Emulation.setScrollbarsHidden", hidden=True)
        tab.until("window.teleop?.state.connected")
        self.visitors.append(Person(tab, self.eyes))
        return self.visitors[-1]

    def picture(self, name: str) -> None:
        """Write a screenshot, if they are wanted."""
        if self.pictures is not None:
            self.person.tab.ask("scrollTo(0, 0)")
            self.person.tab.screenshot(self.pictures / f"console_{name}.png", *SIZE)

    def row(self, what: str, look: Callable[[], str]) -> None:
        """Do one thing and note what was seen."""
        began = time.monotonic()
        try:
            if self.sits:
                self.person.recover()
            seen, ok = look(), True
        except (Failed, TimeoutError, RuntimeError) as error:
            seen, ok = " ".join(str(error).split())[:150], False
        finally:
            self.person.hold()
        self.rows.append((what, seen, ok))
        print(f"{time.monotonic() - began:6.1f} s  {'ok' if ok else 'NO'}  {what}: {seen}", file=sys.stderr, flush=True)

    def holds_since(self, event: float) -> str:
        """How soon after ``event`` (s, monotonic) an arm held that somebody goes on to push."""
        self.person.hold("ArrowUp")
        late = self.eyes.still_moving_for(event)
        self.person.hold()
        if late > LATE:
            raise Failed(f"the target moved for {late:.2f} s more")
        return f"it held after {1e3 * late:.0f} ms"


@contextlib.contextmanager
def served(folder: Path, port: int, settings: list[str], domain: str) -> Iterator[str]:
    """``hil-serl teach`` until the end of the block; the page's address."""
    command = [sys.executable, "-m", "hil_serl_ros.cli", "teach", "--run-folder", str(folder), "--port", str(port)]
    command += [word for setting in settings for word in ("--set", setting)]
    environment = {**os.environ, "ROS_DOMAIN_ID": domain}
    log = (folder.parent / f"{folder.name}.txt").open("w")
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        address = f"http://127.0.0.1:{port}"
        end = time.monotonic() + START
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > end:
                raise TimeoutError(f"no page; see {log.name}")
            time.sleep(0.5)
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        log.close()


def _answers(address: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
