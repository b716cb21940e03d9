"""``hil-serl episodes``: what it lists, changes and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil_serl_ros.cli import main
from hil_serl_ros.data import bags
from hil_serl_ros.data.bag_description import write_description
from hil_serl_ros.data.bag_file import Topic
from hil_serl_ros.data.bag_mend import END
from hil_serl_ros.data.bag_writer import BagWriter

STRING = Topic("/words", "std_msgs/msg/String", "string data\n")
MESSAGE = b"\x00\x01\x00\x00\x02\x00\x00\x00a\x00"


@pytest.fixture
def run(tmp_path) -> Path:
    """A run of three episodes, the last one left open by a kill."""
    for number in range(3):
        folder = tmp_path / bags.BAGS / f"robot_episode_{number:06d}"
        folder.mkdir(parents=True)
        writer = BagWriter(bags.file_of(folder), {"mode": "train"})
        writer.append(writer.channel(STRING), 1, 1, MESSAGE)
        if number < 2:
            info = {"mode": "train", "result": "success", "steps": "17", END: "done", "missing": ""}
            write_description(folder, writer.close(info))
        else:
            writer._file.write(b"\x05\x00")
            writer._file.close()  # as a kill does
    return tmp_path


def rows(text: str) -> dict[int, list[str]]:
    """The table's lines by the bag's number."""
    lines = [line.split() for line in text.splitlines()]
    return {int(line[0]): line for line in lines if line and line[0].isdigit() and line[1] != "episodes,"}


def test_it_lists_each_episode_and_ends_what_a_kill_left(run, capsys):
    assert main(["episodes", str(run)]) == 0
    out = capsys.readouterr().out
    assert "robot_episode_000002 was left open by a kill and is ended now; 2 bytes of half a record are cut" in out
    table = rows(out)
    assert table[0][1:4] == ["train", "success", "17"]
    assert "complete" in table[1]
    assert "torn" in table[2]
    assert out.splitlines()[-1].startswith("3 episodes, ")


def test_it_labels_renames_and_puts_aside_in_one_go(run, capsys):
    assert main(["episodes", str(run), "--label", "0=a good one", "--rename", "0=best", "--discard", "1", "2"]) == 0
    out = capsys.readouterr().out
    assert "a good one" in out
    assert out.splitlines()[-2:] == [
        "1 episodes, 0 s, 0.0 MB; 2 discarded (0.0 MB)",
        "1 labelled, 1 renamed, 2 discarded",
    ]
    assert [path.name for path in (run / bags.BAGS).iterdir()] == ["best_000000"]
    assert main(["episodes", str(run), "--restore", "1", "--delete-discarded"]) == 0
    assert [bags.number_of(path) for path in bags.folders(run)] == [0, 1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--label", "0"], "0 is not BAG=TEXT, as 12=success"),
        (["--label", "9=success"], "has no bag 9; its bags are 0 to 2"),
        (["--rename", "0=a/b"], "'a/b' is no name for a bag"),
        (["--restore", "0"], "robot_episode_000000 is there already"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence(run, capsys, words, sentence):
    assert main(["episodes", str(run), *words]) == 2
    assert sentence in capsys.readouterr().err


def test_where_one_of_several_changes_names_no_bag_nothing_is_changed(run):
    assert main(["episodes", str(run), "--discard", "0", "9"]) == 2
    assert not (run / bags.DISCARDED).exists()


def test_a_run_without_bags_has_no_episodes(tmp_path, capsys):
    assert main(["episodes", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "0 episodes, 0 s, 0.0 MB\n"


def test_a_folder_that_is_not_there_is_refused(tmp_path, capsys):
    assert main(["episodes", str(tmp_path / "none")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_a_bag_whose_description_is_damaged_is_named_and_the_others_are_listed(run, capsys):
    damaged = run / bags.BAGS / "robot_episode_000001" / "metadata.yaml"
    damaged.write_text("[1, 2")
    assert main(["episodes", str(run)]) == 0
    out = capsys.readouterr().out
    assert f"{damaged} is no description of a bag" in out
    assert 0 in rows(out)
