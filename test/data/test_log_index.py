"""A log's steps by name and place, without their pictures."""

from __future__ import annotations

import logged_run
import pytest
from hypothesis import given
from hypothesis import strategies as st
from logged_run import TRAIN
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Header

from hil_serl_ros.data.definitions import definition_text
from hil_serl_ros.data.demonstrations import DemonstrationsError
from hil_serl_ros.data.log_index import log_index, step_name
from hil_serl_ros.data.segments import MAGIC, Kind, LogError, Record, SegmentWriter
from hil_serl_ros.msg import Transition

text = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F), max_size=40)


@pytest.fixture
def run(tmp_path):
    return logged_run.write(tmp_path / "run", logged_run.steps([(TRAIN, 5, True), (TRAIN, 4, False)]))


@given(text, text, text, text, st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(0, 255))
def test_a_steps_name_is_read_from_its_first_bytes(frame, robot, run, layout, index, episode, mode):
    step = Transition(header=Header(frame_id=frame), robot=robot, run=run, layout=layout)
    step.index, step.episode, step.step, step.mode = index, episode, episode // 2, mode
    name = step_name(serialize_message(step))
    assert name is not None
    assert (name.robot, name.run, name.layout) == (robot, run, layout)
    assert (name.index, name.episode, name.step, name.mode) == (index, episode, episode // 2, mode)


@given(st.binary(max_size=60))
def test_bytes_that_are_no_step_have_no_name_or_some_but_never_an_error(data):
    step_name(b"\x00\x01\x00\x00" + data)


def test_each_step_is_found_at_its_place(run):
    index = log_index(run)
    assert [place.name.index for place in index.places] == list(range(9))
    assert [deserialize_message(p.read(), Transition).step for p in index.episode("robot", 1)] == [0, 1, 2, 3]
    assert (index.robots(), index.runs(), index.notes) == (["robot"], ["made"], [])
    assert index.episode("robot", 2) == index.episode("other", 0) == []


def test_a_log_that_is_cut_anywhere_gives_its_whole_steps_and_says_where_it_ends(run):
    file = run / "log" / "000000.mcap"
    whole = file.read_bytes()
    places = log_index(run).places
    cuts = range(places[6].offset + places[6].size, places[7].offset + places[7].size, 97)
    for cut in cuts:
        file.write_bytes(whole[:cut])
        index = log_index(run)
        assert index.places == places[:7]
        assert len(index.notes) == 1
        assert f"{file} is not ended after its message 6" in index.notes[0]


def test_steps_that_are_missing_between_two_others_are_named(tmp_path):
    made = logged_run.steps([(TRAIN, 5, True)])
    index = log_index(logged_run.write(tmp_path, [*made[:2], *made[3:]]))
    assert [note.split("mcap, ")[1] for note in index.notes] == [
        "message 2 is step 3 of robot robot, where 2 was to come"
    ]


def test_a_log_of_another_version_is_refused_by_name(run):
    text = definition_text("hil_serl_ros/msg/Transition").replace("uint64 index", "uint32 index")
    writer = SegmentWriter(run / "log" / "000001.mcap", Kind("/transitions", "hil_serl_ros/msg/Transition", text))
    writer.append(Record(0, 0, 0, b""))
    writer.close()
    with pytest.raises(LogError, match=r"000001.mcap is of another version: its hil_serl_ros/msg/Transition"):
        log_index(run)


@pytest.mark.parametrize("content", [b"no log at all, whatever it is", MAGIC[:-1] + b"x"])
def test_a_file_that_is_no_log_is_refused_by_name(run, content):
    (run / "log" / "000001.mcap").write_bytes(content)
    with pytest.raises(LogError, match=r"000001.mcap is not an MCAP file"):
        log_index(run)


def test_a_message_that_is_no_step_is_refused_with_its_place(run):
    kind = Kind("/transitions", "hil_serl_ros/msg/Transition", definition_text("hil_serl_ros/msg/Transition"))
    writer = SegmentWriter(run / "log" / "000001.mcap", kind)
    writer.append(Record(0, 0, 0, b"\x00\x01\x00\x00short"))
    writer.close()
    with pytest.raises(LogError, match=r"000001.mcap, message 0 is no Transition"):
        log_index(run)


@pytest.mark.parametrize("there", ["nothing", "folder", "empty"])
def test_no_log_is_one_sentence(tmp_path, there):
    if there != "nothing":
        (tmp_path / "run" / "log").mkdir(parents=True)
    if there == "empty":
        logged_run.write(tmp_path / "run", [])
    with pytest.raises(DemonstrationsError, match=str(tmp_path / "run")):
        log_index(tmp_path / "run")
