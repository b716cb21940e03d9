"""A new folder is there completely or not at all."""

from __future__ import annotations

import pytest

from hil_serl_ros.data.dataset_features import DatasetError
from hil_serl_ros.data.dataset_folder import PARTIAL, new_folder


def test_what_was_written_gets_its_name_at_the_end(tmp_path):
    with new_folder(tmp_path / "new") as folder:
        folder.mkdir()
        (folder / "file").write_text("all")
        assert not (tmp_path / "new").exists()
    assert (tmp_path / "new" / "file").read_text() == "all"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interruption_leaves_nothing(tmp_path, error):
    def interrupted() -> None:
        with new_folder(tmp_path / "new") as folder:
            folder.mkdir()
            (folder / "file").write_text("half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_left_goes_at_the_next_start(tmp_path):
    left = tmp_path / f"{PARTIAL}new" / "whole"
    left.mkdir(parents=True)
    (left / "old").write_text("half")
    with new_folder(tmp_path / "new") as folder:
        assert not folder.exists()
        folder.mkdir()
    assert list((tmp_path / "new").iterdir()) == []


def test_a_folder_that_exists_is_left_as_it_is(tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "mine").write_text("mine")
    with pytest.raises(DatasetError, match="new exists already"), new_folder(tmp_path / "new"):
        pass
    assert (tmp_path / "new" / "mine").read_text() == "mine"


def test_two_at_once_do_not_disturb_each_other(tmp_path):
    with new_folder(tmp_path / "new") as folder:
        folder.mkdir()
        with pytest.raises(DatasetError, match="another process is writing"), new_folder(tmp_path / "new"):
            pass
        assert folder.is_dir()
    assert (tmp_path / "new").is_dir()
