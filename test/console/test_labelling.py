"""What the keys do to labels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hil_serl_ros.console.labelling import Labelling

RECORDED = {("robot", 0): [0, 0, 1, 1], ("robot", 1): [0, 0, 0], ("robot", 2): [0]}
CHANGES = ("accept", "success_from_here", "all_failure", "exclude", "exclude_range")


def test_an_episode_opens_at_its_first_recorded_success():
    assert Labelling(RECORDED).frame == 2


def test_one_key_accepts_and_goes_to_the_next_unlabelled_episode():
    state = Labelling(RECORDED, {("robot", 1): {0: 0, 1: 0, 2: 0}})
    state.accept()
    assert state.given[("robot", 0)] == {0: 0, 1: 0, 2: 1, 3: 1}
    assert state.key == ("robot", 2)


def test_success_from_here_makes_the_frames_before_it_failure():
    state = Labelling(RECORDED)
    state.show(1)
    state.success_from_here()
    assert state.labels(("robot", 0)) == [0, 1, 1, 1]


def test_a_range_is_excluded_from_the_last_excluded_frame():
    state = Labelling(RECORDED)
    state.show(3)
    state.exclude()
    state.show(1)
    state.exclude_range()
    assert state.labels(("robot", 0)) == [0, -1, -1, -1]


def test_labels_of_episodes_that_are_not_shown_are_kept():
    state = Labelling(RECORDED, {("other", 7): {0: 1}})
    state.all_failure()
    assert state.given[("other", 7)] == {0: 1}


@given(st.lists(st.tuples(st.sampled_from([*CHANGES, "undo", "go"]), st.integers(-1, 4)), max_size=30))
def test_any_keys_leave_valid_labels_and_undo_restores_each_state(keys):
    state = Labelling(RECORDED)
    past = []
    for action, number in keys:
        if action == "go":
            state.go_to(number)
            continue
        state.show(number)
        if action in CHANGES:
            past.append({key: dict(labels) for key, labels in state.given.items()})
            getattr(state, action)()
        elif state.undo():
            assert state.given == past.pop()
        assert all(set(state.labels(key)) <= {1, 0, -1} for key in RECORDED)
    while past:
        assert state.undo()
        assert state.given == past.pop()
    assert not state.undo()
    assert state.given == {}


def test_there_is_nothing_to_undo_at_first():
    assert not Labelling(RECORDED).undo()
