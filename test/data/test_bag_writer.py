"""Bags that a kill cut anywhere: every whole message is kept in order, once, and stock readers open what is left."""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_typestore

from hil_serl_ros.data import bag_writer as module
from hil_serl_ros.data.bag_description import NAME, change_info, read_description, write_description
from hil_serl_ros.data.bag_file import Topic
from hil_serl_ros.data.bag_mend import END, TORN, mend_bag
from hil_serl_ros.data.bag_writer import BagWriter
from hil_serl_ros.data.definitions import definition_text, type_hash
from hil_serl_ros.data.segments import LogError, is_whole

STRING, POINT = "std_msgs/msg/String", "geometry_msgs/msg/Point"
QOS = """- history: keep_last
  depth: 1
  reliability: reliable
  durability: transient_local
  deadline: {sec: 9223372036, nsec: 854775807}
  lifespan: {sec: 9223372036, nsec: 854775807}
  liveliness: automatic
  liveliness_lease_duration: {sec: 9223372036, nsec: 854775807}
  avoid_ros_namespace_conventions: false
"""
TOPICS = [
    Topic("/words", STRING, definition_text(STRING), type_hash(STRING), QOS),
    Topic("/more_words", STRING, definition_text(STRING)),
    Topic("/place", POINT, definition_text(POINT), type_hash(POINT)),
]
INFO = {"run": "one", "number": "12", "mode": "train"}
# Which topic, and how long the text is.
PLAN = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 60)), min_size=1, max_size=10)


def text(length: int) -> bytes:
    """A std_msgs/msg/String in CDR."""
    word = b"x" * length + b"\0"
    return b"\x00\x01\x00\x00" + len(word).to_bytes(4, "little") + word


def write(folder: Path, plan: list[tuple[int, int]], *, end: bool) -> list[int]:
    """Write a bag; where each message ends in its file."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    writer = BagWriter(folder / "bag.mcap", INFO)
    ends = []
    for number, (topic, length) in enumerate(plan):
        channel = writer.channel(TOPICS[topic])
        writer.append(channel, 100 + number, 50, text(length))
        ends.append(writer.path.stat().st_size)
    if end:
        write_description(folder, writer.close(INFO | {END: "done", "result": "success"}))
    else:
        writer._file.close()  # as a kill does
    return ends


def messages(folder: Path) -> list[tuple[str, int, bytes]]:
    """As MCAP's own reader gives them."""
    with (folder / "bag.mcap").open("rb") as file:
        found = make_reader(file, validate_crcs=True).iter_messages()
        return [(channel.topic, message.log_time, message.data) for _, channel, message in found]


def planned(plan: list[tuple[int, int]]) -> list[tuple[str, int, bytes]]:
    return [(TOPICS[topic].name, 100 + n, text(length)) for n, (topic, length) in enumerate(plan)]


def check_with_stock_readers(folder: Path, expected: list[tuple[str, int, bytes]]) -> None:
    assert messages(folder) == expected
    with (folder / "bag.mcap").open("rb") as file:
        summary = make_reader(file).get_summary()
    by_topic = {summary.channels[n].topic: count for n, count in summary.statistics.channel_message_counts.items()}
    assert by_topic == dict(Counter(topic for topic, _, _ in expected))
    with Reader(folder) as reader:
        assert [(c.topic, time, bytes(data)) for c, time, data in reader.messages()] == expected
        counts = {name: topic.msgcount for name, topic in reader.topics.items()}
    assert sum(counts.values()) == len(expected)
    with AnyReader([folder], default_typestore=get_typestore(Stores.EMPTY)) as reader:
        words = [reader.deserialize(data, c.msgtype).data for c, _, data in reader.messages()]
    assert words == [data[8:-1].decode() for _, _, data in expected]


@settings(max_examples=60)
@given(PLAN, st.booleans(), st.floats(0, 1))
def test_of_a_bag_cut_at_any_byte_every_whole_message_is_recovered_once_and_in_order(tmp_path_factory, plan, end, at):
    folder = tmp_path_factory.getbasetemp() / "cut"
    ends = write(folder, plan, end=end)
    path = folder / "bag.mcap"
    cut = round(at * path.stat().st_size)
    whole_file = cut == path.stat().st_size and end
    os.truncate(path, cut)
    if not whole_file:
        (folder / NAME).unlink(missing_ok=True)  # it is written after the file has ended
    kept = [message for message, end_at in zip(planned(plan), ends, strict=True) if end_at <= cut]

    mend_bag(folder)

    if not kept:
        assert not folder.exists()
        return
    assert is_whole(path)
    check_with_stock_readers(folder, kept)
    assert not mend_bag(folder).changed  # once is enough


def test_stock_readers_read_every_message_of_an_ended_bag(tmp_path):
    plan = [(0, 3), (1, 0), (0, 40), (1, 7)]
    write(tmp_path / "bag", plan, end=True)
    check_with_stock_readers(tmp_path / "bag", planned(plan))


def test_a_latched_topic_is_described_so_that_a_player_latches_it_again(tmp_path):
    write(tmp_path / "bag", [(0, 3), (1, 0)], end=True)
    with Reader(tmp_path / "bag") as reader:
        qos = reader.topics["/words"].connections[0].ext.offered_qos_profiles
        assert [(q.durability.name, q.reliability.name, q.history.name, q.depth) for q in qos] == [
            ("TRANSIENT_LOCAL", "RELIABLE", "KEEP_LAST", 1)
        ]
        assert reader.topics["/more_words"].connections[0].ext.offered_qos_profiles == []
        assert reader.topics["/words"].connections[0].digest == type_hash(STRING) != ""


def test_the_file_alone_says_what_the_folder_says(tmp_path):
    write(tmp_path / "bag", [(0, 3)], end=True)
    with (tmp_path / "bag" / "bag.mcap").open("rb") as file:
        notes = {note.name: note.metadata for note in make_reader(file).iter_metadata()}
    description = read_description(tmp_path / "bag")
    assert yaml.safe_load(notes["rosbag2"]["serialized_metadata"]) == description
    assert notes["hil_serl_ros/episode"] == description["custom_data"] == INFO | {END: "done", "result": "success"}


def test_a_description_has_every_field_of_rosbag2s_version_9(tmp_path):
    write(tmp_path / "bag", [(0, 3)], end=True)
    content = yaml.safe_load((tmp_path / "bag" / NAME).read_text())["rosbag2_bagfile_information"]
    assert list(content) == [
        "version",
        "storage_identifier",
        "duration",
        "starting_time",
        "message_count",
        "topics_with_message_count",
        "compression_format",
        "compression_mode",
        "relative_file_paths",
        "files",
        "custom_data",
        "ros_distro",
    ]
    assert content["version"] == 9
    (topic,) = content["topics_with_message_count"]
    assert list(topic["topic_metadata"]) == [
        "name",
        "type",
        "serialization_format",
        "offered_qos_profiles",
        "type_description_hash",
    ]
    # rosbag2 reads custom data as texts alone.
    assert {type(value) for value in content["custom_data"].values()} == {str}


def test_an_episode_whose_recorder_was_killed_says_so_and_keeps_what_was_known_of_it(tmp_path):
    write(tmp_path / "bag", [(0, 3)], end=False)
    assert mend_bag(tmp_path / "bag").changed
    assert read_description(tmp_path / "bag")["custom_data"] == INFO | {END: TORN, "result": "", "steps": "0"}


def test_a_bag_whose_recorder_was_killed_after_its_last_word_keeps_that_word(tmp_path):
    write(tmp_path / "bag", [(0, 3)], end=True)
    (tmp_path / "bag" / NAME).unlink()
    path = tmp_path / "bag" / "bag.mcap"
    os.truncate(path, path.stat().st_size - 1)
    assert mend_bag(tmp_path / "bag").torn == 0
    assert read_description(tmp_path / "bag")["custom_data"]["result"] == "success"


def test_a_bag_that_is_being_written_is_not_mended(tmp_path):
    folder = tmp_path / "bag"
    folder.mkdir()
    writer = BagWriter(folder / "bag.mcap", INFO)
    writer.append(writer.channel(TOPICS[0]), 1, 50, text(1))
    before = writer.path.read_bytes()
    assert not mend_bag(folder).changed
    assert writer.path.read_bytes() == before
    writer.close(INFO)


def test_a_torn_picture_that_is_longer_than_the_summary_goes_away_entirely(tmp_path):
    write(tmp_path / "bag", [(0, 3)], end=False)
    path = tmp_path / "bag" / "bag.mcap"
    whole = path.stat().st_size
    torn = b"\x05" + (200_000).to_bytes(8, "little") + bytes(100_000)
    with path.open("ab") as file:
        file.write(torn)
    assert mend_bag(tmp_path / "bag").torn == len(torn)
    assert path.stat().st_size < whole + 20_000
    check_with_stock_readers(tmp_path / "bag", [("/words", 100, text(3))])


def test_a_file_of_another_program_is_left_alone(tmp_path):
    write(tmp_path / "bag", [(0, 3)], end=False)
    path = tmp_path / "bag" / "bag.mcap"
    path.write_bytes(path.read_bytes().replace(b"hil_serl_ros", b"another_tool", 1))
    before = path.read_bytes()
    with pytest.raises(LogError, match="another program"):
        mend_bag(tmp_path / "bag")
    assert path.read_bytes() == before


@pytest.mark.parametrize("fits", [0, 1, 20, 35])
def test_a_message_that_a_full_disk_takes_in_part_leaves_no_trace_and_can_be_written_again(tmp_path, monkeypatch, fits):
    folder = tmp_path / "bag"
    folder.mkdir()
    writer = BagWriter(folder / "bag.mcap", INFO)
    channel = writer.channel(TOPICS[0])
    writer.append(channel, 1, 50, text(1))

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fill(handle: int, parts: tuple[bytes, ...]) -> int:
        return os.write(handle, b"".join(parts)[:fits]) if fits else refuse()

    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "writev", fill)
        patch.setattr(module.os, "write", lambda handle, data: real(handle, data) if len(data) == fits else refuse())
        with pytest.raises(LogError, match=r"cannot be written: No space left on device; the 1 messages") as caught:
            writer.append(channel, 2, 50, text(2))
    assert caught.value.errno == errno.ENOSPC
    assert writer.path.stat().st_size == writer.contents.size
    writer.append(channel, 3, 50, text(3))
    writer.close(INFO)
    assert [data for _, _, data in messages(folder)] == [text(1), text(3)]


def test_a_bag_that_a_full_disk_does_not_let_end_keeps_its_messages_and_is_ended_later(tmp_path, monkeypatch):
    folder = tmp_path / "bag"
    folder.mkdir()
    writer = BagWriter(folder / "bag.mcap", INFO)
    writer.append(writer.channel(TOPICS[0]), 1, 50, text(1))

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "write", refuse)
        with pytest.raises(LogError, match="the 1 messages in it are kept"):
            writer.close(INFO | {END: "done"})
    assert mend_bag(folder).changed
    check_with_stock_readers(folder, [("/words", 1, text(1))])


def test_a_label_changes_the_description_and_no_byte_of_the_messages(tmp_path):
    write(tmp_path / "bag", [(0, 3)], end=True)
    before = (tmp_path / "bag" / "bag.mcap").read_bytes()
    change_info(tmp_path / "bag", {"label": "a good one: ö"})
    assert read_description(tmp_path / "bag")["custom_data"]["label"] == "a good one: ö"
    change_info(tmp_path / "bag", {"label": ""})
    assert "label" not in read_description(tmp_path / "bag")["custom_data"]
    assert (tmp_path / "bag" / "bag.mcap").read_bytes() == before
