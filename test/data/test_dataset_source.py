"""Recorded messages out of logs and bags, whole ones, also of files that were cut."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_episodes import STATES, episode, record
from mcap.writer import CompressionType, Writer

from hil_serl_ros.data import dataset_source
from hil_serl_ros.data.bag_description import described, write_description
from hil_serl_ros.data.bag_file import Contents
from hil_serl_ros.data.dataset_features import DatasetError
from hil_serl_ros.data.dataset_source import Source, files_of, layout_of
from hil_serl_ros.data.definitions import definition_text
from hil_serl_ros.data.transition_log import TYPE, TransitionLog

TEXTS = [f"message {number}".encode() for number in range(12)]


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    """An episode bag as rosbag2 writes it: chunks, compressed, other topics between."""
    path = tmp_path_factory.mktemp("bags") / "one" / "one_0.mcap"
    path.parent.mkdir()
    with path.open("wb") as file:
        writer = Writer(file, chunk_size=100, compression=CompressionType.ZSTD)
        writer.start("ros2")
        channels = []
        for topic, kind, text in (
            ("/joint_states", "sensor_msgs/msg/JointState", definition_text("sensor_msgs/msg/JointState")),
            ("/transitions", TYPE, definition_text(TYPE)),
        ):
            schema = writer.register_schema(kind, "ros2msg", text.encode())
            channels.append(writer.register_channel(topic, "cdr", schema))
        for number, data in enumerate(TEXTS):
            writer.add_message(channels[0], number, b"joints", number)
            writer.add_message(channels[1], number, data, number)
        writer.finish()
    return path


def test_a_bag_gives_its_transitions_in_order_and_nothing_else(bag):
    for place in (bag, bag.parent, bag.parent.parent):
        source = Source(files_of(place))
        assert list(source.read()) == TEXTS
        assert source.faults == []


def test_a_runs_log_is_read_and_not_its_journal(tmp_path):
    for name, data in (("log", b"logged"), ("journal", b"journalled")):
        log = TransitionLog(tmp_path / name)
        log.append(data, 1, 1)
        log.close()
    assert list(Source(files_of(tmp_path)).read()) == [b"logged"]


@settings(max_examples=150)
@given(st.data())
def test_a_bag_cut_anywhere_gives_what_is_before_the_cut_and_is_named(bag, tmp_path_factory, data):
    length = bag.stat().st_size
    cut = tmp_path_factory.mktemp("cut") / "cut.mcap"
    cut.write_bytes(bag.read_bytes()[: data.draw(st.integers(0, length - 1))])
    source = Source([cut])
    found = list(source.read())
    assert found == TEXTS[: len(found)]
    assert len(source.faults) == 1
    assert str(cut) in source.faults[0]
    shutil.rmtree(cut.parent)


def test_bags_without_transitions_are_named_in_one_sentence(bag, tmp_path):
    paths = [tmp_path / f"{number}.mcap" for number in range(3)]
    for path in paths:
        with path.open("wb") as file:
            writer = Writer(file)
            writer.start("ros2")
            writer.finish()
    source = Source([paths[0]])
    assert list(source.read()) == []
    assert source.faults == [f"{paths[0]} has no topic with {TYPE}"]
    source = Source([*paths, bag])
    assert list(source.read()) == TEXTS
    assert source.faults == [f"{paths[0]} has no topic with {TYPE}, nor have 2 more"]


def test_a_log_of_another_version_is_named_and_not_misread(tmp_path, monkeypatch):
    log = TransitionLog(tmp_path)
    log.append(b"data", 1, 1)
    log.close()
    monkeypatch.setattr(dataset_source, "is_installed", lambda name, text: False)
    source = Source(files_of(tmp_path))
    assert list(source.read()) == []
    assert "is of another version" in source.faults[0]


def test_the_layout_is_found_above_an_episodes_bag(tmp_path):
    record(tmp_path, STATES, episode())
    bag = tmp_path / "bags" / "episode"
    bag.mkdir(parents=True)
    assert layout_of(bag).hash == STATES.hash


def test_a_bag_that_was_taken_away_from_its_run_knows_the_layout_itself(tmp_path):
    bag = tmp_path / "a" / "b" / "c" / "d" / "bag"  # nothing of a run is above it
    bag.mkdir(parents=True)
    with pytest.raises(DatasetError, match="name the run's by --layout"):
        layout_of(bag)
    write_description(bag, described(Contents(info={"layout.json": STATES.to_json()}), "bag.mcap"))
    assert layout_of(bag).hash == STATES.hash
    assert layout_of(bag.parent).hash == STATES.hash


@pytest.mark.parametrize("place", ["nowhere", ""])
def test_a_place_without_a_recording_is_one_sentence(tmp_path, place):
    with pytest.raises(DatasetError, match=r"there is no folder or file|holds no log"):
        files_of(tmp_path / place)
