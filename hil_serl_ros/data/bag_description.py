"""``metadata.yaml`` of rosbag2 (version 9, Jazzy's) for the one file of an episode's bag."""

from __future__ import annotations

import textwrap
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hil_serl_ros.data.atomic import write_file
from hil_serl_ros.data.bag_file import Contents
from hil_serl_ros.data.segments import LogError

NAME = "metadata.yaml"
VERSION = 9
TOP = "rosbag2_bagfile_information"
SERIALIZED = "serialized_metadata"
BAG = "rosbag2"  # name of the metadata record by which rosbag2 finds this without the file beside it


@cache
def _profiles(text: str) -> Any:
    return yaml.load(text, yaml.CSafeLoader) or []


def describe(contents: Contents, file: str, info: dict[str, str]) -> dict[str, Any]:
    """What rosbag2 wants to know of a bag with one ``file``; ``info`` is its custom data."""
    topics = [
        {
            "topic_metadata": {
                "name": topic.name,
                "type": topic.type_name,
                "serialization_format": "cdr",
                "offered_qos_profiles": _profiles(topic.qos),
                "type_description_hash": topic.type_hash,
            },
            "message_count": count,
        }
        for topic, count in contents.topics()
    ]
    duration, start = {"nanoseconds": contents.last - contents.first}, {"nanoseconds_since_epoch": contents.first}
    count = contents.messages
    return {
        "version": VERSION,
        "storage_identifier": "mcap",
        "duration": duration,
        "starting_time": start,
        "message_count": count,
        "topics_with_message_count": topics,
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [file],
        "files": [{"path": file, "starting_time": start, "duration": duration, "message_count": count}],
        "custom_data": info,
        "ros_distro": "jazzy",
    }


def described(contents: Contents, file: str) -> str:
    """The same as YAML text, with the facts in ``contents``."""
    return _dump(describe(contents, file, contents.info))


def write_description(folder: Path, text: str) -> None:
    """Write the description of the bag ``folder``, or replace it, with a text of :func:`described`.

    Raises:
        LogError: the disk refuses; an older one stays as it is.
    """
    try:
        write_file(folder / NAME, f"{TOP}:\n{textwrap.indent(text, '  ', lambda line: True)}")
    except OSError as error:
        raise LogError(f"{folder / NAME} cannot be written: {error.strerror}", error.errno) from error


def read_description(folder: Path) -> dict[str, Any]:
    """The description of the bag ``folder``.

    Raises:
        LogError: there is none, or it cannot be read.
    """
    path = folder / NAME
    try:
        content = yaml.load(path.read_text(), yaml.CSafeLoader)[TOP]
    except OSError as error:
        raise LogError(f"{path} cannot be read: {error.strerror}", error.errno) from None
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError):
        raise LogError(f"{path} is no description of a bag") from None
    content["custom_data"] = {str(k): str(v) for k, v in (content.get("custom_data") or {}).items()}
    return dict(content)


def change_info(folder: Path, changes: dict[str, str]) -> None:
    """Set entries of the bag's custom data, empty ones are taken away; its messages are not touched.

    Raises:
        LogError: there is no description, or the disk refuses.
    """
    content = read_description(folder)
    merged = content["custom_data"] | changes
    content["custom_data"] = {name: value for name, value in merged.items() if value}
    write_description(folder, _dump(content))


def _dump(content: dict[str, Any]) -> str:
    class Dumper(yaml.CSafeDumper):
        """Without anchors, which the same value in two places would get."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    return str(yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True))
