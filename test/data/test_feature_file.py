"""Features on disk: read back in the order of their pictures, or made again."""

from __future__ import annotations

import errno

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil_serl_ros.data import feature_file
from hil_serl_ros.data.feature_file import FeatureFile

SHAPE = (2, 3)


def picture(number: int) -> np.ndarray:
    return np.full((1, 3, 4, 4), number, np.uint8)


def made(number: int) -> np.ndarray:
    return np.full(SHAPE, number, np.float16)


def fill(file: FeatureFile, numbers: list[int]) -> list[int]:
    """Go through pictures as a learner does; the numbers of those whose features had to be made."""
    missing = []
    for number in numbers:
        kept = file.read(picture(number))
        if kept is None:
            missing.append(number)
            file.append(picture(number), made(number))
        else:
            assert (kept == made(number)).all()
    return missing


def test_a_second_time_nothing_is_made_again(tmp_path):
    assert fill(FeatureFile(tmp_path / "f", "encoder", SHAPE), [1, 2, 3]) == [1, 2, 3]
    assert fill(FeatureFile(tmp_path / "f", "encoder", SHAPE), [1, 2, 3, 4]) == [4]


def test_features_of_another_encoder_or_shape_are_not_read(tmp_path):
    fill(FeatureFile(tmp_path / "f", "encoder", SHAPE), [1])
    assert FeatureFile(tmp_path / "f", "other", SHAPE).read(picture(1)) is None
    fill(FeatureFile(tmp_path / "f", "encoder", SHAPE), [1])
    assert FeatureFile(tmp_path / "f", "encoder", (3, 2)).read(picture(1)) is None


def test_from_the_first_other_picture_on_all_is_made_again(tmp_path):
    fill(FeatureFile(tmp_path / "f", "encoder", SHAPE), [1, 2, 3])
    assert fill(FeatureFile(tmp_path / "f", "encoder", SHAPE), [1, 7, 3]) == [7, 3]
    assert fill(FeatureFile(tmp_path / "f", "encoder", SHAPE), [1, 7, 3]) == []


@given(cut=st.integers(0, 200))
def test_a_file_that_a_kill_cut_anywhere_gives_what_is_whole(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("cut") / "f"
    fill(FeatureFile(path, "encoder", SHAPE), list(range(10)))
    path.write_bytes(path.read_bytes()[:cut])
    assert fill(FeatureFile(path, "encoder", SHAPE), list(range(10))) == list(range(10))[max(0, cut - 32) // 16 :]
    assert fill(FeatureFile(path, "encoder", SHAPE), list(range(10))) == []


def test_a_full_disk_ends_the_keeping_and_not_the_learning(tmp_path, monkeypatch):
    file = FeatureFile(tmp_path / "f", "encoder", SHAPE)
    fill(file, [1])

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(feature_file.os, "pwrite", full)
    assert fill(file, [2, 3]) == [2, 3]
    assert "No space left on device" in file.failed
    monkeypatch.undo()
    assert fill(FeatureFile(tmp_path / "f", "encoder", SHAPE), [1, 2]) == [2]


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path):
    file = FeatureFile(tmp_path / "missing" / "f", "encoder", SHAPE)
    assert fill(file, [1, 2]) == [1, 2]
    assert "No such file" in file.failed


@pytest.mark.parametrize("count", [0, 1, 5])
def test_reading_goes_on_where_it_was_after_any_number_of_records(tmp_path, count):
    fill(FeatureFile(tmp_path / "f", "encoder", SHAPE), list(range(count)))
    file = FeatureFile(tmp_path / "f", "encoder", SHAPE)
    assert fill(file, list(range(count + 2))) == [count, count + 1]
