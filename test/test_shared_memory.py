"""Shared memory of processes that were killed."""

from __future__ import annotations

import fcntl

from hil_serl_ros.shared_memory import remove_orphans


def test_a_segment_goes_when_its_owner_has_died_and_stays_while_it_lives(tmp_path):
    for name in ("fastrtps_dead", "fastrtps_alive"):
        (tmp_path / name).touch()
        (tmp_path / f"{name}_el").touch()
    (tmp_path / "fastrtps_port7400").touch()  # shared by all; it has no owner
    with (tmp_path / "fastrtps_alive_el").open() as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        assert remove_orphans(tmp_path) == 1
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"fastrtps_alive", "fastrtps_alive_el", "fastrtps_port7400"}
