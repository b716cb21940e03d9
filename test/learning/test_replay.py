"""The replay memory against a naive list, and every way in which a transition could be a wrong one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil_serl_ros.learning.layout import Layout, Vector
from hil_serl_ros.learning.replay import Replay, Step
from hil_serl_ros.learning.ring import Ring
from hil_serl_ros.learning.settings import LearnerSettings

STATE = "observation.state"
LAYOUT = Layout(
    task="toy",
    control_period=0.1,
    vectors={STATE: Vector(("a", "b"), ("", ""), (0.0, 0.0), (10_000.0, 1.0))},
    images={},
    continuous=("x",),
    action_scale=(1.0,),
)
WITH_IMAGE = dataclasses.replace(LAYOUT, images={"observation.images.front": (3, 4, 4)})


def observation(value: float) -> dict[str, np.ndarray]:
    return {STATE: np.array([value, 0.5], np.float32)}


def step(
    index: int, episode: int = 0, number: int | None = None, end: str = "", robot: str = "r", **more: object
) -> Step:
    """Step ``index`` observes the number ``index``; the observation after an end is index + 0.5."""
    return Step(
        index=index,
        episode=episode,
        step=index if number is None else number,
        observation=observation(index),
        action=np.array([0.1, 1], np.float32),
        reward=float(index),
        terminated=end == "terminated",
        truncated=end == "truncated",
        final_observation=observation(index + 0.5) if end else None,
        robot=robot,
        **more,  # type: ignore[arg-type]
    )


def replay(capacity: int = 64, **changes: object) -> Replay:
    values = {"batch_size": 8, "online_buffer_capacity": capacity, "offline_buffer_capacity": capacity} | changes
    return Replay(LAYOUT, LearnerSettings(**values))  # type: ignore[arg-type]


def pairs(ring: Ring) -> set[tuple[float, float]]:
    """(observation, next observation) of every step that can be sampled."""
    columns = ring.gather(ring.sampleable())
    return set(zip(columns[STATE][:, 0].tolist(), columns[f"next.{STATE}"][:, 0].tolist(), strict=True))


def test_a_step_can_be_sampled_only_when_its_next_observation_has_come() -> None:
    memory = replay()
    memory.add(step(0))
    assert len(memory.online) == 0
    memory.add(step(1))
    assert pairs(memory.online) == {(0.0, 1.0)}


def test_the_next_observation_at_an_episodes_end_is_the_final_one_not_the_next_episodes_first() -> None:
    memory = replay()
    memory.add(step(0, end="truncated"))
    memory.add(step(1, episode=1, number=0))
    memory.add(step(2, episode=1, number=1, end="terminated"))
    assert pairs(memory.online) == {(0.0, 0.5), (1.0, 2.0), (2.0, 2.5)}


def test_a_time_limit_does_not_end_the_value_and_a_terminal_state_does() -> None:
    memory = replay()
    memory.add(step(0, end="truncated"))
    memory.add(step(1, episode=1, number=0, end="terminated"))
    columns = memory.online.gather(memory.online.sampleable())
    by_step = dict(zip(columns[STATE][:, 0].tolist(), columns["terminated"].tolist(), strict=True))
    assert by_step == {0.0: 0.0, 1.0: 1.0}


def test_a_step_whose_actor_died_is_counted_and_never_sampled() -> None:
    memory = replay()
    memory.add(step(0))
    memory.add(step(5, episode=1, number=0))
    memory.add(step(6, episode=1, number=1))
    assert memory.lost == 1
    assert pairs(memory.online) == {(5.0, 6.0)}


def test_a_skipped_step_breaks_the_chain() -> None:
    memory = replay()
    memory.add(step(0))
    memory.add(step(2))
    memory.add(step(3))
    assert pairs(memory.online) == {(2.0, 3.0)}
    assert memory.lost == 1


def test_an_interventions_last_step_is_followed_by_the_policys_true_next_observation() -> None:
    memory = replay()
    for i in range(6):
        memory.add(step(i, intervention=i in (1, 2, 4), end="truncated" if i == 5 else ""))
    assert pairs(memory.offline) == {(1.0, 2.0), (2.0, 3.0), (4.0, 5.0)}
    assert len(memory.online) == 6


def test_demonstrations_are_not_online_steps() -> None:
    memory = replay()
    memory.add(step(0, demonstration=True, intervention=True))
    memory.add(step(1, demonstration=True, intervention=True, end="terminated"))
    assert len(memory.online) == 0
    assert pairs(memory.offline) == {(0.0, 1.0), (1.0, 1.5)}


def test_robots_that_take_turns_do_not_mix() -> None:
    memory = replay()
    for i in range(4):
        memory.add(step(i, robot="a"))
        memory.add(step(100 + i, number=i, robot="b"))
    assert pairs(memory.online) == {(0, 1), (1, 2), (2, 3), (100, 101), (101, 102), (102, 103)}


EVENTS = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["", "", "", "terminated", "truncated"]), st.integers(0, 9)),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(EVENTS, st.integers(2, 9))
def test_a_ring_holds_what_a_list_of_the_newest_rows_holds(events: list[tuple[str, str, int]], capacity: int) -> None:
    ring = Ring(LAYOUT, capacity)
    rows: list[dict] = []  # every row ever written: its observation, and for a step its next row
    waiting: dict[str, tuple[int, int, int]] = {}
    place = {"a": (0, 0), "b": (0, 0)}
    for index, (robot, end, skip) in enumerate(events):
        episode, number = place[robot]
        number += skip == 0  # one step in ten is lost on the way
        ring.add(step(index, episode=episode, number=number, end=end, robot=robot))
        rows.append({"value": float(index), "next": None})
        me = len(rows) - 1
        if robot in waiting and waiting[robot][1:] == (episode, number - 1):
            rows[waiting[robot][0]]["next"] = me
        waiting.pop(robot, None)
        if end:
            rows.append({"value": index + 0.5, "next": None})
            rows[me]["next"] = me + 1
        else:
            waiting[robot] = (me, episode, number)
        place[robot] = (episode + 1, 0) if end else (episode, number + 1)
    oldest = len(rows) - capacity
    expected = {
        (row["value"], rows[row["next"]]["value"])
        for i, row in enumerate(rows)
        if i >= oldest and row["next"] is not None
    }
    assert pairs(ring) == expected
    assert len(ring) == len(expected)


def test_a_batch_is_half_demonstrations_and_interventions() -> None:
    memory = replay(batch_size=8)
    memory.add(step(0, end="terminated"))
    memory.add(step(1, episode=1, number=0, end="terminated", demonstration=True, intervention=True))
    assert sorted(memory.sample().reward.tolist()) == [0.0] * 4 + [1.0] * 4


def test_a_batch_is_all_of_the_one_kind_while_the_other_is_missing() -> None:
    memory = replay(batch_size=8)
    memory.add(step(1, end="terminated", demonstration=True, intervention=True))
    assert memory.sample().reward.tolist() == [1.0] * 8


def test_sampling_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no step to sample"):
        replay().sample()


def test_the_sampler_goes_on_from_its_saved_state() -> None:
    first, second = replay(), replay(seed=9)
    for memory in (first, second):
        for i in range(20):
            memory.add(step(i))
    first.sample()
    second.set_random_state(first.random_state())
    assert first.sample().reward.tolist() == second.sample().reward.tolist()


def test_what_the_batch_holds_is_what_was_stored() -> None:
    memory = replay(batch_size=4)
    memory.add(step(4, end="terminated", discrete_penalty=-0.02))
    batch = memory.sample()
    assert batch.penalty.tolist() == pytest.approx([-0.02] * 4)
    assert batch.gripper.tolist() == [1] * 4
    assert batch.action.tolist() == [[pytest.approx(0.1)]] * 4
    assert batch.observation[STATE][0].tolist() == pytest.approx([2 * 4 / 10_000 - 1, 0.0])


def malformed(**changes: object) -> Step:
    return dataclasses.replace(step(0), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (malformed(observation={STATE: np.zeros(3, np.float32)}), "shape"),
        (malformed(observation={STATE: np.array([np.nan, 0], np.float32)}), "finite"),
        (malformed(observation={"other": np.zeros(2, np.float32)}), "features"),
        (malformed(action=np.zeros(1, np.float32)), "shape"),
        (malformed(action=np.array([np.inf, 0], np.float32)), "finite"),
        (malformed(action=np.array([1.5, 0], np.float32)), "outside"),
        (malformed(action=np.array([0.5, 3], np.float32)), "gripper class"),
        (malformed(action=np.array([0.5, 0.5], np.float32)), "gripper class"),
        (malformed(reward=float("nan")), "finite"),
        (malformed(discrete_penalty=0.1), "above 0"),
        (malformed(terminated=True), "missing"),
        (malformed(final_observation=observation(1)), "goes on"),
        (malformed(terminated=True, truncated=True, final_observation=observation(1)), "both"),
    ],
)
def test_a_malformed_step_is_refused_by_name_and_not_stored(bad: Step, fault: str) -> None:
    memory = replay()
    with pytest.raises(ValueError, match=fault):
        memory.add(bad)
    memory.add(step(1, end="terminated"))
    assert pairs(memory.online) == {(1.0, 1.5)}


def test_images_are_kept_once_each_as_bytes() -> None:
    ring = Ring(WITH_IMAGE, 8)
    name = "observation.images.front"
    for i in range(3):
        image = {name: np.full((3, 4, 4), i, np.uint8)}
        ring.add(dataclasses.replace(step(i), observation=observation(i) | image))
    columns = ring.gather(np.array([0, 1]))
    assert columns[name].dtype == np.uint8
    assert columns[name][:, 0, 0, 0].tolist() == [0, 1]
    assert columns[f"next.{name}"][:, 0, 0, 0].tolist() == [1, 2]
