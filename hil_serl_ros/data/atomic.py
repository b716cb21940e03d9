"""Files and folders that are there completely or not at all, whenever the process is killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

PARTIAL = ".partial-"


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Create ``folder`` with ``files`` (relative path to content), on the disk before it gets its name.

    Raises:
        FileExistsError: the folder exists; it is left as it is.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} exists already; a checkpoint is never overwritten")
    folder.parent.mkdir(parents=True, exist_ok=True)
    for old in folder.parent.glob(f"{PARTIAL}*"):  # what a killed process left
        shutil.rmtree(old)
    partial = folder.parent / f"{PARTIAL}{folder.name}"
    partial.mkdir()
    for name, content in files.items():
        path = partial / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    for inner in [*(p for p in partial.rglob("*") if p.is_dir()), partial]:
        _sync(inner)
    partial.rename(folder)
    _sync(folder.parent)


def write_file(path: Path, text: str) -> None:
    """Write ``path``, or replace it."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    _sync(path.parent)


def point(link: Path, target: str) -> None:
    """Make ``link`` a symbolic link to ``target`` (relative to the link's folder), replacing an older link."""
    partial = link.with_name(f"{link.name}.partial")
    partial.unlink(missing_ok=True)
    partial.symlink_to(target)
    partial.replace(link)
    _sync(link.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
