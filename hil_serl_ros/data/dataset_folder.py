"""A new folder that is there completely or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from hil_serl_ros.data.dataset_features import DatasetError

PARTIAL = ".partial-"


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A name that does not exist yet, for a folder that becomes ``path`` at the end; an exception leaves nothing.

    Until then all lies in ``.partial-NAME`` beside ``path``; what a kill left there goes at the next start.

    Raises:
        DatasetError: ``path`` exists, or another process is making it.
        OSError: the disk refuses.
    """
    if path.exists():
        raise DatasetError(f"{path} exists already; choose another folder")
    partial = path.parent / f"{PARTIAL}{path.name}"
    partial.mkdir(parents=True, exist_ok=True)
    lock = os.open(partial, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatasetError(f"another process is writing {path}; wait for it") from None
        inner = partial / "whole"
        try:
            shutil.rmtree(inner, ignore_errors=True)
            yield inner
            for entry in (inner, *inner.rglob("*")):
                _sync(entry)
            if path.exists():
                raise DatasetError(f"{path} came into being meanwhile; it is left as it is")
            inner.rename(path)
            _sync(path.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    finally:
        os.close(lock)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
