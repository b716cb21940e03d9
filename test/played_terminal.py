"""A terminal that is played: a program behind a pseudo-terminal, and what a person types at it as real bytes."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import threading
from pathlib import Path

QUERIES = re.compile(rb"\x1b\[6n|\x1b\[\?u|\x1b\[\?\d+\$p")
NUMBERS = {
    "Space": 32,
    "Enter": 13,
    "Backspace": 127,
    "Escape": 27,
    "ShiftLeft": 57441,
    "ShiftRight": 57447,
    "ControlLeft": 57442,
    "ControlRight": 57448,
}
ARROWS = {"ArrowUp": "A", "ArrowDown": "B", "ArrowRight": "C", "ArrowLeft": "D"}
TYPED = {"Space": b" ", "Enter": b"\r", "Backspace": b"\x7f", "Escape": b"\x1b"}
TYPED |= {"ShiftRight": b"\x1b[5~", "ShiftLeft": b"\x1b[6~", "ControlRight": b"o", "ControlLeft": b"c"}


def kitty(code: str, event: int = 1) -> bytes:
    """The bytes of a key in the kitty protocol: pressed 1, repeated 2, released 3."""
    if code in ARROWS:
        return f"\x1b[1;1:{event}{ARROWS[code]}".encode()
    number = NUMBERS[code] if code in NUMBERS else ord(code.removeprefix("Key").lower())
    return f"\x1b[{number};1:{event}u".encode()


def plain(code: str) -> bytes:
    """The bytes of a key in a terminal that knows nothing of that."""
    if code in ARROWS:
        return f"\x1b[{ARROWS[code]}".encode()
    return TYPED.get(code) or code.removeprefix("Key").lower().encode()


class PlayedTerminal:
    """Runs a module of the package in a terminal of 40 rows and 100 columns.

    Args:
        module: its name.
        arguments: its command line.
        environment: of the program.
        modern: the terminal knows the kitty protocol.
    """

    def __init__(self, module: str, arguments: list[str], environment: dict[str, str], *, modern: bool) -> None:
        self.modern = modern
        self.answering = True
        self._cut = False
        self.output = b""
        self._master, self._slave = pty.openpty()
        termios.tcsetwinsize(self._slave, (40, 100))
        self.before = termios.tcgetattr(self._slave)
        command = ["timeout", "--foreground", "-k", "5", "120", sys.executable, "-m", module, *arguments]
        self._process = subprocess.Popen(
            command,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={**environment, "TERM": "xterm-256color"},
            start_new_session=True,
        )
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._cut:
            if not select.select([self._master], [], [], 0.02)[0]:
                continue
            new = os.read(self._master, 65536)
            self.output += new
            for query in QUERIES.findall(new) if self.answering else ():
                if query == b"\x1b[6n":
                    self.type(b"\x1b[5;5R")
                elif query.endswith(b"$p"):
                    self.type(b"\x1b[?" + query[3:-2] + b";2$y")
                elif self.modern:
                    self.type(b"\x1b[?0u")

    def type(self, keys: bytes) -> None:
        """What the person types."""
        os.write(self._master, keys)

    @property
    def screen(self) -> str:
        """All that was shown."""
        return self.output.decode(errors="replace")

    @property
    def modes(self) -> list:
        """The terminal's settings now."""
        return termios.tcgetattr(self._slave)

    @property
    def code(self) -> int | None:
        """The program's exit code, None while it runs."""
        return self._process.poll()

    def signal(self, number: int) -> None:
        """Send the program a signal."""
        for child in Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split():
            os.kill(int(child), number)

    def hang_up(self) -> None:
        """The line is cut: the program's terminal is gone."""
        if self._cut:
            return
        self._cut = True
        self._thread.join(10)
        os.close(self._slave)
        os.close(self._master)

    def close(self) -> None:
        """End the program, if it still runs, and the terminal."""
        if self.code is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        self.hang_up()
