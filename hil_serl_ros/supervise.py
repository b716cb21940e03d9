"""Run the graph's processes under honcho: one output, one end, the dead one named with its last words."""

from __future__ import annotations

import os
import shlex
import sys
from collections import defaultdict, deque
from pathlib import Path
from typing import IO

import honcho.manager
from honcho.printer import Message
from tqdm import tqdm

from hil_serl_ros.graph import NodeProcess

LAST_WORDS = 15  # lines
MONITOR = "monitor"
STOP_WAIT = 20  # s for a checkpoint to be written before a process is killed


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
    """Run ``nodes`` until one of them ends, then end the others; return 0 if that one ended well.

    All output goes to ``log_file``. Ctrl-C ends all of them cleanly (130).
    """
    honcho.manager.KILL_WAIT = STOP_WAIT
    with log_file.open("a") as log:
        output = _Output(log)
        manager = honcho.manager.Manager(output)
        for node in nodes:
            # honcho gives a shell one string; exec leaves no shell between it and the node.
            command = "exec " + shlex.join(node.command(remappings))
            manager.add_process(node.name, command, env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"})
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
