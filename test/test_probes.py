from __future__ import annotations

from pathlib import Path

import pytest

from hil_serl_ros.probes import left_over_files, try_python, two_processes_talk


def test_a_try_that_works_gives_its_last_line() -> None:
    tried = try_python("import os; print('first'); print(os.environ['MINE'])", {"MINE": "last"})
    assert (tried.ok, tried.words) == (True, "last")


def test_a_try_that_fails_gives_the_error() -> None:
    tried = try_python("raise ValueError('no such thing')", {})
    assert (tried.ok, tried.words) == (False, "ValueError: no such thing")


def test_a_try_that_crashes_names_the_signal() -> None:
    tried = try_python("import os; os.abort()", {})
    assert (tried.ok, tried.words) == (False, "killed by signal 6")


def test_two_processes_hear_each_other() -> None:
    assert two_processes_talk().ok


def test_processes_in_a_broken_middleware_are_reported_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_that_is_not_there")
    assert not two_processes_talk().ok


def test_only_files_that_no_process_holds_are_left_over(tmp_path: Path) -> None:
    shared, processes = tmp_path / "shm", tmp_path / "proc"
    (processes / "12" / "fd").mkdir(parents=True)
    shared.mkdir()
    for name in ("fastrtps_dead", "fastrtps_mapped", "fastrtps_open", "sem.fastrtps_dead", "other"):
        (shared / name).touch()
    (processes / "12" / "maps").write_text(
        f"7f00-7f01 rw-s 00000000 00:1a 42 {shared}/fastrtps_mapped\n7f02-7f03 r-xp 0 0 0\n"
    )
    (processes / "12" / "fd" / "3").symlink_to(shared / "fastrtps_open")
    assert left_over_files(shared, processes) == [str(shared / "fastrtps_dead"), str(shared / "sem.fastrtps_dead")]
