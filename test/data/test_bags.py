"""A run's bags: found by number, labelled, renamed, put aside and taken back, never deleted unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil_serl_ros.data import bags
from hil_serl_ros.data.bag_description import write_description
from hil_serl_ros.data.bag_file import Topic
from hil_serl_ros.data.bag_mend import END
from hil_serl_ros.data.bag_open import DONE
from hil_serl_ros.data.bag_writer import BagWriter
from hil_serl_ros.data.bags import BagsError
from hil_serl_ros.data.segments import LogError

STRING = Topic("/words", "std_msgs/msg/String", "string data\n")


def make(run: Path, number: int, robot: str = "robot", **info: str) -> Path:
    """A bag of one message."""
    folder = run / bags.BAGS / f"{robot}_episode_{number:06d}"
    folder.mkdir(parents=True)
    writer = BagWriter(bags.file_of(folder), {})
    writer.append(writer.channel(STRING), 1, 1, b"\x00\x01\x00\x00\x02\x00\x00\x00a\x00")
    write_description(folder, writer.close({END: DONE} | info))
    return folder


def names(run: Path) -> list[str]:
    return [str(path.relative_to(run)) for path in bags.folders(run)]


def test_bags_come_in_the_order_of_their_numbers_whatever_their_names(tmp_path):
    for number in (2, 0, 1):
        make(tmp_path, number)
    bags.rename(bags.find(tmp_path, "1"), "zebra")
    assert names(tmp_path) == ["bags/robot_episode_000000", "bags/zebra_000001", "bags/robot_episode_000002"]


def test_a_number_is_not_given_twice_also_while_its_bag_is_put_aside(tmp_path):
    assert bags.next_number(tmp_path) == 0
    make(tmp_path, 0)
    bags.discard(make(tmp_path, 7))
    assert bags.next_number(tmp_path) == 8


def test_a_discarded_bag_is_out_of_sight_whole_and_comes_back(tmp_path):
    path = make(tmp_path, 3)
    content = {file.name: file.read_bytes() for file in path.iterdir()}
    aside = bags.discard(path)
    assert not list((tmp_path / bags.BAGS).iterdir())
    assert bags.read_bag(aside).discarded
    assert {file.name: file.read_bytes() for file in aside.iterdir()} == content
    assert bags.restore(aside) == path
    assert {file.name: file.read_bytes() for file in path.iterdir()} == content


def test_only_what_was_discarded_is_deleted(tmp_path):
    path = make(tmp_path, 3)
    with pytest.raises(BagsError, match="was not discarded; only a discarded bag is deleted"):
        bags.delete(path)
    assert path.exists()
    assert bags.delete(bags.discard(path)) > 0
    assert names(tmp_path) == []


def test_a_label_is_in_the_description_and_goes_away_when_it_is_empty(tmp_path):
    path = make(tmp_path, 3, result="success")
    bags.label(path, "a good grasp")
    assert bags.read_bag(path).info == {END: DONE, "result": "success", "label": "a good grasp"}
    bags.label(path, "")
    assert bags.read_bag(path).info == {END: DONE, "result": "success"}


@pytest.mark.parametrize("text", ["two\nlines", "x" * 201])
def test_a_label_is_one_line(tmp_path, text):
    with pytest.raises(BagsError, match="one line of at most 200 characters"):
        bags.label(make(tmp_path, 3), text)


@pytest.mark.parametrize("name", ["", "../out", "a/b", ".hidden", "with space"])
def test_a_name_that_no_bag_can_have_is_refused(tmp_path, name):
    path = make(tmp_path, 3)
    with pytest.raises(BagsError, match="is no name for a bag"):
        bags.rename(path, name)
    assert path.exists()


def test_a_bag_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    with pytest.raises(BagsError, match="has no bag 5; it has no bags"):
        bags.find(tmp_path, "5")
    make(tmp_path, 0)
    make(tmp_path, 3)
    with pytest.raises(BagsError, match="has no bag 5; its bags are 0 to 3"):
        bags.find(tmp_path, "5")


def test_of_two_robots_a_number_alone_names_no_bag(tmp_path):
    make(tmp_path, 3, "left")
    right = make(tmp_path, 3, "right")
    with pytest.raises(BagsError, match="several bags 3: left_episode_000003, right_episode_000003"):
        bags.find(tmp_path, "3")
    assert bags.find(tmp_path, "right_episode_000003") == right


def test_a_bag_that_is_being_recorded_is_listed_and_not_touched(tmp_path):
    folder = tmp_path / bags.BAGS / "robot_episode_000000"
    folder.mkdir(parents=True)
    writer = BagWriter(bags.file_of(folder), {})
    assert bags.read_bag(folder).state == "recording"
    for change in (lambda: bags.label(folder, "x"), lambda: bags.discard(folder), lambda: bags.rename(folder, "x")):
        with pytest.raises(LogError, match="is being recorded"):
            change()
    writer.close({})


@pytest.mark.parametrize(
    ("info", "state"),
    [
        ({END: "done", "missing": ""}, "complete"),
        ({END: "done", "missing": "/joint_states is missing"}, "short"),
        ({END: "cut: no room"}, "cut"),
        ({END: "torn"}, "torn"),
    ],
)
def test_a_bags_state_is_one_word(tmp_path, info, state):
    assert bags.read_bag(make(tmp_path, 0, **info)).state == state
