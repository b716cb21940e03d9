"""Digests of a folder's files, as `sha256sum --check SHA256SUMS` reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

NAME = "SHA256SUMS"


def digests(files: Mapping[str, bytes]) -> bytes:
    """The content of ``SHA256SUMS`` for files by relative path."""
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()).encode()


def damaged(folder: Path) -> list[str]:
    """What is not as it was written: each file with what is wrong. A folder without digests is taken as it is."""
    sums = folder / NAME
    if not sums.is_file():
        return []
    found = []
    for line in sums.read_text(errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            found.append(f"{folder / name} cannot be read: {error.strerror}")
            continue
        if hashlib.sha256(content).hexdigest() != digest:
            found.append(f"{folder / name} is not as it was written")
    return found
