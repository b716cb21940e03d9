"""CSV files that grow row by row, over restarts too."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class TableError(ValueError):
    """A file that is not the table that it should be; the message is one sentence."""


class Table:
    """A CSV file with one row at a time, each with the operating system when ``add`` returns.

    A resumed run goes on in it: half a row that a kill left is cut off.

    Args:
        path: of the file.
        columns: their names, in order.
        key: a column that grows with each row. Where a resumed run starts again below the last row, the rows
            from there on are dropped: they are made anew.

    Raises:
        TableError: the file has other columns.
    """

    def __init__(self, path: Path, columns: tuple[str, ...], key: str | None = None) -> None:
        self._path = path
        self._columns = columns
        self._key = key
        kept = self._kept()
        if kept != (path.read_bytes() if path.exists() else b""):
            _replace(path, kept)
        self._old = bool(kept)
        self._file = path.open("a", newline="", buffering=1)
        self._writer = csv.DictWriter(self._file, columns)
        if not kept:
            self._writer.writeheader()

    def rows(self) -> list[dict[str, str]]:
        """What is written, as text by column."""
        with self._path.open(newline="") as file:
            return list(csv.DictReader(file))

    def add(self, row: Mapping[str, Any]) -> None:
        """Write one row, which has every column."""
        if self._old and self._key is not None:
            self._rewind(float(row[self._key]))
        self._old = False
        self._writer.writerow(row)

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def _kept(self) -> bytes:
        """The whole lines of the file."""
        content = self._path.read_bytes() if self._path.exists() else b""
        content = content[: content.rfind(b"\n") + 1]
        header = content.split(b"\r\n", 1)[0].decode(errors="replace")
        if content and header != ",".join(self._columns):
            raise TableError(f"{self._path} has other columns than {', '.join(self._columns)}; move it away")
        return content

    def _rewind(self, to: float) -> None:
        rows = self.rows()
        keep = [row for row in rows if float(row[self._key or ""]) < to]
        if len(keep) < len(rows):
            lines = self._path.read_bytes().splitlines(keepends=True)
            self._file.close()
            _replace(self._path, b"".join(lines[: 1 + len(keep)]))
            self._file = self._path.open("a", newline="", buffering=1)
            self._writer = csv.DictWriter(self._file, self._columns)


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)
