"""Run the graph's processes under honcho: one output, one end, the dead one named with its last words.

A node that a signal kills (out of memory, a fault in a library, a person) is started again; one that ends by itself
ends the run: it is done, or something is wrong that a second start would not mend.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import shlex
import signal
import sys
from collections import defaultdict, deque
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import IO, Any

import honcho.manager
import honcho.process
from honcho.printer import Message
from tqdm import tqdm

from hil_serl_ros.graph import NodeProcess
from hil_serl_ros.lives import Lives
from hil_serl_ros.shared_memory import remove_orphans

LAST_WORDS = 15  # lines
MONITOR = "monitor"
STOP_WAIT = 20  # s for a checkpoint to be written before a process is killed


class _Process(honcho.process.Process):
    """A node, started again when a signal kills it; ``ending`` says that the graph comes down."""

    def __init__(self, *arguments: Any, ending: Event, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._ending = ending

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        """honcho's interface: run to the end, in a process of its own, and report to ``events``."""
        self._events = events
        # Ctrl-C is the manager's to pass on. A handler, unlike SIG_IGN, is not inherited by the node.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        lives = Lives()
        while True:
            lives.begin()
            # honcho gives a shell one string; exec leaves no shell between it and the node.
            again = f" -p restarts:={lives.restarts}" if lives.restarts else ""
            child = self._child_ctor("exec " + self.cmd + again, env=self.env, cwd=self.cwd)
            self._send_message({"pid": child.pid}, type="start")
            if self._ending.is_set():  # the manager knew the one before only
                child.terminate()
            for line in iter(child.stdout.readline, b""):
                self._send_message(line)
            child.stdout.close()
            code = child.wait()
            if self._ending.is_set() or not lives.again(code):
                break
            remove_orphans()
            self._send_message(f"{signal.Signals(-code).name} killed it; started again ({lives.restarts})\n")
        self._send_message({"returncode": code}, type="stop")


class _Manager(honcho.manager.Manager):
    """honcho's, with processes that are started again until the first one ends for good."""

    def __init__(self, output: _Output) -> None:
        super().__init__(output)
        self._ending = multiprocessing.Event()
        self._process_ctor = functools.partial(_Process, ending=self._ending)

    def terminate(self) -> None:
        """End all."""
        self._ending.set()
        super().terminate()


class _Output:
    """What the processes say: everything to a log file, what matters to the terminal, progress as a bar."""

    def __init__(self, log: IO[str]) -> None:
        self.width = 0  # honcho sets it
        self.words: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=LAST_WORDS))
        self.codes: dict[str, int] = {}
        self.result = ""
        self._log = log
        self._bar: tqdm | None = None

    def write(self, message: Message) -> None:
        """honcho's printer interface: one line of one process."""
        line = (message.data.decode(errors="replace") if isinstance(message.data, bytes) else message.data).rstrip()
        self._log.write(f"{message.time:%H:%M:%S.%f} {message.name:>18} {line}\n")
        self._log.flush()
        if message.name == "system":
            if " stopped (rc=" in line:
                self.close()
                name, code = line.split(" stopped (rc=")
                self.codes.setdefault(name, int(code.rstrip(")")))
            return
        self.words[message.name].append(line)
        if line.startswith("progress: "):
            self._progress(line)
        elif line.startswith("result: "):
            self.result = line
        elif line:
            self._say(line if message.name in ("learner", "monitor") else f"{message.name}: {line}")

    def _progress(self, line: str) -> None:
        done, of, text = line.removeprefix("progress: ").split(" ", 2)
        if self.codes or int(of) == 0:
            return
        if self._bar is None or self._bar.total != int(of):
            self.close()
            self._bar = tqdm(total=int(of), unit="step", dynamic_ncols=True, mininterval=1.0, file=sys.stderr)
        self._bar.set_description_str(text, refresh=False)
        self._bar.update(int(done) - self._bar.n)

    def _say(self, line: str) -> None:
        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def supervise(
    nodes: list[NodeProcess], log_file: Path, environment: dict[str, str], remappings: tuple[str, ...]
) -> int:
    """Run ``nodes`` until one of them ends by itself, then end the others; return 0 if that one ended well.

    All output goes to ``log_file``. Ctrl-C ends all of them cleanly (130).
    """
    honcho.manager.KILL_WAIT = STOP_WAIT
    remove_orphans()  # of a graph before this one
    with log_file.open("a") as log:
        output = _Output(log)
        manager = _Manager(output)
        for node in nodes:
            command = shlex.join(node.command(remappings))
            manager.add_process(node.title, command, env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"})
        manager.loop()
        output.close()
    code = manager.returncode or 0
    dead = next(iter(output.codes), "")
    if code == 0 and dead != MONITOR and MONITOR in {node.name for node in nodes}:
        code = 1  # only the monitor knows that all is done; whoever ends before it, however well, ends the run
    if code not in (0, 130, 143) and dead:
        print(f"\nnode {dead} ended with exit code {output.codes[dead]}; its last words:", file=sys.stderr)
        for line in output.words[dead]:
            print(f"  | {line}", file=sys.stderr)
        print(f"all output: {log_file}", file=sys.stderr, flush=True)
    if output.result:
        print(output.result, flush=True)
    return code
