"""``hil-serl check``: what its verdict says of the episodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil_serl_ros.commands.check import verdict


def table(folder: Path, *episodes: tuple[int, bool]) -> Path:
    file = folder / "episodes.csv"
    file.write_text("steps,success\n" + "".join(f"{steps},{success}\n" for steps, success in episodes))
    return file


@pytest.mark.parametrize(
    ("episodes", "line"),
    [
        ([(40, True), (60, True)], "check: 2 of 2 done in 2 tries, median 5.0 s; you can teach this task"),
        ([(40, True), (300, False), (60, True)], "check: 2 of 2 done in 3 tries, median 5.0 s; you can teach"),
        ([(300, False), (80, True)], "check: 1 of 2 done in 2 tries, median 8.0 s; not enough yet"),
        ([(300, False)], "check: 0 of 2 done; see the guide"),
    ],
)
def test_the_verdict_says_whether_the_person_can_teach(tmp_path, episodes, line):
    can, said = verdict(table(tmp_path, *episodes), 2)
    assert said.startswith(line)
    assert can == ("you can teach" in line)


def test_a_check_that_was_left_before_its_first_episode_ended_says_so(tmp_path):
    assert verdict(tmp_path / "episodes.csv", 2) == (False, "check: it ended before the first episode did")
