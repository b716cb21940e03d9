"""``metadata.yaml`` of rosbag2, which makes a folder of segments open as one bag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from mcap.reader import make_reader

from hil_serl_ros.data.segment_folder import segments
from hil_serl_ros.data.segments import Kind, is_whole

NAME = "metadata.yaml"
VERSION = 9  # of Jazzy


def write_metadata(folder: Path, kind: Kind) -> None:
    """Describe the ended files of ``folder``; a folder without any gets no description.

    Raises:
        OSError: the disk refuses; an older description stays as it is.
    """
    files = [_file(path) for path in segments(folder) if is_whole(path)]
    if not files:
        (folder / NAME).unlink(missing_ok=True)
        return
    count = sum(file["message_count"] for file in files)
    start = min(file["starting_time"]["nanoseconds_since_epoch"] for file in files)
    end = max(f["starting_time"]["nanoseconds_since_epoch"] + f["duration"]["nanoseconds"] for f in files)
    topic = {"name": kind.topic, "type": kind.type_name, "serialization_format": "cdr"}
    topic |= {"offered_qos_profiles": [], "type_description_hash": ""}  # type: ignore[dict-item]
    description = {
        "version": VERSION,
        "storage_identifier": "mcap",
        "duration": {"nanoseconds": end - start},
        "starting_time": {"nanoseconds_since_epoch": start},
        "message_count": count,
        "topics_with_message_count": [{"topic_metadata": topic, "message_count": count}],
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [file["path"] for file in files],
        "files": files,
        "custom_data": None,
        "ros_distro": "jazzy",
    }
    part = folder / f"{NAME}.part"
    part.write_text(yaml.safe_dump({"rosbag2_bagfile_information": description}, sort_keys=False))
    part.replace(folder / NAME)


def _file(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        summary = make_reader(file).get_summary()
    assert summary is not None
    assert summary.statistics is not None
    figures = summary.statistics
    return {
        "path": path.name,
        "starting_time": {"nanoseconds_since_epoch": figures.message_start_time},
        "duration": {"nanoseconds": figures.message_end_time - figures.message_start_time},
        "message_count": figures.message_count,
    }
