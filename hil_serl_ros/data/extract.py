"""One episode of a log as a small log of its own, for whoever shall do it again."""

from __future__ import annotations

from pathlib import Path

from hil_serl_ros.data.log_index import Place
from hil_serl_ros.data.segments import SUFFIX, Record, SegmentWriter
from hil_serl_ros.data.transition_log import transition_kind


def write_extract(run_folder: Path, places: list[Place]) -> None:
    """Write the steps at ``places``, their bytes as they are, to the log of a new ``run_folder``.

    Raises:
        FileExistsError: it has a log already.
        LogError: the disk refuses.
    """
    log = run_folder / "log"
    log.mkdir()
    writer = SegmentWriter(log / f"{0:06d}{SUFFIX}", transition_kind())
    for number, place in enumerate(places):
        writer.append(Record(number, number, number, place.read()))
    writer.close()
