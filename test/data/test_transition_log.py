"""The learner's log: durable, mended, in order over restarts, and readable by every MCAP and rosbag2 reader."""

from __future__ import annotations

import os

import pytest
from mcap.reader import make_reader

from hil_serl_ros.data import transition_log as module
from hil_serl_ros.data.definitions import SEPARATOR, definition_text
from hil_serl_ros.data.segment_folder import segments
from hil_serl_ros.data.transition_log import TYPE, TransitionLog, read_log


def fill(log: TransitionLog, numbers: range) -> None:
    for number in numbers:
        log.append(str(number).encode(), log_time=1000 + number, publish_time=number)


def numbers(records: object) -> list[int]:
    return [int(record.data) for record in records]


def test_steps_of_several_lives_come_back_in_order(tmp_path):
    for life in range(3):
        log = TransitionLog(tmp_path)
        assert numbers(log.read()) == list(range(5 * life))
        fill(log, range(5 * life, 5 * life + 5))
        assert numbers(log.read()) == list(range(5 * life))  # what was there before this process
        log.close()
    assert numbers(read_log(tmp_path)) == list(range(15))
    record = next(read_log(tmp_path))
    assert (record.log_time, record.publish_time) == (1000, 0)


def test_a_life_without_steps_leaves_no_file(tmp_path):
    TransitionLog(tmp_path).close()
    assert segments(tmp_path) == []


def test_a_log_that_a_kill_left_open_is_mended_and_counted(tmp_path):
    log = TransitionLog(tmp_path)
    fill(log, range(5))
    log._writer._file.close()
    path = segments(tmp_path)[0]
    os.truncate(path, path.stat().st_size - 1)
    log._segments.close()
    log = TransitionLog(tmp_path)
    assert (log.mended, log.torn) == (1, 1)
    assert numbers(log.read()) == [0, 1, 2, 3]
    fill(log, range(4, 6))
    log.close()
    assert numbers(read_log(tmp_path)) == list(range(6))


def test_a_file_says_what_it_holds(tmp_path):
    log = TransitionLog(tmp_path)
    fill(log, range(3))
    log.close()
    with segments(tmp_path)[0].open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        assert reader.get_header().profile == "ros2"
        summary = reader.get_summary()
    assert summary.schemas[1].name == TYPE
    assert summary.schemas[1].encoding == "ros2msg"
    assert summary.channels[1].message_encoding == "cdr"
    assert summary.statistics.message_count == 3


def test_the_definition_holds_each_type_once_whatever_uses_it():
    first, *rest = definition_text(TYPE).split(f"\n{SEPARATOR}\nMSG: ")
    assert "Observation observation" in first
    names = [text.split("\n", 1)[0] for text in rest]
    assert sorted(names) == sorted(set(names))
    pictures = {"sensor_msgs/Image", "sensor_msgs/CompressedImage"}
    assert {"hil_serl_ros/Observation", "std_msgs/Header", "builtin_interfaces/Time", *pictures} == set(names)


def test_a_type_that_is_not_installed_is_named():
    with pytest.raises(FileNotFoundError, match="hil_serl_ros/msg/Nothing is not installed"):
        definition_text("hil_serl_ros/msg/Nothing")


def test_stock_readers_decode_a_mended_log_of_real_messages(tmp_path):
    """Reads the folder as a bag, as rosbag2 would; the messages are ROS's own bytes."""
    highlevel = pytest.importorskip("rosbags.highlevel")
    from rclpy.serialization import serialize_message

    from hil_serl_ros.msg import Observation, Transition

    for life in range(2):
        log = TransitionLog(tmp_path)
        for number in range(3):
            message = Transition(index=3 * life + number, robot="arm", action=[0.5, -1.0, 0.25, 2.0])
            message.observation.state = [float(number)] * 18
            if number == 2:
                message.final_observation = [Observation(state=[7.0] * 18)]
            log.append(serialize_message(message), log_time=10 + 3 * life + number, publish_time=1)
        if life == 0:
            log._writer._file.close()
            log._segments.close()
        else:
            log.close()
    with highlevel.AnyReader([tmp_path]) as bag:
        decoded = [bag.deserialize(data, connection.msgtype) for connection, _, data in bag.messages()]
    assert [message.index for message in decoded] == list(range(6))
    assert decoded[0].robot == "arm"
    assert decoded[4].observation.state.tolist() == [1.0] * 18
    assert decoded[5].final_observation[0].state.tolist() == [7.0] * 18


def test_the_log_has_no_ros_in_it():
    import subprocess
    import sys

    code = f"import sys; import {module.__name__}, hil_serl_ros.data.journal; sys.exit('rclpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
