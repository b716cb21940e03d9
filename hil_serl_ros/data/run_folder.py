"""The folder of one run: made whole, owned by one graph at a time, never silently mixed with another run.

runs/<name>/log/                    the learner's transitions, 000000.mcap ...
            journal/<robot>/        what the learner may lack
            checkpoints/            000100 ..., last
            metrics.csv  episodes.csv  tensorboard/  curve.png
            parameters.yaml         what the run was started with
            layout.json             what is observed and done: task, features, units, rate
            versions.json           of the software that it was made with
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from types import TracebackType

LEAST_FREE = 500 * 1024 * 1024  # bytes; a run of state-only work writes some 50 MB
LOCK = ".lock"
LAYOUT = "layout.json"


class RunFolderError(ValueError):
    """A folder that this run cannot have; the message is one sentence."""


class RunFolder:
    """``path`` with its lock, as a context manager.

    Args:
        path: of the run; made if it is not there.
        resume: go on with the run in it; else it must be new or empty.

    Raises:
        RunFolderError: it holds another run, there is none to resume, another graph has it, or the disk is full.
            Nothing was written then, but for the lock of a folder that was there already.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self.path = path
        if path.exists() and not path.is_dir():
            raise RunFolderError(f"{path} is a file, not a folder for a run")
        if resume and not (path / "log").is_dir():
            raise RunFolderError(f"there is no run in {path} to resume: it has no log")
        home = next(parent for parent in (path, *path.parents) if parent.exists())
        free = shutil.disk_usage(home).free
        if free < LEAST_FREE:
            raise RunFolderError(f"{home} has {free // 2**20} MB of free disk; a run needs {LEAST_FREE // 2**20} MB")
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise RunFolderError(f"{path} cannot be the run's folder: {error.strerror}") from None
        try:
            self._take()
            if not resume and any(entry.name != LOCK for entry in path.iterdir()):
                raise RunFolderError(f"{path} holds a run already; choose another folder, or go on with it by --resume")
        except BaseException:
            os.close(self._lock)
            raise

    def _take(self) -> None:
        try:
            # The kernel frees it when the process dies, however it dies. A forked supervisor's child that
            # outlives its parent keeps it: the graph runs on then.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._lock, 20, 0).decode()
            raise RunFolderError(f"another graph (process {owner}) is running in {self.path}; stop it first") from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._lock)
