"""The folder of one run: made whole, owned by one graph at a time, never silently mixed with another run."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from types import TracebackType

LEAST_FREE = 500 * 1024 * 1024  # bytes; a run of state-only work writes some 50 MB


class RunFolderError(ValueError):
    """A folder that this run cannot have; the message is one sentence."""


class RunFolder:
    """``path`` with its lock, as a context manager.

    Args:
        path: of the run; made if it is not there.
        resume: go on with the run in it; else it must be new or empty.

    Raises:
        RunFolderError: it holds another run, there is none to resume, another graph has it, or the disk is full.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self.path = path
        if path.exists() and not path.is_dir():
            raise RunFolderError(f"{path} is a file, not a folder for a run")
        if resume and not (path / "log").is_dir():
            raise RunFolderError(f"there is no run in {path} to resume: it has no log")
        old = [entry.name for entry in path.iterdir() if entry.name != ".lock"] if path.is_dir() else []
        if old and not resume:
            raise RunFolderError(f"{path} holds a run already; choose another folder, or go on with it by --resume")
        home = next(parent for parent in (path, *path.parents) if parent.exists())
        free = shutil.disk_usage(home).free
        if free < LEAST_FREE:
            raise RunFolderError(f"{home} has {free // 2**20} MB of free disk; a run needs {LEAST_FREE // 2**20} MB")
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise RunFolderError(f"the run's folder cannot be made: {error}") from None
        try:
            # The kernel frees it when the process dies, however it dies.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise RunFolderError(f"another graph is running in {path}; stop it first") from None

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._lock)
