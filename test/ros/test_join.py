"""Parts are joined by their stamp in lockstep and by their age in realtime."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hil_serl_ros.ros.join import KEPT_STAMPS, Joiner

PARTS = ["a", "b", "leader"]


def by_stamp() -> Joiner:
    return Joiner(PARTS, leader="leader")


def by_age() -> Joiner:
    return Joiner(PARTS, leader="leader", max_age_ns=100)


@given(st.permutations(PARTS))
def test_an_instant_is_whole_once_with_its_last_part_in_any_order(order):
    joiner = by_stamp()
    assert [joiner.add(part, 7, f"{part}7") for part in order[:-1]] == [None, None]
    assert joiner.add(order[-1], 7, f"{order[-1]}7") == {part: f"{part}7" for part in PARTS}


@given(st.lists(st.tuples(st.sampled_from(PARTS), st.integers(0, 5)), max_size=60))
def test_only_parts_of_one_stamp_are_ever_joined(arrivals):
    joiner = by_stamp()
    for part, stamp in arrivals:
        whole = joiner.add(part, stamp, stamp)
        assert whole is None or set(whole.values()) == {stamp}
        assert whole is None or set(whole) == set(PARTS)


def test_a_repeated_leader_makes_its_instant_whole_again_and_repeated_parts_do_not():
    joiner = by_stamp()
    for part in PARTS:
        joiner.add(part, 7, part)
    assert joiner.add("a", 7, "a") is None
    assert joiner.add("leader", 7, "leader") == {part: part for part in PARTS}


def test_a_repeated_leader_does_not_make_an_instant_whole_that_lacks_a_part():
    joiner = by_stamp()
    joiner.add("leader", 7, "leader")
    assert joiner.add("leader", 7, "leader") is None


def test_instants_that_never_became_whole_are_forgotten():
    joiner = by_stamp()
    for stamp in range(KEPT_STAMPS + 1):
        joiner.add("a", stamp, stamp)
    joiner.add("b", 0, 0)
    assert joiner.add("leader", 0, 0) is None
    joiner.add("b", KEPT_STAMPS, 0)
    assert joiner.add("leader", KEPT_STAMPS, 0) is not None


def test_by_age_the_newest_parts_are_joined_when_the_leader_comes():
    joiner = by_age()
    assert joiner.add("a", 10, "old") is None
    assert joiner.add("a", 20, "new") is None
    assert joiner.add("b", 90, "b") is None
    assert joiner.add("leader", 110, "l") == {"a": "new", "b": "b", "leader": "l"}
    assert joiner.stale == ""


def test_by_age_a_part_that_is_missing_or_too_old_refuses_the_instant_and_is_named():
    joiner = by_age()
    joiner.add("a", 100, "a")
    assert joiner.add("leader", 100, "l") is None
    assert joiner.stale == "b"
    joiner.add("b", 201, "b")
    assert joiner.add("leader", 201, "l") is None
    assert joiner.stale == "a"


def test_by_age_a_robot_whose_time_began_anew_is_not_joined_with_parts_of_before():
    joiner = by_age()
    for part in ("a", "b"):
        joiner.add(part, 10_000, part)
    assert joiner.add("leader", 0, "l") is None
    assert joiner.stale == "a"


def with_camera() -> Joiner:
    joiner = Joiner(["a", "camera", "leader"], leader="leader", max_age_ns=100, max_skew_ns={"camera": 40})
    joiner.add("a", 1000, "a")
    return joiner


@given(st.lists(st.integers(900, 1100), min_size=1, max_size=8, unique=True))
def test_of_a_camera_the_nearest_frame_is_joined_if_it_is_near_enough(stamps):
    joiner = with_camera()
    for stamp in stamps:
        joiner.add("camera", stamp, stamp)
    joined = joiner.add("leader", 1000, "l")
    nearest = min(abs(stamp - 1000) for stamp in stamps)
    if nearest <= 40:
        assert joined is not None
        assert abs(joined["camera"] - 1000) == nearest
    else:
        assert joined is None
        assert joiner.stale == "camera"


def test_an_instant_that_repeats_pushes_no_other_frame_out():
    joiner = with_camera()
    joiner.add("camera", 1000, "right")
    for _ in range(20):
        joiner.add("camera", 1500, "later")
    joined = joiner.add("leader", 1000, "l")
    assert joined is not None
    assert joined["camera"] == "right"


def test_a_forgotten_part_is_joined_by_age_only_after_it_came_again():
    joiner = with_camera()
    joiner.add("camera", 1000, "c")
    joiner.forget("camera", 1001)
    assert joiner.add("leader", 1000, "l") is None
    assert joiner.stale == "camera"
    joiner.add("camera", 1002, "c")
    assert joiner.add("leader", 1000, "l") is not None


def test_a_forgotten_part_takes_its_instant_away_by_stamp_and_no_other():
    joiner = by_stamp()
    for stamp in (1, 2):
        for part in PARTS[:2]:
            joiner.add(part, stamp, part)
    joiner.forget("a", 1)
    assert joiner.add("leader", 1, "l") is None
    assert joiner.add("leader", 2, "l") is not None


def test_the_newest_instant_that_has_its_leader_tells_what_it_waits_for():
    joiner = by_stamp()
    assert joiner.waiting() is None
    joiner.add("a", 1, "a")
    assert joiner.waiting() is None
    joiner.add("leader", 1, "l")
    assert joiner.waiting() == (1, ["b"])
    joiner.add("a", 2, "of an instant that is still coming")
    assert joiner.waiting() == (1, ["b"])
    joiner.add("b", 1, "b")
    assert joiner.waiting() is None
