"""The bytes of recorded ``Transition`` messages, out of a run's log or out of episode bags."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator
from pathlib import Path

from mcap.exceptions import McapError
from mcap.records import Channel, Message, Schema
from mcap.stream_reader import StreamReader

from hil_serl_ros.data.bag_description import NAME as DESCRIPTION
from hil_serl_ros.data.bag_description import read_description
from hil_serl_ros.data.dataset_features import DatasetError
from hil_serl_ros.data.definitions import is_installed
from hil_serl_ros.data.run_folder import LAYOUT
from hil_serl_ros.data.segment_folder import segments
from hil_serl_ros.data.segments import SUFFIX, LogError, is_whole
from hil_serl_ros.data.transition_log import TYPE
from hil_serl_ros.learning.layout import Layout, LayoutError

ABOVE = 4  # folders above a bag in which its run's layout is looked for: <run>/bags/<name>/<file>


def files_of(source: Path) -> list[Path]:
    """The MCAP files to read: of a run's folder its log; else of a log, a bag or a folder of bags all that there are.

    Raises:
        DatasetError: there are none.
    """
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise DatasetError(f"there is no folder or file {source}")
    log = source / "log" if (source / "log").is_dir() else source
    found = segments(log) or sorted(source.rglob(f"*{SUFFIX}"))
    if not found:
        raise DatasetError(f"{source} holds no log of transitions and no bag ({SUFFIX} files)")
    return found


def layout_of(source: Path) -> Layout:
    """The layout that a run keeps beside its log and bags, and each bag in its description.

    Raises:
        DatasetError: it is nowhere near, or cannot be read.
    """
    home = source.resolve()
    for folder in [home, *home.parents][: ABOVE + 1]:
        if (folder / LAYOUT).is_file():
            return _layout(folder / LAYOUT, (folder / LAYOUT).read_text())
    for description in sorted((home if home.is_dir() else home.parent).rglob(DESCRIPTION)):
        try:
            text = read_description(description.parent)["custom_data"].get(LAYOUT)
        except LogError:
            continue
        if text:
            return _layout(description, text)
    raise DatasetError(f"there is no {LAYOUT} in {home} or above it; name the run's by --layout")


def _layout(file: Path, text: str) -> Layout:
    try:
        return Layout.from_json(text)
    except LayoutError as error:
        raise DatasetError(f"{file}: {error}") from None


@dataclasses.dataclass
class Source:
    """Reads files one after the other.

    Attributes:
        files: to read.
        faults: what could not be read; what is good before it was given.
        without: files without any transitions, as the bags of evaluation are.
    """

    files: list[Path]
    faults: list[str] = dataclasses.field(default_factory=list)
    without: list[Path] = dataclasses.field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.stat().st_size for file in self.files)

    def read(self) -> Iterator[bytes]:
        """Each whole ``Transition`` in order."""
        for file in self.files:
            yield from self._read(file)
        if self.without:
            first, more = self.without[0], len(self.without) - 1
            self.faults.append(f"{first} has no topic with {TYPE}{f', nor have {more} more' if more else ''}")

    def _read(self, path: Path) -> Iterator[bytes]:
        count = 0
        kinds: dict[int, str] = {}  # of messages, by the number of the schema
        wanted: set[int] = set()  # channels
        try:
            with path.open("rb") as file:
                for record in StreamReader(file, validate_crcs=True).records:
                    if isinstance(record, Schema):
                        kinds[record.id] = record.name
                        if record.name == TYPE and not is_installed(record.name, record.data.decode()):
                            self.faults.append(f"{path} is of another version: its {TYPE} has other fields")
                            return
                    elif isinstance(record, Channel) and kinds.get(record.schema_id) == TYPE:
                        wanted.add(record.id)
                    elif isinstance(record, Message) and record.channel_id in wanted:
                        count += 1
                        yield record.data
        except (McapError, struct.error, EOFError, ValueError) as error:
            self.faults.append(f"{path} cannot be read after its transition {count}: {error or 'it is cut off there'}")
            return
        if not wanted:
            self.without.append(path)
        elif not is_whole(path):
            self.faults.append(f"{path} is cut off after its transition {count}")
