"""The replay memory against a naive list, and every way in which a transition could be a wrong one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil_serl_ros.learning import memory as machine
from hil_serl_ros.learning.layout import Layout, Vector, panda_layout
from hil_serl_ros.learning.replay import Replay
from hil_serl_ros.learning.ring import Ring
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.step import Step
from hil_serl_ros.learning.trainer import Trainer
from hil_serl_ros.settings import SettingError

STATE = "observation.state"
LAYOUT = Layout(
    task="toy",
    control_period=0.1,
    vectors={STATE: Vector(("a", "b"), ("", ""), (0.0, 0.0), (10_000.0, 1.0))},
    images={},
    continuous=("x",),
    action_scale=(1.0,),
)


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
    now, following = (value_of(ring, rows) for rows in ring.rows(ring.sampleable()))
    return set(zip(now, following, strict=True))


def value_of(ring: Ring, rows: np.ndarray) -> list[float]:
    """The numbers that rows of the ring's store observe."""
    return ring._store.gather(rows, np.random.default_rng(0))[STATE][:, 0].tolist()


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
    steps = memory.online.sampleable()
    terminated = memory.online.gather(steps)["terminated"].tolist()
    by_step = dict(zip(value_of(memory.online, memory.online.rows(steps)[0]), terminated, strict=True))
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


class Kept:
    """One step in the naive memory: the numbers that it observed before and after."""

    def __init__(self, step: Step) -> None:
        self.key = (step.robot, step.episode, step.step)
        self.now: float = float(step.index)
        self.next: float | None = None


class Naive:
    """The replay's rules in plain lists: the oldest steps go first; observations live as long as a step has them."""

    def __init__(self, capacity: int, rows: int) -> None:
        self.capacity, self.rows = capacity, rows
        self.online: list[Kept] = []
        self.offline: list[Kept] = []

    def add(self, step: Step) -> None:
        held: set[float] = set()
        self.put(float(step.index), held)
        lists = ([] if step.demonstration else [self.online]) + (
            [self.offline] if step.demonstration or step.intervention else []
        )
        follows = lists if self.offline in lists else [*lists, self.offline]
        for kept in {id(k): k for k in follows}.values():
            for other in kept:
                if other.key == (step.robot, step.episode, step.step - 1) and other.next is None:
                    other.next = float(step.index)
        for kept in lists:
            if len(kept) == self.capacity:
                kept.pop(0)
            kept.append(Kept(step))
        if step.final_observation is not None:
            self.put(step.index + 0.5, held)
            for kept in lists:
                kept[-1].next = step.index + 0.5

    def put(self, value: float, held: set[float]) -> None:
        while len(self.observations() | held) == self.rows:
            max(self.online, self.offline, key=len).pop(0)
        held.add(value)

    def observations(self) -> set[float]:
        return {v for k in (*self.online, *self.offline) for v in (k.now, k.next) if v is not None}


def steps_of(events: list[tuple[str, str, int, str]]) -> list[Step]:
    """Robots that take turns; one step in ten is lost on the way; driver: of a whole demonstration or of one step."""
    place = {"a": (0, 0), "b": (0, 0)}
    steps = []
    for index, (robot, end, skip, driver) in enumerate(events):
        episode, number = place[robot]
        number += skip == 0
        demonstration = robot == "b" and episode % 2 == 1
        steps.append(
            step(
                index,
                episode=episode,
                number=number,
                end=end,
                robot=robot,
                demonstration=demonstration,
                intervention=demonstration or driver == "operator",
            )
        )
        place[robot] = (episode + 1, 0) if end else (episode, number + 1)
    return steps


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.sampled_from(["", "", "terminated", "truncated"]),
        st.integers(0, 9),
        st.sampled_from(["policy", "operator"]),
    ),
    max_size=90,
)


@settings(max_examples=150, deadline=None)
@given(EVENTS, st.sampled_from([34, 20, 9]))
def test_the_memory_holds_what_naive_lists_hold_however_full_its_store(
    events: list[tuple[str, str, int, str]], rows: int
) -> None:
    memory, naive = replay(capacity=16), Naive(16, rows)
    memory.store._free = memory.store._free[-rows:]  # fewer rows than two per step: the store fills before the rings
    for each in steps_of(events):
        memory.add(each)
        naive.add(each)
        for ring, kept in ((memory.online, naive.online), (memory.offline, naive.offline)):
            assert pairs(ring) == {(k.now, k.next) for k in kept if k.next is not None}
            assert (len(ring), ring.used) == (sum(k.next is not None for k in kept), len(kept))
        assert_store_is_sound(memory, rows)
        assert rows - len(memory.store._free) == len(naive.observations())


def assert_store_is_sound(memory: Replay, rows: int) -> None:
    """A row is held by as many as refer to it, and free where none does."""
    holders = np.zeros(memory.store.capacity, np.int64)
    for ring in (memory.online, memory.offline):
        for column in (ring._row, ring._next):
            np.add.at(holders, column[column >= 0], 1)
    assert np.array_equal(holders, memory.store._holders)
    free = memory.store._free
    assert len(set(free)) == len(free) == rows - np.count_nonzero(holders)
    assert not holders[free].any()


def test_a_full_store_makes_room_by_dropping_the_oldest_steps() -> None:
    memory = replay(capacity=16)
    for i in range(16):  # each has an observation before and one after: 2 of the 34 rows
        memory.add(step(i, episode=i, number=0, end="terminated"))
    for i in range(16, 20):
        memory.add(step(i, episode=i, number=0, end="terminated", demonstration=True, intervention=True))
    assert pairs(memory.online) == {(i, i + 0.5) for i in range(3, 16)}
    assert pairs(memory.offline) == {(i, i + 0.5) for i in range(16, 20)}


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


# -------------------- memory --------------------
def test_capacities_that_the_memory_cannot_hold_are_refused_at_the_start_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hil_serl_ros.learning.replay.available_bytes", lambda: 10 * 10**9)
    layout = panda_layout(images=dict.fromkeys(("front", "wrist"), (3, 128, 128)))
    pictures = LearnerSettings(feature_variants=0)
    with pytest.raises(
        SettingError,
        match=r"^online_buffer_capacity and offline_buffer_capacity need 19\.7 GB of memory \(98\.4 KB a step\) "
        r"and 10\.0 GB is available: lower them to at most 101636 steps together$",
    ):
        Trainer(layout, pictures)
    less = dataclasses.replace(pictures, online_buffer_capacity=51_000, offline_buffer_capacity=50_636)
    assert len(Replay(layout, less)) == 0


def test_the_memory_that_is_left_is_the_machines_or_the_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 8000 kB\nMemAvailable: 5000 kB\n")
    monkeypatch.setattr(machine, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    assert machine.available_bytes() == 5000 * 1024
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.current").write_text("1500000\n")
    (tmp_path / "memory.stat").write_text("anon 900000\ninactive_file 200000\n")
    assert machine.available_bytes() == 1_700_000
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.available_bytes() == 5000 * 1024


def test_a_step_of_unknown_outcome_ends_the_one_before_it_and_is_not_learned_from() -> None:
    trainer = Trainer(LAYOUT, LearnerSettings(batch_size=8))
    unknown = dataclasses.replace(step(1), truncated=True)
    for one in (step(0, intervention=True), unknown, step(2, episode=1, number=0)):
        trainer.add(one)
    memory = trainer.replay
    assert pairs(memory.online) == pairs(memory.offline) == {(0.0, 1.0)}
    assert (memory.lost, trainer.transitions, trainer.rejected) == (1, 3, 0)
